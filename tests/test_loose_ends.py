"""Answers where there is nothing to explain, nothing to choose, or no time: what users met at the edges."""

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

import problems
import riata
from random_problems import draw
from riata_engine.batch import STATUS, Batch, solve

SOLVERS = ["gram", "working_set", "residual"]


@pytest.mark.parametrize(("n", "p", "free"), [(20, 60, 21), (20, 60, 22), (64, 500, 70)])
def test_free_features_that_fit_y_leave_no_grid_of_rounding(n, p, free):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, p))
    y = X[:, 0] + rng.standard_normal(n)
    with pytest.warns(ConvergenceWarning, match="degenerate"):
        path = riata.fit_path(X, y, penalty_factor=np.r_[np.zeros(free), np.ones(p - free)], alphas=5)
    assert path.alphas[0] == 1.0
    assert set(path.status) == {"degenerate"}
    expected = np.linalg.lstsq(X[:, :free] - X[:, :free].mean(axis=0), y - y.mean())[0]
    np.testing.assert_allclose(path.coef, np.tile(np.r_[expected, np.zeros(p - free)], (5, 1)), atol=1e-9)


def test_thousands_of_free_features_take_no_minute():
    rng = np.random.default_rng(1)
    X = rng.standard_normal((64, 4000))
    y = rng.standard_normal(64)
    with pytest.warns(ConvergenceWarning, match="degenerate"):
        path = riata.fit_path(X, y, penalty_factor=np.r_[np.zeros(2000), np.ones(2000)], alphas=[1.0, 0.1], time_budget=20)
    assert set(path.status) == {"degenerate"}
    np.testing.assert_allclose(path.predict(X)[:, 0], y, atol=1e-9)


@pytest.mark.parametrize("solver", SOLVERS)
def test_of_equal_columns_none_keeps_rounding(solver):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 4))
    y = X @ np.array([2, -1, 0.5, 0]) + rng.standard_normal(60)
    path = riata.fit_path(np.hstack([X, X, X]), y, alphas=20, solver=solver)
    nonzero = path.coef[path.coef != 0]
    assert np.abs(nonzero).min() > 1e-9


def test_weights_of_one_member_leave_the_others_alone():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((60, 8)), rng.standard_normal(60)
    weights = rng.uniform(size=(60, 3)) * [1, 1e300, 1e-300]
    many = riata.fit_batch(X, np.c_[y, -y, y], weights=weights, alphas=[0.01])
    assert (many.status == "converged").all()
    for b, target in enumerate((y, -y, y)):
        np.testing.assert_allclose(many[b].coef, riata.fit_path(X, target, weights=weights[:, b], alphas=[0.01]).coef, rtol=1e-6)


@pytest.mark.parametrize("solver", ["gram", "working_set"])
def test_time_that_ran_out_before_a_certificate_is_time_budget(solver):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((64, 2000))
    Y = X[:, :20] @ rng.standard_normal((20, 30)) + rng.standard_normal((64, 30))
    found = solve(Batch(np.asfortranarray(X), Y, alphas=np.array([0.0]), lower=np.zeros(2000), solver=solver, time_budget=0.05))
    assert {STATUS[code] for code in np.unique(found.status)} <= {"converged", "time_budget"}
    assert (found.status == STATUS.index("time_budget")).any()
    assert np.isnan(found.coef[found.status == STATUS.index("time_budget")]).all()


def test_ridge_folds_of_wide_data_go_by_their_kernel():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((40, 1500))
    y = X[:, :5].sum(axis=1) + rng.standard_normal(40)
    mixed = riata.cross_validate_path(X, y, l1_ratio=[0, 0.5], cv=4, alphas=5)
    assert mixed.path.solver == "kernel+residual"
    for k, l1_ratio in enumerate([0, 0.5]):
        alone = riata.cross_validate_path(X, y, l1_ratio=l1_ratio, cv=4, alphas=5)
        np.testing.assert_allclose(mixed.deviance_mean[k], alone.deviance_mean[0], rtol=1e-5)
    assert riata.cross_validate_path(X, y, l1_ratio=0, cv=4, alphas=5).path.solver == "kernel"


