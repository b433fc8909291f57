"""Sufficient statistics of weight groups: the Gram matrix and the cross products of each, about its own means.

A group that holds rows out is the whole minus those rows, so that K folds cost about one Gram matrix, not K. Where the
subtraction would lose more than half of the digits of a column's variance, the group is computed directly instead.
"""

from dataclasses import dataclass, replace

import numpy as np

from riata_engine.cpu.design import Design
from riata_engine.cpu.gram import accumulate
from riata_engine.cpu.group_sums import about_means, clear_constant
from riata_engine.cpu.targets import part_sums
from riata_engine.solvers.interruptible import interruptibly
from riata_engine.solvers.standard_form import CONSTANT_VARIANCE, store_centred

#: a fold's variance below this share of the whole's is recomputed without subtraction (half of the digits are gone)
GUARD = 1e-8
#: a fold that trains on less than this share of the weight is too
LIGHT = 1e-6
#: what a product of two stored entries costs, in flops
SPARSE = 10


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
    """Raw sums over K parts of the rows, with base weights: Σ v zzᵀ, Σ v z [1, y], Σ v, Σ v y, Σ v y²."""

    C: np.ndarray          # (K, p, p)
    c: np.ndarray          # (K, p, 1 + T)
    weight: np.ndarray     # (K,)
    y: np.ndarray          # (K, T)
    yy: np.ndarray         # (K, T)

    def __iter__(self):
        return iter((self.C, self.c, self.weight, self.y, self.yy))

    def total(self):
        """The five sums over all parts."""
        return tuple(array[0] if len(array) == 1 else array.sum(axis=0) for array in self)

    def about(self, whole, part, shift, ybar, C, c, yy, control, n_threads):
        """Fill C, c and yy with the statistics of part[g], or of ``whole`` less part[g], about given means: ``about_means``."""
        about_means(*self, whole, part, shift, ybar, C, c, yy, np.empty(shift.shape), control, n_threads)


def _sums(form, labels, count, weights, control, n_threads):
    """Sums over the rows of ``count`` parts.

    ``labels``: arrays (n,) with the parts that rows belong to, each negative or of a part that no other array has (each array is
    one pass over X); None: one part, all rows.
    """
    p, T = form.shape[1], form.Y.shape[1]
    one_y = np.empty((form.shape[0], T + 1))
    one_y[:, 0] = 1.0
    one_y[:, 1:] = form.Y
    out = _Sums(np.zeros((count, p, p)), np.zeros((count, p, T + 1)), np.zeros(count), np.zeros((count, T)), np.zeros((count, T)))
    for label in [None] if labels is None else labels:
        first, last = (0, 1) if label is None else (label[label >= 0].min(initial=count), label.max(initial=-1) + 1)
        if last <= first:
            continue
        C, c = out.C[first:last], out.c[first:last]
        own = label if first == 0 else label - first
        if isinstance(form.design.X, np.ndarray):
            accumulate(form.design, own, weights, one_y, C, c, control, n_threads)
        else:
            for k in range(last - first):
                rows = None if own is None else np.flatnonzero(own == k)
                whole = form.design.X.nnz
                C[k], c[k] = interruptibly(lambda rows=rows: _sparse_products(form.design, rows, weights, one_y), control,
                                           SPARSE * whole * whole / form.shape[0] + 10.0 * p * p)
        part_sums(form.Y, weights, own, out.weight[first:last], out.y[first:last], out.yy[first:last])
    return out


def _sparse_products(design, rows, weights, one_y):
    """The same for a CSC matrix, through SciPy's sparse product: Z = (X − 1 centerᵀ) M, never formed."""
    X = design.X.astype(np.float64) if rows is None else design.X[rows].astype(np.float64)
    one_y = one_y if rows is None else one_y[rows]
    v = np.ones(X.shape[0]) if weights is None else (weights if rows is None else weights[rows])
    raw = (X.T @ X.multiply(v[:, None]).tocsc()).toarray()
    cross = X.T @ (one_y * v[:, None])
    m, k = design.center, design.multiplier
    sums = one_y.T @ v
    C = (raw - np.outer(cross[:, 0], m) - np.outer(m, cross[:, 0]) + sums[0] * np.outer(m, m)) * np.outer(k, k)
    return C, (cross - np.outer(m, sums)) * k[:, None]


