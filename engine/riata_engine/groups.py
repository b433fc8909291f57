"""The door of the engine for groups of features and several responses: a ``GroupBatch`` in, a certified ``GroupSolution`` out."""

from dataclasses import dataclass, field

import numpy as np
from scipy import sparse

from riata_engine.batch import Interrupted, ended
from riata_engine.cpu.control import Control, Stopped
from riata_engine.interrupt import orderly_interrupt
from riata_engine.solvers.clock import Clock
from riata_engine.solvers.grid import SMALLEST_L1_RATIO, geometric
from riata_engine.solvers.group_form import FreeGroups, group_form
from riata_engine.solvers.group_path import GroupPath, Penalties, unsolved_status
from riata_engine.solvers.path_store import CONVERGED, DEGENERATE, NOT_FINITE, STATUS
from riata_engine.solvers.problems import canonical, canonical_target
from riata_engine.threads import single_threaded_blas, thread_count

__all__ = ["STATUS", "GroupBatch", "GroupSolution", "Interrupted", "group_alpha_grid", "solve_groups"]


@dataclass
class GroupBatch:
    """B problems of squared loss on one X, coefficients (p, T) in groups of features.

        minimise over b0 (T,), b (p, T):  Σ_i w_i ½‖y_i − b0 − bᵀx_i‖² / Σ_i w_i
            + alpha · [ l1_ratio · ( sparsity·Σ_jt |b_jt| + (1 − sparsity)·Σ_g f_g ‖b_g‖ ) + (1 − l1_ratio)/2 · ‖b‖² ]

    with Frobenius norms over the rows of a group. Group lasso: sparsity 0, l1_ratio 1; sparse group lasso: sparsity its mix; the
    l2,1 norm of several responses: a group for each feature.

    Attributes
    ----------
    X : (n, p) ndarray or scipy CSC/CSR, float32 or float64
    Y : (n, T) float64
    groups : list of G index arrays that partition the features
    penalty_factor : (G,)
        f_g, 0 or more; inf leaves a group out.
    l1_ratio : float or (B,)
    sparsity : float
    alphas : None, (L,) or (B, L), descending
        None: ``n_alphas`` from the largest that matters down to ``alpha_min_ratio`` times it (1e-3 if n > p, else 1e-2).
    weights : None, (n,) or (n, W)
        Row weights; a column for each of W weight sets.
    weight_set : (B,) intp
        Which set a problem has. Default: 0.
    held_out : None or list of W index arrays
        Rows on which ``held_out_deviance`` is measured, by ``held_out_weights`` (n,); their weights 0 are the caller's business.
    standardize : bool
        The penalty acts on b_j·s_j, s_j the weighted standard deviation of column j (1 for a column that does not vary).
    """

    X: object
    Y: np.ndarray
    groups: list
    penalty_factor: np.ndarray
    l1_ratio: object = 1.0
    sparsity: float = 0.0
    alphas: np.ndarray | None = None
    n_alphas: int = 100
    alpha_min_ratio: float | None = None
    weights: np.ndarray | None = None
    weight_set: np.ndarray | None = None
    held_out: list | None = None
    held_out_weights: np.ndarray | None = None
    intercept: bool = True
    standardize: bool = False
    tol: float = 1e-6
    max_epochs: int = 100_000
    stop_dev_ratio: float | None = None
    stop_dev_change: float | None = None
    n_threads: int | None = None
    time_budget: float | None = None
    max_memory: float | None = None

    def __post_init__(self):
        self.X, self.Y = canonical(self.X), canonical_target(self.Y)
        self.groups = [np.ascontiguousarray(group, dtype=np.intp) for group in self.groups]
        counts = np.bincount(np.concatenate([np.empty(0, np.intp), *self.groups]), minlength=self.X.shape[1])
        if len(counts) != self.X.shape[1] or (counts != 1).any() or not all(map(len, self.groups)):
            raise ValueError("groups do not partition the features")
        if self.weight_set is None:
            self.weight_set = np.zeros(np.size(self.l1_ratio), np.intp)
        self.l1_ratio = np.broadcast_to(np.asarray(self.l1_ratio, float), len(self.weight_set)).copy()
        self.penalty_factor = np.asarray(self.penalty_factor, float)


@dataclass
class GroupSolution:
    """What ``solve_groups`` returns: as ``Solution``, but for the coefficients and intercepts of T responses.

    ``coef`` is a list of B CSR arrays (L·T, p), row l·T + t response t of alpha l; ``intercept`` (B, L, T); ``n_groups`` (B, L)
    groups with a coefficient other than 0; ``df`` counts coefficients, and intercepts; an alpha of 0 is least squares.
    """

    alphas: np.ndarray
    coef: list
    intercept: np.ndarray
    gap: np.ndarray
    status: np.ndarray
    dev_ratio: np.ndarray
    df: np.ndarray
    n_groups: np.ndarray
    held_out_deviance: np.ndarray
    null_deviance: np.ndarray
    n_passes: int
    n_epochs: np.ndarray
    n_cholesky: np.ndarray
    bytes_moved: float
    solver: str
    profile: dict = field(default_factory=dict)

    def coefficients(self, b, l):
        """(T, p) of problem b at alpha l."""
        T = self.intercept.shape[2]
        return self.coef[b][l * T:(l + 1) * T].toarray()


