"""Cross-validation: each fold is the fit without its rows, each rule chooses what its definition says."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import ElasticNetCV
from sklearn.model_selection import KFold, ShuffleSplit, TimeSeriesSplit

import riata
from riata.arguments import RIDGE_MIN_RATIO
from riata.cv_choice import choose
from riata.status import CONSTANT_TARGET, END_OF_GRID

OPTIONS = {"alphas": [1.0, 0.3, 0.1, 0.03], "l1_ratio": [0.5, 1.0], "tol": 1e-14}


@pytest.fixture
def data():
    rng = np.random.default_rng(5)
    X = rng.normal(size=(45, 7))
    y = X[:, 1] * 2 - X[:, 4] + rng.normal(size=45) + 1
    return X, y


def by_hand(X, y, pairs, weights=None, **options):
    """(R, L, K) held-out deviances, one fit_path per fold and l1_ratio on copied rows."""
    ratios = options.pop("l1_ratio")
    out = np.empty((len(ratios), len(options["alphas"]), len(pairs)))
    for k, (train, test) in enumerate(pairs):
        for r, ratio in enumerate(ratios):
            path = riata.fit_path(X[train], y[train], l1_ratio=ratio,
                                  weights=None if weights is None else weights[train], **options)
            errors = (y[test, None] - path.predict(X[test])) ** 2
            out[r, :, k] = np.average(errors, axis=0, weights=None if weights is None else weights[test])
    return out


def pairs_of(cv, n):
    return [(np.setdiff1d(np.arange(n), test), test) for test in cv.folds]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("storage", [np.asarray, np.asfortranarray, sp.csc_array])
def test_folds_are_fits_without_their_rows(data, weighted, storage):
    X, y = data
    weights = np.random.default_rng(0).integers(0, 3, 45).astype(float) if weighted else None
    cv = riata.cross_validate_path(storage(X), y, cv=5, weights=weights, **OPTIONS)
    expected = by_hand(X, y, pairs_of(cv, 45), weights, **OPTIONS)
    np.testing.assert_allclose(cv.deviance, expected, rtol=1e-6)
    full = riata.fit_path(X, y, weights=weights, l1_ratio=0.5, alphas=OPTIONS["alphas"], tol=1e-14)
    np.testing.assert_allclose(cv.paths[0].coef, full.coef, atol=1e-9)


def test_it_agrees_with_scikit_learn_on_the_same_folds(data):
    X, y = data
    splitter = KFold(5, shuffle=True, random_state=3)
    cv = riata.cross_validate_path(X, y, l1_ratio=[0.3, 0.9], alphas=20, alpha_min_ratio=1e-2, cv=splitter, tol=1e-14)
    theirs = ElasticNetCV(l1_ratio=[0.3, 0.9], alphas=20, eps=1e-2, cv=splitter, tol=1e-10, max_iter=100_000)
    theirs.fit(X, y)
    np.testing.assert_allclose(cv.alphas, theirs.alphas_, rtol=1e-9)
    np.testing.assert_allclose(cv.deviance, theirs.mse_path_, rtol=1e-5)
    assert cv.alpha_min == pytest.approx(theirs.alpha_, rel=1e-9)
    assert cv.l1_ratio_min == theirs.l1_ratio_
    np.testing.assert_allclose(cv.coef_min, theirs.coef_, atol=1e-5)
    np.testing.assert_allclose(cv.intercept_min, theirs.intercept_, atol=1e-5)


def test_means_and_standard_errors(data):
    cv = riata.cross_validate_path(*data, cv=6, n_repeats=2, **OPTIONS)
    assert cv.deviance.shape == (2, 4, 12)
    np.testing.assert_allclose(cv.deviance_mean, cv.deviance.mean(axis=2))
    np.testing.assert_allclose(cv.deviance_se, cv.deviance.std(axis=2, ddof=1) / np.sqrt(12))


def test_rules_on_a_written_out_example():
    alphas = np.array([[4.0, 3.0, 2.0, 1.0], [8.0, 4.0, 2.0, 1.0]])
    mean = np.array([[9.0, 7.0, 6.0, 6.5], [9.0, 5.4, 5.0, 5.2]])
    se = np.array([[0.1, 0.1, 0.1, 0.1], [0.1, 0.1, 0.4, 0.1]])
    assert choose(mean, se, alphas) == ((1, 2), (1, 1))                # 5.4 <= 5.0 + 0.4: the larger penalty
    assert choose(mean, np.full((2, 4), np.nan), alphas) == ((1, 2), (1, 2))
    assert choose(mean[:, ::-1], se[:, ::-1], alphas[:, ::-1]) == ((1, 1), (1, 2))
    tie = np.array([[5.0, 5.0, 6.0, 5.0]])
    assert choose(tie, np.zeros((1, 4)), alphas[:1]) == ((0, 0), (0, 0))
    holes = np.array([[np.nan, 5.2, 5.0, np.nan]])
    assert choose(holes, np.full((1, 4), 0.3), alphas[:1]) == ((0, 2), (0, 1))
    with pytest.raises(RuntimeError, match="no alpha was fitted in every fold"):
        choose(np.full((1, 2), np.nan), np.zeros((1, 2)), alphas[:1, :2])


@pytest.mark.parametrize("seed", range(5))
def test_the_one_se_rule_never_takes_a_smaller_penalty(seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(40, 10))
    cv = riata.cross_validate_path(X, X[:, 0] + rng.normal(size=40), cv=5, alphas=30, seed=seed)
    assert cv.alpha_1se >= cv.alpha_min
    limit = cv.deviance_mean[cv.index_min] + cv.deviance_se[cv.index_min]
    assert cv.deviance_mean[cv.index_1se] <= limit
    larger = cv.alphas[cv.index_1se[0]] > cv.alpha_1se
    assert (cv.deviance_mean[cv.index_1se[0]][larger] > limit).all()


def test_out_of_fold_predictions_come_from_the_fold_that_held_the_row_out(data):
    X, y = data
    offset = np.linspace(-1, 1, 45)
    cv = riata.cross_validate_path(X, y, cv=5, offset=offset, **OPTIONS)
    expected = np.empty(45)
    for train, test in pairs_of(cv, 45):
        path = riata.fit_path(X[train], y[train], offset=offset[train], l1_ratio=cv.l1_ratio_min, alphas=[cv.alpha_min],
                              tol=1e-14)
        expected[test] = path.predict(X[test], cv.alpha_min, offset=offset[test])
    np.testing.assert_allclose(cv.oof_prediction, expected, atol=1e-8)
    errors = [np.mean((y[test] - cv.oof_prediction[test]) ** 2) for test in cv.folds]
    np.testing.assert_allclose(cv.deviance[cv.index_min], errors, rtol=1e-7)


def test_out_of_fold_predictions_are_means_over_repeats_and_nan_where_never_held_out(data):
    X, y = data
    repeated = riata.cross_validate_path(X, y, cv=3, n_repeats=2, l1_ratio=1.0, alphas=[0.1], tol=1e-14)
    expected = np.zeros(45)
    for train, test in pairs_of(repeated, 45):
        expected[test] += riata.fit_path(X[train], y[train], alphas=[0.1], tol=1e-14).predict(X[test])[:, 0] / 2
    np.testing.assert_allclose(repeated.oof_prediction, expected, atol=1e-8)
    ids = np.arange(45) % 4 - 1
    partial = riata.cross_validate_path(X, y, cv=ids, l1_ratio=1.0, alphas=[0.1])
    np.testing.assert_array_equal(np.isnan(partial.oof_prediction), ids < 0)


@pytest.mark.parametrize("splitter", [TimeSeriesSplit(4), ShuffleSplit(4, train_size=0.5, test_size=0.25,
                                                                       random_state=0)])
@pytest.mark.parametrize("storage", [np.asarray, sp.csc_array])
def test_folds_that_do_not_train_on_all_other_rows(data, splitter, storage):
    X, y = data
    weights = np.random.default_rng(1).uniform(0.5, 2, 45)
    cv = riata.cross_validate_path(storage(X), y, cv=splitter, weights=weights, **OPTIONS)
    expected = by_hand(X, y, list(splitter.split(X)), weights, **OPTIONS)
    np.testing.assert_allclose(cv.deviance, expected, rtol=1e-6)
    never = np.setdiff1d(np.arange(45), np.concatenate(cv.folds))
    np.testing.assert_array_equal(np.flatnonzero(np.isnan(cv.oof_prediction)), never)


def test_bootstrap_folds_count_repeated_rows(data):
    X, y = data
    rng = np.random.default_rng(2)
    pairs = []
    for _ in range(3):
        train = rng.integers(0, 45, 45)
        pairs.append((train, np.setdiff1d(np.arange(45), train)))
    cv = riata.cross_validate_path(X, y, cv=pairs, **OPTIONS)
    np.testing.assert_allclose(cv.deviance, by_hand(X, y, pairs, **OPTIONS), rtol=1e-6)


def test_unsorted_alphas_keep_their_order(data):
    X, y = data
    given = [0.03, 1.0, 0.1, 0.3]
    mixed = riata.cross_validate_path(X, y, cv=4, **{**OPTIONS, "alphas": given})
    straight = riata.cross_validate_path(X, y, cv=4, **OPTIONS)
    order = [3, 0, 2, 1]
    assert mixed.alphas[0].tolist() == given
    np.testing.assert_array_equal(mixed.deviance, straight.deviance[:, order])
    np.testing.assert_array_equal(mixed.oof_prediction, straight.oof_prediction)
    assert (mixed.alpha_min, mixed.alpha_1se) == (straight.alpha_min, straight.alpha_1se)
    np.testing.assert_array_equal(mixed.coef_min, straight.coef_min)


def test_weight_zero_is_a_row_removed(data):
    X, y = data
    weights = np.ones(45)
    weights[[3, 17, 40]] = 0
    kept = weights > 0
    with_zeros = riata.cross_validate_path(X, y, cv=5, weights=weights, **OPTIONS)
    without = riata.cross_validate_path(X[kept], y[kept], cv=5, **OPTIONS)
    np.testing.assert_allclose(with_zeros.deviance, without.deviance, rtol=1e-8)
    assert np.isnan(with_zeros.oof_prediction[~kept]).all()


def test_the_same_seed_gives_the_same_bits_for_any_number_of_threads(data):
    one, two = (riata.cross_validate_path(*data, cv=5, seed=9, n_threads=k, alphas=20, l1_ratio=[0.2, 0.8])
                for k in (1, 2))
    np.testing.assert_array_equal(one.deviance, two.deviance)
    np.testing.assert_array_equal(one.oof_prediction, two.oof_prediction)
    other = riata.cross_validate_path(*data, cv=5, seed=10, alphas=20)
    assert not np.array_equal(other.folds[0], one.folds[0])


def test_one_fold_has_no_standard_error(data):
    cv = riata.cross_validate_path(*data, cv=ShuffleSplit(1, random_state=0), **OPTIONS)
    assert np.isnan(cv.deviance_se).all()
    assert cv.index_1se == cv.index_min


def test_models_chosen_are_those_of_the_paths(data):
    X, y = data
    table = pd.DataFrame(X, columns=[f"f{j}" for j in range(7)])
    cv = riata.cross_validate_path(table, y, cv=5, **OPTIONS)
    assert cv.path is cv.paths[cv.index_min[0]]
    assert cv.feature_names == list(table.columns)
    for rule, coef, intercept in (("min", cv.coef_min, cv.intercept_min), ("1se", cv.coef_1se, cv.intercept_1se)):
        np.testing.assert_allclose(cv.predict(table, rule), X @ coef + intercept, rtol=1e-14)
    np.testing.assert_array_equal(cv.coef_min, cv.path.coef[cv.index_min[1]])
    with pytest.raises(ValueError, match="rule = 'max'"):
        cv.predict(table, "max")


def test_frame_summary_repr_and_pickle(data):
    cv = riata.cross_validate_path(*data, cv=5, **OPTIONS)
    frame = cv.to_frame()
    assert len(frame) == 8
    assert frame["alpha"][frame["chosen_min"]].tolist() == [cv.alpha_min]
    assert frame["alpha"][frame["chosen_1se"]].tolist() == [cv.alpha_1se]
    np.testing.assert_array_equal(frame["deviance_mean"], cv.deviance_mean.ravel())
    assert "48 converged" in repr(cv)
    assert len(cv.summary().splitlines()) == 4
    again = pickle.loads(pickle.dumps(cv))
    np.testing.assert_array_equal(again.coef_min, cv.coef_min)


def test_plots_are_drawn(data):
    pytest.importorskip("matplotlib").use("Agg")
    cv = riata.cross_validate_path(*data, cv=5, l1_ratio=[0.5, 1.0], alphas=10)
    assert cv.plot().lines
    assert cv.plot_heatmap() is not None


def test_one_warning_for_all_fits():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 60)) + rng.normal(size=(30, 1)) * 5
    with pytest.warns(ConvergenceWarning) as caught:
        cv = riata.cross_validate_path(X, rng.normal(size=30), cv=3, alphas=10, tol=1e-15, max_epochs=1)
    assert len(caught) == 1
    count = (cv.fold_status == "max_iter").sum() + (cv.path.status == "max_iter").sum()
    assert f"{count} max_iter" in str(caught[0].message)
    assert "of 40 fits" in str(caught[0].message)
    assert caught[0].filename == __file__


def test_constant_target(data):
    X, _ = data
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cv = riata.cross_validate_path(X, np.full(45, 3.0), cv=5, alphas=5)
    np.testing.assert_array_equal(cv.coef_min, 0)
    np.testing.assert_allclose(cv.oof_prediction, 3.0)
    assert cv.alpha_min == cv.alphas.max()


def test_progress_counts_all_fits(data):
    seen = []
    riata.cross_validate_path(*data, cv=5, progress=lambda done, total: seen.append((done, total)), **OPTIONS)
    assert seen[-1] == (2 * 6 * 4, 2 * 6 * 4)


def test_a_minimum_at_the_end_of_the_grid_is_said():
    rng = np.random.default_rng(2)
    X = rng.normal(size=(80, 6))
    y = X.sum(axis=1) + 0.01 * rng.normal(size=80)
    short = riata.cross_validate_path(X, y, alphas=10, alpha_min_ratio=0.1, cv=4)
    assert short.alpha_min == short.alphas[0, -1]
    assert short.at_end_of_grid
    assert short.summary().splitlines()[-1] == END_OF_GRID
    assert short.summary().splitlines()[2].endswith("end of the grid")
    upward = riata.cross_validate_path(X, y, alphas=short.alphas[0, ::-1], cv=4)
    assert upward.at_end_of_grid
    for cv in (riata.cross_validate_path(X, y, alphas=[0.1], cv=4), riata.cross_validate_path(X, y, alphas=[0.1, 0.0], cv=4),
               riata.cross_validate_path(X, rng.normal(size=80), alphas=30, alpha_min_ratio=1e-3, cv=4)):
        assert cv.notes == []
        assert "end of the grid" not in cv.summary()


@pytest.mark.parametrize("options", [{}, {"l1_ratio": 0.0}, {"weights": np.r_[np.ones(20), np.zeros(10)]},
                                     {"offset": np.linspace(0, 1, 30)}, {"penalty_factor": [0, 1, 1]}])
def test_a_constant_target_is_said(options):
    X = np.random.default_rng(5).normal(size=(30, 3))
    y = np.full(30, 0.1) + options.get("offset", 0.0)
    if "weights" in options:
        y[20:] = 7.0
    path = riata.fit_path(X, y, alphas=4, **options)
    assert path.notes == [CONSTANT_TARGET]
    assert path.summary().splitlines()[-1] == CONSTANT_TARGET
    np.testing.assert_allclose(path.coef, 0.0, atol=1e-20)
    cv = riata.cross_validate_path(X, y, alphas=4, cv=3, **options)
    assert cv.notes == [CONSTANT_TARGET]
    assert cv.summary().splitlines()[-1] == CONSTANT_TARGET


def test_a_target_that_varies_little_is_not_called_constant():
    X = np.random.default_rng(5).normal(size=(30, 3))
    for scale in (1e-100, 1e-200, 1e-300):
        assert riata.fit_path(X, scale * X[:, 0], alphas=4).notes == []
    assert riata.fit_path(X, np.full(30, 2.0), alphas=4, intercept=False).notes == []
    assert riata.fit_path(X, np.zeros(30), alphas=4, intercept=False).notes == [CONSTANT_TARGET]


@pytest.mark.parametrize("shape", ["diabetes", "little noise", "much noise", "wide"])
def test_the_minimum_of_ridge_lies_inside_its_grid(shape):
    rng = np.random.default_rng(8)
    if shape == "diabetes":
        X, y = load_diabetes(return_X_y=True, scaled=False)
    else:
        n, p, noise = {"little noise": (500, 30, 0.1), "much noise": (500, 30, 2.0), "wide": (100, 300, 1.0)}[shape]
        X = rng.normal(size=(n, p))
        y = X @ rng.normal(size=p)
        y += noise * y.std() * rng.normal(size=n)
    cv = riata.cross_validate_path(X, y, l1_ratio=0.0, cv=5, standardize=True)
    np.testing.assert_allclose(cv.alphas[0, -1] / cv.alphas[0, 0], RIDGE_MIN_RATIO)
    assert 5 < cv.index_min[1] < 95
    assert cv.notes == []


def test_the_grid_of_ridge_is_the_same_alone_and_among_others():
    rng = np.random.default_rng(9)
    X = rng.normal(size=(50, 6))
    y = X.sum(axis=1) + rng.normal(size=50)
    options = {"alphas": 20, "solver": "gram"}
    alone = [riata.fit_path(X, y, l1_ratio=ratio, **options) for ratio in (0.0, 0.5)]
    cv = riata.cross_validate_path(X, y, l1_ratio=[0.0, 0.5], cv=4, **options)
    both = riata.fit_batch(X, np.column_stack([y, y]), l1_ratio=[0.0, 0.5], **options)
    for r, path in enumerate(alone):
        np.testing.assert_array_equal(path.alphas, cv.alphas[r])
        np.testing.assert_array_equal(path.alphas, both.alphas[r])
        np.testing.assert_array_equal(path.coef, both.coef[r])
    given = riata.fit_path(X, y, l1_ratio=0.0, alpha_min_ratio=1e-2, **options)
    np.testing.assert_allclose(given.alphas[-1], 1e-2 * given.alphas[0])
    np.testing.assert_allclose(given.alphas[0], alone[0].alphas[0])
