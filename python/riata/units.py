"""What a bootstrap draws, a jackknife leaves out and a permutation shuffles: rows of positive weight, or groups of them."""

import numpy as np

from riata import resampling
from riata.folds import group_numbers
from riata.resampling_plan import MOST_MEMBERS, ResamplingPlan, RowPlan
from riata.validation import check_count, check_seed
from riata_engine.random import kfold_ids


class Units:
    """u units of rows that belong together.

    Parameters
    ----------
    n : int
        Rows of X.
    weights : ndarray of shape (n,), optional
        Rows of weight 0 belong to no unit.
    groups : array_like of shape (n,), optional
        Rows of one group are one unit. Default: each row is one.
    seed : int, default=0

    Attributes
    ----------
    rows : integer array of shape (m,)
        Those of positive weight.
    code : integer array of shape (m,)
        The unit of each.
    """

    def __init__(self, n, weights=None, groups=None, seed=0):
        self.n, self.seed = n, check_seed(seed, "the draws are")
        self.rows = np.arange(n) if weights is None else np.flatnonzero(weights)
        self.code = np.arange(len(self.rows))
        if groups is not None:
            self.code = np.unique(group_numbers(groups, n)[self.rows], return_inverse=True)[1].reshape(-1)
        self.size = int(self.code.max()) + 1
        self.name = "rows with a positive weight" if groups is None else "groups with a positive weight"

    def __len__(self):
        return self.size

    def counts(self, plan):
        """``counts(first, last)`` of a plan on the units: how often each row is drawn, (n, last − first) float64."""
        def drawn(first, last):
            out = np.zeros((self.n, last - first), order="F")
            out[self.rows] = plan.weights(first, last)[self.code]
            return out

        return drawn

    def blocks(self, count):
        """`count` lists of rows: the units dealt out at random, one each where there are as many."""
        ids = np.arange(self.size) if count == self.size else kfold_ids(self.size, count, self.seed)
        ids = ids[self.code]
        ends = np.cumsum(np.bincount(ids, minlength=count))[:-1]
        return np.split(self.rows[np.argsort(ids, kind="stable")], ends)

    def permuted(self, y, plan, first, last):
        """(n, last − first) targets: y in the orders of a plan on the rows, each unit of several rows within itself.

        Shuffled rows are dealt back to the places of their units, in shuffled order; where each unit is one row there is one
        unit of all rows.
        """
        out = np.repeat(y[:, None], last - first, axis=1)
        order = plan.permuted(np.arange(len(self.rows)), first, last)
        if self.size < len(self.rows):
            home = np.argsort(self.code, kind="stable")
            rank = np.argsort(self.code[order], axis=0, kind="stable")
            dealt = np.empty_like(order)
            dealt[home] = np.take_along_axis(order, rank, axis=0)
            order = dealt
        out[self.rows] = y[self.rows[order]]
        return out

    def bootstrap(self, n_boot):
        """The plan that `n_boot` is, or of so many bootstraps, on the units."""
        if not isinstance(n_boot, ResamplingPlan):
            n_boot = check_count(n_boot, "n_boot", MOST_MEMBERS)
            _refuse_single(n_boot, n_boot)
            return resampling.bootstrap(self.size, n_boot, seed=self.seed)
        if isinstance(n_boot, RowPlan) and (n_boot.complementary or n_boot.kind == "time_series"):
            raise ValueError(f"n_boot = {n_boot!r} holds folds out, and draws nothing: its fits are too much alike for "
                             f"intervals. Give an int, or riata.resampling.bootstrap({self.size}, ...)")
        if n_boot.kind == "permutations" or n_boot.n_samples != self.size:
            raise ValueError(f"n_boot = {n_boot!r} must be an int, or a plan that draws from {self.size} {self.name}: "
                             f"riata.resampling.bootstrap({self.size}, ...)")
        _refuse_single(n_boot, len(n_boot))
        return n_boot

    def permutations(self, n_perm):
        """The plan that `n_perm` is, or of so many permutations, of the rows."""
        m = len(self.rows)
        if not isinstance(n_perm, ResamplingPlan):
            return resampling.permutations(m, check_count(n_perm, "n_perm", MOST_MEMBERS), seed=self.seed)
        if n_perm.kind != "permutations" or n_perm.n_samples != m:
            raise ValueError(f"n_perm = {n_perm!r} must be an int, or a plan that permutes the {m} rows with a positive weight: "
                             f"riata.resampling.permutations({m}, ...)")
        return n_perm


def _refuse_single(n_boot, count):
    if count < 2:
        raise ValueError(f"n_boot = {n_boot!r}: one bootstrap has no spread, and gives no interval: give 2 or more (2000, say)")
