"""Folds of a cross-validation, as data: made once, from a seed, before anything is fitted."""

import warnings
from dataclasses import dataclass
from numbers import Integral, Number

import numpy as np

from riata.resampling_plan import ResamplingPlan
from riata.validation import check_seed
from riata_engine.random import group_kfold_ids, kfold_ids, stratified_kfold_ids


@dataclass(frozen=True)
class Folds:
    """Rows that each fold is tested on and trains on.

    Attributes
    ----------
    test : list of K integer arrays
        Row indices.
    train : list of K integer arrays, or None
        None where every fold trains, once, on each row that it is not tested on: the usual case, which the engine
        serves by taking the fold's statistics away from the total. A list otherwise (time series, bootstraps). A row
        may occur more than once: it then counts that often.
    """

    test: list
    train: list | None = None

    def __len__(self):
        return len(self.test)


def make_folds(cv, n_samples, *, y=None, X=None, weights=None, groups=None, stratify=None, strata=None, n_repeats=1,
               seed=0, first_repeat=0, rows=None, name="cv"):
    """Folds from an int, a scikit-learn splitter, an iterable of (train, test), an array of fold ids, or a plan.

    Parameters
    ----------
    cv : int, splitter, iterable of (train, test), integer array of shape (n,), or ResamplingPlan
        An int makes that many shuffled folds of the rows with a positive weight; their sizes differ by one at most
        (as little as whole groups allow where `groups` are given). In an array of fold ids a negative id marks rows
        that are never held out.
    n_samples : int
        n, the number of rows of X.
    y : ndarray of shape (n,), optional
        For splitters that read it, and for `stratify`.
    X : ndarray or sparse matrix, optional
        For splitters of other libraries, which may read it. scikit-learn's own do not.
    weights : ndarray of shape (n,), optional
        Row weights. A fold whose training or test rows all have weight 0 is refused.
    groups : array_like of shape (n,), optional
        Rows of one group stay in one fold (int `cv`), or what the splitter makes of them.
    stratify : int, optional
        Number of quantile bins of y whose rows are spread evenly over the folds (int `cv` only).
    strata : ndarray of shape (n,), optional
        Bins (classes) that an int `cv` spreads evenly where `stratify` and `groups` are not given.
    n_repeats : int, default=1
        The folds are made that many times, shuffled anew each time (int `cv` only).
    seed, first_repeat : int, default=0
        Key of the random numbers (Philox): equal keys give equal folds on every machine. Repetitions are numbered from
        `first_repeat`.
    rows : integer array, optional
        Make folds of these rows only. Default: all.
    name : str, default="cv"
        What error messages call `cv`.

    Returns
    -------
    Folds

    Raises
    ------
    ValueError, TypeError
        Naming the argument and the remedy.
    """
    rows = np.arange(n_samples, dtype=np.intp) if rows is None else np.asarray(rows, dtype=np.intp)
    if groups is not None:
        groups = group_numbers(groups, n_samples)
    seed = check_seed(seed, "the folds are")
    if isinstance(n_repeats, bool) or not isinstance(n_repeats, Integral) or n_repeats < 1:
        raise ValueError(f"n_repeats = {n_repeats!r} must be an int of at least 1")
    if isinstance(cv, (str, bytes, bool, np.bool_)) or cv is None:
        raise TypeError(_unknown(name, f"= {cv!r}"))
    if isinstance(cv, Integral):
        if weights is not None:
            rows = rows[weights[rows] > 0]
        return _shuffled(int(cv), rows, y, groups, stratify, strata, int(n_repeats), seed, first_repeat, name)
    if n_repeats > 1:
        raise ValueError(f"n_repeats = {n_repeats} works with an int cv only; pass "
                         "sklearn.model_selection.RepeatedKFold as cv instead")
    if stratify is not None:
        raise ValueError(f"stratify = {stratify!r} works with an int cv only; a splitter stratifies by itself")
    if isinstance(cv, ResamplingPlan):
        folds = _from_plan(cv, n_samples, rows, name)
    elif hasattr(cv, "split"):
        folds = _from_splitter(cv, n_samples, rows, y, groups, X, name)
    elif (ids := fold_ids_of(cv)) is not None:
        folds = _from_ids(ids, n_samples, rows, name)
    else:
        try:
            pairs = [(train, test) for train, test in cv]
        except (TypeError, ValueError):
            raise TypeError(_unknown(name, f"= {cv!r}" if isinstance(cv, Number) else f"of type {type(cv).__name__}")) from None
        if len(rows) != n_samples:
            raise ValueError("an iterable of (train, test) cannot serve as inner_cv: its indices would mean other rows "
                             "in every outer fold. Pass an int, a splitter or an array of fold ids")
        folds = _from_pairs(pairs, rows, name)
        _warn_of_known_rows(folds, name)
    if groups is not None and not hasattr(cv, "split"):
        _check_groups_whole(folds, groups, rows, name)
    if weights is not None:
        _check_weighted(folds, weights, rows, name)
    return folds


