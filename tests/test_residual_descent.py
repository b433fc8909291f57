"""The residual solver where it works hard: columns much alike, long supports, Newton steps, copies of short columns."""

import numpy as np
import pytest
from scipy import sparse

import problems
from test_certificates import certify


def alike(rng, n, p):
    """A sparse design whose columns are small changes of one another, and a target of a few of them."""
    X = rng.normal(size=(n, p)) * (rng.random((n, p)) < 0.3)
    for j in range(1, p):
        if j % 10:
            kept = rng.random(n) < 0.9
            X[kept, j] = X[kept, j - 1]
    return X, X[:, ::7] @ rng.normal(size=X[:, ::7].shape[1]) + rng.normal(size=n)


@pytest.mark.parametrize("storage", ["csc", "f"])
@pytest.mark.parametrize("name", problems.SETTINGS)
def test_every_setting_of_columns_that_are_alike(name, storage):
    n, p, l1_ratio = 60, 40, 1.0
    rng = np.random.default_rng([n, len(name)])
    X, y = alike(rng, n, p)
    settings = problems.settings_for(name, rng, n, p)
    alphas = problems.grid(X, y, l1_ratio, ratio=1e-3, **settings)
    held = sparse.csc_array(X) if storage == "csc" else np.asfortranarray(X)
    solution = problems.fit(held, y, alphas, l1_ratio=l1_ratio, solver="residual", tol=1e-9, **settings)
    certify(X, y, solution, l1_ratio, 1e-9, **settings)


def test_newton_steps_end_slow_descent():
    """Coordinate descent alone needs 47 500 epochs here."""
    rng = np.random.default_rng(4)
    X, y = alike(rng, 120, 100)
    alphas = problems.grid(X, y, 1.0, ratio=1e-4, count=10)
    solution = problems.fit(sparse.csc_array(X), y, alphas, solver="residual", tol=1e-9)
    certify(X, y, solution, 1.0, 1e-9)
    assert solution.n_epochs.sum() < 30_000


def test_one_pass_an_alpha():
    X = sparse.random_array((500, 2000), density=0.01, rng=np.random.default_rng(0), format="csc")
    y = X[:, :5].sum(axis=1) + np.random.default_rng(1).normal(size=500)
    solution = problems.fit(X, y, n_alphas=50, alpha_min_ratio=0.1)
    assert (problems.status_names(solution) == "converged").all()
    assert solution.solver == "residual"
    assert solution.n_passes <= 60


@pytest.mark.parametrize(("n", "p", "density", "solver"), [(5000, 5000, 0.01, "residual"), (20_000, 4000, 0.003, "residual"),
                                                           (20_000, 300, 0.01, "gram"), (5000, 1000, 0.2, "gram")])
def test_sparse_choice(n, p, density, solver):
    X = sparse.random_array((n, p), density=density, rng=np.random.default_rng(0), format="csc")
    assert problems.fit(X, np.asarray(X[:, 0].todense()).ravel(), n_alphas=2).solver == solver
