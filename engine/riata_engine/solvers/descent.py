"""Runs of gradient descent: what the compiled epochs need (rows, settings, state), and what their answers are worth."""

from dataclasses import dataclass, field

import numpy as np

from riata_engine.cpu.descent import ENDED, HISTORY, REDUCTIONS, SCHEDULES, run_descent
from riata_engine.cpu.descent_rows import LOSSES, squared_norms
from riata_engine.cpu.steps import OPTIMISERS, STATE
from riata_engine.solvers.descent_gap import Certificate
from riata_engine.solvers.descent_step import automatic_step, loss_curvature, row_norms, smoothness, turn_of

#: bytes of neighbouring rows that a shuffle keeps together, and rows at the most; smaller X than this is shuffled row by row
TOGETHER, MOST, SMALL = 8192, 32, 1 << 20
#: numbers of eta and slopes that a certificate holds at once
CHUNK = 1 << 22
#: how often a run whose own step size diverges begins again with a quarter of it
RETRIES = 12
#: optimisers whose epochs end at the mean of their points, but for those of the first 1/EARLY of the steps
TAILED, EARLY = {"svrg", "centralvr"}, 4


@dataclass
class Descent:
    """B problems of gradient descent on one X; all checked and converted by the caller.

        minimise over b0, b:  Σ w ℓ(y, b0 + xᵀb) / Σ w + alpha·( l1_ratio·‖b‖₁ + (1 − l1_ratio)/2·‖b‖² )

    With ``groups`` the 1-norm is Σ_g √|g|·‖b_g‖.

    X : (n, p), dense or CSR, float32 or float64; dense X that is not by rows is copied once
    Y : (n, T) float64; labels ±1 for the losses of a margin
    loss : one of ``LOSSES``; ``parameter`` its number, if it has one
    weights : (n,), (B, n) or None; only their ratios count, unless ``keep_weights``
    target : (B,) column of Y
    alpha, l1_ratio : (B,)
    groups : None or (order of the features group by group, where each group begins and the last ends)
    optimizer : one of ``OPTIMISERS`` or of "sag", "saga", "svrg", "centralvr"
    step : "auto", float or (B,)
    schedule : one of ``SCHEDULES``, with the numbers s0, s1, s2 (formulas/steps.py); "optimal" has t0 and ``rate_alpha`` (None:
    alpha) batch_size, epochs, shuffle, seed, clip (0: none), dropout : what all share
    average_from : step after which iterates are averaged, −1: never
    held : rows of validation, that are not learnt from
    patience, tol : stop after ``patience`` epochs without an improvement by ``tol``; tol −inf: never
    measure : None or a function of (coef (B, p), intercept (B,)) that gives a validation loss after each epoch, one for all or
    (B,); without ``held``
    restore : whether an answer is the best of the validation
    state : of a run that goes on, as ``Answers.state``
    certify : whether objective and gap are computed
    squares : None or what `riata_engine.cpu.descent_rows.squared_norms` gives for X, where it is known
    """

    X: object
    Y: np.ndarray
    loss: str
    alpha: np.ndarray
    l1_ratio: np.ndarray
    target: np.ndarray
    parameter: float = 0.0
    weights: np.ndarray | None = None
    keep_weights: bool = False
    groups: tuple | None = None
    intercept: bool = True
    optimizer: str = "sgd"
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    decay: float = 0.0
    step: object = "auto"
    schedule: str = "fixed"
    s0: float = 0.0
    s1: float = 0.0
    s2: float = 0.0
    t0: float = 1.0
    rate_alpha: float | None = None
    batch_size: int = 256
    epochs: int = 100
    shuffle: bool = True
    seed: int = 0
    clip: float = 0.0
    dropout: float = 0.0
    average_from: int = -1
    held: np.ndarray | None = None
    patience: int = 5
    tol: float = -np.inf
    measure: object = None
    restore: bool = True
    start: tuple | None = None
    state: dict | None = None
    certify: bool = True
    squares: tuple | None = None
    n_threads: int | None = None
    time_budget: float | None = None


