"""LogisticRegression, PoissonRegressor, GammaRegressor, TweedieRegressor and HuberRegressor: scikit-learn's contract and its
numbers."""

import inspect
import pickle
import warnings

import numpy as np
import pytest
import sklearn.linear_model as reference
from scipy import sparse
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from riata.linear_model import GammaRegressor, HuberRegressor, LogisticRegression, PoissonRegressor, TweedieRegressor

ESTIMATORS = [LogisticRegression, PoissonRegressor, GammaRegressor, TweedieRegressor, HuberRegressor]


@parametrize_with_checks([Model() for Model in ESTIMATORS])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("Model", ESTIMATORS)
def test_constructor_has_scikit_learns_names_and_defaults(Model):
    ours = inspect.signature(Model.__init__).parameters
    theirs = inspect.signature(getattr(reference, Model.__name__).__init__).parameters
    assert set(ours) - set(theirs) <= {"l1_ratio"}
    for name in theirs:
        assert ours[name].default == theirs[name].default
        assert ours[name].kind == theirs[name].kind


def counts(seed=0, n=400, p=8):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, p))
    eta = X[:, :3] @ [0.5, -0.4, 0.3] + 0.2
    return X, rng.poisson(np.exp(eta)).astype(float), rng.gamma(2.0, np.exp(eta) / 2), rng.uniform(0, 3, n).round(1)


@pytest.mark.parametrize("alpha", [1.0, 1e-3, 0.0])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("Model", [PoissonRegressor, GammaRegressor, TweedieRegressor])
def test_glm_equal_scikit_learn(Model, alpha, fit_intercept, weighted):
    X, y, positive, w = counts()
    y = positive if Model is GammaRegressor else y
    extra = {"power": 1.5} if Model is TweedieRegressor else {}
    w = w if weighted else None
    ours = Model(alpha=alpha, fit_intercept=fit_intercept, tol=1e-7, **extra).fit(X, y, w)
    theirs = getattr(reference, Model.__name__)(alpha=alpha, fit_intercept=fit_intercept, tol=1e-12, max_iter=10_000,
                                                solver="newton-cholesky", **extra).fit(X, y, w)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=2e-6)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, atol=2e-6)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-5)
    assert ours.score(X, y, w) == pytest.approx(theirs.score(X, y, w), abs=1e-6)


@pytest.mark.parametrize(("C", "l1_ratio", "fit_intercept"), [
    (0.01, 0.0, True), (1.0, 0.0, False), (100.0, 0.0, True), (0.01, 1.0, True), (0.1, 1.0, False), (0.1, 0.4, True),
    (100.0, 1.0, True)])
def test_logistic_regression_equals_scikit_learn(C, l1_ratio, fit_intercept):
    X, y = load_breast_cancer(return_X_y=True)
    X = StandardScaler().fit_transform(X)[:, :12]
    labels = np.where(y == 1, "benign", "malignant")
    ours = LogisticRegression(C=C, l1_ratio=l1_ratio, fit_intercept=fit_intercept, class_weight="balanced",
                              tol=1e-6).fit(X, labels)
    exact = {"solver": "newton-cholesky", "tol": 1e-12} if l1_ratio == 0 else {"solver": "saga", "tol": 1e-9}
    theirs = reference.LogisticRegression(C=C, l1_ratio=l1_ratio, fit_intercept=fit_intercept, class_weight="balanced",
                                          max_iter=3000, **exact).fit(X, labels)
    s = np.where(y == 1, len(y) / (2 * y.sum()), len(y) / (2 * (len(y) - y.sum())))

    def objective(model):
        eta = X @ model.coef_[0] + model.intercept_
        size = l1_ratio * np.abs(model.coef_).sum() + (1 - l1_ratio) / 2 * (model.coef_**2).sum()
        return C * s @ (np.logaddexp(0, eta) - np.where(labels == "malignant", eta, 0.0)) + size

    assert objective(ours) <= objective(theirs) * (1 + 1e-10)
    if l1_ratio == 0:                                  # saga stops before: its coefficients say little
        np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=2e-5)
        np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=2e-5)
        assert (ours.predict(X) == theirs.predict(X)).mean() > 0.998
    assert list(ours.classes_) == ["benign", "malignant"]


def test_penalty_is_a_shorthand():
    X, y = load_breast_cancer(return_X_y=True)
    X = StandardScaler().fit_transform(X)[:, :5]
    for penalty, same in (("l1", {"l1_ratio": 1.0}), ("l2", {"l1_ratio": 0.0}), (None, {"C": np.inf})):
        np.testing.assert_array_equal(LogisticRegression(penalty, l1_ratio=0.3).fit(X, y).coef_,
                                      LogisticRegression(**same).fit(X, y).coef_)


