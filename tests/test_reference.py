"""The referee on trial: against scikit-learn, against scipy on the smooth form, and against its own definitions."""

import numpy as np
import pytest
import scipy.optimize
import sklearn.linear_model as sk

from reference import (
    Problem,
    alpha_max,
    conjugate,
    duality_gap,
    kkt_violation,
    null_objective,
    objective,
    solve,
)

SETTINGS = {
    "plain": {},
    "no intercept": {"intercept": False},
    "weights": {"weights": "random"},
    "zero weights": {"weights": "some zero"},
    "offset": {"offset": "random"},
    "factors": {"penalty_factor": "mixed"},
    "free and left out": {"penalty_factor": "free and left out"},
    "standardize": {"standardize": True, "weights": "random"},
    "positive": {"lower": 0.0},
    "bounds": {"lower": -0.3, "upper": 0.4},
    "bounds, free": {"lower": -0.3, "upper": 0.4, "penalty_factor": "free and left out"},
    "positive, free": {"lower": 0.0, "penalty_factor": "free and left out"},
    "negative, free": {"upper": 0.0, "penalty_factor": "free and left out"},
    "everything": {"weights": "random", "offset": "random", "penalty_factor": "mixed", "lower": -0.5,
                   "standardize": True},
}


def make(setting, seed, n=40, p=12):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, p)) * rng.uniform(0.5, 2, p) + rng.standard_normal(p)
    y = X[:, :4] @ rng.standard_normal(4) + rng.standard_normal(n) + 3
    settings = dict(SETTINGS[setting])
    if settings.get("weights") == "random":
        settings["weights"] = rng.uniform(0.1, 3, n)
    elif settings.get("weights") == "some zero":
        settings["weights"] = rng.integers(0, 3, n).astype(float)
    if settings.get("offset") == "random":
        settings["offset"] = rng.standard_normal(n)
    if settings.get("penalty_factor") == "mixed":
        settings["penalty_factor"] = rng.uniform(0.2, 3, p)
    elif settings.get("penalty_factor") == "free and left out":
        settings["penalty_factor"] = np.r_[0.0, 0.0, np.inf, rng.uniform(0.5, 2, p - 3)]
    return X, y, settings


@pytest.mark.parametrize("l1_ratio", [0.01, 0.5, 0.99, 1.0])
@pytest.mark.parametrize("shape", [(60, 10), (20, 50)])
@pytest.mark.parametrize("positive", [False, True])
@pytest.mark.parametrize("intercept", [False, True])
def test_agrees_with_scikit_learn(l1_ratio, shape, positive, intercept):
    X, y, _ = make("plain", 1, *shape)
    settings = {"intercept": intercept, "lower": 0.0 if positive else None}
    alpha = 0.1 * alpha_max(X, y, l1_ratio=l1_ratio, **settings)
    problem = Problem(X, y, alpha, l1_ratio=l1_ratio, **settings)
    peer = sk.ElasticNet(alpha=alpha, l1_ratio=l1_ratio, fit_intercept=intercept, positive=positive, tol=1e-15,
                         max_iter=1_000_000).fit(X, y)
    assert -1e-17 < duality_gap(problem, peer.coef_, peer.intercept_) < 1e-9
    assert kkt_violation(problem, peer.coef_, peer.intercept_) < 1e-5 * alpha
    coef, intercept_ = solve(problem)
    assert objective(problem, coef, intercept_) <= objective(problem, peer.coef_, peer.intercept_) * (1 + 1e-15)
    assert abs(duality_gap(problem, coef, intercept_)) < 1e-14
    np.testing.assert_allclose(coef, peer.coef_, atol=1e-5 * abs(coef).max())


