"""Functions of rows on the device: against float64 oracles, against the CPU, and the same conventions and refusals."""

import numpy as np
import pytest
from arrays_of_both import fetched, sent
from numba import cuda
from scipy import special

import riata.functional as F
import row_reference as reference

REALS = [np.float32, np.float64]
FORMS = ("probabilities", "logits", "log_probabilities")
ULPS = 8  # of the largest number of a row: exp and log have up to 3, and a sum and a product come to them


def agree(found, expected, real, floor=0.0, spread=0.0):
    """To `ULPS`, and half a unit of a logit's distance from the largest, up to `spread`, which exp turns into a share; `floor`:
    the numbers that were added up to it."""
    found, expected = np.asarray(fetched(found), float), np.asarray(expected, float)
    assert found.shape == expected.shape
    np.testing.assert_array_equal(np.isfinite(found), np.isfinite(expected))
    np.testing.assert_array_equal(found[~np.isfinite(found)], expected[~np.isfinite(expected)])
    fine = np.isfinite(expected)
    tolerance = (ULPS + spread / 2) * np.finfo(real).eps
    np.testing.assert_allclose(found[fine], expected[fine], rtol=tolerance, atol=tolerance * floor)


def logits(shape, real, seed=0):
    return (3 * np.random.default_rng(seed).standard_normal(shape)).astype(real)


def rows_in(form, x):
    return {"probabilities": special.softmax, "logits": np.array, "log_probabilities": special.log_softmax}[form](
        x, **({} if form == "logits" else {"axis": -1})
    ).astype(x.dtype)


@pytest.mark.parametrize("real", REALS)
@pytest.mark.parametrize("shape", [(2, 11), (1, 300)])
def test_softmax_and_its_kin(shape, real):
    x = logits(shape, real)
    x[0, 3] = -np.inf
    wide = x.astype(float)
    y = F.softmax(sent(x))
    assert y.dtype == real
    spread = np.ptp(wide[np.isfinite(wide)])
    agree(y, special.softmax(wide, axis=-1), real, spread=spread)
    agree(y, F.softmax(x), real)
    agree(F.log_softmax(sent(x)), special.log_softmax(wide, axis=-1), real, floor=spread)
    agree(F.logsumexp(sent(x), keepdims=True), special.logsumexp(wide, axis=-1, keepdims=True), real, floor=3)


@pytest.mark.parametrize("axis", [0, 1, None])
def test_axes_temperature_and_masks(axis):
    x, where = logits((2, 3, 3), np.float32), np.random.default_rng(1).random((2, 3, 3)) < 0.7
    where[0, :, 0] = False
    settings = {"temperature": 2.5, "where": where}
    agree(F.softmax(sent(x), axis, **settings), F.softmax(x, axis, **settings), np.float32)
    value = F.logsumexp(sent(x), axis, **settings)
    agree(value, F.logsumexp(x, axis, **settings), np.float32, floor=3)
    assert np.ndim(fetched(value)) == (0 if axis is None else 2)


@pytest.mark.parametrize("real", REALS)
def test_backward_passes(real):
    x, g, up = logits((2, 10), real), logits((2, 10), real, 1), np.array([0.5, -2.0])
    p, l = F.softmax(x), F.log_softmax(x)
    settings = {"temperature": 1.5}
    agree(F.softmax_backward(sent(g), sent(p), **settings), F.softmax_backward(g, p, **settings), real, floor=10)
    agree(F.log_softmax_backward(sent(g), sent(l), **settings), F.log_softmax_backward(g, l, **settings), real, floor=10)
    agree(F.logsumexp_backward(sent(up), sent(x), **settings), F.logsumexp_backward(up, x, **settings), real)


def test_in_place_and_into_an_output():
    x = logits((2, 9), np.float32)
    place, out = sent(x), cuda.device_array(x.shape, x.dtype)
    expected = fetched(F.softmax(sent(x)))
    assert F.softmax(place, out=out) is out
    assert F.softmax(place, out=place) is place
    np.testing.assert_array_equal(fetched(out), expected)
    np.testing.assert_array_equal(fetched(place), expected)


def test_conventions_at_infinity():
    x = np.array([[0.0, -np.inf], [-np.inf, -np.inf]])
    agree(F.softmax(sent(x)), special.softmax(x, axis=-1), np.float64)
    x = np.vstack([x, [1.0, np.inf]])
    agree(F.logsumexp(sent(x)), special.logsumexp(x, axis=-1), np.float64)


