"""Least squares on many supports of one design: one Gram matrix of all columns in play, its parts inverted in stacks."""

from typing import NamedTuple

import numpy as np

from riata_engine.solvers.centred_design import CentredDesign
from riata_engine.solvers.path_store import CONVERGED, DEGENERATE, MAX_ITER
from riata_engine.solvers.ridge_gram import pseudo_inverse_factor
from riata_engine.solvers.row_products import weighted_square
from riata_engine.threads import single_threaded_blas

#: supports of a stack differ by this factor in size at most: they are filled up to the largest
SIMILAR = 1.25
#: condition number of the correlation matrix of a support up to which its inverse and refinement serve
REFINABLE = 1e11
#: rounds of refinement against X
ROUNDS = 3
#: numbers that a stack of inverses, or of residuals, holds
HELD = 1 << 24


class SupportRefits(NamedTuple):
    """Least-squares fits on D supports; ``status`` as in ``Solution``, ``rank`` without the intercept."""

    columns: np.ndarray
    coef: np.ndarray
    """(D, u) of these columns (u,); exact zeros off the support"""
    intercept: np.ndarray
    gap: np.ndarray
    dev_ratio: np.ndarray
    rank: np.ndarray
    status: np.ndarray


def refit_supports(X, y, supports, weights=None, intercept=True, tol=1e-6):
    """
    Unpenalised least squares on each of D sets of columns.

    One pass over X gives the Gram matrix of all columns of any support; each support takes its part, in units of the columns'
    standard deviations. Solutions are refined against X, and certified by the residual computed afresh: the gap is half the
    squared projection of the residual on the span of the support, over the objective at b = 0. Of linearly dependent
    columns the solution of least norm is given.

    Parameters
    ----------
    X : ndarray or scipy sparse, shape (n, p), float32 or float64
    y : array (n,)
    supports : list of D increasing integer arrays
    weights : None or array (n,)
    intercept : bool, default=True
    tol : float, default=1e-6
        A gap up to this is ``converged``.

    Returns
    -------
    SupportRefits
    """
    with single_threaded_blas():
        D = len(supports)
        columns = np.unique(np.concatenate([np.empty(0, np.intp), *supports]))
        u = len(columns)
        coef, rank = np.zeros((D, u)), np.zeros(D, np.intp)
        if not u:
            columns, coef = np.zeros(1, np.intp), np.zeros((D, 1))
        design = CentredDesign(X, weights, intercept, None if len(columns) == X.shape[1] else columns)
        G = design.gram()
        y = np.asarray(y, np.float64)
        level = design.v @ y if intercept else 0.0
        y = y - level
        yy = design.v @ (y * y)
        scale = np.sqrt(np.diagonal(G))
        scale = np.divide(1.0, scale, out=np.zeros_like(scale), where=scale > 0)
        left, gap, degenerate = np.full(D, yy), np.zeros(D), np.zeros(D, bool)
        for some in _stacks(supports, design.n):
            at = [np.searchsorted(columns, supports[d]) for d in some]
            inverse = _Inverses(G, scale, at, max(design.n, design.p))
            rank[some], degenerate[some] = inverse.rank, inverse.degenerate
            coef[some], left[some], gap[some] = _refined(design, y, inverse)
        status = np.where(gap <= tol * yy / 2, CONVERGED, MAX_ITER).astype(np.int8)
        status[degenerate & (status == CONVERGED)] = DEGENERATE
        with np.errstate(divide="ignore", invalid="ignore"):
            relative = np.where(gap > 0, gap / (yy / 2), 0.0)
            dev_ratio = np.where(yy > 0, 1.0 - left / yy, 0.0)
        coef /= design.unit
        return SupportRefits(columns, coef, level - coef @ (design.mean * design.unit), relative, dev_ratio, rank, status)


def _stacks(supports, n):
    """Index arrays of supports of similar size, few enough that their inverses and residuals can be held."""
    size = np.array([len(support) for support in supports], np.intp)
    order = np.argsort(size, kind="stable")[np.count_nonzero(size == 0):]
    start = 0
    while start < len(order):
        largest = max(size[order[start]] * SIMILAR, size[order[start]] + 4)
        stop = int(np.searchsorted(size[order], largest, side="right"))
        held = max(n, size[order[stop - 1]] ** 2)
        stop = min(stop, start + max(1, HELD // held))
        yield order[start:stop]
        start = stop


class _Inverses:
    """Inverses of the parts of a Gram matrix, filled up to one size; of a singular part its pseudo-inverse."""

    def __init__(self, G, scale, supports, size):
        k, s = len(supports), max(map(len, supports))
        self.columns = np.zeros((k, s), np.intp)
        used = np.zeros((k, s), bool)
        for d, support in enumerate(supports):
            self.columns[d, :len(support)], used[d, :len(support)] = support, True
        self.used, self.u = used, len(G)
        self.scale = np.where(used, scale[self.columns], 0.0)
        A = G[self.columns[:, :, None], self.columns[:, None, :]] * self.scale[:, :, None] * self.scale[:, None, :]
        filled = self.scale == 0
        diagonal = np.arange(s)
        A[:, diagonal, diagonal] = 1.0                                  # a column that is constant on its own, and the fill
        try:
            inverse = np.linalg.inv(A)
            condition = np.abs(A).sum(axis=1).max(axis=1) * np.abs(inverse).sum(axis=1).max(axis=1)
        except np.linalg.LinAlgError:                                   # one of them, so each is looked at
            inverse, condition = np.zeros_like(A), np.full(k, np.inf)
        inverse[filled] = 0.0
        inverse *= ~filled[:, None, :]
        self.inverse = inverse * self.scale[:, :, None] * self.scale[:, None, :]
        self.rank = (~filled).sum(axis=1)
        self.degenerate = self.rank < used.sum(axis=1)
        for d in np.flatnonzero(~(condition <= REFINABLE)):
            part = self.columns[d, used[d]]
            C = pseudo_inverse_factor(G[np.ix_(part, part)], size)
            self.inverse[d] = 0.0
            self.inverse[d, :len(part), :len(part)] = C @ C.T
            self.rank[d], self.degenerate[d] = C.shape[1], C.shape[1] < len(part)

    def solve(self, gradient):
        """(k, u) coefficients for gradients (k, u), and (k,) what these are worth: g'(part)⁻¹ g."""
        g = np.where(self.used, np.take_along_axis(gradient, self.columns, axis=1), 0.0)
        b = np.matmul(self.inverse, g[:, :, None])[:, :, 0]
        coef = np.zeros((len(g), self.u))
        row = np.broadcast_to(np.arange(len(g))[:, None], self.used.shape)
        coef[row[self.used], self.columns[self.used]] = b[self.used]
        return coef, np.maximum((g * b).sum(axis=1), 0.0)


def _refined(design, y, inverse):
    """Coefficients (k, u), mean squared residuals (k,) and absolute gaps (k,) of a stack."""
    coef, _ = inverse.solve(np.repeat(design.weighted_transpose_dot(y[None, None])[0], len(inverse.used), axis=0))
    for _ in range(ROUNDS):
        residual = y - design.dot(coef[None])
        if design.intercept:
            residual -= (residual @ design.v)[..., None]
        step, worth = inverse.solve(design.weighted_transpose_dot(residual)[0])
        left = weighted_square(residual, design.v)[0]
        if (worth <= 1e-28 * left).all():
            break
        last, coef = coef, coef + step
    else:
        coef = last                                                     # the one that the residual belongs to
    return coef, left, worth / 2
