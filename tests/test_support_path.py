"""Paths on few features from support to support (cpu/support_path.pyx): the optima of descent, and descent where that ends."""

import numpy as np
import pytest

from reference import Problem, objective
from riata_engine.batch import Batch, solve
from riata_engine.solvers.path_store import CONVERGED


def data(n, p, seed, kind="plain"):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p))
    if kind == "correlated":
        X = 0.97 * rng.normal(size=(n, 1)) + 0.25 * X
    if kind == "twins":
        X[:, 1] = X[:, 0]
        X[:, 3] = -X[:, 2]
    if kind == "sum":
        X[:, 2] = X[:, 0] + X[:, 1]
    if kind == "orthogonal":                     # all knots of one size at once
        X = np.linalg.qr(X)[0]
        return X, X.sum(axis=1)
    y = X[:, : max(1, p // 3)].sum(axis=1) + rng.normal(size=n)
    return X, y


@pytest.mark.parametrize("l1_ratio", [1.0, 0.5, 0.02])
@pytest.mark.parametrize("kind", ["plain", "correlated", "twins", "sum", "orthogonal"])
@pytest.mark.parametrize(("n", "p"), [(30, 5), (60, 40), (200, 100), (25, 24)])
@pytest.mark.parametrize("options", [{}, {"lower": 0.0}, {"penalty": True, "intercept": False}, {"upper": 0.0, "weights": True}],
                         ids=["plain", "positive", "factors", "negative"])
def test_the_optima_of_descent(n, p, kind, options, l1_ratio):
    X, y = data(n, p, n + p, kind)
    rng = np.random.default_rng(p)
    fields = {"l1_ratio": l1_ratio, "intercept": options.get("intercept", True)}
    for bound in ("lower", "upper"):
        if bound in options:
            fields[bound] = np.where(np.arange(p) % 3 == 1, np.inf if bound == "upper" else -np.inf, 0.0)
    if "penalty" in options:
        fields["penalty_factor"] = rng.uniform(0.5, 2.0, p)
    if "weights" in options:
        fields["weights"] = rng.uniform(0.2, 1.0, n)
    found = solve(Batch(X, y[:, None], n_alphas=40, alpha_min_ratio=1e-3, solver="gram", tol=1e-7, **fields))
    exact = solve(Batch(X, y[:, None], alphas=found.alphas, solver="residual", tol=1e-13, **fields))
    assert (found.status == CONVERGED).all()
    assert (found.gap <= 1e-7).all()
    for l in range(40):
        problem = Problem(X, y, found.alphas[0, l], **fields)
        best, null = objective(problem, exact.coef[0, l], exact.intercept[0, l]), exact.null_deviance[0] / 2
        assert objective(problem, found.coef[0, l], found.intercept[0, l]) - best <= 1.01e-7 * null
    if kind == "plain" and n > p:
        assert found.n_epochs.sum() == 0           # it went to the end of the path


def test_between_two_knots_the_path_is_a_line():
    X, y = data(80, 12, 3)
    ends = solve(Batch(X, y[:, None], n_alphas=300, alpha_min_ratio=1e-2)).alphas[0]
    path = solve(Batch(X, y[:, None], alphas=ends, tol=1e-10)).coef[0]
    support = path != 0
    same = (support[:-2] == support[1:-1]).all(axis=1) & (support[1:-1] == support[2:]).all(axis=1)
    assert same.sum() > 200
    share = ((ends[:-2] - ends[1:-1]) / (ends[:-2] - ends[2:]))[:, None]
    middle = path[:-2] + share * (path[2:] - path[:-2])
    np.testing.assert_allclose(path[1:-1][same], middle[same], atol=1e-10)


def test_equal_alphas_and_alphas_above_the_largest():
    X, y = data(50, 8, 1)
    top = solve(Batch(X, y[:, None])).alphas[0, 0]
    alphas = np.array([5.0, 1.0, 1.0, 0.5, 0.5, 0.1, 0.1]) * top
    path = solve(Batch(X, y[:, None], alphas=alphas))
    assert (path.coef[0, :3] == 0).all()
    np.testing.assert_allclose(path.coef[0, 3], path.coef[0, 4], rtol=1e-12)
    np.testing.assert_allclose(path.coef[0, 5], path.coef[0, 6], rtol=1e-12)
    assert (path.n_epochs == 0).all()
    assert (path.n_cholesky[0] > 0).any()


def test_a_path_that_stops_early_skips_the_rest():
    X, y = data(60, 10, 2)
    path = solve(Batch(X, y[:, None], stop_dev_ratio=0.5))
    done = path.status[0] == CONVERGED
    assert 0 < done.sum() < 100
    assert path.dev_ratio[0, done][-1] >= 0.5 > path.dev_ratio[0, done][-2]
    assert np.isnan(path.coef[0, ~done]).all()


def test_more_features_than_rows_end_in_descent_and_converge():
    X, y = data(20, 90, 4)
    path = solve(Batch(X, y[:, None], alpha_min_ratio=1e-6, tol=1e-9))
    assert (path.status == CONVERGED).all()
    assert (path.gap <= 1e-9).all()
