"""Paths in rounds: a block of alphas on the columns in play, then one pass over X for all problems (``cpu/rounds.pyx``).

For penalties whose problems share nothing but X: MCP, SCAD, the sorted l1 norm, and those that a user brings.
"""

from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from riata_engine.cpu.control import Stopped
from riata_engine.memory import free_memory
from riata_engine.solvers.clock import Clock, bytes_moved
from riata_engine.solvers.grid import alpha_max, geometric
from riata_engine.solvers.null_model import null_gradient
from riata_engine.solvers.path_store import SKIPPED, TIME_BUDGET, PathStore
from riata_engine.solvers.solution import Solution, joined
from riata_engine.solvers.standard_form import standard_form
from riata_engine.threads import single_threaded_blas, thread_count

#: alphas that one pass over X checks (``cpu/rounds.pxd``)
BLOCK = 10
#: problems that go through their rounds together
TOGETHER = 64
#: alphas between the largest and the first of those that the caller chose: paths begin where every coefficient is zero
LEAD = 30
#: the smallest alpha of the lead, divided by the largest, where the caller's is smaller
LEAD_RATIO = 1e-3


@dataclass
class Settings:
    """What the rounds of all problems share."""

    tol: float
    max_epochs: int
    n_threads: int
    memory_limit: float | None
    l1_ratio: np.ndarray                  # (B,)

    @property
    def max_memory(self):
        """Bytes that working arrays may take."""
        return free_memory() / 2 if self.memory_limit is None else self.memory_limit

    def penalties(self, form, alphas):
        """(l1, l2), each like ``alphas`` (B, L), in units of sigma."""
        ratio = self.l1_ratio[:, None]
        return alphas * ratio / form.sigma[form.target][:, None], alphas * (1.0 - ratio)


@dataclass
class RoundSolution(Solution):
    """A ``Solution`` whose ``gap`` is the certificate of its penalty."""

    #: (B, L) what the penalty remarks on the curvature at each alpha, or None
    curvature: np.ndarray | None = None


class Penalty:
    """What a penalty brings to the rounds beside its kernels."""

    #: class derived from ``cpu.rounds.Rounds``
    rounds = None
    #: whether its kernels remark on the curvature of accepted alphas
    remarks = False
    #: its name as a solver
    name = "rounds"

    def largest(self, form, gradient, variance, l1_ratio):
        """(B,) the smallest alphas at which every penalised coefficient is zero, from gradients (B, p), variances (G, p) of z."""
        return alpha_max(form, gradient, l1_ratio)

    def unit(self, form):
        """What the factors of the l1 part are divided by, and the penalties multiplied: a scale that kernels need not meet."""
        return 1.0

    def check(self, form, variance, members):
        """Raise ValueError where the problems ``members`` of the batch have no use for this penalty."""

    def fields(self, members):
        """Fields of the batch that have an entry for each problem, for some of them."""
        return {}

    def own(self, form, problems, members):
        """The last arguments of ``rounds`` for ``problems`` of the form, of which ``members`` are the numbers in the batch."""
        return ()

    def finished(self, run, members):
        """Raise ValueError if a run of ``members`` of the batch met something that no answer can come of."""


def solve_batch(batch, penalty, control):
    """The ``RoundSolution`` of a ``Batch``, for as long as ``control`` says: what is not done has its status."""
    clock, B = Clock(), len(batch.target)
    with single_threaded_blas(), np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        if batch.weights is None or batch.weights.ndim == 1:
            return _solve(batch, np.arange(B), penalty, control, clock)
        parts = []
        for g in np.unique(batch.group):
            members = np.flatnonzero(batch.group == g)
            alphas = batch.alphas
            if alphas is not None and np.ndim(alphas) == 2:
                alphas = np.broadcast_to(alphas, (B, np.shape(alphas)[1]))[members]
            part = replace(batch, weights=np.ascontiguousarray(batch.weights[:, g]), group=np.zeros(len(members), np.intp),
                           target=batch.target[members], l1_ratio=batch.l1_ratio[members], alphas=alphas,
                           **penalty.fields(members))
            parts.append((members, _solve(part, members, penalty, control, clock)))
    order = np.argsort(np.concatenate([members for members, _ in parts]))
    solutions = [solution for _, solution in parts]
    whole = joined(solutions, order)
    curvature = np.concatenate([solution.curvature for solution in solutions])[order] if penalty.remarks else None
    return RoundSolution(**vars(whole), curvature=curvature)


