"""The ridge decomposition and least squares against closed forms, explicit refits and their own certificate."""

import tracemalloc

import numpy as np
import pytest
import scipy.sparse as sp

import riata_engine.solvers.ridge as ridge_module
from riata_engine.solvers.centred_design import BLOCK_ELEMENTS
from riata_engine.solvers.least_squares import least_squares
from riata_engine.solvers.ridge import RidgeDecomposition

SHAPES = {"tall": (60, 12), "wide": (20, 45)}
ALPHAS = np.array([0.3, 10.0, 0.01])


def problem(shape, seed=0, targets=2):
    n, p = SHAPES[shape] if isinstance(shape, str) else shape
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, p)) @ (np.eye(p) + 0.3 * rng.standard_normal((p, p)) / np.sqrt(p)) + rng.normal(size=p)
    Y = X[:, :3].sum(axis=1, keepdims=True) + rng.standard_normal((n, targets)) + 5
    return X, Y, rng


def augmented(X, Y, alpha, w, d, intercept):
    """Coefficients (p, T) and intercepts from least squares on rows sqrt(v) x and sqrt(alpha d) e_j: no Gram matrix."""
    n, p = X.shape
    root = np.sqrt(w / w.sum())[:, None]
    A = np.column_stack([np.ones(n), X]) if intercept else X
    ridge = np.diag(np.sqrt(alpha * d))
    if intercept:
        ridge = np.column_stack([np.zeros(p), ridge])
    rows = np.vstack([root * A, ridge])
    B = np.linalg.lstsq(rows, np.vstack([root * Y, np.zeros((p, Y.shape[1]))]), rcond=1e-13)[0]
    return (B[1:], B[0]) if intercept else (B, np.zeros(Y.shape[1]))


def options(rng, n, p, name):
    w, f, s = np.ones(n), np.ones(p), np.ones(p)
    if name != "plain":
        w = rng.uniform(0.2, 3, n)
        f = rng.uniform(0.5, 2, p)
        s = rng.uniform(0.3, 4, p)
    if name == "zero weights, free columns":
        w[[1, 4, 5]] = 0
        f[[0, 5]] = 0
    if name == "left out":
        f[[2, 7]] = np.inf
        f[3] = 0
    return w, f, s


