"""Minimum-norm weighted least squares: alpha = 0 with every feature free.

By orthogonal triangularisation, not by the Gram matrix: the error grows with the condition number of X, not with its
square, and columns collinear to seven digits are still told apart.
"""

from typing import NamedTuple

import numpy as np

from riata_engine.solvers.centred_design import CONSTANT, CentredDesign
from riata_engine.solvers.ridge_spectrum import EPS, refine
from riata_engine.solvers.row_products import weighted_square


class LeastSquares(NamedTuple):
    """Result of `least_squares`."""

    coef: np.ndarray
    """(T, p), of minimum norm among all minimisers."""
    intercept: np.ndarray
    """(T,)"""
    rank: int
    """Numerical rank of the centred design."""
    degenerate: bool
    """rank < number of columns in the model: the minimiser is not unique."""
    gap: np.ndarray
    """(T,) half the squared projection of the residual, computed afresh, on the columns, over the null objective."""
    residuals: np.ndarray
    """(T, n), computed afresh, the intercept at its optimum."""


def least_squares(X, Y, sample_weight=None, intercept=True, kept=None, control=None):
    r"""
    Minimise :math:`\sum_i w_i (y_i - b_0 - x_i^T b)^2`; of all minimisers take the one with the smallest norm of b.

    Rows (or columns, if p > n) are taken in blocks and reduced to one triangle R by Householder reflections; the
    singular values of R, with its columns scaled to norm one if p <= n, give the rank: those up to
    eps * max(n, p) times the largest count as zero. If p > n, iterative refinement follows.

    Parameters
    ----------
    X : ndarray or scipy sparse, shape (n, p), float32 or float64
        Never written; beside it the memory is one block and a few min(n, p) x min(n, p) matrices.
    Y : array (n,) or (n, T)
    sample_weight : None or array (n,)
    intercept : bool, default=True
    kept : None or increasing intp array
        Columns in the model (None: all); the others get coefficient 0.
    control : None or Control
        Where it is stopped, the next block of X raises `Stopped`.

    Returns
    -------
    LeastSquares

    References
    ----------
    Golub, Van Loan, "Matrix Computations", 4th ed., 2013, sections 5.3 and 5.5.
    """
    design = CentredDesign(X, sample_weight, intercept, kept, separate=True, control=control)
    Y = np.asarray(Y, np.float64)
    Y = Y[:, None] if Y.ndim == 1 else Y
    if Y.ndim != 2 or Y.shape[0] != design.n:
        n = design.n
        raise ValueError(f"Y has shape {Y.shape}; X has {n} rows, so give shape ({n},) or ({n}, T)")
    design.choose_unit()
    Yc = np.ascontiguousarray(Y.T)[:, None]
    mean_y = Yc @ design.v if intercept else np.zeros((len(Yc), 1))
    Yc = Yc - mean_y[..., None]
    coef, project, rank = (_tall if design.tall else _wide)(design, Yc)
    residuals = Yc - design.dot(coef)
    if intercept:
        residuals -= (residuals @ design.v)[..., None]
    null = weighted_square(Yc, design.v)[:, 0]
    on_columns = np.square(project(residuals)[:, 0]).sum(axis=1)
    gap = np.divide(on_columns, null, out=np.where(on_columns > 0, np.inf, 0.0), where=null > 0)
    intercepts = (mean_y - design.times(coef, design.mean[:, None])[..., 0])[:, 0]
    coef = coef[:, 0] / design.unit
    if kept is not None:
        scattered = np.zeros((len(coef), X.shape[1]))
        scattered[:, kept] = coef
        coef = scattered
    return LeastSquares(coef, intercepts, rank, rank < design.p, gap, residuals[:, 0])


def _tall(design, Yc):
    """(coef, project, rank) from the triangle of V^(1/2) Z. project: residuals (T, 1, n) -> their (T, 1, rank) parts."""
    design.find_means()
    times = design.times
    root, p = np.sqrt(design.v), design.p
    R, Qy, shift = np.zeros((0, p)), np.zeros((len(Yc), 1, 0)), np.zeros(p)
    held, held_y = [], []
    for rows, block in design.row_blocks():
        shift += design.v[rows] @ block
        held.append(block * root[rows, None])
        held_y.append(Yc[..., rows] * root[rows])
        if sum(map(len, held)) >= 2 * p or rows.stop == design.n:
            Q, R = np.linalg.qr(np.vstack([R, *held]))
            Qy = times(np.concatenate([Qy, *held_y], axis=-1), Q)
            held, held_y = [], []
    norms = _column_norms(R)
    design.constant = norms <= CONSTANT * np.abs(design.mean)
    if design.intercept:
        design.mean += shift
    inverse = np.divide(1.0, norms, out=np.zeros_like(norms), where=~design.constant)
    U, sigma, Vt = np.linalg.svd(R * inverse, full_matrices=False)
    kept = sigma > EPS * max(design.n, p, 30) * np.max(sigma, initial=0.0)
    scaled = Vt[kept].T / sigma[kept]
    coef = times(times(Qy, U[:, kept]), scaled.T) * inverse
    if not kept.all():
        rowspace = np.linalg.qr((norms * ~design.constant)[:, None] * Vt[kept].T)[0]
        coef = times(times(coef, rowspace), rowspace.T)

    def project(residuals):
        return times(design.weighted_transpose_dot(residuals) * inverse, scaled)

    return coef, project, int(kept.sum())


def _wide(design, Yc):
    """The same from the triangle of (V^(1/2) Z)', on the rows of positive weight."""
    rows = np.arange(design.n) if design.rows is None else design.rows
    root, n = np.sqrt(design.v[rows]), design.n_active
    R, held = np.zeros((0, n)), []
    for columns, block in design.column_blocks(active=True, centred=False):
        if design.intercept:
            mean = root**2 @ block
            block -= mean
            shift = root**2 @ block
            block -= shift
            design.mean[columns] = mean + shift
            design.constant[columns] = _column_norms(block * root[:, None]) <= CONSTANT * np.abs(mean)
            block[:, design.constant[columns]] = 0
        held.append((block * root[:, None]).T)
        if sum(map(len, held)) >= 2 * n or columns.stop == design.p:
            R, held = np.linalg.qr(np.vstack([R, *held]), mode="r"), []
    _, sigma, Vt = np.linalg.svd(R, full_matrices=False)
    kept = sigma > EPS * max(n, design.p, 30) * np.max(sigma, initial=0.0)
    sigma, Vt = sigma[kept], Vt[kept]

    def project(residuals):
        return design.times(np.take(residuals, rows, axis=-1) * root, Vt.T)

    def solve(residuals):
        dual = np.zeros(residuals.shape)
        dual[..., rows] = design.times(project(residuals) / sigma**2, Vt) / root
        coef = design.weighted_transpose_dot(dual)
        coef[..., design.constant] = 0
        return coef

    coef = refine(solve(Yc), lambda coef: solve(Yc - design.dot(coef)))
    return coef, project, int(kept.sum())


def _column_norms(A):
    """Euclidean norms without overflow."""
    largest = np.max(np.abs(A), axis=0, initial=0.0)
    safe = np.where(largest > 0, largest, 1.0)
    return largest * np.sqrt(np.square(A / safe).sum(axis=0))
