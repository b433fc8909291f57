"""glmstar (glmnet's C++ core by its authors): GaussNet. ``covariance`` is chosen by its own rule (p < 500).

It divides y by its standard deviation s (root mean square without an intercept), which divides the ridge part of the
penalty by s. So lambda = alpha·(l1_ratio + s·(1 - l1_ratio)) and its own alpha = l1_ratio·alpha / lambda.
The early stop of the path is switched off, so that every alpha of the grid is solved.
"""

from importlib.metadata import version

import numpy as np
from glmnet.cox import CoxFamily
from glmnet.paths import LogNet
from glmnet.paths.coxnet import CoxNet
from glmnet.paths.fastnet import FastNetControl
from glmnet.paths.gaussnet import GaussNet
from glmnet.paths.multiclassnet import MultiClassNet
from pandas import DataFrame

from . import loops
from .fold_loop import cross_validate

VERSION = version("glmstar")
COVARIANCE = None


def translate(data):
    """lambda_values and alpha in glmnet's terms."""
    y, l1_ratio = data["y"], data["l1_ratio"]
    s = np.sqrt(np.mean((y - y.mean()) ** 2 if data["intercept"] else y**2))
    share = l1_ratio + s * (1 - l1_ratio)
    return data["alphas"] * share, l1_ratio / share


def path(data, tol):
    lambda_values, alpha = translate(data)
    model = GaussNet(lambda_values=lambda_values, alpha=alpha, standardize=False, fit_intercept=data["intercept"],
                     covariance=COVARIANCE, control=_control(tol))
    model.fit(data["X"], data["y"])
    return model.coefs_, model.intercepts_


fit = path


def cv(data, tol):
    return cross_validate(path, data, tol)


many, many_cv, boots = loops.many(path), loops.many_cv(cv), loops.boots(path)


def _control(tol):
    return FastNetControl(fdev=0.0, devmax=1.0, thresh=tol, maxit=1_000_000_000)


def logistic(data, tol):
    model = LogNet(lambda_values=data["alphas"], alpha=data["l1_ratio"], standardize=False, fit_intercept=data["intercept"],
                   control=_control(tol))
    model.fit(data["X"], data["y"])
    return model.coefs_, model.intercepts_


many_logistic = loops.targets(logistic)


def multinomial(data, tol):
    model = MultiClassNet(lambda_values=data["alphas"], alpha=data["l1_ratio"], standardize=False, control=_control(tol))
    model.fit(data["X"], data["y"])
    K, p = data["y"].max() + 1, data["X"].shape[1]
    coef = model.coefs_ if model.coefs_.shape[1:] == (K, p) else np.moveaxis(model.coefs_, 2, 1)
    return coef.reshape(-1, p), model.intercepts_.ravel()


def cox(data, tol):
    model = CoxNet(family=CoxFamily(tie_breaking="breslow"), lambda_values=data["alphas"], alpha=data["l1_ratio"],
                   standardize=False, control=_control(tol))
    model.fit(data["X"], DataFrame({"event": data["time"], "status": data["event"].astype(int)}))
    return model.coefs_, 0.0
