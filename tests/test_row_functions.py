"""Softmax and its kin, cross-entropy, divergences: against scipy and central differences; conventions, laws, bad input."""

import numpy as np
import pytest
from scipy import sparse, special

import riata.functional as F
import row_reference as reference
from riata_engine.threads import MOST, allowed_threads, thread_count

FORMS = ("probabilities", "logits", "log_probabilities")
DTYPES = (np.float32, np.float64)
#: shapes and axes: short rows, vectors with a rest, strided rows, one row
PLACES = [
    ((7, 10), -1),
    ((5, 1000), 1),
    ((4, 129), -1),
    ((3, 17, 6), 1),
    ((40, 5), 0),
    ((256, 37), 0),
    ((2, 50, 33), 1),
    ((2, 3, 4, 5), 2),
    ((6, 11), None),
    ((9,), 0),
]
UNSTABLE = {np.float32: 3e-6, np.float64: 1e-14}


def draw(shape, dtype=np.float64, seed=0, size=3.0):
    return (np.random.default_rng(seed).standard_normal(shape) * size).astype(dtype)


def in_form(shape, form, seed=0, axis=-1):
    """Random distributions in a form, float64."""
    z = draw(shape, seed=seed, size=1.0)
    if form == "logits":
        return z
    return special.softmax(z, axis=axis) if form == "probabilities" else special.log_softmax(z, axis=axis)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("shape", "axis"), PLACES)
@pytest.mark.parametrize("order", ["C", "F"])
def test_softmax_family_is_scipys(shape, axis, dtype, order):
    x = np.asarray(draw(shape, dtype), order=order)
    before, exact = x.copy(), x.astype(np.float64) / 0.7
    tol = UNSTABLE[dtype]
    for function, oracle in (
        (F.softmax, special.softmax),
        (F.log_softmax, special.log_softmax),
        (F.logsumexp, special.logsumexp),
    ):
        found = function(x, axis, temperature=0.7)
        assert found.dtype == dtype
        np.testing.assert_allclose(found, oracle(exact, axis=axis), rtol=tol, atol=tol)
    assert F.logsumexp(x, axis, keepdims=True).shape == special.logsumexp(x, axis=axis, keepdims=True).shape
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize("dtype", DTYPES)
def test_published_values(dtype):
    x = np.array([2, 1, 0], dtype)
    rtol = 1e-6 if dtype == np.float32 else 1e-11
    np.testing.assert_allclose(F.softmax(x), [0.665240955775, 0.244728471055, 0.090030573170], rtol=rtol)
    np.testing.assert_allclose(F.log_softmax(x), [-0.407605964444, -1.407605964444, -2.407605964444], rtol=rtol)
    np.testing.assert_allclose(F.logsumexp(x), 2.407605964444, rtol=rtol)
    np.testing.assert_allclose(F.softmax(np.array([1000, 1001, 1002], dtype)), F.softmax(x)[::-1])
    p, q = np.array([0.2, 0.5, 0.3]), np.array([0.1, 0.7, 0.2])
    np.testing.assert_allclose(F.kl_divergence(p, q), 0.092032850234, rtol=1e-10)
    np.testing.assert_allclose(
        [F.kl_divergence(q, p), F.entropy(p), F.jensen_shannon(p, q)], [0.085123, 1.029653, 0.021901], atol=5e-7
    )
    np.testing.assert_allclose(F.cross_entropy(np.log(q), p), 1.121686, atol=5e-7)


