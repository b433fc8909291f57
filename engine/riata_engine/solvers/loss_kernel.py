"""Ridge penalties of a loss on more columns than rows: the same problem in as many coordinates as there are rows.

With penalty ½ Σ f_j b_j² the optimum is b = F⁻¹ Zᵀ u for some u (n,) (Kimeldorf and Wahba 1971). From K = Z F⁻¹ Zᵀ = U Λ Uᵀ the
design U Λ^½ has the same linear predictors at coefficients a of the same length ½ ‖a‖² = ½ Σ f_j b_j², and b = F⁻¹ Zᵀ U Λ^−½ a.
"""

from dataclasses import replace

import numpy as np

from riata_engine.cpu.design import Design
from riata_engine.solvers.interruptible import interruptibly

#: columns of X that are multiplied at a time
COLUMNS = 512
#: eigenvalues below this many eps of the largest, times n, are rounding
RANK = 10


def serves(form, options):
    """Whether all problems are ridge, without bounds and free features, on more columns than rows."""
    n, p = form.shape
    used = ~form.barred
    open_ = np.isinf(form.lower[used]).all() and np.isinf(form.upper[used]).all()
    return p > n and len(form.f2) == 1 and not np.any(options.l1_ratio) and open_ and bool((form.f2[0, used] > 0).all())


def in_kernel(own, control, options):
    """(a LossForm on r ≤ n columns without names, the map from its coefficients (k, r) to those of z (k, p))."""
    form, n = own.form, own.form.shape[0]
    used = np.flatnonzero(~form.barred).astype(np.intp)
    f = form.f2[0, used]
    K = np.zeros((n, n))
    for first in range(0, len(used), COLUMNS):
        part = used[first:first + COLUMNS]
        Z = np.empty((n, len(part)), order="F")
        own.design.gather(part, Z)
        Z /= np.sqrt(f[first:first + COLUMNS])
        K += interruptibly(lambda Z=Z: Z @ Z.T, control, 2.0 * n * Z.size)
    value, U = interruptibly(lambda: np.linalg.eigh(K), control, 25.0 * n**3)
    kept = value > RANK * np.finfo(float).eps * n * value.max(initial=1e-300)
    root, U = np.sqrt(value[kept]), U[:, kept]
    r = len(root)
    rotated = replace(
        form, design=Design(np.asfortranarray(U * root), np.zeros(r), np.ones(r)), origin=np.zeros(r), factor=np.ones(r),
        barred=np.zeros(r, bool), lower=np.full(r, -np.inf), upper=np.full(r, np.inf), free=np.empty(0, np.intp),
        shift=np.zeros((form.V.shape[1], r)), f1=np.ones((1, r)), f2=np.ones((1, r)), standardize=False, _variance=None)

    def back(a):
        rows = np.ascontiguousarray((a / root) @ U.T)
        b = own.design.transposed_matvec(rows, 8, control, options.n_threads)
        out = np.zeros_like(b)
        out[:, used] = b[:, used] / f
        return out

    return replace(own, form=rotated, design=rotated.design), back
