"""Where the problems of a batch come from: lists, a stack, windows of one matrix, groups of one table, an iterator.

Each source hands out the problems from one number to another as lists of arrays, and says beforehand, where it can, how large
they are. What it hands out are views of the caller's arrays wherever these have the rows and columns side by side.
"""

from dataclasses import dataclass, field
from itertools import islice, pairwise

import numpy as np

from riata.feature_names import FeatureNames
from riata.labels import as_list
from riata.tables import column_label, design, vector
from riata.validation import check_finite

FLOATS = (np.dtype(np.float64), np.dtype(np.float32))


@dataclass
class Chunk:
    """Some problems, as lists with an entry for each.

    Attributes
    ----------
    X, y : lists of ndarrays or CSC matrices (n_b, p_b), and of ndarrays (n_b,), NaN where a target is missing
    weights, offset : lists of ndarrays (n_b,) or None, or None
    names : FeatureNames
    sizes : (n, p), each (B,)
    """

    X: list
    y: list
    weights: list | None = None
    offset: list | None = None
    names: FeatureNames = field(default_factory=FeatureNames)
    sizes: tuple | None = None

    def __post_init__(self):
        if self.sizes is None:
            self.sizes = sizes_of(self.X)


def sizes_of(X):
    """(n, p), each (B,), of some designs."""
    shapes = np.array([matrix.shape for matrix in X], dtype=np.int64).reshape(len(X), 2)
    return shapes[:, 0].copy(), shapes[:, 1].copy()


def one_design(X, name):
    """(matrix, names) of one member: an ndarray of floats as it is."""
    if type(X) is np.ndarray and X.ndim == 2 and X.dtype in FLOATS:
        return X, None
    matrix, names = design(X, name)
    return np.asarray(matrix) if isinstance(matrix, np.ndarray) else matrix, names


def one_target(y, name, n):
    """A target of one member as float64 (n,); NaN is allowed."""
    if type(y) is not np.ndarray or y.ndim != 1 or y.dtype != np.float64:
        y = vector(y, name, f"(n,): one per row, n = {n}")
    return y


class Lists:
    """Designs and targets one by one: lists, or the slices of a stack.

    Raises
    ------
    ValueError
        Naming the member, for unequal lengths and for what is no matrix of numbers.
    """

    def __init__(self, X, Y, weights=None, offset=None):
        if len(X) != len(Y):
            raise ValueError(f"X holds {len(X)} designs and Y {len(Y)} targets: give one target for each design")
        self.B, self.names = len(X), FeatureNames()
        if all(type(matrix) is np.ndarray and matrix.ndim == 2 and matrix.dtype in FLOATS for matrix in X):
            self.X = X                                 # the usual case has to be quick
        else:
            pairs = [one_design(matrix, f"X[{b}]") for b, matrix in enumerate(X)]
            self.X, own = [matrix for matrix, _ in pairs], [names for _, names in pairs]
            if any(names is not None for names in own):
                self.names = FeatureNames(own=own)
        self.n, self.p = sizes_of(self.X)
        self.y = Y if all(type(y) is np.ndarray and y.ndim == 1 and y.dtype == np.float64 for y in Y) else [
            one_target(y, f"Y[{b}]", self.n[b]) for b, y in enumerate(Y)]
        wrong = np.flatnonzero(self.n != np.fromiter(map(len, self.y), np.int64, self.B))
        if len(wrong):
            b = int(wrong[0])
            more = f" (and {len(wrong) - 1} more such problems)" if len(wrong) > 1 else ""
            raise ValueError(f"Y[{b}] has {len(self.y[b])} values and X[{b}] has {self.n[b]} rows{more}: they must be equal")
        self.weights, self.offset = weights, offset

    def sizes(self, start, stop):
        return self.n[start:stop], self.p[start:stop]

    gathered = False

    def chunk(self, start, stop):
        """The problems `start` to `stop` − 1."""
        def those(items):
            return None if items is None else items[start:stop]

        return Chunk(self.X[start:stop], self.y[start:stop], those(self.weights), those(self.offset),
                     self.names.of(range(start, stop)) if self.names else self.names, self.sizes(start, stop))


