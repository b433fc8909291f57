"""A door of the engine: multinomial (softmax) logistic regression with elastic-net penalties, whole paths and batches of them.

    minimise over b0 (K,), b (p, K):  Σ_i w_i ( log Σ_k e^{η_ik} − η_{i,y_i} ) / Σ_i w_i
                                      + alpha · Σ_jk f_j ( l1_ratio |b_jk| + (1 − l1_ratio)/2 b_jk² ),   η_i = o_i + b0 + x_i b

The parametrisation is symmetric: every class has coefficients, and the shift common to all classes, which the softmax does not
see, is the one that the penalty likes best (intercepts sum to zero). With a reference class, its coefficients are 0 instead.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from riata_engine.cpu.control import Control, Stopped
from riata_engine.cpu.design import Design
from riata_engine.cpu.moments import moments, standard_columns
from riata_engine.cpu.multinomial_paths import multinomial_paths
from riata_engine.interrupt import orderly_interrupt
from riata_engine.solvers.grid import geometric
from riata_engine.solvers.path_store import MAX_ITER, NOT_FINITE, SKIPPED, STATUS, TIME_BUDGET
from riata_engine.solvers.row_space import RowSpace
from riata_engine.solvers.standard_form import FAR, rounding_of_mean, row_shares, store_centred
from riata_engine.threads import single_threaded_blas, thread_count

__all__ = ["STATUS", "Multinomial", "MultinomialInterrupted", "MultinomialSolution", "multinomial_grid", "solve_multinomial"]


@dataclass
class Multinomial:
    """B multinomial paths on one X.

    Attributes
    ----------
    X : ndarray (n, p) or CSC matrix, float32 or float64, finite
    codes : (n,) integers
        Class of each row, 0 … n_classes − 1.
    n_classes : int
        K, at least 2.
    weights : (n,) or (G, n), optional
        Row weights, one row a weight group.
    group : (B,) integers, optional
        Weight group of each problem; default: 0 for each l1_ratio.
    l1_ratio : (B,) or float
    offset : (n, K), optional
    alphas : (L,) or (B, L), descending, optional
    n_alphas, alpha_min_ratio
        Of a derived grid; the ratio 1e-3 if n > p, otherwise 1e-2.
    penalty_factor : (p,), optional
    reference : int, optional
        Class whose coefficients are 0.
    intercept, standardize : bool
    tol : float
        Of the duality gap over the loss of the null model (intercepts only).
    max_epochs : int
        Sweeps of coordinate descent and products of conjugate gradients of an alpha.
    """

    X: object
    codes: np.ndarray
    n_classes: int
    weights: np.ndarray | None = None
    group: np.ndarray | None = None
    l1_ratio: object = 1.0
    offset: np.ndarray | None = None
    alphas: np.ndarray | None = None
    n_alphas: int = 100
    alpha_min_ratio: float | None = None
    penalty_factor: np.ndarray | None = None
    reference: int | None = None
    intercept: bool = True
    standardize: bool = False
    tol: float = 1e-6
    max_epochs: int = 100_000
    n_threads: int | None = None
    time_budget: float | None = None


@dataclass
class MultinomialSolution:
    """Answers (B, L): NaN where an alpha was not fitted.

    Attributes
    ----------
    alphas, gap, dev_ratio, df, status, n_epochs, n_newton : (B, L)
        ``gap`` is the duality gap over the loss of the null model; features without any penalty add twice the decrease that a
        Newton step on them promises. ``df`` counts coefficients other than 0, and the free intercepts.
    coef : (B, L, K, p)
    intercept : (B, L, K)
    null_loss : (B,)
        Mean log-loss of the null model; the null deviance is twice it.
    n_passes : int
        Full passes over X.
    """

    alphas: np.ndarray
    coef: np.ndarray
    intercept: np.ndarray
    gap: np.ndarray
    status: np.ndarray
    dev_ratio: np.ndarray
    df: np.ndarray
    n_epochs: np.ndarray
    n_newton: np.ndarray
    null_loss: np.ndarray
    n_passes: int


class MultinomialInterrupted(KeyboardInterrupt):
    """Ctrl-C during ``solve_multinomial``; ``solution`` holds what is done, the rest has status ``skipped``."""

    def __init__(self, solution):
        super().__init__("interrupted; .solution holds the paths that are done")
        self.solution = solution


def solve_multinomial(batch, progress=None):
    """Solve every problem of a ``Multinomial`` at each of its alphas.

    Raises
    ------
    ValueError
        If a class has no row with a positive weight in some weight group: its intercept has no finite optimum.
    MultinomialInterrupted
        On Ctrl-C, with what is done.
    MemoryError
    """
    control = Control(batch.time_budget, progress)
    with orderly_interrupt(control), single_threaded_blas(), np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        solution = _solve(batch, control)
    if control.stopped == "interrupted":
        if isinstance(control.error, KeyboardInterrupt):
            raise MultinomialInterrupted(solution) from None
        raise control.error
    return solution


def multinomial_grid(batch):
    """The (B, L) alphas that ``solve_multinomial`` would use for a batch whose ``alphas`` is None."""
    control = Control()
    try:
        with single_threaded_blas(), np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            return _Prepared(batch, control).grid()
    except Stopped:
        raise control.error from None


class _Prepared:
    """A batch in standard form."""

    def __init__(self, batch, control):
        self.batch, self.control = batch, control
        self.V = _row_weights(batch)
        l1_ratio = np.atleast_1d(np.asarray(batch.l1_ratio, float))
        self.group = np.zeros(len(l1_ratio), np.intp) if batch.group is None else np.asarray(batch.group, np.intp)
        self.l1_ratio = np.ascontiguousarray(np.broadcast_to(l1_ratio, self.group.shape))
        self.n_threads = thread_count(batch.n_threads)
        self.design, self.origin, self.f1, self.f2 = _standard_form(batch, self.V, control, self.n_threads)
        self.free = bool(((self.f1 == 0) & (self.f2 == 0)).any())
        self.offset = None if batch.offset is None else np.ascontiguousarray(np.asarray(batch.offset, float).T)
        self.codes = np.ascontiguousarray(batch.codes, np.int32)

    def solve(self, alphas):
        """Answers of all problems. Ridges on more columns than rows are solved in the space of the rows."""
        n, p = self.batch.X.shape
        used = self.f2[:, np.isfinite(self.f1[0])]
        ridge = (self.l1_ratio == 0) & bool(p > n and used.size and (used > 0).all())
        if not ridge.any():
            return self._on_columns(alphas, np.arange(len(ridge)))
        found = self._in_row_space(alphas[ridge], np.flatnonzero(ridge))
        if ridge.all():
            return found
        others = self._on_columns(alphas[~ridge], np.flatnonzero(~ridge))
        merged = {"passes": found.pop("passes") + others["passes"]}
        for name, part in found.items():
            merged[name] = np.empty((len(ridge), *part.shape[1:]), part.dtype)
            merged[name][ridge], merged[name][~ridge] = part, others[name]
        return merged

    def _on_columns(self, alphas, some, designs=None, f1=None, f2=None, start_only=False):
        """Answers of the problems ``some`` on the columns of X, or on others with their factors."""
        batch = self.batch
        if designs is None:
            designs, f1, f2 = [self.design], self.f1, self.f2
        return multinomial_paths(designs, self.codes, batch.n_classes, self.V, self.group[some], self.offset, f1, f2,
                                 -1 if batch.reference is None else int(batch.reference), batch.intercept, self.l1_ratio[some],
                                 alphas, batch.tol, batch.max_epochs, self.free, self.control, self.n_threads, start_only)

    def _in_row_space(self, alphas, some):
        """Answers of ridges on at most n columns in place of p; with deviations of their own, on others for each group."""
        f = np.where(np.isfinite(self.f1), self.f2, np.inf)
        at = self.group[some] if len(f) > 1 else np.zeros(len(some), np.intp)
        spaces = {g: RowSpace(self.design, f[g], self.control) for g in np.unique(at)}
        width = max(space.rank for space in spaces.values())
        spread = [spaces.get(g, spaces[at[0]]) for g in range(len(f))]
        f2 = np.repeat([[space.f2] for space in spread], width, axis=1).reshape(len(f), width)
        designs = [space.design(width) for space in spread]
        found = self._on_columns(alphas, some, designs, np.sqrt(f2), f2)
        B, L, K, _ = found["coef"].shape
        rows = found["coef"].reshape(B, L * K, width)
        if len(spaces) == 1:
            coef = spaces[at[0]].back(rows)
        else:
            coef = np.empty((B, L * K, self.design.X.shape[1]))
            for g, space in spaces.items():
                coef[at == g] = space.back(rows[at == g])
        coef = coef.reshape(B, L, K, -1)
        coef[~np.isfinite(found["gap"])] = np.nan
        return found | {"coef": coef}

    def grid(self):
        """(B, L) alphas."""
        batch, shape = self.batch, (len(self.group), _n_alphas(self.batch))
        if batch.alphas is not None:
            return np.broadcast_to(np.asarray(batch.alphas, float), shape).copy()
        n, p = batch.X.shape
        ratio = (1e-3 if n > p else 1e-2) if batch.alpha_min_ratio is None else batch.alpha_min_ratio
        top = self._on_columns(np.zeros((shape[0], 0)), np.arange(shape[0]), start_only=True)["alpha_max"]
        if self.control.stopped:
            raise Stopped
        return geometric(np.where(top > 0, top, 1.0), shape[1], ratio)


def _n_alphas(batch):
    return batch.n_alphas if batch.alphas is None else np.shape(batch.alphas)[-1]


def _solve(batch, control):
    try:
        prepared = _Prepared(batch, control)
        alphas = prepared.grid()
        control.total = alphas.size
        found = prepared.solve(alphas)
    except Stopped:
        return _nothing(batch, control)
    return _in_units_of_data(found, alphas, prepared, batch)


def _row_weights(batch):
    """(G, n) of sum one."""
    n = len(batch.codes)
    if batch.weights is None:
        V = np.full((1, n), 1.0 / n)
    else:
        V = np.ascontiguousarray(np.stack([row_shares(w) for w in np.atleast_2d(np.asarray(batch.weights, float))]))
    for g, w in enumerate(V):
        empty = np.flatnonzero(np.bincount(batch.codes, w, batch.n_classes) <= 0)
        if len(empty):
            raise ValueError(f"class {empty[0]} has no row of positive weight in weight group {g}: its intercept has no finite "
                             "optimum. Leave the class out, or take folds in which every class is trained on")
    return V


def _standard_form(batch, V, control, n_threads):
    """(design of z, origin, f1, f2): columns of about unit size, near zero where that costs nothing."""
    X, p = batch.X, batch.X.shape[1]
    n = len(batch.codes)                       # units that do not depend on weights: a problem alone has the bits of a batch
    columns = standard_columns(X, np.full(n, 1.0 / n), batch.intercept, rounding_of_mean(n), control, n_threads)
    center, multiplier, constant, moderate = columns[:4]
    origin = np.zeros(p)
    if not batch.intercept:
        center = np.zeros(p)
    if sparse.issparse(X):                     # the intercept is profiled out of each class: what is near zero needs no centre
        far = np.abs(center) * multiplier > FAR
        if far.any():
            X, _, origin = store_centred(X, center, far)
        center = np.zeros(p)
    f = np.ones(p) if batch.penalty_factor is None else np.asarray(batch.penalty_factor, float)
    barred = np.isinf(f) | constant
    if batch.standardize:
        unit = np.ascontiguousarray(multiplier)
        scale = np.sqrt(moments(X, V, unit[None], control, n_threads)[1])
        scale = np.where(scale > 0, scale, 1.0)
    else:
        scale = multiplier[None]
    f1 = np.where(barred, np.inf, np.where(barred, 0.0, f) * scale)
    f2 = np.where(barred, 0.0, np.where(barred, 0.0, f) * scale**2)
    design = Design(X, np.ascontiguousarray(center), np.ascontiguousarray(multiplier), direct=bool(moderate))
    return design, origin, np.ascontiguousarray(f1), np.ascontiguousarray(f2)


def _in_units_of_data(found, alphas, prepared, batch):
    coef, design = found["coef"], prepared.design
    coef *= design.multiplier
    df = np.count_nonzero(coef, axis=(2, 3)) + float(batch.intercept * (batch.n_classes - 1))
    intercept = found["intercept"]
    if batch.intercept:
        intercept = intercept - coef @ (design.center + prepared.origin)
        if batch.reference is None:
            intercept -= intercept.mean(axis=2, keepdims=True)
    status, gap = found["status"], found["gap"]
    null = found["null_loss"][:, None]
    fitted = np.isfinite(gap)
    lost = fitted & ~(np.isfinite(coef).all(axis=(2, 3)) & np.isfinite(intercept).all(axis=2))
    status[lost] = NOT_FINITE
    status[~fitted & (status <= MAX_ITER)] = NOT_FINITE
    coef[lost], intercept[lost] = np.nan, np.nan
    return MultinomialSolution(
        alphas=alphas, coef=coef, intercept=intercept, gap=gap, status=status,
        dev_ratio=1 - found["loss"] / np.where(null > 0, null, 1.0), df=np.where(fitted, df, np.nan), n_epochs=found["epochs"],
        n_newton=found["steps"], null_loss=found["null_loss"], n_passes=found["passes"])


def _nothing(batch, control):
    """The solution of a call that was stopped before its first path."""
    B, L = len(np.atleast_1d(batch.l1_ratio) if batch.group is None else batch.group), _n_alphas(batch)
    K, p = batch.n_classes, batch.X.shape[1]
    alphas = np.full((B, L), np.nan) if batch.alphas is None else np.broadcast_to(np.asarray(batch.alphas, float), (B, L)).copy()
    blank = np.full((B, L), np.nan)
    code = TIME_BUDGET if control.stopped == "time_budget" else SKIPPED
    return MultinomialSolution(
        alphas=alphas, coef=np.full((B, L, K, p), np.nan), intercept=np.full((B, L, K), np.nan), gap=blank,
        status=np.full((B, L), code, np.int8), dev_ratio=blank.copy(), df=blank.copy(), n_epochs=np.zeros((B, L), np.int32),
        n_newton=np.zeros((B, L), np.int32), null_loss=np.full(B, np.nan), n_passes=0)
