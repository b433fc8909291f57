"""The gradient where every penalised coefficient is zero: what the largest alpha of a grid comes from."""

from dataclasses import replace

import numpy as np

from riata_engine.solvers.certificate import gradients, residuals
from riata_engine.solvers.clock import Clock
from riata_engine.solvers.path_store import PathStore
from riata_engine.solvers.residual import residual_paths

#: accuracy of the fit of features that have bounds but no penalty, and what it leaves open in the gradient
TOL, SLACK = 1e-15, 4e-9
#: a gradient of z, whose standard deviation is about one, below this many times that of y is rounding
NOTHING = 1e-12


def null_gradient(form, options, control):
    """(B, p) Zᵀ V r at the best model without penalised features: intercept, free features, and those with bounds alone."""
    gradient = form.gradient_at_null(control, options.n_threads)
    size = np.sqrt(form.yy[form.group, form.target])[:, None]
    half_free = (form.factor == 0) & ((form.lower < 0) | (form.upper > 0))
    if half_free.any():
        gradient = _with_bounded(form, half_free, options, control)
    elif len(form.free):
        gradient = form.free_features(control, options.n_threads).gradient(gradient)
    # where these features fit y, or none has to do with it, there is nothing to explain: a grid must not be made of rounding
    return np.where(np.abs(gradient).max(axis=1, initial=0.0, keepdims=True) <= NOTHING * size, 0.0, gradient)


def _with_bounded(form, half_free, options, control):
    alone = replace(form, lower=np.where(half_free, form.lower, 0.0), upper=np.where(half_free, form.upper, 0.0))
    store = PathStore(form, 1, "dense")
    tight = replace(options, tol=TOL, by_kkt=True, max_epochs=10_000)
    free = form.free_features(control, options.n_threads) if len(form.free) else None
    store.put_paths(residual_paths(alone, np.ones((form.n_problems, 1)), tight, store, control, Clock(), free))
    out = np.empty((form.n_problems, form.shape[1]))
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = np.where(form.design.multiplier > 0, 1.0 / form.design.multiplier, 0.0)
    for problem in range(form.n_problems):
        b = store.coef[problem] * scale / form.sigma[form.target[problem]]
        out[problem] = gradients(form, problem, residuals(form, problem, b, None), control, options.n_threads)[0]
    return out * (1 + SLACK)
