"""Ridge penalties of a loss on more columns than rows, in as many coordinates as there are rows (row_space.py)."""

from dataclasses import replace

import numpy as np

from riata_engine.solvers.row_space import RowSpace


def serves(form, options):
    """Whether all problems are ridge, without bounds and free features, on more columns than rows."""
    n, p = form.shape
    used = ~form.barred
    open_ = np.isinf(form.lower[used]).all() and np.isinf(form.upper[used]).all()
    return p > n and len(form.f2) == 1 and not np.any(options.l1_ratio) and open_ and bool((form.f2[0, used] > 0).all())


def in_kernel(own, control, options):
    """(a LossForm on r ≤ n columns without names, the map from its coefficients (B, L, r) to those of z (B, L, p))."""
    form = own.form
    space = RowSpace(own.design, np.where(form.barred, np.inf, form.f2[0]), control)
    r = space.rank
    rotated = replace(
        form, design=space.design(r), origin=np.zeros(r), factor=np.ones(r), barred=np.zeros(r, bool), lower=np.full(r, -np.inf),
        upper=np.full(r, np.inf), free=np.empty(0, np.intp), shift=np.zeros((form.V.shape[1], r)),
        f1=np.full((1, r), np.sqrt(space.f2)), f2=np.full((1, r), space.f2), standardize=False, _variance=None)
    return replace(own, form=rotated, design=rotated.design), space.back
