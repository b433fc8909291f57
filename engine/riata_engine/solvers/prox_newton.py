"""Paths of losses other than the squared one, by proximal Newton steps (cpu/newton_path.pyx), a whole batch at a time.

With few columns a path is one compiled call. With many, the compiled paths run on the columns in play, a block of alphas at a
time, and one pass over X checks all of them (loss_working_set.py).
"""

from contextlib import suppress
from dataclasses import dataclass, field, replace

import numpy as np

from riata_engine.cpu.control import Stopped
from riata_engine.cpu.newton_paths import newton_paths, saturated_values
from riata_engine.solvers.grid import alpha_max, geometric, min_ratio
from riata_engine.solvers.loss_answers import LossAnswers
from riata_engine.solvers.loss_kernel import in_kernel, serves
from riata_engine.solvers.loss_working_set import solve_in_blocks
from riata_engine.solvers.losses import LOSS, NULL_TOL
from riata_engine.solvers.options import Options
from riata_engine.solvers.path_store import NOT_FINITE
from riata_engine.solvers.residual import columns_contiguous
from riata_engine.solvers.standard_form import own_deviations, standard_form
from riata_engine.threads import thread_count

#: columns up to which all of them are in play from the start
FEW = 256


@dataclass
class LossForm:
    """A batch of one loss in standard form: T targets, G weight groups, B problems."""

    form: object                     # StandardForm of the columns; its target is nought
    design: object                   # with contiguous columns
    loss: object
    parameter: float
    Y: np.ndarray                    # (T, n)
    V: np.ndarray                    # (G, n)
    offset: np.ndarray | None
    target: np.ndarray               # (B,)
    group: np.ndarray
    intercept: bool
    saturated: np.ndarray            # (B,) least possible loss
    scale: np.ndarray                # (B,) loss of the null model beyond it: half its deviance
    start: np.ndarray                # (B,) intercept of the null model
    endless: np.ndarray              # (B,) whether its intercept would be infinite: no fit has a minimum
    held: tuple                      # (pointers, rows, weights) of what is held out
    faults: dict = field(default_factory=dict)          # of a problem whose loss failed: what did, at which y and η

    def run(self, problems, columns, begin, end, l1, l2, lengths, start_l1, start, start_at, options, control, residual=False):
        """The compiled paths of some problems; see ``newton_paths``. Returns a namespace of arrays."""
        k, L = l1.shape
        form, sizes = self.form, (end - begin) * L
        found = Found(k, L, self.design.X.shape[0] if residual else None)
        found.at = np.concatenate([[0], np.cumsum(sizes)]).astype(np.intp)
        found.coef = np.zeros(found.at[-1] + 1)
        found.shape = (end - begin, L)
        newton_paths(self.design, self.loss.code, self.parameter, self.Y, self.target[problems], self.V, self.group[problems],
                     self.offset, columns, begin, end, form.f1, form.f2, form.lower, form.upper, np.ascontiguousarray(l1),
                     np.ascontiguousarray(l2), lengths, start_l1, self.scale[problems], self.saturated[problems], options.tol,
                     options.max_epochs, options.stop_dev_ratio, options.stop_dev_change, self.intercept, *self.held, start,
                     start_at, found.coef, found.at, found.level, found.gap, found.value, found.held_out, found.status,
                     found.epochs, found.newtons, found.residual, found.predictor, found.fault, control, options.n_threads)
        self.faults.update((int(problems[i]), found.fault[i]) for i in np.flatnonzero(found.fault[:, 0]))
        return found


class Found:
    """Answers of ``LossForm.run`` for k problems and L alphas."""

    def __init__(self, k, L, n):
        self.level, self.gap, self.value, self.held_out = np.full((4, k, L), np.nan)
        self.status = np.zeros((k, L), np.int8)
        self.epochs, self.newtons = np.zeros((2, k, L), np.int32)
        self.residual, self.predictor = (None, None) if n is None else np.zeros((2, k, L, n))
        self.fault = np.zeros((k, 3))

    def coefficients(self, i):
        """(L, m) of problem i of the call, on its columns."""
        m, L = self.shape[0][i], self.shape[1]
        return self.coef[self.at[i]:self.at[i] + m * L].reshape(L, m)


