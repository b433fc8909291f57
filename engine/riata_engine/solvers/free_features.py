"""Features without a penalty are profiled out, as the intercept is.

With K Kᵀ the pseudo-inverse of C_FF (K from the singular values of the free columns), the rest of the problem sees

    C̃ = C − H Hᵀ,   c̃ = c − H Kᵀc_F,   ỹỹ = yy − ‖Kᵀc_F‖²,   H = C_·F K,

and b_F = K Kᵀ (c_F − C_FP b_P) is the minimum-norm answer when free features are collinear (Frisch & Waugh 1933;
Lovell 1963).
"""

import numpy as np

from riata_engine.cpu.design import Design
from riata_engine.cpu.fits import subtract_fits
from riata_engine.solvers.interruptible import interruptibly

#: singular values below this many eps of the largest, times the larger side, count as zero
RANK = 30
#: and of those, the ones above so many √n·eps of the columns' size are no rounding: y may lie along them (``take_off``)
NOISE = 1
#: a column of z, of standard deviation one to two over all rows, counts as constant within a weight group below this
CONSTANT_DEVIATION = 1e-13


class FreeFeatures:
    """The projection of each weight group on its free features.

    Parameters
    ----------
    form : StandardForm
    c : (B, p)
        Zᵀ V y of each problem.
    """

    def __init__(self, form, c, control, n_threads):
        n, p = form.shape
        G, q = form.V.shape[1], len(form.free)
        self.free, self.group = form.free, form.group
        self.Z = np.empty((n, q), order="F")
        form.design.gather(np.ascontiguousarray(form.free, dtype=np.intp), self.Z)
        self.shift, self.V = form.shift[:, form.free], form.V
        # Σ v (z_j − d_j)(z_F − d_F) = Σ v z_j (z_F − d_F): one centred side is enough
        R = np.vstack([(form.V[:, g, None] * (self.Z - self.shift[g])).T for g in range(G)])
        cross = form.design.transposed_matvec(np.ascontiguousarray(R), q, control, n_threads)
        self.cross = np.ascontiguousarray(cross.reshape(G, q, p).transpose(0, 2, 1))       # (G, p, q) Zᵀ V Z_F
        K = [None] * G
        self.rank = np.zeros(G, int)
        self.unfitted = [None] * G                       # directions that are in the columns, and not in K
        self.least = [None] * G                          # takes a solution to the one of least norm, where there are many
        for g in range(G):
            # of the columns, not of their Gram matrix, whose eigenvalues are squares: half of the digits would be gone
            A = np.sqrt(form.V[:, g, None]) * (self.Z - self.shift[g])
            A[:, np.sqrt((A**2).sum(axis=0)) <= CONSTANT_DEVIATION * np.maximum(1.0, np.abs(self.shift[g]))] = 0.0
            U, s, Vt = interruptibly(lambda A=A: np.linalg.svd(A, full_matrices=False), control, 14.0 * n * q * q)
            kept = s > RANK * np.finfo(float).eps * max(n, q) * s.max(initial=1e-300)
            self.rank[g] = kept.sum()
            K[g] = Vt[kept].T / s[kept]
            size = np.sqrt(q) * (s.max(initial=0.0) + np.abs(self.shift[g]).max(initial=0.0))
            real = ~kept & (s > NOISE * max(8.0, np.sqrt(n)) * np.finfo(float).eps * size)
            if real.any():
                self.unfitted[g] = self._directions(form, g, U[:, real], control, n_threads)
            if self.rank[g] < q:
                scale = form.design.multiplier[form.free]
                scale = np.where(scale > 0, scale, 1.0)
                # argmin ‖scale·x‖ with Vt x = Vt b
                self.least[g] = Vt[kept], np.linalg.pinv(Vt[kept] / scale) / scale[:, None]
        self.K = np.zeros((G, q, max(1, self.rank.max())))                # as many columns as the highest rank
        for g in range(G):
            self.K[g, :, :self.rank[g]] = K[g]
        H = interruptibly(lambda: self.cross @ self.K, control, 2.0 * G * p * q * q)
        self.Ht = np.ascontiguousarray(H.transpose(0, 2, 1))          # (G, rank, p)
        self.H = self.Ht.transpose(0, 2, 1)
        self._designs = {}
        self.partly = np.array([directions is not None for directions in self.unfitted])
        self.c_free = c[:, form.free]
        self.u = (self.c_free[:, None] @ self.K[form.group])[:, 0]            # Kᵀ c_F

    def _directions(self, form, g, U, control, n_threads):
        """(n, k) u/√v and (p, k) Zᵀ√v u of unit vectors u, the columns of U (n, k)."""
        root = np.sqrt(form.V[:, g, None])
        if form.intercept:
            U = U - root * (root.T @ U)
        U = np.linalg.qr(U)[0]
        H = form.design.transposed_matvec(np.ascontiguousarray((root * U).T), U.shape[1], control, n_threads).T
        return np.divide(U, root, out=np.zeros_like(U), where=root > 0), H

    @property
    def degenerate(self):
        """(G,) whether the free features of a group are collinear."""
        return self.rank < len(self.free)

    def gradient(self, c):
        """c̃ of every problem."""
        return c - (self.u[:, None] @ self.Ht[self.group])[:, 0]             # a product for each: its bits are its own

    def explained(self):
        """(B,) ‖Kᵀc_F‖²: what the free features alone take off yy."""
        return (self.u**2).sum(axis=1)

    def project_gram(self, C, group):
        """C − H Hᵀ of one group."""
        H = self.H[group]
        return C - H @ H.T

    def design(self, group):
        """Hᵀ of one group as a design whose columns are contiguous: of two rows at least, or no stride says so."""
        if group not in self._designs:
            rank, p = self.Ht.shape[1:]
            rows = np.zeros((max(2, rank), p), order="F")
            rows[:rank] = self.Ht[group]
            self._designs[group] = Design(rows, np.zeros(p), np.ones(p))
        return self._designs[group]

    def coefficients(self, b, columns, problem):
        """b_F (L, q) of one problem, from the others' coefficients b (L, m) on ``columns``."""
        return self.solved((b @ self.cross[self.group[problem]][columns])[None], np.array([problem]))[0]

    def solved(self, products, problems):
        """b_F (k, L, q) of k problems, from C_FP b_P (k, L, q) of the others' coefficients."""
        g = self.group[problems]
        K = self.K[g]
        b = ((self.c_free[problems][:, None] - products) @ K) @ K.transpose(0, 2, 1)
        for group in np.unique(g[self.degenerate[g]]):
            b[g == group] = self.shortest(b[g == group], group)
        return b

    def shortest(self, b, group):
        """Of all coefficients (L, q) that fit as b does, those of least norm on the scale of X."""
        if self.least[group] is None:
            return b
        Vt, back = self.least[group]
        return (b @ Vt.T) @ back.T

    def off(self, A, group):
        """(n, m) columns A about their means less what lies along the free features: the same numbers without their sum."""
        Z, V = self.Z - self.shift[group], self.V[:, group, None]
        out = A - Z @ (self.K[group] @ (self.K[group].T @ (Z.T @ (V * A))))
        if self.unfitted[group] is not None:
            U = self.unfitted[group][0]
            out -= U @ (U.T @ (V * out))
        return out

    def subtract_fitted(self, R, b, problems, lengths, n_threads):
        """R (k, L, n) −= (Z_F − d_F) b of k problems, b (k, L, q)."""
        k, q = len(problems), len(self.free)
        each = np.tile(np.arange(q), k)
        R += b @ self.shift[self.group[problems]][:, :, None]
        subtract_fits(self.Z.T[None], np.zeros(k, np.intp), q * np.arange(k + 1), each, each, np.ascontiguousarray(b), lengths, R,
                      n_threads)

    def take_off(self, W, T, y, problems, lengths, n_threads):
        """Make dual points of k problems' weighted residuals V r, W (k, L, n); gradients T (k, L, p), if given, are changed.

        What they have along the free features comes off. Besides the basis that is fitted these are the directions of nearly
        collinear features that the solution of least norm leaves alone: y (k, n) may lie along them, so they count in the gap.

        Returns
        -------
        square (k, L), product (k, L)
            What comes off Σ v r² and Σ v r y.
        """
        g, rank = self.group[problems], self.K.shape[2]
        along = W @ self.Z
        along -= W.sum(axis=2)[:, :, None] * self.shift[g][:, None]
        along = along @ self.K[g]
        each = np.tile(np.arange(rank), len(g))
        if T is not None:
            subtract_fits(self.Ht, g, rank * np.arange(len(g) + 1), each, each, along, lengths, T, n_threads)
        square, product = (along**2).sum(axis=2), (along @ self.u[problems][:, :, None])[:, :, 0]
        for group in np.unique(g[self.partly[g]]):
            here = g == group
            U, H = self.unfitted[group]
            along = W[here] @ U
            if T is not None:
                T[here] -= along @ H.T
            square[here] += (along**2).sum(axis=2)
            product[here] += np.einsum("klq,kq->kl", along, (self.V[:, group] * y[here]) @ U)
        return square, product
