"""riata: penalised models, one or a hundred thousand at a time."""

from riata import resampling
from riata.batch_result import BatchResult
from riata.cross_validation import cross_validate_path
from riata.cv_result import CVResult
from riata.nested import NestedCVResult, nested_cross_validate
from riata.paths import fit_batch, fit_path
from riata.persistence import load_model, save_model
from riata.results import PathResult
from riata_engine.batch import build_info

__version__ = "0.1.0"

__all__ = [
    "BatchResult",
    "CVResult",
    "NestedCVResult",
    "PathResult",
    "build_info",
    "cross_validate_path",
    "fit_batch",
    "fit_path",
    "load_model",
    "nested_cross_validate",
    "resampling",
    "save_model",
]
