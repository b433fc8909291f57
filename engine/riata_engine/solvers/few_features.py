"""Paths on few features in one compiled call (``cpu/small_paths.pyx``), where nothing about them is out of the ordinary."""

import numpy as np

from riata_engine.cpu.small_paths import LONG_WAY, NOT_REACHED, small_paths
from riata_engine.solvers.gram import DOUBTFUL, INFLATED
from riata_engine.solvers.grid import SMALLEST_L1_RATIO, ratios_of
from riata_engine.solvers.null_model import NOTHING
from riata_engine.solvers.path_store import CONVERGED, MAX_ITER, Answers
from riata_engine.solvers.standard_form import rounding_of_mean, row_shares
from riata_engine.solvers.statistics import FAR_OFF, GUARD, LIGHT

#: features, and flops of a Gram matrix, up to which a path is one task: beyond, the matrix of a path is shared among threads
FEATURES, FLOPS = 128, 4e6
#: problems of a weight group up to which each makes its Gram matrix anew, where there are many groups
SHARED = 4


def few_features(X, several):
    """Whether a path on this design, or each of several, is small enough for one thread."""
    return type(X) is np.ndarray and X.shape[1] <= FEATURES and (several or X.size * X.shape[1] < FLOPS)


def is_plain(batch):
    """Whether the problems of a batch go as tasks: dense X of few features, no offset, bounds, factors or standardisation.

    Problems that share a Gram matrix are better off with it.
    """
    G = batch.n_groups
    return (few_features(batch.X, G > 1) and len(batch.target) <= (SHARED * G if G > 1 else 1) and batch.held_out is None
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
    predictions : bool
        Keep those of the rows that folds hold out, (n_b, L) a task.

    Attributes
    ----------
    coef : flat, task b has (L, p_b) from ``coef_at[b]`` on
    held_out_errors, prediction : flat, (n_folds[b], L) and (n_b, L) from ``held_out_at[b]`` and ``prediction_at[b]`` on
    fold_gap, fold_status : (B, L), the largest and the worst of the folds
    verdict : (B,) int8
        See ``small_paths``.
    left : (B,) bool
        To be solved the long way.
    """

    kind = "flat"

    def __init__(self, X, y, l1_ratio, L, *, alphas=None, min_ratio=None, weights=None, folds=None, n_folds=None,
                 predictions=False):
        B = len(X)
        super().__init__(B, L)
        self.X, self.y, self.l1_ratio = X, y, l1_ratio
        n, p = (np.array([design.shape[axis] for design in X], dtype=np.intp) for axis in (0, 1))
        self.rounding = rounding_of_mean(n)
        self.alphas = np.empty((B, L))
        if alphas is not None:
            self.alphas[:] = alphas
        self.ratios = None if alphas is not None else np.stack([ratios_of(L, ratio) for ratio in min_ratio])
        self.weights = [None] * B if weights is None else weights
        self.folds = [None] * B if folds is None else folds
        self.n_folds = np.zeros(B, np.intp) if n_folds is None else n_folds
        self.coef_at, self.coef = _flat(L * p)
        self.held_out_at, self.held_out_errors = _flat(L * self.n_folds)
        self.prediction_at, self.prediction = _flat(L * n * (self.n_folds > 0) * predictions)
        self.prediction.fill(np.nan)               # of rows that no fold holds out
        self.fold_gap, self.fold_status = np.full((B, L), np.nan), np.zeros((B, L), np.int8)
        self.work = n * p * (p + 5.0) + (1.0 + self.n_folds) * 10.0 * L * p * p

    def run(self, batch, control, n_threads, finite=True):
        """Solve by the rules of ``batch``. Sets ``verdict``, ``left``, ``null``, ``sigma`` (B,) and ``seconds`` (B, 4)."""
        stop_ratio = np.inf if batch.stop_dev_ratio is None else batch.stop_dev_ratio
        stop_change = -np.inf if batch.stop_dev_change is None else batch.stop_dev_change
        rules = (batch.intercept, finite, batch.tol, batch.max_epochs, stop_ratio, stop_change, NOTHING, SMALLEST_L1_RATIO,
                 DOUBTFUL, GUARD, LIGHT, INFLATED, FAR_OFF)
        self.verdict, self.null, self.sigma, self.seconds = small_paths(
            self.X, self.y, self.weights, self.folds, self.n_folds, rules, self.l1_ratio, self.rounding, self.alphas, self.ratios,
            self, self.coef, self.coef_at, self.held_out_errors, self.held_out_at, self.prediction, self.prediction_at,
            self.fold_gap, self.fold_status, control, np.argsort(-self.work, kind="stable"), n_threads)
        self.left = self.verdict == LONG_WAY
        unseen = self.verdict == NOT_REACHED
        if self.ratios is not None:
            self.alphas[unseen] = np.nan

    def blank_unsolved(self, alphas, null):
        dev_ratio = super().blank_unsolved(alphas, null)
        unsolved = (self.status != CONVERGED) & (self.status != MAX_ITER)
        for b in np.flatnonzero(unsolved.any(axis=1)) if self.kind == "flat" else ():
            self.coef[self.coef_at[b]:self.coef_at[b + 1]].reshape(len(unsolved[b]), -1)[unsolved[b]] = np.nan
        return dev_ratio

    def shaped(self):
        """These answers with ``coef`` (B, L, p), of tasks that have the same features."""
        self.kind, self.coef = "dense", self.coef.reshape(*self.alphas.shape, -1)
        return self

    def coefficients(self):
        return self.coef


def _flat(sizes):
    """Where arrays of these sizes begin in one, and that array, zeros."""
    at = np.zeros(len(sizes) + 1, np.intp)
    np.cumsum(sizes, out=at[1:])
    return at, np.zeros(at[-1])


def shares_or_none(weights):
    """Row weights (n,) of sum one; None where they are all alike."""
    if weights is None:
        return None
    shares = row_shares(weights)
    return None if (shares == shares[0]).all() else shares
