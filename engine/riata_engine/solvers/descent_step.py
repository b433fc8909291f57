"""The curvature of a linear model's loss: by power iteration, and the step sizes that it allows; of some rows, to turn steps."""

from dataclasses import dataclass

import numpy as np

from riata_engine.cpu.descent_gap import losses_of_problems
from riata_engine.cpu.descent_rows import LOSSES, squared_norms

#: the largest second derivative of a loss; of those that are not named it depends on the data
BOUND = {"squared": 1.0, "logistic": 0.25, "huber": 1.0, "squared_hinge": 2.0, "squared_epsilon_insensitive": 2.0,
         "modified_huber": 2.0}
#: losses with a kink, which no curvature bounds
KINKED = {"hinge", "epsilon_insensitive", "perceptron"}
#: step sizes that do not depend on the units of the gradient
CUSTOMARY = {"adagrad": 1e-2, "rmsprop": 1e-3, "adam": 1e-3, "adamw": 1e-3}
SAMPLE, MARGIN = 4096, 1.1
#: columns up to which power iteration goes by XᵀX, where there are four times as many rows
SIDE = 512
#: features up to which steps are turned, rows looked at for each of them, share of the largest curvature that none falls below,
#: and what the step sizes of an epoch need not add up to more than
TURNED, ROWS_EACH, LEAST, ENOUGH = 255, 8, 1e-4, 50


