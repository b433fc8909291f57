"""ElasticNet, Lasso, their CV forms and path functions, against scikit-learn's contract and its numbers."""

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
from sklearn.base import clone
from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning, DataConversionWarning, NotFittedError
from sklearn.feature_selection import SelectFromModel
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, ShuffleSplit, TimeSeriesSplit, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from riata.linear_model import ElasticNet, ElasticNetCV, Lasso, LassoCV, enet_path, lasso_path

SINGLE = [ElasticNet, Lasso]
CROSS_VALIDATED = [ElasticNetCV, LassoCV]
EXACT = {"tol": 1e-14, "max_iter": 100_000}


@parametrize_with_checks([ElasticNet(), Lasso(), ElasticNetCV(), LassoCV()])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


def theirs_of(model):
    """scikit-learn's estimator of the same name."""
    return getattr(reference, model.__name__)


def make_data(seed=0, n=120, p=15, n_targets=None, density=None, dtype=np.float64):
    """A linear model with noise, columns of unequal scale and a non-zero mean."""
    rng = np.random.default_rng(seed)
    if density is None:
        X = rng.normal(1.0, rng.uniform(0.3, 3.0, p), size=(n, p))
    else:
        X = sparse.random_array((n, p), density=density, rng=rng, data_sampler=rng.standard_normal, format="csc")
    coef = np.where(rng.uniform(size=(p, n_targets or 1)) < 0.4, rng.normal(size=(p, n_targets or 1)), 0.0)
    Y = X @ coef + rng.normal(size=(n, n_targets or 1)) + 3.0
    X = X.astype(dtype)
    return X, Y if n_targets else Y[:, 0]


def objective(model, X, y, weights=None):
    """The documented objective at the fitted coefficients of one target, in float64."""
    coef = np.asarray(model.coef_, dtype=np.float64)
    loss = np.average((y - X @ coef - model.intercept_) ** 2, weights=weights) / 2
    return loss + model.alpha * (model.l1_ratio * np.abs(coef).sum() + (1 - model.l1_ratio) / 2 * coef @ coef)


# ---------------------------------------------------------------- same names


@pytest.mark.parametrize("Model", SINGLE + CROSS_VALIDATED)
def test_constructor_has_scikit_learns_names_order_and_defaults(Model):
    ours = inspect.signature(Model.__init__).parameters
    theirs = inspect.signature(theirs_of(Model).__init__).parameters
    assert list(ours) == list(theirs)
    for key in theirs:
        assert ours[key].default == theirs[key].default
        assert ours[key].kind == theirs[key].kind


@pytest.mark.parametrize("Model", SINGLE + CROSS_VALIDATED)
def test_fitted_attributes_are_those_of_scikit_learn(Model):
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    ours, theirs = Model().fit(X, y), theirs_of(Model)().fit(X, y)
    public = {name for name in vars(theirs) if name.endswith("_") and not name.startswith("_")}
    assert public <= set(vars(ours))
    for name in public:
        assert np.shape(getattr(ours, name)) == np.shape(getattr(theirs, name)), name
    assert list(ours.feature_names_in_) == list(X.columns)
    assert ours.n_features_in_ == 10


# ---------------------------------------------------------------- same numbers


@pytest.mark.parametrize("alpha", [1e-3, 0.03, 1.0, 1e3])
@pytest.mark.parametrize("kind", ["dense", "csc", "csr", "fortran"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("positive", [False, True])
@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("Model", SINGLE)
def test_coefficients_agree_with_scikit_learn(Model, alpha, kind, weighted, positive, fit_intercept):
    X, y = make_data(seed=1, density=0.3 if kind.startswith("cs") else None)
    X_theirs = sparse.csc_matrix(X) if sparse.issparse(X) else X
    if kind == "csr":
        X = X.tocsr()
    elif kind == "fortran":
        X = np.asfortranarray(X)
    weights = np.random.default_rng(2).integers(0, 4, len(y)).astype(float) if weighted else None
    settings = {"alpha": alpha, "positive": positive, "fit_intercept": fit_intercept, **EXACT}
    ours = Model(**settings).fit(X, y, weights)
    theirs = theirs_of(Model)(**settings).fit(X_theirs, y, weights)
    scale = np.abs(theirs.coef_).max() + 1e-12
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=2e-6 * scale, rtol=0)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, atol=1e-5 * (1 + abs(theirs.intercept_)))
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X_theirs), atol=1e-5 * np.abs(y).max())
    assert ours.score(X, y) == pytest.approx(theirs.score(X_theirs, y), abs=1e-8)