def alpha_grid(batch, penalty, control):
    """The (B, L) alphas of a batch whose ``alphas`` is None, on one set of weights, or with rows held out."""
    n_threads = thread_count(batch.n_threads)
    settings = Settings(batch.tol, batch.max_epochs, n_threads, batch.max_memory, batch.l1_ratio)
    with single_threaded_blas(), np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        form = standard_form(batch, control, n_threads)
        return _grid(batch, form, _variance(form, control, n_threads), settings, control, penalty)[0]


def _solve(batch, members, penalty, control, clock):
    n_threads = thread_count(batch.n_threads)
    settings = Settings(batch.tol, batch.max_epochs, n_threads, batch.max_memory, batch.l1_ratio)
    try:
        with clock("standard form"):
            form = standard_form(batch, control, n_threads)
            variance = _variance(form, control, n_threads)
        penalty.check(form, variance, members)
        with clock("grid"):
            alphas, lead = _grid(batch, form, variance, settings, control, penalty)
    except Stopped:
        return _nothing(batch, control, clock, penalty)
    control.total = max(control.total, alphas.size + lead.size)
    store = PathStore(form, alphas.shape[1], batch.store)
    curvature = np.full(alphas.shape, np.nan) if penalty.remarks else None
    with suppress(Stopped):
        _run(form, variance, members, alphas, lead, penalty, settings, store, curvature, control, clock)
    if control.stopped == "time_budget":
        store.status[store.status == SKIPPED] = TIME_BUDGET
    null, sigma2 = 2 * form.null(), store.sigma * store.sigma
    dev_ratio = store.blank_unsolved(alphas, null)
    return RoundSolution(
        alphas=alphas, coef=store.coefficients(), intercept=store.intercept, gap=store.gap, status=store.status,
        dev_ratio=dev_ratio, df=store.df, held_out_deviance=store.held_out * sigma2[:, None], null_deviance=null * sigma2,
        n_passes=store.n_passes, n_epochs=store.n_epochs, n_cholesky=store.n_cholesky,
        bytes_moved=bytes_moved(form.design.X, form.intercept, store, batch.l1_ratio, "working_set"), solver=penalty.name,
        profile=clock.seconds, curvature=curvature)


def _nothing(batch, control, clock, penalty):
    """The solution of a call that was stopped before its first path."""
    B, p = len(batch.target), batch.X.shape[1]
    L = batch.n_alphas if batch.alphas is None else np.shape(batch.alphas)[-1]
    alphas = np.full((B, L), np.nan) if batch.alphas is None else np.broadcast_to(np.asarray(batch.alphas, float), (B, L)).copy()
    coef = {"dense": np.full((B, L, p), np.nan), "sparse": [sparse.csr_array((L, p)) for _ in range(B)]}.get(batch.store)
    status = np.full((B, L), TIME_BUDGET if control.stopped == "time_budget" else SKIPPED, np.int8)
    intercept, gap, dev_ratio, df, held_out, curvature = np.full((6, B, L), np.nan)
    return RoundSolution(alphas=alphas, coef=coef, intercept=intercept, gap=gap, status=status, dev_ratio=dev_ratio, df=df,
                         held_out_deviance=held_out, null_deviance=np.full(B, np.nan), n_passes=0,
                         n_epochs=np.zeros((B, L), np.int32), n_cholesky=np.zeros((B, L), np.int32), bytes_moved=0.0,
                         solver=penalty.name, profile=dict(clock.seconds), curvature=curvature if penalty.remarks else None)


def _variance(form, control, n_threads):
    """(G, p) variances of z, zero for columns that are not in the model of their weight group: barred, or constant there."""
    h = form.variance(control, n_threads).copy()
    square = form.shift**2 + (form.design.center * form.design.multiplier)**2
    h[h <= square * form.unvarying] = 0.0
    h[:, form.barred] = 0.0
    return h