class Windows:
    """Columns of one matrix, a set for each problem; one target for all or a column for each.

    A slice, and an index array of neighbouring columns, is a view; other columns are copied, chunk by chunk. Of a memory map
    only the columns that are asked for are read.
    """

    def __init__(self, X, Y, columns, weights=None, offset=None):
        self.X, names = design(X)
        n, p = self.X.shape
        if isinstance(self.X, np.memmap):
            self.X = np.asarray(self.X)
        else:
            check_finite(self.X, names)
        if columns is None:
            self.B, self.columns = Y.shape[1], None
        else:
            known = None if names is None else {label: j for j, label in enumerate(names)}
            self.columns = [_columns(given, b, p, known) for b, given in enumerate(columns)]
            self.B = len(self.columns)
        if Y.shape[0] != n:
            raise ValueError(f"Y has {Y.shape[0]} rows and X has {n}; they must be equal")
        if Y.shape[1] not in (1, self.B):
            raise ValueError(f"Y has {Y.shape[1]} columns and columns has {self.B} entries: give one target, or one for each")
        self.Y, self.weights, self.offset = np.asfortranarray(Y), weights, offset
        self.names = FeatureNames(names, self.columns) if names is not None else FeatureNames()
        self.n = np.full(self.B, n)
        self.p = np.full(self.B, p) if columns is None else np.array([_width(pick) for pick in self.columns], np.int64)

    def sizes(self, start, stop):
        return self.n[start:stop], self.p[start:stop]

    @property
    def gathered(self):
        return self.columns is not None and not all(isinstance(pick, slice) for pick in self.columns)

    def chunk(self, start, stop):
        """The problems `start` to `stop` − 1."""
        each = range(start, stop)
        if self.columns is None:
            X = [self.X] * len(each)
        else:
            X = [self.X[:, pick] if isinstance(pick, slice) or not isinstance(self.X, np.ndarray)
                 else np.asfortranarray(self.X[:, pick]) for pick in self.columns[start:stop]]
        shared = self.Y.shape[1] == 1
        y = [self.Y[:, 0 if shared else b] for b in each]
        return Chunk(X, y, _of_rows(self.weights, each), _of_rows(self.offset, each),
                     self.names.of(each) if self.names.picks is not None else self.names, self.sizes(start, stop))


class Groups:
    """The rows of one long table by their labels; a problem for each label, in the order in which these appear."""

    def __init__(self, X, y, by, weights=None, offset=None):
        self.X, names = design(X)
        n, p = self.X.shape
        by = _one_kind(by)
        for name, values in (("Y", y), ("by", by), ("weights", weights), ("offset", offset)):
            if values is not None and values.shape != (n,):
                raise ValueError(f"{name} has shape {values.shape}; expected ({n},): one per row of X")
        _refuse_missing_labels(by)
        try:
            labels, first, codes = np.unique(by, return_index=True, return_inverse=True)
        except TypeError:
            raise ValueError("by mixes values that cannot be compared, such as text and numbers: use one kind") from None
        order = np.argsort(first, kind="stable")
        number = np.empty_like(order)
        number[order] = np.arange(len(order))
        codes = number[codes.reshape(-1)]
        labels = labels[order]
        self.labels = as_list(labels)
        self.B = len(order)
        self.n = np.bincount(codes, minlength=self.B)
        self.p = np.full(self.B, p)
        self.at = np.concatenate([[0], np.cumsum(self.n)])
        self.rows = None if np.all(codes[1:] >= codes[:-1]) else np.argsort(codes, kind="stable")
        if not isinstance(self.X, np.ndarray):
            self.X = self.X.tocsr()                    # to pick rows of
        elif isinstance(self.X, np.memmap):
            self.X = np.asarray(self.X)
        self.y, self.weights, self.offset = y, weights, offset
        self.names = FeatureNames(names)

    def sizes(self, start, stop):
        return self.n[start:stop], self.p[start:stop]

    @property
    def gathered(self):
        return self.rows is not None

    def chunk(self, start, stop):
        """The problems `start` to `stop` − 1."""
        blocks = self.parts(self.X, start, stop)
        y, weights, offset = (None if values is None else self.parts(values, start, stop)
                              for values in (self.y, self.weights, self.offset))
        return Chunk(blocks if isinstance(self.X, np.ndarray) else [block.tocsc() for block in blocks], y, weights, offset,
                     self.names, self.sizes(start, stop))

    def parts(self, values, start, stop):
        """Values of the rows as a list with those of each of the problems `start` to `stop` − 1."""
        whole = slice(self.at[start], self.at[stop])
        values = values[whole if self.rows is None else self.rows[whole]]
        bounds = (self.at[start:stop + 1] - self.at[start]).tolist()
        return [values[slice(*pair)] for pair in pairwise(bounds)]


