"""Hard numbers: huge and tiny scales, constant and duplicate columns, no variance, one row, collinearity."""

import numpy as np
import pytest
import scipy.linalg
from riata_engine.cpu.control import Control, Stopped
from riata_engine.cpu.moments import moments, scan

import problems
from reference import alpha_max, duality_gap, kkt_violation, null_objective, objective, solve

SOLVERS = ["auto", *problems.PATH_SOLVERS]


def fit_on_grid(X, y, solver, l1_ratio=0.7, tol=1e-9, count=5, **settings):
    alphas = problems.grid(X, y, l1_ratio, count=count, **settings)
    return alphas, problems.fit(np.asfortranarray(X), y, alphas, l1_ratio=l1_ratio, solver=solver, tol=tol, **settings)


def assert_certified(X, y, alphas, l1_ratio, solution, tol, **settings):
    assert (problems.status_names(solution) == "converged").all(), problems.status_names(solution)
    for i, alpha in enumerate(alphas):
        one = problems.problem(X, y, alpha, l1_ratio, **settings)
        assert np.isfinite(solution.coef[0, i]).all()
        assert duality_gap(one, solution.coef[0, i], solution.intercept[0, i], best_scale=True) <= 1.05 * tol


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("scale", [1e-300, 1e-160, 1e-30, 1e30, 1e150, 1e300])
def test_scale_of_y(scale, solver):
    """Lasso: coefficients, gap and alpha_max are those of scale 1, times the scale."""
    rng = np.random.default_rng(0)
    X, y = problems.draw(rng, 50, 10)
    y = y / np.abs(y).max() / 8                          # so that 1e300 y stays below the largest number
    common = {"solver": solver, "n_alphas": 6, "tol": 1e-10, "alpha_min_ratio": 0.01}
    one = problems.fit(np.asfortranarray(X), y, **common)
    scaled = problems.fit(np.asfortranarray(X), y * scale, **common)
    np.testing.assert_allclose(scaled.alphas, one.alphas * scale, rtol=1e-11)
    np.testing.assert_allclose(scaled.coef / scale, one.coef, atol=1e-5 * np.abs(one.coef).max())
    assert_certified(X, y * scale, scaled.alphas[0], 1.0, scaled, 1e-10)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize("scale", [1e-280, 1e-160, 1e-30, 1e30, 1e150, 1e280])
def test_scale_of_x(scale, standardize, solver):
    rng = np.random.default_rng(1)
    X, y = problems.draw(rng, 50, 10)
    common = {"solver": solver, "n_alphas": 6, "tol": 1e-10, "alpha_min_ratio": 0.01, "standardize": standardize}
    one = problems.fit(np.asfortranarray(X), y, **common)
    scaled = problems.fit(np.asfortranarray(X * scale), y, **common)
    np.testing.assert_allclose(scaled.alphas, one.alphas * (1.0 if standardize else scale), rtol=1e-11)
    np.testing.assert_allclose(scaled.coef * scale, one.coef, atol=1e-5 * np.abs(one.coef).max())
    assert_certified(X * scale, y, scaled.alphas[0], 1.0, scaled, 1e-10, standardize=standardize)


@pytest.mark.parametrize("solver", SOLVERS)
def test_columns_of_every_scale_at_once(solver):
    rng = np.random.default_rng(2)
    X, y = problems.draw(rng, 60, 9)
    units = 10.0 ** np.array([-200, -100, -30, -8, 0, 8, 30, 100, 200])
    plain = problems.fit(np.asfortranarray(X), y, n_alphas=6, standardize=True, solver=solver, tol=1e-10)
    mixed = problems.fit(np.asfortranarray(X * units), y, n_alphas=6, standardize=True, solver=solver, tol=1e-10)
    np.testing.assert_allclose(mixed.alphas, plain.alphas, rtol=1e-10)
    np.testing.assert_allclose(mixed.coef * units, plain.coef, atol=1e-5 * np.abs(plain.coef).max())


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("value", [0.0, 1.0, 0.1, 1e8])
@pytest.mark.parametrize("standardize", [False, True])
def test_constant_columns(value, dtype, standardize, solver):
    rng = np.random.default_rng(3)
    X, y = problems.draw(rng, 40, 6)
    X[:, [1, 4]] = value
    X = X.astype(dtype)
    alphas = problems.grid(np.delete(X, [1, 4], axis=1), y, 0.7, standardize=standardize)
    full = problems.fit(np.asfortranarray(X), y, alphas, l1_ratio=0.7, standardize=standardize, solver=solver, tol=1e-9)
    assert not full.coef[0][:, [1, 4]].any()
    assert_certified(X, y, alphas, 0.7, full, 1e-9, standardize=standardize)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("l1_ratio", [0.0, 0.3, 1.0])
