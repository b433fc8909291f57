"""Multinomial paths: rows x classes, working sets over (feature, class)."""

import riata

from . import datasets, family_referee
from .measure import THREADS, size


class Multinomial:
    """Fifty alphas to a fiftieth of the largest, ten classes."""

    timeout = 600
    params = ((1.0, 0.5),)
    param_names = ("l1_ratio",)

    def setup(self, l1_ratio):
        self.X, _ = datasets.dense(size(300, 2000), size(150, 1000))
        self.y = datasets.softmax_labels(self.X, size(4, 10))

    def run(self, l1_ratio):
        return riata.fit_multinomial_path(self.X, self.y, l1_ratio=l1_ratio, alphas=50, alpha_min_ratio=0.02, n_threads=THREADS)

    def time_path(self, l1_ratio):
        self.run(l1_ratio)

    def peakmem_path(self, l1_ratio):
        self.run(l1_ratio)

    def track_largest_gap(self, l1_ratio):
        path = self.run(l1_ratio)
        primal, dual = family_referee.multinomial_bounds(self.X, self.y, path.coef, path.intercept, path.alphas, l1_ratio)
        return float((primal - dual).max())

    track_largest_gap.unit = "gap"


class WideRidge:
    """Ridge paths on many more columns than rows, ten classes."""

    timeout = 600

    def setup(self):
        self.X, _ = datasets.dense(size(40, 64), size(300, 6830))
        self.y = datasets.softmax_labels(self.X, size(4, 10))

    def run(self):
        return riata.fit_multinomial_path(self.X, self.y, l1_ratio=0, alphas=20, n_threads=THREADS)

    def time_path(self):
        self.run()

    def track_largest_gap(self):
        return float(self.run().gap.max())

    track_largest_gap.unit = "gap"
