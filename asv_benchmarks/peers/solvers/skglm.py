"""skglm: AndersonCD with the L1_plus_L2 penalty (L1 at l1_ratio 1).

Its tolerance is a distance to the subdifferential in the units of the gradient; here it is given as a share of the
largest alpha·l1_ratio, so that one list of tolerances serves data of any scale.
"""

import numpy as np
import skglm
from skglm.datafits import Quadratic
from skglm.penalties import L1, L1_plus_L2
from skglm.solvers import AndersonCD

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