@pytest.mark.parametrize("l1_ratio", [0.0, 0.2, 1.0])
def test_diabetes_agrees_with_scikit_learn(l1_ratio):
    X, y = load_diabetes(return_X_y=True)
    settings = {"alpha": 0.05, "l1_ratio": l1_ratio, **EXACT}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # scikit-learn's advice against l1_ratio=0
        theirs = reference.ElasticNet(**settings).fit(X, y)
    ours = ElasticNet(**settings).fit(X, y)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize("n_targets", [None, 1, 3])
@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("Model", SINGLE)
def test_targets_have_scikit_learns_shapes_and_are_solved_one_by_one(Model, n_targets, fit_intercept):
    X, y = make_data(seed=3, n_targets=n_targets)
    settings = {"alpha": 0.05, "fit_intercept": fit_intercept, **EXACT}
    ours, theirs = Model(**settings).fit(X, y), theirs_of(Model)(**settings).fit(X, y)
    for name in ("coef_", "intercept_", "n_iter_", "dual_gap_"):
        assert np.shape(getattr(ours, name)) == np.shape(getattr(theirs, name)), name
    assert ours.predict(X).shape == theirs.predict(X).shape
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-6)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, atol=1e-5)
    assert type(ours.sparse_coef_) is type(theirs.sparse_coef_)
    np.testing.assert_array_equal(ours.sparse_coef_.toarray(), np.atleast_2d(ours.coef_))
    if n_targets:
        for k in range(n_targets):
            alone = Model(**settings).fit(X, y[:, k]).coef_
            np.testing.assert_allclose(np.atleast_2d(ours.coef_)[k], alone, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("Model", SINGLE + CROSS_VALIDATED)
@pytest.mark.parametrize("density", [None, 0.4])
def test_float32_stays_float32(Model, density):
    X, y = make_data(seed=4, density=density)
    single = Model().fit(X.astype(np.float32), y)
    double = Model().fit(X, y)
    assert single.coef_.dtype == np.float32
    assert np.asarray(single.intercept_).dtype == np.float32
    assert single.predict(X.astype(np.float32)).dtype == np.float32
    assert double.coef_.dtype == np.float64
    np.testing.assert_allclose(single.predict(X), double.predict(X), atol=2e-2 * np.std(y))
    assert Model().fit((10 * X).astype(int), y).coef_.dtype == np.float64


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("weighted", [False, True])
def test_dual_gap_bounds_the_distance_to_the_optimum_in_units_of_the_objective(seed, weighted):
    X, y = make_data(seed=seed, n=60, p=80)
    weights = np.random.default_rng(seed).uniform(0.1, 3.0, len(y)) if weighted else None
    best = ElasticNet(alpha=0.02, tol=1e-12, max_iter=None).fit(X, y, weights)
    optimum = objective(best, X, y, weights)
    null = np.average((y - np.average(y, weights=weights)) ** 2, weights=weights) / 2
    for tol in (1e-2, 1e-4, 1e-6):
        model = ElasticNet(alpha=0.02, tol=tol, max_iter=None).fit(X, y, weights)
        excess = objective(model, X, y, weights) - optimum
        assert -1e-10 * null <= excess <= model.dual_gap_ + 1e-10 * null
        assert model.dual_gap_ <= tol * null * (1 + 1e-9)  # as documented: relative to the objective at b = 0
        theirs = reference.ElasticNet(alpha=0.02, tol=tol, max_iter=100_000).fit(X, y, weights)
        assert theirs.dual_gap_ <= tol * 2 * null * (1 + 1e-9)  # theirs allows twice as much


def test_alpha_zero_is_least_squares_and_says_when_it_is_not_unique():
    X, y = make_data(seed=5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ours = ElasticNet(alpha=0).fit(X, y)
    np.testing.assert_allclose(ours.coef_, reference.LinearRegression().fit(X, y).coef_, rtol=1e-8, atol=1e-10)
    wide, target = make_data(seed=5, n=20, p=40)
    with pytest.warns(LinAlgWarning, match="no unique solution"):
        ours = ElasticNet(alpha=0).fit(wide, target)
    np.testing.assert_allclose(ours.coef_, reference.LinearRegression().fit(wide, target).coef_, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("alpha", [1e-3, 0.5])
def test_arguments_that_are_no_ops_change_no_bit(alpha):
    X, y = make_data(seed=6)
    plain = ElasticNet(alpha=alpha).fit(X, y)
    centred = X - X.mean(axis=0)
    for settings in (
        {"precompute": True},
        {"precompute": centred.T @ centred},
        {"copy_X": False},
        {"warm_start": True},
        {"selection": "random", "random_state": 3},
        {"random_state": np.random.RandomState(0)},
    ):
        other = ElasticNet(alpha=alpha, **settings)
        other.fit(X, y)
        other.fit(X, y)  # with warm_start the second fit has coefficients to start from
        np.testing.assert_array_equal(other.coef_, plain.coef_)
        assert other.intercept_ == plain.intercept_


def test_warm_start_follows_a_changed_alpha():
    X, y = make_data(seed=7)
    model = ElasticNet(alpha=1.0, warm_start=True, **EXACT).fit(X, y)
    model.set_params(alpha=0.01).fit(X, y)
    np.testing.assert_allclose(model.coef_, ElasticNet(alpha=0.01, **EXACT).fit(X, y).coef_, atol=1e-9)


def test_check_input_false_gives_the_same_fit():
    X, y = make_data(seed=8)
    unchecked = ElasticNet(alpha=0.1).fit(X, y, check_input=False)
    np.testing.assert_array_equal(unchecked.coef_, ElasticNet(alpha=0.1).fit(X, y).coef_)
    np.testing.assert_array_equal(unchecked.predict(X), ElasticNet(alpha=0.1).fit(X, y).predict(X))


@pytest.mark.parametrize("order", ["C", "F", "strided", "readonly"])
def test_the_callers_arrays_are_not_changed(order):
    X, y = make_data(seed=9)
    if order == "strided":
        X = np.repeat(np.repeat(X, 2, axis=0), 3, axis=1)[::2, ::3]
    else:
        X = np.array(X, order="F" if order == "F" else "C")
    weights = np.random.default_rng(0).uniform(size=len(y))
    if order == "readonly":
        for array in (X, y, weights):
            array.setflags(write=False)
    before = X.copy(), y.copy(), weights.copy()
    ElasticNet(copy_X=False).fit(X, y, weights)
    ElasticNetCV(copy_X=False, cv=3, alphas=5).fit(X, y, weights)
    for array, copy in zip((X, y, weights), before, strict=True):
        np.testing.assert_array_equal(array, copy)


# ---------------------------------------------------------------- cross-validation

ROWS = np.arange(120)
CV_CASES = {
    "default": ({}, {}),
    "int": ({"cv": 3}, {}),
    "shuffled": ({"cv": KFold(4, shuffle=True, random_state=0)}, {}),
    "time series": ({"cv": TimeSeriesSplit(3)}, {}),
    "random splits": ({"cv": ShuffleSplit(3, test_size=0.3, random_state=1)}, {}),
    "one fold": ({"cv": [(ROWS[:60], ROWS[60:])]}, {}),
    "masks": ({"cv": [(ROWS < 80, ROWS >= 80), (ROWS >= 50, ROWS < 50)]}, {}),
    "repeated rows": ({"cv": [(np.r_[0:80, 0:40], np.r_[80:120, 90:95]), (ROWS[40:], ROWS[:40])]}, {}),
    "no intercept": ({"fit_intercept": False}, {}),
    "positive": ({"positive": True}, {}),
    "given alphas": ({"alphas": [0.1, 1.0, 0.01, 0.3]}, {}),
    "one alpha": ({"alphas": [0.2]}, {}),
    "eps": ({"eps": 0.05}, {}),
    "weights": ({}, {"sample_weight": np.random.default_rng(5).integers(0, 3, 120).astype(float)}),
    "weights, time series": ({"cv": TimeSeriesSplit(3)}, {"sample_weight": np.linspace(0.5, 2, 120)}),
    "weights, repeated rows": (
        {"cv": [(np.r_[0:80, 0:40], ROWS[80:])]},
        {"sample_weight": np.linspace(0.5, 2, 120)},
    ),
}


@pytest.mark.parametrize("case", CV_CASES)
@pytest.mark.parametrize("density", [None, 0.4])
@pytest.mark.parametrize("Model", CROSS_VALIDATED)
def test_cross_validation_agrees_with_scikit_learn(Model, case, density):
    settings, fit_params = CV_CASES[case]
    X, y = make_data(seed=10, density=density)
    settings = {"alphas": 12, **EXACT, **settings}
    if Model is ElasticNetCV:
        settings["l1_ratio"] = [0.3, 1.0]
    ours = Model(**settings).fit(X, y, **fit_params)
    theirs = theirs_of(Model)(**settings).fit(sparse.csc_matrix(X) if density else X, y, **fit_params)
    assert ours.mse_path_.shape == theirs.mse_path_.shape
    np.testing.assert_allclose(ours.alphas_, theirs.alphas_, rtol=1e-10)
    np.testing.assert_allclose(ours.mse_path_, theirs.mse_path_, rtol=1e-6)
    np.testing.assert_allclose(ours.alpha_, theirs.alpha_, rtol=1e-10)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=2e-6 * (1e-12 + np.abs(theirs.coef_).max()))
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, atol=1e-6 * (1 + abs(theirs.intercept_)))
    assert hasattr(ours, "l1_ratio_") == hasattr(theirs, "l1_ratio_")
    if Model is ElasticNetCV:
        assert ours.l1_ratio_ == theirs.l1_ratio_


def test_diabetes_cross_validation_agrees_with_scikit_learn():
    X, y = load_diabetes(return_X_y=True)
    settings = {"l1_ratio": [0.1, 0.5, 0.9, 1.0], "cv": 10, **EXACT}
    ours, theirs = ElasticNetCV(**settings).fit(X, y), reference.ElasticNetCV(**settings).fit(X, y)
    assert ours.mse_path_.shape == (4, 100, 10)
    np.testing.assert_allclose(ours.mse_path_, theirs.mse_path_, rtol=1e-7)
    assert ours.alpha_ == pytest.approx(theirs.alpha_, rel=1e-10)
    assert ours.l1_ratio_ == theirs.l1_ratio_
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-4, atol=1e-3)


