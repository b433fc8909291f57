"""The one door of the engine: a ``Batch`` of penalised least-squares paths in, a ``Solution`` with certificates out."""

import warnings
from contextlib import suppress
from dataclasses import replace
from functools import partial

import numpy as np
from scipy import sparse

from riata_engine.backend import require_backend
from riata_engine.cpu.build import build_info
from riata_engine.cpu.control import Control, Stopped
from riata_engine.cpu.moments import scan
from riata_engine.interrupt import orderly_interrupt
from riata_engine.solvers.choice import choose, dual_serves, gram_fits, smooth_on_few_rows
from riata_engine.solvers.clock import Clock, bytes_moved
from riata_engine.solvers.exact import behind_a_stop, ridge_df, solve_kernel, solve_least_squares
from riata_engine.solvers.few_features import SmallPaths, is_plain, shares_or_none
from riata_engine.solvers.gram import solve_gram
from riata_engine.solvers.grid import alpha_max, geometric, min_ratio
from riata_engine.solvers.losses import LOSS, deviances, deviances_of_each
from riata_engine.solvers.null_model import null_gradient
from riata_engine.solvers.options import Options
from riata_engine.solvers.path_store import CONVERGED, DEGENERATE, MAX_ITER, NOT_FINITE, SKIPPED, STATUS, TIME_BUDGET, PathStore
from riata_engine.solvers.problems import SOLVERS, Batch, canonical
from riata_engine.solvers.prox_newton import fault_of, loss_paths, solve_losses
from riata_engine.solvers.residual import solve_residual
from riata_engine.solvers.ridge import RidgeDecomposition
from riata_engine.solvers.ridge_bounds import solve_ridge_bounds
from riata_engine.solvers.solution import Solution, better, joined
from riata_engine.solvers.standard_form import standard_form
from riata_engine.solvers.support_refits import refit_supports
from riata_engine.solvers.working_set import solve_working_set
from riata_engine.threads import single_threaded_blas, thread_count

__all__ = ["LOSS", "SOLVERS", "STATUS", "Batch", "Interrupted", "RidgeDecomposition", "Solution", "alpha_grid", "build_info",
           "deviances", "deviances_of_each", "first_non_finite_column", "refit_supports", "solve", "standard_deviations"]

RUN = {"gram": solve_gram, "working_set": solve_working_set, "residual": solve_residual,
       "kernel": solve_kernel, "least_squares": solve_least_squares, "dual_newton": solve_ridge_bounds}
#: epochs that the first solver of a bounded ridge gets before another one has its turn, and residual descent on few rows, where
#: an epoch costs a few microseconds
FIRST_TRY, LONG_TRY = 1000, 10_000
#: an alpha beyond float64, or a result: the status of a fit says it, numpy's warnings would only say it twice
UNHEARD = {"over": "ignore", "divide": "ignore", "invalid": "ignore"}


class Interrupted(KeyboardInterrupt):
    """Ctrl-C during ``solve``; ``solution`` holds what is done, the rest has status ``skipped``."""

    def __init__(self, solution):
        super().__init__("interrupted; .solution holds the paths that are done")
        self.solution = solution


def first_non_finite_column(X):
    """Index of the first column with a NaN or an infinity, or −1: one pass, no copy."""
    control = Control()
    try:
        return scan(canonical(X), control, thread_count(None))[1]
    except Stopped:
        raise control.error from None


def _options(batch, form):
    bounded = by_kkt = False
    if batch.lower is not None or batch.upper is not None:
        lowest = batch.alphas is not None and np.min(batch.alphas) == 0
        inside = (form.lower != 0) | (form.upper != 0)
        bounded = bool(np.any(inside & (np.isfinite(form.lower) | np.isfinite(form.upper))))
        half_free = inside & (np.isinf(form.lower) | np.isinf(form.upper))
        half_free[form.free] = False
        by_kkt = bool(np.any(half_free if lowest and bounded else half_free & (form.factor == 0)))
    return Options(
        l1_ratio=batch.l1_ratio, tol=batch.tol, max_epochs=batch.max_epochs,
        stop_dev_ratio=np.inf if batch.stop_dev_ratio is None else batch.stop_dev_ratio,
        stop_dev_change=-np.inf if batch.stop_dev_change is None else batch.stop_dev_change,
        stop_df=np.inf if batch.stop_df is None else batch.stop_df,
        n_threads=thread_count(batch.n_threads),
        memory_limit=batch.max_memory, by_kkt=by_kkt, bounded=bounded)


