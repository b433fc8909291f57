"""Paths on few features in one compiled call (``cpu/small_paths.pyx``), where nothing about them is out of the ordinary."""

import numpy as np

from riata_engine.cpu.small_paths import HAS_NAN, LONG_WAY, NOT_REACHED, small_paths
from riata_engine.solvers.gram import DOUBTFUL, INFLATED
from riata_engine.solvers.grid import SMALLEST_L1_RATIO, ratios_of
from riata_engine.solvers.losses import LOSS, NULL_TOL
from riata_engine.solvers.null_model import NOTHING
from riata_engine.solvers.path_store import CONVERGED, MAX_ITER, NOT_FINITE, SKIPPED, TIME_BUDGET, Answers
from riata_engine.solvers.standard_form import rounding_of_mean, row_shares
from riata_engine.solvers.statistics import FAR_OFF, GUARD, LIGHT

#: features, and flops of a Gram matrix, up to which a path is one task: beyond, the matrix of a path is shared among threads
FEATURES, FLOPS = 128, 4e6
#: problems of a weight group up to which each makes its Gram matrix anew, where there are many groups
ALONE = 4
#: bytes of the Gram matrices and fold paths of a task, beyond which the problem goes the long way, where folds share memory
TASK = 2**26
NONE = np.empty(0, np.intp)


def few_features(X, several):
    """Whether a path on this design, or each of several, is small enough for one thread."""
    return type(X) is np.ndarray and X.shape[1] <= FEATURES and (several or X.size * X.shape[1] < FLOPS)


def task_bytes(p, K, L):
    """What a task of p features, K folds and L alphas takes beside its rows, about: Gram matrices and paths of its folds."""
    return 8.0 * (2 * (K + 1) * p * p + (K + 1) * L * p)


def is_plain(batch):
    """Whether the problems of a batch go as tasks: dense X of few features, no offset, bounds, factors or standardisation.

    Problems that share a Gram matrix are better off with it.
    """
    G = batch.n_groups
    return (few_features(batch.X, G > 1) and len(batch.target) <= (ALONE * G if G > 1 else 1) and batch.held_out is None
            and batch.offset is None and batch.penalty_factor is None and batch.lower is None and batch.upper is None
            and not batch.standardize and batch.store == "dense" and batch.solver in ("auto", "gram")
            and bool(batch.l1_ratio.all()) and (batch.alphas is None or bool(np.all(batch.alphas))))