@pytest.mark.parametrize("real", REALS)
@pytest.mark.parametrize("settings", [{}, {"label_smoothing": 0.2, "class_weight": np.linspace(0.5, 2, 7), "temperature": 1.5}])
@pytest.mark.parametrize("of_labels", [True, False])
def test_cross_entropy(of_labels, settings, real):
    x, labels = logits((3, 7), real), np.array([2, 6, 0])
    target = labels if of_labels else F.softmax(logits((3, 7), real, 2))
    one_hot = np.eye(7)[labels] if of_labels else target.astype(float)
    there = sent(target)
    loss, gradient = F.cross_entropy(sent(x), there, reduction="none", return_gradient=True, **settings)
    oracle = reference.cross_entropy(
        x.astype(float),
        one_hot,
        settings.get("class_weight"),
        settings.get("label_smoothing", 0.0),
        settings.get("temperature", 1.0),
    )
    agree(loss, oracle, real, floor=6)
    assert loss.dtype == real
    _, expected = F.cross_entropy(x, target, reduction="none", return_gradient=True, **settings)
    agree(gradient, expected, real, floor=2)
    weights = np.array([1.0, 0.0, 2.0])
    for reduction in ("mean", "sum"):
        both = [
            F.cross_entropy(*given, sample_weight=weights, reduction=reduction, return_gradient=True, **settings)
            for given in ((sent(x), there), (x, target))
        ]
        assert isinstance(both[0][0], float)
        agree(both[0][0], both[1][0], real, floor=6)
        agree(both[0][1], both[1][1], real, floor=2)


def test_labels_that_take_no_part():
    x, labels = logits((3, 5), np.float32), np.array([1, -9, 4])
    given = {"ignore_index": -9, "return_gradient": True, "where": np.array([True, True, False, True, True])}
    (loss, gradient), (expected, slopes) = F.cross_entropy(sent(x), labels, **given), F.cross_entropy(x, labels, **given)
    agree(loss, expected, np.float32)
    agree(gradient, slopes, np.float32, floor=1)
    agree(
        F.cross_entropy_backward(2.0, sent(x), labels, ignore_index=-9),
        F.cross_entropy_backward(2.0, x, labels, ignore_index=-9),
        np.float32,
        floor=1,
    )


@pytest.mark.parametrize(
    ("name", "p_form", "q_form"),
    [*(("kl_divergence", p, q) for p in FORMS for q in FORMS), *(("jensen_shannon", p, p) for p in FORMS)],
)
def test_divergences_and_gradients(name, p_form, q_form):
    p, q = rows_in(p_form, logits((2, 6), np.float64)), rows_in(q_form, logits((2, 6), np.float64, 1))
    forms = {"p_form": p_form, "q_form": q_form, "temperature": 1.5}
    oracle = {"kl_divergence": reference.kl, "jensen_shannon": reference.jensen_shannon}[name]
    given = reference.distribution(p, p_form, 1.5), reference.distribution(q, q_form, 1.5)
    agree(getattr(F, name)(sent(p), sent(q), **forms), oracle(*given), np.float64, floor=6)
    backward = getattr(F, name + "_backward")
    up = np.array([1.0, -0.5])
    for settings in (forms, {**forms, "normalize": True})[: 2 if p_form == q_form else 1]:
        found, expected = (backward(up, *given, wrt="both", **settings) for given in ((sent(p), sent(q)), (p, q)))
        for one, other in zip(found, expected, strict=True):
            agree(one, other, np.float64, floor=np.abs(other).max())


@pytest.mark.parametrize("real", REALS)
def test_single_precision_of_divergences(real):
    p, q = F.softmax(logits((1, 20), real)), F.softmax(logits((1, 20), real, 1))
    wide = p.astype(float), q.astype(float)
    agree(F.kl_divergence(sent(p), sent(q)), reference.kl(*wide), real, floor=6)
    agree(F.jensen_shannon(sent(p), sent(q)), reference.jensen_shannon(*wide), real, floor=6)
    agree(F.entropy(sent(p)), reference.entropy(wide[0]), real, floor=6)
    agree(F.entropy_backward(1.0, sent(p)), -(np.log(wide[0]) + 1), real, floor=6)
    assert isinstance(F.kl_divergence(sent(p), sent(q), reduction="mean"), float)


def test_conventions_at_zero():
    p, q = np.array([[0.0, 1.0], [0.5, 0.5], [1.0, 0.0]]), np.array([[0.0, 1.0], [0.0, 1.0], [0.5, 0.5]])
    agree(F.kl_divergence(sent(p), sent(q)), special.rel_entr(p, q).sum(axis=-1), np.float64)
    for wrt in ("p", "q"):
        agree(F.kl_divergence_backward(1.0, sent(p), sent(q), wrt=wrt), F.kl_divergence_backward(1.0, p, q, wrt=wrt), np.float64)
    nothing = np.array([[True, True], [False, False], [True, True]])
    agree(F.kl_divergence(sent(p), sent(q), where=nothing), F.kl_divergence(p, q, where=nothing), np.float64)


def spoiled(value):
    x = np.full((5, 4), 0.25)
    x[3, 1] = x[4, 0] = value
    return x


