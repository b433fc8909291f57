"""Multinomial paths: rows x classes, working sets over (feature, class)."""

import numpy as np

import riata

from . import datasets
from .measure import THREADS, size


def classes(X, n_classes, seed=1):
    """Labels of a softmax model with twenty features a class."""
    rng = np.random.default_rng(seed)
    B = np.zeros((X.shape[1], n_classes))
    for k in range(n_classes):
        B[rng.choice(X.shape[1], 20, replace=False), k] = rng.standard_normal(20)
    return (X @ B + rng.gumbel(size=(len(X), n_classes))).argmax(axis=1)


class Multinomial:
    """Fifty alphas to a fiftieth of the largest, ten classes."""

    timeout = 600
    params = ((1.0, 0.5),)
    param_names = ("l1_ratio",)

    def setup(self, l1_ratio):
        self.X, _ = datasets.dense(size(300, 2000), size(150, 1000))
        self.y = classes(self.X, size(4, 10))

    def run(self, l1_ratio):
        return riata.fit_multinomial_path(self.X, self.y, l1_ratio=l1_ratio, alphas=50, alpha_min_ratio=0.02, n_threads=THREADS)

    def time_path(self, l1_ratio):
        self.run(l1_ratio)

    def peakmem_path(self, l1_ratio):
        self.run(l1_ratio)

    def track_largest_gap(self, l1_ratio):
        path = self.run(l1_ratio)
        return max(gap(self.X, self.y, path.coef[i], path.intercept[i], alpha, l1_ratio) for i, alpha in enumerate(path.alphas))

    track_largest_gap.unit = "gap"


def gap(X, y, coef, intercept, alpha, l1_ratio):
    """The relative duality gap, computed the slow way: primal less dual objective, intercepts brought to their optimum first."""
    n, K = len(y), len(intercept)
    Y, b0 = np.eye(K)[y], intercept.copy()
    for _ in range(50):
        eta = X @ coef.T + b0
        eta -= eta.max(axis=1, keepdims=True)
        p = np.exp(eta)
        p /= p.sum(axis=1, keepdims=True)
        off = (Y - p).mean(axis=0)
        if np.abs(off).max() < 1e-15:
            break
        b0 = b0 + np.linalg.lstsq(np.diag(p.mean(axis=0)) - p.T @ p / n, off, rcond=None)[0]
    gradient = (Y - p).T @ X / n
    l1, l2 = alpha * l1_ratio, alpha * (1 - l1_ratio)
    primal = (np.log(np.exp(eta).sum(axis=1)) - eta[np.arange(n), y]).mean() + l1 * np.abs(coef).sum() + l2 / 2 * (coef**2).sum()
    s = min(1.0, l1 / np.abs(gradient).max()) if l2 == 0 else 1.0
    q = Y + s * (p - Y)
    entropy = -(q * np.log(np.where(q > 0, q, 1.0))).sum() / n
    conjugate = 0.0 if l2 == 0 else (np.maximum(np.abs(s * gradient) - l1, 0) ** 2).sum() / (2 * l2)
    share = Y.mean(axis=0)
    return float((primal - entropy + conjugate) / -(share * np.log(share)).sum())