class SmallPaths(Answers):
    """Answers of B tasks: each with a design (n_b, p_b), a target, and, perhaps, row weights and folds of its own.

    Parameters
    ----------
    X, y : lists of B ndarrays (n_b, p_b) and (n_b,)
    l1_ratio : (B,)
    L : int
        Number of alphas.
    alphas, min_ratio : (B, L), or (B,)
        The one or the other: alphas, or the last of a grid's to its first.
    weights : list of B ndarrays (n_b,) or None, optional
    folds, n_folds : list of B ndarrays (n_b,) of int32, and (B,), optional
        The fold that holds a row out, negative for none.
    coef, held_out, prediction : (values, at), optional
        Flat arrays, and where in them the numbers of each task begin: (L, p_b), (n_folds[b], L), and (n_b, L) predictions of the
        rows that folds hold out. Default: coefficients one after the other, and no predictions.

    Attributes
    ----------
    coef, coef_at, …
        As given.
    fold_gap, fold_status : (B, L), the largest and the worst of the folds
    verdict : (B,) int8
        See ``small_paths``.
    left : (B,) bool
        To be solved the long way.
    """

    kind = "flat"

    def __init__(self, X, y, l1_ratio, L, *, alphas=None, min_ratio=None, weights=None, folds=None, n_folds=None, coef=None,
                 held_out=(None, NONE), prediction=(None, NONE)):
        B = len(X)
        super().__init__(B, L)
        self.X, self.y, self.l1_ratio = X, y, l1_ratio
        n, p = (np.array([design.shape[axis] for design in X], dtype=np.intp) for axis in (0, 1))
        self.n_features, self.rounding = p, rounding_of_mean(n)
        self.alphas = np.full((B, L), np.nan)
        if alphas is not None:
            self.alphas[:] = alphas
        self.ratios = None if alphas is not None else np.stack([ratios_of(L, ratio) for ratio in min_ratio])
        self.weights = [None] * B if weights is None else weights
        self.folds = [None] * B if folds is None else folds
        self.n_folds = np.zeros(B, np.intp) if n_folds is None else n_folds
        if coef is None:
            ends = np.cumsum(L * p)
            coef = np.empty(ends[-1]), ends - L * p
        (self.coef, self.coef_at), (self.held_out_errors, self.held_out_at) = coef, held_out
        self.prediction, self.prediction_at = prediction
        self.fold_gap, self.fold_status = np.full((B, L), np.nan), np.full((B, L), SKIPPED, np.int8)
        self.work = n * p * (p + 5.0) + (1.0 + self.n_folds) * 10.0 * L * p * p

    def run(self, batch, control, n_threads, finite=True):
        """Solve by the rules of ``batch``. Sets ``verdict``, ``left``, ``null``, ``sigma`` (B,) and ``seconds`` (B, 4)."""
        stop_ratio = np.inf if batch.stop_dev_ratio is None else batch.stop_dev_ratio
        stop_change = -np.inf if batch.stop_dev_change is None else batch.stop_dev_change
        loss = LOSS[batch.loss]
        rules = (batch.intercept, finite, batch.tol, batch.max_epochs, stop_ratio, stop_change, NOTHING, SMALLEST_L1_RATIO,
                 DOUBTFUL, GUARD, LIGHT, INFLATED, FAR_OFF, *loss.codes, loss.number(batch.loss_parameter), NULL_TOL)
        self.verdict, self.null, self.sigma, self.seconds = small_paths(
            self.X, self.y, self.weights, self.folds, self.n_folds, rules, self.l1_ratio, self.rounding, self.alphas, self.ratios,
            self, self.coef, self.coef_at, self.held_out_errors, self.held_out_at, self.prediction, self.prediction_at,
            self.fold_gap, self.fold_status, control, np.argsort(-self.work, kind="stable"), n_threads)
        self.left = self.verdict == LONG_WAY
        self.status[self.verdict == HAS_NAN] = NOT_FINITE
        if control.stopped == "time_budget":
            self.status[self.status == SKIPPED] = TIME_BUDGET
        unseen = (self.verdict == HAS_NAN) | (self.verdict == NOT_REACHED)
        some = unseen & (self.n_folds > 0)
        self.fold_status[some] = self.status[some]
        self._blank(np.flatnonzero(unseen), self.coef, self.coef_at, self.alphas.shape[1] * self.n_features)
        if self.held_out_errors is not None:
            self._blank(np.flatnonzero(some), self.held_out_errors, self.held_out_at, self.alphas.shape[1] * self.n_folds)

    @staticmethod
    def _blank(tasks, values, at, sizes):
        for b in tasks:
            values[at[b]:at[b] + sizes[b]] = np.nan

    def blank_unsolved(self, alphas, null):
        dev_ratio = super().blank_unsolved(alphas, null)
        unsolved = (self.status != CONVERGED) & (self.status != MAX_ITER)
        for b in np.flatnonzero(unsolved.any(axis=1)) if self.kind == "flat" else ():
            p, at = self.n_features[b], self.coef_at[b]
            self.coef[at:at + p * unsolved.shape[1]].reshape(-1, p)[unsolved[b]] = np.nan
        return dev_ratio

    def shaped(self):
        """These answers with ``coef`` (B, L, p), of tasks that have the same features."""
        self.kind, self.coef = "dense", self.coef.reshape(*self.alphas.shape, -1)
        return self

    def coefficients(self):
        return self.coef


def shares_or_none(weights):
    """Row weights (n,) of sum one; None where they are all alike."""
    if weights is None:
        return None
    shares = row_shares(weights)
    return None if (shares == shares[0]).all() else shares