@pytest.mark.parametrize(
    "call",
    [
        lambda move: F.softmax(move(spoiled(np.nan))),
        lambda move: F.log_softmax(move(spoiled(np.inf)), axis=0),
        lambda move: F.kl_divergence(move(spoiled(0.25)), move(spoiled(-0.25))),
        lambda move: F.kl_divergence(move(spoiled(0.3)), move(spoiled(0.25))),
        lambda move: F.entropy(move(np.zeros((2, 3))), normalize=True),
        lambda move: F.entropy(move(spoiled(np.nan)), form="logits"),
        lambda move: F.entropy(move(spoiled(800.0)), form="log_probabilities"),
        lambda move: F.cross_entropy(move(spoiled(0.25)), move(spoiled(0.5))),
        lambda move: F.cross_entropy(move(spoiled(np.nan)), np.zeros(5, int)),
        lambda move: F.cross_entropy(move(spoiled(0.25)), np.full(5, 4)),
        lambda move: F.cross_entropy(move(spoiled(0.25)), move(np.full((5, 4), 1e308)), normalize=True),
        lambda move: F.entropy(move(spoiled(0.25) * 1e-310), normalize=True),
        lambda move: F.kl_divergence(move(spoiled(0.25)), move(spoiled(0.25) * 1e-310), normalize=True),
    ],
)
def test_the_same_refusals_in_the_same_words(call):
    said = []
    for move in (sent, np.array):
        with pytest.raises(ValueError) as caught:  # noqa: PT011
            call(move)
        said.append(str(caught.value))
    assert said[0] == said[1]


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda d: F.softmax(d, where=sent(np.ones((2, 3), bool))), TypeError, "where lies on a device"),
        (lambda d: F.kl_divergence(d, np.ones((2, 3))), TypeError, "q lies on the host"),
        (lambda d: F.kl_divergence(d, sent(np.ones((2, 3), np.float32))), TypeError, "q has dtype float32, p has float64"),
        (lambda d: F.softmax(cuda.to_device(np.asfortranarray(np.ones((2, 3))))), ValueError, "x is not C-contiguous"),
        (lambda d: F.softmax(d, axis=2), ValueError, "axis = 2 is not an axis of x"),
        (lambda d: F.cross_entropy(d, np.full((2, 3), 1 / 3)), TypeError, "target lies on the host"),
    ],
)
def test_bad_arguments(call, error, words):
    with pytest.raises(error, match=words):
        call(sent(np.ones((2, 3))))


def test_no_rows_are_no_work():
    assert F.softmax(cuda.device_array((0, 3))).shape == (0, 3)
    assert F.logsumexp(cuda.device_array((0, 3))).shape == (0,)


@pytest.mark.parametrize(
    ("real", "p", "q"),
    [
        (np.float32, [1e5, 1], [2e-38, 1]),
        (np.float32, [1e5, 1], [2e-38, 1e5]),
        (np.float32, [1, 1], [5e-38, 9e9]),
        (np.float64, [1e5, 1], [3e-308, 1]),
        (np.float64, [1e5, 1], [3e-308, 1e5]),
    ],
)
def test_normalized_rows_whose_ratios_leave_the_numbers(real, p, q):
    p, q = np.array([p], real), np.array([q], real)
    wide = [a.astype(np.longdouble) / a.astype(np.longdouble).sum() for a in (p, q)]
    agree(F.kl_divergence(sent(p), sent(q), normalize=True), (wide[0] * np.log(wide[0] / wide[1])).sum(axis=1), real, floor=100)
    middle = (wide[0] + wide[1]) / 2
    true = sum((a * np.log(a / middle)).sum(axis=1) for a in wide) / 2
    agree(F.jensen_shannon(sent(p), sent(q), normalize=True), true, real, floor=2)


@pytest.mark.parametrize("reduction", ["none", "mean"])
def test_rows_of_weight_nought_are_left_out(reduction):
    p = np.array([[0.5, 0.5], [0.5, 0.5], [0.25, 0.75]])
    q = np.array([[1.0, 0.0], [0.25, 0.75], [np.nan, 0.5]])
    settings = {"sample_weight": np.array([0.0, 2.0, 0.0]), "reduction": reduction}
    for name in ("kl_divergence", "jensen_shannon"):
        agree(getattr(F, name)(sent(p), sent(q), **settings), getattr(F, name)(p, q, **settings), np.float64, floor=1)
        backward = getattr(F, name + "_backward")
        there, here = (backward(1.0, *given, wrt="both", **settings) for given in ((sent(p), sent(q)), (p, q)))
        for one, other in zip(there, here, strict=True):
            agree(one, other, np.float64, floor=2)
            assert not other[::2].any()
    for target in (np.array([1, 0, 9]), q):
        x = np.array([[0.0, -np.inf], [1.0, 2.0], [np.nan, 0.0]])
        given = sent(target) if target.ndim == 2 else target
        there = F.cross_entropy(sent(x), given, return_gradient=True, **settings)
        here = F.cross_entropy(x, target, return_gradient=True, **settings)
        agree(there[0], here[0], np.float64, floor=2)
        agree(there[1], here[1], np.float64, floor=2)
        assert not here[1][::2].any()