@pytest.mark.parametrize("solver", [*SOLVERS, "kernel"])
def test_ridge_stops_early_at_the_same_alpha(solver):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((50, 80))
    y = X[:, :5].sum(axis=1) + rng.standard_normal(50)
    path = riata.fit_path(X, y, l1_ratio=0, alphas=8, stop_dev_ratio=0.5, solver=solver)
    assert path.status.tolist() == ["converged"] * 4 + ["skipped"] * 4
    assert np.isnan(path.coef[4:]).all()


@pytest.mark.parametrize("store", ["dense", "sparse"])
@pytest.mark.parametrize("l1_ratio", [0.0, 1.0])
@pytest.mark.parametrize("rule", [{"stop_dev_ratio": 0.8}, {"stop_dev_change": 0.03}])
@pytest.mark.parametrize("solver", [*SOLVERS, "kernel", "auto"])
def test_least_squares_behind_an_early_stop_is_skipped(solver, rule, l1_ratio, store):
    """By the share of deviance, the first target stops before its last alpha above zero, the second there, the third never."""
    if solver == "kernel" and l1_ratio:
        return
    rng = np.random.default_rng(3)
    X = rng.standard_normal((120, 40))
    signal = X[:, :8] @ rng.standard_normal(8)
    Y = np.column_stack([signal, signal, rng.standard_normal(120)]) + 0.1 * rng.standard_normal((120, 3))
    alphas = np.tile(np.r_[np.geomspace(1, 1e-2, 7) / max(l1_ratio, 0.1), 0.0], (3, 1))
    alphas[1, :-1] *= 100.0 / np.geomspace(1, 100, 7)[::-1]             # only its last but one is of use
    alphas[1, -2] = 1e-2
    batch = Batch(X, Y, alphas=alphas, l1_ratio=l1_ratio, solver=solver, store=store, **rule)
    found = problems.status_names(solve(batch)).tolist()
    free = problems.status_names(solve(Batch(X, Y, alphas=alphas, l1_ratio=l1_ratio, solver=solver))).tolist()
    assert free == [["converged"] * 8] * 3
    for path in found:
        assert path == ["converged"] * path.count("converged") + ["skipped"] * path.count("skipped")
    if "stop_dev_ratio" in rule:
        assert [path.count("skipped") for path in found[1:]] == [1, 0]
    assert found[0][-1] == "skipped"
    together = solve(batch)
    for k in range(3):
        alone = solve(Batch(X, Y[:, k], alphas=alphas[k], l1_ratio=l1_ratio, solver=solver, store=store, **rule))
        assert problems.status_names(alone).tolist() == [found[k]]
        skipped = np.array(found[k]) == "skipped"
        assert np.isnan(together.gap[k, skipped]).all()
        if store == "dense":
            np.testing.assert_array_equal(together.coef[k], alone.coef[0])
            assert np.isnan(together.coef[k, skipped]).all()
        else:
            assert together.coef[k][np.flatnonzero(skipped)].nnz == 0


@pytest.mark.parametrize("solver", SOLVERS)
def test_sparse_results_hold_nothing_behind_an_early_stop(solver):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((100, 10))
    y = X[:, :5].sum(axis=1) + rng.standard_normal(100)
    found = solve(Batch(np.asfortranarray(X), y, penalty_factor=np.r_[0.0, np.ones(9)], stop_dev_ratio=0.5, store="sparse",
                        solver=solver))
    behind = np.flatnonzero(found.status[0] == STATUS.index("skipped"))
    assert len(behind)
    assert found.coef[0][behind].nnz == 0


