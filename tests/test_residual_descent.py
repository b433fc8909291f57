"""The residual solver where it works hard: columns much alike, long supports, Newton steps, copies of short columns."""

import numpy as np
import pytest
from scipy import sparse

import problems
from riata_engine import batch
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


@pytest.mark.parametrize("n", [5, 8, 13, 50])            # below, at and between whole eights
@pytest.mark.parametrize("storage", ["fortran", "c", "strided"])
@pytest.mark.parametrize("name", ["plain", "no intercept", "zero weights", "factors", "free and left out", "standardize",
                                  "positive"])
def test_elastic_nets_on_few_rows(name, storage, n):
    """Passes leave out columns that cannot have reached the threshold: their bounds must not spoil the certificate."""
    p = 8 * n + 131
    rng = np.random.default_rng([n, len(name)])
    X, y = problems.draw(rng, n, p, correlation=0.5)
    settings = problems.settings_for(name, rng, n, p)
    alphas = problems.grid(X, y, 0.5, count=12, **settings)
    solution = problems.fit(problems.stored(X, storage), y, alphas, l1_ratio=0.5, tol=1e-8, **settings)
    assert solution.solver == "residual"
    certify(X, y, solution, 0.5, 1e-8, **settings)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_few_rows_have_the_same_bits_alone_and_on_threads(dtype):
    rng = np.random.default_rng(3)
    X, y = problems.draw(rng, 30, 400, correlation=0.5)
    X = np.asfortranarray(X, dtype=dtype)
    Y = np.column_stack([y, rng.normal(size=30), y + rng.normal(size=30)])
    folds = [np.arange(k, 30, 3) for k in range(3)]
    fields = {"l1_ratio": 0.4, "n_alphas": 15, "held_out": folds, "target": np.repeat(np.arange(3), 3),
              "group": np.tile(np.arange(3), 3)}
    together = problems.fit(X, Y, n_threads=1, **fields)
    threaded = problems.fit(X, Y, n_threads=3, **fields)
    assert together.solver == "residual"
    assert np.array_equal(together.coef, threaded.coef)
    assert np.array_equal(together.gap, threaded.gap)
    for b in range(9):
        alone = problems.fit(X, Y, **fields | {"target": np.array([b // 3]), "group": np.array([b % 3])})
        assert np.array_equal(alone.coef[0], together.coef[b])
        assert np.array_equal(alone.gap[0], together.gap[b])


@pytest.mark.parametrize(("n", "p", "l1_ratio", "solver"), [(40, 400, 0.5, "residual"), (40, 400, 1.0, "gram"),
                                                           (40, 4000, 0.8, "working_set"), (40, 4000, 0.05, "residual"),
                                                           (100, 500, 0.5, "gram")])
def test_dense_choice_on_few_rows(n, p, l1_ratio, solver):
    rng = np.random.default_rng(1)
    X, Y = np.asfortranarray(rng.normal(size=(n, p))), rng.normal(size=(n, 3))
    assert problems.fit(X, Y[:, 0], n_alphas=2, l1_ratio=l1_ratio).solver == solver
    assert problems.fit(X, Y, n_alphas=2, l1_ratio=l1_ratio).solver == solver or solver == "working_set"


@pytest.mark.parametrize("name", ["plain", "free and left out"])
def test_what_descent_on_few_rows_does_not_solve_goes_to_gram_space(name, monkeypatch):
    monkeypatch.setattr(batch, "LONG_TRY", 3)
    rng = np.random.default_rng(5)
    X, y = problems.draw(rng, 20, 250)
    X[:, 1] = X[:, 0]                                    # free and alike: degenerate
    settings = problems.settings_for(name, rng, 20, 250)
    solution = problems.fit(np.asfortranarray(X), y, l1_ratio=0.5, n_alphas=6, **settings)
    assert solution.solver == "residual+gram"
    assert (problems.status_names(solution) == ("converged" if name == "plain" else "degenerate")).all()
    assert solution.gap.max() <= 1e-6