class Pairs:
    """An iterator of (X, y) or (X, y, weights), for batches larger than memory: read once, in order."""

    B, gathered = None, True

    def __init__(self, pairs):
        self.pairs, self.read = iter(pairs), 0

    def take(self, count=None, share_of=None):
        """The next problems: `count` of them, or until their shares ``share_of(n, p)`` of a chunk add up to one."""
        room = 1.0
        X, y, weights, own = [], [], [], []
        for item in islice(self.pairs, count):
            b = self.read
            if not isinstance(item, tuple) or len(item) not in (2, 3):
                raise ValueError(f"X, an iterator, gave a {type(item).__name__} as item {b}: each must be a tuple (X, y), or "
                                 "(X, y, weights)")
            matrix, names = one_design(item[0], f"X[{b}]")
            target = one_target(item[1], f"Y[{b}]", matrix.shape[0])
            if len(target) != matrix.shape[0]:
                raise ValueError(f"Y[{b}] has {len(target)} values and X[{b}] has {matrix.shape[0]} rows: they must be equal")
            weight = None if len(item) == 2 or item[2] is None else _copy(one_weights(item[2], f"weights[{b}]", matrix.shape[0]))
            # an iterator may fill the same arrays again
            for items, value in ((X, _copy(matrix)), (y, _copy(target)), (weights, weight), (own, names)):
                items.append(value)
            self.read += 1
            if share_of is not None:
                room -= share_of(*map(float, matrix.shape))
                if room <= 0:
                    break
        if not X:
            return None
        return Chunk(X, y, weights if any(weight is not None for weight in weights) else None, None,
                     FeatureNames(own=own) if any(names is not None for names in own) else FeatureNames())


def _copy(values):
    return np.array(values, order="K") if isinstance(values, np.ndarray) else values.copy()


def one_weights(weights, name, n):
    """Row weights of one member: finite and not negative."""
    if type(weights) is not np.ndarray or weights.ndim != 1 or weights.dtype != np.float64:
        weights = vector(weights, name, f"(n,): one per row, n = {n}")
    if len(weights) != n:
        raise ValueError(f"{name} has {len(weights)} values and X has {n} rows: they must be equal")
    refuse_bad_weights(weights, name)
    return weights


def refuse_bad_weights(weights, name):
    """Refuse weights that are negative or not finite, naming the first."""
    bad = np.argwhere(~((weights >= 0) & np.isfinite(weights)))
    if len(bad):
        at = tuple(int(i) for i in bad[0])
        raise ValueError(f"{name}[{', '.join(map(str, at))}] = {weights[at]:g}: weights must be finite and 0 or more; 0 leaves a "
                         "row out")