def test_agrees_with_scikit_learn_weighted_ridge():
    X, y, settings = make("weights", 2)
    w = settings["weights"]
    peer = sk.Ridge(alpha=0.3 * w.sum(), solver="cholesky").fit(X, y, sample_weight=w)
    problem = Problem(X, y, 0.3, l1_ratio=0, weights=w)
    coef, intercept = solve(problem)
    np.testing.assert_allclose(coef, peer.coef_, rtol=1e-10)
    np.testing.assert_allclose(intercept, peer.intercept_, rtol=1e-10)
    assert abs(duality_gap(problem, peer.coef_, peer.intercept_)) < 1e-14


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("l1_ratio", [0.0, 0.01, 0.5, 1.0])
@pytest.mark.parametrize("seed", range(3))
def test_exact_solver_certifies_itself(setting, l1_ratio, seed):
    """The gap of the exact solution is rounding; that of any other point bounds its distance from the optimum."""
    X, y, settings = make(setting, seed)
    alpha = 0.1 * alpha_max(X, y, l1_ratio=l1_ratio or 1.0, **settings)
    problem = Problem(X, y, alpha, l1_ratio=l1_ratio, **settings)
    coef, intercept = solve(problem)
    best = objective(problem, coef, intercept)
    null = null_objective(problem)
    assert kkt_violation(problem, coef, intercept) < 1e-12
    assert abs(duality_gap(problem, coef, intercept)) < 1e-13
    assert abs(duality_gap(problem, coef, intercept, best_scale=True)) < 1e-13
    rng = np.random.default_rng(seed + 100)
    for size in (1e-6, 1e-3, 1e-1, 1.0):
        other = np.clip(coef + size * rng.standard_normal(len(coef)), problem.lower, problem.upper)
        other[problem.left_out] = 0
        shift = intercept + size * rng.standard_normal() if problem.intercept else 0.0
        excess = float((objective(problem, other, shift) - best) / null)
        assert excess > 0
        plain = duality_gap(problem, other, shift)
        searched = duality_gap(problem, other, shift, best_scale=True)
        assert plain >= searched
        assert searched >= excess - 1e-14


@pytest.mark.parametrize("setting", SETTINGS)
def test_exact_solver_against_scipy(setting):
    """b = u - v with u, v >= 0 makes the problem smooth; L-BFGS-B solves it by another road altogether."""
    X, y, settings = make(setting, 5)
    problem = Problem(X, y, 0.1 * alpha_max(X, y, l1_ratio=0.7, **settings), l1_ratio=0.7, **settings)
    coef, intercept = solve(problem)
    p = len(coef)
    w, z, A = (np.asarray(a, dtype=float) for a in (problem.w, problem.z, problem.X))
    l1, l2 = problem.l1.astype(float), problem.l2.astype(float)

    def value(t):
        b = t[:p] - t[p:2 * p]
        r = z - t[-1] - A @ b
        slope = -(w * r) @ A + l2 * b
        return (0.5 * w @ r**2 + l1 @ (t[:p] + t[p:2 * p]) + 0.5 * l2 @ b**2,
                np.r_[slope + l1, -slope + l1, -w @ r if problem.intercept else 0.0])

    highest = np.where(problem.left_out, 0, problem.upper)
    lowest = np.where(problem.left_out, 0, -problem.lower)
    bounds = [(0, h) for h in highest] + [(0, h) for h in lowest] + [(None, None) if problem.intercept else (0, 0)]
    found = scipy.optimize.minimize(value, np.zeros(2 * p + 1), jac=True, method="L-BFGS-B", bounds=bounds,
                                    options={"maxiter": 100_000, "maxfun": 10**6, "ftol": 1e-16, "gtol": 1e-12})
    assert float(objective(problem, coef, intercept)) <= found.fun * (1 + 1e-13)
    np.testing.assert_allclose(float(objective(problem, coef, intercept)), found.fun, rtol=1e-8)


@pytest.mark.parametrize("setting", ["plain", "bounds", "positive", "everything"])
@pytest.mark.parametrize("l1_ratio", [0.0, 0.5, 1.0])
def test_conjugate_is_the_supremum(setting, l1_ratio):
    X, y, settings = make(setting, 3)
    problem = Problem(X, y, 0.4, l1_ratio=l1_ratio, **settings)
    rng = np.random.default_rng(0)
    grid = np.r_[np.linspace(-20, 20, 400_001), -0.5, -0.3, 0.4]
    u = rng.standard_normal(X.shape[1])
    finite = conjugate(problem, u)
    for j in range(X.shape[1]):
        v = grid[(grid >= problem.lower[j]) & (grid <= problem.upper[j])]
        l1, l2 = float(problem.l1[j]), float(problem.l2[j])
        highest = (u[j] * v - l1 * abs(v) - 0.5 * l2 * v**2).max()
        if np.isinf(finite[j]):
            assert highest > 1e-3                          # it grows with the edge of the grid
        else:
            np.testing.assert_allclose(float(finite[j]), highest, atol=1e-8)


def test_alpha_max_is_the_edge():
    for setting in SETTINGS:
        X, y, settings = make(setting, 7)
        edge = alpha_max(X, y, l1_ratio=0.8, **settings)
        penalised = settings.get("penalty_factor", np.ones(X.shape[1])) > 0
        above, _ = solve(Problem(X, y, edge * (1 + 1e-9), l1_ratio=0.8, **settings))
        below, _ = solve(Problem(X, y, edge * (1 - 1e-6), l1_ratio=0.8, **settings))
        assert not above[penalised].any(), setting
        assert below[penalised].any(), setting
