"""Descent in Gram space: float32 blocks, neighbours in a batch, stop rules, rounding floors, progress."""

import numpy as np
import pytest

import riata
from riata_engine.batch import Batch, solve


def gap_of_lasso(X, y, alpha, coef):
    """(P - D) / null objective of centred data, the residual scaled into the dual's feasible set."""
    X, y = X - X.mean(axis=0), y - y.mean()
    n = len(y)
    r = y - X @ coef
    t = np.abs(X.T @ r).max() / n
    s = min(alpha / t, (r @ y) / (r @ r))
    primal = r @ r / (2 * n) + alpha * np.abs(coef).sum()
    return (primal - (s * (r @ y) - s * s * (r @ r) / 2) / n) / (y @ y / (2 * n))


@pytest.mark.parametrize(("apart", "least"), [(1e-2, 0.02), (1e-3, 0.2)])
def test_large_blocks_of_nearly_equal_columns(apart, least):
    """More than 384 features in play: the block is float32 until that gets nowhere."""
    rng = np.random.default_rng(3)
    X = rng.standard_normal((700, 600))
    X[:, 300:] = X[:, :300] + apart * rng.standard_normal((700, 300))
    y = X[:, :300] @ rng.standard_normal(300) + rng.standard_normal(700)
    path = riata.fit_path(X, y, alphas=8, alpha_min_ratio=least, solver="gram")
    assert (path.status == "converged").all()
    assert (path.coef[-1] != 0).sum() > 100
    for alpha, coef in zip(path.alphas, path.coef, strict=True):
        assert gap_of_lasso(X, y, alpha, coef) <= 1.01e-6


def test_a_bound_and_nearly_equal_columns_without_penalty():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((50, 3))
    X[:, 1] = X[:, 0] + 1e-4 * rng.standard_normal(50)
    y = (X[:, 1] - X[:, 0]) * 3e4 + 0.1 * rng.standard_normal(50)
    path = riata.fit_path(X, y, alphas=[0.0], lower=[-np.inf, 0, -np.inf])
    optimum = np.linalg.lstsq(X - X.mean(axis=0), y - y.mean(), rcond=None)[0]      # the bound does not bind
    assert optimum[1] > 0
    np.testing.assert_allclose(path.coef[0], optimum, rtol=1e-5)
    assert path.status[0] == "converged"


@pytest.mark.parametrize("shape", [(60, 500), (100, 1000), (200, 2000)])
@pytest.mark.parametrize("solver", ["working_set", "gram"])
def test_a_target_has_the_same_bits_alone_and_in_a_batch(shape, solver):
    """Sizes at which working sets take several rounds, and the pool's order is made by all targets."""
    n, p = shape
    rng = np.random.default_rng(5)
    X = np.asfortranarray(rng.standard_normal((n, p)))
    Y = X[:, :9].reshape(n, 3, 3).sum(axis=2) + rng.standard_normal((n, 3))
    together = solve(Batch(X, Y, solver=solver, n_alphas=30, alpha_min_ratio=0.05))
    for k in range(3):
        alone = solve(Batch(X, Y[:, k], solver=solver, n_alphas=30, alpha_min_ratio=0.05))
        np.testing.assert_array_equal(alone.coef[0], together.coef[k])
        np.testing.assert_array_equal(alone.gap[0], together.gap[k])
        np.testing.assert_array_equal(alone.n_epochs[0], together.n_epochs[k])


@pytest.mark.parametrize("rule", [{"stop_dev_ratio": 0.9}, {"stop_dev_change": 1e-3}])
def test_early_stops_mean_the_same_to_every_solver(rule):
    """A feature without a penalty explains most: deviance is relative to the null model all the same."""
    rng = np.random.default_rng(1)
    X = rng.standard_normal((200, 40))
    y = 5 * X[:, 0] + X[:, 1:6].sum(axis=1) + rng.standard_normal(200)
    factor = np.ones(40)
    factor[0] = 0
    solved = [(solve(Batch(X, y, penalty_factor=factor, solver=solver, **rule)).status[0] == 0).sum()
              for solver in ("gram", "working_set", "residual")]
    assert solved[0] == solved[1] == solved[2] < 100


@pytest.mark.parametrize("solver", ["gram", "working_set"])
def test_a_tolerance_below_rounding_ends(solver):
    rng = np.random.default_rng(2)
    X = rng.standard_normal((60, 300))
    y = X[:, :5].sum(axis=1) + rng.standard_normal(60)
    path = riata.fit_path(X, y, alphas=20, tol=1e-15, solver=solver)
    assert set(path.status) <= {"converged", "max_iter"}
    assert path.gap.max() < 1e-13
    assert path.n_epochs.sum() < 50_000


@pytest.mark.parametrize("solver", ["gram", "working_set", "residual"])
def test_progress_counts_what_is_accepted(solver):
    rng = np.random.default_rng(4)
    X = rng.standard_normal((100, 1000))
    y = X[:, :5].sum(axis=1) + rng.standard_normal(100)
    seen = []
    riata.fit_path(X, y, alphas=50, solver=solver, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (50, 50)
    assert seen == sorted(seen)


SMALL = {
    "plain": {},
    "p = 100": {"p": 100},
    "one feature": {"p": 1},
    "lasso": {"l1_ratio": 1.0},
    "positive": {"lower": 0.0},
    "bounds": {"lower": -0.1, "upper": 0.2},
    "penalty factors": {"penalty_factor": True},
    "nearly a lasso": {"l1_ratio": 0.999},
    "float32 tolerance": {"tol": 1e-4},
    "tight": {"tol": 1e-11},
    "columns alike": {"rho": 0.999},
    "early stop": {"stop_dev_change": 1e-2},
}


@pytest.mark.parametrize("name", SMALL)
def test_small_problems_have_the_same_bits_alone_and_beside_others(name):
    """They share a Gram matrix: none may tell with whom."""
    case = {"p": 37, "l1_ratio": 0.5, "rho": 0.0, **SMALL[name]}
    p, rho = case.pop("p"), case.pop("rho")
    rng = np.random.default_rng(8)
    X = rng.standard_normal((150, p)) * (1 - rho) + rho * rng.standard_normal((150, 1))
    X[:, p // 2] *= p == 1                                       # a constant column
    Y = X[:, :5] @ rng.standard_normal((X[:, :5].shape[1], 11)) + 0.3 * rng.standard_normal((150, 11))
    for bound in ("lower", "upper"):
        if bound in case:
            case[bound] = np.full(p, case[bound])
    if "penalty_factor" in case:
        case["penalty_factor"] = rng.uniform(0.2, 2.0, p)
        case["penalty_factor"][0] = np.inf
    case = {"n_alphas": 40, "alpha_min_ratio": 1e-3, "solver": "gram", **case}
    together = solve(Batch(X, Y, n_threads=1, **case))
    assert set(np.unique(together.status)) <= {0, 5}              # converged, or left out by the early stop
    assert np.nanmax(np.where(together.status == 0, together.gap, 0.0)) <= case.get("tol", 1e-6)
    shared = solve(Batch(X, Y, n_threads=2, **case))
    np.testing.assert_array_equal(shared.coef, together.coef)
    for k in range(Y.shape[1]):
        alone = solve(Batch(X, Y[:, k], n_threads=1, **case))
        for field in ("coef", "gap", "n_epochs", "dev_ratio", "status"):
            np.testing.assert_array_equal(getattr(alone, field)[0], getattr(together, field)[k], err_msg=field)