def test_duplicate_and_opposite_columns(l1_ratio, solver):
    rng = np.random.default_rng(4)
    X, y = problems.draw(rng, 40, 6)
    X = np.column_stack([X, X[:, :3], -X[:, 3:5], X[:, 0]])
    alphas, solution = fit_on_grid(X, y, solver, l1_ratio=l1_ratio)
    assert_certified(X, y, alphas, l1_ratio, solution, 1e-9)
    if l1_ratio == 0:
        np.testing.assert_allclose(solution.coef[0][:, 0], solution.coef[0][:, 6], atol=1e-4)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("level", [0.0, 4.0, 0.1, 1e8])
def test_constant_target(level, solver):
    """No variance to explain: zeros, the level as intercept, gap 0, and a dev_ratio that is no NaN."""
    rng = np.random.default_rng(5)
    X, _ = problems.draw(rng, 30, 5)
    solution = problems.fit(np.asfortranarray(X), np.full(30, level), np.array([1.0, 0.1]), solver=solver)
    assert not solution.coef.any()
    np.testing.assert_allclose(solution.intercept, level, rtol=1e-15)
    assert (problems.status_names(solution) == "converged").all()
    assert not solution.gap.any()
    assert not solution.dev_ratio.any()
    own_grid = problems.fit(np.asfortranarray(X), np.full(30, level), n_alphas=4, solver=solver)
    assert not own_grid.coef.any()
    assert np.isfinite(own_grid.alphas).all()


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("intercept", [False, True])
def test_one_row(intercept, solver):
    X, y = np.array([[2.0, -1.0, 0.5]]), np.array([3.0])
    solution = problems.fit(np.asfortranarray(X), y, np.array([4.0, 1.0, 0.1]), intercept=intercept, solver=solver)
    if intercept:
        assert not solution.coef.any()
        np.testing.assert_array_equal(solution.intercept[0], 3.0)
    else:
        np.testing.assert_allclose(solution.coef[0][:, 0], np.maximum(6 - np.array([4.0, 1.0, 0.1]), 0) / 4, rtol=1e-6)
        assert not solution.coef[0][:, 1:].any()


@pytest.mark.parametrize("solver", ["auto", "working_set", "residual"])
@pytest.mark.parametrize("n", [2, 3, 5])
def test_tiny_n_huge_p(n, solver):
    rng = np.random.default_rng(n)
    X = np.asfortranarray(rng.standard_normal((n, 20_000)))
    y = rng.standard_normal(n)
    solution = problems.fit(X, y, n_alphas=8, alpha_min_ratio=0.05, solver=solver, tol=1e-8)
    assert solution.alphas[0, 0] == pytest.approx(alpha_max(X, y), rel=1e-10)
    assert_certified(X, y, solution.alphas[0], 1.0, solution, 1e-8)


@pytest.mark.parametrize("solver", ["auto", "gram", "working_set"])
def test_unpenalised_collinear_features(solver):
    """x2 = x0 + x1, all three free: the fitted values are those of a basis, the answer the one of least norm."""
    rng = np.random.default_rng(6)
    X, y = problems.draw(rng, 50, 8)
    X[:, 2] = X[:, 0] + X[:, 1]
    factor = np.r_[0.0, 0.0, 0.0, np.ones(5)]
    alphas, solution = fit_on_grid(X, y, solver, penalty_factor=factor)
    fewer = np.delete(X, 2, axis=1)
    for i, alpha in enumerate(alphas):
        coef, intercept = solution.coef[0, i], solution.intercept[0, i]
        smaller = problems.problem(fewer, y, alpha, 0.7, penalty_factor=np.delete(factor, 2))
        expected = solve(smaller)
        distance = problems.prediction_distance(X, (coef, intercept), (np.insert(expected[0], 2, 0.0), expected[1]))
        assert distance <= problems.certified_distance(null_objective(smaller), 1e-9)
        free = coef[:3]
        # along the null direction (1, 1, -1) nothing may be left, in the metric of the columns' scales (powers of two)
        assert np.abs(free).max() <= 10 * np.abs(expected[0][:2]).max()
    assert set(problems.status_names(solution).ravel()) <= {"converged", "degenerate"}


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("mean", [1e4, 1e8])
def test_huge_means_small_variance(mean, dtype, solver):
    """The data as stored (float32 keeps little of the variance) are the problem; the answer to that must be right."""
    rng = np.random.default_rng(7)
    X, y = problems.draw(rng, 60, 8)
    X = (X + mean * rng.choice([-1.0, 1.0], 8)).astype(dtype)
    y = y + mean
    if dtype == np.float32 and mean == 1e8:
        X[::2] += 64.0                                   # else every column is constant
    alphas, solution = fit_on_grid(X, y, solver)
    assert_certified(X, y, alphas, 0.7, solution, 1e-9)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("l1_ratio", [0.5, 1.0])
