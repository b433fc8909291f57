"""What a bootstrap draws, a jackknife leaves out and a permutation shuffles: rows of positive weight, or groups of them."""

import numpy as np

from riata import resampling
from riata.folds import group_numbers
from riata.validation import check_seed
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
        order = np.stack([plan[i] for i in range(first, last)], axis=1) if last > first else np.empty((len(self.rows), 0), np.intp)
        if self.size < len(self.rows):
            home = np.argsort(self.code, kind="stable")
            rank = np.argsort(self.code[order], axis=0, kind="stable")
            dealt = np.empty_like(order)
            dealt[home] = np.take_along_axis(order, rank, axis=0)
            order = dealt
        out[self.rows] = y[self.rows[order]]
        return out

    def bootstrap(self, n_boot):
        """The plan of `n_boot` bootstraps of the units."""
        return resampling.bootstrap(self.size, n_boot, seed=self.seed)

    def permutations(self, n_perm):
        """The plan of `n_perm` orders of the rows."""
        return resampling.permutations(len(self.rows), n_perm, seed=self.seed)
