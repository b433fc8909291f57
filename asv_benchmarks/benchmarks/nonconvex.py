"""Paths of other penalties of the squared loss: MCP, SCAD and SLOPE, with their certificates by plain numpy."""

import numpy as np

import riata

from . import datasets, family_referee
from .measure import THREADS, size


class Concave:
    """More features than samples under a concave penalty."""

    params = (("mcp", "scad"),)
    param_names = ("penalty",)
    timeout = 600
    gamma = 4.0

    def setup(self, penalty):
        X, y = datasets.dense(size(200, 1000), size(1000, 10_000), rho=0.5)
        self.X, self.y = np.asfortranarray((X - X.mean(axis=0)) / X.std(axis=0)), y / y.std()
        self.fit = {"mcp": riata.mcp_path, "scad": riata.scad_path}[penalty]

    def run(self):
        return self.fit(self.X, self.y, alphas=100, alpha_min_ratio=1e-2, standardize=False, gamma=self.gamma, n_threads=THREADS)

    def time_path(self, penalty):
        self.run()

    def peakmem_path(self, penalty):
        self.run()

    def track_largest_kkt(self, penalty):
        path = self.run()
        y = self.y - path.intercept.mean()                       # columns are centred: every alpha has the same intercept
        worst = family_referee.concave_violations(self.X, y, penalty, self.gamma, path.coef, path.alphas).max()
        return float(worst / self.y.std())

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
        primal, dual = family_referee.slope_bounds(self.X, self.y, path.sequence, path.coef, path.intercept, path.alphas)
        return float((primal - dual).max())

    track_largest_gap.unit = "gap"
