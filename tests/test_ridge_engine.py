"""The ridge decomposition and least squares against closed forms, explicit refits and their own certificate."""

import numpy as np
import pytest

from riata_engine.batch import STATUS, Batch, solve
from riata_engine.solvers.ridge import RidgeDecomposition
from ridge_problems import ALPHAS, CASES, SHAPES, augmented, options, problem


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
    assert coef.shape == (2, 3, p)
    used = np.isfinite(f)
    for i, alpha in enumerate(ALPHAS):
        expected, expected_b0 = augmented(X[:, used], Y, alpha, w, (f * s**2)[used], intercept)
        np.testing.assert_allclose(coef[:, i, used].T, expected, rtol=1e-8, atol=1e-9)
        np.testing.assert_allclose(b0[:, i], expected_b0, rtol=1e-8, atol=1e-8)
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
    np.testing.assert_allclose(np.vstack([b0[:, 0], coef[:, 0].T]), expected, rtol=1e-9, atol=1e-10)


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
        hat = X @ coef[:, k].T + b0[:, k]
        np.testing.assert_allclose(ridge.effective_df(ALPHAS)[k], np.trace(hat) - 1, rtol=1e-9)
    np.testing.assert_allclose(ridge.effective_df(0.0), ridge.rank + ridge.free_rank)


def hat_trace(X, w, alpha, f, intercept):
    """Trace of the hat matrix, from the matrix itself; alpha = 0: its rank."""
    v = w / w.sum()
    used = np.isfinite(f)
    Z = np.sqrt(v)[:, None] * (X - (v @ X if intercept else 0.0))[:, used]
    A = Z.T @ Z + alpha * np.diag(f[used])
    return np.trace(Z @ np.linalg.pinv(A, hermitian=True) @ Z.T) + intercept


@pytest.mark.parametrize("held_out", [False, True])
@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("factor", ["ones", "some free, one out"])
@pytest.mark.parametrize("shape", SHAPES)
def test_degrees_of_freedom_are_the_trace_whatever_the_solver(shape, factor, intercept, held_out):
    X, Y, _ = problem(shape, 0)
    n, p = X.shape
    f = np.ones(p)
    if factor != "ones":
        f[:3] = 0.0, 0.0, np.inf
    alphas = np.array([3.0, 0.4, 0.01, 0.0])
    expected = []
    for rows in ([0, 1, 2], [n - 1]) if held_out else ([],):
        w = np.ones(n)
        w[rows] = 0.0
        expected.append([hat_trace(X, w, alpha, f, intercept) for alpha in alphas])
    groups = {"held_out": [np.array([0, 1, 2]), np.array([n - 1])], "group": np.array([0, 1])} if held_out else {}
    for solver in ("gram", "working_set", "residual", "kernel"):
        found = solve(Batch(X, Y[:, 0], l1_ratio=0.0, alphas=alphas, penalty_factor=f, intercept=intercept, solver=solver,
                            **groups))
        np.testing.assert_allclose(found.df, expected, rtol=1e-8, err_msg=solver)


@pytest.mark.parametrize("solver", ["gram", "working_set", "residual"])
def test_degrees_of_freedom_of_a_mixed_batch(solver):
    X, Y, _ = problem("tall", 1)
    ratio = np.array([0.0, 0.5, 1.0])
    found = solve(Batch(X, Y[:, 0], l1_ratio=ratio, group=np.zeros(3, int), alphas=np.array([0.4, 0.01]), solver=solver))
    expected = [hat_trace(X, np.ones(len(X)), alpha, np.ones(X.shape[1]), True) for alpha in (0.4, 0.01)]
    np.testing.assert_allclose(found.df[0], expected, rtol=1e-8)
    np.testing.assert_array_equal(found.df[1:], np.count_nonzero(found.coef[1:], axis=2) + 1)


@pytest.mark.parametrize("solver", ["gram", "working_set", "residual", "kernel"])
def test_degrees_of_freedom_beside_collinear_free_features_and_an_early_stop(solver):
    X, Y, _ = problem("tall", 2)
    X[:, 1] = X[:, 0]
    f = np.ones(X.shape[1])
    f[:2] = 0.0
    alphas = np.array([3.0, 0.4, 0.1])
    found = solve(Batch(X, Y[:, 0], l1_ratio=0.0, alphas=alphas, penalty_factor=f, solver=solver))
    assert (found.status == STATUS.index("degenerate")).all()
    np.testing.assert_allclose(found.df[0], [hat_trace(X, np.ones(len(X)), alpha, f, True) for alpha in alphas], rtol=1e-8)
    stopped = solve(Batch(X, Y[:, 0], l1_ratio=0.0, alphas=alphas, penalty_factor=f, solver=solver,
                          stop_dev_ratio=float(found.dev_ratio[0, 0])))
    np.testing.assert_array_equal(np.isnan(stopped.df), stopped.status == STATUS.index("skipped"))
    assert np.isnan(stopped.df).any()


@pytest.mark.parametrize("solver", ["working_set", "residual"])
def test_degrees_of_freedom_are_unknown_where_the_spectrum_does_not_fit(solver):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1600, 1500))
    found = solve(Batch(X, X[:, 0], l1_ratio=0.0, alphas=np.array([10.0]), solver=solver, max_memory=7e7))
    assert found.status[0, 0] == STATUS.index("converged")
    assert np.isnan(found.df).all()