def loss_paths(batch, control, clock):
    """(LossForm, alphas (B, L), gradients (B, p) of the null models, Options) of a batch; Stopped where there was no time."""
    options = Options(l1_ratio=batch.l1_ratio, tol=batch.tol, max_epochs=batch.max_epochs,
                      stop_dev_ratio=np.inf if batch.stop_dev_ratio is None else batch.stop_dev_ratio,
                      stop_dev_change=-np.inf if batch.stop_dev_change is None else batch.stop_dev_change, stop_df=np.inf,
                      n_threads=thread_count(batch.n_threads), memory_limit=batch.max_memory, by_kkt=False, bounded=False)
    with clock("standard form"):
        own, null = _loss_form(batch, control, options)
    with clock("grid"):
        alphas, gradient = _grid(batch, own, null, options, control)
    return own, alphas, gradient, options


def _standard_form(batch, control, n_threads):
    """That of the columns. Weight groups that have nothing in common share the units of the unweighted columns."""
    n, groups = batch.X.shape[0], batch.weights is not None and batch.weights.ndim == 2
    nought = np.zeros_like(batch.target)
    plain = replace(batch, loss="squared", loss_parameter=None, Y=np.zeros((n, 1)), offset=None, target=nought, solver="auto",
                    stop_df=None, weights=None if groups else batch.weights, group=nought if groups else batch.group)
    if not groups:
        return standard_form(plain, control, n_threads)
    V = batch.weights / batch.weights.max(axis=0)
    V = np.asfortranarray(V / V.sum(axis=0))
    if batch.standardize:                    # the deviations are those of each group
        shares = np.ascontiguousarray(V.T)
        shares = shares / shares.max(axis=1, keepdims=True)
        shares /= shares.sum(axis=1, keepdims=True)
        form = standard_form(replace(plain, weights=np.ascontiguousarray(V[:, 0])), control, n_threads)
        f1, f2, multiplier = own_deviations(plain, shares, control, n_threads)
        turn = form.design.multiplier / multiplier           # powers of two
        form.f1, form.f2 = f1 * turn, f2 * turn**2
    else:
        form = standard_form(plain, control, n_threads)
    form.V, form.group = V, batch.group
    return form


def _loss_form(batch, control, options):
    """The standard form of a batch whose loss is not squared, with its null models. n rows, p columns; two passes over X."""
    loss = LOSS[batch.loss]
    form = _standard_form(batch, control, options.n_threads)
    form.lower, form.upper = form.lower.copy(), form.upper.copy()
    form.lower[form.free], form.upper[form.free] = -np.inf, np.inf          # no problem here profiles them out
    design = columns_contiguous(form)
    V, Y = np.ascontiguousarray(form.V.T), np.ascontiguousarray(batch.Y.T, dtype=float)
    offset = None if batch.offset is None else np.ascontiguousarray(batch.offset, dtype=float)
    B = len(batch.target)
    rows = form.held_out or [np.empty(0, np.intp)] * len(V)
    held = (np.cumsum([0] + [len(r) for r in rows]).astype(np.intp), np.concatenate([*rows, [0]]).astype(np.intp),
            np.ascontiguousarray(form.held_out_weight))
    saturated, level = np.empty((2, B))
    own = LossForm(form, design, loss, loss.number(batch.loss_parameter), Y, V, offset, batch.target, batch.group,
                   batch.intercept, saturated, np.ones(B), np.zeros(B), np.zeros(B, bool), held)
    code, link = loss.codes
    saturated_values(code, own.parameter, link, Y, own.target, V, own.group, saturated, level)
    if (saturated == -np.inf).all():
        raise ValueError(f"the {loss.name} loss has no minimum over eta at some of these y: give one that is bounded below")
    if batch.intercept:
        own.endless = ~np.isfinite(level)
        level[own.endless] = 0.0
        own.start = level if offset is None else level - (V @ offset)[own.group]
    found = _null_models(own, np.empty(0, np.intp), own.start[:, None], options, control)
    own.start = np.where(np.isfinite(found.level[:, 0]), found.level[:, 0], 0.0)
    own.scale = found.value[:, 0] - saturated
    own.scale[~(own.scale > 1e-14 * np.maximum(np.abs(saturated), 1e-300))] = 1.0
    return own, found


