"""Paths in Gram space: one Gram matrix a weight group, every problem's whole path in one compiled call.

The solver of tall data (n ≥ p, or small p): after one pass over X nothing depends on n any more.
"""

import numpy as np

from riata_engine.cpu.certificate import rounding
from riata_engine.cpu.gram_path import gram_path
from riata_engine.solvers.certificate import certify_by_residual
from riata_engine.solvers.path_store import CONVERGED, MAX_ITER
from riata_engine.solvers.statistics import group_statistics, inflation


def solve_gram(form, alphas, options, store, control, clock):
    """Fill ``store`` with the paths of all problems of ``form``; see ``riata_engine.batch`` for the arguments."""
    with clock("gram"):
        statistics = group_statistics(form, control, options.n_threads)
        store.n_passes += 1
    if control.stopped:
        return
    B, L = alphas.shape
    p = form.shape[1]
    c = statistics.c[form.group, :, form.target]
    C, yy, free = statistics.C, form.yy[form.group, form.target], None
    if len(form.free):
        free = form.free_features(control, options.n_threads)
        c = free.gradient(c)
        whole, C = C, np.stack([free.project_gram(C[g], g) for g in range(len(C))])
        for g in np.unique(form.group):
            statistics.size[g] *= inflation(np.abs(np.diagonal(C[g])), np.diagonal(whole[g]))
        yy = np.maximum(yy - free.explained(), 0.0)
    c = np.ascontiguousarray(c)
    l1, l2 = options.penalties(form, alphas)
    null = form.null()
    bound_scale = 1.0 / form.sigma[form.target]
    none = np.empty(0, np.intp)
    chunk = max(1, int(options.max_memory // (8 * L * p))) if store.kind != "dense" else B
    for at in range(0, B, chunk):
        size = min(B, at + chunk) - at
        part = slice(at, at + size)
        b = store.coef[part] if store.kind == "dense" else np.zeros((size, L, p))
        newtons, length = np.zeros((size, L), np.int32), np.zeros((size, L))
        lengths, tol = np.empty(size, np.intp), np.empty(size)
        lengths.fill(L)
        tol.fill(options.tol)
        with clock("descent"):
            gram_path(C, form.group[part], c[part], yy[part], null[part], form.f1, form.f2, form.lower, form.upper,
                      bound_scale[part], l1[part], l2[part], lengths, none, none,
                      np.zeros((size, p)), l1[part, 0].copy(), p, tol, options.max_epochs,
                      options.stop_dev_ratio, options.stop_dev_change, options.by_kkt, control, options.n_threads, b,
                      store.gap[part], store.residual[part], length, store.status[part], store.n_epochs[part], newtons,
                      side_by_side=True)
        store.n_cholesky[part] += newtons
        with clock("certificate"):
            doubt = rounding(length, statistics.size, form.group[part], null[part])
            if free is not None:                 # what C does not know of
                doubt[[free.unfitted[g] is not None for g in form.group[part]]] = np.inf
            for k in np.flatnonzero(doubt > 0.05 * options.tol) if doubt.max() > 0.05 * options.tol else ():
                problem = at + k
                if not control.stopped and certify_by_residual(form, problem, b[k], C[form.group[problem]], alphas, options,
                                                               store, control, free):
                    continue
                # no time to look: the gap and what rounding may add to it is a certificate too
                store.gap[problem] += doubt[k]
                late = (store.status[problem] == CONVERGED) & (store.gap[problem] > options.tol)
                store.status[problem, late] = MAX_ITER
        if statistics.held_C is not None:
            with clock("deviance"):
                _held_out_deviance(form, statistics, np.arange(at, at + size), b, free, store)
        free_b = None
        if free is not None:
            free_b = np.stack([free.coefficients(b[k], slice(None), problem) for k, problem in enumerate(range(at, at + size))])
        store.put_many(part, b, free_b)
    if not options.bounded:
        _ridge_df(form, C, l2, options, store)
    if free is not None:
        store.flag_degenerate(free.degenerate)


def _ridge_df(form, C, l2, options, store):
    """Degrees of freedom where l1_ratio = 0: the trace of the hat matrix, Σ λ / (λ + l2) over the eigenvalues of F^−½ C F^−½.

    Hastie, Tibshirani & Friedman (2009), The Elements of Statistical Learning, eq. 3.50.
    """
    if options.l1_ratio.all():
        return
    for g in np.unique(form.group[options.l1_ratio == 0]):
        members = np.flatnonzero((form.group == g) & (options.l1_ratio == 0))
        f2 = form.f2[g if len(form.f2) > 1 else 0]
        used = np.flatnonzero(f2 > 0)
        root = np.sqrt(f2[used])
        values = np.maximum(np.linalg.eigvalsh(C[g][np.ix_(used, used)] / np.outer(root, root)), 0.0)
        solved = store.status[members] <= MAX_ITER
        df = (values / (values + l2[members][:, :, None])).sum(axis=2) + len(form.free) + form.intercept
        store.df[members] = np.where(solved, df, np.nan)


def _held_out_deviance(form, statistics, these, b, free, store):
    """Mean squared error on the held-out rows of each group, from their sufficient statistics about the training means."""
    for g in np.unique(form.group[these]):
        rows = form.held_out[g]
        if not len(rows):
            continue
        members = np.flatnonzero(form.group[these] == g)
        coef = b[members]
        if free is not None:
            coef = coef.copy()
            coef[:, :, form.free] = np.stack([free.coefficients(b[k], slice(None), these[k]) for k in members])
        flat = coef.reshape(-1, coef.shape[-1])
        t = form.target[these[members]]
        quadratic = ((flat @ statistics.held_C[g]) * flat).sum(axis=1).reshape(coef.shape[:2])
        cross = np.einsum("klp,pk->kl", coef, statistics.held_c[g][:, t])
        store.held_out[these[members]] = np.maximum(statistics.held_yy[g, t][:, None] - 2 * cross + quadratic, 0.0)