def largest_curvature(X, weights, intercept=True, rtol=1e-3, most=200):
    """The largest eigenvalue of Σ w x xᵀ / Σ w, a column of ones beside x where there is an intercept, from below.

    Power iteration until a step changes it by less than ``rtol``; from a start that no column is orthogonal to.
    """
    total = weights.sum()
    q = X.shape[1] + intercept
    small = isinstance(X, np.ndarray) and q <= min(SIDE, len(X) // 4)
    if small:                                                 # the matrix itself, as each of some hundred steps reads X twice
        root = np.sqrt(weights)[:, None]
        Z = np.column_stack([X, np.ones(len(X))]) if intercept else X
        Z = np.asarray(Z * root, float)
        gram = Z.T @ Z
    v = np.random.Generator(np.random.Philox(key=0)).standard_normal(q)
    value = 0.0
    for _ in range(most):
        v /= np.sqrt(v @ v)
        if small:
            v = gram @ v
        else:
            u = X @ v[:X.shape[1]].astype(X.dtype, copy=False)
            u = (u + v[-1] if intercept else u) * weights
            image = np.asarray(X.T @ u, float)
            v = np.append(image, u.sum()) if intercept else image
        before, value = value, float(np.sqrt(v @ v) / total)
        if value == 0 or abs(value - before) <= rtol * value:
            break
    return value


def loss_curvature(loss, parameter, y, weights):
    """A bound of ℓ'' where there is one; else the largest at a linear predictor of 0, and at that of the mean of y."""
    if loss in BOUND:
        return BOUND[loss]
    if loss in KINKED:
        return 1.0
    level = np.log(max(np.average(y, weights=weights), 1e-6))
    h, ones, most = 1e-4, np.ones((1, len(y))), 0.0
    for at in (0.0, level):
        slope, value = np.empty((2, len(y))), np.empty(2)
        eta = np.repeat([[at - h], [at + h]], len(y), axis=1)
        losses_of_problems(LOSSES.index(loss), parameter, np.ascontiguousarray(y)[None], np.zeros(2, np.intp), ones, eta, slope,
                           value)
        most = max(most, float(((slope[1] - slope[0]) / (2 * h)).max()))
    return most


def row_norms(X):
    """(n,) Σ_j x_ij²"""
    if isinstance(X, np.ndarray):
        return squared_norms(np.ascontiguousarray(X).reshape(-1), X.shape[1])[0]
    return np.add.reduceat(np.append(X.data.astype(float) ** 2, 0.0), X.indptr[:-1]) * (np.diff(X.indptr) > 0)


def some_rows(n, most=SAMPLE):
    return slice(None) if n <= most else slice(0, n, -(-n // most))


def expected_smoothness(n, batch, eigenvalue, largest):
    """Gower et al. (2019), proposition 3.8: between the largest curvature of one row and that of all rows."""
    return (n * (batch - 1) * eigenvalue + (n - batch) * max(largest, eigenvalue)) / (batch * (n - 1))


def smoothness(X, weights, batch, intercept, norms):
    """The expected smoothness of mini-batches of ``batch`` rows, for a loss of curvature one; ``norms`` (n,) as of ``row_norms``.

    The largest eigenvalue of XᵀX/n is that of some rows where the batch is not all, with a margin.
    """
    n = X.shape[0]
    full = batch >= n
    some = slice(None) if full else some_rows(n)
    eigenvalue = largest_curvature(X[some], weights[some], intercept) * (1.005 if full else MARGIN)
    if full or n == 1:
        return eigenvalue
    return expected_smoothness(n, batch, eigenvalue, float(((norms + intercept) * weights).max()))


@dataclass(frozen=True)
class Turn:
    """Curvatures (ld,) of the loss along the rows of a basis V (ld, ld), places as in the state; the step size and the expected
    smoothness of gradients that are divided by them."""

    V: np.ndarray
    spectrum: np.ndarray
    typical: float
    step: float
    L: float


def turn_of(X, weights, batch, intercept, scale, norms, columns):
    """The `Turn` of dense X from the curvature of some rows (Byrd et al. 2011); None where they are too few or p too large.

    Of a loss whose curvature is at most ``scale``. A feature that the sample has seen less of than all rows (``columns``: sums of
    squares) gets what is missing: no step along it is too long. Steps are as long as variance allows, or as an epoch needs.
    """
    n, p = X.shape
    some = some_rows(n, ROWS_EACH * (p + 1))
    Z, w = np.asarray(X[some], float), weights[some]
    if p > TURNED or len(Z) < ROWS_EACH * (p + 1) / 2 or batch >= n or not w.sum() > 0:
        return None
    wide, total = (p + 7) // 8 * 8, w.sum()
    place = np.append(np.arange(p), wide) if intercept else np.arange(p)
    Z = np.column_stack([Z, np.ones(len(Z))]) if intercept else Z
    H = scale * (Z.T @ (Z * w[:, None])) / total
    missing = columns / n - (Z[:, :p] ** 2).mean(axis=0)
    H[np.arange(p), np.arange(p)] += scale * np.maximum(missing, 0.0)
    if not np.isfinite(H).all():
        return None
    values, vectors = np.linalg.eigh(H)
    if not values[-1] > 0:
        return None
    values = np.maximum(values, LEAST * values[-1])
    V, spectrum = np.eye(wide + 8), np.ones(wide + 8)
    V[np.ix_(place, place)], spectrum[place] = vectors.T, values
    spread = scale * w * ((Z @ vectors) ** 2 / values).sum(axis=1)
    seen = ((norms + intercept) * weights)
    longer = seen.max() / max(seen[some].max(), np.finfo(float).tiny)
    L = expected_smoothness(n, batch, MARGIN, float(spread.max()) * longer)
    return Turn(V, spectrum, float(values.mean()), min(1 / (3 * L), ENOUGH * batch / n), L)


def automatic_step(L, optimizer, beta, full, reduced):
    """The step size for a smoothness L: 1/L for all rows at once, 1/(2 L) for mini-batches, 1/(3 L) with reduced variance."""
    if optimizer in CUSTOMARY:
        return CUSTOMARY[optimizer]
    if not L > 0:
        return 1.0
    if reduced:
        return 1 / (3 * L)
    if full:
        return 1 / L
    return (1 - beta if optimizer in ("momentum", "nesterov") else 1) / (2 * L)
