"""What the user chose, in the form in which solvers ask for it."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from riata_engine.memory import free_memory


@dataclass
class Options:
    """Settings of one call of ``solve`` that hold for every problem; ``bounded``: some coefficient has a finite bound;
    ``by_kkt``: the residual is no dual point (``half_free``), solvers stop by the violation of the KKT conditions."""

    l1_ratio: np.ndarray          # (B,)
    tol: float
    max_epochs: int
    stop_dev_ratio: float
    stop_dev_change: float
    stop_df: float
    n_threads: int
    memory_limit: float | None
    by_kkt: bool
    bounded: bool

    @cached_property
    def some_ridge(self):
        """Whether some problem has no l1 penalty."""
        return not self.l1_ratio.all()

    @cached_property
    def max_memory(self):
        """Bytes that working arrays may take; asked of the system only when something large is about to be made."""
        return free_memory() / 2 if self.memory_limit is None else self.memory_limit

    def penalties(self, form, alphas, problems=None):
        """(l1, l2), each like ``alphas`` (k, L): the penalties of the given problems (default all) in units of sigma."""
        ratio, target = (self.l1_ratio, form.target) if problems is None else (self.l1_ratio[problems], form.target[problems])
        ratio, sigma = ratio[:, None], form.sigma[target][:, None]
        return alphas * ratio / sigma, alphas * (1.0 - ratio)
