"""The certificate of an answer of gradient descent: the duality gap of its own objective.

    primal  P(b0, b) = Σ v ℓ(y, η) + g(b)          dual  D(s) = −Σ v ℓ*(s u) − g*(−s Zᵀ(v u)),   v of sum one

u are the slopes of the loss at b, with the intercept moved to its optimum and the heavier sign scaled down until Σ v u = 0: a
slope that is made smaller is still one of the loss. Valid for losses with a kink too, where it need not go to zero.
"""

from functools import cached_property

import numpy as np

from riata_engine.cpu.descent import products_with_columns, products_with_rows
from riata_engine.cpu.descent_gap import balanced_slopes, duals_of_problems
from riata_engine.cpu.descent_rows import LOSSES

REACH = 10          # a coefficient without a penalty is looked at within 2 (|b_j| + so much over the spread of its column)
ROWS = 4096         # whose squares are taken at a time


class Certificate:
    """Objectives and gaps of coefficients (B, p) and intercepts (B,), y (T, n) and weights of sum one.

    ``entries`` are X row by row, as `riata_engine.solvers.descent.by_rows` gives them.
    """

    def __init__(self, entries, y, target, weights, loss, parameter, intercept, groups=None):
        self.entries, self.y, self.target, self.weights = entries, y, target, weights
        self.code, self.parameter, self.intercept, self.groups = LOSSES.index(loss), parameter, intercept, groups

    def balanced(self, eta):
        """(slopes (B, n) at the intercept's optimum, of sum zero; losses (B,) at eta, and at that optimum)"""
        slope, value, least = np.empty_like(eta), np.empty(len(eta)), np.empty(len(eta))
        balanced_slopes(self.code, self.parameter, self.y, self.target, self.weights, eta, self.intercept, slope, value, least)
        return slope, value, least

    def norms(self, b):
        """(B, G) norms of the groups of b (B, p), and their factors √|g|."""
        order, at = self.groups
        return np.sqrt(np.add.reduceat(b[:, order] ** 2, at[:-1], axis=1)), np.sqrt(np.diff(at))

    @cached_property
    def spread(self):
        """(p,) root mean squares of the columns, about their means where there is an intercept; 1 of those that are level."""
        x, indptr, indices, p = self.entries
        n = self.y.shape[1]
        if indptr is None:
            X = x.reshape(n, p)
            mean = X.mean(axis=0, dtype=float) * self.intercept
            squares = sum(((X[at:at + ROWS] - mean) ** 2).sum(axis=0) for at in range(0, n, ROWS))
        else:
            mean = np.bincount(indices, x, p) / n * self.intercept
            squares = np.bincount(indices, (x - mean[indices]) ** 2, p) + (n - np.bincount(indices, minlength=p)) * mean**2
        size = np.sqrt(squares / n)
        return np.where(size > 0, size, 1.0)

    def reach(self, b, free):
        """How far coefficients (groups of them) are looked at where there is no penalty, ``free`` (B, p) or (B, G)."""
        if not free.any():
            return np.ones_like(free, dtype=float)
        if self.groups is None:
            return 2 * (np.abs(b) + REACH / self.spread)
        order, at = self.groups
        return 2 * (self.norms(b)[0] + REACH / np.minimum.reduceat(self.spread[order], at[:-1]))

    def penalty(self, b, l1, l2):
        ridge = l2 / 2 * (b * b).sum(axis=1)
        if self.groups is None:
            return l1 * np.abs(b).sum(axis=1) + ridge
        norms, factor = self.norms(b)
        return l1 * (norms * factor).sum(axis=1) + ridge

    def conjugate(self, t, b, l1, l2):
        """(s, g*(s t)): the largest s ≤ 1 that the penalty allows, and its conjugate there."""
        if self.groups is not None:
            size, factor = self.norms(t)
            edge = l1[:, None] * factor
        else:
            size, edge = np.abs(t), np.broadcast_to(l1[:, None], t.shape)
        free = (edge == 0) & (l2[:, None] == 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            room = np.where((size > edge) & (edge > 0), edge / size, 1.0).min(axis=1, initial=1.0)
            s = np.where(l2 > 0, 1.0, room)
            over = np.maximum(s[:, None] * size - edge, 0.0)
            curved = (over**2 / (2 * l2[:, None])).sum(axis=1)
        bare = np.where(free, s[:, None] * size * self.reach(b, free), 0.0).sum(axis=1)
        return s, np.where(l2 > 0, curved, bare)

    def __call__(self, b, b0, l1, l2):
        """(objective, absolute gap), (B,) each; with groups l1 is the factor of their norms."""
        p = b.shape[1]
        packed = np.zeros((len(b), (p + 7) // 8 * 8 + 8))
        packed[:, :p], packed[:, -8] = b, b0
        eta = np.empty((len(b), self.y.shape[1]))
        products_with_rows(*self.entries, packed, eta)
        slope, value, _ = self.balanced(eta)
        packed[:] = 0
        products_with_columns(*self.entries, slope, packed)
        t = -packed[:, :p]
        s, conjugate = self.conjugate(t, b, l1, l2)
        dual = self.dual(slope, s)
        objective = value + self.penalty(b, l1, l2)
        gap = objective - dual + conjugate
        return objective, np.where(gap > -1e-10 * (1 + np.abs(objective)), np.maximum(gap, 0.0), np.inf)

    def dual(self, slope, s):
        """(B,) The loss part of the dual objective at s times the slopes."""
        out = np.empty(len(slope))
        duals_of_problems(self.code, self.parameter, self.y, self.target, self.weights, slope, s, out)
        return out

    def null_deviance(self):
        """(B,) losses of the intercept alone less their least: the dual value at slopes of 0."""
        none = np.zeros((len(self.target), self.y.shape[1]))
        return self.balanced(none)[2] - self.dual(none, np.ones(len(none)))
