"""Sufficient statistics of weight groups: the Gram matrix and the cross products of each, about its own means.

A group that holds rows out is the whole minus those rows, so that K folds cost about one Gram matrix, not K. Where the
subtraction would lose more than half of the digits of a column's variance, the group is computed directly instead.
"""

from dataclasses import dataclass, replace

import numpy as np

from riata_engine.cpu.design import Design
from riata_engine.cpu.gram import accumulate

#: a fold's variance below this share of the whole's is recomputed without subtraction (half of the digits are gone)
GUARD = 1e-8
#: and below this share, computed directly, it is rounding: the column is constant within the fold
CONSTANT = 1e-26


@dataclass
class Statistics:
    """C (G, p, p) and c (G, p, T) about the group's means; of the held-out rows about the same means, their sums of squares."""

    C: np.ndarray
    c: np.ndarray
    held_C: np.ndarray | None        # (G, p, p) Σ v (z − d)(z − d)ᵀ over held-out rows, v of sum one over them
    held_c: np.ndarray | None        # (G, p, T)
    held_yy: np.ndarray | None       # (G, T)
    size: np.ndarray | None = None   # (G,) how many times larger than √C_jj the numbers were that C came from, at most


@dataclass
class _Sums:
    """Raw sums over some rows, with base weights: Z'VZ, Z'V[1, Y], [1, Y]'V[1, Y]."""

    C: np.ndarray
    c: np.ndarray
    s: np.ndarray

    def __sub__(self, other):
        return _Sums(self.C - other.C, self.c - other.c, self.s - other.s)

    def __add__(self, other):
        return _Sums(self.C + other.C, self.c + other.c, self.s + other.s)

    def about(self, z_mean, y_mean):
        """(weight, C, c, yy) of the rows about given means, divided by their weight."""
        weight = self.s[0, 0]
        z_sum, y_sum = self.c[:, 0], self.s[0, 1:]
        C = self.C - np.outer(z_sum, z_mean) - np.outer(z_mean, z_sum) + weight * np.outer(z_mean, z_mean)
        c = self.c[:, 1:] - np.outer(z_sum, y_mean) - np.outer(z_mean, y_sum) + weight * np.outer(z_mean, y_mean)
        yy = np.diagonal(self.s)[1:] - 2 * y_sum * y_mean + weight * y_mean**2
        return weight, C / weight, c / weight, yy / weight


def _sums(form, rows, weights, control, n_threads):
    n, p = form.shape
    one_y = np.column_stack([np.ones(n), form.Y])
    C, c = np.zeros((p, p)), np.zeros((p, one_y.shape[1]))
    if isinstance(form.design.X, np.ndarray):
        accumulate(form.design, rows, weights, one_y, C, c, control, n_threads)
    else:
        _sparse_products(form.design, rows, weights, one_y, C, c)
    part = slice(None) if rows is None else rows
    weighted = one_y[part] if weights is None else one_y[part] * weights[part, None]
    return _Sums(C, c, one_y[part].T @ weighted)


def _sparse_products(design, rows, weights, one_y, C, c):
    """The same for a CSC matrix, through SciPy's sparse product: Z = (X − 1 centerᵀ) M, never formed."""
    X = design.X.astype(np.float64) if rows is None else design.X[rows].astype(np.float64)
    one_y = one_y if rows is None else one_y[rows]
    v = np.ones(X.shape[0]) if weights is None else (weights if rows is None else weights[rows])
    raw = (X.T @ X.multiply(v[:, None]).tocsc()).toarray()
    cross = X.T @ (one_y * v[:, None])
    m, k = design.center, design.multiplier
    sums = one_y.T @ v
    C += (raw - np.outer(cross[:, 0], m) - np.outer(m, cross[:, 0]) + sums[0] * np.outer(m, m)) * np.outer(k, k)
    c += (cross - np.outer(m, sums)) * k[:, None]


def group_statistics(form, control, n_threads, deviance=True):
    """Statistics of every weight group of a ``StandardForm``."""
    n, p = form.shape
    G, T = form.V.shape[1], form.Y.shape[1]
    C, c = np.empty((G, p, p)), np.empty((G, p, T))
    uniform = bool(np.all(form.held_out_weight == form.held_out_weight[0]))
    base = None if uniform else form.held_out_weight * n           # weights of mean one; None: all ones
    holding = form.held_out is not None and any(len(rows) for rows in form.held_out)
    held = [np.empty((G, p, p)), np.empty((G, p, T)), np.full((G, T), np.nan)] if holding and deviance else [None] * 3
    size = np.ones(G)
    if form.held_out is None:
        for g in range(G):
            weights = base if G == 1 else form.V[:, g] * n
            C[g], c[g] = _direct(form, g, None, weights, control, n_threads)
            _mend(C[g], None)
            if control.stopped:
                break
        return Statistics(C, c, None, None, None, size)

    parts = [_sums(form, rows, base, control, n_threads) if len(rows) else None for rows in form.held_out]
    seen = np.zeros(n, int)
    for rows in form.held_out:
        seen[rows] += 1
    if holding and np.all(seen == 1):
        filled = [part for part in parts if part is not None]
        whole = filled[0]
        for part in filled[1:]:
            whole = whole + part
    else:
        whole = _sums(form, None, base, control, n_threads)
    spread = np.diagonal(whole.C).copy() / n
    for g, part in enumerate(parts):
        if control.stopped:
            break
        d, ybar = form.shift[g], form.ybar[g]
        sums = whole if part is None else whole - part
        _, C[g], c[g], _ = sums.about(d, ybar)
        if part is not None and np.any(np.diagonal(C[g]) < GUARD * spread):
            weights = np.ones(n) if base is None else base.copy()
            weights[form.held_out[g]] = 0.0
            C[g], c[g] = _direct(form, g, np.flatnonzero(weights), weights, control, n_threads)
        elif part is not None:
            size[g] = _inflation(np.diagonal(C[g]), spread + d**2)
        _mend(C[g], spread)
        if holding and deviance and part is not None:
            _, held[0][g], held[1][g], held[2][g] = part.about(d, ybar)
    return Statistics(C, c, *held, size)


def _direct(form, g, rows, weights, control, n_threads):
    """C and c of one group from its rows, centred by its own means while they are packed."""
    d, design = form.shift[g], form.design
    if np.any(np.abs(d) > 10.0):             # far from the common centre, in standard deviations
        with np.errstate(divide="ignore", invalid="ignore"):
            center = np.where(design.multiplier > 0, design.center + d / design.multiplier, design.center)
        form, d = replace(form, design=Design(design.X, center, design.multiplier, design.direct)), np.zeros_like(d)
    _, C, c, _ = _sums(form, rows, weights, control, n_threads).about(d, form.ybar[g])
    return C, c


def _inflation(variance, of):
    """√ of the largest ratio of what was subtracted to what is left."""
    left = variance > CONSTANT * of
    return float(np.sqrt(np.max(of[left] / variance[left], initial=1.0)))


def _mend(C, spread):
    """Columns whose variance is rounding become exactly constant: row and column zero."""
    diagonal = np.diagonal(C)
    gone = diagonal <= (0.0 if spread is None else CONSTANT * spread)
    if gone.any():
        C[gone] = 0.0
        C[:, gone] = 0.0
