"""What the Gram form and the kernel form of a ridge problem share: eigenvalues and their filters, refinement."""

from typing import NamedTuple

import numpy as np

EPS = np.finfo(np.float64).eps
CORRELATED = 1e-8  # a least-squares residual correlated with a column beyond this is not one
HARD = 1e5  # (largest + alpha) / (smallest + alpha) above which a solution is refined against X itself


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
        """1 / (eigenvalue + alpha), (L, r); at alpha = 0 the eigenvalues that are rounding give 0 (pseudo-inverse)."""
        out = self.eigenvalues + alphas[:, None]
        with np.errstate(divide="ignore"):
            np.divide(1.0, out, out=out)
        out[np.ix_(alphas == 0, ~self.kept)] = 0
        return out

    def ill_conditioned(self, alphas):
        """Whether eigenvalues of very different size enter, so that rounding of the large ones hides the small."""
        if not self.rank:
            return np.zeros(len(alphas), bool)
        smallest = np.where(alphas == 0, self.eigenvalues[self.kept][0], self.eigenvalues[0])
        return self.largest + alphas > HARD * (smallest + alphas)

    def trace(self, alphas):
        """Sum of eigenvalue / (eigenvalue + alpha), (L,)."""
        return self.filters(alphas)[:, self.kept] @ self.eigenvalues[self.kept]

    def inverse(self, alphas):
        """(S + alpha I)^-1."""
        return SpectralInverse(self.vectors, self.filters(alphas), self.ill_conditioned(alphas))


class SpectralInverse(NamedTuple):
    """(S + alpha I)^-1 for some alphas, from the eigenvectors of S."""

    vectors: np.ndarray
    filters: np.ndarray
    """(L, r)"""
    hard: np.ndarray
    """(L,) whether a solution is to be refined."""

    def solve(self, rhs, which=None):
        """Applied to the last axis of rhs (1 or L, T, q) for the alphas that `which` (bool (L,)) marks."""
        filters = self.filters if which is None else self.filters[which]
        return ((rhs @ self.vectors) * filters[:, None, :]) @ self.vectors.T


def penalty_gap(dual, coef, alpha, d):
    """sum_j alpha d_j (dual_j / alpha - b_j)^2, twice the penalty's share of the gap, with dual = c / d.

    At alpha = inf: 0 for coefficients of 0, else inf.
    """
    gap = alpha[..., 0] * (np.square(dual / alpha - coef) @ d)
    infinite = np.isinf(alpha[:, 0, 0])
    gap[infinite] = np.where(np.any(coef[infinite] != 0, axis=-1), np.inf, 0.0)
    return gap


def refine(x, correction):
    """Iterative refinement: add `correction(x)` along the last axis while it at least halves from step to step."""
    last = np.linalg.norm(x, axis=-1, keepdims=True)
    for _ in range(5):
        change = correction(x)
        size = np.linalg.norm(change, axis=-1, keepdims=True)
        good = size < 0.5 * last
        if not good.any():
            break
        x = x + np.where(good, change, 0.0)
        last = np.where(good, size, 0.0)
        if np.all(last <= EPS * np.linalg.norm(x, axis=-1, keepdims=True)):
            break
    return x