def _grid(batch, form, options, control):
    """(B, L) alphas."""
    B = form.n_problems
    if batch.alphas is not None:
        alphas = np.asarray(batch.alphas, float)
        out = np.empty((B, alphas.shape[-1]))
        out[:] = alphas
        return out
    gradient = null_gradient(form, options, control)
    return geometric(alpha_max(form, gradient, batch.l1_ratio), batch.n_alphas, min_ratio(batch))


def alpha_grid(batch):
    """The (B, L) alphas that ``solve`` would use for a batch whose ``alphas`` is None."""
    control = Control()
    try:
        return grid_under(control, batch)
    except Stopped:              # what the signal's handler raised
        raise control.error from None


def grid_under(control, batch):
    """``alpha_grid``, or Stopped, as ``control`` says."""
    with single_threaded_blas(), np.errstate(**UNHEARD):
        if batch.loss != "squared":
            return loss_paths(replace(batch, alphas=None), control, Clock())[1]
        form = batch.form = standard_form(batch, control, thread_count(batch.n_threads))
        batch.columns = form.columns
        free = batch if batch.alphas is None else replace(batch, alphas=None)
        return _grid(free, form, _options(batch, form), control)


def standard_deviations(batch):
    """(p,) weighted standard deviations of the columns: the s_j of a standardised batch of one weight group."""
    control, n_threads = Control(), thread_count(batch.n_threads)
    try:
        with single_threaded_blas(), np.errstate(**UNHEARD):
            form = standard_form(replace(batch, standardize=True), control, n_threads)
            return form.spread[0] / form.design.multiplier
    except Stopped:
        raise control.error from None


def solve(batch, progress=None):
    """Solve every problem of a batch at each of its alphas.

    Parameters
    ----------
    batch : Batch
    progress : callable, optional
        ``progress(done, total)`` in (problem, alpha) pairs.

    Returns
    -------
    Solution

    Raises
    ------
    Interrupted
        On Ctrl-C, with what is done.
    """
    control = Control(batch.time_budget, progress)
    with orderly_interrupt(control):
        solution = solve_under(control, batch)
    return ended(control, solution)


def solve_under(control, batch):
    """``solve``, for as long as ``control`` says: what is not done has its status."""
    require_backend(batch.backend)
    clock = Clock()
    with single_threaded_blas(), np.errstate(**UNHEARD):
        if batch.loss != "squared":
            return _solve_loss(batch, control, clock)
        if batch.weights is None or batch.weights.ndim == 1:
            return _solve_kinds(batch, control, clock)
        return _solve_groups(batch, control, clock)


def ended(control, solution):
    """The solution of a call that has come to its end; an exception where that was not its own."""
    if control.stopped == "interrupted":
        if isinstance(control.error, KeyboardInterrupt):
            raise Interrupted(solution) from None
        raise control.error
    if control.progress is not None:
        control.progress(int(np.isin(solution.status, (CONVERGED, MAX_ITER, NOT_FINITE, DEGENERATE)).sum()), control.total)
    return solution


def _solve(batch, control, clock):
    if control.stopped:
        return _nothing(batch, control, clock)
    if is_plain(batch):
        solution, rest = _few_features(batch, control, clock)
        if not len(rest):
            return solution
    try:
        with clock("standard form"):
            form, batch.form = batch.form, None
            if form is None:
                form = standard_form(batch, control, thread_count(batch.n_threads))
            options = _options(batch, form)
        with clock("grid"):
            alphas = _grid(batch, form, options, control)
    except Stopped:
        return _nothing(batch, control, clock)
    control.total = max(control.total, alphas.size)
    few_rows = batch.solver == "auto" and smooth_on_few_rows(form, alphas, options)
    several = few_rows or (batch.solver == "auto" and dual_serves(form, alphas, options))
    first = LONG_TRY if few_rows else FIRST_TRY
    trial = replace(options, max_epochs=min(first, options.max_epochs)) if several else options
    store, solver = _paths(batch, form, alphas, trial, control, clock)
    solution = _solution(store, batch, alphas, 2 * form.null(), store.sigma * store.sigma, control, clock, solver)
    if not several:
        return solution
    in_gram = "gram" if gram_fits(form, options) else "working_set"
    others = (in_gram, "residual") if few_rows else (in_gram if solver == "dual_newton" else "dual_newton", solver)
    return _try_again(batch, others if options.max_epochs > first else others[:1], solution, control, clock)


