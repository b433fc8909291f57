"""Functions of rows at the ends of the numbers, against long doubles; rows of weight 0, which are left out."""

import numpy as np
import pytest
from scipy import special

import riata.functional as F

DTYPES = (np.float32, np.float64)


def draw(shape, seed=0, size=3.0):
    return np.random.default_rng(seed).standard_normal(shape) * size


def as_long(x):
    """Rows divided by their sums, wider than float64 in range and digits."""
    x = np.asarray(x, np.longdouble)
    return x / x.sum(axis=-1, keepdims=True)


def long_kl(p, q):
    """Σ p log(p/q) of rows that need not be normalised, 0 log 0 = 0."""
    p, q = as_long(p), as_long(q)
    return np.where(p > 0, p * (np.log(np.where(p > 0, p, 1)) - np.log(np.where(p > 0, q, 1))), 0).sum(axis=-1)


#: (p, q) of sums far from one, whose ratios, products or shares leave the numbers
FAR_APART = {
    np.float32: [
        ([1e5, 1], [2e-38, 1]),
        ([1e5, 1], [2e-38, 1e5]),
        ([3e5, 2, 5], [1.5e-38, 7e5, 0.5]),
        ([0, 1e5, 1], [0, 2e-38, 3]),
        ([1e5, 1], [1e-42, 1]),
        ([1e30, 1], [2e-38, 1e30]),
        ([4, 4], [1.2e-38, 1]),
        ([1e-5, 2e-5], [3e-38, 2e-5]),
        ([1, 1], [5e-38, 9e9]),
    ],
    np.float64: [
        ([1e5, 1], [3e-308, 1]),
        ([1e5, 1], [3e-308, 1e5]),
        ([1e5, 1], [1e-320, 1]),
        ([1e200, 1], [3e-308, 1e200]),
        ([1, 1], [3e-308, 9e9]),
    ],
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("length", [0, 200])
def test_normalized_rows_whose_ratios_leave_the_numbers(dtype, length):
    """`length`: ones in front, for long rows."""
    for p, q in FAR_APART[dtype]:
        p, q = (np.array([1.0] * length + a, dtype) for a in (p, q))
        middle = (as_long(p) + as_long(q)) / 2
        tol, eps = 4e-6 if dtype == np.float32 else 1e-14, np.finfo(dtype).eps  # next to 0 terms of either sign cancel
        np.testing.assert_allclose(F.kl_divergence(p, q, normalize=True), float(long_kl(p, q)), rtol=tol, atol=eps)
        true = float((long_kl(p, middle) + long_kl(q, middle)) / 2)
        np.testing.assert_allclose(F.jensen_shannon(p, q, normalize=True), true, rtol=tol, atol=tol)
        with np.errstate(divide="ignore"):
            logits = np.log(as_long(q)).astype(dtype)
        for form in ("logits", "log_probabilities"):
            found = F.kl_divergence(p, logits, normalize=True, q_form=form)
            np.testing.assert_allclose(found, float(long_kl(p, np.exp(logits.astype(np.longdouble)))), rtol=tol, atol=eps)
        both = np.stack([p, q, p]), np.stack([q, p, q])  # beside other rows, and across memory
        np.testing.assert_array_equal(F.kl_divergence(*both, normalize=True)[::2], [F.kl_divergence(p, q, normalize=True)] * 2)
        turned = F.kl_divergence(*(a.T.copy() for a in both), axis=0, normalize=True)
        np.testing.assert_allclose(turned, long_kl(*both).astype(float), rtol=tol, atol=eps)


def test_large_probabilities_beside_logits():
    p, z = np.array([3e37, 3e37], np.float32), np.array([0.0, 80.0], np.float32)
    true = long_kl(p, np.exp(z.astype(np.longdouble)))
    np.testing.assert_allclose(F.kl_divergence(p, z, q_form="logits", normalize=True), float(true), rtol=1e-6)


@pytest.mark.parametrize(
    ("dtype", "row"),
    [(np.float32, [3e38, 3e38]), (np.float32, [1e-40, 1e-40]), (np.float64, [1.5e308, 1.5e308]), (np.float64, [1e-310, 1e-310])],
)
def test_sums_beyond_the_numbers_name_their_row(dtype, row):
    fine, far = np.ones((2, 2), dtype), np.array([[1, 1], row], dtype)
    with pytest.raises(ValueError, match=f"the sum of row 1, or its inverse, is beyond what {np.dtype(dtype)} holds; multiply"):
        F.cross_entropy(fine, far, normalize=True)
    with pytest.raises(ValueError, match="q: the sum of row 1"):
        F.kl_divergence(fine, far, normalize=True)
    with pytest.raises(ValueError, match="p: the sum of row 1"):
        F.jensen_shannon(far, fine, normalize=True)
    with pytest.raises(ValueError, match="p: the sum of row 1"):
        F.entropy(far, normalize=True)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("shape", "axis"), [((5, 3), -1), ((5, 200), -1), ((16, 5), 0), ((2, 160, 6), 1)])