@dataclass
class Answers:
    """Of B problems. ``history`` maps the names of ``HISTORY`` to (B, epochs), NaN behind the last epoch; ``gap`` is divided by
    the null objective less its least, ``curvature`` the smoothness that an automatic step was made from (NaN if given)."""

    coef: np.ndarray
    intercept: np.ndarray
    status: np.ndarray
    n_epochs: np.ndarray
    history: dict
    objective: np.ndarray
    gap: np.ndarray
    absolute_gap: np.ndarray
    step: np.ndarray
    smoothness: float
    halvings: int
    state: dict = field(repr=False, default_factory=dict)


class Asked:
    """``measure`` of a ``Descent`` at its state of now, for the compiled epochs: what it raises is kept, and ends the run."""

    def __init__(self, measure, state, p):
        self.measure, self.state, self.p, self.error = measure, state, p, None

    def __call__(self):
        b, averaged = self.state["b"], self.state["averaged"] > 0
        if averaged.any():
            b = np.where(averaged[:, None], self.state["average"], b)
        try:
            losses = np.asarray(self.measure(b[:, : self.p] + 0.0, b[:, -8].copy()), dtype=float)
            if losses.shape not in ((), (len(b),)) or not np.isfinite(losses).all():
                raise ValueError(f"validation gave {losses}: a function for early stopping returns a finite number, lower for "
                                 f"better{'' if len(b) == 1 else f', or {len(b)} of them'}")
        except BaseException as error:
            self.error = error
            return None
        return np.full(len(b), losses)


def by_rows(X):
    """(entries, indptr, indices, p) of X row by row, without a copy of C-ordered or canonical CSR X."""
    if isinstance(X, np.ndarray):
        return np.ascontiguousarray(X).reshape(-1), None, None, X.shape[1]
    X = X.tocsr()
    if not X.has_canonical_format:
        X = X.copy()
        X.sum_duplicates()
    return X.data, X.indptr.astype(np.int64, copy=False), X.indices.astype(np.int32, copy=False), X.shape[1]