def _unknown(name, what):
    return (f"{name} {what} must be an int, a scikit-learn splitter, an iterable of (train, test) index arrays, an "
            "array of fold ids, or a plan of riata.resampling")


def group_numbers(groups, n_samples):
    """The number of the group of each row, (n,), from labels of any kind."""
    array = np.asarray(groups)
    if array.shape != (n_samples,):
        given = f"= {groups!r} is text" if isinstance(groups, str) else f"has shape {array.shape}"
        raise ValueError(f"groups {given}; expected one group per row of X, ({n_samples},): pass the column itself")
    if array.dtype.kind in "mM":
        missing = np.isnat(array)
    elif array.dtype.kind == "O":                      # None, NaN, NaT and pandas.NA
        missing = np.array([value is None or type(value).__name__ == "NAType" or bool(value != value) for value in array], bool)
    else:
        missing = array != array
    if missing.any():
        count = int(missing.sum())
        raise ValueError(f"groups has {count} missing value{'s' * (count > 1)}, the first in row {int(missing.argmax())}: give "
                         "every row a group (a row on its own: a number of its own)")
    try:
        return np.unique(array, return_inverse=True)[1].reshape(-1)
    except TypeError:
        raise ValueError("groups mixes values that cannot be compared, such as text and numbers: use one kind") from None


def _shuffled(n_folds, rows, y, groups, stratify, strata, n_repeats, seed, first_repeat, name):
    units = len(rows) if groups is None else len(np.unique(groups[rows]))
    what = "rows with a positive weight" if groups is None else "groups"
    if n_folds < 2:
        raise ValueError(f"{name} = {n_folds} must be at least 2: give a number of folds of 2 or more")
    if units < 2:
        raise ValueError(f"cross-validation needs at least 2 {what}, got {units}")
    if n_folds > units:
        raise ValueError(f"{name} = {n_folds} is more than the {units} {what}; use {name} <= {units}")
    bins = None if strata is None else strata[rows]
    if stratify is not None:
        if groups is not None:
            raise ValueError("stratify and groups cannot be combined here; pass a splitter such as "
                             "sklearn.model_selection.StratifiedGroupKFold on bins of y, or its folds, as cv")
        bins = quantile_bins(y[rows], stratify, units)
    test = []
    for repeat in range(first_repeat, first_repeat + n_repeats):
        if groups is not None:
            ids = group_kfold_ids(groups[rows], n_folds, seed, repeat)
        elif bins is not None:
            ids = stratified_kfold_ids(bins, n_folds, seed, repeat)
        else:
            ids = kfold_ids(len(rows), n_folds, seed, repeat)
        test += [rows[ids == k] for k in range(n_folds)]
    return Folds(test)


def quantile_bins(values, stratify, units):
    """(n,) numbers of the quantile bins of `values`; a ValueError says what `stratify`, their number, must be."""
    if isinstance(stratify, bool) or not isinstance(stratify, Integral) or not 2 <= stratify <= units:
        given = repr(stratify) if np.ndim(stratify) == 0 else f"(an array of shape {np.shape(stratify)})"
        raise ValueError(f"stratify = {given} must be None or the number of quantile bins of y, 2 to {units}")
    return np.searchsorted(np.quantile(values, np.arange(1, stratify) / stratify), values, side="left")


def fold_ids_of(cv):
    """The array of fold ids that `cv` is, or None if it is something else."""
    if isinstance(cv, (list, tuple)):
        return np.asarray(cv) if len(cv) and all(isinstance(item, Integral) for item in cv) else None
    if hasattr(cv, "__array__") or hasattr(cv, "to_numpy"):
        array = np.asarray(cv)
        return array if array.ndim == 1 and array.dtype.kind in "iufb" else None
    return None


def _from_ids(ids, n_samples, rows, name):
    if ids.shape != (n_samples,):
        raise ValueError(f"{name} has {ids.shape[0]} fold ids for {n_samples} rows; pass one per row")
    if ids.dtype.kind not in "iu":
        raise ValueError(f"{name} as an array of fold ids must be of integers, got dtype {ids.dtype}")
    mine = ids[rows]
    test = [rows[mine == k] for k in np.unique(mine) if k >= 0]
    if not test:
        raise ValueError(f"{name} holds no fold id of 0 or more (a negative id marks rows that are never held out)")
    if any(len(held) == len(rows) for held in test):
        raise ValueError(f"{name} puts all rows into one fold, which leaves none to train on")
    return Folds(test)


