"""Ridge and RidgeCV against scikit-learn's contract, its numbers, and refits without a row."""

import inspect
import io
import pickle
import warnings

import joblib
import numpy as np
import pytest
import sklearn
import sklearn.linear_model as reference
from scipy import sparse
from scipy.linalg import LinAlgWarning
from scipy.optimize import nnls
from sklearn.base import clone
from sklearn.datasets import load_diabetes
from sklearn.metrics import get_scorer, make_scorer, mean_absolute_error
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, ShuffleSplit, TimeSeriesSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from riata.linear_model import ElasticNet, Ridge, RidgeCV


@parametrize_with_checks([Ridge(), Ridge(positive=True), RidgeCV(), RidgeCV(cv=3)])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


def make_data(seed=0, n=80, p=12, n_targets=None, density=None, dtype=np.float64):
    """Gaussian columns of unequal scale and mean (or a sparse matrix), and noisy targets."""
    rng = np.random.default_rng(seed)
    if density is None:
        X = rng.normal(1.0, rng.uniform(0.3, 3.0, p), size=(n, p)).astype(dtype)
    else:
        X = sparse.random_array((n, p), density=density, rng=rng, data_sampler=rng.standard_normal, format="csr")
        X = X.astype(dtype)
    Y = X @ rng.normal(size=(p, n_targets or 1)) + rng.normal(size=(n, n_targets or 1)) + 5.0
    return X, Y if n_targets else Y[:, 0]


def as_theirs(X):
    return sparse.csr_matrix(X) if sparse.issparse(X) else X


@pytest.mark.parametrize("Model", [Ridge, RidgeCV])
def test_constructor_has_scikit_learns_names_order_and_defaults(Model):
    ours = inspect.signature(Model.__init__).parameters
    theirs = inspect.signature(getattr(reference, Model.__name__).__init__).parameters
    assert list(ours) == list(theirs)
    for key in theirs:
        assert ours[key].default == theirs[key].default
        assert ours[key].kind == theirs[key].kind


@pytest.mark.parametrize("Model", [Ridge, RidgeCV])
def test_fitted_attributes_are_those_of_scikit_learn(Model):
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    ours, theirs = Model().fit(X, y), getattr(reference, Model.__name__)().fit(X, y)
    assert {name for name in vars(theirs) if name.endswith("_")} <= set(vars(ours))
    assert list(ours.feature_names_in_) == list(X.columns)


# ---------------------------------------------------------------- Ridge


@pytest.mark.parametrize("shape", [(80, 12), (20, 60)])
@pytest.mark.parametrize("density", [None, 0.3])
@pytest.mark.parametrize("weighted", [False, True, 2.5])
@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("alpha", [1e-6, 1.0, 1e4])
def test_ridge_agrees_with_scikit_learn(shape, density, weighted, fit_intercept, alpha):
    X, y = make_data(1, *shape, density=density)
    weights = np.random.default_rng(2).uniform(0.1, 4.0, len(y)) if weighted is True else weighted or None
    ours = Ridge(alpha=alpha, fit_intercept=fit_intercept).fit(X, y, weights)
    theirs = reference.Ridge(alpha=alpha, fit_intercept=fit_intercept, solver="svd")
    theirs.fit(X.toarray() if density else X, y, weights)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, rtol=1e-7)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(as_theirs(X)), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("n_targets", [None, 1, 4])
@pytest.mark.parametrize("fit_intercept", [False, True])
def test_ridge_targets_have_scikit_learns_shapes(n_targets, fit_intercept):
    X, y = make_data(3, n_targets=n_targets)
    ours, theirs = (cls(fit_intercept=fit_intercept).fit(X, y) for cls in (Ridge, reference.Ridge))
    for name in ("coef_", "intercept_"):
        assert np.shape(getattr(ours, name)) == np.shape(getattr(theirs, name))
        np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), rtol=1e-9)
    assert ours.predict(X).shape == theirs.predict(X).shape
    assert ours.n_iter_.shape == (n_targets or 1,)


