"""Features without a penalty are profiled out, as the intercept is.

With C_FF = K⁺K⁺ᵀ restricted to its range (K from an eigen-decomposition), the rest of the problem sees

    C̃ = C − H Hᵀ,   c̃ = c − H Kᵀc_F,   ỹỹ = yy − ‖Kᵀc_F‖²,   H = C_·F K,

and b_F = K Kᵀ (c_F − C_FP b_P) is the minimum-norm answer when free features are collinear (Frisch & Waugh 1933;
Lovell 1963).
"""

import numpy as np

#: eigenvalues below this share of the largest count as zero
RANK = 1e-12


class FreeFeatures:
    """The projection of each weight group on its free features.

    Parameters
    ----------
    cross : (G, p, q) array
        Zᵀ V Z_F of each group, centred.
    free : (q,) intp array
    c : (B, p), group : (B,)
        Zᵀ V y of each problem and its group.
    multiplier : (p,)
        z = x·multiplier: minimum norm is meant on the scale of X.
    Z : (n, q), shift : (G, p), optional
        The free columns and the means of z; ``fitted`` needs them.
    """

    def __init__(self, cross, free, c, group, multiplier, Z=None, shift=None):
        self.free, self.cross, self.group, self.Z, self.shift = free, cross, group, Z, shift
        q = len(free)
        self.K = np.zeros((cross.shape[0], q, q))
        self.rank = np.zeros(cross.shape[0], int)
        self.least = [None] * cross.shape[0]            # takes a solution to the one of least norm, where there are many
        for g, A in enumerate(cross):
            values, vectors = np.linalg.eigh(A[free])
            keep = values > RANK * max(values.max(initial=0.0), 1e-300)
            self.rank[g] = keep.sum()
            self.K[g][:, keep] = vectors[:, keep] / np.sqrt(values[keep])
            if not keep.all():
                N = vectors[:, ~keep]
                scale = multiplier[free]
                self.least[g] = np.eye(q) - N @ np.linalg.pinv(scale[:, None] * N) * scale
        self.H = cross @ self.K                                    # (G, p, q)
        self.c_free = c[:, free]
        self.u = np.einsum("bfq,bf->bq", self.K[group], self.c_free)   # Kᵀ c_F

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
        return (self.Z - self.shift[self.group[problem], self.free]) @ values.T
