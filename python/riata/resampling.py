"""Makers of resampling plans: folds, bootstraps, subsamples and permutations that are data.

A plan (`riata.resampling_plan.ResamplingPlan`) says which rows each member is fitted on. It can be inspected, saved
(``to_json``) and handed in again: as `cv` of `riata.cross_validate_path`, or as weights of `riata.fit_batch`.
Random members come from Philox keyed by (seed, kind, member): the same on every machine, in any order, whatever is drawn
beside them.
"""

from numbers import Integral

import numpy as np

from riata.folds import make_folds
from riata.resampling_plan import MOST_MEMBERS, MOST_ROWS, DrawnPlan, ResamplingPlan, RowPlan
from riata.validation import check_count, check_seed

__all__ = ["ResamplingPlan", "bootstrap", "complementary_pairs", "from_splitter", "half_samples", "kfold", "leave_one_out",
           "permutations", "time_series"]


def kfold(n_samples, n_splits=10, *, n_repeats=1, groups=None, stratify=None, y=None, seed=0):
    """Shuffled folds: repeated, grouped or stratified.

    Parameters
    ----------
    n_samples : int
        n, the number of rows.
    n_splits : int, default=10
        Folds of a repetition.
    n_repeats : int, default=1
        The folds are made that many times, shuffled anew each time.
    groups : array_like of shape (n,), optional
        Rows of one group stay in one fold.
    stratify : int, optional
        Number of quantile bins of `y` whose rows are spread evenly over the folds.
    y : array_like of shape (n,), optional
        Target, for `stratify`.
    seed : int, default=0
        The folds are those of ``cross_validate_path(cv=n_splits, n_repeats=n_repeats, seed=seed, ...)`` without weights (of two
        classes with ``stratify=False``).

    Returns
    -------
    ResamplingPlan
        Of ``n_repeats * n_splits`` members.

    Raises
    ------
    ValueError, TypeError
        Naming the argument and the remedy.

    Examples
    --------
    >>> import riata
    >>> riata.resampling.kfold(442, 10)
    ResamplingPlan(kfold: 10 members on 442 rows, n_splits=10, seed=0)
    """
    n_samples = check_count(n_samples, "n_samples", MOST_ROWS)
    if isinstance(n_splits, bool) or not isinstance(n_splits, Integral):
        raise TypeError(f"n_splits = {n_splits!r} must be an int: riata.resampling.from_splitter takes a splitter")
    if stratify is not None and y is None:
        raise ValueError(f"stratify = {stratify!r} needs y, whose bins are spread over the folds: pass y=")
    y = None if y is None else np.asarray(y, dtype=float)
    if y is not None and y.shape != (n_samples,):
        raise ValueError(f"y has shape {y.shape}; expected ({n_samples},), one value per row")
    folds = make_folds(int(n_splits), n_samples, y=y, groups=groups, stratify=stratify, n_repeats=n_repeats, seed=seed,
                       name="n_splits")
    options = {"n_splits": int(n_splits)}
    options.update({"n_repeats": int(n_repeats)} if n_repeats > 1 else {})
    options.update({"grouped": True} if groups is not None else {})
    options.update({"stratify": int(stratify)} if stratify is not None else {})
    return RowPlan("kfold", n_samples, int(seed), options, folds.test, folds.train)


def leave_one_out(n_samples):
    """Each row held out once.

    Parameters
    ----------
    n_samples : int
        n, at least 2.

    Returns
    -------
    ResamplingPlan
        Of n members; member i holds row i out.
    """
    n_samples = _at_least_two(n_samples)
    return RowPlan("leave_one_out", n_samples, None, {}, list(np.arange(n_samples)[:, None]))


def time_series(n_samples, n_splits=5, *, gap=0, test_size=None, max_train_size=None):
    """Folds of rows in order of time: each is tested on rows after those that it trains on (scikit-learn's `TimeSeriesSplit`).

    Parameters
    ----------
    n_samples : int
        n, the number of rows.
    n_splits : int, default=5
    gap : int, default=0
        Rows left out between training and test rows.
    test_size : int, optional
        Default: ``n_samples // (n_splits + 1)``.
    max_train_size : int, optional
        The most training rows, the latest ones. Default: all that come before.

    Returns
    -------
    ResamplingPlan
        Of `n_splits` members.

    Raises
    ------
    ValueError, TypeError
        For bad arguments, and if there are too few rows; the message names the argument and the remedy.
    """
    from sklearn.model_selection import TimeSeriesSplit

    n_samples, n_splits = check_count(n_samples, "n_samples", MOST_ROWS), check_count(n_splits, "n_splits", MOST_MEMBERS)
    if n_splits < 2:
        raise ValueError(f"n_splits = {n_splits} must be at least 2")
    if n_splits >= n_samples:
        raise ValueError(f"n_splits = {n_splits} needs more than the {n_samples} rows of n_samples, one to train on before the "
                         f"first test: give n_splits <= {n_samples - 1}")
    if isinstance(gap, (bool, np.bool_)) or not isinstance(gap, Integral):
        raise TypeError(f"gap = {gap!r} must be an int")
    if gap < 0:
        raise ValueError(f"gap = {gap} must be at least 0")
    gap = int(gap)
    test_size, max_train_size = (None if value is None else check_count(value, name, MOST_ROWS)
                                 for name, value in (("test_size", test_size), ("max_train_size", max_train_size)))
    size = n_samples // (n_splits + 1) if test_size is None else test_size
    if n_splits * size + gap >= n_samples:
        raise ValueError(f"n_splits = {n_splits} tests of {size} rows behind a gap of {gap} leave none of the {n_samples} rows "
                         "of n_samples to train on: give a smaller n_splits, test_size or gap")
    options = {"n_splits": n_splits, "gap": gap, "test_size": test_size, "max_train_size": max_train_size}
    return _given("time_series", TimeSeriesSplit(**options), n_samples, {k: v for k, v in options.items() if v})


