"""Ridge by the n x n kernel (p > n), its eigenvectors or, for few alphas, Cholesky factors.

With A = V^(1/2) Z_P D^(-1/2) the penalised part, Q an orthonormal basis of the free columns V^(1/2) Z_F, and N the
projection off Q, the dual problem is

    (N A A' N + alpha I) a = N V^(1/2) y,   b_P = D^(-1/2) A'a,   b_F = (V^(1/2) Z_F)^+ V^(1/2) (y - Z_P b_P)

n counts the rows of positive weight. The memory beside X is a few n x n matrices and the n x f free columns.
"""

import numpy as np

from riata_engine.solvers.ridge_inverse import RidgeForm
from riata_engine.solvers.ridge_spectrum import CORRELATED, EPS, HARD, Spectrum, hard_parts, penalty_gap, rank_cutoff, refine
from riata_engine.solvers.row_products import weighted_square


class KernelForm(RidgeForm):
    """N A A' N and its eigenvectors U off the intercept and the free columns. `root` holds sqrt(d), 0 marks free."""

    def __init__(self, design, root):
        self.design = design
        free = root == 0
        inverse = np.divide(1.0, root, out=np.zeros_like(root), where=~free)
        K = design.kernel(inverse)
        self.inverse_penalty = np.where(design.constant, 0.0, inverse**2)
        v = design.v if design.rows is None else design.v[design.rows]
        self.root_v = np.sqrt(v)
        self.F = np.flatnonzero(free)
        self.Q, self.C = self._free_basis()
        if self.F.size:
            K -= (K @ self.Q) @ self.Q.T
            K -= self.Q @ (self.Q.T @ K)
        # Directions that the intercept and the free columns take have eigenvalue 0: moved among the others here, so
        # that they do not spoil the condition of K + alpha I.
        self.taken = np.column_stack([self.root_v, self.Q]) if design.intercept else self.Q
        bound = np.trace(K)
        middle = bound / len(K) or 1.0
        if design.intercept:
            K += np.multiply.outer(middle * self.root_v, self.root_v)
        if self.F.size:
            K += (middle * self.Q) @ self.Q.T
        super().__init__(design, root, K, bound, len(self.F), self.Q.shape[1])

    def _decompose(self, K):
        # Moved above all others, then dropped, so that no eigenvector of a small eigenvalue mixes with them.
        K += (2 * np.linalg.norm(K) or 1.0) * (self.taken @ self.taken.T)
        eigenvalues, U = np.linalg.eigh(K)
        k = max(len(K) - self.taken.shape[1], 0)
        cutoff = rank_cutoff(max(self.design.n_active, self.design.p)) * max(eigenvalues[k - 1] if k else 0.0, 0.0)
        return Spectrum(eigenvalues[:k], U[:, :k], cutoff)

    def _free_basis(self):
        """Q (n, r) orthonormal and C (f, r) with V^(1/2) Z_F = Q (...) and b_F = C Q'(.), of minimum norm."""
        design = self.design
        n = design.n_active
        if not self.F.size:
            return np.empty((n, 0)), np.empty((0, 0))
        free = np.zeros((n, len(self.F)))
        for columns, block in design.column_blocks(active=True):
            here = (columns.start <= self.F) & (columns.stop > self.F)
            free[:, here] = block[:, self.F[here] - columns.start]
        constant = design.constant[self.F]
        free[:, constant] = 0
        free *= self.root_v[:, None]
        norms = np.linalg.norm(free, axis=0)
        inverse = np.divide(1.0, norms, out=np.zeros_like(norms), where=norms > 0)
        left, sigma, right = np.linalg.svd(free * inverse, full_matrices=False)
        kept = sigma > EPS * max(n, len(self.F), 30) * np.max(sigma, initial=0.0)
        Q, C = left[:, kept], inverse[:, None] * right[kept].T / sigma[kept]
        if not kept.all() or constant.any():
            rowspace = np.linalg.qr(norms[:, None] * right[kept].T)[0]
            C = rowspace @ (rowspace.T @ C)
        return Q, C

    def _active(self, rows):
        """V^(1/2) rows, on the samples of positive weight."""
        return (rows if self.design.rows is None else np.take(rows, self.design.rows, axis=-1)) * self.root_v

    def _project(self, rows):
        """Off the free columns, along the last axis."""
        return rows - self._on(rows, self.Q) if self.F.size else rows

    def _on(self, rows, basis):
        """The part of rows (T, L, n) along the orthonormal columns of a basis."""
        return self.design.times(self.design.times(rows, basis), basis.T)

    def _penalised_coefficients(self, a):
        """D^(-1/2) A'a, (T, L, p), for a (T, L, n)."""
        R = a / self.root_v
        if self.design.rows is not None:
            R, active = np.zeros((*a.shape[:2], self.design.n)), R
            R[..., self.design.rows] = active
        coef = self.design.weighted_transpose_dot(R)
        coef *= self.inverse_penalty
        return coef

    def _fitted(self, coef):
        """V^(1/2) Z coef on the rows of positive weight, (T, L, n)."""
        return self._active(self.design.dot(coef))

    def coefficients(self, alphas, Yc):
        """(T, L, p) for alphas (1 or T, L) and centred targets (T, n); refined against X where the kernel is ill conditioned."""
        T, times = len(Yc), self.design.times
        rhs = self._active(Yc)[:, None]
        inverse = self.inverse(alphas, most=HARD)
        coef = self._penalised_coefficients(inverse.solve(rhs - self._on(rhs, self.taken)))
        for rows, at in hard_parts(inverse.hard, T):
            some = np.broadcast_to(alphas, (T, alphas.shape[1]))[rows, at]
            coef[rows, at] = self._refined(coef[rows, at], some, rhs[rows[:, 0]])
        if self.F.size:
            coef[..., self.F] = times(times(rhs - self._fitted(coef), self.Q), self.C.T)
        return coef

    def _refined(self, coef, alphas, rhs):
        """Newton steps on the coefficients themselves, within the row space.

        The dual vector a is the residual over alpha: for small alphas it is huge, and the rounding of A'a with it.
        The step for the gradient g = A'r - alpha u is H^-1 g = A' U diag(1 / (e (e + alpha))) U' A g over the
        eigenvalues e above the cutoff, where nothing is divided by alpha alone.
        """
        spectrum, times = self.spectrum, self.design.times
        U, e = spectrum.vectors[:, spectrum.kept], spectrum.eigenvalues[spectrum.kept]
        inverse = 1 / (e * (e + alphas[..., None]))

        def step(b):
            excess = self._penalised_coefficients(self._project(rhs - self._fitted(b)))
            excess -= alphas[..., None] * b
            part = times(self._project(self._fitted(excess)), U)
            return self._penalised_coefficients(times(part * inverse, U.T))

        return refine(coef, step)

    def loo_blocks(self, alphas, Yc, weightless=True):
        """Yield (rows, leave-one-out residuals (L, len(rows), T)) for alphas (L,) and centred targets (T, n).

        NaN where a row alone determines a coefficient. weightless: also those of the rows of weight 0, which cost a pass
        over X. The residual and one minus the leverage both carry alpha / (eigenvalue + alpha), or at alpha = 0 its limit up
        to a common factor; neither is found by subtraction, so small alphas keep their digits.
        """
        U = self.spectrum.vectors
        shrink = self.spectrum.filters(alphas)
        null = ~self.spectrum.kept
        zero = alphas == 0
        with np.errstate(invalid="ignore"):
            shrink *= np.where(zero, 1.0, alphas)[:, None]
        shrink[np.isinf(alphas)] = 1.0
        if null.any():
            shrink[zero] = null
        squares = U**2
        left = shrink @ squares.T  # (L, n)
        threshold = np.where(zero & null.any(), 64 * EPS, 0.0)
        left[left <= threshold[:, None]] = np.nan
        left[:, squares.sum(axis=1) <= 64 * EPS] = np.nan
        residual = ((self._active(Yc) @ U) * shrink[:, None, :]) @ U.T  # (L, T, n)
        residual /= left[:, None, :] * self.root_v
        rows = slice(None) if self.design.rows is None else self.design.rows
        yield rows, residual.transpose(0, 2, 1)
        if weightless and self.design.rows is not None:  # rows of weight 0 take no part in the fit
            rest = np.flatnonzero(self.design.v == 0)
            fitted = np.take(self.design.dot(self.coefficients(alphas[None], Yc)), rest, axis=-1)
            yield rest, (np.take(Yc, rest, axis=-1)[:, None] - fitted).transpose(1, 2, 0)

    def _correlated(self, r, Yc):
        """Whether residuals V^(1/2) r (T, L, n) still correlate with a column of Z, (T, L)."""
        size = CORRELATED * np.sqrt(weighted_square(Yc[:, None], self.design.v))[..., None]
        found = np.zeros(r.shape[:2], bool)
        for _, block in self.design.column_blocks(active=True):
            deviation = np.sqrt(self.root_v**2 @ block**2)
            found |= np.any(np.abs(self.design.times(r * self.root_v, block)) > size * deviation, axis=-1)
        return found

    def gap(self, alphas, Yc, coef, residuals):
        """Absolute duality gap (T, L), as in the Gram form."""
        times = self.design.times
        r = self._active(residuals)
        on_free = times(r, self.Q)
        free = np.square(on_free).sum(axis=-1)
        if self.F.size:
            r -= times(on_free, self.Q.T)
        gap = free + penalty_gap(self._penalised_coefficients(r), coef, alphas, self.root**2)
        zero = np.broadcast_to(alphas == 0, gap.shape)
        if zero.any():
            some = np.flatnonzero(zero.any(axis=1))
            left = np.square(times(r[some], self.spectrum.vectors[:, self.spectrum.kept])).sum(axis=-1) + free[some]
            left = np.where(self._correlated(r[some], Yc[some]), np.inf, left)
            gap[some] = np.where(zero[some], left, gap[some])
        return gap / 2