@pytest.mark.parametrize("positive", [False, True])
def test_ridge_has_an_alpha_for_each_target(positive):
    X, Y = make_data(4, n_targets=4)
    alphas = np.array([0.1, 10.0, 0.1, 500.0])
    together = Ridge(alpha=alphas, positive=positive, tol=1e-7).fit(X, Y)
    for k, alpha in enumerate(alphas):
        alone = Ridge(alpha=alpha, positive=positive, tol=1e-7).fit(X, Y[:, k])
        np.testing.assert_allclose(together.coef_[k], alone.coef_, rtol=1e-6, atol=1e-8)
        np.testing.assert_allclose(together.intercept_[k], alone.intercept_, rtol=1e-6)
    if not positive:
        np.testing.assert_allclose(together.coef_, reference.Ridge(alpha=alphas).fit(X, Y).coef_, rtol=1e-9)
    with pytest.raises(ValueError, match="3 != 4"):
        Ridge(alpha=[1.0, 2.0, 3.0]).fit(X, Y)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("alpha", [0.1, 30.0])
def test_positive_ridge_is_non_negative_least_squares_on_augmented_rows(seed, alpha):
    X, y = make_data(seed)
    weights = np.random.default_rng(seed).uniform(0.2, 2.0, len(y))
    ours = Ridge(alpha=alpha, positive=True, tol=1e-7).fit(X, y, weights)
    centred, target = X - np.average(X, axis=0, weights=weights), y - np.average(y, weights=weights)
    rows = np.vstack([np.sqrt(weights)[:, None] * centred, np.sqrt(alpha) * np.eye(X.shape[1])])
    exact = nnls(rows, np.r_[np.sqrt(weights) * target, np.zeros(X.shape[1])])[0]
    np.testing.assert_allclose(ours.coef_, exact, atol=1e-6 * np.abs(exact).max())
    assert ours.coef_.min() == 0
    assert ours.n_iter_.shape == (1,)


def test_ridge_is_the_elastic_net_without_l1_at_alpha_over_n():
    X, y = make_data(5)
    net = ElasticNet(alpha=0.3, l1_ratio=0.0, tol=1e-13, max_iter=100_000).fit(X, y)
    np.testing.assert_allclose(Ridge(alpha=0.3 * len(y)).fit(X, y).coef_, net.coef_, rtol=1e-6, atol=1e-8)


def test_alpha_zero_is_least_squares_and_says_when_it_is_not_unique():
    X, y = make_data(6)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ours = Ridge(alpha=0).fit(X, y)
    np.testing.assert_allclose(ours.coef_, reference.LinearRegression().fit(X, y).coef_, rtol=1e-9)
    wide, target = make_data(6, n=15, p=40)
    with pytest.warns(LinAlgWarning, match="no unique solution"):
        ours = Ridge(alpha=0).fit(wide, target)
    np.testing.assert_allclose(ours.coef_, reference.LinearRegression().fit(wide, target).coef_, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("density", [None, 0.3])
@pytest.mark.parametrize("Model", [Ridge, RidgeCV])
def test_float32_stays_float32(Model, density):
    X, y = make_data(7, density=density, dtype=np.float32)
    single, double = Model().fit(X, y), Model().fit(X.astype(np.float64), y)
    assert single.coef_.dtype == np.float32
    assert single.intercept_.dtype == np.float32
    assert single.predict(X).dtype == np.float32
    np.testing.assert_allclose(single.coef_, double.coef_, rtol=2e-5, atol=1e-5)   # sums run in float64
    assert Model().fit(np.ones((4, 2), dtype=int), np.arange(4)).coef_.dtype == np.float64


def test_ridge_no_ops_change_no_bit():
    X, y = make_data(8)
    plain = Ridge().fit(X, y)
    for settings in ({"copy_X": False}, {"max_iter": 3}, {"tol": 0.0}, {"random_state": 1}, {"solver": "svd"},
                     {"solver": "lsqr"}, {"solver": "saga"}):  # fmt: skip
        np.testing.assert_array_equal(Ridge(**settings).fit(X, y).coef_, plain.coef_)
    assert plain.solver_ == "gram"
    assert Ridge().fit(X.T, X.T[:, 0]).solver_ == "kernel"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"alpha": -1.0}, "'alpha'"),
        ({"alpha": float("nan")}, "'alpha'"),
        ({"alpha": [1.0, 2.0]}, "2 != 1"),
        ({"alpha": "much"}, "'alpha'"),
        ({"alpha": [-1.0]}, "'alpha'"),
        ({"solver": "newton"}, "'solver'"),
        ({"solver": "lbfgs"}, "positive=True"),
        ({"solver": "svd", "positive": True}, "does not support"),
        ({"max_iter": 0}, "'max_iter'"),
        ({"tol": -1.0}, "'tol'"),
        ({"fit_intercept": 2}, "'fit_intercept'"),
    ],
)
def test_bad_ridge_arguments_are_named(settings, message):
    X, y = make_data(9)
    with pytest.raises(ValueError, match=message):
        Ridge(**settings).fit(X, y)


