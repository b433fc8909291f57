"""Folds of many problems: the fold that holds each row out, made for each problem from one `cv`."""

from dataclasses import dataclass, field
from numbers import Integral

import numpy as np

from riata.folds import fold_ids_of, make_folds, quantile_bins
from riata.loss_folds import are_classes
from riata.losses import SQUARED, Loss
from riata.resampling_plan import ResamplingPlan
from riata_engine.random import kfold_ids, stratified_kfold_ids

#: scikit-learn's splitters that do not look at y
BLIND = ("KFold", "RepeatedKFold", "ShuffleSplit", "LeaveOneOut", "LeavePOut", "PredefinedSplit", "TimeSeriesSplit")


@dataclass
class FoldsOfEach:
    """Fold ids (n_b,) of int32 for each problem, negative for rows that no fold holds out.

    Attributes
    ----------
    cv : int, splitter, plan, integer array (n,), or list of B integer arrays (n_b,)
    seed : int
        The folds of an int `cv` are those that `riata.cross_validate_path` makes of the problem alone.
    B : int or None
        Number of problems, where it is known.
    loss : riata.losses.Loss
    stratify : int, False or None
        As there.
    K : int or None
        The number of folds, where `cv` is one.
    """

    cv: object
    seed: int
    B: int | None
    loss: Loss = SQUARED
    stratify: int | bool | None = None
    made: dict = field(default_factory=dict, repr=False)

    def __post_init__(self):
        cv, self.K = self.cv, None
        if isinstance(cv, Integral) and not isinstance(cv, (bool, np.bool_)):
            self.K = int(cv)
            if cv < 2:
                raise ValueError(f"cv = {cv} must be at least 2: give a number of folds of 2 or more")
            make_folds(2, 2, seed=self.seed)           # checks the seed
        if isinstance(cv, np.ndarray) and cv.ndim == 2:
            cv = list(cv)
        self.each = None
        if isinstance(cv, (list, tuple)) and len(cv) and not isinstance(cv[0], tuple) and np.ndim(cv[0]) == 1:
            if self.B is None:
                raise ValueError("cv is a list of fold ids, and X is an iterator: give cv as an int or a splitter")
            if len(cv) != self.B:
                raise ValueError(f"cv has {len(cv)} arrays of fold ids for {self.B} problems: give one for each")
            self.each = cv

    @property
    def read_targets(self):
        """Whether the folds of one design may differ from target to target."""
        cv = self.cv
        if self.K is not None:
            return self._spread
        blind = type(cv).__module__.startswith("sklearn.model_selection") and type(cv).__name__ in BLIND
        return hasattr(cv, "split") and not isinstance(cv, ResamplingPlan) and not blind

    @property
    def _spread(self):
        """Whether folds of an int spread classes or bins of y evenly."""
        return self.stratify is not False and (self.stratify is not None or self.loss.name == "logistic")

    def check_sizes(self, n):
        """Refuse fold ids that are not one per row of each of the problems, which have n (B,) rows.

        Raises
        ------
        ValueError
        """
        shared = None if self.each is not None else fold_ids_of(self.cv)
        if shared is not None and (n != len(shared)).any():
            b = int(np.argmax(n != len(shared)))
            raise ValueError(f"cv has {len(shared)} fold ids and problem {b} has {n[b]} rows: give a list with an array for "
                             "each, or a number of folds")
        for b, ids in enumerate(self.each or ()):
            ids = fold_ids_of(ids)
            if ids is None:
                raise ValueError(f"cv[{b}] = {self.each[b]!r}, and cv is a list with fold ids of each problem: give an array "
                                 f"of {n[b]} ints")
            if len(ids) != n[b]:
                raise ValueError(f"cv[{b}] has {len(ids)} fold ids and problem {b} has {n[b]} rows: give one for each row")

    def of(self, b, n, used, y, X):
        """(number of folds, ids), or a sentence that says why the problem has none.

        A splitter splits the rows with a target, as if the others were not there.

        Parameters
        ----------
        b : int
        n : int
        used : bool array (n,), or None
            Rows that count; None where all do.
        y : ndarray (n,)
            NaN where a target is missing.
        """
        K = self.K
        if K is not None:
            rows = n if used is None else int(np.count_nonzero(used))
            if rows < K:
                return f"{rows} row{'s' * (rows != 1)} that count{'s' * (rows == 1)} cannot make {K} folds"
            if self._spread:
                try:
                    ids = self._spread_ids(y if used is None else y[used], K)
                except ValueError as error:            # more quantile bins than rows
                    return str(error)
            else:
                ids = self._plain_ids(rows, K)
            if used is None:
                return K, ids
            spread = np.full(n, -1, np.int32)
            spread[used] = ids
            return K, spread
        name = "cv" if self.each is None else f"cv[{b}]"
        cv = self.cv if self.each is None else self.each[b]
        rows = rows_to_split(cv, y)
        try:
            folds = make_folds(cv, n, y=y, X=X, seed=self.seed, name=name, rows=rows)
        except ValueError as error:
            if not hasattr(cv, "split"):
                if self.each is not None and np.ndim(cv) == 1 and np.asarray(cv).dtype.kind in "iu":
                    return str(error)                  # all its rows are in one fold, or in none
                raise
            if "groups" in str(error):
                raise ValueError(f"{name} = {cv!r} splits by groups, which fit_batch does not take: give the fold ids of each "
                                 "row, or for one design the pairs (train, test) of split(X, y, groups), or "
                                 "riata.resampling.from_splitter(cv, n, groups=groups)") from None
            return f"{type(cv).__name__} makes no folds of the {n if rows is None else len(rows)} rows: {error}"
        if folds.train is not None:
            raise ValueError(f"{name}: a fold of problem {b} does not train on all other rows; here every fold must. "
                             "riata.cross_validate_path takes such folds, one problem a call")
        ids = np.full(n, -1, np.int32)
        for k, rows in enumerate(folds.test):
            if (ids[rows] >= 0).any():
                raise ValueError(f"{name}: a row of problem {b} is in two folds; here each row may be in one. "
                                 "riata.cross_validate_path takes repeated folds, one problem a call")
            ids[rows] = k
        if used is not None:
            ids[~used] = -1
            counts = np.bincount(ids[used & (ids >= 0)], minlength=len(folds))
            if (counts == 0).any():
                return f"fold {int(np.argmin(counts))} holds out no row that counts"
            if counts.max() == used.sum():
                return "one fold holds out all rows that count"
        return len(folds), ids


    def _plain_ids(self, rows, K):
        ids = self.made.get(rows)
        if ids is None:
            ids = self.made[rows] = kfold_ids(rows, K, int(self.seed), 0).astype(np.int32)
        return ids

    def _spread_ids(self, y, K):
        """The ids of the rows that count, whose targets are y."""
        if self.stratify is None and not are_classes(y, self.loss):
            return self._plain_ids(len(y), K)
        bins = y if self.stratify is None else quantile_bins(y, self.stratify, len(y))
        return stratified_kfold_ids(bins, K, int(self.seed)).astype(np.int32)


def rows_to_split(cv, y):
    """The rows with a target, where `cv` is a splitter and some have none; else None.

    `PredefinedSplit` is fold ids of all rows.
    """
    if not hasattr(cv, "split") or type(cv).__name__ == "PredefinedSplit":
        return None
    missing = np.isnan(y)
    return np.flatnonzero(~missing) if missing.any() else None