def _grid(batch, form, variance, settings, control, penalty):
    """((B, L) alphas of the answer, (B, LEAD or 0) alphas that lead to them)."""
    B = form.n_problems
    top = penalty.largest(form, null_gradient(form, settings, control), variance, settings.l1_ratio)
    if batch.alphas is None:
        ratio = batch.alpha_min_ratio
        if ratio is None:
            rows = np.count_nonzero(form.V.any(axis=1))
            ratio = 1e-3 if rows > form.shape[1] else 1e-2
        return geometric(top, batch.n_alphas, ratio), np.empty((B, 0))
    alphas = np.empty((B, np.shape(batch.alphas)[-1]))
    alphas[:] = batch.alphas
    first = alphas[:, :1]
    top = np.maximum(np.where(np.isfinite(top), top, 0.0)[:, None], first)
    ratio = np.where(top > 0, np.maximum(first / top, LEAD_RATIO), 1.0)
    return alphas, np.maximum(top * ratio ** (np.arange(LEAD) / LEAD), first)


def _run(form, h, members, alphas, lead, penalty, settings, store, curvature, control, clock):
    """Fill ``store``, whose ``gap`` holds the certificate, and ``curvature``."""
    L, M, n_threads = alphas.shape[1], lead.shape[1], settings.n_threads
    with clock("gradient"):
        gradient = form.gradient_at_null(control, n_threads)
        store.n_passes += 2                              # this one, and that of the variances
    mean = np.zeros(form.shift.shape)
    if form.intercept:
        mean = np.where(form.design.multiplier > 0, form.shift / form.design.multiplier, 0.0) + form.design.center
    rows = form.held_out or []
    pointer = (np.cumsum([0] + [len(r) for r in rows]) if rows else np.zeros(form.V.shape[1] + 1)).astype(np.intp)
    held = np.concatenate([*rows, [0]]).astype(np.intp)
    l1, l2 = settings.penalties(form, np.hstack([lead, alphas]))
    unit = penalty.unit(form)
    l1, f1 = l1 * unit, form.f1 / unit
    V = np.ascontiguousarray(form.V.T)
    names = {"certificate": store.gap, "residual": store.residual, "held_out": store.held_out, "status": store.status,
             "epochs": store.n_epochs, "curvature": curvature}
    paths = []
    for some in _chunks(form, settings):
        g, t = form.group[some], form.target[some]
        answer = {name: np.full((len(some), M + L), np.nan) for name in ("certificate", "residual", "held_out", "curvature")}
        answer["status"] = np.full((len(some), M + L), SKIPPED, np.int8)
        answer["epochs"] = np.zeros((len(some), M + L), np.int32)
        y = np.ascontiguousarray(((form.Y[:, t] - form.ybar[g, t]) * (form.yy[g, t] > 0)).T)
        run = penalty.rounds(
            form.design, V, mean, form.shift, h, g, y, form.yy[g, t], gradient[some], f1, l1[some], l2[some], settings.tol,
            settings.max_epochs, form.intercept, pointer, held, form.held_out_weight, control, n_threads, answer,
            *penalty.own(form, some, members[some]))
        _go_round(run, form.design, n_threads, store, control, clock)
        penalty.finished(run, members[some])
        for name, kept in names.items():
            if kept is not None:
                kept[some] = answer[name][:, M:]
        paths += [_without_lead(path, M) for path in run.paths()]
    store.put_paths(paths)


def _chunks(form, settings):
    """Problems that go together: their gradients, residuals and Gram matrices, if small, fit the memory."""
    n, p = form.shape
    each = 8 * (BLOCK * (2 * n + p) + 6 * p + min(p, 512)**2)
    most = int(np.clip(settings.max_memory / each, 1, TOGETHER))
    return np.split(np.arange(form.n_problems), range(most, form.n_problems, most))


def _go_round(run, design, n_threads, store, control, clock):
    """Rounds until every problem is done, or the call is stopped."""
    while True:
        with clock("descent"):
            W = run.advance()
        if W is None:
            return
        try:
            with clock("certificate"):
                T = design.transposed_matvec(W, BLOCK, control, n_threads)
        except Stopped:
            return
        store.n_passes += 1
        with clock("accept"):
            run.settle(T)


def _without_lead(path, M):
    """The path (index, value, ends) without its first M alphas."""
    if M == 0:
        return path
    index, value, ends = path
    at = ends[M - 1]
    return index[at:], value[at:], np.maximum(ends[M:] - at, 0)