def test_bad_weights_are_named():
    X, y = make_data(10)
    for model in (Ridge(), RidgeCV(), RidgeCV(cv=3)):
        with pytest.raises(ValueError, match=r"sample_weight\[3\] == -1"):
            model.fit(X, y, np.where(np.arange(len(y)) == 3, -1.0, 1.0))
        with pytest.raises(ValueError, match="zero for every row"):
            model.fit(X, y, np.zeros(len(y)))
        with pytest.raises(ValueError, match="finite and > 0"):
            model.fit(X, y, -2.0)


# ---------------------------------------------------------------- RidgeCV, leave-one-out

ALPHAS = (0.01, 1.0, 30.0, 1e3)


@pytest.mark.parametrize("shape", [(60, 8), (20, 50)])
@pytest.mark.parametrize("density", [None, 0.4])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("n_targets", [None, 1, 3])
@pytest.mark.parametrize("scoring", [None, "neg_mean_absolute_error"])
def test_leave_one_out_agrees_with_scikit_learn(shape, density, weighted, fit_intercept, n_targets, scoring):
    X, y = make_data(11, *shape, density=density, n_targets=n_targets)
    weights = np.random.default_rng(3).uniform(0.2, 3.0, len(y)) if weighted else None
    settings = {"alphas": ALPHAS, "fit_intercept": fit_intercept, "scoring": scoring, "store_cv_results": True}
    ours = RidgeCV(**settings).fit(X, y, weights)
    theirs = reference.RidgeCV(**settings).fit(as_theirs(X), y, weights)
    assert ours.cv_results_.shape == theirs.cv_results_.shape
    np.testing.assert_allclose(ours.cv_results_, theirs.cv_results_, rtol=1e-5, atol=1e-7)
    assert ours.alpha_ == theirs.alpha_
    assert ours.best_score_ == pytest.approx(theirs.best_score_, rel=1e-7)
    assert ours.coef_.shape == theirs.coef_.shape
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, rtol=1e-6)
    without = RidgeCV(**settings | {"store_cv_results": False}).fit(X, y, weights)
    assert without.best_score_ == pytest.approx(ours.best_score_, rel=1e-10)
    assert not hasattr(without, "cv_results_")


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("shape", [(25, 6), (12, 30)])
def test_leave_one_out_is_the_refit_without_the_row(shape, weighted):
    X, y = make_data(12, *shape)
    weights = np.random.default_rng(4).uniform(0.2, 3.0, len(y)) if weighted else np.ones(len(y))
    model = RidgeCV(alphas=ALPHAS, store_cv_results=True, scoring="r2").fit(X, y, weights)
    for i in range(len(y)):
        rest = np.arange(len(y)) != i
        for k, alpha in enumerate(ALPHAS):
            refit = Ridge(alpha=alpha).fit(X[rest], y[rest], weights[rest])
            assert model.cv_results_[i, k] == pytest.approx(refit.predict(X[[i]])[0], rel=1e-7)


