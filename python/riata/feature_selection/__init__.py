"""Feature selection by penalised paths, as scikit-learn selectors."""

from ._select_from_path import SelectFromPath
from ._stability import StabilitySelection

__all__ = ["SelectFromPath", "StabilitySelection"]
