"""MCPRegressor, SCADRegressor, Slope, AdaptiveLasso and RelaxedLasso as scikit-learn estimators."""

import pickle

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, ShuffleSplit, TimeSeriesSplit
from sklearn.utils.estimator_checks import parametrize_with_checks

import riata
from riata.linear_model import AdaptiveLasso, MCPRegressor, RelaxedLasso, SCADRegressor, Slope

MODELS = [MCPRegressor, SCADRegressor, Slope, AdaptiveLasso, RelaxedLasso]
#: an alpha for the diabetes data at which each selects some features, not all
ALPHA = {"MCPRegressor": 5.0, "SCADRegressor": 5.0, "Slope": 0.3, "AdaptiveLasso": 50.0, "RelaxedLasso": 0.5}


@parametrize_with_checks([Model(alpha=0.01) for Model in MODELS])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("Model", MODELS)
def test_alpha_is_chosen_by_the_smallest_held_out_error(Model):
    X, y = load_diabetes(return_X_y=True)
    model = Model(alpha=None, alphas=30, cv=4).fit(X, y)
    assert model.mse_path_.shape == (30, 4)
    assert model.alphas_.shape == (30,)
    assert model.alpha_ == model.alphas_[np.argmin(model.mse_path_.mean(axis=1))]
    assert model.status_ == "converged"
    assert model.score(X, y) > 0.5
    held = np.arange(len(y)) >= 332                                # the last of four folds that are not shuffled
    part = clone(model).set_params(alphas=model.alphas_, cv=[(np.flatnonzero(~held), np.flatnonzero(held))]).fit(X, y)
    np.testing.assert_allclose(part.mse_path_[:, 0], model.mse_path_[:, 3], rtol=2e-3)


@pytest.mark.parametrize("Model", [MCPRegressor, SCADRegressor, Slope])
def test_held_out_errors_are_those_of_fits_without_these_rows(Model):
    X, y = load_diabetes(return_X_y=True)
    train, test = np.arange(300), np.arange(320, 442)              # some rows in neither
    model = Model(alpha=None, alphas=[ALPHA[Model.__name__]], cv=[(train, test)], tol=1e-10).fit(X, y)
    alone = Model(alpha=ALPHA[Model.__name__], tol=1e-10).fit(X[train], y[train])
    np.testing.assert_allclose(model.mse_path_[0, 0], np.mean((y[test] - alone.predict(X[test])) ** 2), rtol=1e-8)


@pytest.mark.parametrize("Model", MODELS)
@pytest.mark.parametrize("cv", [ShuffleSplit(3, random_state=0), TimeSeriesSplit(3)])
def test_any_splitter_chooses(Model, cv):
    X, y = load_diabetes(return_X_y=True)
    model = Model(alpha=None, alphas=10, cv=cv).fit(X, y)
    assert np.isfinite(model.mse_path_).all()
    assert model.mse_path_.shape == (10, 3)


@pytest.mark.parametrize("Model", MODELS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_sparse_dense_float32_and_pickles_agree(Model, dtype):
    X, y = load_diabetes(return_X_y=True)
    X = X.astype(dtype)
    model = Model(alpha=ALPHA[Model.__name__], tol=1e-9).fit(X, y)
    assert model.coef_.dtype == dtype
    assert 0 < (model.coef_ != 0).sum() < 10
    assert pickle.loads(pickle.dumps(model)).get_params() == model.get_params()
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X), model.predict(X))
    stored = clone(model).fit(sparse.csr_matrix(X), y)
    np.testing.assert_allclose(stored.coef_, model.coef_, rtol=1e-5, atol=1e-5 * abs(model.coef_).max())


@pytest.mark.parametrize("Model", [MCPRegressor, SCADRegressor, Slope, RelaxedLasso, AdaptiveLasso])
def test_weights_are_repeated_rows(Model):
    X, y = load_diabetes(return_X_y=True)
    X, y = X[:150], y[:150]
    weights = np.random.default_rng(0).integers(0, 3, 150)
    settings = {"tol": 1e-10, **({"sequence": "bh"} if Model is Slope else {})}
    one = Model(alpha=ALPHA[Model.__name__], **settings).fit(X, y, sample_weight=weights)
    other = Model(alpha=ALPHA[Model.__name__], **settings).fit(np.repeat(X, weights, axis=0), np.repeat(y, weights))
    np.testing.assert_allclose(one.coef_, other.coef_, rtol=1e-6, atol=1e-6 * abs(one.coef_).max())
    np.testing.assert_allclose(one.intercept_, other.intercept_, rtol=1e-8)


