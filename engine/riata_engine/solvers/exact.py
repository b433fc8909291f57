"""Paths with a closed form: ridge from one eigen-decomposition, least squares at alpha = 0."""

from contextlib import suppress

import numpy as np

from riata_engine.cpu.control import Stopped
from riata_engine.formulas.early_stop import path_is_done
from riata_engine.solvers.choice import KERNEL, SMALL
from riata_engine.solvers.interruptible import interruptibly
from riata_engine.solvers.least_squares import least_squares
from riata_engine.solvers.path_store import CONVERGED, DEGENERATE, MAX_ITER, SKIPPED
from riata_engine.solvers.ridge import RidgeDecomposition
from riata_engine.solvers.row_products import weighted_square

#: bytes of working arrays, and operations, that the targets solved between two looks at the clock and at Ctrl-C take
CHUNK, WORK = 2**26, 3e9


def solve_kernel(form, alphas, options, store, control, clock):
    """Ridge (l1_ratio = 0, no bounds) for any alphas > 0: the n × n kernel, or the p × p Gram matrix where that is smaller.

    All targets of a weight group share one decomposition; each has products of its own, so that its bits are those of the
    problem alone.
    """
    n, p = form.shape
    for group in np.unique(form.group):
        with clock("matrix"):
            ridge = _decomposition(form, group, control)
            store.n_passes += 1
            # a Gram matrix sees no further than √eps: where it took free features for collinear there is no dual point but zero
            lost = ridge.free_degenerate and ridge.free_rank < form.free_features(control, options.n_threads).rank[group]
            degenerate = ridge.free_degenerate and not lost
        for problems in problems_at_once(form, group, alphas.shape[1], options):
            if control.check():
                return
            with clock("solutions"):
                Y, grid = form.Y[:, form.target[problems]], alphas[problems]
                if (grid == grid[0]).all():
                    grid = grid[:1]
                coef, residuals, gap = interruptibly(lambda ridge=ridge, Y=Y, grid=grid, lost=lost: _ridge(ridge, Y, grid, lost),
                                                     control, 12.0 * n * p * alphas.shape[1] * len(problems))
                _keep(form, store, group, problems, coef, residuals, gap, options, degenerate)
                store.df[problems] = ridge.effective_df(grid) + form.intercept
            control.done += gap.size


def _decomposition(form, group, control):
    """The eigen-decomposition of the ridge problems of a weight group."""
    (n, p), least = form.shape, min(form.shape)
    scale = None if form.spread is None else _raw_scale(form, group)
    factor = np.where(form.barred, np.inf, form.factor)
    if scale is not None and not form.intercept:       # a column without spread has a standardised penalty of zero
        factor = np.where((scale == 0) & ~form.barred, 0.0, factor)
        scale = np.where(factor == 0, 1.0, scale)
    ridge = interruptibly(
        lambda: RidgeDecomposition(form.design.X, form.V[:, group], form.intercept, factor, scale, True, control), control,
        2.0 * n * p * least + 10.0 * least * len(form.free)**2)
    interruptibly(lambda: ridge.rank, control, 9.0 * least**3)         # takes its eigenvectors
    return ridge


def ridge_df(form, alphas, options, store, control, clock):
    """Degrees of freedom of ridge that was solved without its spectrum: the trace of the hat matrix, and the intercept.

    NaN where the spectrum does not fit ``max_memory``, or the call was stopped before it was known.

    References
    ----------
    Hastie, Tibshirani & Friedman (2009), The Elements of Statistical Learning, eq. 3.50.
    """
    ridge = options.l1_ratio == 0
    store.df[ridge] = np.nan
    least = min(form.shape)
    if KERNEL * least * least > SMALL and KERNEL * least * least > options.max_memory:
        return
    for group in np.unique(form.group[ridge]):
        if control.stopped:
            return
        problems = np.flatnonzero(ridge & (form.group == group))
        with clock("degrees of freedom"), suppress(Stopped):
            store.df[problems] = _decomposition(form, group, control).effective_df(alphas[problems]) + form.intercept
            store.n_passes += 1


def _ridge(ridge, Y, alphas, lost):
    """Coefficients (k, L, p), residuals (k, L, n) and gaps (k, L) of ridge; lost: there is no dual point but zero."""
    coef, intercept = ridge.coefficients(alphas, Y)
    residuals = ridge.residuals(Y, coef)
    return coef, residuals, (ridge.objective if lost else ridge.duality_gap)(alphas, Y, coef, intercept, residuals)