CASES = ["plain", "weights, factors, scale", "zero weights, free columns", "left out"]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("shape", SHAPES)
def test_closed_form(shape, case, intercept, seed):
    X, Y, rng = problem(shape, seed)
    n, p = X.shape
    w, f, s = options(rng, n, p, case)
    ridge = RidgeDecomposition(X, None if case == "plain" else w, intercept, f, s)
    assert ridge.form == {"tall": "gram", "wide": "kernel"}[shape]
    assert not ridge.free_degenerate
    assert ridge.degenerate == (shape == "wide")
    coef, b0 = ridge.coefficients(ALPHAS, Y)
    assert coef.shape == (3, 2, p)
    used = np.isfinite(f)
    for i, alpha in enumerate(ALPHAS):
        expected, expected_b0 = augmented(X[:, used], Y, alpha, w, (f * s**2)[used], intercept)
        np.testing.assert_allclose(coef[i][:, used].T, expected, rtol=1e-8, atol=1e-9)
        np.testing.assert_allclose(b0[i], expected_b0, rtol=1e-8, atol=1e-8)
    assert np.all(coef[..., ~used] == 0)
    assert ridge.duality_gap(ALPHAS, Y, coef, b0).max() < 1e-20


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("seed", range(3))
def test_normal_equations(shape, seed):
    """numpy.linalg.solve on the bordered normal equations."""
    X, Y, _ = problem(shape, seed)
    n, p = X.shape
    A = np.column_stack([np.ones(n), X])
    H = A.T @ A / n + np.diag(np.r_[0, np.full(p, 0.5)])
    expected = np.linalg.solve(H, A.T @ Y / n)
    coef, b0 = RidgeDecomposition(X).coefficients(0.5, Y)
    np.testing.assert_allclose(np.vstack([b0, coef[0].T]), expected, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("shape", SHAPES)
def test_leave_one_out_against_refits(shape, case, intercept):
    X, Y, rng = problem(shape, 1)
    n, p = X.shape
    w, f, s = options(rng, n, p, case)
    ridge = RidgeDecomposition(X, w, intercept, f, s)
    residuals = ridge.loo_residuals(ALPHAS, Y)
    assert residuals.shape == (3, n, 2)
    used = np.isfinite(f)
    for i in range(n):
        without = w.copy()
        without[i] = 0
        for k, alpha in enumerate(ALPHAS):  # the divisor sum(w) stays: alpha is put on the scale of the refit
            alpha = alpha * w.sum() / without.sum()
            B, b0 = augmented(X[:, used], Y, alpha, without, (f * s**2)[used], intercept)
            np.testing.assert_allclose(residuals[k, i], Y[i] - X[i, used] @ B - b0, rtol=1e-6, atol=1e-8)
    v = w / w.sum()
    np.testing.assert_allclose(
        ridge.loo_error(ALPHAS, Y), np.einsum("lit,i->lt", residuals**2, v), rtol=1e-12, atol=0
    )


@pytest.mark.parametrize("shape", SHAPES)
def test_leave_one_out_at_alpha_zero(shape):
    """Least squares if tall; if wide, the minimum-norm interpolant of the other rows."""
    X, Y, _ = problem(shape, 2)
    residuals = RidgeDecomposition(X).loo_residuals(0.0, Y)[0]
    for i in range(len(X)):
        others = np.arange(len(X)) != i
        mean, mean_y = X[others].mean(axis=0), Y[others].mean(axis=0)
        B = np.linalg.lstsq(X[others] - mean, Y[others] - mean_y, rcond=1e-10)[0]
        np.testing.assert_allclose(residuals[i], Y[i] - mean_y - (X[i] - mean) @ B, rtol=1e-7, atol=1e-8)


def test_leave_one_out_keeps_its_digits_for_tiny_alpha():
    """Residual and 1 - leverage both go to 0 with alpha in a wide problem; their quotient has a limit."""
    X, Y, _ = problem("wide", 3)
    ridge = RidgeDecomposition(X)
    limit = ridge.loo_residuals(0.0, Y)
    np.testing.assert_allclose(ridge.loo_residuals(1e-13, Y), limit, rtol=1e-9)


def test_leave_one_out_of_a_row_that_alone_determines_a_coefficient():
    X, Y, _ = problem("tall", 4)
    X[:, 3] = 0
    X[7, 3] = 1
    factor = np.ones(X.shape[1])
    factor[3] = 0
    residuals = RidgeDecomposition(X, penalty_factor=factor).loo_residuals([0.1], Y)[0]
    assert np.all(np.isnan(residuals[7]))
    assert np.all(np.isfinite(np.delete(residuals, 7, axis=0)))


@pytest.mark.parametrize("shape", SHAPES)
def test_effective_df_is_the_trace_of_the_hat_matrix(shape):
    X, _, rng = problem(shape, 5)
    n, p = X.shape
    w, f, s = options(rng, n, p, "zero weights, free columns")
    ridge = RidgeDecomposition(X, w, True, f, s)
    coef, b0 = ridge.coefficients(ALPHAS, np.eye(n))  # column i: the fit to the i-th unit vector
    for k in range(3):
        hat = X @ coef[k].T + b0[k]
        np.testing.assert_allclose(ridge.effective_df(ALPHAS)[k], np.trace(hat) - 1, rtol=1e-9)
    np.testing.assert_allclose(ridge.effective_df(0.0), ridge.rank + ridge.free_rank)


# -- laws of the weights


@pytest.mark.parametrize("shape", SHAPES)
def test_laws_of_weights(shape):
    X, Y, rng = problem(shape, 6)
    n = len(X)

    def fit(X, Y, w=None):
        coef, b0 = RidgeDecomposition(X, w).coefficients(ALPHAS, Y)
        return np.concatenate([coef, b0[..., None]], axis=-1)

    def same(a, b):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-11)

    same(fit(X, Y, np.ones(n)), fit(X, Y))
    w = rng.uniform(0.5, 2, n)
    same(fit(X, Y, 1e5 * w), fit(X, Y, w))
    same(fit(X, Y, 1e-300 * w), fit(X, Y, w))
    counts = rng.integers(0, 3, n).astype(float)
    repeated = np.repeat(np.arange(n), counts.astype(int))
    same(fit(X, Y, counts), fit(X[repeated], Y[repeated]))
    same(fit(X, Y, counts), fit(X[counts > 0], Y[counts > 0], counts[counts > 0]))


