"""Paths by coordinate descent on the residual: sparse X, and supports too large for a Gram matrix."""

from dataclasses import replace

import numpy as np

from riata_engine.cpu.design import Design
from riata_engine.cpu.residual_path import residual_path
from riata_engine.solvers.certificate import REFINEMENTS, TIGHTER, certify_path, path_rows, residuals
from riata_engine.solvers.half_free import HalfFree
from riata_engine.solvers.path_store import MAX_ITER, PathStore


def columns_contiguous(form):
    """The design with contiguous columns: X itself, or its one transposed copy where rows are contiguous."""
    X = form.design.X
    if not isinstance(X, np.ndarray) or X.strides[0] == X.itemsize:
        return form.design
    return Design(np.asfortranarray(X), form.design.center, form.design.multiplier, form.design.direct)


def solve_residual(form, alphas, options, store, control, clock):
    """Fill ``store`` with the paths of all problems of ``form``; see ``riata_engine.batch`` for the arguments."""
    free = form.free_features(control, options.n_threads) if len(form.free) else None
    paths = residual_paths(form, alphas, options, store, control, clock, free)
    g = form.group
    if options.by_kkt:
        with clock("certificate"):
            _certify_half_free(form, paths, alphas, options, store, control, clock, free)
    elif free is not None:
        for problem in np.flatnonzero(free.degenerate[g]):
            if free.unfitted[g[problem]] is not None:
                certify_path(form, problem, paths[problem], alphas, options, store, control, free)
    if free is not None:
        store.flag_degenerate(free.degenerate)
    store.put_paths(paths)


def residual_paths(form, alphas, options, store, control, clock, free=None):
    """The paths as ``PathStore.put_paths`` takes them, with all else in ``store``."""
    with clock("variances"):
        design = columns_contiguous(form)
        h = form.variance(control, options.n_threads)
        with np.errstate(divide="ignore", invalid="ignore"):
            raw = np.where(form.design.multiplier > 0, form.shift / form.design.multiplier, 0.0)
        mean = np.ascontiguousarray(raw + form.design.center)
    q = 0 if free is None else len(free.free)
    K = np.zeros((form.V.shape[1], q, q))                # square, for the kernel
    if free is not None:
        K[:, :, :free.K.shape[2]] = free.K
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
            control, options.n_threads, store.gap, store.residual, store.held_out, store.status, store.n_epochs)
    store.n_passes += passes
    if free is not None:
        for problem in np.flatnonzero(free.degenerate[g]):
            _shorten(free, g[problem], *paths[problem][1:])
            if holding and len(rows[g[problem]]):           # collinear on the rows of the fit, perhaps not on these
                here, w = rows[g[problem]], form.held_out_weight[rows[g[problem]]]
                R = residuals(form, problem, path_rows(paths[problem], form.shape[1]), None)
                store.held_out[problem] = np.where(store.status[problem] <= MAX_ITER, (w @ R[here] ** 2) / w.sum(), np.nan)
    return paths


def _certify_half_free(form, paths, alphas, options, store, control, clock, free):
    """The gaps of all problems, by dual points; what they do not show to be solved is solved again, to less and less."""
    half_free = HalfFree(form, free, options, store, control)
    wanting = np.arange(form.n_problems)
    for problem in wanting:
        certify_path(form, problem, paths[problem], alphas, options, store, control, free, half_free)
    for attempt in range(REFINEMENTS):
        left = (store.status[wanting] == MAX_ITER) & (store.n_epochs[wanting] < options.max_epochs)
        wanting = wanting[left.any(axis=1)]
        if not len(wanting) or control.stopped:
            return
        some = replace(form, target=form.target[wanting], group=form.group[wanting])
        less = replace(options, l1_ratio=options.l1_ratio[wanting], tol=options.tol * TIGHTER ** (attempt + 1))
        again = PathStore(some, alphas.shape[1], "none")
        again.n_epochs[:] = store.n_epochs[wanting]
        found = residual_paths(some, alphas[wanting], less, again, control, clock, free)
        if control.stopped:                      # the first answers stand, with their gaps
            return
        store.n_passes += again.n_passes
        store.n_epochs[wanting] = again.n_epochs
        for i, problem in enumerate(wanting):
            before = {name: getattr(store, name)[problem].copy() for name in ("gap", "residual", "held_out", "status")}
            for name in before:
                getattr(store, name)[problem] = getattr(again, name)[i]
            certify_path(form, problem, found[i], alphas, options, store, control, free, half_free)
            better = (store.status[problem] <= MAX_ITER) & (store.gap[problem] < before["gap"])     # if there was time to look
            for name, old in before.items():
                getattr(store, name)[problem, ~better] = old[~better]
            paths[problem] = _chosen(better, found[i], paths[problem])


def _chosen(first, one, other):
    """The path (index, value, ends) with the alphas ``first`` (L,) of ``one``, and the rest of ``other``."""
    slices = [(path, slice(begin, end)) for l, taken in enumerate(first) for path in [one if taken else other]
              for begin, end in [(path[2][l - 1] if l else 0, path[2][l])]]
    index, value = (np.concatenate([path[k][part] for path, part in slices]) for k in range(2))
    return index, value, np.cumsum([part.stop - part.start for _, part in slices]).astype(np.intp)


def _shorten(free, group, value, ends):
    """Minimum-norm coefficients of collinear free features, which stand last in the row of every alpha."""
    q = len(free.free)
    for end in np.unique(ends[ends > 0]):
        value[end - q:end] = free.shortest(value[None, end - q:end], group)[0]
