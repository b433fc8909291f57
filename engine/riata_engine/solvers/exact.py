"""Paths with a closed form: ridge from one eigen-decomposition, least squares at alpha = 0."""

import numpy as np

from riata_engine.formulas.early_stop import path_is_done
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
    for group in np.unique(form.group):
        with clock("matrix"):
            scale = None if form.spread is None else _raw_scale(form, group)
            factor = np.where(form.barred, np.inf, form.factor)
            if scale is not None and not form.intercept:       # a column without spread has a standardised penalty of zero
                factor = np.where((scale == 0) & ~form.barred, 0.0, factor)
                scale = np.where(factor == 0, 1.0, scale)
            ridge = RidgeDecomposition(form.design.X, form.V[:, group], form.intercept, factor, scale, separate=True)
            store.n_passes += 1
            # a Gram matrix sees no further than √eps: where it took free features for collinear there is no dual point but zero
            lost = ridge.free_degenerate and ridge.free_rank < form.free_features(control, options.n_threads).rank[group]
            degenerate = ridge.free_degenerate and not lost
        for problems in _chunks(form, group, alphas.shape[1], options):
            if control.check():
                return
            with clock("solutions"):
                Y, grid = form.Y[:, form.target[problems]], alphas[problems]
                if (grid == grid[0]).all():
                    grid = grid[:1]
                coef, intercept = ridge.coefficients(grid, Y)
                residuals = ridge.residuals(Y, coef)
                gap = (ridge.objective if lost else ridge.duality_gap)(grid, Y, coef, intercept, residuals)
                _keep(form, store, group, problems, coef, residuals, gap, options, degenerate)
                store.df[problems] = ridge.effective_df(grid) + form.intercept
            control.done += gap.size


def solve_least_squares(form, alphas, options, store, control, clock):
    """alpha = 0 without bounds: of all minimisers the one of least norm, flagged ``degenerate`` where there are many."""
    kept, L = np.flatnonzero(~form.barred), alphas.shape[1]
    for group in np.unique(form.group):
        for problems in _chunks(form, group, L, options):
            if control.check():
                return
            with clock("triangle"):
                fit = least_squares(form.design.X, form.Y[:, form.target[problems]], form.V[:, group], form.intercept,
                                    None if len(kept) == form.shape[1] else kept)
                store.n_passes += 1
            coef, residuals, gap = (np.repeat(found[:, None], L, axis=1) for found in (fit.coef, fit.residuals, fit.gap))
            _keep(form, store, group, problems, coef, residuals, gap, options, fit.degenerate)
            control.done += gap.size


def _chunks(form, group, L, options):
    """The problems of a weight group, as many at a time as keep working arrays small and answers to Ctrl-C quick."""
    n, p = form.shape
    members = np.flatnonzero(form.group == group)
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


def _keep(form, store, group, problems, coef, residuals, gap, options, degenerate):
    """Store coefficients (k, L, p) of X for y in units of sigma, with what their residuals (k, L, n) and gaps (k, L) tell."""
    used = form.design.multiplier > 0
    b = np.divide(coef, form.design.multiplier, out=np.zeros_like(coef), where=used)
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