@pytest.mark.parametrize("kind", ["kl", "kl logits", "jensen_shannon", "entropy", "labels", "soft"])
@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
def test_a_row_of_weight_nought_is_left_out(kind, reduction, shape, axis, dtype):
    """Also where its loss or its slope is infinite, or it is no distribution: as the same rows without it."""
    rows = np.delete(shape, axis)
    w = np.random.default_rng(2).uniform(0.5, 2, rows)
    out = np.zeros(rows, bool)
    out.flat[[1, -2]] = True
    w[out] = 0

    def lead(a):
        return np.moveaxis(a, axis, -1)

    p, q = (special.softmax(draw(shape, seed=s, size=1.0), axis=axis).astype(dtype) for s in (1, 2))
    safe = p.copy(), q.copy()
    lead(q)[out] = 0
    lead(q)[out, 0] = 1  # q = 0 < p: an infinite loss, infinite slopes
    lead(p)[tuple(np.argwhere(out)[1])] = np.nan
    settings = {"sample_weight": w, "reduction": reduction}
    labels = np.random.default_rng(3).integers(0, shape[axis], rows)
    unlike = np.where(out, -7, labels)

    def both(p, q, labels):
        if kind in ("labels", "soft"):
            target = labels if kind == "labels" else q
            return F.cross_entropy(p, target, axis, return_gradient=True, **settings)
        if kind == "entropy":
            return F.entropy(p, axis, **settings), F.entropy_backward(1.0, p, axis, **settings)
        forms = {"q_form": "logits"} if kind == "kl logits" else {}
        forward, backward = (
            (F.jensen_shannon, F.jensen_shannon_backward)
            if kind == "jensen_shannon"
            else (F.kl_divergence, F.kl_divergence_backward)
        )
        return forward(p, q, axis, **forms, **settings), np.stack(backward(1.0, p, q, axis, wrt="both", **forms, **settings))

    (loss, gradient), (true, slopes) = both(p, q, unlike), both(*safe, labels)
    np.testing.assert_array_equal(loss, true)
    np.testing.assert_array_equal(gradient, slopes)
    assert np.isfinite(gradient).all()
    assert gradient.any()
    of_rows = np.moveaxis(gradient, axis if gradient.ndim == len(shape) or axis < 0 else axis + 1, -1)
    assert not of_rows[..., out, :].any()
    if reduction == "none":
        assert not np.asarray(loss)[out].any()


def test_weights_of_nought_and_outputs():
    """The issue's own call; an output that is the input; one stored past the cache; all rows of weight 0."""
    assert not F.kl_divergence_backward(1.0, [[0.5, 0.5]], [[1.0, 0.0]], sample_weight=[0.0]).any()
    assert F.kl_divergence([[0.5, 0.5]], [[1.0, 0.0]], sample_weight=[0.0]) == 0
    assert F.kl_divergence([[0.5, 0.5]], [[1.0, 0.0]], sample_weight=[0.0], reduction="sum") == 0
    assert F.kl_divergence([[0.5, 0.5]], [[1.0, 0.0]], sample_weight=[1.0]) == np.inf
    assert np.isinf(F.kl_divergence_backward(1.0, [[0.5, 0.5]], [[1.0, 0.0]])).any()
    p = special.softmax(draw((4200, 1024)), axis=1)
    q, w = np.roll(p, 1, axis=1), np.arange(4200) % 3 / 2.0
    true = F.kl_divergence_backward(1.0, p, q, sample_weight=w)
    np.testing.assert_allclose(true, -p / q * w[:, None], rtol=1e-13)
    out = np.full_like(p, np.nan)
    np.testing.assert_array_equal(F.kl_divergence_backward(1.0, p, q, sample_weight=w, out=out), true)
    np.testing.assert_array_equal(F.kl_divergence_backward(1.0, p, q, sample_weight=w, out=q, n_threads=2), true)
    np.testing.assert_array_equal(out, q)
