"""Paths of other penalties of the squared loss: MCP, SCAD and SLOPE, with their certificates by plain numpy."""

import numpy as np

import riata

from . import datasets
from .measure import THREADS, size


class Concave:
    """More features than samples under a concave penalty."""

    params = (("mcp", "scad"),)
    param_names = ("penalty",)
    timeout = 600

    def setup(self, penalty):
        X, y = datasets.dense(size(200, 1000), size(1000, 10_000), rho=0.5)
        self.X, self.y = np.asfortranarray((X - X.mean(axis=0)) / X.std(axis=0)), y / y.std()
        self.fit = {"mcp": riata.mcp_path, "scad": riata.scad_path}[penalty]

    def run(self):
        return self.fit(self.X, self.y, alphas=100, alpha_min_ratio=1e-2, standardize=False, gamma=4.0, n_threads=THREADS)

    def time_path(self, penalty):
        self.run()

    def peakmem_path(self, penalty):
        self.run()

    def track_largest_kkt(self, penalty):
        """Over the columns without a coefficient and those beyond gamma·alpha, where both penalties are flat."""
        path = self.run()
        R = self.y - path.intercept[:, None] - path.coef @ self.X.T
        T = np.abs(R @ self.X) / len(self.y)
        a = path.alphas[:, None]
        size_of = np.abs(path.coef)
        off = np.where(path.coef == 0, T - a, np.where(size_of > 4.0 * a, T, 0.0))
        return float(off.max() / self.y.std())

    track_largest_kkt.unit = "kkt"


class Slope:
    """The sorted l1 norm with the sequence of Benjamini and Hochberg."""

    timeout = 600
    tol = 1e-6

    def setup(self):
        self.X, self.y = datasets.dense(size(200, 1000), size(500, 2000), rho=0.5)

    def run(self):
        return riata.slope_path(self.X, self.y, alphas=50, alpha_min_ratio=3e-2, tol=self.tol, n_threads=THREADS)

    def time_path(self):
        self.run()

    def peakmem_path(self):
        self.run()

    def track_largest_gap(self):
        path = self.run()
        r = self.y - path.intercept[:, None] - path.coef @ self.X.T
        y = self.y - self.y.mean()
        inside = np.cumsum(np.sort(np.abs(r @ self.X), axis=1)[:, ::-1], axis=1) / len(y) / np.cumsum(path.sequence)
        share = np.minimum(1.0, path.alphas / inside.max(axis=1))
        norm = np.sort(np.abs(path.coef), axis=1)[:, ::-1] @ path.sequence
        square = np.mean(r**2, axis=1)
        gap = square / 2 + path.alphas * norm - share * np.mean(r * y, axis=1) + share**2 * square / 2
        return float((gap / (np.mean(y**2) / 2)).max())

    track_largest_gap.unit = "gap"
