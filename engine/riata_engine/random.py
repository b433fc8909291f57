"""Random numbers without state: every draw is a function of (seed, stream, index).

The words are those of Philox4x32-10 (Salmon et al., SC 2011), a counter-based generator: the seed is the key, the
stream and the index are the counter. The same call gives the same answer on every platform, with any number of
threads and in any order of calls; nothing is shared and nothing is advanced.

`seed` and `stream` are integers in [0, 2**64). The fold makers below and resampling plans use the streams from 2**63
up, so that a caller's own streams, if below that, never meet theirs.
"""

import operator

import numpy as np

from riata_engine.cpu import philox

_FOLD_STREAM = 1 << 63  # bits 40..62: purpose; bits 0..39: repeat
_ROWS, _GROUPS, _BINS, _FOLDS = (_FOLD_STREAM | purpose << 40 for purpose in range(4))
#: streams of resampling plans: member i reads the words i·n to (i + 1)·n − 1 of its stream
BOOTSTRAP, SUBSAMPLES, PAIRS, PERMUTATIONS, WEAKNESS = (_FOLD_STREAM | purpose << 40 for purpose in range(4, 9))


def keys(n, seed, stream=0, first=0):
    """
    Independent 64-bit words, uniform on [0, 2**64).

    Parameters
    ----------
    n : int
        How many.
    seed, stream : int in [0, 2**64)
    first : int, default=0
        Index of the first word: ``keys(n, seed, stream, first)`` is ``keys(first + n, seed, stream)[first:]``.

    Returns
    -------
    ndarray of uint64, shape (n,)
    """
    n, first = _integer("n", n), _integer("first", first)
    seed, stream = _integer("seed", seed), _integer("stream", stream)
    skip = first % 2  # a counter holds two keys of two words each
    words = np.empty(2 * (n + skip), np.uint32)
    philox.fill(words, seed, first // 2, stream)
    low, high = words[2 * skip :: 2].astype(np.uint64), words[2 * skip + 1 :: 2].astype(np.uint64)
    return high << np.uint64(32) | low


def permutation(n, seed, stream=0):
    """
    Random permutation of 0..n-1.

    The order of `n` random 64-bit keys; equal keys (probability below n**2 / 2**65) keep the order of their indices.

    Parameters
    ----------
    n : int
    seed, stream : int in [0, 2**64)

    Returns
    -------
    ndarray of intp, shape (n,)

    Examples
    --------
    >>> from riata_engine.random import permutation
    >>> sorted(permutation(5, seed=0).tolist())
    [0, 1, 2, 3, 4]
    """
    return np.argsort(keys(n, seed, stream), kind="stable")


def keys_of_members(n, seed, stream, first, last):
    """
    Words of the members `first` to ``last - 1`` of a plan, `n` for each: ``keys`` in rows.

    A member's words depend on (n, seed, stream, member) alone, not on which members are asked for.

    Parameters
    ----------
    n : int
        Words for each member.
    seed, stream : int in [0, 2**64)
    first, last : int, 0 <= first <= last

    Returns
    -------
    ndarray of uint64, shape (last - first, n)
    """
    n, first, last = _integer("n", n), _integer("first", first), _integer("last", last)
    return keys((last - first) * n, seed, stream, first * n).reshape(last - first, n)


def uniform(n, seed, stream, first, last):
    """
    Uniform numbers in [0, 1), multiples of 2**-53, `n` for each of the members `first` to ``last - 1``.

    Parameters
    ----------
    n, seed, stream, first, last
        As in `keys_of_members`.

    Returns
    -------
    ndarray of float64, shape (last - first, n)
    """
    return (keys_of_members(n, seed, stream, first, last) >> np.uint64(11)) * 2.0**-53


def permutations(n, seed, stream, first, last):
    """
    Random permutations of 0..n-1, one for each of the members `first` to ``last - 1``: the order of its words.

    Parameters
    ----------
    n, seed, stream, first, last
        As in `keys_of_members`.

    Returns
    -------
    ndarray of intp, shape (last - first, n)
    """
    return np.argsort(keys_of_members(n, seed, stream, first, last), axis=1, kind="stable")


def kfold_ids(n, k, seed, repeat=0):
    """
    Shuffled folds of equal size.

    Parameters
    ----------
    n : int
        Number of rows.
    k : int
        Number of folds, 2 <= k <= n.
    seed : int in [0, 2**64)
    repeat : int, default=0
        Number of the repetition in a repeated cross-validation; each has folds of its own.

    Returns
    -------
    ndarray of intp, shape (n,)
        Fold of each row, 0..k-1. Sizes are n // k or n // k + 1.

    Raises
    ------
    ValueError
        If k < 2 or k > n.
    """
    n = _integer("n", n)
    k = _n_folds(k, n, "rows")
    ids = np.empty(n, np.intp)
    ids[permutation(n, seed, _stream(_ROWS, repeat))] = np.arange(n) % k
    return ids


def group_kfold_ids(groups, k, seed, repeat=0):
    """
    Folds that keep every group whole, as equal in size as largest-first dealing makes them.

    Groups are taken from the largest to the smallest, those of equal size in random order, and each goes to the
    fold with the fewest rows so far (Graham 1969, "Bounds on multiprocessing timing anomalies": the largest fold is
    within 4/3 of the best possible).

    Parameters
    ----------
    groups : array-like, shape (n,)
        Group of each row; any values that sort.
    k : int
        Number of folds, 2 <= k <= number of groups.
    seed, repeat
        As in `kfold_ids`.

    Returns
    -------
    ndarray of intp, shape (n,)
        Fold of each row, 0..k-1.

    Raises
    ------
    ValueError
        If `groups` is not one-dimensional, k < 2, or k exceeds the number of groups.
    """
    group_of_row, sizes = _codes("groups", groups)
    k = _n_folds(k, sizes.size, "groups")
    order = np.argsort(keys(sizes.size, seed, _stream(_GROUPS, repeat)), kind="stable")
    order = order[np.argsort(-sizes[order], kind="stable")]
    labels = permutation(k, seed, _stream(_FOLDS, repeat))
    fold_of_group = np.empty(sizes.size, np.intp)
    rows = np.zeros(k, np.int64)
    start = 0
    for size, stop in _runs(sizes[order]):
        counts = _deal(rows, size, stop - start)
        fold_of_group[order[start:stop]] = np.repeat(labels, counts)
        rows += counts * size
        start = stop
    return fold_of_group[group_of_row]


def stratified_kfold_ids(bins, k, seed, repeat=0):
    """
    Shuffled folds in which every bin is spread evenly.

    The rows, sorted by bin (bins in random order, rows shuffled within each), are dealt to the folds in turn. So
    the number of rows of a bin differs by at most one between folds, and so does the size of the folds. A bin of
    fewer than k rows is absent from some folds.

    Parameters
    ----------
    bins : array-like, shape (n,)
        Bin (class, quantile) of each row; any values that sort.
    k : int
        Number of folds, 2 <= k <= n.
    seed, repeat
        As in `kfold_ids`.

    Returns
    -------
    ndarray of intp, shape (n,)
        Fold of each row, 0..k-1.

    Raises
    ------
    ValueError
        If `bins` is not one-dimensional, k < 2, or k > n.
    """
    bin_of_row, sizes = _codes("bins", bins)
    n = bin_of_row.size
    k = _n_folds(k, n, "rows")
    rank_of_bin = np.empty(sizes.size, np.intp)
    rank_of_bin[permutation(sizes.size, seed, _stream(_BINS, repeat))] = np.arange(sizes.size)
    order = permutation(n, seed, _stream(_ROWS, repeat))
    order = order[np.argsort(rank_of_bin[bin_of_row[order]], kind="stable")]
    ids = np.empty(n, np.intp)
    ids[order] = permutation(k, seed, _stream(_FOLDS, repeat))[np.arange(n) % k]
    return ids


def _deal(rows, size, m):
    """How many of m groups of `size` rows each fold gets, if each goes to the smallest fold at its turn.

    Fold f offers the places rows[f], rows[f] + size, ...; the m lowest are taken (ties: lower f). Found by bisection
    on the level below which all places are taken, so that a million groups of one row cost as much as one.
    """

    def places_below(level):
        return np.maximum(0, -((rows - level) // size))  # ceil((level - rows) / size)

    low = int(rows.min())  # no place lies below
    high = low + size * m + 1  # the emptiest fold alone offers m below
    while high - low > 1:
        middle = (low + high) // 2
        if int(places_below(middle).sum()) <= m:
            low = middle
        else:
            high = middle
    counts = places_below(low)
    at_level = np.flatnonzero((low >= rows) & ((low - rows) % size == 0))
    counts[at_level[: m - int(counts.sum())]] += 1
    return counts


def _runs(values):
    """(value, end) of each run of equal values."""
    if values.size == 0:
        return []
    ends = np.append(np.flatnonzero(np.diff(values)) + 1, values.size)
    return [(int(values[end - 1]), int(end)) for end in ends]


def _codes(name, labels):
    labels = np.asarray(labels)
    if labels.ndim != 1:
        raise ValueError(f"{name} has shape {labels.shape}; give one label per row, shape (n,)")
    _, codes, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    return codes, sizes


def _n_folds(k, available, what):
    k = _integer("k", k)
    if not 2 <= k <= available:
        raise ValueError(f"k={k} folds cannot be made of {available} {what}; choose k from 2 to {available}")
    return k


def _stream(purpose, repeat):
    repeat = _integer("repeat", repeat)
    if repeat >= 1 << 40:
        raise ValueError(f"repeat={repeat} is out of range; repetitions are numbered from 0")
    return purpose | repeat


def _integer(name, value):
    try:
        value = operator.index(value)
    except TypeError:
        raise TypeError(f"{name}={value!r} is not an integer; give one in [0, 2**64)") from None
    if not 0 <= value < 1 << 64:
        raise ValueError(f"{name}={value} is out of range; give an integer in [0, 2**64)")
    return value
