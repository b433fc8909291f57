"""Paths of the Cox model: the exact Hessian of the columns in use, a certificate for each alpha."""

import numpy as np

from riata_engine.cox import Cox, solve_cox

from . import datasets
from .measure import THREADS, size


class CoxPath:
    """A lasso path of 50 alphas, more features than samples."""

    params = (("breslow", "efron"),)
    param_names = ("ties",)
    timeout = 600

    def setup(self, ties):
        self.X, y = datasets.dense(size(150, 1000), size(200, 2000))
        self.time, self.event = datasets.survival_times(y).values()
        if ties == "efron":
            self.time = np.ceil(100 * self.time / np.median(self.time))

    def run(self, ties):
        return solve_cox(Cox(self.X, self.time, self.event, ties=ties, n_alphas=50, alpha_min_ratio=0.05, n_threads=THREADS))

    def time_path(self, ties):
        self.run(ties)

    def track_largest_gap(self, ties):
        return float(self.run(ties).gap.max())

    track_largest_gap.unit = "of the null objective"
