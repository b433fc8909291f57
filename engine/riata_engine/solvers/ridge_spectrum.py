"""What the Gram form and the kernel form of a ridge problem share: eigenvalues and their filters, refinement."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from riata_engine.solvers.row_products import weighted_square

EPS = np.finfo(np.float64).eps
CORRELATED = 1e-8  # a least-squares residual correlated with a column beyond this is not one
HARD = 1e5  # (largest + alpha) / (smallest + alpha) above which a solution is refined against X itself
PARTS = 8  # sizes of what is refined at once


def rank_cutoff(size):
    """Eigenvalues of a Gram matrix below this share of the largest are rounding: eps max(n, p), at least 30 eps."""
    return EPS * max(size, 30)


class Spectrum:
    """Eigenvalues, ascending and not negative, and eigenvectors of a matrix S; kept: those that are not rounding."""

    def __init__(self, eigenvalues, vectors, cutoff):
        self.eigenvalues = np.maximum(eigenvalues, 0.0)
        self.vectors = vectors
        self.kept = eigenvalues > cutoff
        self.rank = int(self.kept.sum())
        self.largest = self.eigenvalues[-1] if len(eigenvalues) else 0.0

    def filters(self, alphas):
        """1 / (eigenvalue + alpha), (..., r); at alpha = 0 the eigenvalues that are rounding give 0 (pseudo-inverse)."""
        out = self.eigenvalues + alphas[..., None]
        with np.errstate(divide="ignore"):
            np.divide(1.0, out, out=out)
        zero = alphas == 0
        if zero.any():
            out[zero[..., None] & ~self.kept] = 0
        return out

    def ill_conditioned(self, alphas):
        """Whether eigenvalues of very different size enter, so that rounding of the large ones hides the small."""
        if not self.rank:
            return np.zeros(alphas.shape, bool)
        smallest = np.where(alphas == 0, self.eigenvalues[self.kept][0], self.eigenvalues[0])
        return self.largest + alphas > HARD * (smallest + alphas)

    def trace(self, alphas):
        """Sum of eigenvalue / (eigenvalue + alpha) over the eigenvalues that are not rounding, for every alpha."""
        return self.filters(alphas) @ np.where(self.kept, self.eigenvalues, 0.0)

    def inverse(self, alphas, times):
        """(S + alpha I)^-1 for alphas (1 or T, L); `times` multiplies rows with a matrix (see `RowProducts`)."""
        return SpectralInverse(self.vectors, self.filters(alphas), self.ill_conditioned(alphas), times)


class SpectralInverse(NamedTuple):
    """(S + alpha I)^-1 for some alphas, from the eigenvectors of S."""

    vectors: np.ndarray
    filters: np.ndarray
    """(1 or T, L, r)"""
    hard: np.ndarray
    """(1 or T, L) whether a solution is to be refined."""
    times: Callable

    def solve(self, rhs):
        """Applied to the last axis of rhs (T, 1 or L, q), (T, L, q)."""
        return self.times(self.times(rhs, self.vectors) * self.filters, self.vectors.T)

    def part(self, T, rows, at):
        """For the alphas ``at`` (k, m) of the targets ``rows`` (k, 1) of T."""
        filters = np.broadcast_to(self.filters, (T, *self.filters.shape[1:]))[rows, at]
        return SpectralInverse(self.vectors, filters, np.ones(at.shape, bool), self.times)


def penalty_gap(dual, coef, alphas, d):
    """sum_j alpha d_j (dual_j / alpha - b_j)^2, (T, L), twice the penalty's share of the gap, with dual = c / d (overwritten).

    Where d_j = 0 nothing is added. At alpha = inf: 0 for coefficients of 0, else inf.
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        dual /= alphas[..., None]
        dual -= coef
        gap = alphas * weighted_square(dual, d)
    if np.isinf(alphas).any():
        gap = np.where(np.isinf(alphas), np.where(np.any((coef != 0) & (d > 0), axis=-1), np.inf, 0.0), gap)
    return gap


def hard_parts(hard, T):
    """Yield (rows (k, 1), at (k, m)): the alphas (index) to refine of k of T targets, for hard (1 or T, L).

    Each target appears in one part at most, and m follows from its own alphas alone: their number, rounded up to one of eight
    sizes (the first of them fills up), so that there are few parts and the bits of a target do not depend on the others.
    """
    count = hard.sum(axis=1)
    if not count.any():
        return
    step = -(-hard.shape[1] // PARTS)
    size = np.minimum(-(-count // step) * step, hard.shape[1])
    order = np.argsort(~hard, axis=1, kind="stable")
    for m in np.unique(size[size > 0]):
        chosen = np.flatnonzero(size == m)
        at = np.where(np.arange(m) < count[chosen, None], order[chosen, :m], order[chosen, :1])
        yield (chosen if len(hard) == T else np.arange(T))[:, None], at


def refine(x, correction):
    """Iterative refinement: add `correction(x)` along the last axis while it at least halves from step to step.

    What is done stays as it is while the rest goes on.
    """
    last = np.linalg.norm(x, axis=-1, keepdims=True)
    for _ in range(5):
        change = correction(x)
        size = np.linalg.norm(change, axis=-1, keepdims=True)
        good = size < 0.5 * last
        x = x + np.where(good, change, 0.0)
        last = np.where(good & (size > EPS * np.linalg.norm(x, axis=-1, keepdims=True)), size, 0.0)
        if not last.any():
            break
    return x
