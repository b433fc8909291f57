"""(S + alpha I)^-1 for the alphas of a ridge problem, by whichever is cheaper: Cholesky factors or eigenvectors."""

from contextlib import nullcontext
from functools import cached_property

import numpy as np
from scipy.linalg.lapack import dpocon, dpotrf, dpotrs

from riata_engine.solvers.ridge_spectrum import HARD
from riata_engine.threads import single_threaded_blas

FEW = 8  # an eigen-decomposition costs about as much as 12 to 20 Cholesky factors
REFINABLE = 1e10  # condition number up to which iterative refinement gains at least five digits a step
SMALL, NARROW = 64, 8  # rows and right-hand sides up to which LAPACK opens no threads of its own
LARGE = 1024  # rows from which a factor is worth NumPy's threads, which cost a copy more


class RidgeForm:
    """
    A symmetric matrix S, kept until its eigenvectors are asked for.

    Few alphas are solved by a Cholesky factor each. The eigenvectors are computed, once, when more have been asked for
    than is worth it, at alpha = 0 (where S has no inverse, but a pseudo-inverse), where a factor would lose too many
    digits, and for what only they tell: rank, degrees of freedom, leverages. From then on they serve every alpha.

    A subclass has `_decompose(S)`, which may overwrite S.
    """

    def __init__(self, design, root, S, bound, n_free, free_rank):
        self.design, self.root = design, root
        self.bound = float(bound)  # of the largest eigenvalue, from above
        self.n_free, self.free_rank = n_free, free_rank
        self._S, self._left = S, FEW

    @cached_property
    def spectrum(self):
        """Eigenvalues and eigenvectors of S."""
        spectrum, self._S = self._decompose(self._S), None
        return spectrum

    def inverse(self, alphas, most=REFINABLE):
        """(S + alpha I)^-1; by Cholesky only where its condition number is at most `most` for every alpha."""
        if self._S is not None and len(alphas) <= self._left:
            self._left -= len(alphas)
            found = cholesky(self._S, alphas, self.bound, most)
            if found is not None:
                return found
        return self.spectrum.inverse(alphas)

    def effective_df(self, alphas):
        """Trace of the hat matrix, the intercept not counted: free rank + sum of eigenvalue / (eigenvalue + alpha)."""
        return self.free_rank + self.spectrum.trace(alphas)


class Cholesky:
    """Upper factors of S + alpha I for some alphas; hard (L,): whether a solution is to be refined."""

    def __init__(self, factors, hard):
        self.factors, self.hard = factors, np.array(hard, bool)

    def solve(self, rhs, which=None):
        """Applied to the last axis of rhs (1 or L, T, q), for the alphas that `which` (bool (L,)) marks."""
        chosen = self.factors if which is None else [self.factors[i] for i in np.flatnonzero(which)]
        out = np.empty((len(chosen), *rhs.shape[1:]))
        with _one_thread(rhs.shape[2], rhs.shape[1]):
            for i, factor in enumerate(chosen):
                out[i] = dpotrs(factor, rhs[i if len(rhs) > 1 else 0].T)[0].T
        return out


def cholesky(S, alphas, bound, most):
    """
    `Cholesky`, or None where an alpha is not in (0, inf) or a condition number is above `most`.

    SciPy's LAPACK has threads of its own. Left alone they would fight over the cores with those of NumPy, which still
    spin after the product that S came from: so it runs on one thread here, and large factors are NumPy's.
    """
    if not (len(S) and alphas.min() > 0 and alphas.max() < np.inf):
        return None
    factors, hard = [], []
    for alpha in alphas:
        A = S.copy()
        A.ravel()[:: len(A) + 1] += alpha
        try:
            factor = np.linalg.cholesky(A).T if len(A) >= LARGE else _factor(A)
        except np.linalg.LinAlgError:
            return None
        condition = _condition(S, factor, alpha, bound)
        if not condition <= most:
            return None
        factors.append(factor)
        hard.append(condition > HARD)
    return Cholesky(factors, hard)


def _one_thread(rows, targets=1):
    return nullcontext() if rows <= SMALL and targets <= NARROW else single_threaded_blas()


def _factor(A):
    """U with U'U = A, in the place of A."""
    with _one_thread(len(A)):
        factor, failed = dpotrf(A.T, clean=0, overwrite_a=1)
    if failed:
        raise np.linalg.LinAlgError("the matrix is not positive definite")
    return factor


def _condition(S, factor, alpha, bound):
    """An upper estimate of the condition number of S + alpha I, no finer than needed to tell whether it is above HARD.

    The smallest eigenvalue is at least alpha; LAPACK estimates it from the factor (dpocon gives 1 / the 1-norm of the
    inverse for anorm = 1). The largest is at most the trace; the Frobenius norm is sharper.
    """
    condition = (bound + alpha) / alpha
    if condition > HARD:
        with _one_thread(len(S)):
            smallest = max(alpha, dpocon(factor, 1.0)[0])
        condition = (bound + alpha) / smallest
        if condition > HARD:
            condition = (min(bound, np.linalg.norm(S)) + alpha) / smallest
    return condition