def fault_of(own):
    """A sentence about the loss of the problems that came to no number, a user's: what failed first, and where."""
    first = min(own.faults)
    kind, y, eta = own.faults[first]
    function = ("value", "gradient", "curvature")[int(kind) - 1]
    what = "is below 0 or not a number: it is not convex there, or" if function == "curvature" else "is not a finite number:"
    B = len(own.target)
    where = f" in {len(own.faults)} of {B} problems, first in problem {first}" if B > 1 else ""
    return (f"the {own.loss.name} loss failed{where}: {function}(y={y:.17g}, eta={eta:.17g}) {what} mend it for such "
            "arguments, or rescale X or y")


def _null_models(own, columns, start, options, control):
    """Fits of all problems on columns without a penalty."""
    B, q = len(own.target), len(columns)
    zero, one = np.zeros((B, 1)), np.ones(B, np.intp)
    at = (np.arange(B) * (q + 1)).astype(np.intp)
    begin, end = np.zeros(B, np.intp), np.full(B, q, np.intp)
    tight = replace(options, tol=NULL_TOL, stop_dev_ratio=np.inf, stop_dev_change=-np.inf)
    done = control.done
    found = own.run(np.arange(B), np.append(columns, 0).astype(np.intp), begin, end, zero, zero, one, np.zeros(B),
                    np.ascontiguousarray(start).ravel().copy(), at, tight, control, residual=True)
    control.done = done
    if control.stopped:
        raise Stopped
    return found


def _unpenalised(form):
    """Columns of the model that have no penalty, bounded or not."""
    inside = np.zeros(form.shape[1], bool)
    inside[form.free] = True
    return np.flatnonzero(inside | ((form.factor == 0) & ((form.lower < 0) | (form.upper > 0)) & ~form.barred))


def _grid(batch, own, null, options, control):
    """(B, L) alphas, and the gradients at the null model (B, p) they come from."""
    free = _unpenalised(own.form)
    if len(free):
        start = np.hstack([np.zeros((len(own.start), len(free))), own.start[:, None]])
        null = _null_models(own, free, start, options, control)
    gradient = own.design.transposed_matvec(np.ascontiguousarray(null.residual[:, 0]), 1, control, options.n_threads)
    gradient[:, free] = 0.0
    if batch.alphas is not None:
        alphas = np.asarray(batch.alphas, float)
        return np.broadcast_to(alphas, (len(own.start), alphas.shape[-1])).copy(), gradient
    largest = alpha_max(own.form, gradient, batch.l1_ratio)
    return geometric(largest, batch.n_alphas, min_ratio(batch)), gradient


def solve_losses(batch, alphas, own, gradient, options, control, clock):
    """``LossAnswers`` of a batch at alphas (B, L), descending."""
    answers = LossAnswers(own, batch.store, alphas, options)
    with clock("newton"), suppress(Stopped):
        if serves(own.form, options) and own.form.shape[1] > FEW:
            rotated, back = in_kernel(own, control, options)
            answers.about_centers()
            _all_at_once(rotated, alphas, options, control, answers, back)
        elif own.form.shape[1] <= FEW:
            _all_at_once(own, alphas, options, control, answers)
        else:
            solve_in_blocks(own, alphas, gradient, options, control, answers)
    answers.status[own.endless] = NOT_FINITE
    return answers


def _all_at_once(own, alphas, options, control, answers, back=None):
    """Every column in play from the start: one call. ``back`` takes coefficients to those of the columns of X."""
    B, L = alphas.shape
    p = own.form.shape[1]
    l1, l2 = options.penalties(own.form, alphas)
    start = np.zeros((B, p + 1))
    start[:, p] = own.start
    every = np.arange(B)
    found = own.run(every, np.arange(p + 1, dtype=np.intp), np.zeros(B, np.intp), np.full(B, p, np.intp), l1, l2,
                    np.full(B, L, np.intp), l1[:, 0].copy(), start.ravel(), (every * (p + 1)).astype(np.intp), options, control)
    answers.n_passes += B
    coef = found.coef[:B * L * p].reshape(B, L, p)
    if back is not None:
        coef = back(coef)
    answers.put(every, slice(0, L), found, coef)
