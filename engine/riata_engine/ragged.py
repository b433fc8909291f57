"""Problems that have nothing in common: a design, a target, weights and folds each, in one call.

Those on few features are tasks of one compiled loop (``solvers/few_features.py``); each of the others goes through ``solve``.
"""

import time
from dataclasses import dataclass, field

import numpy as np

from riata_engine.batch import UNHEARD, Batch, ended, grid_under, solve_under
from riata_engine.cpu.control import Control, Stopped
from riata_engine.cpu.small_paths import NOT_REACHED
from riata_engine.interrupt import orderly_interrupt
from riata_engine.solvers.few_features import TASK, SmallPaths, few_features, shares_or_none, task_bytes
from riata_engine.solvers.grid import ratio_of_shape
from riata_engine.solvers.path_store import CONVERGED, DEGENERATE, MAX_ITER, SKIPPED, TIME_BUDGET
from riata_engine.solvers.problems import canonical_target
from riata_engine.threads import single_threaded_blas, thread_count

#: fields of a ``Ragged`` that are lists with an entry for each problem, or None
LISTS = ("weights", "offset", "penalty_factor", "lower", "upper")


@dataclass
class Ragged:
    """B penalised paths, each on its own X, with or without folds; all checked and converted by the caller.

    X, y : lists of B arrays (n_b, p_b), dense or CSC, and (n_b,)
    folds : list of (n_b,) int32 or None
        The fold that holds a row out, negative for none; n_folds (B,) says how many there are.
    weights, offset, penalty_factor, lower, upper : lists of B arrays or None, or None
    alphas : (B, L), or None for grids of ``n_alphas``
    predictions : bool
        Keep those of the rows that folds hold out.
    The other fields are those of ``Batch``.
    """

    X: list
    y: list
    folds: list | None = None
    n_folds: np.ndarray | None = None
    weights: list | None = None
    offset: list | None = None
    penalty_factor: list | None = None
    lower: list | None = None
    upper: list | None = None
    l1_ratio: object = 1.0
    alphas: np.ndarray | None = None
    n_alphas: int = 100
    alpha_min_ratio: object = None
    intercept: bool = True
    standardize: bool = False
    solver: str = "auto"
    tol: float = 1e-6
    max_epochs: int = 100_000
    stop_dev_ratio: float | None = None
    stop_dev_change: float | None = None
    n_threads: int | None = None
    time_budget: float | None = None
    max_memory: float | None = None
    predictions: bool = False
    loss: str = "squared"
    loss_parameter: float | None = None

    def __post_init__(self):
        B = len(self.X)
        for b, X in enumerate(self.X):
            if min(X.shape) == 0 or len(self.y[b]) != X.shape[0]:
                raise ValueError(f"X[{b}] has shape {X.shape} and y[{b}] {len(self.y[b])} entries: give a row or more, a column "
                                 "or more, and a target for each row")
        self.y = [canonical_target(y) for y in self.y]
        self.n_folds = np.zeros(B, np.intp) if self.n_folds is None else np.asarray(self.n_folds, np.intp)
        if self.n_folds.any():
            if self.stop_dev_ratio is not None or self.stop_dev_change is not None:
                raise ValueError("stop_dev_ratio and stop_dev_change end a path early, and the paths of its folds elsewhere: "
                                 "leave them out, or n_folds")
            self.folds = [None if fold is None else np.ascontiguousarray(fold, dtype=np.int32) for fold in self.folds]
        self.l1_ratio = np.array(np.broadcast_to(self.l1_ratio, B), dtype=float)
        if self.alphas is None and self.alpha_min_ratio is None:
            weights = [None] * B if self.weights is None else self.weights
            rows = [X.shape[0] if w is None else np.count_nonzero(w) for X, w in zip(self.X, weights, strict=True)]
            self.alpha_min_ratio = np.array([ratio_of_shape(n, X.shape[1]) for n, X in zip(rows, self.X, strict=True)])
        elif self.alphas is None:
            self.alpha_min_ratio = np.array(np.broadcast_to(self.alpha_min_ratio, B), dtype=float)
        else:
            self.alphas = np.broadcast_to(np.asarray(self.alphas, dtype=float), (B, np.shape(self.alphas)[-1]))

    @property
    def shape(self):
        """(B, L)."""
        return len(self.X), self.n_alphas if self.alphas is None else np.shape(self.alphas)[-1]

    def is_plain(self, b):
        """Whether problem b goes as a task."""
        plain = all(getattr(self, name) is None or getattr(self, name)[b] is None for name in LISTS[1:])
        most = TASK if self.max_memory is None else min(TASK, self.max_memory / 4 / thread_count(self.n_threads))
        plain = plain and task_bytes(self.X[b].shape[1], int(self.n_folds[b]), self.shape[1]) <= most
        plain = plain and few_features(self.X[b], True) and self.solver in ("auto", "gram") and not self.standardize
        if self.loss != "squared":
            return plain
        return plain and self.l1_ratio[b] > 0 and (self.alphas is None or bool(np.all(self.alphas[b])))


