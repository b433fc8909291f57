"""Paths in Gram space: one Gram matrix a weight group, every problem's whole path in one compiled call.

The solver of tall data (n ≥ p, or small p): after one pass over X nothing depends on n any more.
"""

import numpy as np

from riata_engine.cpu.certificate import rounding
from riata_engine.cpu.control import Stopped
from riata_engine.cpu.group_sums import held_out_errors
from riata_engine.solvers.certificate import certify_by_residual
from riata_engine.solvers.gram_paths import GramAnswers, solve_gram_paths
from riata_engine.solvers.half_free import HalfFree
from riata_engine.solvers.interruptible import interruptibly
from riata_engine.solvers.path_store import CONVERGED, MAX_ITER, SKIPPED
from riata_engine.solvers.statistics import group_statistics, inflation

#: share of tol that the rounding of the statistics may take of a gap that they alone have shown
DOUBTFUL = 0.05
#: √ of the share of a variance that its subtraction has left (see ``inflation``), inverted, from where gaps come from residuals
INFLATED = 100.0


def solve_gram(form, alphas, options, store, control, clock):
    """Fill ``store`` with the paths of all problems of ``form``; see ``riata_engine.batch`` for the arguments."""
    with clock("gram"):
        statistics = group_statistics(form, control, options.n_threads)
        store.n_passes += 1
    if control.stopped:
        return
    B, L = alphas.shape
    p = form.shape[1]
    group, target, null = form.group, form.target, form.null()
    c = statistics.c[group, :, target]
    C, yy, free = statistics.C, 2 * null, None
    if len(form.free):
        free = form.free_features(control, options.n_threads)
        c = free.gradient(c)
        whole, C = C, interruptibly(lambda C=C: np.stack([free.project_gram(C[g], g) for g in range(len(C))]), control,
                                    2.0 * C.size * len(form.free))
        for g in np.unique(group):
            statistics.size[g] *= inflation(np.abs(np.diagonal(C[g])), np.diagonal(whole[g]), 1e-26)
        yy = np.maximum(yy - free.explained(), 0.0)
    half_free = HalfFree(form, free, options, store, control) if options.by_kkt else None
    c = np.ascontiguousarray(c)
    l1, l2 = options.penalties(form, alphas)
    bound_scale = 1.0 / store.sigma
    chunk = max(1, int(options.max_memory // (8 * L * p))) if store.kind != "dense" else B
    for at in range(0, B, chunk):
        size = min(B, at + chunk) - at
        part = slice(at, at + size)
        b = store.coef[part] if store.kind == "dense" else np.zeros((size, L, p))
        length = np.zeros((size, L))
        answers = GramAnswers(b, store.gap[part], store.residual[part], length, store.status[part], store.n_epochs[part],
                              store.n_cholesky[part])
        with clock("descent"):
            solve_gram_paths(C, group[part], c[part], yy[part], null[part], (form.f1, form.f2), (form.lower, form.upper),
                             bound_scale[part], l1[part], l2[part], options, control, answers,
                             stop=(options.stop_dev_ratio, options.stop_dev_change), counting=True, few=True)
        with clock("certificate"):
            doubt = rounding(length, statistics.size, group[part], null[part])
            # where sums have lost digits the bound is a guess: the residual has the word
            doubt = np.where(statistics.size[group[part]] > INFLATED, np.maximum(doubt, options.tol), doubt)
            if free is not None:                 # what C does not know of
                doubt[[free.unfitted[g] is not None for g in group[part]]] = np.inf
            if half_free is not None:
                doubt[:] = np.inf
            for k in np.flatnonzero(doubt > DOUBTFUL * options.tol) if doubt.max() > DOUBTFUL * options.tol else ():
                problem = at + k
                if not control.stopped and certify_by_residual(form, problem, b[k], C[group[problem]], alphas, options,
                                                               store, control, free, half_free):
                    continue
                # no time to look: the gap and what rounding may add to it is a certificate too, if that is bounded
                store.gap[problem] += doubt[k]
                late = (store.status[problem] == CONVERGED) & (store.gap[problem] > options.tol)
                store.status[problem, late] = MAX_ITER if np.isfinite(doubt[k]) else SKIPPED
        if free is not None:
            free_b = np.stack([free.coefficients(b[k], slice(None), at + k) for k in range(size)])
            solved = store.status[part] <= MAX_ITER
            b[:, :, form.free] = np.where(solved[:, :, None], free_b, 0.0)
        if statistics.held_C is not None:
            with clock("deviance"):
                looked = held_out_errors(b, statistics.held_C, statistics.held_c, statistics.held_yy, group[part], target[part],
                                         store.held_out[part], control, options.n_threads)
                store.status[at + np.flatnonzero(~looked)] = SKIPPED               # there was no time to look
        store.put_many(part, b)
    if not options.bounded:
        _ridge_df(form, C, l2, free, options, store, control)
    if free is not None:
        store.flag_degenerate(free.degenerate)


def _ridge_df(form, C, l2, free, options, store, control):
    """Degrees of freedom where l1_ratio = 0: the trace of the hat matrix, Σ λ / (λ + l2) over the eigenvalues of F^−½ C F^−½.

    Hastie, Tibshirani & Friedman (2009), The Elements of Statistical Learning, eq. 3.50.
    """
    if not options.some_ridge:
        return
    for g in np.unique(form.group[options.l1_ratio == 0]):
        members = np.flatnonzero((form.group == g) & (options.l1_ratio == 0))
        f2 = form.f2[form.factor_row[g]]
        used = np.flatnonzero(f2 > 0)
        root = np.sqrt(f2[used])
        try:
            values = interruptibly(lambda S=C[g], used=used, root=root: np.linalg.eigvalsh(
                S[np.ix_(used, used)] / np.outer(root, root)), control, 1.4 * len(used)**3)
        except Stopped:
            store.df[members] = np.nan
            continue
        values = np.maximum(values, 0.0)
        solved = store.status[members] <= MAX_ITER
        df = (values / (values + l2[members][:, :, None])).sum(axis=2) + form.intercept
        if free is not None:
            df += free.rank[g]
        store.df[members] = np.where(solved, df, np.nan)
