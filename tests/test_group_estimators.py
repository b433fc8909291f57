"""GroupLasso, SparseGroupLasso and the multi-task estimators: scikit-learn's checks, its answers, and what bad input is told."""

import pickle

import numpy as np
import pytest
import sklearn.linear_model as theirs
from scipy import sparse
from sklearn.datasets import load_diabetes, load_linnerud
from sklearn.model_selection import GridSearchCV, KFold, ShuffleSplit
from sklearn.utils.estimator_checks import parametrize_with_checks

from riata.linear_model import (
    GroupLasso,
    Lasso,
    MultiTaskElasticNet,
    MultiTaskElasticNetCV,
    MultiTaskLasso,
    MultiTaskLassoCV,
    SparseGroupLasso,
)

EXACT = {"tol": 1e-13, "max_iter": 100_000}
#: weights against repeated rows to 1e-7 of predictions: the error of coefficients is the root of gap / curvature, and where the
#: smallest alpha is 1e-3 of the largest (eps) no gap that float64 resolves gives so many digits
EXACT_CV = {"cv": 3, "tol": 1e-14, "max_iter": 100_000, "eps": 0.1}
ALL = [GroupLasso(), SparseGroupLasso(), MultiTaskLasso(), MultiTaskElasticNet(), MultiTaskLassoCV(**EXACT_CV),
       MultiTaskElasticNetCV(**EXACT_CV)]


@parametrize_with_checks(ALL)
def test_scikit_learn_compatible(estimator, check):
    check(estimator)


def tasks(seed=0, n=60, p=30, T=4):
    rng = np.random.default_rng(seed)
    X, W = rng.normal(size=(n, p)), np.zeros((p, T))
    W[:4] = rng.normal(size=(4, T))
    return X, X @ W + rng.normal(size=(n, T)) + 3


@pytest.mark.parametrize("Model", [MultiTaskLasso, MultiTaskElasticNet])
@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("data", ["drawn", "linnerud"])
def test_tasks_have_scikit_learns_answers(Model, intercept, data):
    X, Y = tasks() if data == "drawn" else load_linnerud(return_X_y=True)
    for alpha in (0.01, 0.3, 3.0):
        ours = Model(alpha=alpha, fit_intercept=intercept, **EXACT).fit(X, Y)
        peer = getattr(theirs, Model.__name__)(alpha=alpha, fit_intercept=intercept, tol=1e-14, max_iter=1_000_000).fit(X, Y)
        np.testing.assert_allclose(ours.coef_, peer.coef_, atol=2e-6 * np.abs(peer.coef_).max(initial=1))
        np.testing.assert_allclose(ours.predict(X), peer.predict(X), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("Model", "options"), [(MultiTaskLassoCV, {}), (MultiTaskElasticNetCV, {"l1_ratio": [0.3, 0.9]}),
                                                (MultiTaskElasticNetCV, {"cv": KFold(3), "alphas": [1.0, 0.1, 0.3]})])
def test_cross_validated_tasks_have_scikit_learns_answers(Model, options):
    X, Y = tasks(seed=1)
    ours = Model(tol=1e-10, max_iter=100_000, **options).fit(X, Y)
    peer = getattr(theirs, Model.__name__)(tol=1e-10, max_iter=100_000, **options).fit(X, Y)
    assert ours.mse_path_.shape == peer.mse_path_.shape
    assert ours.coef_.shape == peer.coef_.shape
    np.testing.assert_allclose(ours.alphas_, peer.alphas_, rtol=1e-10)
    np.testing.assert_allclose(ours.alpha_, peer.alpha_, rtol=1e-10)
    np.testing.assert_allclose(ours.mse_path_, peer.mse_path_, rtol=2e-4)
    np.testing.assert_allclose(ours.coef_, peer.coef_, atol=1e-5)


def test_folds_that_are_no_complements_and_weights():
    X, Y = tasks(seed=2)
    splits = list(ShuffleSplit(3, train_size=0.5, test_size=0.2, random_state=0).split(X))
    ours = MultiTaskLassoCV(cv=splits, alphas=[0.5, 0.1], **EXACT).fit(X, Y)
    for k, (train, test) in enumerate(splits):
        for l, alpha in enumerate(ours.alphas_):
            model = MultiTaskLasso(alpha=alpha, **EXACT).fit(X[train], Y[train])
            assert ours.mse_path_[l, k] == pytest.approx(np.mean((Y[test] - model.predict(X[test]))**2), rel=1e-7)


