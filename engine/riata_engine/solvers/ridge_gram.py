"""Ridge by the eigenvectors of the p x p Gram matrix (p <= n).

With G = Z'VZ, penalised columns P (penalty d_j > 0) and free columns F, the Frisch-Waugh theorem removes F:

    S = D^(-1/2) (G_PP - G_PF G_FF^+ G_FP) D^(-1/2) = W diag(eigenvalues) W'
    (G + alpha D)^-1 = C C' + M diag(1 / (eigenvalue + alpha)) M'

with M = D^(-1/2) W on the rows P and -G_FF^+ G_FP D^(-1/2) W on the rows F, and C C' = G_FF^+ on the rows F. One
decomposition so serves every alpha and every target, and the same C and M give the leverages.
"""

import numpy as np

from riata_engine.solvers.ridge_spectrum import CORRELATED, EPS, Spectrum, penalty_gap, rank_cutoff, refine


class GramForm(Spectrum):
    """The inverse of G + alpha D as C C' + M filter M'. `root` holds sqrt(d), 0 marks a free column."""

    def __init__(self, design, root):
        self.design, self.root = design, root
        G = design.gram()
        self.deviation = np.sqrt(np.maximum(np.diagonal(G), 0.0))
        free = root == 0
        inverse = np.divide(1.0, root, out=np.zeros_like(root), where=~free)
        if free.any():
            F = np.flatnonzero(free)
            factor = _pseudo_inverse_factor(G[np.ix_(F, F)], max(design.n, design.p))
            self.C = np.zeros((design.p, factor.shape[1]))
            self.C[F] = factor
            GC = G @ self.C
            largest = np.max(np.diagonal(G) * inverse**2, initial=0.0)
            S = (G - GC @ GC.T) * inverse * inverse[:, None]
            S = S[np.ix_(~free, ~free)]
        else:
            F, GC = None, None
            self.C = np.zeros((design.p, 0))
            S = G
            S *= inverse
            S *= inverse[:, None]
            largest = np.max(np.diagonal(S), initial=0.0)
        eigenvalues, W = np.linalg.eigh(S)
        self.M = np.zeros((design.p, len(eigenvalues)))
        self.M[~free] = W * inverse[~free, None]
        self.M[design.constant] = 0
        if F is not None:
            self.M -= self.C @ (GC.T @ self.M)
        largest = max(largest, np.max(eigenvalues, initial=0.0))
        super().__init__(eigenvalues, rank_cutoff(max(design.n, design.p)) * largest,
                         n_free=int(free.sum()), free_rank=self.C.shape[1])
        self.GC = GC

    def coefficients(self, alphas, Yc):
        """(L, T, p) for centred targets (n, T); refined against X where the Gram matrix is ill conditioned."""
        design = self.design
        filters = self.filters(alphas)
        coef = self._solve(filters, design.weighted_transpose_dot(Yc).T[None])
        hard = self.ill_conditioned(alphas)
        if hard.any():
            penalty, filters = alphas[hard, None, None] * self.root**2, filters[hard]
            coef[hard] = refine(
                coef[hard], lambda b: self._solve(filters, self._residual_correlation(Yc, b) - penalty * b)
            )
        return coef

    def _solve(self, filters, rhs):
        """(G + alpha D)^-1 applied to the rows of rhs (1 or L, T, p)."""
        coef = ((rhs @ self.M) * filters[:, None, :]) @ self.M.T
        if self.C.shape[1]:
            coef += (rhs @ self.C) @ self.C.T
        return coef

    def _residual_correlation(self, Yc, coef):
        """Z'V(Yc - Z coef), (L, T, p), in one pass over X."""
        design, (L, T, p) = self.design, coef.shape
        B = coef.reshape(L * T, p).T
        if design.sparse:
            R = np.tile(Yc, (1, L)) - design.dot(B)
            return design.weighted_transpose_dot(R).T.reshape(L, T, p)
        out = np.zeros((p, L * T))
        for rows, block in design.row_blocks():
            R = np.tile(Yc[rows], (1, L))
            R -= block @ B
            R *= design.v[rows, None]
            out += block.T @ R
        return out.T.reshape(L, T, p)

    def loo_blocks(self, alphas, Yc, weightless=True):
        """Yield (rows, leave-one-out residuals (L, len(rows), T)); NaN where a row alone determines a coefficient.

        Rows of weight 0 are always among them (`weightless` is for the kernel form, where they cost a pass over X).
        """
        design, filters = self.design, self.filters(alphas)
        coef = self.coefficients(alphas, Yc)
        L, T, p = coef.shape
        B = coef.reshape(L * T, p).T
        for rows, block in design.row_blocks():
            R = np.tile(Yc[rows], (1, L))
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

    def gap(self, alphas, Yc, coef):
        """Absolute duality gap (L, T) of coefficients (L, T, p) with the intercept at its optimum.

        The dual point is the residual less its projection on the free columns. Both parts of the gap are then sums
        of squares, so that nothing cancels (see `RidgeDecomposition.duality_gap`).
        """
        c = self._residual_correlation(Yc, coef)
        zero = alphas == 0
        size = np.sqrt(self.design.v @ Yc**2)
        correlated = np.any(np.abs(c) > CORRELATED * self.deviation * size[:, None], axis=-1)
        on_free = c @ self.C
        gap = np.square(on_free).sum(axis=-1)
        if self.C.shape[1]:
            c -= on_free @ self.GC.T
        if zero.any():
            gap[zero] += (np.square(c[zero] @ self.M) * self.filters(np.zeros(1))).sum(axis=-1)
        penalised = self.root > 0
        alpha, d = alphas[~zero, None, None], self.root[penalised] ** 2
        gap[~zero] += penalty_gap(c[~zero][..., penalised] / d, coef[~zero][..., penalised], alpha, d)
        gap[correlated & zero[:, None]] = np.inf
        return gap / 2


def _pseudo_inverse_factor(G, size):
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
