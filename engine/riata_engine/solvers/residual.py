"""Paths by coordinate descent on the residual: sparse X, and supports too large for a Gram matrix."""

import numpy as np

from riata_engine.cpu.design import Design
from riata_engine.cpu.residual_path import residual_path
from riata_engine.solvers.certificate import certify_unfitted


def columns_contiguous(form):
    """The design with contiguous columns: X itself, or its one transposed copy where rows are contiguous."""
    X = form.design.X
    if not isinstance(X, np.ndarray) or X.strides[0] == X.itemsize:
        return form.design
    return Design(np.asfortranarray(X), form.design.center, form.design.multiplier, form.design.direct)


def solve_residual(form, alphas, options, store, control, clock):
    """Fill ``store`` with the paths of all problems of ``form``; see ``riata_engine.batch`` for the arguments."""
    with clock("variances"):
        design = columns_contiguous(form)
        h = form.variance(control, options.n_threads)
        with np.errstate(divide="ignore", invalid="ignore"):
            raw = np.where(form.design.multiplier > 0, form.shift / form.design.multiplier, 0.0)
        mean = np.ascontiguousarray(raw + form.design.center)
    free = form.free_features(control, options.n_threads) if len(form.free) else None
    K = np.zeros((form.V.shape[1], 0, 0)) if free is None else free.K
    rows = form.held_out or []
    holding = form.held_out is not None
    pointer = np.cumsum([0] + [len(r) for r in rows]) if holding else np.zeros(form.V.shape[1] + 1, np.intp)
    held = np.concatenate([*rows, [0]]).astype(np.intp) if holding else np.zeros(1, np.intp)
    g, t = form.group, form.target
    y = np.ascontiguousarray((form.Y[:, t] - form.ybar[g, t]).T)
    l1, l2 = options.penalties(form, alphas)
    with clock("descent"):
        paths, passes = residual_path(
            design, np.ascontiguousarray(form.V.T), mean, h, g, y, form.null(), form.f1, form.f2, form.lower, form.upper,
            1.0 / form.sigma[t], l1, l2, options.tol, options.max_epochs, options.stop_dev_ratio, options.stop_dev_change,
            options.by_kkt, form.intercept, form.free.astype(np.intp), K, pointer.astype(np.intp), held, form.held_out_weight,
            control, options.n_threads,
            store.gap, store.residual, store.held_out, store.status, store.n_epochs)
    store.n_passes += passes
    if free is not None:
        for problem in np.flatnonzero(free.degenerate[g]):
            _shorten(free, g[problem], *paths[problem][1:])
            if free.unfitted[g[problem]] is not None:
                certify_unfitted(form, problem, paths[problem], alphas, options, store, control, free)
        store.flag_degenerate(free.degenerate)
    store.put_paths(paths)


def _shorten(free, group, value, ends):
    """Minimum-norm coefficients of collinear free features, which stand last in the row of every alpha."""
    q = len(free.free)
    for end in np.unique(ends[ends > 0]):
        value[end - q:end] = free.shortest(value[None, end - q:end], group)[0]