def block_of(n, row):
    """Neighbouring rows, of so many bytes each, that a shuffle keeps together: enough for long reads; one where X is small."""
    row = max(row, 1)
    return 1 if n * row <= SMALL else int(np.clip(TOGETHER // row, 1, MOST))


def fresh_state(B, p, optimizer, reduction, average, n, lr, start=None, lazy=False):
    ld = (p + 7) // 8 * 8 + 8
    state = {name: np.zeros((B, ld)) for name in ("b", "best", "begin", "last", "drift")}
    velocity, squares = STATE[optimizer]
    if velocity or lazy:
        state["v"] = np.ones((B, ld)) if lazy else np.zeros((B, ld))
    if squares or lazy:
        state["s"] = np.zeros((B, ld))
    if average:
        state["average"] = np.zeros((B, ld))
    if reduction:
        state |= {name: np.zeros((B, ld)) for name in ("mean", "gathered", "tail")}
        state["memory"] = np.zeros((B, n))
    state |= {"t": np.zeros(B), "averaged": np.zeros(B), "lr": np.array(lr, dtype=float), "epoch": 0}
    if start is not None:
        state["b"][:, :p], state["b"][:, ld - 8] = start
    return state


def run(problem, control, n_threads):
    """Run the epochs of a ``Descent``; an own step size that diverges is divided by four, and the run begins again."""
    X, n = problem.X, problem.X.shape[0]
    entries = by_rows(X)
    held = np.zeros(0, np.int32) if problem.held is None else np.asarray(problem.held, np.int32)
    trained = np.ones(n, bool)
    trained[held] = False
    rows = np.flatnonzero(trained).astype(np.int32)
    weights = np.ones((1, n)) if problem.weights is None else np.array(problem.weights, dtype=float, ndmin=2, order="C")
    if not problem.keep_weights:
        weights *= len(rows) / weights[:, rows].sum(axis=1, keepdims=True)
    reduction = problem.optimizer if problem.optimizer in REDUCTIONS else None
    optimizer = "sgd" if reduction else problem.optimizer
    batch = min(problem.batch_size, len(rows))
    own = isinstance(problem.step, str)
    B = len(problem.target)
    L, basis = np.nan, None
    if own and problem.state is None:
        part = X if not len(held) else X[rows]
        norms, columns = (None, None) if batch == len(rows) else problem.squares or squares(X)
        norms = norms if norms is None or not len(held) else norms[rows]
        scale = loss_curvature(problem.loss, problem.parameter, problem.Y[:, 0], weights[0])
        heaviest = weights.max(axis=0)[rows]
        turn, turned = _turn(problem, part, heaviest, batch, scale, norms, columns)
        if not turned.all():
            L = scale * smoothness(part, heaviest, batch, problem.intercept, norms)
        lr = np.full(B, automatic_step(L, optimizer, problem.beta1, batch == len(rows), reduction is not None))
        if turn is not None:
            lr[turned] = turn.step
            L = turn.L if turned.all() else L
            basis = *(np.ascontiguousarray(V, np.float32) for V in (turn.V, turn.V.T)), turn.spectrum, turned.astype(np.uint8)
    else:
        lr = np.broadcast_to(np.asarray(1.0 if own else problem.step, float), (B,)).copy()
    sparse = entries[1] is not None
    lazy = (sparse and optimizer == "sgd" and not reduction and problem.average_from < 0 and problem.groups is None and
            problem.schedule != "armijo" and len(entries[0]) / max(n, 1) * batch < entries[3] / 4)
    average = problem.average_from >= 0
    for halvings in range(RETRIES + 1):
        state = problem.state
        if state is not None and lazy:                            # rows that are sparse now, and were not before
            state.setdefault("v", np.ones_like(state["b"]))
            state.setdefault("s", np.zeros_like(state["b"]))
        state = state or fresh_state(B, entries[3], optimizer, reduction, average, n, lr, problem.start, lazy)
        record, status, done = _run(problem, entries, rows, held, weights, optimizer, reduction, batch, lazy, state, control,
                                    n_threads, basis)
        diverged = status == ENDED.index("diverged")
        if not (own and problem.state is None and diverged.any()) or control.stopped or halvings == RETRIES:
            break
        lr = np.where(diverged, lr / 4, lr)
    return _answers(problem, entries, weights, rows, state, record, status, done, L, halvings, held)


def squares(X):
    """Squared norms of rows, and of columns where X is dense."""
    return squared_norms(by_rows(X)[0], X.shape[1]) if isinstance(X, np.ndarray) else (row_norms(X), None)


def _turn(problem, part, heaviest, batch, scale, norms, columns):
    """(`Turn` or None, which problems go by it): those of "centralvr" with a ridge penalty below the mean curvature or none."""
    plain = problem.alpha * problem.l1_ratio == 0
    if (problem.optimizer != "centralvr" or columns is None or problem.schedule != "fixed" or problem.clip > 0
            or problem.dropout > 0 or problem.average_from >= 0 or problem.groups is not None or not plain.any()):
        return None, np.zeros(len(plain), bool)
    turn = turn_of(part, heaviest, batch, problem.intercept, scale, norms, columns)
    return turn, plain & (problem.alpha < (turn.typical if turn is not None else 0))


def _run(problem, entries, rows, held, weights, optimizer, reduction, batch, lazy, state, control, n_threads, basis):
    x, indptr, indices, p = entries
    B = len(problem.target)
    steps = -(-len(rows) // batch)
    tail = problem.optimizer in TAILED and problem.schedule == "fixed" and problem.average_from < 0
    settings = {
        "loss": LOSSES.index(problem.loss), "parameter": problem.parameter, "batch_size": batch, "shuffle": problem.shuffle,
        "block": block_of(len(rows), x.itemsize * p if indptr is None else (x.itemsize + 4) * len(x) // (len(indptr) - 1)),
        "seed": problem.seed, "intercept": problem.intercept, "lazy": lazy,
        "optimizer": OPTIMISERS.index(optimizer), "beta1": problem.beta1, "beta2": problem.beta2, "eps": problem.eps,
        "decay": problem.decay, "schedule": SCHEDULES.index(problem.schedule), "s0": problem.s0, "s1": problem.s1,
        "s2": problem.s2, "total": float(problem.epochs * steps), "reduction": REDUCTIONS.index(reduction), "clip": problem.clip,
        "dropout": problem.dropout, "tol": problem.tol, "patience": problem.patience, "average_from": problem.average_from,
        "tail_from": steps // EARLY if tail else -1,
        "first_epoch": state["epoch"]}
    l1 = problem.alpha * problem.l1_ratio
    grouped = problem.groups is not None
    problems = np.column_stack([np.zeros(B) if grouped else l1, problem.alpha * (1 - problem.l1_ratio),
                                l1 if grouped else np.zeros(B), np.zeros(B),
                                problem.alpha if problem.rate_alpha is None else np.full(B, problem.rate_alpha),
                                np.full(B, problem.t0)])
    record = np.full((B, problem.epochs, len(HISTORY)), np.nan)
    status, done = np.zeros(B, np.int8), np.zeros(B, np.int64)
    group, group_at = (None, None) if not grouped else (np.asarray(part, np.int32) for part in problem.groups)
    control.total = control.total or B
    asked = None if problem.measure is None else Asked(problem.measure, state, p)
    run_descent(x, indptr, indices, p, rows, held, np.ascontiguousarray(problem.Y.T, dtype=float),
                np.ascontiguousarray(problem.target, dtype=np.intp), weights, settings, np.ascontiguousarray(problems), state,
                record, status, done, group, group_at, control, n_threads, asked, basis)
    if asked is not None and asked.error is not None:
        raise asked.error
    state["epoch"] += int(done.max(initial=0))
    return record, status, done


def _answers(problem, entries, weights, rows, state, record, status, done, L, halvings, held):
    p, n = problem.X.shape[1], problem.X.shape[0]
    diverged = status == ENDED.index("diverged")
    answer = state["b"].copy()
    if problem.average_from >= 0:
        averaged = state["averaged"] > 0
        answer[averaged] = state["average"][averaged]
    best = diverged | (problem.restore & (len(held) > 0 or problem.measure is not None))
    answer[best] = state["best"][best]
    bad = ~np.isfinite(answer).all(axis=1)                    # stopped within an epoch that overflowed
    answer[bad], status[bad] = state["best"][bad], ENDED.index("diverged")
    coef, intercept = answer[:, :p] + 0.0, answer[:, -8].copy()                  # no negative zeros
    objective, gap, absolute = (np.full(len(coef), np.nan) for _ in range(3))
    if problem.certify:
        v = weights.copy()
        v[:, held] = 0
        v /= v.sum(axis=1, keepdims=True)
        l1 = problem.alpha * problem.l1_ratio
        l2 = problem.alpha * (1 - problem.l1_ratio)
        y = np.ascontiguousarray(problem.Y.T, dtype=float)
        size = max(1, CHUNK // n)
        for at in range(0, len(coef), size):
            some = slice(at, at + size)
            measure = Certificate(entries, y, np.ascontiguousarray(problem.target[some], dtype=np.intp),
                                  v[some] if len(v) > 1 else v, problem.loss,
                                  problem.parameter, problem.intercept, problem.groups)
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                objective[some], absolute[some] = measure(coef[some], intercept[some], l1[some], l2[some])
                null = measure.null_deviance()
                gap[some] = absolute[some] / np.where(null > 0, null, 1.0)
    history = {name: record[:, :, k] for k, name in enumerate(HISTORY)}
    return Answers(coef, intercept, status, done, history, objective, gap, absolute, state["lr"].copy(), L, halvings, state)