def test_gram_and_kernel_forms_agree():
    """Columns of zeros change the form and nothing else."""
    X, Y, rng = problem((30, 20), 7)
    factor = rng.uniform(0.5, 2, 20)
    factor[4] = 0
    tall = RidgeDecomposition(X, penalty_factor=factor)
    padded = np.hstack([X, np.zeros((30, 25))])
    wide = RidgeDecomposition(padded, penalty_factor=np.r_[factor, np.ones(25)])
    assert (tall.form, wide.form) == ("gram", "kernel")
    for alpha in (1e-6, 0.1, 10.0):
        coef, b0 = tall.coefficients(alpha, Y)
        coef_wide, b0_wide = wide.coefficients(alpha, Y)
        # b = A'a with a the residual over alpha: the rounding of A'a grows as 1 / alpha
        np.testing.assert_allclose(coef_wide[..., :20], coef, rtol=1e-9, atol=1e-13 / min(alpha, 0.01))
        np.testing.assert_allclose(b0_wide, b0, rtol=1e-9, atol=1e-13 / min(alpha, 0.01))
        assert wide.duality_gap(alpha, Y, coef_wide, b0_wide).max() < 1e-20
        assert np.all(coef_wide[..., 20:] == 0)
        loo = tall.loo_residuals(alpha, Y)  # its rounding grows with largest eigenvalue / alpha
        np.testing.assert_allclose(wide.loo_residuals(alpha, Y), loo, rtol=1e-8, atol=1e-10 + 1e-14 / alpha)
        np.testing.assert_allclose(wide.effective_df(alpha), tall.effective_df(alpha), rtol=1e-10)


# -- storage and dtype


def layouts(X):
    frozen = X.copy()
    frozen.flags.writeable = False
    strided = np.zeros((2 * X.shape[0], 3 * X.shape[1]), X.dtype)[::2, ::3]
    strided[:] = X
    yield from (np.asfortranarray(X), frozen, strided, strided[::-1][::-1])
    yield from (sp.csr_array(X), sp.csc_array(X), sp.csr_matrix(X), sp.coo_array(X))


@pytest.mark.parametrize("density", [0.04, 0.5, 1.0])
@pytest.mark.parametrize("shape", [(200, 40), (40, 200)])
def test_every_layout_gives_the_same(shape, density):
    rng = np.random.default_rng(8)
    X = rng.standard_normal(shape) + 2
    X[rng.uniform(size=shape) > density] = 0
    Y = rng.standard_normal((shape[0], 2)) + X[:, :2]
    w, f = rng.integers(0, 3, shape[0]).astype(float), rng.uniform(0.5, 2, shape[1])
    f[[2, 9]] = 0, np.inf
    base = RidgeDecomposition(X, w, True, f)
    coef, b0 = base.coefficients(ALPHAS, Y)
    loo = base.loo_residuals(ALPHAS, Y)
    for layout in layouts(X):
        before = layout.copy()
        ridge = RidgeDecomposition(layout, w, True, f)
        other, other_b0 = ridge.coefficients(ALPHAS, Y)
        np.testing.assert_allclose(other, coef, rtol=1e-9, atol=1e-11)
        np.testing.assert_allclose(other_b0, b0, rtol=1e-9, atol=1e-11)
        np.testing.assert_allclose(ridge.loo_residuals(ALPHAS, Y), loo, rtol=1e-8, atol=1e-9)
        assert ridge.duality_gap(ALPHAS, Y, other, other_b0).max() < 1e-20
        fit, dense = least_squares(layout, Y, w), least_squares(X, Y, w)
        np.testing.assert_allclose(fit.coef, dense.coef, rtol=1e-7, atol=1e-8)
        assert fit.rank == dense.rank
        assert (abs(layout - before).max() if sp.issparse(layout) else np.abs(layout - before).max()) == 0


