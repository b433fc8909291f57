"""Paths with a closed form: ridge from one eigen-decomposition, least squares at alpha = 0."""

import numpy as np

from riata_engine.solvers.least_squares import least_squares
from riata_engine.solvers.path_store import CONVERGED, DEGENERATE, MAX_ITER
from riata_engine.solvers.ridge import RidgeDecomposition


def solve_kernel(form, alphas, options, store, control, clock):
    """Ridge (l1_ratio = 0, no bounds) for any alphas > 0: the n × n kernel, or the p × p Gram matrix where that is smaller."""
    for group in np.unique(form.group):
        with clock("matrix"):
            scale = None if form.spread is None else _raw_scale(form, group)
            ridge = RidgeDecomposition(form.design.X, form.V[:, group], form.intercept,
                                       np.where(form.barred, np.inf, form.factor), scale)
            store.n_passes += 1
            # a Gram matrix sees no further than √eps: where it took free features for collinear there is no dual point but zero
            lost = ridge.free_degenerate and ridge.free_rank < form.free_features(control, options.n_threads).rank[group]
        for problem in np.flatnonzero(form.group == group):
            if control.check():
                return
            with clock("solutions"):
                y = form.Y[:, form.target[problem]]
                coef, intercept = ridge.coefficients(alphas[problem], y)
                gap = ridge.duality_gap(alphas[problem], y, coef, intercept)[:, 0]
                if lost:
                    gap = ridge.objective(alphas[problem], y, coef, intercept)[:, 0]
                status = np.where(gap <= options.tol, CONVERGED, MAX_ITER)
                _keep(form, store, problem, coef[:, 0], gap, DEGENERATE if ridge.free_degenerate and not lost else status)
                store.df[problem] = ridge.effective_df(alphas[problem]) + form.intercept
            control.done += alphas.shape[1]


def solve_least_squares(form, alphas, options, store, control, clock):
    """alpha = 0 without bounds: of all minimisers the one of least norm, flagged ``degenerate`` where there are many."""
    kept = np.flatnonzero(~form.barred)
    for group in np.unique(form.group):
        if control.check():
            return
        members = np.flatnonzero(form.group == group)
        with clock("triangle"):
            fit = least_squares(form.design.X, form.Y[:, form.target[members]], form.V[:, group], form.intercept,
                                None if len(kept) == form.shape[1] else kept)
            store.n_passes += 1
        for k, problem in enumerate(members):
            repeated = np.repeat(fit.coef[k:k + 1], alphas.shape[1], axis=0)
            status = CONVERGED if fit.gap[k] <= options.tol else MAX_ITER
            _keep(form, store, problem, repeated, fit.gap[k], DEGENERATE if fit.degenerate else status)
            control.done += alphas.shape[1]


def _raw_scale(form, group):
    """Standard deviations of the columns of X in one weight group; 1 where there is no penalty to scale."""
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = np.where(form.design.multiplier > 0, form.spread[group] / form.design.multiplier, 0.0)
    return np.where(form.factor == 0, 1.0, scale)


def _keep(form, store, problem, coef, gap, status):
    """Store coefficients (L, p) of X for y in units of sigma, with what is known of them."""
    g, t = form.group[problem], form.target[problem]
    columns = np.flatnonzero(form.design.multiplier > 0)
    b = coef[:, columns] / form.design.multiplier[columns]
    store.put(problem, 0, b, columns)
    store.gap[problem], store.status[problem] = gap, status
    X, v = form.design.X, form.V[:, g]
    fitted = np.asarray(X @ coef.T) if X.dtype == np.float64 else _product(X, coef)
    R = (form.Y[:, t] - form.ybar[g, t])[:, None] - fitted
    if form.intercept:
        R -= v @ R
    store.residual[problem] = v @ R**2
    if form.held_out is not None and len(form.held_out[g]):
        rows, w = form.held_out[g], form.held_out_weight[form.held_out[g]]
        store.held_out[problem] = (w @ R[rows] ** 2) / w.sum()


def _product(X, coef):
    """X coefᵀ in float64 for a float32 X, by blocks of rows."""
    out = np.empty((X.shape[0], len(coef)))
    for first in range(0, X.shape[0], 4096):
        block = X[first:first + 4096]
        out[first:first + 4096] = np.asarray(block.astype(np.float64) @ coef.T)
    return out
