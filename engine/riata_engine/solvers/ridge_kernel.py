"""Ridge by the n x n kernel (p > n), its eigenvectors or, for few alphas, Cholesky factors.

With A = V^(1/2) Z_P D^(-1/2) the penalised part, Q an orthonormal basis of the free columns V^(1/2) Z_F, and N the
projection off Q, the dual problem is

    (N A A' N + alpha I) a = N V^(1/2) y,   b_P = D^(-1/2) A'a,   b_F = (V^(1/2) Z_F)^+ V^(1/2) (y - Z_P b_P)

n counts the rows of positive weight. The memory beside X is a few n x n matrices and the n x f free columns.
"""

import numpy as np

from riata_engine.solvers.ridge_inverse import RidgeForm
from riata_engine.solvers.ridge_spectrum import CORRELATED, EPS, HARD, Spectrum, penalty_gap, rank_cutoff, refine


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

    def _active(self, Y):
        return Y if self.design.rows is None else Y[self.design.rows]

    def _project(self, rows):
        """Off the free columns, along the last axis."""
        return rows - (rows @ self.Q) @ self.Q.T if self.F.size else rows

    def _penalised_coefficients(self, a):
        """D^(-1/2) A'a, (L, T, p), for a (L, T, n)."""
        design, (L, T, n) = self.design, a.shape
        R = np.zeros((design.n, L * T))
        R[slice(None) if design.rows is None else design.rows] = a.reshape(L * T, n).T / self.root_v[:, None]
        coef = design.weighted_transpose_dot(R).T.reshape(L, T, design.p)
        coef *= self.inverse_penalty
        return coef

    def _fitted(self, coef):
        """V^(1/2) Z coef on the rows of positive weight, (L, T, n)."""
        L, T, p = coef.shape
        fitted = self._active(self.design.dot(coef.reshape(L * T, p).T)) * self.root_v[:, None]
        return fitted.T.reshape(L, T, -1)

    def coefficients(self, alphas, Yc):
        """(L, T, p) for centred targets (n, T); refined against X where the kernel is ill conditioned."""
        rhs = (self._active(Yc) * self.root_v[:, None]).T[None]  # (1, T, n)
        inverse = self.inverse(alphas, most=HARD)
        coef = self._penalised_coefficients(inverse.solve(rhs - (rhs @ self.taken) @ self.taken.T))
        hard = inverse.hard
        if hard.any():
            coef[hard] = self._refined(coef[hard], alphas[hard], rhs)
        if self.F.size:
            coef[..., self.F] = ((rhs - self._fitted(coef)) @ self.Q) @ self.C.T
        return coef

    def _refined(self, coef, alphas, rhs):
        """Newton steps on the coefficients themselves, within the row space.

        The dual vector a is the residual over alpha: for small alphas it is huge, and the rounding of A'a with it.
        The step for the gradient g = A'r - alpha u is H^-1 g = A' U diag(1 / (e (e + alpha))) U' A g over the
        eigenvalues e above the cutoff, where nothing is divided by alpha alone.
        """
        spectrum = self.spectrum
        U, e = spectrum.vectors[:, spectrum.kept], spectrum.eigenvalues[spectrum.kept]
        inverse = 1 / (e * (e + alphas[:, None]))

        def step(b):
            excess = self._penalised_coefficients(self._project(rhs - self._fitted(b))) - alphas[:, None, None] * b
            part = self._project(self._fitted(excess)) @ U
            return self._penalised_coefficients((part * inverse[:, None, :]) @ U.T)

        return refine(coef, step)

    def loo_blocks(self, alphas, Yc, weightless=True):
        """Yield (rows, leave-one-out residuals (L, len(rows), T)); NaN where a row alone determines a coefficient.

        weightless: also those of the rows of weight 0, which cost a pass over X. The residual
        and one minus the leverage both carry alpha / (eigenvalue + alpha), or at alpha = 0 its limit up to a common
        factor; neither is found by subtraction, so small alphas keep their digits.
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
        targets = self._active(Yc) * self.root_v[:, None]
        residual = ((targets.T @ U) * shrink[:, None, :]) @ U.T  # (L, T, n)
        residual /= left[:, None, :] * self.root_v
        rows = slice(None) if self.design.rows is None else self.design.rows
        yield rows, residual.transpose(0, 2, 1)
        if weightless and self.design.rows is not None:  # rows of weight 0 take no part in the fit
            rest = np.flatnonzero(self.design.v == 0)
            coef = self.coefficients(alphas, Yc)
            L, T, p = coef.shape
            fitted = self.design.dot(coef.reshape(L * T, p).T)[rest].reshape(-1, L, T)
            yield rest, Yc[rest] - fitted.transpose(1, 0, 2)

    def _correlated(self, r, Yc):
        """Whether residuals V^(1/2) r (L, T, n) still correlate with a column of Z, (L, T)."""
        size = CORRELATED * np.sqrt(self.design.v @ Yc**2)[:, None]
        found = np.zeros(r.shape[:2], bool)
        for _, block in self.design.column_blocks(active=True):
            deviation = np.sqrt(self.root_v**2 @ block**2)
            found |= np.any(np.abs((r * self.root_v) @ block) > size * deviation, axis=-1)
        return found

    def gap(self, alphas, Yc, coef):
        """Absolute duality gap (L, T), as in the Gram form."""
        r = (self._active(Yc) * self.root_v[:, None]).T - self._fitted(coef)
        on_free = r @ self.Q
        gap = np.square(on_free).sum(axis=-1)
        r = r - on_free @ self.Q.T
        zero = alphas == 0
        if zero.any():
            gap[zero] += np.square(r[zero] @ self.spectrum.vectors[:, self.spectrum.kept]).sum(axis=-1)
            gap[zero] = np.where(self._correlated(r[zero], Yc), np.inf, gap[zero])
        if not zero.all():
            penalised = self.root > 0
            from_dual = self._penalised_coefficients(r[~zero])[..., penalised]
            d = self.root[penalised] ** 2
            gap[~zero] += penalty_gap(from_dual, coef[~zero][..., penalised], alphas[~zero, None, None], d)
        return gap / 2