def _of_rows(values, each):
    """Values (n,) or (n, B) of the rows for some problems."""
    if values is None:
        return None
    return [values] * len(each) if values.ndim == 1 else [np.ascontiguousarray(values[:, b]) for b in each]


def _columns(given, b, p, known):
    """The columns of one problem as a slice or an integer array."""
    name = f"columns[{b}]"
    if isinstance(given, slice):
        if any(end is not None and not isinstance(end, (int, np.integer)) for end in (given.start, given.stop, given.step)):
            raise ValueError(f"{name} = {given!r} is a slice of names: give a slice of column numbers, or a list of column names")
        start, stop, step = given.indices(p)
        return slice(start, max(start, stop)) if step == 1 else np.arange(start, stop, step)
    if isinstance(given, str):
        raise ValueError(f"{name} = {given!r} is text: give a list of column names, an array of column numbers, or a slice")
    if isinstance(given, (list, tuple)) and given and isinstance(given[0], str):
        if known is None:
            raise ValueError(f"{name} names columns, and X has no names: give numbers, or X as a table")
        absent = [label for label in given if label not in known]
        if absent:
            raise ValueError(f"{name} names {absent[0]!r}, which is no column of X"
                             + (f" ({len(absent)} names are not)" if len(absent) > 1 else ""))
        given = [known[label] for label in given]
    index = np.asarray(given)
    if index.dtype == bool and index.shape == (p,):
        index = np.flatnonzero(index)
    if index.size == 0:
        return slice(0, 0)
    if index.ndim != 1 or index.dtype.kind not in "iu":
        raise ValueError(f"{name} has dtype {index.dtype} and shape {index.shape}: give a slice, an array of column numbers, a "
                         "mask of the columns, or a list of column names")
    low, high = int(index.min()), int(index.max())
    if low < -p or high >= p:
        raise ValueError(f"{name} holds {high if high >= p else low}, outside the {p} columns of X (0 to {p - 1})")
    index = index.astype(np.intp)
    if len(np.unique(index % p)) < len(index):
        values, counts = np.unique(index % p, return_counts=True)
        raise ValueError(f"{name} holds column {values[np.argmax(counts > 1)]} more than once: give each column once")
    index = np.where(index < 0, index + p, index) if low < 0 else index
    if low >= 0 and high - low + 1 == len(index) and (index[1:] - index[:-1] == 1).all():
        return slice(low, high + 1)
    return index


def _width(pick):
    return pick.stop - pick.start if isinstance(pick, slice) else len(pick)


def _one_kind(by):
    """Labels as an array; text beside anything else is refused, which numpy would turn into text."""
    array = np.asarray(by)
    if isinstance(by, np.ndarray) and array.dtype.kind != "O":
        return array
    values = by if isinstance(by, (list, tuple)) else array.tolist() if array.ndim == 1 and array.dtype.kind == "O" else []
    text = np.fromiter((isinstance(value, str) for value in values), bool, len(values))
    if text.any() and not text.all():
        missing = np.fromiter((value is None or type(value).__name__ == "NAType" or bool(value != value) for value in values),
                              bool, len(values))
        if not (text | missing).all():
            i, j = int(text.argmax()), int((~text & ~missing).argmax())
            raise ValueError(f"by mixes text and others: by[{i}] = {values[i]!r}, by[{j}] = {values[j]!r}; give all labels as "
                             "text, or all as numbers")
        return np.array(values, object)
    return array


def _refuse_missing_labels(by):
    missing = by != by
    if by.dtype.kind == "O":
        missing = np.array([value is None or value != value for value in by], bool)
    if missing.any():
        raise ValueError(f"by has {int(missing.sum())} missing labels, the first in row {int(missing.argmax())}: give every row "
                         "a label, or drop these rows")


def first_bad_column(X, names):
    """'column 3' of the first column with a NaN or an infinity, or None."""
    from riata_engine.batch import first_non_finite_column

    j = int(first_non_finite_column(X))
    return None if j < 0 else column_label(names, j)
