"""Features without a penalty are profiled out, as the intercept is.

With K Kᵀ the pseudo-inverse of C_FF (K from the singular values of the free columns), the rest of the problem sees

    C̃ = C − H Hᵀ,   c̃ = c − H Kᵀc_F,   ỹỹ = yy − ‖Kᵀc_F‖²,   H = C_·F K,

and b_F = K Kᵀ (c_F − C_FP b_P) is the minimum-norm answer when free features are collinear (Frisch & Waugh 1933;
Lovell 1963).
"""

import numpy as np

#: singular values below this many eps of the largest, times the larger side, count as zero
RANK = 30
#: and of those, the ones above so many √n·eps of the columns' size are no rounding: y may lie along them (``taken_off``)
NOISE = 1
#: a column of z, of standard deviation one to two over all rows, counts as constant within a weight group below this
CONSTANT = 1e-13


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
        self.K = np.zeros((G, q, q))
        self.rank = np.zeros(G, int)
        self.unfitted = [None] * G                       # directions that are in the columns, and not in K
        self.least = [None] * G                          # takes a solution to the one of least norm, where there are many
        for g in range(G):
            # of the columns, not of their Gram matrix, whose eigenvalues are squares: half of the digits would be gone
            A = np.sqrt(form.V[:, g, None]) * (self.Z - self.shift[g])
            A[:, np.sqrt((A**2).sum(axis=0)) <= CONSTANT * np.maximum(1.0, np.abs(self.shift[g]))] = 0.0
            U, s, Vt = np.linalg.svd(A, full_matrices=False)
            kept = s > RANK * np.finfo(float).eps * max(n, q) * s.max(initial=1e-300)
            self.rank[g] = kept.sum()
            self.K[g, :, :self.rank[g]] = Vt[kept].T / s[kept]
            size = np.sqrt(q) * (s.max(initial=0.0) + np.abs(self.shift[g]).max(initial=0.0))
            real = ~kept & (s > NOISE * max(8.0, np.sqrt(n)) * np.finfo(float).eps * size)
            if real.any():
                self.unfitted[g] = self._directions(form, g, U[:, real], control, n_threads)
            if self.rank[g] < q:
                N = np.linalg.svd(Vt[kept], full_matrices=True)[2][self.rank[g]:].T if kept.any() else np.eye(q)
                scale = form.design.multiplier[form.free]
                self.least[g] = np.eye(q) - N @ np.linalg.pinv(scale[:, None] * N) * scale
        self.H = self.cross @ self.K                                     # (G, p, q)
        self.c_free = c[:, form.free]
        self.u = np.einsum("bfq,bf->bq", self.K[form.group], self.c_free)     # Kᵀ c_F

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
        return c - np.einsum("bpq,bq->bp", self.H[self.group], self.u) if len(c) else c

    def explained(self):
        """(B,) ‖Kᵀc_F‖²: what the free features alone take off yy."""
        return (self.u**2).sum(axis=1)

    def project_gram(self, C, group):
        """C − H Hᵀ of one group."""
        H = self.H[group]
        return C - H @ H.T

    def coefficients(self, b, columns, problem):
        """b_F (L, q) of one problem, from the others' coefficients b (L, m) on ``columns``."""
        g = self.group[problem]
        rhs = self.c_free[problem] - b @ self.cross[g][columns]
        return self.shortest((rhs @ self.K[g]) @ self.K[g].T, g)

    def shortest(self, b, group):
        """Of all coefficients (L, q) that fit as b does, those of least norm on the scale of X."""
        return b if self.least[group] is None else b @ self.least[group].T

    def fitted(self, b, columns, problem):
        """(n, L) (Z_F − d_F) b_F of one problem."""
        values = self.coefficients(b, columns, problem)
        return (self.Z - self.shift[self.group[problem]]) @ values.T

    def along(self, R, problem):
        """(L, q) coordinates of weighted residuals V r, R (n, L), along an orthonormal basis of the free features."""
        g = self.group[problem]
        return (R.T @ (self.Z - self.shift[g])) @ self.K[g]

    def off(self, A, group):
        """(n, m) columns A about their means less what lies along the free features: the same numbers without their sum."""
        Z, V = self.Z - self.shift[group], self.V[:, group, None]
        out = A - Z @ (self.K[group] @ (self.K[group].T @ (Z.T @ (V * A))))
        if self.unfitted[group] is not None:
            U = self.unfitted[group][0]
            out -= U @ (U.T @ (V * out))
        return out

    def taken_off(self, R, v, y, problem):
        """What makes weighted residuals V r, R (n, L), a dual point: coordinates along (L, k) that are to be zero there.

        Besides the basis that is fitted these are the directions of nearly collinear features that the solution of least norm
        leaves alone. y may lie along them, so that they count in the gap.

        Returns
        -------
        along (L, k), H (p, k), u (k,)
            The coordinates of R, and what one of them takes off Zᵀ V r and ⟨V r, y⟩.
        """
        g = self.group[problem]
        along, H, u = self.along(R, problem), self.H[g], self.u[problem]
        if self.unfitted[g] is None:
            return along, H, u
        U, more = self.unfitted[g]
        return np.hstack([along, R.T @ U]), np.hstack([H, more]), np.concatenate([u, U.T @ (v * y)])
