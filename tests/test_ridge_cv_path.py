"""Cross-validation of ridge without refits: equal to refits, for every kind of fold, weight and shape."""

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import TimeSeriesSplit

import riata
from riata_engine.batch import RidgeDecomposition

ALPHAS = [1e-3, 3.0, 0.1]


def draw(n, p, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p)) * rng.uniform(0.3, 3, p) + 1
    return X, X[:, :3].sum(axis=1) + rng.normal(size=n), rng


@pytest.mark.parametrize("shape", [(60, 9), (24, 50), (20, 20)])
@pytest.mark.parametrize("weights", [None, "random", "zeros"])
@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("cv", ["loo", 5, "uneven"])
def test_errors_are_those_of_refits(shape, weights, intercept, cv):
    n, p = shape
    X, y, rng = draw(n, p)
    w = {None: None, "random": rng.uniform(0.2, 2, n), "zeros": np.r_[np.zeros(4), rng.uniform(0.2, 2, n - 4)]}[weights]
    used = np.arange(n) if w is None else np.flatnonzero(w)
    ids = np.full(n, -1)
    ids[used] = np.arange(len(used))
    if cv == "uneven":
        ids[used] = np.repeat([0, 1, 2, 3], [2, 3, 4, len(used) - 9])
    if cv == 5:
        ids[used] = rng.integers(0, 5, len(used))
    fast = riata.ridge_cv_path(X, y, alphas=ALPHAS, cv=cv if cv == "loo" else ids, weights=w, intercept=intercept)
    slow = riata.cross_validate_path(X, y, l1_ratio=0, alphas=ALPHAS, cv=ids, weights=w, intercept=intercept, tol=1e-14)
    np.testing.assert_allclose(fast.deviance, slow.deviance[0], rtol=1e-7, atol=1e-10)
    np.testing.assert_allclose(fast.coef, slow.paths[0].coef, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(fast.intercept, slow.paths[0].intercept, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(fast.df, slow.paths[0].df)
    np.testing.assert_allclose(fast.dev_ratio, slow.paths[0].dev_ratio, atol=1e-9)
    if cv != "loo":                                       # whose rows count as much as their weights
        np.testing.assert_allclose(fast.deviance_mean, slow.deviance_mean[0], rtol=1e-7)
        np.testing.assert_allclose(fast.deviance_se, slow.deviance_se[0], rtol=1e-6)
        assert (fast.alpha_min, fast.alpha_1se) == (slow.alpha_min, slow.alpha_1se)
        np.testing.assert_allclose(fast.oof_prediction, slow.oof_prediction, rtol=1e-6)


def test_repeated_grouped_and_stratified_folds():
    X, y, _ = draw(40, 6)
    for options in ({"cv": 4, "n_repeats": 3, "seed": 2}, {"cv": 3, "groups": np.arange(40) // 3}, {"cv": 4, "stratify": 3}):
        fast = riata.ridge_cv_path(X, y, alphas=ALPHAS, **options)
        slow = riata.cross_validate_path(X, y, l1_ratio=0, alphas=ALPHAS, tol=1e-14, **options)
        np.testing.assert_allclose(fast.deviance, slow.deviance[0], rtol=1e-7)
        np.testing.assert_allclose(fast.oof_prediction, slow.oof_prediction)


@pytest.mark.parametrize("storage", [sp.csc_array, sp.csr_array, np.asfortranarray, lambda X: X.astype(np.float32)])
def test_storage_and_offset(storage):
    X, y, _ = draw(40, 6)
    X = X.astype(np.float32).astype(np.float64)
    offset = np.linspace(-3, 3, 40)
    plain = riata.ridge_cv_path(X, y - offset)
    other = riata.ridge_cv_path(storage(X), y, offset=offset)
    np.testing.assert_allclose(other.deviance, plain.deviance, rtol=1e-7)
    np.testing.assert_allclose(other.oof_prediction, plain.oof_prediction + offset)
    np.testing.assert_allclose(other.predict(X, offset=offset), plain.predict(X) + offset)


def test_gcv_and_leave_one_out_against_the_hat_matrix():
    X, y, _ = draw(30, 5)
    Z, c = X - X.mean(axis=0), y - y.mean()
    result = riata.ridge_cv_path(X, y, alphas=[0.2])
    H = Z @ np.linalg.solve(Z.T @ Z + 30 * 0.2 * np.eye(5), Z.T) + 1 / 30
    assert result.gcv[0] == pytest.approx(np.mean((y - H @ c - y.mean()) ** 2) / (1 - np.trace(H) / 30) ** 2)
    left = np.linalg.solve(Z.T @ Z + 29 * 0.2 * np.eye(5), Z.T)                # a refit has 29 rows
    hat = Z @ left + 1 / 30
    press = (c - Z @ (left @ c)) / (1 - np.diag(hat))
    np.testing.assert_allclose(result.deviance[0], press**2)
    assert result.deviance_mean[0] == pytest.approx(np.mean(press**2))
    assert result.deviance_se[0] == pytest.approx(np.std(press**2, ddof=1) / np.sqrt(30))


def test_scikit_learn_keeps_the_penalty_of_the_sum():
    X, y, _ = draw(30, 5)
    alphas = np.array([0.01, 0.1, 1.0, 10.0])
    theirs = RidgeCV(alphas=alphas * 29, store_cv_results=True).fit(X, y)
    ours = riata.ridge_cv_path(X, y, alphas=alphas)
    np.testing.assert_allclose(ours.deviance.T, theirs.cv_results_)
    assert ours.alpha_min * 29 == pytest.approx(theirs.alpha_)


def test_small_stacks_give_the_same(monkeypatch):
    X, y, _ = draw(50, 7)
    whole = [riata.ridge_cv_path(X, y, cv=cv).deviance for cv in ("loo", 6)]
    monkeypatch.setattr("riata_engine.solvers.ridge_folds.HELD", 1)
    for cv, expected in zip(("loo", 6), whole, strict=True):
        np.testing.assert_allclose(riata.ridge_cv_path(X, y, cv=cv).deviance, expected, rtol=1e-10)


def test_table_and_text():
    X, y, _ = draw(30, 5)
    result = riata.ridge_cv_path(X, y)
    assert len(result.to_frame()) == 100
    assert "alpha_min" in repr(result)
    assert "gcv" in result.summary()
    assert result.alphas[result.index_gcv] == result.alpha_gcv
    with pytest.raises(ValueError, match="rule = 'bic' must be"):
        result.predict(X, rule="bic")


@pytest.mark.parametrize(("options", "error", "message"), [
    ({"alphas": [1.0, 0.0]}, ValueError, "alphas holds 0; ridge_cv_path needs alphas above 0"),
    ({"cv": TimeSeriesSplit(3)}, ValueError, "cv gives folds that do not train on every row"),
    ({"cv": "gcv"}, TypeError, "cv = 'gcv' must be"),
    ({"weights": np.r_[1.0, np.zeros(29)]}, ValueError, "cv = 'loo' needs at least 2 rows with a positive weight, got 1"),
])
def test_bad_arguments(options, error, message):
    X, y, _ = draw(30, 5)
    with pytest.raises(error, match=message):
        riata.ridge_cv_path(X, y, **options)


def test_the_engine_refuses_free_columns():
    X, y, _ = draw(30, 5)
    decomposition = RidgeDecomposition(X, penalty_factor=np.r_[0.0, np.ones(4)])
    with pytest.raises(ValueError, match="1 columns have no penalty"):
        decomposition.held_out_residuals(np.ones((1, 1)), y, [np.arange(3)])


def test_rows_left_out_one_at_a_time_count_by_their_weights_however_asked_for():
    X, y, rng = draw(30, 5)
    w = rng.uniform(0.1, 3, 30)
    by_name = riata.ridge_cv_path(X, y, weights=w)
    for cv in (riata.resampling.leave_one_out(30), np.arange(30)):
        same = riata.ridge_cv_path(X, y, weights=w, cv=cv)
        np.testing.assert_array_equal(same.deviance_mean, by_name.deviance_mean)
        np.testing.assert_array_equal(same.deviance_se, by_name.deviance_se)
    np.testing.assert_allclose(by_name.deviance_mean, np.average(by_name.deviance, axis=1, weights=w))


@pytest.mark.parametrize("options", [{"groups": np.arange(30) // 3}, {"stratify": 3}, {"n_repeats": 2}])
def test_what_leave_one_out_does_not_heed_is_refused(options):
    X, y, _ = draw(30, 5)
    with pytest.raises(ValueError, match="is given, and cv = 'loo' leaves out one row at a time"):
        riata.ridge_cv_path(X, y, **options)