def test_conventions_are_scipys():
    inf = np.inf
    with np.errstate(invalid="ignore"):
        for x in ([-inf, 0.0, 1.0], [-inf, -inf], [0.0, 1e300], [-1e308, 1e308]):
            np.testing.assert_allclose(F.softmax(x), special.softmax(x), rtol=1e-14)
            np.testing.assert_allclose(F.log_softmax(x), special.log_softmax(x), rtol=1e-14)
            np.testing.assert_allclose(F.logsumexp(x), special.logsumexp(x), rtol=1e-14)
    assert F.logsumexp([inf, 1.0]) == inf
    assert F.kl_divergence([0.0, 1.0], [0.5, 0.5]) == pytest.approx(np.log(2))
    assert F.kl_divergence([0.5, 0.5], [0.0, 1.0]) == inf
    assert F.kl_divergence([0.0, 1.0], [0.0, 1.0]) == 0
    assert F.entropy([0.0, 1.0]) == 0
    assert F.jensen_shannon([0.0, 1.0], [1.0, 0.0]) == pytest.approx(np.log(2))
    tiny = np.array([0.5, 0.5]), np.array([1e-320, 1.0])  # a subnormal number is not zero
    assert F.kl_divergence(*tiny) == pytest.approx(special.rel_entr(*tiny).sum(), rel=1e-13)
    tiny = tuple(np.array(a, np.float32) for a in ([0.5, 0.5], [1e-42, 1.0]))
    assert F.kl_divergence(*tiny) == pytest.approx(special.rel_entr(*(a.astype(float) for a in tiny)).sum(), rel=1e-6)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("shape", "axis"), [((6, 300), -1), ((5, 7), 0), ((3, 9, 4), 1), ((8, 3), -1)])
