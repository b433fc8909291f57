"""Rows that are held out and carry nearly all the weight, or values far from the rest: what is left must not show it."""

from dataclasses import replace

import numpy as np
import pytest

from reference import Problem, duality_gap
from riata_engine.batch import STATUS, Batch, alpha_grid, solve

SOLVERS = ["gram", "working_set", "residual"]


def check(X, y, solution, weights, tol=1e-6, l1_ratio=1.0):
    """All converged, and by the independent gap, too, on the rows of positive weight."""
    assert {STATUS[code] for code in solution.status[0]} == {"converged"}
    for alpha, coef, intercept in zip(solution.alphas[0], solution.coef[0], solution.intercept[0], strict=True):
        assert duality_gap(Problem(X, y, alpha, l1_ratio, weights=weights), coef, intercept) <= 1.05 * tol


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("n", [120, 600])
@pytest.mark.parametrize("heavy", [1e6, 1e13, 1e20])
def test_nearly_all_the_weight_is_held_out(solver, n, heavy):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 200))
    y = X[:, 0] + rng.normal(size=n)
    weights = np.ones(n)
    weights[7] = heavy
    held_out = [np.arange(0, n // 6), np.arange(n // 6, n)]
    solution = solve(Batch(X, y, weights=weights, held_out=held_out, solver=solver, n_alphas=5, alpha_min_ratio=0.1))
    weights[held_out[0]] = 0
    check(X, y, solution, weights)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize(("n", "p"), [(60, 200), (600, 700)])
def test_a_value_far_from_the_rest_is_held_out(solver, n, p):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, p))
    y = X[:, 0] + X[:, 1] + 0.1 * rng.normal(size=n)
    X[3, 0] = 1e9
    held_out = [np.arange(0, n // 3), np.arange(n // 3, n)]
    solution = solve(Batch(X, y, held_out=held_out, solver=solver, alphas=np.array([0.3, 0.03])))
    check(X, y, solution, (np.arange(n) >= n // 3).astype(float))


@pytest.mark.parametrize("solver", SOLVERS)
def test_held_out_rows_in_any_layout(solver):
    rng = np.random.default_rng(1)
    X = rng.normal(size=(600, 30))
    y = X[:, 0] + rng.normal(size=600)
    rows = np.arange(600)[::2]
    given = solve(Batch(X, y, held_out=[rows], solver=solver, n_alphas=4))
    again = solve(Batch(X, y, held_out=[np.r_[rows[::-1], rows]], solver=solver, n_alphas=4))
    np.testing.assert_array_equal(given.coef, again.coef)
    for wrong in ([-1], [600]):
        with pytest.raises(ValueError, match=f"held_out has rows from {wrong[0]} to {wrong[0]}, outside the 600 of X"):
            Batch(X, y, held_out=[np.array(wrong)])


@pytest.mark.parametrize("solver", SOLVERS)
def test_units_found_for_a_grid_do_not_outlive_its_weights(solver):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 6)) + 2
    y = X[:, 0] + X[:, 1] + rng.normal(size=80)
    batch = Batch(X, y, n_alphas=3)
    alphas = alpha_grid(batch)
    weights = np.where(np.arange(80) < 40, 1.0, 0.01)
    check(X, y, solve(replace(batch, weights=weights, alphas=alphas, solver=solver)), weights)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("intercept", [True, False])
def test_standardised_columns_that_are_constant_or_nearly_so_in_a_fold(solver, intercept):
    """Nothing converged is false, and no grid is made of the rounding of a deviation."""
    rng = np.random.default_rng(2)
    X = rng.normal(size=(60, 5))
    y = X[:, 0] - X[:, 2] + rng.normal(size=60)
    X[20:, 3] = 0.1
    X[:20, 4] += 1e9
    weights = (np.arange(60) >= 20).astype(float)
    solution = solve(Batch(X, y, held_out=[np.arange(20)], standardize=True, intercept=intercept, solver=solver, n_alphas=3))
    assert solution.alphas.max() < 1e3
    codes, gaps = solution.status[0], solution.gap[0]
    for alpha, coef, b0, code, gap in zip(solution.alphas[0], solution.coef[0], solution.intercept[0], codes, gaps, strict=True):
        problem = Problem(X, y, alpha, 1.0, weights=weights, intercept=intercept, standardize=True)
        true = duality_gap(problem, coef, b0, best_scale=True)
        assert true <= 1.05e-6 or (STATUS[code] == "max_iter" and true <= 2 * gap)