@pytest.mark.parametrize("scoring", [None, "neg_mean_squared_error", make_scorer(mean_absolute_error)])
def test_alpha_per_target_is_one_choice_for_each_target(scoring):
    X, Y = make_data(13, n_targets=4)
    Y[:, 1] = np.random.default_rng(0).normal(size=len(Y))      # noise alone: wants the largest alpha
    settings = {"alphas": ALPHAS, "scoring": scoring, "alpha_per_target": True}
    ours, theirs = RidgeCV(**settings).fit(X, Y), reference.RidgeCV(**settings).fit(X, Y)
    np.testing.assert_array_equal(ours.alpha_, theirs.alpha_)
    np.testing.assert_allclose(ours.best_score_, theirs.best_score_, rtol=1e-8)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-8)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, rtol=1e-8)
    for k in range(4):
        assert RidgeCV(alphas=ALPHAS, scoring=scoring).fit(X, Y[:, k]).alpha_ == ours.alpha_[k]


@pytest.mark.parametrize("gcv_mode", [None, "auto", "svd", "eigen"])
def test_gcv_mode_is_a_no_op(gcv_mode):
    X, y = make_data(14)
    np.testing.assert_array_equal(RidgeCV(gcv_mode=gcv_mode).fit(X, y).coef_, RidgeCV().fit(X, y).coef_)


def test_a_single_alpha_is_taken():
    X, y = make_data(15)
    for alphas in (2.0, [2.0], np.array([2.0])):
        model = RidgeCV(alphas=alphas).fit(X, y)
        assert model.alpha_ == 2.0
        np.testing.assert_allclose(model.coef_, Ridge(alpha=2.0).fit(X, y).coef_, rtol=1e-12)


# ---------------------------------------------------------------- RidgeCV, folds

FOLDS = {
    "int": 4,
    "shuffled": KFold(3, shuffle=True, random_state=0),
    "time series": TimeSeriesSplit(3),
    "random splits": ShuffleSplit(3, random_state=0),
    "repeated rows": [(np.r_[0:50, 0:20], np.arange(50, 80))],
}


@pytest.mark.parametrize("folds", FOLDS)
@pytest.mark.parametrize("density", [None, 0.4])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("scoring", [None, "neg_median_absolute_error"])
@pytest.mark.parametrize("n_targets", [None, 2])
def test_folds_agree_with_scikit_learn(folds, density, weighted, scoring, n_targets):
    X, y = make_data(16, density=density, n_targets=n_targets)
    weights = np.random.default_rng(5).uniform(0.2, 3.0, len(y)) if weighted else None
    settings = {"alphas": [0.0, *ALPHAS] if density is None else ALPHAS, "cv": FOLDS[folds], "scoring": scoring}
    ours = RidgeCV(**settings).fit(X, y, weights)
    theirs = reference.RidgeCV(**settings).fit(X.toarray() if density else X, y, weights)
    assert ours.alpha_ == theirs.alpha_
    assert ours.best_score_ == pytest.approx(theirs.best_score_, rel=1e-7)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, rtol=1e-6)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"alphas": [0.0, 1.0]}, r"alphas\[0\] == 0.0 .* > 0"),
        ({"alphas": [1.0, -1.0], "cv": 3}, r"alphas\[1\] == -1.0 .* >= 0"),
        ({"alphas": []}, "alphas"),
        ({"alphas": ["a"]}, "alphas"),
        ({"alphas": [[1.0]]}, "one-dimensional"),
        ({"scoring": "beauty"}, "'scoring'"),
        ({"scoring": 3}, "'scoring'"),
        ({"gcv_mode": "qr"}, "'gcv_mode'"),
        ({"cv": 3, "store_cv_results": True}, "store_cv_results"),
        ({"cv": 3, "alpha_per_target": True}, "alpha_per_target"),
        ({"cv": 500}, "n_splits"),
    ],
)
def test_bad_ridge_cv_arguments_are_named(settings, message):
    X, y = make_data(17)
    with pytest.raises(ValueError, match=message):
        RidgeCV(**settings).fit(X, y)