@dataclass
class RaggedSolution:
    """Answers of a ``Ragged``: arrays (B, L) as in ``Solution``, and flat ones; those of problem b begin at ``…_at[b]``."""

    alphas: np.ndarray
    intercept: np.ndarray
    gap: np.ndarray
    status: np.ndarray
    dev_ratio: np.ndarray
    df: np.ndarray
    n_epochs: np.ndarray
    n_cholesky: np.ndarray
    fold_gap: np.ndarray          # the largest, and the worst status, over the folds
    fold_status: np.ndarray
    coef: np.ndarray              # flat: (L, p_b) each
    coef_at: np.ndarray           # (B + 1,)
    held_out: np.ndarray          # flat: (n_folds[b], L) mean deviances of the rows held out
    held_out_at: np.ndarray
    prediction: np.ndarray        # flat: (n_b, L) linear predictors, NaN for rows that no fold holds out
    prediction_at: np.ndarray
    null_deviance: np.ndarray     # (B,) each
    n_passes: np.ndarray
    seconds: np.ndarray
    solver: list
    profile: dict = field(default_factory=dict)


#: arrays (B, L) that the answers of both ways have
BOTH_WAYS = ("alphas", "intercept", "gap", "status", "dev_ratio", "df", "n_epochs", "n_cholesky")


def solve_ragged(ragged, progress=None):
    """Solve every problem; a bad one has its status, and spoils no other.

    Parameters
    ----------
    ragged : Ragged
    progress : callable, optional
        ``progress(done, total)`` in (problem, alpha) pairs.

    Returns
    -------
    RaggedSolution

    Raises
    ------
    Interrupted
        On Ctrl-C, with what is done.
    """
    B, L = ragged.shape
    out = _blank(ragged)
    control = Control(ragged.time_budget, progress)
    control.total = B * L
    with orderly_interrupt(control), np.errstate(**UNHEARD):
        plain = np.array([ragged.is_plain(b) for b in range(B)], dtype=bool)
        left = _tasks(ragged, np.flatnonzero(plain), out, control) if plain.any() else []
        long_way = np.sort(np.concatenate([np.flatnonzero(~plain), left])).astype(np.intp)
        for count, b in enumerate(long_way):
            control.done = (B - len(long_way) + count) * L
            if control.check():
                break
            _alone(ragged, b, out, control)
    if control.stopped == "time_budget":
        for name in ("status", "fold_status"):
            late = getattr(out, name) == SKIPPED
            late &= (ragged.n_folds > 0)[:, None] | (name == "status")
            getattr(out, name)[late & np.isnan(out.null_deviance)[:, None]] = TIME_BUDGET
    return ended(control, out)


def _blank(ragged):
    """The solution of a call in which nothing has been solved yet."""
    B, L = ragged.shape
    rows = np.full((6, B, L), np.nan)
    if ragged.alphas is not None:
        rows[0] = ragged.alphas
    sizes = [L * np.array([X.shape[1] for X in ragged.X]), L * ragged.n_folds,
             L * np.array([X.shape[0] for X in ragged.X]) * (ragged.n_folds > 0) * ragged.predictions]
    at = [np.concatenate([[0], np.cumsum(size)]).astype(np.intp) for size in sizes]
    flat = [np.full(ends[-1], np.nan) for ends in at]
    return RaggedSolution(*rows[:3], np.full((B, L), SKIPPED, np.int8), *rows[3:5], *np.zeros((2, B, L), np.int32), rows[5],
                          np.full((B, L), SKIPPED, np.int8), flat[0], at[0], flat[1], at[1], flat[2], at[2], np.full(B, np.nan),
                          np.zeros(B, np.intp), np.zeros(B), ["none"] * B)


