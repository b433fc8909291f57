"""scikit-learn's SGDClassifier with its own schedule; the tolerance is one over the number of epochs."""

import numpy as np
import sklearn
from sklearn.linear_model import SGDClassifier

from . import loops

VERSION = sklearn.__version__


def prepare(data):
    return data | {"X": data["X"].tocsr() if hasattr(data["X"], "indptr") else np.ascontiguousarray(data["X"])}


def sgd(data, tol, **settings):
    model = SGDClassifier(loss="log_loss", penalty="elasticnet", alpha=data["alphas"].ravel()[0], l1_ratio=data["l1_ratio"],
                          fit_intercept=data["intercept"], max_iter=round(1 / tol), tol=None, random_state=0, **settings)
    model.fit(data["X"], data["y"])
    return model.coef_, model.intercept_


many_sgd = loops.targets(sgd)
