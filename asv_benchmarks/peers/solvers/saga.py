"""scikit-learn's LogisticRegression by SAGA: the stochastic solver that converges; for elastic nets too."""

import sklearn
from sklearn.linear_model import LogisticRegression

from . import sgd as plain

VERSION, prepare = sklearn.__version__, plain.prepare


def sgd(data, tol):
    alpha, n = data["alphas"].ravel()[0], data["X"].shape[0]
    model = LogisticRegression(C=1 / (n * alpha), l1_ratio=data["l1_ratio"], solver="saga", fit_intercept=data["intercept"],
                               tol=tol, max_iter=10_000, random_state=0).fit(data["X"], data["y"])
    return model.coef_, model.intercept_
