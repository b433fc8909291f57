"""Paths of group penalties: time and the largest gap, judged here from X alone."""

import numpy as np

import riata
import riata.linear_model

from . import datasets, family_referee
from .measure import THREADS, size


class GroupPaths:
    """Group lasso and sparse group lasso on more features than samples, groups of ten."""

    params = ((0.0, 0.3),)
    param_names = ("sparsity",)
    timeout = 600
    tol = 1e-6

    def setup(self, sparsity):
        self.X, self.y = datasets.dense(size(200, 1000), size(2000, 10_000))
        self.groups = np.arange(self.X.shape[1]) // 10
        self.arguments = {"groups": self.groups, "sparsity": sparsity, "alpha_min_ratio": 1e-2, "tol": self.tol,
                          "n_threads": THREADS}

    def run(self):
        return riata.fit_group_path(self.X, self.y, **self.arguments)

    def time_path(self, sparsity):
        self.run()

    def peakmem_path(self, sparsity):
        self.run()

    def track_largest_gap(self, sparsity):
        path = self.run()
        primal, dual = family_referee.group_bounds(self.X, self.y, self.groups, path.coef, path.alphas, sparsity)
        return float((primal - dual).max())

    track_largest_gap.unit = "gap"


class Tasks:
    """MultiTaskLassoCV, ten responses."""

    timeout = 600

    def setup(self):
        self.X, y = datasets.dense(size(100, 300), size(300, 3000))
        rng = np.random.default_rng(0)
        self.Y = y[:, None] * rng.standard_normal(10) + y.std() * rng.standard_normal((len(y), 10))

    def time_cv(self):
        riata.linear_model.MultiTaskLassoCV(cv=5, eps=1e-2, tol=1e-6, max_iter=100_000, n_jobs=THREADS).fit(self.X, self.Y)