class _Answer:
    """The path of one problem as it comes in."""

    def __init__(self, form, free_at, L):
        self.form, self.free_at = form, free_at
        T = len(form.y)
        self.gap, self.square, self.df = (np.full(L, np.nan) for _ in range(3))
        self.intercept = np.full((L, T), np.nan)
        self.status, self.n_epochs, self.n_groups = np.full(L, -1, np.int8), np.zeros(L, np.int64), np.zeros(L, np.int64)
        self.rows = [None] * L

    def put(self, l, B, free_b, gap, square, used, status):
        """Alpha l: coefficients B (T, p) of z group by group, those of free features (T, q) beside."""
        form = self.form
        if free_b is not None:
            B = B.copy()
            B[:, self.free_at] = free_b
        coef, intercept = form.to_data(B[None])
        coef, intercept = coef[0], intercept[0]
        if not (np.isfinite(coef).all() and np.isfinite(intercept).all() and np.isfinite(square)):
            self.status[l] = NOT_FINITE
            return
        self.rows[l] = sparse.csr_array(coef)
        self.intercept[l], self.gap[l], self.square[l], self.status[l] = intercept, gap, square, status
        self.df[l] = self.rows[l].nnz + form.intercept * len(coef)
        free = 0 if free_b is None else len(np.unique(np.searchsorted(form.start, self.free_at, side="right")))
        self.n_groups[l] = used.sum() + free

    def coefficients(self):
        T, p = len(self.form.y), self.form.shape[1]
        return sparse.vstack([sparse.csr_array((T, p)) if row is None else row for row in self.rows], format="csr")


def _penalties(batch, form, l1_ratio):
    """``Penalties`` in the units of a form. Groups whose columns are all constant are left out."""
    unit, factor = form.unit, batch.penalty_factor
    with np.errstate(invalid="ignore"):
        share = l1_ratio * (1.0 - batch.sparsity)
        lam = np.where(np.isinf(factor), np.inf, share * factor * unit / form.sigma)
    dead = np.add.reduceat((form.design.multiplier[form.order] != 0).astype(int), form.start[:-1]) == 0
    return Penalties(np.where(dead, np.inf, lam), l1_ratio * batch.sparsity * unit / form.sigma, (1.0 - l1_ratio) * unit**2)


def _weights(batch, k):
    """Row weights of weight set k."""
    w = batch.weights
    return w if w is None or w.ndim == 1 else np.ascontiguousarray(w[:, k])


def _ratio(batch):
    if batch.alpha_min_ratio is not None:
        return batch.alpha_min_ratio
    n, p = batch.X.shape
    return 1e-3 if n > p else 1e-2


def _largest(batch, form, l1_ratio, control, n_threads):
    """The least alpha at which every penalised coefficient is 0; of a ridge that of l1_ratio 0.001 (glmnet's rule)."""
    pen = _penalties(batch, form, max(l1_ratio, SMALLEST_L1_RATIO))
    return GroupPath(form, pen, batch, control, n_threads).largest_alpha()


def group_alpha_grid(batch):
    """The (B, L) alphas that ``solve_groups`` would use for a batch whose ``alphas`` is None."""
    control, n_threads = Control(), thread_count(batch.n_threads)
    largest = np.zeros(len(batch.weight_set))
    try:
        with single_threaded_blas(), np.errstate(over="ignore", invalid="ignore"):
            for k in np.unique(batch.weight_set):
                form = group_form(batch, _weights(batch, k), control, n_threads)
                for b in np.flatnonzero(batch.weight_set == k):
                    largest[b] = _largest(batch, form, batch.l1_ratio[b], control, n_threads)
    except Stopped:
        raise control.error from None
    return geometric(largest, batch.n_alphas, _ratio(batch))


def solve_groups(batch, progress=None):
    """Solve every problem of a ``GroupBatch`` at each of its alphas.

    Parameters
    ----------
    batch : GroupBatch
    progress : callable, optional
        ``progress(done, total)`` in (problem, alpha) pairs.

    Returns
    -------
    GroupSolution

    Raises
    ------
    Interrupted
        On Ctrl-C, with what is done.
    """
    control = Control(batch.time_budget, progress)
    with orderly_interrupt(control), single_threaded_blas(), np.errstate(over="ignore", invalid="ignore"):
        solution = _solve(batch, control)
    return ended(control, solution)


