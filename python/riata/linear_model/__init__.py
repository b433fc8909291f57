"""scikit-learn's linear models by their own names: change one word of an import.

    from riata.linear_model import ElasticNet, ElasticNetCV, Lasso, LassoCV, Ridge, RidgeCV, enet_path, lasso_path

What differs on purpose is listed in docs/scikit-learn.md.
"""

from ._concave import MCPRegressor, SCADRegressor
from ._elastic_net import ElasticNet, Lasso
from ._elastic_net_cv import ElasticNetCV, LassoCV
from ._glm import GammaRegressor, PoissonRegressor, TweedieRegressor
from ._huber import HuberRegressor
from ._logistic import LogisticRegression
from ._paths import enet_path, lasso_path
from ._ridge import Ridge
from ._ridge_cv import RidgeCV
from ._slope import Slope
from ._two_stage import AdaptiveLasso, RelaxedLasso

__all__ = ["AdaptiveLasso", "ElasticNet", "ElasticNetCV", "GammaRegressor", "HuberRegressor", "Lasso", "LassoCV",
           "LogisticRegression", "MCPRegressor", "PoissonRegressor", "RelaxedLasso", "Ridge", "RidgeCV", "SCADRegressor", "Slope",
           "TweedieRegressor", "enet_path", "lasso_path"]