def test_the_chosen_model_is_the_single_fit_at_the_chosen_alpha():
    X, y = make_data(seed=11)
    chosen = ElasticNetCV(l1_ratio=[0.2, 0.8], **EXACT).fit(X, y)
    single = ElasticNet(alpha=chosen.alpha_, l1_ratio=chosen.l1_ratio_, **EXACT).fit(X, y)
    np.testing.assert_allclose(chosen.coef_, single.coef_, atol=1e-7)
    np.testing.assert_allclose(chosen.intercept_, single.intercept_, atol=1e-6)


def test_n_jobs_changes_no_bit():
    X, y = make_data(seed=12)
    one = ElasticNetCV(n_jobs=1).fit(X, y)
    for n_jobs in (None, 2, -1):
        other = ElasticNetCV(n_jobs=n_jobs).fit(X, y)
        np.testing.assert_array_equal(other.mse_path_, one.mse_path_)
        np.testing.assert_array_equal(other.coef_, one.coef_)


def test_constant_y_gives_zeros():
    X, _ = make_data(seed=13)
    model = LassoCV(cv=3).fit(X, np.full(len(X), 2.5))
    assert not model.coef_.any()
    assert model.intercept_ == pytest.approx(2.5)
    assert not ElasticNet(alpha=0.1).fit(X, np.zeros(len(X))).coef_.any()