@pytest.mark.parametrize("p_form", FORMS)
@pytest.mark.parametrize("q_form", FORMS)
def test_divergences_from_any_form(shape, axis, dtype, p_form, q_form):
    p, q = in_form(shape, p_form, 1, axis), in_form(shape, q_form, 2, axis)
    forms = {"p_form": p_form, "q_form": q_form}
    true = [reference.distribution(np.moveaxis(a, axis, -1), form) for a, form in ((p, p_form), (q, q_form))]
    tol = {"rtol": 5e-6, "atol": 2e-6} if dtype == np.float32 else {"rtol": 1e-12, "atol": 1e-14}
    given = p.astype(dtype), q.astype(dtype)
    np.testing.assert_allclose(F.kl_divergence(*given, axis, **forms), reference.kl(*true), **tol)
    np.testing.assert_allclose(F.jensen_shannon(*given, axis, **forms), reference.jensen_shannon(*true), **tol)
    np.testing.assert_allclose(F.entropy(given[0], axis, form=p_form), reference.entropy(true[0]), **tol)
    scaled = given[0] * (3 if p_form == "probabilities" else 1) + (2 if p_form != "probabilities" else 0)
    np.testing.assert_allclose(F.kl_divergence(scaled, given[1], axis, normalize=True, **forms), reference.kl(*true), **tol)


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("p_form", FORMS)
@pytest.mark.parametrize("q_form", FORMS)
@pytest.mark.parametrize("name", ["kl_divergence", "jensen_shannon"])
def test_gradients_of_divergences(name, p_form, q_form, normalize):
    """Unnormalised probabilities are free numbers: the differences are of Σ p log(p/q) itself."""
    T = 1.3
    p, q = in_form((3, 5), p_form, 1), in_form((3, 5), q_form, 2)
    g = np.array([1.0, -2.0, 0.5])
    oracle = reference.kl if name == "kl_divergence" else reference.jensen_shannon

    def free(x, form):
        if normalize or form == "logits":
            return reference.distribution(x, form, T)
        return np.exp(x) if form == "log_probabilities" else x

    found = getattr(F, f"{name}_backward")(g, p, q, wrt="both", p_form=p_form, q_form=q_form, normalize=normalize, temperature=T)
    for k, true in enumerate(
        [
            reference.numeric_gradient(lambda a: g @ oracle(free(a, p_form), free(q, q_form)), p),
            reference.numeric_gradient(lambda b: g @ oracle(free(p, p_form), free(b, q_form)), q),
        ]
    ):
        if name == "jensen_shannon" and not normalize and p_form != "logits":
            continue  # its terms of one sum cancel only where rows sum to one
        np.testing.assert_allclose(found[k], true, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("form", FORMS)
def test_gradient_of_entropy(form, normalize):
    p, g = in_form((3, 5), form, 1), np.array([1.0, -2.0, 0.5])

    def free(x):
        if normalize or form == "logits":
            return reference.distribution(x, form, 2.0)
        return np.exp(x) if form == "log_probabilities" else x

    found = F.entropy_backward(g, p, form=form, normalize=normalize, temperature=2.0)
    np.testing.assert_allclose(
        found, reference.numeric_gradient(lambda a: g @ reference.entropy(free(a)), p), rtol=1e-6, atol=1e-8
    )


@pytest.mark.parametrize(("shape", "axis"), [((3, 5), -1), ((4, 3), 0), ((2, 3, 4), 1)])
def test_backward_of_the_softmax_family(shape, axis):
    x, g, T = draw(shape, size=1.0), draw(shape, seed=1), 0.6
    rows = draw(np.delete(shape, axis), seed=2)
    for function, backward in ((F.softmax, F.softmax_backward), (F.log_softmax, F.log_softmax_backward)):
        oracle = special.softmax if function is F.softmax else special.log_softmax
        true = reference.numeric_gradient(lambda a, f=oracle: (g * f(a / T, axis=axis)).sum(), x)
        np.testing.assert_allclose(backward(g, function(x, axis, temperature=T), axis, temperature=T), true, rtol=1e-6, atol=1e-8)
    true = reference.numeric_gradient(lambda a: (rows * special.logsumexp(a / T, axis=axis)).sum(), x)
    np.testing.assert_allclose(F.logsumexp_backward(rows, x, axis, temperature=T), true, rtol=1e-6, atol=1e-8)
    np.testing.assert_array_equal(F.logsumexp_backward(np.expand_dims(rows, axis), x, axis), F.logsumexp_backward(rows, x, axis))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_cross_entropy_and_its_gradient(weighted, smoothing, soft, reduction):
    rng = np.random.default_rng(3)
    x, labels = draw((6, 5), size=1.0), rng.integers(0, 5, 6)
    t = special.softmax(draw((6, 5), seed=4), axis=1) if soft else np.eye(5)[labels]
    c, w = (rng.uniform(0.5, 2, 5), rng.uniform(0, 2, 6)) if weighted else (None, None)
    rows = np.ones(6) if w is None else w
    divisor = 1.0
    if reduction == "mean":
        divisor = (rows * (1 if soft or c is None else c[labels])).sum()

    def losses(a):
        return rows * reference.cross_entropy(a, t, c, smoothing, 1.5) / divisor

    settings = {"sample_weight": w, "class_weight": c, "label_smoothing": smoothing, "reduction": reduction, "temperature": 1.5}
    target = t if soft else labels
    loss, gradient = F.cross_entropy(x, target, return_gradient=True, **settings)
    np.testing.assert_allclose(loss, losses(x) if reduction == "none" else losses(x).sum(), rtol=1e-12)
    np.testing.assert_allclose(gradient, reference.numeric_gradient(lambda a: losses(a).sum(), x), rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(F.cross_entropy_backward(3.0, x, target, **settings), 3 * gradient, rtol=1e-12)
    assert F.cross_entropy(x.T.copy(), target.T if soft else target, axis=0, **settings) == pytest.approx(loss, rel=1e-13)


def test_rows_that_take_no_part():
    x, labels = draw((4, 3)), np.array([0, -100, 2, 1])
    kept = [0, 2, 3]
    loss, gradient = F.cross_entropy(x, labels, ignore_index=-100, return_gradient=True)
    assert loss == pytest.approx(F.cross_entropy(x[kept], labels[kept]), rel=1e-14)
    assert not gradient[1].any()
    rows = np.array([[True], [False], [True], [True]])
    assert F.cross_entropy(x, np.abs(labels) % 3, where=rows) == pytest.approx(loss, rel=1e-14)
    p, q = special.softmax(x, axis=1), special.softmax(-x, axis=1)
    p[1], q[1] = np.nan, -5.0  # nobody looks at what the mask leaves out
    assert F.kl_divergence(p, q, where=rows, reduction="mean") == pytest.approx(reference.kl(p[kept], q[kept]).mean(), rel=1e-13)
    assert not F.kl_divergence_backward(1.0, p, q, where=rows, wrt="p")[1].any()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("shape", "axis"), [((6, 20), 1), ((9, 6), 0), ((3, 200), 1)])
def test_a_mask_is_the_row_without_the_entries(shape, axis, dtype):
    x = draw(shape, dtype)
    mask = np.random.default_rng(5).random(shape) < 0.6
    mask[(0,) * len(shape)] = True
    lead = np.moveaxis(mask, axis, -1)
    lead[1] = False  # one row of which nothing is left
    rows, p, l = (np.moveaxis(a, axis, -1) for a in (x, F.softmax(x, axis, where=mask), F.log_softmax(x, axis, where=mask)))
    s = F.logsumexp(np.where(mask, x, np.nan).astype(dtype), axis, where=mask)
    for i, kept in enumerate(lead):
        np.testing.assert_allclose(p[i, kept], special.softmax(rows[i, kept]) if kept.any() else [], rtol=UNSTABLE[dtype])
        assert not p[i, ~kept].any()
        assert (l[i, ~kept] == -np.inf).all()
        assert s[i] == (pytest.approx(special.logsumexp(rows[i, kept]), rel=UNSTABLE[dtype]) if kept.any() else -np.inf)
    assert not F.log_softmax_backward(np.ones_like(x), F.log_softmax(x, axis, where=mask), axis)[~mask].any()


@pytest.mark.parametrize("dtype", DTYPES)
def test_same_bits_alone_in_place_and_for_any_number_of_threads(dtype):
    x = draw((700, 333), dtype)
    labels = np.arange(700) % 333
    one = F.softmax(x, n_threads=1)
    for threads in (2, 3, None):
        np.testing.assert_array_equal(F.softmax(x, n_threads=threads), one)
    np.testing.assert_array_equal(F.softmax(x[5]), one[5])
    place = x.copy()
    assert F.softmax(place, out=place) is place
    np.testing.assert_array_equal(place, one)
    strided = np.zeros((700, 666), dtype)[:, ::2]
    assert F.softmax(x, out=strided) is strided
    np.testing.assert_array_equal(strided, one)
    memory = np.zeros(x.size + 7, dtype)  # an output that lies askew on its input
    memory[:-7] = x.ravel()
    F.softmax(memory[:-7].reshape(x.shape), out=memory[7:].reshape(x.shape))
    np.testing.assert_array_equal(memory[7:].reshape(x.shape), one)
    p, g = one.copy(), draw(x.shape, dtype, 1)
    true = F.softmax_backward(g, p)
    np.testing.assert_array_equal(F.softmax_backward(g.copy(), p, out=p), true)
    losses = [F.cross_entropy(x, labels, n_threads=threads, return_gradient=True) for threads in (1, 2)]
    assert losses[0][0] == losses[1][0]
    np.testing.assert_array_equal(losses[0][1], losses[1][1])
    place = x.copy()
    np.testing.assert_array_equal(F.cross_entropy(place, labels, return_gradient=True, out=place)[1], losses[0][1])
    q = np.roll(one, 1, axis=1)
    np.testing.assert_array_equal(F.kl_divergence(one, q, n_threads=1), F.kl_divergence(one, q, n_threads=2))


def test_long_float32_rows_keep_their_digits():
    x = draw((2, 300_000), np.float32)
    np.testing.assert_allclose(F.softmax(x), special.softmax(x.astype(float), axis=1), rtol=3e-6)
    np.testing.assert_allclose(F.softmax(x.T.copy(), 0), special.softmax(x.T.astype(float), axis=0), rtol=3e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.nan])
