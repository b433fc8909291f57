"""Residuals of ridge fits without the rows of a fold, for many folds, from the spectrum of the fit on all rows.

In the rows of positive weight, scaled by v^(1/2), the residual operator of a fit on all rows is I - H = B + Q g Q' with a
diagonal g that alone depends on alpha: in the Gram form Q = V^(1/2) Z W, g = -1 / (eigenvalue + alpha) and
B = I - v^(1/2) v^(1/2)' (without intercept I), in the kernel form Q = U, g = alpha / (eigenvalue + alpha) and B = 0.
Without a fold F the residuals on F solve

    (I - H)_FF e_F = ((I - H) V^(1/2) y)_F.
"""

import numpy as np

#: folds of a stack differ by this factor in size at most: they are filled up to the largest
SIMILAR = 1.25
#: numbers that a stack holds
HELD = 1 << 22


def held_out_residuals(form, alphas, Yc, folds):
    """
    Parameters
    ----------
    form : GramForm or KernelForm
        Without free columns.
    alphas : (K, L)
        Above 0, for each fold its own.
    Yc : (n,)
        The centred target.
    folds : list of K integer arrays
        Rows of positive weight.

    Returns
    -------
    list of K arrays (L, f)
    """
    design = form.design
    rows = np.arange(design.n) if design.rows is None else design.rows
    position = np.full(design.n, -1, np.intp)
    position[rows] = np.arange(len(rows))
    root = np.sqrt(design.v[rows])
    gram = hasattr(form, "M")
    if gram:
        Q = np.empty((design.n, form.M.shape[1]))
        for some, block in design.row_blocks():
            np.matmul(block, form.M, out=Q[some])
        Q = Q[rows] * root[:, None]
    else:
        Q = form.spectrum.vectors
    y = Yc[rows] * root
    along = Q.T @ y
    out = [None] * len(folds)
    for some in _stacks([len(fold) for fold in folds], alphas.shape[1], Q.shape[1]):
        at, used = _filled([position[folds[k]] for k in some])
        part = Q[at] * used[:, :, None]
        shrunk = form.spectrum.filters(alphas[some])                             # (k, L, r)
        if not gram:
            shrunk *= alphas[some][:, :, None]
        residual = np.matmul(shrunk * along, part.transpose(0, 2, 1))            # (k, L, f)
        if gram:
            residual = y[at][:, None] * used[:, None] - residual
            np.negative(shrunk, out=shrunk)
        edge = (root[at] * used)[:, :, None] if gram and design.intercept else np.zeros((*used.shape, 1))
        held = _solved(part, shrunk, edge, gram, used, residual) / np.where(used, root[at], 1.0)[:, None]
        for k, fit, f in zip(some, held, used.sum(axis=1), strict=True):
            out[k] = fit[:, :f]
    return out


def _solved(part, shrunk, edge, gram, used, residual):
    """(B + part g part')^-1 residual for a stack of folds (k, f) and each of L alphas."""
    f = part.shape[1]
    if f == 1:
        left = np.matmul(shrunk, (part * part).transpose(0, 2, 1))[:, :, 0]
        left += (1.0 - edge[:, 0] ** 2) if gram else 0.0
        return residual / left[:, :, None]
    base = np.eye(f) * ~used[:, None]
    if gram:
        base = np.eye(f) - np.matmul(edge, edge.transpose(0, 2, 1))
    held = np.empty_like(residual)
    for l in range(shrunk.shape[1]):
        A = base + np.matmul(part * shrunk[:, l, None], part.transpose(0, 2, 1))
        held[:, l] = np.linalg.solve(A, residual[:, l, :, None])[:, :, 0]
    return held


def _stacks(sizes, L, r):
    """Index arrays of folds of similar size, few enough to be held."""
    sizes = np.asarray(sizes, np.intp)
    order = np.argsort(sizes, kind="stable")[np.count_nonzero(sizes == 0):]
    start = 0
    while start < len(order):
        stop = int(np.searchsorted(sizes[order], sizes[order[start]] * SIMILAR, side="right"))
        f = sizes[order[stop - 1]]
        stop = min(stop, start + max(1, HELD // int(max(L * r, f * r, f * f, 1))))
        yield order[start:stop]
        start = stop


def _filled(lists):
    """Index lists as one array (k, f), filled with 0, and which entries count."""
    used = np.arange(max(map(len, lists))) < np.array([len(rows) for rows in lists])[:, None]
    at = np.zeros(used.shape, np.intp)
    at[used] = np.concatenate(lists)
    return at, used