@pytest.mark.parametrize("Model", ESTIMATORS)
def test_sparse_float32_and_pickles(Model):
    X, y, positive, _ = counts()
    X = np.where(np.abs(X) < 0.5, 0.0, X)
    y = {LogisticRegression: (y > 1) * 1.0, GammaRegressor: positive}.get(Model, y)
    dense = Model(tol=1e-6).fit(X, y)
    thin = Model(tol=1e-6).fit(sparse.csr_array(X), y)
    np.testing.assert_allclose(thin.coef_, dense.coef_, atol=1e-5)
    single = Model(tol=1e-6).fit(X.astype(np.float32), y)
    assert single.coef_.dtype == np.float32
    np.testing.assert_allclose(single.coef_, dense.coef_, atol=1e-4)
    again = pickle.loads(pickle.dumps(dense))
    np.testing.assert_array_equal(again.predict(X), dense.predict(X))


@pytest.mark.parametrize("epsilon", [1.1, 1.35, 3.0])
@pytest.mark.parametrize("alpha", [0.0, 1e-4, 1.0])
def test_huber_regressor_equals_scikit_learn(epsilon, alpha):
    X, y = load_diabetes(return_X_y=True)
    X = X / X.std(axis=0)
    y = y.copy()
    y[::17] += 500
    ours = HuberRegressor(epsilon=epsilon, alpha=alpha).fit(X, y)
    theirs = reference.HuberRegressor(epsilon=epsilon, alpha=alpha, tol=1e-9, max_iter=100_000).fit(X, y)

    def objective(model):
        z = np.abs(y - X @ model.coef_ - model.intercept_) / model.scale_
        loss = np.where(z < epsilon, z**2, 2 * epsilon * z - epsilon**2)
        return (model.scale_ * (1 + loss)).sum() + alpha * model.coef_ @ model.coef_

    assert objective(ours) <= objective(theirs) * (1 + 1e-9)
    np.testing.assert_allclose(ours.scale_, theirs.scale_, rtol=1e-3)
    assert (ours.outliers_ == theirs.outliers_).mean() > 0.99


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("p", "off"), [(10, 0), (10, 2), (30, 0), (30, 3)])
def test_huber_regressor_without_a_scale_is_least_absolute_deviations(p, off, weighted):
    rng = np.random.default_rng(p + off)
    X = rng.normal(size=(20, p))
    y = X[:, :3].sum(axis=1)
    y[:off] += 5.0
    w = rng.uniform(0.5, 2.0, 20) if weighted else np.ones(20)
    alpha, epsilon = 1e-4, 1.35
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ours = HuberRegressor(alpha=alpha).fit(X, y, sample_weight=w if weighted else None)

    def objective(b0, b, scale):
        z = np.abs(y - X @ b - b0) / scale
        return (w * scale * (1 + np.where(z < epsilon, z**2, 2 * epsilon * z - epsilon**2))).sum() + alpha * b @ b

    assert ours.scale_ < 1e-12
    assert ours.outliers_.sum() == (off if p == 10 else 0)
    best = objective(ours.intercept_, ours.coef_, ours.scale_)
    for _ in range(200):
        step = rng.normal(size=p + 1) * 10.0 ** rng.uniform(-6, 0)
        for scale in (1e-10, 1e-6, 1e-3, 0.1):
            assert objective(ours.intercept_ + step[0], ours.coef_ + step[1:], scale) >= best * (1 - 1e-9)
            assert objective(ours.intercept_, ours.coef_, scale) >= best * (1 - 1e-9)


@pytest.mark.parametrize(("Model", "y", "word"), [
    (PoissonRegressor, [1.0, -1.0, 2.0, 3.0], "row 1"), (GammaRegressor, [1.0, 0.0, 2.0, 3.0], "row 1"),
    (PoissonRegressor, [0.0, 0.0, 0.0, 0.0], "0 in every row"), (LogisticRegression, ["a", "a", "a", "a"], "one class"),
    (LogisticRegression, [0.0, 1.0, np.nan, 1.0], "NaN"),
])
def test_targets_that_a_family_does_not_have(Model, y, word):
    with pytest.raises(ValueError, match=word):
        Model().fit(np.arange(8.0).reshape(4, 2), y)


@pytest.mark.parametrize("model", [LogisticRegression(C=0), LogisticRegression("l3"), LogisticRegression(l1_ratio=2),
                                   LogisticRegression(solver="magic"), TweedieRegressor(power=0.5), TweedieRegressor(power=3),
                                   TweedieRegressor(power=1.5, link="identity"), PoissonRegressor(alpha=-1),
                                   HuberRegressor(epsilon=1.0)])
def test_parameters_that_cannot_be(model):
    with pytest.raises(ValueError, match="parameter of"):
        model.fit(np.arange(8.0).reshape(4, 2), [0, 1, 1, 0])
