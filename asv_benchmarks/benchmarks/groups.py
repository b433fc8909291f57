"""Paths of group penalties: time and the largest gap, judged here from X alone."""

import numpy as np

import riata
import riata.linear_model

from . import datasets
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
        return largest_gap(self.X, self.y, self.groups, self.run(), sparsity)

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


def largest_gap(X, y, groups, path, sparsity):
    """Of a path without a ridge part; the dual point is the residual, scaled until every group's penalty holds it."""
    n, y = len(y), y - y.mean()
    members = [np.flatnonzero(groups == g) for g in np.unique(groups)]
    worst = 0.0
    X = X - X.mean(axis=0)
    for coef, alpha in zip(path.coef, path.alphas, strict=True):
        r = y - X @ coef
        slopes, penalty, scale = X.T @ r / n, 0.0, 1.0
        for g in members:
            lam, l1 = alpha * (1 - sparsity) * np.sqrt(len(g)), alpha * sparsity
            penalty += lam * np.linalg.norm(coef[g]) + l1 * np.abs(coef[g]).sum()
            if beyond(scale * slopes[g], lam, l1):
                scale = held(slopes[g], lam, l1, scale)
        dual = scale * (r @ y) - scale * scale / 2 * (r @ r)
        worst = max(worst, (r @ r / 2 - dual + n * penalty) / (y @ y / 2))
    return worst


def beyond(slopes, lam, l1):
    return np.linalg.norm(np.maximum(np.abs(slopes) - l1, 0)) > lam


def held(slopes, lam, l1, high):
    """The largest multiple of the slopes, below ``high``, that is not ``beyond``: by bisection, from below."""
    low = 0.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if beyond(middle * slopes, lam, l1) else (middle, high)
    return low