def _solve(batch, control):
    B, T, p = len(batch.weight_set), batch.Y.shape[1], batch.X.shape[1]
    L = batch.n_alphas if batch.alphas is None else np.shape(batch.alphas)[-1]
    control.total = B * L
    clock, n_threads, n_passes = Clock(), thread_count(batch.n_threads), 0
    grid = np.full((B, L), np.nan) if batch.alphas is None else np.broadcast_to(np.asarray(batch.alphas, float), (B, L)).copy()
    gap, dev_ratio, df, held_out = (np.full((B, L), np.nan) for _ in range(4))
    intercept, null_deviance = np.full((B, L, T), np.nan), np.full(B, np.nan)
    status, epochs, in_use = np.zeros((B, L), np.int8), np.zeros((B, L), np.int32), np.zeros((B, L), np.int64)
    coef = [sparse.csr_array((L * T, p)) for _ in range(B)]
    status[:] = unsolved_status(control)
    for k in np.unique(batch.weight_set):
        members = np.flatnonzero(batch.weight_set == k)
        try:
            with clock("standard form"):
                form = group_form(batch, _weights(batch, k), control, n_threads)
            if batch.alphas is None:
                with clock("grid"):
                    largest = [_largest(batch, form, batch.l1_ratio[b], control, n_threads) for b in members]
                    grid[members] = geometric(np.array(largest), L, _ratio(batch))
        except Stopped:
            status[batch.weight_set >= k] = unsolved_status(control)
            break
        for b in members:
            pen = _penalties(batch, form, batch.l1_ratio[b])
            path = GroupPath(form, pen, batch, control, n_threads)
            answer = _Answer(form, None if path.free is None else path.free.at, L)
            with clock("path"):
                if form.null == 0:
                    _constant(form, answer)
                else:
                    positive = int(np.count_nonzero(grid[b] > 0))
                    if positive:
                        path.run(grid[b, :positive], answer)
                    if positive < L and not control.check():
                        _least_squares(form, pen, answer, range(positive, L))
                if path.free is not None and path.free.deficient:
                    answer.status[answer.status == CONVERGED] = DEGENERATE
            n_passes += path.n_passes
            answer.status[answer.status < 0] = unsolved_status(control)
            status[b], gap[b], df[b], intercept[b] = answer.status, answer.gap, answer.df, answer.intercept
            epochs[b], in_use[b], null_deviance[b] = answer.n_epochs, answer.n_groups, 2 * form.null * form.sigma * form.sigma
            with np.errstate(invalid="ignore", divide="ignore"):
                share = answer.square / (2 * form.null) if form.null > 0 else np.where(np.isnan(answer.square), np.nan, 1.0)
            dev_ratio[b] = np.where(np.abs(1 - share) < 1e-15, 0.0, 1 - share)
            coef[b] = answer.coefficients()
            if batch.held_out is not None:
                held_out[b] = _held_out_deviance(batch, batch.held_out[k], coef[b], intercept[b])
    stored = batch.X.nbytes if isinstance(batch.X, np.ndarray) else batch.X.data.nbytes + batch.X.indices.nbytes
    return GroupSolution(alphas=grid, coef=coef, intercept=intercept, gap=gap, status=status, dev_ratio=dev_ratio, df=df,
                         n_groups=in_use, held_out_deviance=held_out, null_deviance=null_deviance, n_passes=n_passes,
                         n_epochs=epochs, n_cholesky=np.zeros((B, L), np.int32), bytes_moved=float(stored * n_passes),
                         solver="groups", profile=dict(clock.seconds))


def _constant(form, answer):
    """A target that does not vary: nothing to explain."""
    zero = np.zeros((len(form.y), form.shape[1]))
    for l in range(len(answer.gap)):
        answer.put(l, zero, None, 0.0, 0.0, np.zeros(len(form.unit), bool), CONVERGED)


def _least_squares(form, pen, answer, where):
    """Alpha 0: every group that is not left out is free. The answer of least norm where it is not unique."""
    free = FreeGroups(form, np.flatnonzero(np.isfinite(pen.lam)))
    b = free.coefficients(form.y)
    R = form.y - b @ free.Z
    theta = free.off(R)
    gap = (0.5 * np.vdot(R, R) + 0.5 * np.vdot(theta, theta) - np.vdot(theta, form.y)) / form.null
    answer.free_at = free.at
    B, nothing = np.zeros((len(form.y), form.shape[1])), np.zeros(len(form.unit), bool)
    for l in where:
        answer.put(l, B, b, max(gap, 0.0), np.vdot(R, R), nothing, DEGENERATE if free.deficient else CONVERGED)


def _held_out_deviance(batch, rows, coef, intercept):
    """(L,) weighted mean squared error over held-out rows and responses."""
    L, T = intercept.shape
    if not len(rows):
        return np.full(L, np.nan)
    used = np.unique(coef.indices)
    X = batch.X.tocsc()[:, used].tocsr()[rows].toarray() if sparse.issparse(batch.X) else batch.X[np.ix_(rows, used)]
    predicted = X.astype(np.float64, copy=False) @ coef.tocsc()[:, used].toarray().T           # (rows, L·T)
    error = (batch.Y[rows][:, None, :] - intercept - predicted.reshape(len(rows), L, T))**2
    weights = None if batch.held_out_weights is None else batch.held_out_weights[rows]
    if weights is not None and not weights.any():
        return np.full(L, np.nan)
    return np.average(error.mean(axis=2), axis=0, weights=weights)