def from_splitter(cv, n_samples, *, y=None, X=None, groups=None):
    """The folds of a scikit-learn splitter, of (train, test) pairs or of an array of fold numbers, as a plan.

    Parameters
    ----------
    cv : splitter, iterable of (train, test), or integer array of shape (n,)
        As in `riata.cross_validate_path`. Drawn once: a plan does not change with the state of a random generator.
    n_samples : int
        n, the number of rows.
    y, X, groups : optional
        For splitters that read them.

    Returns
    -------
    ResamplingPlan

    Raises
    ------
    ValueError, TypeError
        If `cv` is none of these, or its rows are not those of X.
    """
    if isinstance(cv, Integral):
        raise TypeError(f"cv = {cv!r} is a number of folds: use riata.resampling.kfold")
    return _given("from_splitter", cv, n_samples, {}, y=y, X=X, groups=groups)


def bootstrap(n_samples, n_members=1000, *, seed=0):
    """Bootstrap samples: n rows drawn with replacement (Efron, Annals of Statistics 7(1), 1979).

    Parameters
    ----------
    n_samples : int
        n, the number of rows.
    n_members : int, default=1000
    seed : int, default=0

    Returns
    -------
    ResamplingPlan
        ``plan.weights()`` are the counts; ``plan.held_out(i)`` are the out-of-bag rows.
    """
    n_samples = check_count(n_samples, "n_samples", MOST_ROWS)
    return _drawn("bootstrap", n_samples, n_members, seed, {})


def half_samples(n_samples, n_members=100, *, size=None, seed=0):
    """Subsamples of half of the rows, without replacement (Meinshausen and Bühlmann, JRSS B 72(4), 2010).

    Parameters
    ----------
    n_samples : int
        n, the number of rows, at least 2.
    n_members : int, default=100
    size : int, optional
        Rows of a subsample, 1 to n - 1. Default: ``n_samples // 2``.
    seed : int, default=0

    Returns
    -------
    ResamplingPlan
    """
    n_samples = _at_least_two(n_samples)
    size = n_samples // 2 if size is None else check_count(size, "size", n_samples - 1)
    return _drawn("half_samples", n_samples, n_members, seed, {"size": size})


def complementary_pairs(n_samples, n_pairs=50, *, seed=0):
    """Pairs of disjoint halves of the rows (Shah and Samworth, JRSS B 75(1), 2013).

    Parameters
    ----------
    n_samples : int
        n, the number of rows, at least 2.
    n_pairs : int, default=50
        B.
    seed : int, default=0

    Returns
    -------
    ResamplingPlan
        Of 2 B members of ``n_samples // 2`` rows each: 2 i and 2 i + 1 have no row in common.
    """
    n_samples = _at_least_two(n_samples)
    n_pairs = check_count(n_pairs, "n_pairs", MOST_MEMBERS // 2)
    return _drawn("complementary_pairs", n_samples, 2 * n_pairs, seed, {"size": n_samples // 2})


def permutations(n_samples, n_members=1000, *, seed=0):
    """Random orders of the rows, for permutation tests.

    Parameters
    ----------
    n_samples : int
        n, the number of rows.
    n_members : int, default=1000
    seed : int, default=0

    Returns
    -------
    ResamplingPlan
        ``plan[i]`` is an order of 0..n-1, ``plan.permuted(y)`` the targets (n, n_members). It has no weights, and holds no
        row out.
    """
    n_samples = check_count(n_samples, "n_samples", MOST_ROWS)
    return _drawn("permutations", n_samples, n_members, seed, {})


def _at_least_two(n_samples):
    n_samples = check_count(n_samples, "n_samples", MOST_ROWS)
    if n_samples < 2:
        raise ValueError("n_samples = 1: with a row left out nothing is left to fit; give at least 2 rows")
    return n_samples


def _drawn(kind, n_samples, n_members, seed, options):
    n_members = check_count(n_members, "n_members", MOST_MEMBERS)
    return DrawnPlan(kind, n_samples, n_members, check_seed(seed, "the plan is"), options)


def _given(kind, cv, n_samples, options, **data):
    n_samples = check_count(n_samples, "n_samples", MOST_ROWS)
    folds = make_folds(cv, n_samples, **data)
    return RowPlan(kind, n_samples, None, options, folds.test, folds.train)