def test_one_task_is_a_lasso_and_keeps_its_axis():
    X, Y = tasks(seed=3)
    one = MultiTaskLasso(alpha=0.1, **EXACT).fit(X, Y[:, :1])
    lasso = Lasso(alpha=0.1, **EXACT).fit(X, Y[:, 0])
    assert one.coef_.shape == (1, X.shape[1])
    np.testing.assert_allclose(one.coef_[0], lasso.coef_, atol=1e-7)


def test_groups_of_one_are_a_lasso():
    X, y = load_diabetes(return_X_y=True)
    lasso = Lasso(alpha=0.5, **EXACT).fit(X, y)
    for model in (GroupLasso(alpha=0.5, **EXACT), SparseGroupLasso(alpha=0.5, l1_ratio=0.4, **EXACT),
                  SparseGroupLasso(alpha=0.5, l1_ratio=1.0, groups=[range(10)], **EXACT)):
        np.testing.assert_allclose(model.fit(X, y).coef_, lasso.coef_, atol=1e-3 * np.abs(lasso.coef_).max())


def test_groups_that_pandas_names_and_a_search():
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    groups = ["person", "person", "body", "body"] + ["blood"] * 6
    model = GroupLasso(alpha=2.0, groups=groups, standardize=True).fit(X, y)
    assert set(model.selected_groups_) <= {"person", "body", "blood"}
    assert list(model.feature_names_in_) == list(X.columns)
    search = GridSearchCV(SparseGroupLasso(groups=groups), {"alpha": [0.01, 0.1], "l1_ratio": [0.2, 0.8]}, cv=3).fit(X, y)
    assert search.best_score_ > 0.3


@pytest.mark.parametrize("model", ALL, ids=lambda model: type(model).__name__)
def test_pickles_and_sparse(model):
    X, Y = tasks(seed=4)
    y = Y if "MultiTask" in type(model).__name__ else Y[:, 0]
    X[np.abs(X) < 1] = 0
    model = model.set_params(tol=1e-11, max_iter=100_000).fit(X, y)
    copy = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(copy.predict(X), model.predict(X))
    coef = model.coef_
    again = model.fit(sparse.csr_matrix(X), y)
    np.testing.assert_allclose(again.coef_, coef, atol=2e-5)


def test_what_bad_input_is_told():
    X, Y = tasks(seed=5)
    bad = Y.copy()
    bad[[3, 7], 1] = np.nan
    with pytest.raises(ValueError, match="rows 3, 7: drop"):
        MultiTaskLasso().fit(X, bad)
    with pytest.raises(ValueError, match="mono-task outputs, use Lasso"):
        MultiTaskLasso().fit(X, Y[:, 0])
    with pytest.raises(ValueError, match="mono-task outputs, use ElasticNetCV"):
        MultiTaskElasticNetCV().fit(X, Y[:, 0])
    with pytest.raises(ValueError, match="l1_ratio=0"):
        MultiTaskElasticNetCV(l1_ratio=0.0).fit(X, Y)
    with pytest.raises(ValueError, match="feature 2 is in groups"):
        GroupLasso(groups=[[0, 1, 2], range(2, 30)]).fit(X, Y[:, 0])
    with pytest.raises(ValueError, match="29 labels and X has 30 columns"):
        GroupLasso(groups=np.arange(29)).fit(X, Y[:, 0])
    with pytest.raises(ValueError, match=r"penalty_factor\[1\] = -1"):
        GroupLasso(groups=np.arange(30) % 3, penalty_factor=[1, -1, 1]).fit(X, Y[:, 0])
    with pytest.raises(ValueError, match="'l1_ratio' parameter"):
        SparseGroupLasso(l1_ratio=1.5).fit(X, Y[:, 0])
    with pytest.raises(ValueError, match="takes one target"):
        GroupLasso().fit(X, Y)