def test_estimators_are_the_paths_at_one_alpha():
    X, y = load_diabetes(return_X_y=True)
    settings = {"alphas": [5.0], "tol": 1e-9}
    scad = riata.scad_path(X, y, **settings).coef[0]
    np.testing.assert_allclose(MCPRegressor(5.0, tol=1e-9).fit(X, y).coef_, riata.mcp_path(X, y, **settings).coef[0], rtol=1e-10)
    np.testing.assert_allclose(SCADRegressor(5.0, tol=1e-9).fit(X, y).coef_, scad, rtol=1e-10)
    np.testing.assert_allclose(Slope(5.0, tol=1e-9).fit(X, y).coef_, riata.slope_path(X, y, **settings).coef[0], rtol=1e-10)
    adaptive = riata.adaptive_path(X, y, initial="ols", **settings)
    model = AdaptiveLasso(5.0, tol=1e-9).fit(X, y)
    np.testing.assert_allclose(model.coef_, adaptive.coef[0], rtol=1e-10)
    np.testing.assert_array_equal(model.penalty_factor_, adaptive.penalty_factor)
    relaxed = RelaxedLasso(0.5, gamma=0.25, tol=1e-9).fit(X, y)
    np.testing.assert_allclose(relaxed.coef_, riata.relaxed_path(X, y, alphas=[0.5], tol=1e-9).coef(0.25)[0], rtol=1e-10)


def test_relaxed_lasso_chooses_gamma():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 40))
    y = 3 * X[:, 0] - 2 * X[:, 1] + 0.5 * rng.normal(size=200)
    model = RelaxedLasso(alpha=None, gamma=[0.0, 0.5, 1.0], alphas=30).fit(X, y)
    lasso = RelaxedLasso(alpha=None, gamma=1.0, alphas=30).fit(X, y)
    assert model.gamma_ < 1.0
    assert model.mse_path_.mean(axis=1).min() < lasso.mse_path_.mean(axis=1).min()
    assert (model.coef_ != 0).sum() < (lasso.coef_ != 0).sum()


def test_grid_search_over_gamma():
    X, y = load_diabetes(return_X_y=True)
    search = GridSearchCV(MCPRegressor(alpha=3.0), {"gamma": [1.5, 3.0, 10.0]}, cv=3).fit(X, y)
    assert search.best_params_["gamma"] in (1.5, 3.0, 10.0)


@pytest.mark.parametrize(("model", "words"), [
    (MCPRegressor(gamma=1.0), "'gamma' parameter of MCPRegressor must be a finite number above 1"),
    (SCADRegressor(gamma=2), "above 2"), (MCPRegressor(alpha=-1), "'alpha' parameter"), (MCPRegressor(alpha="cv"), "'alpha'"),
    (MCPRegressor(l1_ratio=0), "l1_ratio"), (SCADRegressor(standardize=1), "standardize"), (Slope(sequence="bhq"), "'bh'"),
    (Slope(sequence=[1.0, 2.0, *[0.0] * 8]), "increases"), (Slope(sequence=[1.0]), "10 columns"), (Slope(q=1.5), "q = 1.5"),
    (Slope(sequence=[-1.0] * 10), "0 or more"), (Slope(sequence=np.zeros(10)), "no penalty"), (AdaptiveLasso(gamma=0), "gamma"),
    (AdaptiveLasso(initial="mcp"), "initial"), (RelaxedLasso(gamma=2.0), "gamma"), (RelaxedLasso(gamma=[0.0, 1.0]), "one number"),
    (RelaxedLasso(l1_ratio=0), "ridge selects nothing"),
    (MCPRegressor(standardize=False, gamma=2.0), "Standardize, or give gamma above"),
])
def test_bad_parameters_are_named(model, words):
    X, y = load_diabetes(return_X_y=True)
    with pytest.raises((ValueError, TypeError), match=words):
        model.fit(X, y)


@pytest.mark.parametrize("Model", [MCPRegressor, SCADRegressor, Slope])
def test_too_few_epochs_are_said(Model):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 60)) + rng.normal(size=(30, 1))
    with pytest.warns(ConvergenceWarning, match="max_iter"):
        model = Model(alpha=0.01, max_iter=1, tol=1e-12).fit(X, X @ rng.normal(size=60))
    assert model.status_ == "max_iter"
    assert np.isfinite(model.coef_).all()
