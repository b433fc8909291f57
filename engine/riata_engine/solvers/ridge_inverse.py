"""(S + alpha I)^-1 for the alphas of a ridge problem, by whichever is cheaper: Cholesky factors or eigenvectors."""

from contextlib import nullcontext
from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy.linalg.lapack import dpocon, dpotrf, dpotrs

from riata_engine.solvers.ridge_spectrum import HARD
from riata_engine.threads import single_threaded_blas

FEW = 5  # factors kept; an eigen-decomposition costs as much as 12 to 20 of them, and as much memory as 4
REFINABLE = 1e10  # condition number up to which iterative refinement gains at least five digits a step
SMALL, NARROW = 64, 8  # rows and right-hand sides up to which LAPACK opens no threads of its own
LARGE = 2048  # rows from which a factor is worth NumPy's threads, which cost a copy more


class RidgeForm:
    """
    A symmetric matrix S, kept until its eigenvectors are asked for.

    Up to FEW alphas are solved by a Cholesky factor each. The eigenvectors are computed, once, when more are asked for,
    at alpha = 0 (where S has a pseudo-inverse at best), where a factor would lose too many digits, and for what only
    they tell: rank, degrees of freedom, leverages. From then on they serve every alpha.

    A subclass has `_decompose(S)`, which may overwrite S.
    """

    def __init__(self, design, root, S, bound, n_free, free_rank):
        self.design, self.root = design, root
        self.bound = float(bound)  # of the largest eigenvalue, from above
        self.n_free, self.free_rank = n_free, free_rank
        self._S, self._factors = S, {}

    @cached_property
    def spectrum(self):
        """Eigenvalues and eigenvectors of S."""
        self._factors.clear()
        spectrum, self._S = self._decompose(self._S), None
        return spectrum

    def inverse(self, alphas, most=REFINABLE):
        """(S + alpha I)^-1 for alphas (1 or T, L); by Cholesky only where its condition number is at most `most` for each.

        Separate targets have the eigenvectors always: which of both is cheaper depends on the alphas of all.
        """
        if self._S is not None and not self.design.separate:
            wanted = set(alphas.ravel().tolist())
            if len(wanted.union(self._factors)) <= FEW and self._factor(wanted, most):
                return Cholesky(alphas, {alpha: self._factors[alpha] for alpha in wanted})
        return self.spectrum.inverse(alphas, self.design.times)

    def _factor(self, alphas, most):
        """Factor S for these alphas too; False where one is not in (0, inf) or S + alpha I is beyond `most`."""
        if not (len(self._S) and min(alphas, default=0) > 0 and max(alphas) < np.inf):
            return False
        for alpha in alphas.difference(self._factors):
            factor = cholesky(self._S, alpha, self.bound)
            if factor is None or not factor.condition <= most:
                return False
            self._factors[alpha] = factor
        return True

    def effective_df(self, alphas):
        """Trace of the hat matrix, the intercept not counted: free rank + sum of eigenvalue / (eigenvalue + alpha)."""
        return self.free_rank + self.spectrum.trace(alphas)


class Factor(NamedTuple):
    """Cholesky factor of S + alpha I."""

    upper: np.ndarray
    condition: float


class Cholesky:
    """(S + alpha I)^-1 for alphas (1 or T, L), from a factor for each; hard: whether a solution is to be refined."""

    def __init__(self, alphas, factors):
        self.alphas, self.factors = alphas, factors
        self.hard = np.zeros(alphas.shape, bool)
        for alpha, factor in factors.items():
            if factor.condition > HARD:
                self.hard |= alphas == alpha

    def solve(self, rhs):
        """Applied to the last axis of rhs (T, 1 or L, q), (T, L, q)."""
        if len(self.factors) == 1 and rhs.shape[1] == self.alphas.shape[1]:
            (factor,) = self.factors.values()
            return _solved(factor, rhs.reshape(-1, rhs.shape[2])).reshape(rhs.shape)
        shape = np.broadcast_shapes(rhs.shape[:2], self.alphas.shape)
        rhs, alphas = np.broadcast_to(rhs, (*shape, rhs.shape[2])), np.broadcast_to(self.alphas, shape)
        out = np.empty(rhs.shape)
        for alpha, factor in self.factors.items():
            where = alphas == alpha
            out[where] = _solved(factor, rhs[where])
        return out

    def part(self, T, rows, at):
        """For the alphas ``at`` (k, m) of the targets ``rows`` (k, 1) of T."""
        alphas = np.broadcast_to(self.alphas, (T, self.alphas.shape[1]))[rows, at]
        return Cholesky(alphas, {alpha: self.factors[alpha] for alpha in set(alphas.ravel().tolist())})


def _solved(factor, rows):
    with _one_thread(rows.shape[1], len(rows)):
        return dpotrs(factor.upper, rows.T)[0].T


def cholesky(S, alpha, bound):
    """
    `Factor` of S + alpha I, or None where that is not positive definite in float64.

    SciPy's LAPACK has threads of its own. Left alone they would fight over the cores with those of NumPy, which still
    spin after the product that S came from: so it runs on one thread here, and large factors are NumPy's.
    """
    A = S.copy()
    A.ravel()[:: len(A) + 1] += alpha
    try:
        upper = np.linalg.cholesky(A).T if len(A) >= LARGE else _upper(A)
    except np.linalg.LinAlgError:
        return None
    return Factor(upper, _condition(S, upper, alpha, bound))


def _one_thread(rows, targets=1):
    return nullcontext() if rows <= SMALL and targets <= NARROW else single_threaded_blas()


def _upper(A):
    """U with U'U = A, in the place of A."""
    with _one_thread(len(A)):
        upper, failed = dpotrf(A.T, clean=0, overwrite_a=1)
    if failed:
        raise np.linalg.LinAlgError("the matrix is not positive definite")
    return upper


def _condition(S, upper, alpha, bound):
    """An upper estimate of the condition number of S + alpha I, no finer than needed to tell whether it is above HARD.

    The smallest eigenvalue is at least alpha; LAPACK estimates it from the factor (dpocon gives 1 / the 1-norm of the
    inverse for anorm = 1). The largest is at most the trace; the Frobenius norm is sharper.
    """
    condition = (bound + alpha) / alpha
    if condition > HARD:
        with _one_thread(len(S)):
            smallest = max(alpha, dpocon(upper, 1.0)[0])
        condition = (bound + alpha) / smallest
        if condition > HARD:
            condition = (min(bound, np.linalg.norm(S)) + alpha) / smallest
    return condition
