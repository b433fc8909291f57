"""Sufficient statistics of weight groups: the Gram matrix and the cross products of each, about its own means.

A group that holds rows out is the whole minus those rows, so that K folds cost about one Gram matrix, not K. Where the
subtraction would lose more than half of the digits of a column's variance, the group is computed directly instead.
"""

from dataclasses import dataclass, replace

import numpy as np

from riata_engine.cpu.design import Design
from riata_engine.cpu.gram import accumulate
from riata_engine.cpu.targets import weighted_means, weighted_squares
from riata_engine.solvers.standard_form import store_centred

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
    size: np.ndarray                 # (G,) how many times larger than √C_jj the numbers were that C came from, at most


@dataclass
class _Sums:
    """Raw sums over some rows, with base weights: Σ v zzᵀ, Σ v z, Σ v z yᵀ, Σ v, Σ v y, Σ v y²."""

    C: np.ndarray
    z: np.ndarray
    c: np.ndarray
    weight: float
    y: np.ndarray
    yy: np.ndarray

    def __sub__(self, other):
        return _Sums(*(getattr(self, name) - getattr(other, name) for name in self.__dataclass_fields__))

    def __add__(self, other):
        return _Sums(*(getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__))

    def about(self, z_mean, y_mean):
        """(C, c, yy) of the rows about given means, divided by their weight."""
        C = self.C / self.weight
        z, y = self.z / self.weight, self.y / self.weight
        c = self.c / self.weight - z[:, None] * y_mean
        if z_mean.any():
            both = z[:, None] * z_mean
            C -= both
            C -= both.T
            C += z_mean[:, None] * z_mean
            c += z_mean[:, None] * (y_mean - y)
        return C, c, self.yy / self.weight - 2 * y * y_mean + y_mean**2


def _sums(form, parts, count, weights, control, n_threads):
    """Sums over the rows of each of ``count`` parts (``parts`` (n,) labels, or None: one part, all rows)."""
    p, T = form.shape[1], form.Y.shape[1]
    one_y = np.ones((form.shape[0], T + 1))
    one_y[:, 1:] = form.Y
    C, c = np.zeros((count, p, p)), np.zeros((count, p, T + 1))
    dense = isinstance(form.design.X, np.ndarray)
    if dense:
        accumulate(form.design, parts, weights, one_y, C, c, control, n_threads)
    out = []
    for k in range(count):
        rows = None if parts is None else np.flatnonzero(parts == k)
        if not dense:
            _sparse_products(form.design, rows, weights, one_y, C[k], c[k])
        Y = form.Y if rows is None else form.Y[rows]
        v = np.ones(len(Y)) if weights is None else np.ascontiguousarray(weights if rows is None else weights[rows])
        y, yy = np.empty(T), np.empty(T)
        weighted_means(Y, v, y)
        weighted_squares(Y, v, np.zeros(T), yy)
        out.append(_Sums(C[k], c[k, :, 0], c[k, :, 1:], float(v.sum()), y, yy))
    return out


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
    raw = _raw_means(form.design)**2
    if form.held_out is None:
        C[0], c[0], _ = _sums(form, None, 1, base, control, n_threads)[0].about(form.shift[0], form.ybar[0])
        size[0] = inflation(np.diagonal(C[0]), np.diagonal(C[0]) + raw)
        _mend(C[0], None)
        return Statistics(C, c, None, None, None, size)

    seen = np.zeros(n, int)
    for rows in form.held_out:
        seen[rows] += 1
    if seen.max(initial=0) <= 1:             # folds that do not overlap: one pass for all of them
        label = np.full(n, -1)
        for g, rows in enumerate(form.held_out):
            label[rows] = g
        covered = bool(np.all(seen == 1))
        label[seen == 0] = G
        found = _sums(form, label, G if covered else G + 1, base, control, n_threads)
        whole = found[0]
        for part in found[1:]:
            whole = whole + part
    else:
        whole = _sums(form, None, 1, base, control, n_threads)[0]
        found = []
        for rows in form.held_out:
            label = np.full(n, -1)
            label[rows] = 0
            found.append(_sums(form, label, 1, base, control, n_threads)[0] if len(rows) else None)
    parts = [found[g] if len(form.held_out[g]) else None for g in range(G)]
    spread = np.diagonal(whole.C).copy() / n
    for g, part in enumerate(parts):
        if control.stopped:
            break
        d, ybar = form.shift[g], form.ybar[g]
        sums = whole if part is None else whole - part
        C[g], c[g], _ = sums.about(d, ybar)
        lost = np.diagonal(C[g]) < GUARD * spread
        if part is not None and np.any(lost):
            weights = np.ones(n) if base is None else base.copy()
            weights[form.held_out[g]] = 0.0
            C[g], c[g], size[g] = _direct(form, g, weights, lost, control, n_threads)
        else:
            size[g] = inflation(np.diagonal(C[g]), spread + raw + (0.0 if part is None else d**2))
        _mend(C[g], spread)
        if holding and deviance and part is not None:
            held[0][g], held[1][g], held[2][g] = part.about(d, ybar)
    return Statistics(C, c, *held, size)


def _direct(form, g, weights, lost, control, n_threads):
    """C and c of one group from its rows, centred by its own means before they are multiplied; the size of what they came from.

    Of sparse X only the columns ``lost`` are: the means of the others are taken off their products.
    """
    d, X, multiplier = form.shift[g], form.design.X, form.design.multiplier
    with np.errstate(divide="ignore", invalid="ignore"):
        center = np.where(multiplier > 0, form.design.center + d / multiplier, form.design.center)
    if not isinstance(X, np.ndarray):
        X, center, _ = store_centred(X, center, lost)
    own = replace(form, design=Design(X, center, multiplier), Y=np.ascontiguousarray(form.Y - form.ybar[g]))
    label = np.where(weights > 0, 0, -1)
    C, c, _ = _sums(own, label, 1, weights, control, n_threads)[0].about(np.zeros_like(d), np.zeros(form.Y.shape[1]))
    return C, c, inflation(np.diagonal(C), np.diagonal(C) + _raw_means(own.design)**2)


def _raw_means(design):
    """(p,) means of the numbers whose products were summed: sparse columns are multiplied as they are stored."""
    return 0.0 if isinstance(design.X, np.ndarray) else design.center * design.multiplier


def inflation(variance, of):
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