def test_hilbert(l1_ratio, solver):
    """Condition number 1e13 and more: the certificate holds, and the objective is the optimum's."""
    X = scipy.linalg.hilbert(12)
    y = X @ np.ones(12) + 1e-3 * np.sin(np.arange(12))
    alphas, solution = fit_on_grid(X, y, solver, l1_ratio=l1_ratio, tol=1e-8)
    assert_certified(X, y, alphas, l1_ratio, solution, 1e-8)


@pytest.mark.parametrize("solver", [solver for solver in SOLVERS if solver != "residual"])
def test_polynomial_features(solver):
    """Unscaled powers of x up to 1e12, standardised."""
    x = np.linspace(0, 10, 200)
    X = np.column_stack([x**k for k in range(1, 13)])
    y = np.sin(x) + 0.1 * np.cos(37 * x)
    alphas, solution = fit_on_grid(X, y, solver, l1_ratio=0.9, standardize=True, tol=1e-7)
    assert_certified(X, y, alphas, 0.9, solution, 1e-7, standardize=True)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("weight", [1e-300, 1e300])
def test_extreme_weights(weight, solver):
    rng = np.random.default_rng(8)
    X, y = problems.draw(rng, 40, 6)
    w = weight * rng.uniform(0.5, 2, 40)
    alphas, solution = fit_on_grid(X, y, solver, weights=w)
    assert_certified(X, y, alphas, 0.7, solution, 1e-9, weights=w)


@pytest.mark.parametrize("solver", SOLVERS)
def test_one_row_outweighs_all(solver):
    rng = np.random.default_rng(9)
    X, y = problems.draw(rng, 40, 6)
    w = np.ones(40)
    w[3] = 1e12
    alphas, solution = fit_on_grid(X, y, solver, weights=w)
    assert_certified(X, y, alphas, 0.7, solution, 1e-9, weights=w)


@pytest.mark.parametrize("solver", SOLVERS)
def test_perfect_fit_has_a_finite_end(solver):
    """y exactly in the span of X: the objective goes to zero with alpha, the relative gap stays meaningful."""
    rng = np.random.default_rng(10)
    X, _ = problems.draw(rng, 30, 60)
    y = X[:, :3] @ np.array([1.0, -2.0, 3.0])
    alphas = alpha_max(X, y) * np.geomspace(1, 1e-6, 10)
    solution = problems.fit(np.asfortranarray(X), y, alphas, solver=solver, tol=1e-9, max_epochs=1_000_000)
    assert_certified(X, y, alphas, 1.0, solution, 1e-9)


@pytest.mark.parametrize("solver", SOLVERS)
def test_bounds_that_hold_everything(solver):
    """Bounds far tighter than the optimum: every coefficient sits on its own, and the certificate knows it."""
    rng = np.random.default_rng(11)
    X, y = problems.draw(rng, 40, 6)
    bounds = {"lower": np.full(6, -1e-9), "upper": np.full(6, 1e-9)}
    alphas = alpha_max(X, y, **bounds) * np.array([0.01, 0.001])
    solution = problems.fit(np.asfortranarray(X), y, alphas, solver=solver, tol=1e-12, **bounds)
    for i, alpha in enumerate(alphas):
        one = problems.problem(X, y, alpha, 1.0, **bounds)
        coef, intercept = solve(one)
        np.testing.assert_array_equal(solution.coef[0, i], coef)
        assert float(objective(one, solution.coef[0, i], solution.intercept[0, i])) == pytest.approx(
            float(objective(one, coef, intercept)), rel=1e-13)
        assert kkt_violation(one, solution.coef[0, i], solution.intercept[0, i]) < 1e-12


@pytest.mark.parametrize("storage", ["fortran", "c", "strided", "csc"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_first_looks_at_x_share_columns_among_threads_and_stop(storage, dtype):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((4000, 700)) + 3
    X[rng.random(X.shape) < 0.3] = 0
    kept = problems.stored(X, storage, dtype)
    v = rng.random(4000)
    v /= v.sum()
    factor = 2.0 ** rng.integers(-3, 4, 700)
    one = scan(kept, Control(), 1), moments(kept, v[None], factor[None], Control(), 1)
    two = scan(kept, Control(), 2), moments(kept, v[None], factor[None], Control(), 2)
    np.testing.assert_array_equal(one[0][0], two[0][0])
    np.testing.assert_array_equal(one[1], two[1])
    dense = X.astype(dtype).astype(float) * factor
    np.testing.assert_array_equal(one[0][0], np.abs(X.astype(dtype)).max(axis=0))
    np.testing.assert_allclose([found[0] for found in one[1]], [v @ dense, v @ (dense - v @ dense) ** 2], rtol=1e-10)
    for look in (lambda control: scan(kept, control), lambda control: moments(kept, v[None], factor[None], control)):
        with pytest.raises(Stopped):
            look(Control(time_budget=0.0))