def _from_plan(plan, n_samples, rows, name):
    if plan.n_samples != n_samples or len(rows) != n_samples:
        raise ValueError(f"{name} is a plan of {plan.n_samples} rows, there are {len(rows)}: make one with "
                         f"n_samples={len(rows)}, or give {name} as an int")
    if plan.kind == "permutations":
        raise ValueError(f"{name} is a plan of permutations, which holds no rows out: give one of riata.resampling.kfold")
    test = [plan.held_out(i) for i in range(len(plan))]
    empty = [i for i, held in enumerate(test) if not len(held)]
    if empty:
        raise ValueError(f"{name}: member {empty[0]} of the {plan.kind} plan holds no row out: leave it out by "
                         "riata.resampling.from_splitter, or take another seed")
    return Folds(test, None if plan.complementary else [plan[i] for i in range(len(plan))])


def _from_splitter(cv, n_samples, rows, y, groups, X, name):
    if X is None or type(cv).__module__.startswith("sklearn.model_selection"):
        features = np.broadcast_to(np.zeros(1), (len(rows), 1))      # they ask for its length only
    else:
        features = X if len(rows) == n_samples else X[rows]
    try:
        pairs = list(cv.split(features, None if y is None else y[rows], None if groups is None else groups[rows]))
    except ValueError as error:
        if groups is None and "groups" in str(error):
            raise ValueError(f"{name} = {cv!r} splits by groups: pass groups=, one per row of X") from None
        raise
    return _from_pairs(pairs, rows, name)


def _from_pairs(pairs, rows, name):
    train, test, partition = [], [], True
    for k, (fold_train, fold_test) in enumerate(pairs):
        train_at = _positions(fold_train, len(rows), f"training rows of fold {k}", name)
        test_at = _positions(fold_test, len(rows), f"test rows of fold {k}", name)
        seen = np.zeros(len(rows), dtype=bool)
        seen[train_at] = seen[test_at] = True
        partition = partition and len(train_at) + len(test_at) == len(rows) and bool(seen.all())
        train.append(rows[train_at])
        test.append(rows[test_at])
    if not test:
        raise ValueError(f"{name} gives no folds: give at least one pair of (train, test) rows")
    return Folds(test, None if partition else train)


def _positions(indices, n_rows, what, name):
    indices = np.asarray(indices)
    if indices.ndim == 1 and indices.dtype == bool and len(indices) == n_rows:
        indices = np.flatnonzero(indices)
    if indices.size == 0:
        raise ValueError(f"{name}: there are no {what}")
    if indices.ndim != 1 or indices.dtype.kind not in "iu":
        raise ValueError(f"{name}: the {what} must be a one-dimensional array of row indices, got dtype {indices.dtype}, "
                         f"shape {indices.shape}")
    indices = indices.astype(np.intp)
    first, last = indices.min(), indices.max()
    if first < -n_rows or last >= n_rows:
        raise ValueError(f"{name}: the {what} reach from {first} to {last}, outside the {n_rows} rows")
    return indices if first >= 0 else np.where(indices < 0, indices + n_rows, indices)


def _warn_of_known_rows(folds, name):
    for k, (test, train) in enumerate(zip(folds.test, folds.train or [], strict=folds.train is not None)):
        known = np.intersect1d(test, train)
        if len(known):
            warnings.warn(f"{name}: fold {k} tests on {len(known)} rows that it trains on, the first row {known[0]}: its error "
                          "is too small to choose by. Leave them out of one of the two", UserWarning, stacklevel=5)
            return


def _check_groups_whole(folds, groups, rows, name):
    for k, test in enumerate(folds.test):
        train = np.setdiff1d(rows, test) if folds.train is None else folds.train[k]
        torn = np.intersect1d(groups[test], groups[train])
        if len(torn):
            row = test[groups[test] == torn[0]][0]
            raise ValueError(f"{name} is given as folds, and fold {k} tests on row {row} but trains on others of its group in "
                             f"groups: leave groups out, give folds that keep groups whole, or give {name} as an int")


def _check_weighted(folds, weights, rows, name):
    weighted = np.count_nonzero(weights[rows])
    for k, test in enumerate(folds.test):
        tested = np.count_nonzero(weights[test])
        trained = weighted - tested if folds.train is None else np.count_nonzero(weights[folds.train[k]])
        for part, count in (("test", tested), ("training", trained)):
            if count == 0:
                raise ValueError(f"{name}: all {part} rows of fold {k} have weight 0; use fewer or other folds")