def test_verbose_writes_progress_and_is_quiet_by_default(capsys):
    X, y = make_data(seed=14)
    LassoCV(cv=3, alphas=5).fit(X, y)
    assert capsys.readouterr() == ("", "")
    LassoCV(cv=3, alphas=5, verbose=1).fit(X, y)
    assert "LassoCV" in capsys.readouterr().err


# ---------------------------------------------------------------- paths


@pytest.mark.parametrize("positive", [False, True])
@pytest.mark.parametrize("density", [None, 0.4])
@pytest.mark.parametrize("alphas", [20, [0.5, 0.01, 0.1]])
def test_paths_agree_with_scikit_learn(positive, density, alphas):
    X, y = make_data(seed=15, density=density)
    arguments = {"alphas": alphas, "positive": positive, **EXACT}
    for ours, theirs, extra in (
        (enet_path, reference.enet_path, {"l1_ratio": 0.4, "eps": 0.01}),
        (lasso_path, reference.lasso_path, {"return_n_iter": True}),
    ):
        got = ours(X, y, **arguments, **extra)
        want = theirs(sparse.csc_matrix(X) if density else X, y, **arguments, **extra)
        assert len(got) == len(want)
        np.testing.assert_allclose(got[0], want[0], rtol=1e-10)
        np.testing.assert_allclose(got[1], want[1], atol=2e-6 * np.abs(want[1]).max())
        assert got[2].shape == want[2].shape
        assert np.all(got[2] <= 1e-12 * np.mean(y**2))
        if "return_n_iter" in extra:
            assert len(got[3]) == len(want[3])


