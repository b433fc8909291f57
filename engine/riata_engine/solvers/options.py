"""What the user chose, in the form in which solvers ask for it."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Options:
    """Settings of one call of ``solve`` that hold for every problem; ``by_kkt``: no gap exists, certify by KKT."""

    l1_ratio: np.ndarray          # (B,)
    tol: float
    max_epochs: int
    stop_dev_ratio: float
    stop_dev_change: float
    n_threads: int
    max_memory: float
    by_kkt: bool

    def penalties(self, form, alphas, problems=None):
        """(l1, l2), each like ``alphas`` (k, L): the penalties of the given problems (default all) in units of sigma."""
        problems = np.arange(len(alphas)) if problems is None else problems
        ratio = self.l1_ratio[problems, None]
        sigma = form.sigma[form.target[problems], None]
        return np.ascontiguousarray(alphas * ratio / sigma), np.ascontiguousarray(alphas * (1.0 - ratio))
