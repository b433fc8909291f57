"""The certificate of an answer of gradient descent: the duality gap of its own objective.

    primal  P(b0, b) = Σ v ℓ(y, η) + g(b)          dual  D(s) = −Σ v ℓ*(s u) − g*(−s Zᵀ(v u)),   v of sum one

u are the slopes of the loss at b, with the intercept moved to its optimum and the heavier sign scaled down until Σ v u = 0: a
slope that is made smaller is still one of the loss. Valid for losses with a kink too, where it need not go to zero.
"""

import numpy as np

from riata_engine.cpu.descent_rows import LOSSES, duals_of_problems, losses_of_problems

#: share of Σ|slope| that their sum may be before one sign is scaled down
BALANCED = 1e-13
REACH = 10          # a coefficient without a penalty is looked at within so far of 0, and twice its size


class Certificate:
    """Objectives and gaps of coefficients (B, p) and intercepts (B,) on rows X, y (T, n) and weights of sum one."""

    def __init__(self, X, y, target, weights, loss, parameter, intercept, groups=None):
        self.X, self.y, self.target, self.weights = X, y, target, weights
        self.code, self.parameter, self.intercept, self.groups = LOSSES.index(loss), parameter, intercept, groups

    def slopes(self, eta):
        slope, value = np.empty_like(eta), np.empty(len(eta))
        losses_of_problems(self.code, self.parameter, self.y, self.target, self.weights, eta, slope, value)
        return slope, value

    def balanced(self, eta):
        """Slopes (B, n) at the intercept's optimum, of sum zero, and the loss there (B,)."""
        slope, value = self.slopes(eta)
        if not self.intercept:
            return slope, value
        total = slope.sum(axis=1)
        width, nought = np.where(total > 0, -1.0, 1.0), np.zeros(len(eta))    # the sum of slopes grows with the intercept
        for _ in range(60):                                           # a bracket
            beyond = self.slopes(eta + width[:, None])[0].sum(axis=1)
            ends = (beyond > 0) == (width > 0)
            if ends.all():
                break
            width = np.where(ends, width, 2 * width)
        low, high = np.minimum(width, nought), np.maximum(width, nought)
        below, above = np.where(width > 0, total, beyond), np.where(width > 0, beyond, total)
        side = np.zeros(len(eta))
        for k in range(200):                                          # false position (Illinois); each third time halves
            with np.errstate(invalid="ignore", divide="ignore"):
                move = low + (high - low) * (below / (below - above))
            move = np.where((move > low) & (move < high) & (k % 3 < 2), move, (low + high) / 2)
            slope, value = self.slopes(eta + move[:, None])
            total = slope.sum(axis=1)
            if ((np.abs(total) <= BALANCED * np.abs(slope).sum(axis=1)) | (np.nextafter(low, high) >= high)).all():
                break
            right = total > 0
            below = np.where(right, np.where(side > 0, below / 2, below), total)
            above = np.where(right, total, np.where(side < 0, above / 2, above))
            low, high, side = np.where(right, low, move), np.where(right, move, high), np.where(right, 1.0, -1.0)
        up, down = np.maximum(slope, 0).sum(axis=1), -np.minimum(slope, 0).sum(axis=1)
        least = np.minimum(up, down)
        with np.errstate(invalid="ignore", divide="ignore"):
            factors = np.where(up > 0, least / up, 1.0)[:, None], np.where(down > 0, least / down, 1.0)[:, None]
        return np.where(slope > 0, slope * factors[0], slope * factors[1]), value

    def norms(self, b):
        """(B, G) norms of the groups of b (B, p), and their factors √|g|."""
        order, at = self.groups
        return np.sqrt(np.add.reduceat(b[:, order] ** 2, at[:-1], axis=1)), np.sqrt(np.diff(at))

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
            reach = 2 * (self.norms(b)[0] + REACH)
        else:
            size, edge, reach = np.abs(t), np.broadcast_to(l1[:, None], t.shape), 2 * (np.abs(b) + REACH)
        with np.errstate(divide="ignore", invalid="ignore"):
            room = np.where((size > edge) & (edge > 0), edge / size, 1.0).min(axis=1, initial=1.0)
            s = np.where(l2 > 0, 1.0, room)
            over = np.maximum(s[:, None] * size - edge, 0.0)
            curved = (over**2 / (2 * l2[:, None])).sum(axis=1)
        bare = np.where(edge > 0, 0.0, s[:, None] * size * reach).sum(axis=1)
        return s, np.where(l2 > 0, curved, bare)

    def __call__(self, b, b0, l1, l2):
        """(objective, absolute gap), (B,) each; with groups l1 is the factor of their norms."""
        eta = np.ascontiguousarray(np.asarray(self.X @ b.T, float).T) + b0[:, None]
        value = self.slopes(eta)[1]
        slope, _ = self.balanced(eta)
        t = -np.asarray(self.X.T @ slope.T, float).T
        s, conjugate = self.conjugate(t, b, l1, l2)
        dual = np.empty(len(b))
        duals_of_problems(self.code, self.parameter, self.y, self.target, self.weights, slope, s, dual)
        objective = value + self.penalty(b, l1, l2)
        gap = objective - dual + conjugate
        return objective, np.where(gap > -1e-10 * (1 + np.abs(objective)), np.maximum(gap, 0.0), np.inf)

    def null(self, B):
        """(B,) losses of the intercept alone."""
        return self.balanced(np.zeros((B, self.y.shape[1])))[1]