@pytest.mark.parametrize(
    ("shape", "axis", "at", "row"),
    [((4, 300), 1, (2, 7), "row 2"), ((5, 6), 0, (1, 3), "row 3"), ((2, 5, 3), 1, (1, 4, 2), r"row \(1, 2\)")],
)
@pytest.mark.parametrize(
    "call",
    [
        F.softmax,
        F.log_softmax,
        lambda x, a: F.entropy(x, a, form="logits"),
        lambda x, a: F.cross_entropy(x, np.zeros(np.delete(x.shape, a), int), axis=a),
    ],
)
def test_bad_logits_name_their_row(call, shape, axis, at, row, bad):
    for order in "CF":
        x = np.asarray(draw(shape), order=order)
        x[at] = bad
        with pytest.raises(ValueError, match=f"{row} holds NaN or"):
            call(x, axis)


def test_bad_distributions_name_their_row():
    p = np.full((3, 4), 0.25)
    q = p.copy()
    q[1, 2] = -0.25
    for function in (F.kl_divergence, F.jensen_shannon):
        with pytest.raises(ValueError, match="q: row 1 has a negative"):
            function(p, q)
    with pytest.raises(ValueError, match="p: row 0 does not sum to one; pass normalize=True"):
        F.kl_divergence(p * 2, p)
    with pytest.raises(ValueError, match="target: row 0 does not sum to one"):
        F.cross_entropy(p, p * 2)
    with pytest.raises(ValueError, match="row 2 has nothing to normalize"):
        F.entropy(p * [[1], [1], [0]], normalize=True)
    with pytest.raises(ValueError, match="row 1 holds NaN"):
        F.kl_divergence(p, np.where(np.arange(3)[:, None] == 1, np.nan, p), normalize=True)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: F.softmax(x, 2), ValueError, "axis = 2"),
        (lambda x: F.softmax(x, temperature=0), ValueError, "temperature = 0"),
        (lambda x: F.softmax(x, temperature=1e-39), ValueError, "temperature = 1e-39"),
        (lambda x: F.softmax(x.astype(np.float16)), TypeError, "x has dtype float16"),
        (lambda x: F.softmax(x + 1j), TypeError, "complex128"),
        (lambda x: F.softmax(x, out=np.empty((3, 4), np.float32)), ValueError, "out has shape"),
        (lambda x: F.softmax(x, where=np.ones(4)), TypeError, "where has dtype"),
        (lambda x: F.softmax(x, where=np.ones(3, bool)), ValueError, "where has shape"),
        (lambda x: F.softmax(np.empty((3, 0))), ValueError, "no entries"),
        (lambda x: F.softmax_backward(x[:2], x), ValueError, "gradient has shape"),
        (lambda x: F.cross_entropy(x, [0, 1, 4]), ValueError, "row 2 has the label 4"),
        (lambda x: F.cross_entropy(x, [0, 1]), ValueError, "target has shape"),
        (lambda x: F.cross_entropy(x, [0, 1, 2], label_smoothing=2), ValueError, "label_smoothing = 2"),
        (lambda x: F.cross_entropy(x, [0, 1, 2], class_weight=[1, 2]), ValueError, "class_weight"),
        (lambda x: F.cross_entropy(x, [0, 1, 2], sample_weight=[1, -2, 1]), ValueError, "negative"),
        (lambda x: F.cross_entropy(x, [0, 1, 2], reduction="max"), ValueError, "reduction = 'max'"),
        (lambda x: F.cross_entropy(x, [7, 7, 7], ignore_index=7), ValueError, "no rows"),
        (lambda x: F.kl_divergence(x, x, p_form="odds"), ValueError, "p_form = 'odds'"),
        (lambda x: F.kl_divergence_backward(1, x, x, wrt="x"), ValueError, "wrt = 'x'"),
        (lambda x: F.softmax(x, n_threads=0), ValueError, "n_threads = 0"),
        (lambda x: F.entropy(x, form="logits", n_threads=100_000), ValueError, "n_threads = 100000"),
        (lambda x: F.softmax_backward(x, x, n_threads=2.5), TypeError, "n_threads = 2.5"),
        (lambda x: F.softmax(x, temperature="a"), TypeError, "temperature = 'a'"),
        (lambda x: F.softmax(x, temperature=1e-310), ValueError, "temperature = 1e-310"),
        (lambda x: F.softmax([[1.0], [1.0, 2.0]]), ValueError, "x is a list of rows of different lengths"),
        (lambda x: F.softmax(x, where=[[True], [True, False]]), ValueError, "where is a list of rows"),
        (lambda x: F.logsumexp(np.ma.masked_less(x, 0)), TypeError, "x is a masked array"),
        (lambda x: F.softmax(sparse.csr_array(x)), TypeError, "x is sparse"),
        (lambda x: F.cross_entropy(x, [[0], [1, 2], [0]]), ValueError, "target is a list of rows"),
        (lambda x: F.cross_entropy(x, [0, 1, 2], ignore_index=1.5), TypeError, "ignore_index = 1.5"),
        (lambda x: F.cross_entropy(x, [0, 1, 2], class_weight=[1, -1, 1, 1]), ValueError, r"class_weight\[1\] = -1"),
        (lambda x: F.cross_entropy(x, [0, 1, 2], class_weight={0: 1}), TypeError, r"class_weight = \{0: 1\}"),
        (lambda x: F.cross_entropy(x, [0, 1, 2], class_weight="balanced"), TypeError, "class_weight has dtype"),
        (lambda x: F.cross_entropy(x, [0, 1, 2], sample_weight=["a"] * 3), TypeError, "sample_weight has dtype"),
        (lambda x: F.cross_entropy(x, [0, 1, 2], label_smoothing="a"), TypeError, "label_smoothing = 'a'"),
    ],
)
def test_bad_arguments(call, error, message):
    with pytest.raises(error, match=message):
        call(draw((3, 4)))


