"""Paths on few features that go in one call: to the last bit what the long way gives."""

import numpy as np
import pytest

from riata_engine.batch import Batch, solve
from riata_engine.solvers import few_features

FIELDS = ("alphas", "coef", "intercept", "gap", "status", "dev_ratio", "df", "null_deviance", "n_epochs", "n_cholesky")


def both_ways(monkeypatch, *arguments, **options):
    """The solutions of the one call and of the long way, and whether the first went through to its end."""
    batch = Batch(*arguments, **options)
    assert few_features.is_plain(batch)
    went = []
    run = few_features.SmallPaths.run
    monkeypatch.setattr(few_features.SmallPaths, "run",
                        lambda tasks, *given: run(tasks, *given) or went.append(not tasks.left.any()))
    short = solve(batch)
    monkeypatch.setattr("riata_engine.batch.is_plain", lambda batch: False)
    long = solve(Batch(*arguments, **options))
    monkeypatch.undo()
    return short, long, went[0]


def arranged(X, layout):
    if layout == "strided":
        wide = np.zeros((2 * X.shape[0], 3 * X.shape[1]), X.dtype)
        wide[::2, ::3] = X
        return wide[::2, ::3]
    return np.asarray(X, order=layout)


@pytest.mark.parametrize("layout", ["C", "F", "strided"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("n", "p"), [(2, 1), (7, 3), (40, 60), (300, 9), (600, 70), (30, 128)])
def test_the_same_bits(monkeypatch, layout, dtype, n, p):
    rng = np.random.default_rng(n * p)
    X = rng.normal(size=(n, p)) * 10.0 ** rng.integers(-3, 4, p) + rng.normal(size=p)
    X[:, p // 2] = 1.5 if p > 2 else X[:, p // 2]
    Y = np.column_stack([rng.normal(size=n), X[:, 0] + 0.1 * rng.normal(size=n)])[:, 1:]      # a column of a wider array
    for options in ({"l1_ratio": 1.0}, {"l1_ratio": 0.4, "intercept": False, "n_alphas": 7}, {"alpha_min_ratio": 0.1},
                    {"l1_ratio": 0.5, "alphas": np.array([0.3, 0.01]), "tol": 1e-9}, {"stop_dev_ratio": 0.5}, {"max_epochs": 2}):
        short, long, went = both_ways(monkeypatch, arranged(X.astype(dtype), layout), Y, **options)
        assert went
        assert short.solver == long.solver == "gram"
        for name in FIELDS:
            np.testing.assert_array_equal(getattr(short, name), getattr(long, name), err_msg=name)
        assert short.n_passes == long.n_passes
        assert short.bytes_moved == long.bytes_moved


@pytest.mark.parametrize("l1_ratio", [0.5, 1.0])
@pytest.mark.parametrize(("n", "p"), [(2, 1), (9, 4), (700, 30), (40, 120)])
def test_the_same_bits_under_weights(monkeypatch, n, p, l1_ratio):
    rng = np.random.default_rng(n + p)
    X, y = rng.normal(size=(n, p)), rng.normal(size=(n, 1)) + 3.0
    counts = rng.integers(0, 3, n).astype(float)
    counts[:2] = 1.0, 2.0
    for weights in (counts, rng.uniform(size=n) * 1e5, np.full(n, 0.1)):
        short, long, went = both_ways(monkeypatch, X, y, weights=weights, l1_ratio=l1_ratio)
        assert went
        for name in FIELDS:
            np.testing.assert_array_equal(getattr(short, name), getattr(long, name), err_msg=name)


def test_weight_groups_go_in_one_call_each_with_the_bits_it_has_alone(monkeypatch):
    rng = np.random.default_rng(5)
    X, Y = rng.normal(size=(60, 11)), rng.normal(size=(60, 3))
    X[:, 4] = 0.0
    X[:20, 4] = 1.0
    weights = rng.multinomial(60, np.full(60, 1 / 60), size=9).T.astype(float)
    weights[:20, 3] = 0.0                        # a constant column there
    Y[:, 2] = np.arange(60) < 20                 # and a constant target
    options = {"target": np.arange(9) % 3, "group": np.arange(9), "l1_ratio": np.linspace(0.2, 1, 9)}
    together, long, _ = both_ways(monkeypatch, X, Y, weights=weights, **options)
    threads = solve(Batch(X, Y, weights=weights, n_threads=2, **options))
    assert together.solver == "gram"
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(together, name), getattr(long, name), err_msg=name)
        np.testing.assert_array_equal(getattr(together, name), getattr(threads, name), err_msg=name)
    for b in range(9):
        alone = solve(Batch(X, Y[:, [b % 3]], weights=weights[:, b], l1_ratio=options["l1_ratio"][b]))
        np.testing.assert_array_equal(alone.coef[0], together.coef[b])


@pytest.mark.parametrize("y", [np.full(20, 3.0), np.arange(20.0) % 2], ids=["constant", "orthogonal"])
def test_what_is_out_of_the_ordinary_goes_the_long_way(monkeypatch, y):
    X = np.repeat(np.eye(5), 4, axis=0)
    short, long, went = both_ways(monkeypatch, X, y[:, None])
    assert not went
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(short, name), getattr(long, name), err_msg=name)


def test_coefficients_so_long_that_rounding_counts_go_the_long_way(monkeypatch):
    rng = np.random.default_rng(0)
    x = rng.normal(size=50)
    X = np.column_stack([x, x + 1e-6 * rng.normal(size=50)])
    short, long, went = both_ways(monkeypatch, X, 1e6 * (X[:, 1:] - X[:, :1]), alphas=np.array([1e-9]), tol=1e-8)
    assert not went
    np.testing.assert_array_equal(short.coef, long.coef)


@pytest.mark.parametrize("change", [{"offset": np.ones(9)}, {"standardize": True}, {"l1_ratio": 0.0},
                                    {"lower": np.zeros(3)}, {"penalty_factor": np.ones(3)}, {"solver": "residual"},
                                    {"store": "sparse"}, {"held_out": [np.arange(3)]}, {"alphas": np.array([1.0, 0.0])}],
                         ids=lambda change: next(iter(change)))
def test_which_batches_are_plain(change):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(9, 3)), rng.normal(size=(9, 1))
    assert few_features.is_plain(Batch(X, y))
    assert not few_features.is_plain(Batch(X, y, **change))
    assert not few_features.is_plain(Batch(X, np.hstack([y, y])))