def test_a_path_solves_every_alpha_for_itself():
    """scikit-learn#33044: a loose stop must not hand out the coefficients of the alpha before."""
    X, y = make_data(seed=16, n=60, p=60)
    X, y = X - X.mean(axis=0), y - y.mean()
    null = y @ y / (2 * len(y))
    for alpha, coef, gap in zip(*(a.T for a in lasso_path(X, y, alphas=100, tol=1e-4)), strict=True):
        residual = y - X @ coef
        feasible = residual * min(1.0, alpha * len(y) / np.abs(X.T @ residual).max())
        primal = residual @ residual / (2 * len(y)) + alpha * np.abs(coef).sum()
        dual = (y @ y - (y - feasible) @ (y - feasible)) / (2 * len(y))
        assert primal - dual <= 1e-4 * null * (1 + 1e-6)
        assert gap <= 1e-4 * null * (1 + 1e-6)


def test_path_of_one_column_keeps_its_axis_and_several_are_refused():
    X, Y = make_data(seed=17, n_targets=2)
    assert enet_path(X, Y[:, :1], alphas=4)[1].shape == (1, X.shape[1], 4)
    with pytest.raises(ValueError, match="fit_batch"):
        enet_path(X, Y)


def test_path_accepts_the_older_names():
    X, y = make_data(seed=18)
    np.testing.assert_array_equal(enet_path(X, y, n_alphas=7)[0], enet_path(X, y, alphas=7)[0])
    assert len(lasso_path(X, y, alphas=None)[0]) == 100
    np.testing.assert_array_equal(
        ElasticNet.path(X, y, alphas=[0.1], precompute=X.T @ X, Xy=X.T @ y)[1], enet_path(X, y, alphas=[0.1])[1]
    )
    assert LassoCV.path is lasso_path


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"l1_ratio": 1.5}, "l1_ratio"),
        ({"eps": 2.0}, "eps"),
        ({"alphas": [0.1, -1.0]}, r"alphas\[1\] == -1"),
        ({"alphas": []}, "alphas"),
        ({"l1_ratio": 0.0}, "l1_ratio=0"),
        ({"coef_init": np.zeros(3)}, "coef_init"),
        ({"precompute": np.zeros((2, 2))}, "precompute"),
        ({"tolerance": 1e-3}, "unexpected parameters: tolerance"),
        ({"selection": "greedy"}, "selection"),
    ],
)
def test_path_names_a_bad_argument(arguments, message):
    X, y = make_data(seed=19)
    with pytest.raises(ValueError, match=message):
        enet_path(X, y, **arguments)


# ---------------------------------------------------------------- living with scikit-learn


@pytest.mark.parametrize("Model", SINGLE + CROSS_VALIDATED)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_pickle_joblib_and_clone_round_trip_bit_for_bit(Model, dtype):
    X, y = make_data(seed=20, dtype=dtype)
    model = Model().fit(X, y)
    buffer = io.BytesIO()
    joblib.dump(model, buffer)
    buffer.seek(0)
    for copy in (pickle.loads(pickle.dumps(model)), joblib.load(buffer)):
        assert copy.get_params() == model.get_params()
        np.testing.assert_array_equal(copy.predict(X), model.predict(X))
        np.testing.assert_array_equal(copy.coef_, model.coef_)
    fresh = clone(model)
    assert not hasattr(fresh, "coef_")
    np.testing.assert_array_equal(fresh.fit(X, y).coef_, model.coef_)


