"""Paths of other losses than the squared one: two classes on many columns, many small ones, counts on tall data."""

import numpy as np
from scipy.special import xlogy

import riata

from . import datasets
from .measure import THREADS, size

#: value, gradient and conjugate of a loss at η, y and u, for the judge below
FORMULAS = {
    "logistic": (lambda y, eta: np.logaddexp(0, eta) - y * eta,
                 lambda y, eta: 1 / (1 + np.exp(-eta)) - y,
                 lambda y, u: xlogy(u + y, u + y) + xlogy(1 - u - y, 1 - u - y)),
    "poisson": (lambda y, eta: np.exp(eta) - y * eta,
                lambda y, eta: np.exp(eta) - y,
                lambda y, u: xlogy(u + y, u + y) - u - y),
}


def largest_gap(loss, X, y, path):
    """Largest duality gap of a path with an intercept, over half its null deviance, by numpy from X and coefficients.

    θ = −s ∇ℓ / n, with the intercept at its optimum (bisection) and, for a lasso, s as large as the penalty allows, up to 1.
    """
    value, gradient, conjugate = FORMULAS[loss]
    saturated = -conjugate(y, np.zeros_like(y)).mean()
    null = value(y, _level(gradient, y, np.zeros_like(y))).mean() - saturated
    found = []
    for alpha, coef in zip(path.alphas, path.coef, strict=True):
        eta = X @ coef
        eta = eta + _level(gradient, y, eta)
        u = gradient(y, eta)
        t = np.abs(X.T @ u) / len(y)
        l1, l2 = alpha * path.l1_ratio, alpha * (1 - path.l1_ratio)
        s = 1.0 if l2 else min(1.0, l1 / t.max())
        primal = value(y, eta).mean() + l1 * np.abs(coef).sum() + l2 / 2 * coef @ coef
        dual = -conjugate(y, s * u).mean() - (np.square(np.maximum(t - l1, 0)).sum() / (2 * l2) if l2 else 0.0)
        found.append((primal - dual) / null)
    return float(max(found))


def _level(gradient, y, eta, low=-50.0, high=50.0):
    """The intercept at which the gradients of all rows add up to zero."""
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if gradient(y, eta + middle).sum() < 0 else (low, middle)
    return middle


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
