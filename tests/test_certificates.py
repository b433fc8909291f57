"""The gap that riata reports is the gap: equal to the referee's, from raw X, to rounding, and no larger than tol."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

import problems
from reference import deviance_ratio, duality_gap, is_feasible, null_objective, objective, solve

#: what float64 arithmetic may cost a gap, in units of the null objective
ROUNDING = 1e-13


def certify(X, y, solution, l1_ratio, tol, **settings):
    """Every alpha of a one-problem solution converged, and its gap is honest.

    The reported gap lies between the tightest that any scaling of the residual gives and that of the residual as it is
    (scaled into feasibility), both from the raw X in extended precision.
    """
    assert (problems.status_names(solution) == "converged").all(), problems.status_names(solution)
    for i, alpha in enumerate(solution.alphas[0]):
        coef, intercept, gap = solution.coef[0, i], solution.intercept[0, i], float(solution.gap[0, i])
        one = problems.problem(X, y, alpha, l1_ratio, **settings)
        assert is_feasible(one, coef)
        assert gap <= tol
        assert solution.dev_ratio[0, i] == pytest.approx(deviance_ratio(one, coef, intercept), abs=1e-11)
        plain = duality_gap(one, coef, intercept)
        assert gap <= plain * (1 + 1e-6) + ROUNDING
        if gap < plain - ROUNDING:                       # the search for the best scale is slow, and rarely needed
            tightest = duality_gap(one, coef, intercept, best_scale=True)
            assert tightest - ROUNDING <= gap, f"alpha {i}: reported {gap}, true {tightest}"


@pytest.mark.parametrize("solver", problems.PATH_SOLVERS)
@pytest.mark.parametrize("shape", problems.SHAPES)
@pytest.mark.parametrize("l1_ratio", problems.L1_RATIOS)
@pytest.mark.parametrize("name", problems.SETTINGS)
def test_every_setting(name, l1_ratio, shape, solver):
    n, p = problems.SHAPES[shape]
    rng = np.random.default_rng([n, p, len(name)])
    X, y = problems.draw(rng, n, p)
    settings = problems.settings_for(name, rng, n, p)
    alphas = problems.grid(X, y, l1_ratio, **settings)
    solution = problems.fit(np.asfortranarray(X), y, alphas, l1_ratio=l1_ratio, solver=solver, tol=1e-8, **settings)
    assert solution.solver == solver
    certify(X, y, solution, l1_ratio, 1e-8, **settings)


@pytest.mark.parametrize("solver", ["auto", *problems.PATH_SOLVERS])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("storage", problems.STORAGES)
@pytest.mark.parametrize("shape", problems.SHAPES)
@pytest.mark.parametrize("name", ["plain", "everything"])
def test_every_storage(name, shape, storage, dtype, solver, tmp_path):
    n, p = problems.SHAPES[shape]
    rng = np.random.default_rng([n, p])
    X, y = problems.draw(rng, n, p, sparse=storage in ("csc", "csr"))
    X = X.astype(dtype)
    settings = problems.settings_for(name, rng, n, p)
    alphas = problems.grid(X, y, 0.5, **settings)
    held = problems.stored(X, storage, dtype, tmp_path)
    solution = problems.fit(held, y, alphas, l1_ratio=0.5, solver=solver, tol=1e-8, **settings)
    certify(X, y, solution, 0.5, 1e-8, **settings)


@pytest.mark.parametrize("solver", ["auto", *problems.PATH_SOLVERS])
@pytest.mark.parametrize("l1_ratio", [0.5, 1.0])
@pytest.mark.parametrize("shape", [(200, 60), (60, 200)])
def test_correlated(shape, l1_ratio, solver):
    rng = np.random.default_rng(shape)
    X, y = problems.draw(rng, *shape, correlation=0.95)
    alphas = problems.grid(X, y, l1_ratio, ratio=0.005, count=20)
    solution = problems.fit(np.asfortranarray(X), y, alphas, l1_ratio=l1_ratio, solver=solver, tol=1e-10)
    certify(X, y, solution, l1_ratio, 1e-10)


@pytest.mark.parametrize("tol", [1e-2, 1e-4, 1e-6, 1e-9, 1e-12])
@pytest.mark.parametrize("solver", problems.PATH_SOLVERS)
@pytest.mark.parametrize("l1_ratio", [0.3, 1.0])
def test_gap_keeps_every_tolerance(l1_ratio, solver, tol):
    """Loose answers must carry honest gaps too: no answer is better than what it says."""
    rng = np.random.default_rng(8)
    X, y = problems.draw(rng, 90, 40, correlation=0.7)
    alphas = problems.grid(X, y, l1_ratio, ratio=1e-3, count=15)
    solution = problems.fit(np.asfortranarray(X), y, alphas, l1_ratio=l1_ratio, solver=solver, tol=tol)
    certify(X, y, solution, l1_ratio, tol)


@pytest.mark.parametrize("name", ["plain", "weights", "offset", "no intercept", "standardize", "factors"])
@pytest.mark.parametrize("shape", problems.SHAPES)
def test_kernel_ridge(shape, name):
    n, p = problems.SHAPES[shape]
    rng = np.random.default_rng([n, p])
    X, y = problems.draw(rng, n, p)
    settings = problems.settings_for(name, rng, n, p)
    alphas = problems.grid(X, y, 0.0, **settings)
    solution = problems.fit(np.asfortranarray(X), y, alphas, l1_ratio=0.0, solver="kernel", tol=1e-10, **settings)
    assert solution.solver == "kernel"
    certify(X, y, solution, 0.0, 1e-10, **settings)


@pytest.mark.parametrize("name", ["plain", "weights", "offset", "no intercept", "standardize"])
@pytest.mark.parametrize("storage", ["fortran", "c", "csc", "csr"])
def test_least_squares(storage, name):
    rng = np.random.default_rng(4)
    X, y = problems.draw(rng, 50, 8, sparse=storage.startswith("cs"))
    settings = problems.settings_for(name, rng, 50, 8)
    solution = problems.fit(problems.stored(X, storage), y, np.array([0.0]), solver="least_squares", **settings)
    assert solution.solver == "least_squares"
    coef, intercept = solve(problems.problem(X, y, 0.0, 1.0, **settings))
    np.testing.assert_allclose(solution.coef[0, 0], coef, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(solution.intercept[0, 0], intercept, rtol=1e-9)
    certify(X, y, solution, 1.0, 1e-10, **settings)


@pytest.mark.parametrize("solver", problems.PATH_SOLVERS)
@pytest.mark.parametrize("name", ["positive and free", "everything"])
def test_half_free_features_keep_the_promise_of_tol(name, solver):
    """Converged means gap <= tol here too: projecting the residual on the signs asked for gives a dual point."""
    rng = np.random.default_rng(12)
    X, y = problems.draw(rng, 60, 12)
    settings = problems.settings_for(name, rng, 60, 12)
    alphas = problems.grid(X, y, 0.7, **settings)
    solution = problems.fit(np.asfortranarray(X), y, alphas, l1_ratio=0.7, solver=solver, tol=1e-8, **settings)
    for i, alpha in enumerate(alphas):
        one = problems.problem(X, y, alpha, 0.7, **settings)
        assert duality_gap(one, solution.coef[0, i], solution.intercept[0, i], best_scale=True) <= 1e-8


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", problems.SETTINGS)
def test_true_suboptimality_is_below_the_gap(name, seed):
    """The other side of the certificate: the objective is within gap x null objective of the referee's optimum."""
    rng = np.random.default_rng(seed)
    X, y = problems.draw(rng, 40, 10)
    settings = problems.settings_for(name, rng, 40, 10)
    alphas = problems.grid(X, y, 0.8, count=3, **settings)
    solution = problems.fit(np.asfortranarray(X), y, alphas, l1_ratio=0.8, tol=1e-3, **settings)
    for i, alpha in enumerate(alphas):
        one = problems.problem(X, y, alpha, 0.8, **settings)
        excess = objective(one, solution.coef[0, i], solution.intercept[0, i]) - objective(one, *solve(one))
        assert float(excess / null_objective(one)) <= solution.gap[0, i] + 1e-14


@hypothesis_settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(4, 40), p=st.integers(3, 40),
       name=st.sampled_from(list(problems.SETTINGS)),
       l1_ratio=st.one_of(st.sampled_from(problems.L1_RATIOS), st.floats(0.0, 1.0)),
       correlation=st.sampled_from([0.0, 0.9]), solver=st.sampled_from(["auto", *problems.PATH_SOLVERS]))
def test_any_problem(seed, n, p, name, l1_ratio, correlation, solver):
    rng = np.random.default_rng(seed)
    X, y = problems.draw(rng, n, p, correlation)
    settings = problems.settings_for(name, rng, n, p)
    if settings.get("weights") is not None and np.count_nonzero(settings["weights"]) < 4:
        settings["weights"] = settings["weights"] + 1      # too few rows for the two free columns
    alphas = problems.grid(X, y, l1_ratio if l1_ratio > 1e-3 else 0.0, **settings)
    assume(alphas[0] > 0)
    solution = problems.fit(np.asfortranarray(X), y, alphas, l1_ratio=l1_ratio, solver=solver, tol=1e-7, **settings)
    certify(X, y, solution, l1_ratio, 1e-7, **settings)
