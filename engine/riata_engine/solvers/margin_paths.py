"""Paths of problems with margin losses: which solver takes them, alpha after alpha, and where the answers go.

``newton``: all columns, by Gram matrices of the rows with curvature. ``kernel`` (l2, more columns than rows): the same on the
columns of a Cholesky factor of the kernel XXᵀ, coefficients by the representer theorem. ``working_set`` (l1, many columns):
the same on the columns that the strong rule lets in, with those added that the gradient of all columns asks for. Whatever
solved a problem, its gap is computed on X.
"""

import numpy as np
from scipy import sparse
from scipy.linalg import lapack, solve_triangular

from riata_engine.cpu.control import Stopped
from riata_engine.cpu.design import Design
from riata_engine.cpu.margin_grams import ZoneGrams
from riata_engine.memory import free_memory
from riata_engine.solvers.interruptible import interruptibly
from riata_engine.solvers.margin_form import margin_form
from riata_engine.solvers.margin_gap import Certificates
from riata_engine.solvers.margin_newton import begin, minimise
from riata_engine.solvers.path_store import CONVERGED, MAX_ITER, NOT_FINITE, SKIPPED, TIME_BUDGET

#: columns from which l1 problems have working sets
MANY_COLUMNS = 600
#: times that a working set may grow
ROUNDS = 50


class MarginStore:
    """The answers of T problems × L alphas, in units of the data."""

    def __init__(self, T, L, p):
        self.coef = np.full((T, L, p), np.nan)
        self.intercept, self.gap, self.dev_ratio = np.full((3, T, L), np.nan)
        self.status = np.full((T, L), SKIPPED, np.int8)
        self.n_iter, self.n_epochs = np.zeros((2, T, L), np.int64)
        self.null = np.full(T, np.nan)
        self.n_passes, self.solver = 0, "none"

    def put(self, step, form, b, gap, tol, loss):
        """The answers b (T, m) at alpha number ``step``; ``loss`` (T,) in units of the form."""
        coef, intercept = form.data_units(b)
        finite = np.isfinite(coef).all(axis=1) & np.isfinite(intercept) & np.isfinite(gap)
        self.coef[:, step] = np.where(finite[:, None], coef, np.nan)
        self.intercept[:, step] = np.where(finite, intercept, np.nan)
        self.gap[:, step] = gap
        null = np.where(form.null > 0, form.null, 1.0)
        self.dev_ratio[:, step] = np.where(form.null > 0, 1 - loss / null, 0.0)
        self.status[:, step] = np.where(finite, np.where(gap <= tol, CONVERGED, MAX_ITER), NOT_FINITE)


def solve_paths(batch, store, control, n_threads):
    """Fill ``store``; what a stop leaves undone is ``skipped`` or out of time."""
    T, L = batch.shape
    alphas = np.broadcast_to(np.asarray(batch.alphas, dtype=float), (T, L))
    try:
        form = margin_form(batch, control, n_threads)
        store.null[:] = form.null * form.loss_unit
        n, p = form.design.X.shape
        lasso = batch.l1_ratio > 0
        kind = _WorkingSet if lasso and p > MANY_COLUMNS else _Kernel if not lasso and p > n else _Newton
        kind = kind if alphas.all() else _Newton
        path = kind(form, batch, control, n_threads)
        store.solver = kind.name
        for step in range(L):
            path.solve(alphas[:, step])
            state = path.state
            store.n_iter[:, step], store.n_epochs[:, step], store.n_passes = state.steps, state.epochs, path.n_passes
            store.put(step, form, path.b, path.gap, batch.tol, state.room[4][:, 0])
            state.steps[:], state.epochs[:] = 0, 0
            control.done += T
            if control.check():
                break
    except Stopped:
        pass
    if control.stopped == "time_budget":
        store.status[store.status == SKIPPED] = TIME_BUDGET


