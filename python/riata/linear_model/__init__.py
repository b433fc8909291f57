"""scikit-learn's linear models by their own names: change one word of an import.

    from riata.linear_model import ElasticNet, ElasticNetCV, Lasso, LassoCV, Ridge, RidgeCV, enet_path, lasso_path

What differs on purpose is listed in docs/scikit-learn.md.
"""

from ._concave import MCPRegressor, SCADRegressor
from ._cox import CoxRegressor
from ._cox_cv import CoxRegressorCV
from ._elastic_net import ElasticNet, Lasso
from ._elastic_net_cv import ElasticNetCV, LassoCV
from ._glm import GammaRegressor, PoissonRegressor, TweedieRegressor
from ._groups import GroupLasso, SparseGroupLasso
from ._huber import HuberRegressor
from ._linear_svc import LinearSVC
from ._linear_svr import LinearSVR
from ._logistic import LogisticRegression
from ._logistic_cv import LogisticRegressionCV
from ._multi_task import MultiTaskElasticNet, MultiTaskLasso
from ._multi_task_cv import MultiTaskElasticNetCV, MultiTaskLassoCV
from ._paths import enet_path, lasso_path
from ._penalized import PenalizedClassifier, PenalizedRegressor
from ._quantile import QuantileRegressor
from ._ridge import Ridge
from ._ridge_cv import RidgeCV
from ._sgd_classifier import SGDClassifier
from ._sgd_regressor import SGDRegressor
from ._slope import Slope
from ._two_stage import AdaptiveLasso, RelaxedLasso

__all__ = [
    "AdaptiveLasso",
    "CoxRegressor",
    "CoxRegressorCV",
    "ElasticNet",
    "ElasticNetCV",
    "GammaRegressor",
    "GroupLasso",
    "HuberRegressor",
    "Lasso",
    "LassoCV",
    "LinearSVC",
    "LinearSVR",
    "LogisticRegression",
    "LogisticRegressionCV",
    "MCPRegressor",
    "MultiTaskElasticNet",
    "MultiTaskElasticNetCV",
    "MultiTaskLasso",
    "MultiTaskLassoCV",
    "PenalizedClassifier",
    "PenalizedRegressor",
    "PoissonRegressor",
    "QuantileRegressor",
    "RelaxedLasso",
    "Ridge",
    "RidgeCV",
    "SCADRegressor",
    "SGDClassifier",
    "SGDRegressor",
    "Slope",
    "SparseGroupLasso",
    "TweedieRegressor",
    "enet_path",
    "lasso_path",
]
