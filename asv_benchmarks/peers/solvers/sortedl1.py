"""sortedl1: coordinate descent on clusters; its tolerance is a relative duality gap. The path's early stops are switched off."""

from importlib.metadata import version

import numpy as np
from sortedl1 import Slope

VERSION = version("sortedl1")


def slope(data, tol):
    model = Slope(lam=data["sequence"], fit_intercept=True, centering="none", scaling="none", tol=tol, max_iter=1_000_000)
    found = model.path(data["X"], data["y"], alphas=data["alphas"], tol_dev_change=0.0, tol_dev_ratio=1.0)
    coef, intercept = np.asarray(found.coefs), np.asarray(found.intercepts)
    return coef.reshape(data["X"].shape[1], -1).T, intercept.ravel()