def _try_again(batch, solvers, solution, control, clock):
    """What few epochs did not solve, by another solver, and then by the first for as long as it takes.

    Where alpha is small, or columns are far from zero, coordinate descent crawls; where n is large a Newton step on the dual is
    dear.
    """
    for solver in solvers:
        rest = np.flatnonzero((solution.status == MAX_ITER).any(axis=1))
        if not len(rest) or control.stopped:
            break
        again = _solve(_part(batch, rest, alphas=solution.alphas[rest], solver=solver), control, clock)
        solution = better(solution, again, rest)
    return solution


def _few_features(batch, control, clock):
    """The solution of a plain batch in one call, and the problems that the long way must look at; None if it must at all."""
    B = len(batch.target)
    L = batch.n_alphas if batch.alphas is None else np.shape(batch.alphas)[-1]
    weights = None
    if batch.weights is not None:
        columns = batch.weights.reshape(len(batch.X), -1)
        shares = {g: shares_or_none(np.ascontiguousarray(columns[:, g])) for g in set(batch.group)}
        weights = [shares[g] for g in batch.group]
    tasks = SmallPaths([batch.X] * B, [batch.Y[:, t] for t in batch.target], batch.l1_ratio, L, alphas=batch.alphas,
                       min_ratio=None if batch.alphas is not None else [min_ratio(batch, g) for g in batch.group],
                       weights=weights)
    control.total = max(control.total, tasks.alphas.size)
    tasks.run(batch, control, thread_count(batch.n_threads))
    rest = np.flatnonzero(tasks.left)
    if len(rest) == B:
        return None, rest
    batch.form = None
    clock.seconds.update(zip(("standard form", "grid", "gram", "descent"), tasks.seconds.sum(axis=0), strict=True))
    tasks.n_passes = B
    tasks.shaped()
    tasks.bytes_moved = bytes_moved(batch.X, batch.intercept, tasks, batch.l1_ratio, "gram")
    return _solution(tasks, batch, tasks.alphas, tasks.null, tasks.sigma * tasks.sigma, control, clock, "gram"), rest


def _nothing(batch, control, clock):
    """The solution of a call that was stopped before its first path."""
    B, p = len(batch.target), batch.X.shape[1]
    L = batch.n_alphas if batch.alphas is None else np.shape(batch.alphas)[-1]
    alphas = np.full((B, L), np.nan) if batch.alphas is None else np.broadcast_to(np.asarray(batch.alphas, float), (B, L)).copy()
    blank = np.full((B, L), np.nan)
    coef = {"dense": np.full((B, L, p), np.nan), "sparse": [sparse.csr_array((L, p)) for _ in range(B)]}.get(batch.store)
    status = np.full((B, L), TIME_BUDGET if control.stopped == "time_budget" else SKIPPED, np.int8)
    return Solution(alphas=alphas, coef=coef, intercept=blank, gap=blank.copy(), status=status, dev_ratio=blank.copy(),
                    df=blank.copy(), held_out_deviance=blank.copy(), null_deviance=np.full(B, np.nan), n_passes=0,
                    n_epochs=np.zeros((B, L), np.int32), n_cholesky=np.zeros((B, L), np.int32), bytes_moved=0.0,
                    solver="none", profile=dict(clock.seconds))


def _solve_loss(batch, control, clock):
    """A batch whose loss is not the squared one: see ``solvers/prox_newton.py``."""
    try:
        own, alphas, gradient, options = loss_paths(batch, control, clock)
    except Stopped:
        return _nothing(batch, control, clock)
    control.total = max(control.total, alphas.size)
    answers = solve_losses(batch, alphas, own, gradient, options, control, clock)
    if own.faults:
        warnings.warn(fault_of(own), RuntimeWarning, stacklevel=5)
    return _solution(answers, batch, alphas, 2 * own.scale, np.ones(len(alphas)), control, clock, "prox_newton")


def _solve_groups(batch, control, clock):
    """Weight groups that have nothing in common but X, each centred by its own means: small ones in one call, others in turn."""
    rest, done = np.arange(len(batch.target)), []
    if is_plain(batch):
        few, rest = _few_features(batch, control, clock)
        if few is not None:
            done = [(np.arange(len(batch.target)), few)]
    parts = []
    for g in np.unique(batch.group[rest]):
        members = rest[batch.group[rest] == g]
        part = _part(batch, members, weights=np.ascontiguousarray(batch.weights[:, g]), group=np.zeros(len(members), np.intp))
        parts.append((members, part))
    return _solve_parts(batch, parts, control, clock, done)


