"""Ridge by the p x p Gram matrix (p <= n), its eigenvectors or, for few alphas, Cholesky factors.

With G = Z'VZ, penalised columns P (penalty d_j > 0) and free columns F, the Frisch-Waugh theorem removes F:

    S = D^(-1/2) (G_PP - G_PF G_FF^+ G_FP) D^(-1/2) = W diag(eigenvalues) W'
    (G + alpha D)^-1 = C C' + P (S + alpha I)^-1 P' = C C' + M diag(1 / (eigenvalue + alpha)) M',   M = P W

with P = D^(-1/2) on the rows P and -G_FF^+ G_FP D^(-1/2) on the rows F, and C C' = G_FF^+ on the rows F. For few
alphas S + alpha I is factored (Cholesky); for many, one decomposition serves every alpha and every target, and the
same C and M give the leverages.
"""

from functools import cached_property

import numpy as np

from riata_engine.solvers.ridge_inverse import RidgeForm
from riata_engine.solvers.ridge_spectrum import CORRELATED, EPS, Spectrum, hard_parts, penalty_gap, rank_cutoff, refine
from riata_engine.solvers.row_products import weighted_square


class GramForm(RidgeForm):
    """The inverse of G + alpha D as C C' + P (S + alpha I)^-1 P'. `root` holds sqrt(d), 0 marks a free column."""

    def __init__(self, design, root):
        G = design.gram()
        self.deviation = np.sqrt(np.maximum(np.diagonal(G), 0.0))
        self.free = np.flatnonzero(root == 0)
        scale = _reciprocal(root)
        bound = np.sum((self.deviation * scale) ** 2)
        self.C, self.GC = np.zeros((design.p, 0)), None
        if self.free.size:
            factor = pseudo_inverse_factor(G[np.ix_(self.free, self.free)], max(design.n, design.p))
            self.C = np.zeros((design.p, factor.shape[1]))
            self.C[self.free] = factor
            self.GC = G @ self.C
            G -= self.GC @ self.GC.T
            penalised = np.flatnonzero(root)
            S = G[np.ix_(penalised, penalised)] * scale[penalised] * scale[penalised, None]
        else:
            S = G
            if (scale != 1).any():
                S *= scale
                S *= scale[:, None]
        super().__init__(design, root, S, bound, len(self.free), self.C.shape[1])
        scale[design.constant] = 0
        self.scale = scale if self.free.size or (scale != 1).any() else None  # None: P = I

    def _decompose(self, S):
        eigenvalues, W = np.linalg.eigh(S)
        # what is rounding is told by the size before the free columns were projected out, even if nothing is left
        before = np.max((self.deviation * _reciprocal(self.root)) ** 2, initial=0.0)
        largest = max(before, np.max(eigenvalues, initial=0.0))
        return Spectrum(eigenvalues, W, rank_cutoff(max(self.design.n, self.design.p)) * largest)

    @cached_property
    def M(self):
        """P W, (p, r)."""
        return self._from_penalised(self.spectrum.vectors.T[None])[0].T

    def _to_penalised(self, rhs):
        """P' applied to the last axis of rhs (T, L, p)."""
        if self.scale is None:
            return rhs
        if self.free.size:
            rhs = rhs - self.design.times(self.design.times(rhs, self.C), self.GC.T)
            return np.take(rhs * self.scale, np.flatnonzero(self.root), axis=-1)
        return rhs * self.scale

    def _from_penalised(self, x):
        """P applied to the last axis of x (T, L, q)."""
        if self.scale is None:
            return x
        if not self.free.size:
            return x * self.scale
        coef = np.zeros((*x.shape[:-1], self.design.p))
        coef[..., self.root > 0] = x
        coef *= self.scale
        coef -= self.design.times(self.design.times(coef, self.GC), self.C.T)
        return coef

    def coefficients(self, alphas, Yc):
        """(T, L, p) for alphas (1 or T, L) and centred targets (T, n); refined against X where G is ill conditioned."""
        T, inverse = len(Yc), self.inverse(alphas)
        coef = self._solve(inverse, self.design.weighted_transpose_dot(Yc[:, None]))
        for rows, at in hard_parts(inverse.hard, T):
            some = np.broadcast_to(alphas, (T, alphas.shape[1]))[rows, at]
            coef[rows, at] = self._refined(coef[rows, at], inverse.part(T, rows, at), some, Yc[rows[:, 0]])
        return coef

    def _refined(self, coef, inverse, alphas, Yc):
        penalty = alphas[..., None] * self.root**2
        return refine(coef, lambda b: self._solve(inverse, self._residual_correlation(Yc, b) - penalty * b))

    def _solve(self, inverse, rhs):
        """(G + alpha D)^-1 applied to the rows of rhs (T, 1 or L, p)."""
        coef = self._from_penalised(inverse.solve(self._to_penalised(rhs)))
        if self.C.shape[1]:
            coef += self.design.times(self.design.times(rhs, self.C), self.C.T)
        return coef

    def _residual_correlation(self, Yc, coef):
        """Z'V(y - Z b), (T, L, p), in one pass over X."""
        design = self.design
        if design.sparse or design.direct:
            return design.weighted_transpose_dot(Yc[:, None] - design.dot(coef))
        out = np.zeros(coef.shape)
        for rows, block in design.row_blocks():
            R = Yc[:, None, rows] - design.times(coef, block.T)
            R *= design.v[rows]
            out += design.times(R, block)
        return out

    def loo_blocks(self, alphas, Yc, weightless=True):
        """Yield (rows, leave-one-out residuals (L, len(rows), T)) for alphas (L,) and centred targets (T, n).

        NaN where a row alone determines a coefficient. Rows of weight 0 are always among them (`weightless` is for the kernel
        form, where they cost a pass over X).
        """
        design, filters = self.design, self.spectrum.filters(alphas)
        T, L = len(Yc), len(alphas)
        B = self.coefficients(alphas[None], Yc).transpose(1, 0, 2).reshape(L * T, design.p).T
        for rows, block in design.row_blocks():
            R = np.tile(Yc[:, rows].T, (1, L))
            R -= block @ B
            leverage = np.square(block @ self.M) @ filters.T  # (rows, L)
            if self.C.shape[1]:
                leverage += np.square(block @ self.C).sum(axis=1)[:, None]
            if design.intercept:
                leverage += 1.0
            left = 1.0 - leverage * design.v[rows, None]
            left[left <= 64 * EPS] = np.nan
            R = R.reshape(-1, L, T)
            R /= left[:, :, None]
            yield rows, R.transpose(1, 0, 2)

    def gap(self, alphas, Yc, coef, residuals):
        """Absolute duality gap (T, L) of coefficients (T, L, p) with the intercept at its optimum, of these residuals.

        The dual point is the residual less its projection on the free columns. Both parts of the gap are then sums
        of squares, so that nothing cancels (see `RidgeDecomposition.duality_gap`).
        """
        times = self.design.times
        c = self.design.weighted_transpose_dot(residuals)
        zero = np.broadcast_to(alphas == 0, c.shape[:2])
        some = np.flatnonzero(zero.any(axis=1))
        size = np.sqrt(weighted_square(Yc[some, None], self.design.v))[..., None]
        correlated = np.any(np.abs(c[some]) > CORRELATED * self.deviation * size, axis=-1)
        on_free = times(c, self.C)
        free = np.square(on_free).sum(axis=-1)
        if self.C.shape[1]:
            c -= times(on_free, self.GC.T)
        left = None
        if some.size:
            left = free[some] + np.square(times(c[some], self.M)) @ self.spectrum.filters(np.zeros(()))
        c[..., self.design.constant] = 0  # what their last digits are worth is found without rounding, by RidgeDecomposition
        c *= _reciprocal(self.root) ** 2
        gap = free + penalty_gap(c, coef, alphas, self.root**2)
        if some.size:
            gap[some] = np.where(zero[some], np.where(correlated, np.inf, left), gap[some])
        return gap / 2


def pseudo_inverse_factor(G, size):
    """C with C C' = G^+ (Moore-Penrose), of as many columns as G has rank.

    The rank is decided on the correlation matrix, so that the units of the columns do not matter; projecting off
    the null space of G afterwards makes the answer the one of minimum norm in the units given.
    """
    deviation = np.sqrt(np.diagonal(G))
    inverse = np.divide(1.0, deviation, out=np.zeros_like(deviation), where=deviation > 0)
    eigenvalues, V = np.linalg.eigh(G * inverse * inverse[:, None])
    kept = eigenvalues > rank_cutoff(size) * np.max(eigenvalues, initial=0.0)
    C = inverse[:, None] * V[:, kept] / np.sqrt(eigenvalues[kept])
    if not kept.all():
        rowspace = np.linalg.qr(deviation[:, None] * V[:, kept])[0]
        C = rowspace @ (rowspace.T @ C)
    return C


def _reciprocal(root):
    return np.divide(1.0, root, out=np.zeros_like(root), where=root > 0)
