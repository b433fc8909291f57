"""glum: GeneralizedLinearRegressor on the dense matrix; its tolerance is that of the gradient."""

from functools import partial
from importlib.metadata import version

from glum import GeneralizedLinearRegressor

VERSION = version("glum")


def _glm(family, data, tol):
    model = GeneralizedLinearRegressor(family=family, alpha=data["alphas"][0], l1_ratio=data["l1_ratio"], gradient_tol=tol,
                                       max_iter=1000).fit(data["X"], data["y"])
    return model.coef_[None, :], [model.intercept_]


poisson, gamma = partial(_glm, "poisson"), partial(_glm, "gamma")