class _Newton:
    """All columns of X at once."""

    name = "newton"

    def __init__(self, form, batch, control, n_threads):
        self.form, self.batch, self.control, self.n_threads = form, batch, control, n_threads
        self.n_passes = 0
        self._hold(form.K, form.m)
        self.state = begin(form)

    def _hold(self, K, m):
        """Refuse what does not fit."""
        limit = self.batch.max_memory or free_memory() or np.inf
        need = 8.0 * m * m * (K + 2 * self.n_threads)
        if need > limit:
            raise MemoryError(f"{K} Gram matrices of {m} columns take {need / 2**30:.3g} GiB and "
                              f"{limit / 2**30:.3g} GiB are free: "
                              "fit fewer problems at a time, or raise max_memory")

    @property
    def b(self):
        return self.state.b

    @property
    def gap(self):
        return self.state.gap

    def solve(self, alpha):
        batch = self.batch
        self.n_passes += minimise(self.form, self.state, alpha, batch.tol, batch.max_iter, self.control, self.n_threads)


class _Kernel(_Newton):
    """l2 with more columns than rows: X is replaced by a factor L of the kernel, XXᵀ = LLᵀ."""

    name = "kernel"

    def __init__(self, form, batch, control, n_threads):
        self.full = form
        super().__init__(self._in_kernel(form, control), batch, control, n_threads)
        self._b, self._gap = np.zeros((form.K, form.m)), np.full(form.K, np.inf)

    def _in_kernel(self, form, control):
        X, center = form.design.X, np.asarray(form.design.center)
        n, p = X.shape
        if sparse.issparse(X):
            K = np.asarray((X.astype(np.float64) @ X.T.astype(np.float64)).todense())
        else:
            K = np.zeros((n, n))
            for first in range(0, p, 4096):
                block = X[:, first:first + 4096] - center[first:first + 4096]
                K += interruptibly(lambda block=block: block.astype(np.float64) @ block.T.astype(np.float64), control,
                                   2.0 * n * n * block.shape[1])
        factor, pivot, rank, _ = lapack.dpstrf(K, lower=1, overwrite_a=1)
        L = np.zeros((n, rank), order="F")
        L[pivot - 1] = np.tril(factor)[:, :rank]
        self.pivot, self.triangle = pivot[:rank] - 1, np.tril(factor)[:rank, :rank]
        design = Design(L, np.zeros(rank), np.ones(rank), direct=True)
        sub = form.at(design, np.arange(min(rank, p)))
        sub.l2[:rank] = 1.0
        return sub

    b = property(lambda self: self._b)
    gap = property(lambda self: self._gap)

    def solve(self, alpha):
        full, tol = self.full, self.batch.tol
        l1, l2 = full.strengths(alpha)
        look = Certificates(full, self.control, self.n_threads)
        everyone = np.flatnonzero(full.null > 0)
        self._gap[full.null <= 0] = 0.0
        for share in (0.3, 0.01, 1e-4):                        # what rounding adds on the way back is seen on X only
            self._solve_to(share * tol, alpha, look, everyone, l1, l2)
            if not len(everyone) or (self._gap[everyone] <= tol).all():
                break
        self.n_passes += look.n_passes

    def _solve_to(self, tol, alpha, look, everyone, l1, l2):
        full, state = self.full, self.state
        self.n_passes += 1 + minimise(self.form, state, alpha, tol, self.batch.max_iter, self.control, self.n_threads)
        # the coefficients Zᵀβ with these fits and this norm: Lᵀβ = b on the rows of the factor's pivots
        beta = np.zeros((full.K, full.design.X.shape[0]))
        beta[:, self.pivot] = solve_triangular(self.triangle, state.b[:, :len(self.pivot)].T, lower=True, trans="T").T
        p = full.design.X.shape[1]
        self._b[:, :p] = full.design.transposed_matvec(beta, 1, self.control, self.n_threads) / full.l2[:p]
        if full.intercept:
            self._b[:, -1] = state.b[:, -1]
        if len(everyone):
            self._gap[everyone] = look.afresh(everyone, self._b, state.kept, state.tau, l1, l2, state.room)[0]