@pytest.mark.parametrize("Model", SINGLE)
def test_pipeline_grid_search_and_scores(Model):
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    grid = {f"{Model.__name__.lower()}__alpha": [0.01, 0.1, 1.0, 10.0]}
    searches = []
    for model in (Model(**EXACT), theirs_of(Model)(**EXACT)):
        pipeline = make_pipeline(StandardScaler().set_output(transform="pandas"), model)
        searches.append(GridSearchCV(pipeline, grid, cv=4).fit(X, y))
    ours, theirs = searches
    assert ours.best_params_ == theirs.best_params_
    np.testing.assert_allclose(ours.cv_results_["mean_test_score"], theirs.cv_results_["mean_test_score"], rtol=1e-8)
    assert list(ours.best_estimator_[-1].feature_names_in_) == list(X.columns)
    np.testing.assert_allclose(
        cross_val_score(ours.best_estimator_, X, y), cross_val_score(theirs.best_estimator_, X, y), rtol=1e-7
    )


def test_select_from_model_keeps_the_selected_columns():
    X, y = make_data(seed=21)
    for model in (Lasso(alpha=0.2), LassoCV(cv=3)):
        selector = SelectFromModel(model).fit(X, y)
        np.testing.assert_array_equal(selector.get_support(), selector.estimator_.coef_ != 0)


def test_parallel_grid_search_gives_the_same_numbers():
    X, y = make_data(seed=22)
    grid = {"alpha": [0.01, 0.1, 1.0]}
    one, two = (GridSearchCV(ElasticNet(), grid, n_jobs=n_jobs, cv=3).fit(X, y) for n_jobs in (1, 2))
    np.testing.assert_array_equal(one.cv_results_["mean_test_score"], two.cv_results_["mean_test_score"])


def test_metadata_routing_carries_weights_through_a_pipeline_and_a_search():
    X, y = make_data(seed=23)
    weights = np.random.default_rng(0).uniform(0.1, 2.0, len(y))
    with sklearn.config_context(enable_metadata_routing=True):
        model = ElasticNet(alpha=0.1).set_fit_request(sample_weight=True).set_score_request(sample_weight=False)
        pipeline = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), model)
        routed = pipeline.fit(X, y, sample_weight=weights)[-1]
        direct = ElasticNet(alpha=0.1).fit(StandardScaler().fit_transform(X), y, weights)
        np.testing.assert_array_equal(routed.coef_, direct.coef_)
        search = GridSearchCV(model, {"alpha": [0.01, 0.1]}, cv=3).fit(X, y, sample_weight=weights)
        best = clone(model).set_params(**search.best_params_).fit(X, y, weights)
        np.testing.assert_array_equal(search.best_estimator_.coef_, best.coef_)


@pytest.mark.parametrize("Model", CROSS_VALIDATED)
def test_metadata_routing_carries_groups_to_the_splitter(Model):
    X, y = make_data(seed=24)
    groups = np.arange(len(y)) // 10
    splits = list(GroupKFold(3).split(X, y, groups))
    expected = Model(cv=splits).fit(X, y)
    with sklearn.config_context(enable_metadata_routing=True):
        routed = Model(cv=GroupKFold(3).set_split_request(groups=True)).fit(X, y, groups=groups)
        np.testing.assert_array_equal(routed.mse_path_, expected.mse_path_)
    with pytest.raises(ValueError, match="enable_metadata_routing"):
        Model(cv=GroupKFold(3)).fit(X, y, groups=groups)


def test_predict_before_fit_and_with_other_columns():
    X, y = make_data(seed=25)
    with pytest.raises(NotFittedError):
        ElasticNet().predict(X)
    with pytest.raises(ValueError, match="15 features"):
        ElasticNet().fit(X, y).predict(X[:, :3])