def test_no_count_of_threads_ends_the_process():
    assert thread_count(10**9) == max(MOST, allowed_threads())
    x = draw((3000, 100))
    np.testing.assert_array_equal(F.softmax(x, n_threads=4096), F.softmax(x, n_threads=1))


def test_no_rows():
    assert F.softmax(np.empty((0, 3))).shape == (0, 3)
    assert F.entropy(np.empty((0, 3))).shape == (0,)
    assert F.cross_entropy(np.empty((0, 3)), np.empty(0, int), reduction="sum") == 0


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_torch_agrees(smoothing):
    torch = pytest.importorskip("torch")
    f = torch.nn.functional
    x, labels = draw((20, 30), np.float32), np.random.default_rng(0).integers(0, 30, 20)
    labels[3] = -100
    weight = np.random.default_rng(1).uniform(0.5, 2, 30).astype(np.float32)
    z = torch.tensor(x, requires_grad=True)
    true = f.cross_entropy(z, torch.tensor(labels), weight=torch.tensor(weight), label_smoothing=smoothing)
    true.backward()
    loss, gradient = F.cross_entropy(
        x, labels, class_weight=weight, label_smoothing=smoothing, ignore_index=-100, return_gradient=True
    )
    assert loss == pytest.approx(true.item(), rel=2e-6)
    np.testing.assert_allclose(gradient, z.grad.numpy(), atol=1e-7)
    p, y = special.softmax(draw((20, 30), seed=2), axis=1).astype(np.float32), torch.tensor(x, requires_grad=True)
    true = f.kl_div(torch.log_softmax(y, 1), torch.tensor(p), reduction="batchmean")
    true.backward()
    assert F.kl_divergence(p, x, q_form="logits", reduction="mean") == pytest.approx(true.item(), rel=5e-6)
    np.testing.assert_allclose(F.kl_divergence_backward(1.0, p, x, q_form="logits", reduction="mean"), y.grad.numpy(), atol=1e-7)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("offset", [0, 1, 7])