@pytest.mark.parametrize("shape", [(300, 20), (30, 200)])
def test_float32_is_summed_in_float64(shape):
    X, Y, _ = problem(shape, 9)
    X32 = (X + 100).astype(np.float32)
    for layout in (X32, np.asfortranarray(X32), sp.csr_array(X32)):
        coef, b0 = RidgeDecomposition(layout).coefficients(ALPHAS, Y)
        expected, expected_b0 = RidgeDecomposition(X32.astype(np.float64)).coefficients(ALPHAS, Y)
        np.testing.assert_allclose(coef, expected, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(b0, expected_b0, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("shape", [(9000, 5), (3, 400_000), (300, 3600)])
def test_more_rows_or_columns_than_a_block(shape):
    rng = np.random.default_rng(3)
    X, Y = rng.standard_normal(shape) + 1, rng.standard_normal((shape[0], 1))
    ridge = RidgeDecomposition(X)
    coef, b0 = ridge.coefficients(0.1, Y)
    Z, yc = X - X.mean(axis=0), Y - Y.mean(axis=0)
    n, p = shape
    if p <= n:
        expected = np.linalg.solve(Z.T @ Z / n + 0.1 * np.eye(p), Z.T @ yc / n)
    else:
        expected = Z.T @ np.linalg.solve(Z @ Z.T / n + 0.1 * np.eye(n), yc / n)
    np.testing.assert_allclose(coef[0].T, expected, rtol=1e-8, atol=1e-12)
    assert ridge.duality_gap(0.1, Y, coef, b0).max() < 1e-20


def test_many_targets_are_taken_in_chunks(monkeypatch):
    X, Y, _ = problem("tall", 10, targets=7)
    whole = RidgeDecomposition(X).loo_error(ALPHAS, Y)
    monkeypatch.setattr(ridge_module, "TARGET_ELEMENTS", 2 * 3 * len(X))
    np.testing.assert_allclose(RidgeDecomposition(X).loo_error(ALPHAS, Y), whole, rtol=1e-12)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", [(150_000, 40), (100, 150_000)])
def test_x_is_not_copied(shape, order):
    """Peak memory of a float32 fit: some blocks and vectors of n or p, below half of a float64 copy of X."""
    X = np.asarray(np.random.default_rng(0).standard_normal(shape, dtype=np.float32), order=order)
    Y = X[:, 0].astype(np.float64)
    weight = np.ones(shape[0])
    weight[0] = 0
    tracemalloc.start()
    try:
        ridge = RidgeDecomposition(X, weight)
        coef, b0 = ridge.coefficients(0.1, Y)
        ridge.duality_gap(0.1, Y, coef, b0)
        ridge.loo_error(0.1, Y)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    blocks = 4 * 8 * BLOCK_ELEMENTS if shape[0] < shape[1] else 4 * 8 * 4096 * 40
    assert peak < min(blocks + 14 * 8 * max(shape), 8 * X.size / 2)


# -- what is hard


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("seed", range(3))
def test_alpha_zero_is_minimum_norm(shape, seed):
    X, Y, rng = problem(shape, seed)
    X[:, 3] = X[:, 1]  # collinear
    X[:, 5] = 7.7  # constant
    w = rng.uniform(0.1, 2, len(X))
    root = np.sqrt(w / w.sum())[:, None]
    mean, mean_y = np.average(X, axis=0, weights=w), np.average(Y, axis=0, weights=w)
    expected = np.linalg.lstsq(root * (X - mean), root * (Y - mean_y), rcond=1e-10)[0].T
    rank = min(X.shape[1] - 2, len(X) - 1)

    fit = least_squares(X, Y, w)
    assert (fit.rank, fit.degenerate) == (rank, True)
    np.testing.assert_allclose(fit.coef, expected, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(fit.intercept, mean_y - expected @ mean, rtol=1e-9)
    assert fit.gap.max() < 1e-25

    ridge = RidgeDecomposition(X, w)
    assert (ridge.rank, ridge.degenerate, ridge.free_degenerate) == (rank, True, False)
    coef, b0 = ridge.coefficients([0.0, 1e-11], Y)
    np.testing.assert_allclose(coef[0], expected, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(coef[1], expected, rtol=1e-5, atol=1e-7)
    assert ridge.duality_gap([0.0, 1e-11], Y, coef, b0).max() < 1e-12

    free = RidgeDecomposition(X, w, penalty_factor=np.zeros(X.shape[1]))
    assert free.free_rank == rank
    assert free.free_degenerate
    assert free.degenerate
    coef, b0 = free.coefficients([0.0, 5.0], Y)
    np.testing.assert_allclose(coef, np.stack([expected, expected]), rtol=1e-8, atol=1e-10)
    assert free.duality_gap([0.0, 5.0], Y, coef, b0).max() < 1e-20


@pytest.mark.parametrize("shape", SHAPES)
def test_collinear_free_columns(shape):
    """The penalised coefficients are unique, the free ones of minimum norm given them."""
    X, Y, _ = problem(shape, 11)
    X[:, 2] = 3 * X[:, 0]
    factor = np.ones(X.shape[1])
    factor[[0, 2]] = 0
    ridge = RidgeDecomposition(X, penalty_factor=factor)
    assert ridge.free_degenerate
    assert ridge.free_rank == 1
    coef, b0 = ridge.coefficients(ALPHAS, Y)
    single = np.delete(X, 2, axis=1)
    one, one_b0 = RidgeDecomposition(single, penalty_factor=np.delete(factor, 2)).coefficients(ALPHAS, Y)
    np.testing.assert_allclose(np.delete(coef, [0, 2], axis=-1), one[..., 1:], rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(coef[..., [0, 2]], one[..., :1] * [0.1, 0.3], rtol=1e-9)
    np.testing.assert_allclose(b0, one_b0, rtol=1e-9)
    assert ridge.duality_gap(ALPHAS, Y, coef, b0).max() < 1e-20


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("shape", SHAPES)
def test_gap_is_a_certificate(shape, intercept):
    """It bounds the suboptimality of any coefficients, and is near it for good ones."""
    X, Y, rng = problem(shape, 12)
    n, p = X.shape
    w, f, s = options(rng, n, p, "zero weights, free columns")
    v, d = w / w.sum(), f * s**2
    ridge = RidgeDecomposition(X, w, intercept, f, s)
    best, best_b0 = ridge.coefficients(ALPHAS, Y)

    def objective(coef, b0):
        r = Y.T - b0[..., None] - coef @ X.T
        return 0.5 * (r**2 @ v) + 0.5 * ALPHAS[:, None] * (coef**2 @ d)

    null = 0.5 * (v @ (Y - intercept * (v @ Y)) ** 2)
    for size in (1e-5, 1e-2, 1.0):
        coef = best + size * rng.standard_normal(best.shape)
        b0 = best_b0 + intercept * size * rng.standard_normal(best_b0.shape)
        gap = ridge.duality_gap(ALPHAS, Y, coef, b0)
        excess = (objective(coef, b0) - objective(best, best_b0)) / null
        assert np.all(gap >= excess * (1 - 1e-6) - 1e-13)
    assert np.all(ridge.duality_gap(ALPHAS, Y, np.zeros_like(best), best_b0 * 0) > 1e-3)


@pytest.mark.parametrize("shape", [(80, 10), (15, 40)])
@pytest.mark.parametrize("scale", [1e300, 1e-300, 1e150, 1e-150])
def test_extreme_units(shape, scale):
    X, Y, _ = problem(shape, 13)
    X = X - X.mean(axis=0)
    base, _ = RidgeDecomposition(X).coefficients(0.0, Y)
    ridge = RidgeDecomposition(X * scale)
    coef, b0 = ridge.coefficients([0.0, 1.0], Y)
    np.testing.assert_allclose(coef[0] * scale, base[0], rtol=1e-8, atol=1e-10)
    assert np.all(np.isfinite(coef))
    assert ridge.duality_gap([0.0, 1.0], Y, coef, b0).max() < 1e-12
    fit = least_squares(X * scale, Y)
    np.testing.assert_allclose(fit.coef * scale, base[0], rtol=1e-8, atol=1e-10)
    assert fit.gap.max() < 1e-20


def test_large_means_cost_no_digits():
    X, Y, _ = problem("tall", 14)
    X = np.round(X * 2**10) / 2**10  # so that adding 2**30 is exact
    for shape in ("tall", "wide"):
        A = X if shape == "tall" else X[:8]
        y = Y[: len(A)]
        coef, _ = RidgeDecomposition(A).coefficients(ALPHAS, y)
        moved, _ = RidgeDecomposition(A + 2.0**30).coefficients(ALPHAS, y)
        np.testing.assert_allclose(moved, coef, rtol=1e-7, atol=1e-9)


def test_least_squares_tells_columns_apart_that_the_gram_matrix_cannot():
    X, _, rng = problem("tall", 15)
    X[:, 1] = X[:, 0] + 1e-9 * rng.standard_normal(len(X))
    fit = least_squares(X, X @ np.ones(X.shape[1]))
    assert not fit.degenerate
    np.testing.assert_allclose(fit.coef[0], 1, rtol=1e-4)
    assert fit.gap.max() < 1e-20


def test_a_column_lost_beside_a_huge_one_is_not_certified():
    """Columns whose scales differ by 1e20 are beyond one eigen-decomposition: the gap must say so."""
    X, Y, _ = problem("tall", 16)
    X[:, 0] *= 1e20
    ridge = RidgeDecomposition(X)
    coef, b0 = ridge.coefficients([1e-3], Y)
    assert ridge.duality_gap([1e-3], Y, coef, b0).max() > 1e-6


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (2, 5), (5, 1), (5, 5), (4, 0)])
def test_small_shapes(shape):
    rng = np.random.default_rng(17)
    X, y = rng.standard_normal(shape), rng.standard_normal(shape[0])
    ridge = RidgeDecomposition(X)
    coef, b0 = ridge.coefficients([0.0, 0.1], y)
    assert coef.shape == (2, 1, shape[1])
    assert ridge.duality_gap([0.0, 0.1], y, coef, b0).max() < 1e-12
    np.testing.assert_allclose(b0[:, 0] + coef[:, 0] @ X.mean(axis=0), y.mean(), rtol=1e-10, atol=1e-12)
    assert ridge.loo_residuals([0.1], y).shape == (1, shape[0], 1)
    assert least_squares(X, y).coef.shape == (1, shape[1])


@pytest.mark.parametrize("shape", SHAPES)
def test_constant_columns_and_targets(shape):
    X, _, _ = problem(shape, 18)
    X[:, 2] = 1e8 / 3
    y = np.full(len(X), 0.1)
    ridge = RidgeDecomposition(X)
    coef, b0 = ridge.coefficients([1e-8, 1.0], y)
    assert np.all(coef == 0)
    assert np.all(b0 == 0.1)
    assert np.all(ridge.duality_gap([1e-8, 1.0], y, coef, b0) == 0)
    coef, _ = ridge.coefficients([0.0, 1e-8, 1.0], X[:, 0])
    assert np.all(coef[..., 2] == 0)


def test_infinite_alpha_fits_the_free_columns_alone():
    X, Y, _ = problem("wide", 19)
    factor = np.ones(X.shape[1])
    factor[0] = 0
    ridge = RidgeDecomposition(X, penalty_factor=factor)
    coef, b0 = ridge.coefficients(np.inf, Y)
    expected = np.polynomial.polynomial.polyfit(X[:, 0], Y, 1)
    np.testing.assert_allclose(coef[0, :, 0], expected[1], rtol=1e-10)
    np.testing.assert_allclose(b0[0], expected[0], rtol=1e-10)
    assert np.all(coef[0, :, 1:] == 0)
    assert ridge.duality_gap(np.inf, Y, coef, b0).max() < 1e-25
    line = ridge.loo_residuals(np.inf, Y)
    np.testing.assert_allclose(line, RidgeDecomposition(X[:, :1]).loo_residuals(0.0, Y), rtol=1e-9)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda X, Y: RidgeDecomposition(X, sample_weight=np.ones(3)), r"sample_weight has shape \(3,\)"),
        (lambda X, Y: RidgeDecomposition(X, sample_weight=-np.ones(60)), "sample_weight must be finite"),
        (lambda X, Y: RidgeDecomposition(X, sample_weight=np.zeros(60)), "at least one positive weight"),
        (lambda X, Y: RidgeDecomposition(X, penalty_factor=-np.ones(12)), r"penalty_factor\[0\]=-1.0"),
        (lambda X, Y: RidgeDecomposition(X, scale=np.full(12, np.inf)), r"scale\[0\]=inf; .* must be finite"),
        (lambda X, Y: RidgeDecomposition(X, scale=np.ones(3)), r"scale has shape \(3,\); X has 12 columns"),
        (lambda X, Y: RidgeDecomposition(X[:0]), "X has no rows"),
        (lambda X, Y: RidgeDecomposition(np.where(X > 2, np.nan, X)), "X has NaN or infinite entries"),
        (lambda X, Y: RidgeDecomposition(X).coefficients(-1, Y), "none negative or NaN"),
        (lambda X, Y: RidgeDecomposition(X).coefficients(1, Y[:5]), r"Y has shape \(5, 2\); X has 60 rows"),
        (lambda X, Y: RidgeDecomposition(X).duality_gap(1, Y, np.zeros(12), 0), r"coef has shape \(12,\)"),
        (lambda X, Y: least_squares(X, Y[:5]), r"Y has shape \(5, 2\); X has 60 rows"),
    ],
)
def test_bad_arguments_are_named(call, words):
    X, Y, _ = problem("tall")
    with pytest.raises(ValueError, match=words):
        call(X, Y)