def test_leave_one_out_of_one_row_is_refused():
    with pytest.raises(ValueError, match="n_samples = 1"):
        RidgeCV().fit(np.ones((1, 2)), [1.0])
    X, y = make_data(18)
    with pytest.raises(ValueError, match="positive weight"):
        RidgeCV().fit(X, y, np.where(np.arange(len(y)) == 0, 1.0, 0.0))


# ---------------------------------------------------------------- living with scikit-learn


@pytest.mark.parametrize("model", [Ridge(), RidgeCV(), RidgeCV(cv=3)])
def test_pickle_joblib_and_clone_round_trip_bit_for_bit(model):
    X, y = make_data(19, n_targets=2)
    model = clone(model).fit(X, y)
    buffer = io.BytesIO()
    joblib.dump(model, buffer)
    buffer.seek(0)
    for copy in (pickle.loads(pickle.dumps(model)), joblib.load(buffer)):
        np.testing.assert_array_equal(copy.predict(X), model.predict(X))
    np.testing.assert_array_equal(clone(model).fit(X, y).coef_, model.coef_)


def test_pipeline_and_grid_search():
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    searches = []
    for model in (Ridge(), reference.Ridge()):
        pipeline = make_pipeline(StandardScaler().set_output(transform="pandas"), model)
        searches.append(GridSearchCV(pipeline, {"ridge__alpha": [0.1, 10.0, 100.0]}, cv=4).fit(X, y))
    ours, theirs = searches
    assert ours.best_params_ == theirs.best_params_
    np.testing.assert_allclose(ours.cv_results_["mean_test_score"], theirs.cv_results_["mean_test_score"], rtol=1e-9)
    assert list(ours.best_estimator_[-1].feature_names_in_) == list(X.columns)


def test_metadata_routing_reaches_scorer_and_splitter():
    X, y = make_data(20)
    weights = np.random.default_rng(6).uniform(0.2, 3.0, len(y))
    groups = np.arange(len(y)) // 8
    with sklearn.config_context(enable_metadata_routing=True):
        scorer = get_scorer("neg_mean_squared_error").set_score_request(sample_weight=True)
        splitter = GroupKFold(4).set_split_request(groups=True)
        for settings, metadata in (
            ({"scoring": scorer}, {"sample_weight": weights}),
            ({}, {"sample_weight": weights}),
            ({"cv": splitter}, {"groups": groups}),
            ({"cv": splitter, "scoring": scorer}, {"groups": groups, "sample_weight": weights}),
            ({"cv": 3}, {"sample_weight": weights}),
        ):
            ours, theirs = (
                cls(alphas=ALPHAS, **settings).set_fit_request(sample_weight=True).fit(X, y, **metadata)
                for cls in (RidgeCV, reference.RidgeCV)
            )
            assert ours.alpha_ == theirs.alpha_
            assert ours.best_score_ == pytest.approx(theirs.best_score_, rel=1e-8)
            np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-8)
    with pytest.raises(ValueError, match="enable_metadata_routing"):
        RidgeCV(cv=GroupKFold(4)).fit(X, y, groups=groups)


@pytest.mark.parametrize("model", [Ridge(copy_X=False), RidgeCV(), RidgeCV(cv=3)])
def test_the_callers_arrays_are_not_changed(model):
    X, y = make_data(21)
    weights = np.random.default_rng(7).uniform(size=len(y))
    before = X.copy(), y.copy(), weights.copy()
    for array in (X, y, weights):
        array.setflags(write=False)
    model.fit(X, y, weights)
    for array, copy in zip((X, y, weights), before, strict=True):
        np.testing.assert_array_equal(array, copy)
