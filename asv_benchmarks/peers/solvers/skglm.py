"""skglm: AndersonCD with the L1_plus_L2 penalty (L1 at l1_ratio 1).

Its tolerance is a distance to the subdifferential in the units of the gradient; here it is given as a share of the
largest alpha·l1_ratio, so that one list of tolerances serves data of any scale.
"""

from functools import partial

import numpy as np
import skglm
from skglm import GeneralizedLinearEstimator
from skglm.datafits import Logistic, Quadratic
from skglm.penalties import L1, SCAD, L1_plus_L2, MCPenalty
from skglm.solvers import AndersonCD, ProxNewton

from .fold_loop import cross_validate

VERSION = skglm.__version__


def path(data, tol):
    alphas, l1_ratio, fit_intercept = data["alphas"], data["l1_ratio"], data["intercept"]
    penalty = L1(alphas[0]) if l1_ratio == 1 else L1_plus_L2(alphas[0], l1_ratio)
    solver = AndersonCD(tol=tol * alphas[0] * l1_ratio, max_iter=1000, fit_intercept=fit_intercept)
    _, coef, _ = solver.path(data["X"], data["y"], Quadratic(), penalty, alphas=alphas)
    if not fit_intercept:
        return coef.T, 0.0
    return np.ascontiguousarray(coef[:-1].T), coef[-1]


fit = path


def cv(data, tol):
    return cross_validate(path, data, tol)


def logistic(data, tol):
    alphas, X = data["alphas"], data["X"]
    solver = ProxNewton(tol=tol * alphas[0], max_iter=1000, fit_intercept=False, warm_start=True)
    model = GeneralizedLinearEstimator(Logistic(), L1(alphas[0]), solver)
    coef = np.empty((len(alphas), X.shape[1]))
    for alpha, row in zip(alphas, coef, strict=True):
        model.penalty.alpha = alpha
        row[:] = model.fit(X, 2 * data["y"] - 1).coef_
    return coef, 0.0


def _concave(Penalty, data, tol):
    """Here the tolerance is that of the KKT conditions themselves, in the units of the data."""
    solver = AndersonCD(tol=tol, max_iter=1000, fit_intercept=False)
    _, coef, _ = solver.path(data["X"], data["y"], Quadratic(), Penalty(data["alphas"][0], data["gamma"][0]),
                             alphas=data["alphas"])
    return coef.T, 0.0


mcp, scad = partial(_concave, MCPenalty), partial(_concave, SCAD)