def test_large_outputs_have_the_bits_of_small_ones(dtype, offset):
    """Large outputs are stored past the cache, wherever they begin."""
    x = draw((4300, 999), dtype)
    store = np.full(x.size + offset + 9, 7, dtype)
    out = store[offset : offset + x.size].reshape(x.shape)
    for function in (F.softmax, F.log_softmax):
        assert function(x, out=out, n_threads=2) is out
        np.testing.assert_array_equal(out[[0, 1, 4299]], np.stack([function(x[k]) for k in (0, 1, 4299)]))
        np.testing.assert_array_equal(out, function(x))
        assert (store[:offset] == 7).all()
        assert (store[offset + x.size :] == 7).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("shape", "axis"), [((37, 16), 0), ((300, 299), 0), ((3, 50, 33), 1), ((5000, 1100), 0)])
def test_rows_side_by_side(shape, axis, dtype):
    """Alone, beside others, in place, on threads and stored past the cache: the same bits, and scipy's numbers."""
    x = draw(shape, dtype)
    x[..., 2] = np.sort(x[..., 2], axis=-1)  # its largest number comes last
    labels = np.random.default_rng(1).integers(0, shape[axis], np.delete(shape, axis))
    exact, tol = x.astype(np.float64), UNSTABLE[dtype]
    beside = np.s_[..., : shape[-1] - shape[-1] % 16]
    for function in (F.softmax, F.log_softmax, F.logsumexp):
        found, oracle = function(x, axis, n_threads=1), getattr(special, function.__name__)
        np.testing.assert_allclose(found, oracle(exact, axis=axis), rtol=tol, atol=tol)
        np.testing.assert_array_equal(function(x, axis, n_threads=2), found)
        np.testing.assert_array_equal(function(x[beside].copy(), axis), found[beside])
        if function is not F.logsumexp:
            np.testing.assert_array_equal(function(x, axis, out=np.empty_like(x)), found)
            np.testing.assert_array_equal(function(place := x.copy(), axis, out=place), found)
    losses, gradient = F.cross_entropy(x, labels, axis=axis, reduction="none", return_gradient=True)
    true = -np.take_along_axis(special.log_softmax(exact, axis=axis), np.expand_dims(labels, axis), axis).squeeze(axis)
    np.testing.assert_allclose(losses, true, rtol=tol, atol=tol)
    true = special.softmax(exact, axis=axis)
    np.put_along_axis(true, i := np.expand_dims(labels, axis), np.take_along_axis(true, i, axis) - 1, axis)
    np.testing.assert_allclose(gradient, true, rtol=tol, atol=tol)