def group_statistics(form, control, n_threads, deviance=True):
    """Statistics of every weight group of a ``StandardForm``."""
    n, p = form.shape
    G, T = form.V.shape[1], form.Y.shape[1]
    C, c, yy = np.empty((G, p, p)), np.empty((G, p, T)), np.empty((G, T))
    weights = None if form.even else form.held_out_weight * n          # of mean one; None: all ones
    raw = _raw_means(form.design) ** 2
    if form.held_out is None:
        sums = _sums(form, None, 1, weights, control, n_threads)
        sums.about(None, np.zeros(1, np.intp), form.shift, form.ybar, C, c, yy, control, n_threads)
        variance = C.diagonal(axis1=1, axis2=2)
        size = np.ones(1) if np.isscalar(raw) else inflation(variance, variance + raw)
        clear_constant(C)
        return Statistics(C, c, None, None, None, size)

    part, labels = _parts(form.held_out, n)
    count = max(int(label.max(initial=-1)) for label in labels) + 1
    sums = _sums(form, labels, count, weights, control, n_threads)
    whole = sums.total() if len(labels) == 1 else _sums(form, None, 1, weights, control, n_threads).total()
    sums.about(whole, part, form.shift, form.ybar, C, c, yy, control, n_threads)
    spread = np.diagonal(whole[0]) / n
    variance = C.diagonal(axis1=1, axis2=2)
    few = variance < GUARD * spread
    few[lightened(form)] = True
    size = inflation(variance, spread + raw + np.where(part[:, None] < 0, 0.0, form.shift**2))
    for g in np.flatnonzero(few.any(axis=1) & (part >= 0)):
        if control.stopped:
            break
        own = np.ones(n) if weights is None else weights.copy()
        own[form.held_out[g]] = 0.0
        C[g], c[g], size[g] = _direct(form, g, own, few[g], control, n_threads)
    clear_constant(C, CONSTANT_VARIANCE * spread)
    if not (deviance and (part >= 0).any()):
        return Statistics(C, c, None, None, None, size)
    held = np.empty((G, p, p)), np.empty((G, p, T)), np.full((G, T), np.nan)
    sums.about(None, part, form.shift, form.ybar, *held, control, n_threads)
    return Statistics(C, c, *held, size)


def lightened(form):
    """(G,) whether the rows that are held out have nearly all the weight: what subtraction leaves has then lost its digits."""
    base = form.held_out_weight
    return np.array([1.0 - base[rows].sum() < LIGHT for rows in form.held_out])


def _parts(held_out, n):
    """Which part of the rows each group holds out, (G,), negative for none; and the parts as arrays of labels (see ``_sums``)."""
    some = np.array([len(rows) > 0 for rows in held_out])
    part = np.where(some, np.cumsum(some) - 1, -1)
    rows = np.concatenate(held_out)
    if np.bincount(rows, minlength=n).max() <= 1:            # folds that do not overlap: one pass for all of them
        label = np.full(n, int(some.sum()))                  # what no fold holds is a part too: the sum of all is the whole
        label[rows] = np.repeat(part, [len(rows) for rows in held_out])
        return part, [label]
    labels = []
    for g in np.flatnonzero(some):
        labels.append(np.full(n, -1))
        labels[-1][held_out[g]] = part[g]
    return part, labels


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
    p, T = len(d), own.Y.shape[1]
    C, c = np.empty((1, p, p)), np.empty((1, p, T))
    sums = _sums(own, [label], 1, weights, control, n_threads)
    sums.about(None, np.zeros(1, np.intp), np.zeros((1, p)), np.zeros((1, T)), C, c, np.empty((1, T)), control, n_threads)
    return C[0], c[0], inflation(np.diagonal(C[0]), np.diagonal(C[0]) + _raw_means(own.design) ** 2)


def _raw_means(design):
    """(p,) means of the numbers whose products were summed: sparse columns are multiplied as they are stored. Dense: 0."""
    return 0.0 if isinstance(design.X, np.ndarray) else design.center * design.multiplier


def inflation(variance, of):
    """√ of the largest ratio, over the last axis, of what was subtracted to what is left."""
    left = variance > CONSTANT_VARIANCE * of
    return np.sqrt(np.max(np.divide(of, variance, out=np.ones(left.shape), where=left), axis=-1, initial=1.0))
