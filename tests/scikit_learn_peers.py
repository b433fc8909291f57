"""Data, settings and peers that the tests of the estimators share."""

import numpy as np
import sklearn.linear_model as reference
from scipy import sparse

from riata.linear_model import ElasticNet, ElasticNetCV, Lasso, LassoCV

SINGLE = [ElasticNet, Lasso]
CROSS_VALIDATED = [ElasticNetCV, LassoCV]
EXACT = {"tol": 1e-14, "max_iter": 100_000}


def theirs_of(model):
    """scikit-learn's estimator of the same name."""
    return getattr(reference, model.__name__)


def make_data(seed=0, n=120, p=15, n_targets=None, density=None, dtype=np.float64):
    """A linear model with noise, columns of unequal scale and a non-zero mean."""
    rng = np.random.default_rng(seed)
    if density is None:
        X = rng.normal(1.0, rng.uniform(0.3, 3.0, p), size=(n, p))
    else:
        X = sparse.random_array((n, p), density=density, rng=rng, data_sampler=rng.standard_normal, format="csc")
    coef = np.where(rng.uniform(size=(p, n_targets or 1)) < 0.4, rng.normal(size=(p, n_targets or 1)), 0.0)
    Y = X @ coef + rng.normal(size=(n, n_targets or 1)) + 3.0
    X = X.astype(dtype)
    return X, Y if n_targets else Y[:, 0]


def objective(model, X, y, weights=None):
    """The documented objective at the fitted coefficients of one target, in float64."""
    coef = np.asarray(model.coef_, dtype=np.float64)
    loss = np.average((y - X @ coef - model.intercept_) ** 2, weights=weights) / 2
    return loss + model.alpha * (model.l1_ratio * np.abs(coef).sum() + (1 - model.l1_ratio) / 2 * coef @ coef)
