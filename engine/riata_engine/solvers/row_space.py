"""Ridge penalties on more columns than rows: the same problem in as many coordinates as there are rows.

With penalty ½ Σ f_j b_j² the optimum is b = F⁻¹ Zᵀ u for some u (n,) (Kimeldorf and Wahba 1971), or (n, K) where a row has K
linear predictors. From the singular values Z F^−½ = B S Aᵀ the design B S (n, n) has the same linear predictors at coefficients
a = Aᵀ F^½ b of the same length ‖a‖² = Σ f_j b_j², and b = F^−½ A a = F⁻¹ Zᵀ B S⁻¹ a.

The duality gap is the same too. That of a ridge is D(η, r) + ½ l2 Σ f_j (b_j − g_j / (l2 f_j))², with D a function of linear
predictors and residuals alone and g = Zᵀr. In the coordinates F^½ b, both F^½ b and F^−½ g = A S Bᵀ r lie in the span of A, whose
columns are orthonormal: their difference is as long as its image under Aᵀ, and that is what the gap over the columns of B S has.

The triangle of Z F^−½ comes from Householder reflections, not from products Z F⁻¹ Zᵀ: those have lost singular values below √eps
of the largest, which a small penalty does not forget.
"""

import numpy as np

from riata_engine.cpu.design import Design
from riata_engine.solvers.interruptible import interruptibly

#: columns of X that are reduced at a time, at least
COLUMNS = 512
#: singular values below this many eps of the largest, times n, are rounding
RANK = 10


class RowSpace:
    """Columns B S in place of those of a design, in units in which they are of moderate size.

    Parameters
    ----------
    design : Design
        n rows, p columns z.
    f : (p,)
        Factors of the ridge penalty, one finite at least; infinite: left out.
    control : Control

    Attributes
    ----------
    columns : (n, n)
        Singular values descending, then zeros.
    rank : int
        How many are not zero.
    f2 : float
        Factor of the ridge penalty of each.

    Raises
    ------
    Stopped
    """

    def __init__(self, design, f, control):
        self.full, n = design, design.X.shape[0]
        self.used = np.flatnonzero(np.isfinite(f)).astype(np.intp)
        top = f[self.used].max()
        self.f = f / top
        self.control = control
        R = self._triangle()
        _, s, Bt = interruptibly(lambda: np.linalg.svd(R, full_matrices=False), control, 20.0 * n**3)
        eps, most = np.finfo(float).eps, s.max(initial=0.0)
        rounding = RANK * eps * n * most
        self.rank = int(np.count_nonzero(s > rounding))
        s, Bt = s[:self.rank, None], Bt[:self.rank]
        unit = np.exp2(np.round(np.log2(s[0, 0] / np.sqrt(n)))) if self.rank else 1.0
        self.f2 = top / unit**2
        self.columns, self._away = np.zeros((n, n), order="F"), np.zeros((n, n))
        self.columns[:, :self.rank] = (Bt * (s / unit)).T
        self._away[:self.rank] = Bt / (s * unit)
        large = s[:, 0] > np.sqrt(eps) * most
        self._again = Bt[large] / s[large]

    def _blocks(self):
        """(columns used, z of them divided by √f (n, m)), one block after another."""
        n = self.full.X.shape[0]
        width = max(COLUMNS, 2 * n)
        for first in range(0, len(self.used), width):
            part = self.used[first:first + width]
            Z = np.empty((n, len(part)), order="F")
            self.full.gather(part, Z)
            Z /= np.sqrt(self.f[part])
            yield part, Z

    def _triangle(self):
        """R (≤ n, n) with RᵀR = Z F⁻¹ Zᵀ, by reflections of some columns after another."""
        n = self.full.X.shape[0]
        R = np.empty((0, n))
        for _, Z in self._blocks():
            rows = np.vstack([R, Z.T])
            R = interruptibly(lambda rows=rows: np.linalg.qr(rows, mode="r"), self.control, 2.0 * n * rows.size)
        return R

    def design(self, width):
        """A Design of the first ``width`` columns."""
        return Design(self.columns[:, :width], np.zeros(width), np.ones(width), direct=True)

    def back(self, a):
        """Coefficients (B, k, p) of z from those (B, k, width) of the columns here; for each of the B in products of its own.

        Where singular values are far apart and the penalty is small, the sums Zᵀu cancel: what their rounding takes from the
        linear predictors is given back by a second sum, of a u that is smaller by as much. No stop ends this: what is solved is
        worth it.
        """
        u = a @ self._away[:a.shape[2]]
        b, missing = np.zeros((*a.shape[:2], len(self.f))), a @ self.columns[:, :a.shape[2]].T
        for part, Z in self._blocks():
            here = u @ Z
            missing -= here @ Z.T
            b[:, :, part] = here
        u = missing @ self._again.T @ self._again
        for part, Z in self._blocks():
            b[:, :, part] = (b[:, :, part] + u @ Z) / np.sqrt(self.f[part])
        return b
