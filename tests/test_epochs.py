"""``max_epochs`` holds for each problem and alpha, whatever solver is at work and however often it comes back to an alpha."""

import numpy as np
import pytest

import reference
from random_problems import draw
from riata_engine.batch import Batch, solve
from riata_engine.solvers.path_store import CONVERGED, MAX_ITER

SOLVERS = ("gram", "residual", "working_set")
KINDS = {"plain": {}, "half-free": {"penalty_factor": np.arange(12) >= 3.0, "lower": np.where(np.arange(12) < 3, 0.0, -np.inf)}}


def nearly_alike():
    """Twelve columns that are one and the same but for 1e-2 to 1e-6 of it."""
    rng = np.random.default_rng(0)
    base = rng.standard_normal((30, 1))
    X = base + 10.0 ** -rng.uniform(2, 6, 12) * rng.standard_normal((30, 12))
    return X, base[:, 0] + rng.standard_normal(30)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("most", [1, 50, 201])
def test_a_hopeless_problem(solver, kind, most):
    X, y = nearly_alike()
    alphas = np.array([1e-3, 1e-5, 1e-7, 1e-8])
    found = solve(Batch(X, y, alphas=alphas, solver=solver, max_epochs=most, **KINDS[kind]))
    assert found.n_epochs.max() <= most
    assert (found.status[0, 1:] == MAX_ITER).all()
    assert (found.n_epochs[found.status == MAX_ITER] == most).all()
    for at, alpha in enumerate(alphas):
        problem = reference.Problem(X, y, alpha, **KINDS[kind])
        gap = reference.duality_gap(problem, found.coef[0, at], found.intercept[0, at], best_scale=True)
        assert gap == pytest.approx(found.gap[0, at], rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("most", [2, 7, 120])
def test_random_problems(solver, most):
    """Paths that are solved again from exact gradients or to less, blocks that are rejected, small ones side by side."""
    for seed in range(900, 960):
        fields, traits = draw(seed)
        found = solve(Batch(**fields, solver=solver, max_epochs=most, tol=1e-9))
        assert found.n_epochs.max() <= most, (seed, traits)
        unsolved = found.status == MAX_ITER
        assert (found.gap[found.status == CONVERGED] <= 1e-9).all(), (seed, traits)
        assert (found.gap[unsolved] > 1e-9).all(), (seed, traits)


@pytest.mark.parametrize("solver", ["gram", "working_set"])
def test_an_alpha_given_up_leaves_the_others_their_epochs(solver):
    """No alpha takes the coefficients of the one before it for want of epochs that were spent ahead of its turn."""
    X, y = nearly_alike()
    found = solve(Batch(X, y, n_alphas=30, alpha_min_ratio=1e-8, solver=solver, max_epochs=20))
    unsolved = np.flatnonzero(found.status[0] == MAX_ITER)
    assert len(unsolved) > 5
    assert (np.abs(np.diff(found.coef[0], axis=0)).max(axis=1)[unsolved[unsolved > 0] - 1] > 0).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("solver", ["gram", "working_set"])
def test_newton_steps_that_gain_nothing_end(solver, kind):
    """They count no epochs: a step after every second epoch would be fifty thousand."""
    X, y = nearly_alike()
    found = solve(Batch(X, y, alphas=[1e-5, 1e-7], solver=solver, tol=1e-14, **KINDS[kind]))
    assert found.n_cholesky.max() < 400
