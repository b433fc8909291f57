"""scikit-learn: enet_path (Gram form where it chooses so), ElasticNet, ElasticNetCV."""

from functools import partial

import numpy as np
import sklearn
from sklearn.linear_model import (
    ElasticNet,
    ElasticNetCV,
    GammaRegressor,
    LogisticRegression,
    PoissonRegressor,
    QuantileRegressor,
    enet_path,
)
from sklearn.model_selection import PredefinedSplit
from sklearn.svm import LinearSVC

from . import loops

VERSION = sklearn.__version__
MAX_ITER = 1_000_000


def path(data, tol):
    _, coef, _ = enet_path(data["X"], data["y"], l1_ratio=data["l1_ratio"], alphas=data["alphas"], tol=tol,
                           max_iter=MAX_ITER)
    return coef.T, 0.0


def fit(data, tol):
    model = ElasticNet(alpha=data["alphas"][0], l1_ratio=data["l1_ratio"], tol=tol, max_iter=MAX_ITER)
    model.fit(data["X"], data["y"])
    return model.coef_[None, :], [model.intercept_]


def cv(data, tol):
    alphas = data["alphas"]
    model = ElasticNetCV(l1_ratio=list(data["l1_ratios"]), alphas=alphas.shape[1], eps=alphas[0, -1] / alphas[0, 0],
                         cv=PredefinedSplit(data["folds"]), tol=tol, max_iter=MAX_ITER)
    model.fit(data["X"], data["y"])
    mse = model.mse_path_.reshape(*alphas.shape, -1)
    return mse, (model.coef_[None, :], [model.intercept_])


def targets(data, tol):
    X, Y = data["X"], data["y"]
    gram = X.T @ X    # shared by all targets: the fastest that the public function allows
    coef = [enet_path(X, y, l1_ratio=data["l1_ratio"], alphas=alphas, tol=tol, max_iter=MAX_ITER, precompute=gram,
                      Xy=X.T @ y, check_input=False)[1].T for y, alphas in zip(Y.T, data["alphas"], strict=True)]
    return np.concatenate(coef), 0.0


many, many_cv, boots = loops.many(path), loops.many_cv(cv), loops.boots(path)


def logistic(data, tol):
    """liblinear, fit by fit: it has no warm start."""
    X, y = data["X"], data["y"]
    coef = [LogisticRegression(l1_ratio=1, solver="liblinear", C=1 / (len(y) * alpha), fit_intercept=False, tol=tol,
                               max_iter=MAX_ITER).fit(X, y).coef_ for alpha in data["alphas"]]
    return np.concatenate(coef), 0.0


many_logistic = loops.targets(logistic)


def _glm(Model, data, tol):
    model = Model(alpha=data["alphas"][0], solver="newton-cholesky", tol=tol, max_iter=1000).fit(data["X"], data["y"])
    return model.coef_[None, :], [model.intercept_]


poisson, gamma = partial(_glm, PoissonRegressor), partial(_glm, GammaRegressor)


def svc(data, tol):
    X, penalty = data["X"], "l1" if data["l1_ratio"] else "l2"
    model = LinearSVC(penalty=penalty, C=1 / (data["alphas"][0] * len(X)), dual=False, tol=tol, max_iter=MAX_ITER)
    model.fit(X, data["y"])
    return model.coef_, model.intercept_


def quantile(data, tol):
    """HiGHS, which has tolerances of its own."""
    model = QuantileRegressor(alpha=data["alphas"][0], quantile=data["quantile"][0]).fit(data["X"], data["y"])
    return model.coef_[None, :], [model.intercept_]
