"""Paths of other losses than the squared one: two classes on many columns, many small ones, counts on tall data."""

import numpy as np

import riata

from . import datasets, family_referee
from .measure import THREADS, size


def largest_gap(loss, X, y, path):
    """Largest duality gap of a path with an intercept."""
    primal, dual = family_referee.smooth_bounds(loss, X, y, path.coef, path.alphas, path.l1_ratio, fit_intercept=True)
    return float((primal - dual).max())


class WideLogistic:
    """More features than samples: working sets, a block of alphas at a time."""

    params = ((1.0, 0.5),)
    param_names = ("l1_ratio",)
    timeout = 600

    def setup(self, l1_ratio):
        self.X, y = datasets.dense(size(300, 2000), size(1500, 5000))
        self.y = (y > 0).astype(float)

    def run(self, l1_ratio):
        return riata.fit_path(self.X, self.y, loss="logistic", l1_ratio=l1_ratio, alphas=50, alpha_min_ratio=0.02,
                              n_threads=THREADS)

    def time_path(self, l1_ratio):
        self.run(l1_ratio)

    def peakmem_path(self, l1_ratio):
        self.run(l1_ratio)

    def track_largest_gap(self, l1_ratio):
        return largest_gap("logistic", self.X, self.y, self.run(l1_ratio))

    track_largest_gap.unit = "gap"

    def track_passes_over_X(self, l1_ratio):
        return int(self.run(l1_ratio).n_passes)

    track_passes_over_X.unit = "passes"


class SmallLogistic:
    """Paths of 50 alphas on one design of 200 x 30, a target each."""

    timeout = 600

    def setup(self):
        self.X, Y = datasets.targets(200, 30, size(50, 500), n_informative=10)
        self.Y = (Y > 0).astype(float)

    def run(self):
        return riata.fit_batch(self.X, self.Y, loss="logistic", alphas=50, alpha_min_ratio=1e-2, n_threads=THREADS)

    def time_batch(self):
        self.run()

    def track_largest_gap(self):
        """Of every tenth target."""
        many = self.run()
        return max(largest_gap("logistic", self.X, self.Y[:, t], many[t]) for t in range(0, self.Y.shape[1], 10))

    track_largest_gap.unit = "gap"


class UnrelatedLogistic:
    """Paths of 50 alphas on designs of 200 x 30, one of its own for each target."""

    timeout = 600

    def setup(self):
        rng = np.random.default_rng(0)
        self.X = [rng.standard_normal((200, 30)) for _ in range(size(50, 500))]
        self.Y = [(x[:, :6].sum(axis=1) + 2 * rng.standard_normal(200) > 0).astype(float) for x in self.X]

    def run(self, **more):
        return riata.fit_batch(self.X, self.Y, loss="logistic", alphas=50, alpha_min_ratio=1e-2, n_threads=THREADS, **more)

    def time_batch(self):
        self.run()

    def time_folds(self):
        self.run(cv=5)

    def track_largest_gap(self):
        """Of every tenth problem."""
        many = self.run()
        return max(largest_gap("logistic", self.X[b], self.Y[b], many[b]) for b in range(0, len(self.X), 10))

    track_largest_gap.unit = "gap"


class TallPoisson:
    """One fit, numbers and two one-hot blocks: passes over the rows decide."""

    params = ((0.0, 0.5),)
    param_names = ("l1_ratio",)
    timeout = 600

    def setup(self, l1_ratio):
        self.X, self.y = datasets.claims(size(20_000, 600_000))

    def run(self, l1_ratio):
        return riata.fit_path(self.X, self.y, loss="poisson", l1_ratio=l1_ratio, alphas=[1e-3], n_threads=THREADS)

    def time_fit(self, l1_ratio):
        self.run(l1_ratio)

    def peakmem_fit(self, l1_ratio):
        self.run(l1_ratio)

    def track_largest_gap(self, l1_ratio):
        return largest_gap("poisson", self.X, self.y, self.run(l1_ratio))

    track_largest_gap.unit = "gap"


class OwnLogistic:
    """The logistic loss as a user writes it, compiled by numba, with and without its conjugate."""

    params = ((False, True),)
    param_names = ("conjugate",)
    timeout = 600

    def setup(self, conjugate):
        from math import exp, log, log1p

        def value(y, eta):
            return max(eta, 0.0) - y * eta + log1p(exp(-abs(eta)))

        def slope(y, eta):
            return 1 / (1 + exp(-eta)) - y

        def curvature(y, eta):
            z = exp(-abs(eta))
            return z / ((1 + z) * (1 + z))

        def dual(y, u):
            q = min(max(y + u, 0.0), 1.0)
            return (q * log(q) if q > 0 else 0.0) + ((1 - q) * log(1 - q) if q < 1 else 0.0)

        self.X, y = datasets.dense(size(500, 2000), size(30, 200))
        self.y = (y > np.median(y)) * 1.0
        self.loss = riata.losses.custom(value, slope, curvature, name="own logistic", conjugate=dual if conjugate else None,
                                        link="logit", low=0.0, high=1.0)

    def time_path(self, conjugate):
        riata.fit_path(self.X, self.y, loss=self.loss, alphas=50, alpha_min_ratio=0.01, n_threads=THREADS)

    def track_largest_gap(self, conjugate):
        path = riata.fit_path(self.X, self.y, loss=self.loss, alphas=50, alpha_min_ratio=0.01, n_threads=THREADS)
        return largest_gap("logistic", self.X, self.y, path)