class _WorkingSet(_Newton):
    """l1 on many columns."""

    name = "working_set"

    def __init__(self, form, batch, control, n_threads):
        self.full, self.form, self.batch, self.control, self.n_threads = form, form, batch, control, n_threads
        self.n_passes = 0
        K, n = form.K, form.design.X.shape[0]
        self._b, self._gap = np.zeros((K, form.m)), np.full(K, np.inf)
        if form.intercept:
            self._b[:, -1] = form.start
        self.columns = np.empty(0, np.intp)
        first = form.at(Design(np.zeros((n, 0), order="F"), np.zeros(0), np.zeros(0)), self.columns)
        self.state = begin(first)
        self.gradient = None                      # (K, p) Zᵀ(c a) of all columns, at the last certificate
        self.alpha = None

    b = property(lambda self: self._b)
    gap = property(lambda self: self._gap)

    def _take(self, columns):
        """The problems on these columns, at the coefficients that are known."""
        full, state = self.full, self.state
        X = full.design.X
        if sparse.issparse(X):
            design = Design(X[:, columns], np.ascontiguousarray(full.design.center[columns]),
                            np.ascontiguousarray(full.design.multiplier[columns]))
        else:
            Z = np.empty((X.shape[0], len(columns)), order="F")
            full.design.gather(columns, Z)
            design = Design(Z, np.zeros(len(columns)), np.ones(len(columns)), direct=True)
        self._hold(full.K, len(columns))
        self.columns, self.form = columns, full.at(design, columns)
        keep = np.append(columns, full.m - 1) if full.intercept else columns
        state.b = np.ascontiguousarray(self._b[:, keep])
        state.gradient = np.zeros_like(state.b)
        state.grams = ZoneGrams(design, full.c, full.K)

    def solve(self, alpha):
        full, state, tol, p = self.full, self.state, self.batch.tol, self.full.design.X.shape[1]
        l1, l2 = full.strengths(alpha)
        look = Certificates(full, self.control, self.n_threads)
        everyone = np.flatnonzero(full.null > 0)
        self._gap[full.null <= 0] = 0.0
        if not len(everyone):
            return
        if self.gradient is None:
            self._look(look, everyone, l1, l2)
        before = alpha if self.alpha is None else self.alpha
        bar = np.maximum(l1[:, :p] * (2 - before / alpha)[:, None], 0.5 * l1[:, :p])          # the strong rule
        self.alpha = alpha
        for _ in range(ROUNDS):
            wanted = (np.abs(self.gradient) > bar)[everyone].any(axis=0)
            wanted[self.columns] = True
            if wanted.sum() > len(self.columns) or state.grams.design.X.shape[1] != len(self.columns):
                self._take(np.flatnonzero(wanted))
            self.n_passes += minimise(self.form, state, alpha, 0.3 * tol, self.batch.max_iter, self.control, self.n_threads)
            self._b[:, self.columns] = state.b[:, :len(self.columns)]
            if full.intercept:
                self._b[:, -1] = state.b[:, -1]
            self._look(look, everyone, l1, l2)
            if (self._gap[everyone] <= tol).all():
                break
            bar = l1[:, :p]
            outside = np.ones(p, bool)
            outside[self.columns] = False
            if not (np.abs(self.gradient) > bar)[everyone][:, outside].any():
                break
        self.n_passes += look.n_passes

    def _look(self, look, everyone, l1, l2):
        """Gaps and gradients of all columns at ``_b``."""
        state, p = self.state, self.full.design.X.shape[1]
        if self.gradient is None:
            self.gradient = np.zeros((self.full.K, p))
        found, gradient = look.afresh(everyone, self._b, state.kept, state.tau, l1, l2, state.room)
        self._gap[everyone], self.gradient[everyone] = found, gradient[:, :p]
