"""The estimators inside scikit-learn: pickles, pipelines, searches, metadata routing."""

import io
import pickle

import joblib
import numpy as np
import pytest
import sklearn
from sklearn.base import clone
from sklearn.datasets import load_diabetes
from sklearn.exceptions import NotFittedError
from sklearn.feature_selection import SelectFromModel
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from riata.linear_model import ElasticNet, Lasso, LassoCV
from scikit_learn_peers import CROSS_VALIDATED, EXACT, SINGLE, make_data, theirs_of


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
