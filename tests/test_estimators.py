"""ElasticNet, Lasso and their CV forms: scikit-learn's contract and its numbers."""

import inspect
import warnings

import numpy as np
import pytest
import sklearn.linear_model as reference
from scipy import sparse
from scipy.linalg import LinAlgWarning
from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.estimator_checks import parametrize_with_checks

from riata.linear_model import ElasticNet, ElasticNetCV, Lasso, LassoCV
from scikit_learn_peers import CROSS_VALIDATED, EXACT, SINGLE, make_data, objective, theirs_of


@parametrize_with_checks([ElasticNet(), Lasso(), ElasticNetCV(), LassoCV()])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


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