# ---------------------------------------------------------------- bad input and warnings


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("alpha", -1.0),
        ("alpha", float("nan")),
        ("alpha", float("inf")),
        ("alpha", "1"),
        ("l1_ratio", 1.1),
        ("l1_ratio", -0.1),
        ("l1_ratio", [0.5]),
        ("fit_intercept", "yes"),
        ("precompute", "often"),
        ("max_iter", 0),
        ("max_iter", 10.5),
        ("tol", -1e-4),
        ("selection", "greedy"),
        ("positive", 1.0),
        ("random_state", "seed"),
    ],
)
def test_a_bad_parameter_is_named_with_its_value(parameter, value):
    X, y = make_data(seed=26)
    with pytest.raises(ValueError, match=f"'{parameter}' parameter of ElasticNet") as error:
        ElasticNet(**{parameter: value}).fit(X, y)
    assert repr(value) in str(error.value)
    assert isinstance(error.value, TypeError)  # as scikit-learn's InvalidParameterError


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"eps": 0.0}, "'eps'"),
        ({"eps": 1.5}, "'eps'"),
        ({"alphas": 0}, "'alphas'"),
        ({"alphas": [0.1, -0.5]}, r"alphas\[1\] == -0.5"),
        ({"alphas": [0.1, float("nan")]}, r"alphas\[1\]"),
        ({"alphas": [[0.1]]}, "one-dimensional"),
        ({"alphas": ["a"]}, "must be numbers"),
        ({"l1_ratio": [0.5, 2.0]}, "l1_ratio"),
        ({"l1_ratio": []}, "l1_ratio"),
        ({"l1_ratio": 0.0}, "l1_ratio=0"),
        ({"n_jobs": 0}, "'n_jobs'"),
        ({"cv": 1}, "n_splits"),
        ({"cv": []}, "no folds"),
        ({"cv": [([], [1, 2])]}, "no training rows"),
        ({"cv": [([0, 1], [])]}, "no test rows"),
        ({"cv": [([0, 1, 500], [2, 3])]}, "outside the 120 rows"),
        ({"precompute": np.zeros((3, 3))}, "precompute"),
    ],
)
def test_bad_cross_validation_arguments_are_named(settings, message):
    X, y = make_data(seed=27)
    with pytest.raises(ValueError, match=message):
        ElasticNetCV(**settings).fit(X, y)


def test_bad_weights_are_named():
    X, y = make_data(seed=28)
    ones = np.ones(len(y))
    for weights, message in (
        (ones[:-1], "sample_weight.shape"),
        (ones[:, None], "1D array or scalar"),
        (np.where(ROWS == 7, -1.0, ones), r"sample_weight\[7\] == -1"),
        (np.zeros(len(y)), "zero for every row"),
        (np.where(ROWS == 7, np.nan, ones), "NaN"),
    ):
        for model in (ElasticNet(), LassoCV(cv=3)):
            with pytest.raises(ValueError, match=message):
                model.fit(X, y, weights)
    with pytest.raises(ValueError, match="test rows of fold 0"):
        LassoCV(cv=3).fit(X, y, np.r_[np.zeros(40), np.ones(80)])
    np.testing.assert_array_equal(ElasticNet().fit(X, y, 2.0).coef_, ElasticNet().fit(X, y).coef_)


def test_bad_data_is_refused():
    X, y = make_data(seed=29)
    broken = X.copy()
    broken[3, 4] = np.nan
    for model in (ElasticNet(), ElasticNetCV(cv=3)):
        with pytest.raises(ValueError, match="NaN"):
            model.fit(broken, y)
        with pytest.raises(ValueError, match="inconsistent numbers of samples"):
            model.fit(X, y[:-1])
        with pytest.raises(ValueError, match="0 feature"):
            model.fit(X[:, :0], y)
        with pytest.raises(ValueError, match="0 sample"):
            model.fit(X[:0], y[:0])
        with pytest.raises(ValueError, match=r"[Cc]omplex"):
            model.fit(X.astype(complex), y)
    with pytest.raises(ValueError, match="fit_batch"):
        ElasticNetCV().fit(X, np.column_stack([y, y]))
    with pytest.warns(DataConversionWarning):
        ElasticNetCV(cv=3).fit(X, y[:, None])
    with pytest.raises(TypeError, match="sparse"):
        ElasticNet().fit(X, sparse.csr_matrix(y[:, None]))


def test_one_warning_with_counts_where_fits_fall_short():
    X, y = make_data(seed=30, n=60, p=200)
    X = X + 20 * X[:, :1]  # strongly correlated: one epoch cannot do
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        LassoCV(cv=3, max_iter=1, tol=1e-14).fit(X, y)
    messages = [str(w.message) for w in caught if issubclass(w.category, ConvergenceWarning)]
    assert len(messages) == 1
    assert "of 400 fits" in messages[0]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        LassoCV(cv=3, max_iter=100_000).fit(X, y)
