"""celer: celer_path and ElasticNet. Its max_iter counts working sets: raised so that the tolerance decides.

Its ElasticNetCV (0.7.4) passes n_alphas to scikit-learn's base class, which has no such argument since 1.9: CV is a
loop of paths here.
"""

import celer
from celer import ElasticNet
from celer.homotopy import celer_path

from . import loops
from .fold_loop import cross_validate

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
    return cross_validate(_centred_path, data, tol)


def _centred_path(data, tol):
    means, mean = data["X"].mean(axis=0), data["y"].mean()
    coef, _ = path({**data, "X": data["X"] - means, "y": data["y"] - mean}, tol)
    return coef, mean - coef @ means


many, many_cv, boots = loops.many(path), loops.many_cv(cv), loops.boots(path)


def logistic(data, tol):
    """Its logistic loss is a sum over the rows, so is its alpha."""
    X, y = data["X"], 2 * data["y"] - 1
    _, coef, _ = celer_path(X, y, "logreg", alphas=data["alphas"] * len(y), tol=tol, max_iter=MAX_ITER, use_PN=True)
    return coef.T, 0.0


many_logistic = loops.targets(logistic)