def test_conventions_of_rows_side_by_side():
    x = draw((6, 20))
    x[:, 3] = -np.inf
    x[2, 4] = -np.inf
    p = F.softmax(x, 0)
    assert np.isnan(p[:, 3]).all()
    assert p[2, 4] == 0
    np.testing.assert_allclose(np.delete(p, 3, 1), special.softmax(np.delete(x, 3, 1), axis=0), rtol=1e-14)
    x[1, 5] = x[2, 5] = np.inf
    np.testing.assert_allclose(F.logsumexp(x, 0), special.logsumexp(x, axis=0), rtol=1e-14)
    x[4, 5] = np.nan
    for function in (F.softmax, F.logsumexp):
        with pytest.raises(ValueError, match="row 5 holds NaN or"):
            function(x, 0)
    labels = np.full(20, 2)
    labels[[3, 5]] = -100
    losses, gradient = F.cross_entropy(x, labels, axis=0, ignore_index=-100, reduction="none", return_gradient=True)
    assert losses[4] == np.inf
    assert not losses[[3, 5]].any()
    assert not gradient[:, [3, 5]].any()


@pytest.mark.parametrize("dtype", DTYPES)
def test_kl_from_logits_at_its_ends(dtype):
    p, q = draw((4, 300), dtype), draw((4, 300), dtype, 1)
    p[0, 5] = -np.inf
    q[1, 7] = -np.inf
    p[2] = q[2]
    p[3, 9] = q[3, 9] = -np.inf
    found = F.kl_divergence(p, q, p_form="logits", q_form="logits")
    true = special.rel_entr(special.softmax(p.astype(float), axis=1), special.softmax(q.astype(float), axis=1)).sum(axis=1)
    np.testing.assert_allclose(found, true, rtol=3 * UNSTABLE[dtype], atol=1e-15)
    assert found[1] == np.inf
    assert found[2] == 0
    p[1, 3] = np.nan
    with pytest.raises(ValueError, match="p: row 1 holds NaN"):
        F.kl_divergence(p, q, p_form="logits", q_form="logits")


@pytest.mark.parametrize("dtype", DTYPES)
def test_jensen_shannon_at_its_ends(dtype):
    tiny = np.finfo(dtype).tiny
    p = np.array([[1, 0, 0, 0], [0.5, 0.5, 0, 0], [0.25] * 4, [1, tiny / 8, 0, 0]], dtype)
    q = np.array([[0, 1, 0, 0], [0.5, 0.5, 0, 0], [1, 0, 0, 0], [1, 0, tiny, 0]], dtype)
    true = reference_jensen_shannon(p.astype(float), q.astype(float))
    np.testing.assert_allclose(F.jensen_shannon(p, q), true, rtol=4 * np.finfo(dtype).eps, atol=1e-37)
    np.testing.assert_allclose(F.jensen_shannon(q, p), true, rtol=4 * np.finfo(dtype).eps, atol=1e-37)
    assert F.jensen_shannon(p, q)[1] == 0
    q[2] = [1.5, -0.5, 0, 0]
    with pytest.raises(ValueError, match="q: row 2 has a negative number"):
        F.jensen_shannon(p, q)
    q[2] = [np.nan, 1, 0, 0]
    with pytest.raises(ValueError, match="q: row 2 holds NaN"):
        F.jensen_shannon(p, q)


def reference_jensen_shannon(p, q):
    middle = (p + q) / 2
    return (special.rel_entr(p, middle).sum(axis=1) + special.rel_entr(q, middle).sum(axis=1)) / 2