def solve_least_squares(form, alphas, options, store, control, clock, ended=None):
    """alpha = 0 without bounds: of all minimisers the one of least norm, flagged ``degenerate`` where there are many.

    Problems that are marked in ``ended`` (B,) are left out: their paths stopped before.
    """
    kept, L, (n, p) = np.flatnonzero(~form.barred), alphas.shape[1], form.shape
    for group in np.unique(form.group):
        for problems in problems_at_once(form, group, L, options, ended):
            if control.check():
                return
            with clock("triangle"):
                fit = interruptibly(
                    lambda Y=form.Y[:, form.target[problems]], v=form.V[:, group]: least_squares(
                        form.design.X, Y, v, form.intercept, None if len(kept) == p else kept, control),
                    control, 4.0 * n * p * min(n, p) + 20.0 * min(n, p)**3 + 12.0 * n * p * len(problems))
                store.n_passes += 1
            coef, residuals, gap = (np.repeat(found[:, None], L, axis=1) for found in (fit.coef, fit.residuals, fit.gap))
            _keep(form, store, group, problems, coef, residuals, gap, options, fit.degenerate)
            store.df[problems[options.l1_ratio[problems] == 0]] = fit.rank + form.intercept       # a trace there too
            control.done += gap.size


def problems_at_once(form, group, L, options, ended=None):
    """The problems of a weight group that have not ``ended``, as many at a time as keep working arrays small."""
    n, p = form.shape
    members = np.flatnonzero(form.group == group if ended is None else (form.group == group) & ~ended)
    size = min(CHUNK, options.max_memory) / (8 * L * (8 * p + 4 * n))                # refinement included
    step = max(1, int(min(size, WORK / (6.0 * n * p * L))))
    return (members[first:first + step] for first in range(0, len(members), step))


def _raw_scale(form, group):
    """Standard deviations of the columns of X in one weight group; 1 where there is no penalty to scale."""
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = np.where(form.design.multiplier > 0, form.spread[group] / form.design.multiplier, 0.0)
    return np.where(form.factor == 0, 1.0, scale)


def _behind_a_stop(square, null, options):
    """(k, L) which alphas lie behind an early stop of their path, from Σ v r² (k, L): all were solved at once."""
    behind = np.zeros(square.shape, bool)
    if np.isinf(options.stop_dev_ratio) and options.stop_dev_change < 0:
        return behind
    is_done = np.vectorize(path_is_done, otypes=[bool])
    dev = before = np.zeros(len(square))
    for l in range(square.shape[1] - 1):
        before, dev = dev, 1 - np.divide(square[:, l], null, out=np.ones(len(null)), where=null > 0)
        behind[:, l + 1] = behind[:, l] | is_done(dev, before, l, options.stop_dev_ratio, options.stop_dev_change)
    return behind


def behind_a_stop(store, options):
    """(B,) whether the path of a problem stopped early, at its last alpha in ``store`` or before."""
    last = store.residual[:, -1:]
    behind = _behind_a_stop(np.hstack([store.residual, last]), 2 * store.form.null(), options)
    return behind[:, -1] | (store.status[:, -1] == SKIPPED)


def _keep(form, store, group, problems, coef, residuals, gap, options, degenerate):
    """Store coefficients (k, L, p) of X for y in units of sigma, with what their residuals (k, L, n) and gaps (k, L) tell."""
    used = form.design.multiplier > 0
    b = np.divide(coef, form.design.multiplier, out=np.zeros_like(coef), where=used)
    keep_paths(form, store, group, problems, b, residuals, gap, options, degenerate)


def keep_paths(form, store, group, problems, b, residuals, gap, options, degenerate):
    """The same with coefficients b (k, L, p) of z, which are overwritten."""
    square = weighted_square(residuals, form.V[:, group])
    behind = _behind_a_stop(square, 2 * form.null()[problems], options)
    b[behind] = 0.0
    store.put_many(problems, b)
    store.gap[problems] = gap
    store.status[problems] = DEGENERATE if degenerate else np.where(gap <= options.tol, CONVERGED, MAX_ITER)
    store.status[problems] = np.where(behind, SKIPPED, store.status[problems])
    store.residual[problems] = square
    if form.held_out is not None and len(form.held_out[group]):
        rows = form.held_out[group]
        w = form.held_out_weight[rows]
        store.held_out[problems] = weighted_square(np.take(residuals, rows, axis=-1), w) / w.sum()