@pytest.mark.parametrize("solver", ["auto", "working_set"])
@pytest.mark.parametrize(("n", "p"), [(300, 200), (300, 2000)])
def test_non_negative_least_squares_by_working_sets(n, p, solver):
    rng = np.random.default_rng(1)
    X = np.asfortranarray(rng.standard_normal((n, p)))
    y = X @ (np.maximum(rng.standard_normal(p), 0) * (rng.uniform(size=p) < 0.1)) + 3 * rng.standard_normal(n)
    found = problems.fit(X, y, np.array([0.0]), lower=np.zeros(p), solver=solver, time_budget=30)
    assert problems.status_names(found).tolist() == [["converged"]]


def test_df_of_ridge_counts_the_rank_of_free_features():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((50, 5))
    X[:, 1] = X[:, 0]
    y = X.sum(axis=1) + rng.standard_normal(50)
    df = [solve(Batch(np.asfortranarray(X), y, l1_ratio=0.0, alphas=np.array([0.5]), penalty_factor=np.r_[0.0, 0.0, np.ones(3)],
                      solver=solver)).df[0, 0] for solver in ("gram", "kernel")]
    assert df[0] == pytest.approx(df[1], rel=1e-9)


def test_weighted_working_sets_have_the_same_bits_alone():
    rng = np.random.default_rng(0)
    X = np.asfortranarray(rng.standard_normal((600, 400)))
    Y = X[:, :20] @ rng.standard_normal((20, 4)) + rng.standard_normal((600, 4))
    weights = rng.uniform(0.5, 2, 600)
    together = solve(Batch(X, Y, weights=weights, n_alphas=30, solver="working_set"))
    for t in range(4):
        alone = solve(Batch(X, Y[:, t], weights=weights, n_alphas=30, solver="working_set"))
        assert alone.coef[0].tobytes() == together.coef[t].tobytes()


@pytest.mark.parametrize("solver", SOLVERS)
def test_held_out_error_is_that_of_the_coefficients_where_free_features_are_collinear_in_a_fold(solver):
    rng = np.random.default_rng(0)
    X, held = rng.standard_normal((60, 5)), np.arange(10)
    X[10:, 1] = 5 * X[10:, 0]
    y = X.sum(axis=1) + rng.standard_normal(60)
    found = solve(Batch(np.asfortranarray(X), y, alphas=np.array([0.5, 0.1]), penalty_factor=np.r_[0.0, 0.0, np.ones(3)],
                        held_out=[held], solver=solver))
    error = y[held, None] - X[held] @ found.coef[0].T - found.intercept[0]
    np.testing.assert_allclose(found.held_out_deviance[0], (error**2).mean(axis=0), rtol=1e-9)


def test_least_squares_of_many_targets_looks_at_the_clock():
    rng = np.random.default_rng(0)
    X, Y = np.asfortranarray(rng.standard_normal((200, 3000))), rng.standard_normal((200, 2000))
    found = solve(Batch(X, Y, alphas=np.array([0.0]), time_budget=0.05, max_memory=1e7, store="none"))
    assert (found.status == STATUS.index("time_budget")).any()


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_constant_column_is_constant_whatever_the_rounding_of_its_mean(solver):
    rng = np.random.default_rng(1)
    X = rng.standard_normal((300, 6)) + rng.uniform(1, 20, 6)
    X[:, 0] = rng.uniform(1, 2)
    y = X @ rng.standard_normal(6) + rng.standard_normal(300) + 2
    found = solve(Batch(X, y, intercept=False, standardize=True, held_out=[np.arange(k, 300, 3) for k in range(3)], n_alphas=20,
                        solver=solver, tol=1e-9))
    assert (found.status == STATUS.index("converged")).all()


def test_a_constant_column_of_a_standardised_ridge_without_intercept_is_free_in_its_kernel_too():
    fields, _ = draw(507565)
    kernel = solve(Batch(**{**fields, "solver": "kernel"}))
    other = solve(Batch(**{**fields, "solver": "residual", "alphas": kernel.alphas, "tol": 1e-9}))
    np.testing.assert_allclose(kernel.dev_ratio, other.dev_ratio, atol=1e-6)
