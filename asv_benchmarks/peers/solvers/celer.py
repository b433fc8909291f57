"""celer: celer_path, ElasticNet, ElasticNetCV. Its max_iter counts working sets: raised so that the tolerance decides."""

import celer
from celer import ElasticNet, ElasticNetCV
from celer.homotopy import celer_path
from sklearn.model_selection import PredefinedSplit

VERSION = celer.__version__
MAX_ITER = 1000


def path(data, tol):
    _, coef, _ = celer_path(data["X"], data["y"], "lasso", l1_ratio=data["l1_ratio"], alphas=data["alphas"], tol=tol,
                            max_iter=MAX_ITER)
    return coef.T, 0.0


def fit(data, tol):
    model = ElasticNet(alpha=data["alphas"][0], l1_ratio=data["l1_ratio"], tol=tol, max_iter=MAX_ITER)
    model.fit(data["X"], data["y"])
    return model.coef_[None, :], [model.intercept_]


def cv(data, tol):
    alphas = data["alphas"]
    model = ElasticNetCV(l1_ratio=list(data["l1_ratios"]), n_alphas=alphas.shape[1], eps=alphas[0, -1] / alphas[0, 0],
                         cv=PredefinedSplit(data["folds"]), tol=tol, max_iter=MAX_ITER)
    model.fit(data["X"], data["y"])
    return model.mse_path_.reshape(*alphas.shape, -1), (model.coef_[None, :], [model.intercept_])