def _tasks(ragged, members, out, control):
    """Solve plain problems; returns those that the long way must look at."""
    def those(given):
        return None if given is None else [given[b] for b in members]

    alphas = None if ragged.alphas is None else ragged.alphas[members]
    weights = None if ragged.weights is None else [shares_or_none(given) for given in those(ragged.weights)]
    tasks = SmallPaths(those(ragged.X), those(ragged.y), ragged.l1_ratio[members], ragged.shape[1], alphas=alphas,
                       min_ratio=None if ragged.alphas is not None else ragged.alpha_min_ratio[members], weights=weights,
                       folds=those(ragged.folds), n_folds=ragged.n_folds[members], coef=(out.coef, out.coef_at[members]),
                       held_out=(out.held_out, out.held_out_at[members]),
                       prediction=(out.prediction if ragged.predictions else None, out.prediction_at[members]))
    with single_threaded_blas():
        tasks.run(ragged, control, thread_count(ragged.n_threads), finite=False)
    tasks.dev_ratio = tasks.blank_unsolved(tasks.alphas, tasks.null)
    kept = ~tasks.left
    rows = members[kept]
    for name in (*BOTH_WAYS, "fold_gap", "fold_status"):
        getattr(out, name)[rows] = getattr(tasks, name)[kept]
    out.null_deviance[rows] = (tasks.null * tasks.sigma * tasks.sigma)[kept]
    out.seconds[rows] = tasks.seconds.sum(axis=1)[kept]
    reached = members[kept & (tasks.verdict != NOT_REACHED)]
    out.n_passes[reached] = 1
    for b in reached:
        out.solver[b] = "gram" if ragged.loss == "squared" else "prox_newton"
    return members[tasks.left]


def _alone(ragged, b, out, control):
    """Solve one problem through ``solve``."""
    start = time.perf_counter()
    L, K = ragged.shape[1], int(ragged.n_folds[b])
    own = {name: None if getattr(ragged, name) is None else getattr(ragged, name)[b] for name in LISTS}
    rules = {name: getattr(ragged, name)
             for name in ("intercept", "standardize", "solver", "tol", "max_epochs", "n_threads", "max_memory", "loss",
                          "loss_parameter")}
    X, y = ragged.X[b], ragged.y[b]
    batch = Batch(X, y[:, None], **own, **rules, l1_ratio=ragged.l1_ratio[b], n_alphas=L, stop_dev_ratio=ragged.stop_dev_ratio,
                  stop_dev_change=ragged.stop_dev_change,
                  alphas=None if ragged.alphas is None else ragged.alphas[b],
                  alpha_min_ratio=None if ragged.alphas is not None else ragged.alpha_min_ratio[b])
    rows = []
    if K:
        rows = [np.flatnonzero(ragged.folds[b] == k) for k in range(K)]
        if batch.alphas is None:
            try:
                batch.alphas = grid_under(control, batch)[0]
            except Stopped:
                return
        batch = Batch(X, y[:, None], **own, **rules, l1_ratio=np.full(K + 1, ragged.l1_ratio[b]), alphas=batch.alphas,
                      held_out=[np.empty(0, np.intp), *rows], target=np.zeros(K + 1, np.intp), group=np.arange(K + 1),
                      store="sparse")
    found = solve_under(control, batch)
    for name in BOTH_WAYS:
        getattr(out, name)[b] = getattr(found, name)[0]
    coef = found.coef[0] if isinstance(found.coef, np.ndarray) else found.coef[0].toarray()
    solved = (found.status[0] == CONVERGED) | (found.status[0] == MAX_ITER) | (found.status[0] == DEGENERATE)
    coef[~solved] = np.nan
    out.coef[out.coef_at[b]:out.coef_at[b + 1]] = coef.ravel()
    out.null_deviance[b], out.n_passes[b], out.solver[b] = found.null_deviance[0], found.n_passes, found.solver
    if K:
        out.held_out[out.held_out_at[b]:out.held_out_at[b + 1]] = found.held_out_deviance[1:].ravel()
        out.fold_status[b], out.fold_gap[b] = found.status[1:].max(axis=0), found.gap[1:].max(axis=0)
        if ragged.predictions:
            part = out.prediction[out.prediction_at[b]:out.prediction_at[b + 1]].reshape(len(y), L)
            for g, fold in enumerate(rows, 1):
                part[fold] = (X[fold] @ found.coef[g].T) + found.intercept[g]
                if own["offset"] is not None:
                    part[fold] += own["offset"][fold, None]
    out.seconds[b] = time.perf_counter() - start
