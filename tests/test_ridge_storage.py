"""Ridge decomposition: laws of the weights, and the same answer for every storage and type of X."""

import tracemalloc

import numpy as np
import pytest
import scipy.sparse as sp

import riata_engine.solvers.ridge as ridge_module
from riata_engine.solvers.centred_design import BLOCK_ELEMENTS
from riata_engine.solvers.least_squares import least_squares
from riata_engine.solvers.ridge import RidgeDecomposition
from ridge_problems import ALPHAS, SHAPES, problem


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
    np.testing.assert_allclose(coef[:, 0].T, expected, rtol=1e-8, atol=1e-12)
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
