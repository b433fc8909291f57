"""riata: penalised models, one or a hundred thousand at a time."""

from riata import penalties, resampling
from riata.adaptive import AdaptivePathResult, adaptive_path
from riata.batch_models import BatchModels
from riata.batch_paths import BatchPaths
from riata.batch_result import BatchResult
from riata.batches import concat, fit_batch
from riata.bootstrap import bootstrap_path
from riata.bootstrap_result import BootstrapResult
from riata.concave import ConcavePathResult, mcp_path, scad_path
from riata.cross_validation import cross_validate_path
from riata.cv_result import CVResult
from riata.group_paths import GroupPathResult, fit_group_path
from riata.multinomial import cross_validate_multinomial, fit_multinomial_path
from riata.multinomial_result import MultinomialCVResult, MultinomialPathResult
from riata.nested import NestedCVResult, nested_cross_validate
from riata.own_penalty import PenaltyPathResult, penalty_path
from riata.paths import fit_path
from riata.permutation import PermutationTestResult, permutation_test
from riata.persistence import load_model, save_model
from riata.relaxed import RelaxedPathResult, relaxed_path
from riata.results import PathResult
from riata.ridge_cv import RidgeCVPath, ridge_cv_path
from riata.slope import SlopePathResult, slope_path
from riata.svm_paths import SVMPathResult, fit_svm_path
from riata_engine.batch import build_info

__version__ = "0.1.0"

__all__ = [
    "AdaptivePathResult",
    "BatchModels",
    "BatchPaths",
    "BatchResult",
    "BootstrapResult",
    "CVResult",
    "ConcavePathResult",
    "GroupPathResult",
    "MultinomialCVResult",
    "MultinomialPathResult",
    "NestedCVResult",
    "PathResult",
    "PenaltyPathResult",
    "PermutationTestResult",
    "RelaxedPathResult",
    "RidgeCVPath",
    "SVMPathResult",
    "SelectFromPath",
    "SlopePathResult",
    "StabilitySelection",
    "adaptive_path",
    "bootstrap_path",
    "build_info",
    "concat",
    "cross_validate_multinomial",
    "cross_validate_path",
    "fit_batch",
    "fit_group_path",
    "fit_multinomial_path",
    "fit_path",
    "fit_svm_path",
    "load_model",
    "losses",
    "mcp_path",
    "nested_cross_validate",
    "penalties",
    "penalty_path",
    "permutation_test",
    "relaxed_path",
    "resampling",
    "ridge_cv_path",
    "save_model",
    "scad_path",
    "slope_path",
]

#: packages that load more than numpy (scikit-learn, most of them): imported when they are first asked for
_LAZY_PACKAGES = ("calibration", "feature_selection", "functional", "linear_model", "neural_network", "nn", "optim", "svm",
                  "transfer")
_LAZY = {"SelectFromPath": "riata.feature_selection", "StabilitySelection": "riata.feature_selection"}


def __getattr__(name):
    from importlib import import_module

    if name in _LAZY_PACKAGES:
        return import_module(f"riata.{name}")
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'riata' has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *_LAZY, *_LAZY_PACKAGES})