def _solve_kinds(batch, control, clock):
    """Ridge of more columns than rows apart from the rest of a batch: it has a closed form."""
    ridge = batch.l1_ratio == 0
    bounded = batch.lower is not None or batch.upper is not None
    if batch.solver != "auto" or bounded or batch.X.shape[1] <= batch.X.shape[0] or ridge.all() or not ridge.any():
        return _solve(batch, control, clock)
    kinds = (np.flatnonzero(ridge), np.flatnonzero(~ridge))
    return _solve_parts(batch, [(members, _part(batch, members)) for members in kinds], control, clock)


def _part(batch, members, **changes):
    """The batch of some of the problems."""
    alphas = batch.alphas
    if alphas is not None and np.ndim(alphas) == 2:
        alphas = np.broadcast_to(alphas, (len(batch.target), np.shape(alphas)[1]))[members]
    fields = {"target": batch.target[members], "group": batch.group[members], "l1_ratio": batch.l1_ratio[members]}
    return replace(batch, **{**fields, "alphas": alphas, **changes})


def _solve_parts(batch, parts, control, clock, done=()):
    """One solution of parts [(members, batch)] and of what is ``done``, [(members, solution)]; the part's, if in both."""
    control.total = len(batch.target) * (batch.n_alphas if batch.alphas is None else np.shape(batch.alphas)[-1])
    solved = [*done, *((members, _solve(part, control, clock)) for members, part in parts)]
    if len(solved) == 1:
        return solved[0][1]
    where = np.empty(len(batch.target), np.intp)           # of each problem in what is concatenated
    at = 0
    for members, _ in solved:
        where[members] = at + np.arange(len(members))
        at += len(members)
    return joined([solution for _, solution in solved], where)


def _paths(batch, form, alphas, options, control, clock):
    """The solved paths and the name of the solver; alphas of zero without bounds go to least squares, the others to a path."""
    if options.bounded or batch.solver == "least_squares" or alphas.all():
        parts = [(alphas, batch.solver)]
    elif np.any(alphas[:, zero := (alphas == 0).any(axis=0)] > 0):
        raise ValueError("alphas: one problem has alpha = 0 where another has not; solve them in two batches")
    else:
        parts = [(alphas[:, ~zero], batch.solver), (alphas[:, zero], "least_squares")]
    done = name = None
    for part, wish in parts:
        if not part.shape[1]:
            continue
        store = PathStore(form, part.shape[1], batch.store)
        part = np.ascontiguousarray(part)
        solver = choose(wish, form, part, options)
        run = RUN[solver]
        if done is not None:                     # alpha = 0 is the end of paths that may have stopped before it
            run = partial(run, ended=behind_a_stop(done, options))
        if not control.stopped:
            with suppress(Stopped):              # what is solved stands in the store, the rest is named so
                run(form, part, options, store, control, clock)
                if solver in ("working_set", "residual") and options.some_ridge and not options.bounded:
                    ridge_df(form, part, options, store, control, clock)
        store.bytes_moved = bytes_moved(form.design.X, form.intercept, store, options.l1_ratio, solver)
        done, name = (store, solver) if done is None else (done.joined(store), f"{name}+{solver}")
    return done, name


def _solution(answers, batch, alphas, null, sigma2, control, clock, solver):
    """The solution of ``Answers``, whose residuals and null deviances (B,) are in units of sigma² (B,)."""
    if control.stopped == "time_budget":
        answers.status[answers.status == SKIPPED] = TIME_BUDGET
    if batch.stop_df is not None:                          # of a lasso or an elastic net: df counts coefficients
        full = np.logical_or.accumulate(answers.df[:, :-1] - batch.intercept >= batch.stop_df, axis=1)
        answers.status[:, 1:][full] = SKIPPED
    dev_ratio = answers.blank_unsolved(alphas, null)
    return Solution(
        alphas=alphas, coef=answers.coefficients(), intercept=answers.intercept, gap=answers.gap, status=answers.status,
        dev_ratio=dev_ratio, df=answers.df, held_out_deviance=answers.held_out * np.reshape(sigma2, (-1, 1)),
        null_deviance=null * sigma2, n_passes=answers.n_passes, n_epochs=answers.n_epochs, n_cholesky=answers.n_cholesky,
        bytes_moved=answers.bytes_moved, solver=solver, profile=clock.seconds)
