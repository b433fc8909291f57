"""Checks of single arguments of the native functions: each error names the argument, the value and the remedy."""

from dataclasses import dataclass
from numbers import Integral, Real

import numpy as np

from riata.tables import column_label, design, named_vector, vector
from riata_engine.batch import first_non_finite_column

MOST_ALPHAS = 1_000_000
MOST_THREADS = 4096
MOST_EPOCHS = 2**31 - 1    # the engine counts in C ints
HUGE = 2.0 ** 900          # weights above this are scaled down before they are summed


@dataclass(frozen=True)
class Grid:
    """Alphas as the engine wants them, and the way back to the caller's order.

    Attributes
    ----------
    count : int or None
        Number of alphas to derive from the data; None where they are given.
    alphas : ndarray (L,) or (B, L), or None
        Given alphas, descending along the last axis.
    back : integer array of the same shape, or None
        Position, in the descending order, of each alpha of the caller. None where the order needs no restoring.
    """

    count: int | None
    alphas: np.ndarray | None = None
    back: np.ndarray | None = None

    @property
    def size(self):
        """L, the number of alphas of a problem."""
        return self.count if self.alphas is None else self.alphas.shape[-1]

    @property
    def keywords(self):
        """The grid as keywords of the engine's `Batch`."""
        return {"n_alphas": self.count} if self.alphas is None else {"alphas": self.alphas}

    def restore(self, values, member=None):
        """Reorder results (L, ...) of one problem to the caller's order of alphas."""
        if self.back is None:
            return values
        return values[self.back if self.back.ndim == 1 else self.back[member]]


def check_design(X, name="X", finite=None):
    """The finite matrix behind `X` (see `riata.tables.design`) and its column names.

    ``finite(matrix)`` may say that it is, from sums over it that are wanted anyway: the check itself is a pass over X.

    Raises
    ------
    ValueError
        For an empty X, and for NaN or infinite values, naming the first column that has any.
    """
    matrix, names = design(X, name)
    n, p = matrix.shape
    if n == 0:
        raise ValueError(f"{name} has 0 rows (shape {matrix.shape}); at least 1 is needed")
    if p == 0:
        raise ValueError(f"{name} has 0 columns (shape {matrix.shape}); at least 1 is needed")
    if finite is None or not finite(matrix):
        check_finite(matrix, names, name)
    return matrix, names


def check_finite(matrix, names=None, name="X"):
    """Refuse NaN and infinity in a matrix, without a copy of it: only a bad column is looked at again."""
    j = int(first_non_finite_column(matrix))
    if j < 0:
        return
    column = matrix[:, j] if isinstance(matrix, np.ndarray) else matrix.data[matrix.indptr[j]:matrix.indptr[j + 1]]
    count = np.count_nonzero(~np.isfinite(column))
    raise ValueError(f"{name} has {count} NaN or infinite value{'s' if count > 1 else ''} in {column_label(names, j)}, "
                     "the first such column. Impute them (for example with sklearn.impute.SimpleImputer), or drop the "
                     "rows or the column")


def check_target(y, n_samples, name="y"):
    """`y` as a finite float64 array of shape (n,)."""
    values = vector(y, name, _per_row(n_samples) + ". riata.fit_batch takes many targets at once")
    _check_rows(values, n_samples, name)
    return values


def check_targets(Y, n_samples, name="Y"):
    """`Y` as a finite float64 array of shape (n, T), and the names of its columns or None; (n,) becomes (n, 1)."""
    values, names = named_vector(Y, name, _per_row(n_samples, "B"), ndim=(1, 2))
    values = values[:, None] if values.ndim == 1 else values
    if values.shape[1] == 0:
        raise ValueError(f"{name} has 0 columns (shape {values.shape}); at least 1 is needed")
    _check_rows(values, n_samples, name, names)
    return values, names


def check_weights(weights, n_samples, columns=False, empty_columns=False, name="weights"):
    """Row weights as float64 of shape (n,), or (n, G) if `columns`; None stays None. `name` is that of the user's argument.

    Weights are finite, not negative, and not all zero (in each column, but for `empty_columns`). Only their ratios matter.
    """
    if weights is None:
        return None
    many = "" if name != "weights" else ". riata.fit_batch takes a column for each of many fits"
    expected = _per_row(n_samples, "B") if columns else _per_row(n_samples) + many
    values, names = named_vector(weights, name, expected, (1, 2) if columns else (1,))
    _check_rows(values, n_samples, name, names)
    negative = np.argwhere(values < 0)
    if len(negative):
        at = tuple(int(i) for i in negative[0])
        count = f"{len(negative)} negative value{'s' * (len(negative) > 1)}"
        raise ValueError(f"{name} has {count}, the first {name}[{', '.join(map(str, at))}] = {values[at]:g}. Weights "
                         "must be 0 or more; 0 leaves a row out")
    empty = np.flatnonzero(np.atleast_1d(values.max(axis=0)) <= 0)
    if len(empty) and not (empty_columns and values.ndim == 2):
        where = "" if values.ndim == 1 else f" in column {empty[0]}"
        said = "all weights are 0" if name == "weights" else f"{name} is 0 for every row"
        raise ValueError(f"{said}{where}: no row is left. Give at least one row a positive weight")
    largest = values.max(axis=0, initial=0.0)
    if np.any(largest > HUGE):                         # their sum would overflow; a power of two keeps the ratios of a column
        values = np.ldexp(values, np.where(largest > HUGE, -512, 0))
    return values


def check_offset(offset, n_samples):
    """A fixed part of the linear predictor as float64 of shape (n,), or None."""
    if offset is None:
        return None
    values = vector(offset, "offset", _per_row(n_samples) + " (np.full(n, c) for a constant c)")
    _check_rows(values, n_samples, "offset")
    return values


def check_alphas(alphas, problems=None):
    """A `Grid` from an int (how many) or an array (which); 2-D (B, L) arrays only if `problems` is B."""
    if isinstance(alphas, (bool, np.bool_)) or alphas is None:
        raise TypeError(f"alphas = {alphas!r} must be an int (how many) or an array (which)")
    if isinstance(alphas, Integral):
        if alphas < 1:
            raise ValueError(f"alphas = {alphas} must be at least 1 as a number of alphas")
        if alphas > MOST_ALPHAS:
            raise ValueError(f"alphas = {alphas} is more than {MOST_ALPHAS} as a number of alphas: write alphas=[{alphas}] for "
                             "one alpha of this size")
        return Grid(int(alphas))
    if isinstance(alphas, Real):
        raise TypeError(f"alphas = {alphas!r} is a single number: write alphas=[{alphas!r}] for one alpha, or an int "
                        "for a number of alphas")
    shape = "(L,): a list of alphas" if problems is None else f"(L,), or ({problems}, L) with a row per problem"
    values = vector(alphas, "alphas", shape, ndim=(1,) if problems is None else (1, 2))
    if values.size == 0:
        raise ValueError("alphas is empty; pass at least one alpha, or an int for a number of alphas")
    if values.ndim == 2 and values.shape[0] != problems:
        raise ValueError(f"alphas has shape {values.shape}; expected {shape}")
    bad = values[~(np.isfinite(values) & (values >= 0))]
    if bad.size:
        raise ValueError(f"alphas contains {bad.flat[0]:g}; every alpha must be finite and 0 or more")
    order = np.argsort(-values, axis=-1, kind="stable")
    if np.array_equal(order, np.broadcast_to(np.arange(values.shape[-1]), order.shape)):
        return Grid(None, values.copy())                   # a result must not change when the caller's array does
    return Grid(None, np.take_along_axis(values, order, axis=-1), np.argsort(order, axis=-1, kind="stable"))


def check_l1_ratio(l1_ratio):
    """One mixing parameter in [0, 1] as a float."""
    l1_ratio = unboxed(l1_ratio)
    if isinstance(l1_ratio, (bool, np.bool_)) or not isinstance(l1_ratio, Real):
        several = "; riata.cross_validate_path tries several" if np.ndim(l1_ratio) else ""
        raise TypeError(f"l1_ratio = {l1_ratio!r} must be a number from 0 (ridge) to 1 (lasso){several}")
    if not 0.0 <= l1_ratio <= 1.0:
        raise ValueError(f"l1_ratio = {l1_ratio!r} is outside [0, 1]: 0 is ridge, 1 is the lasso")
    return float(l1_ratio)


def check_l1_ratios(l1_ratio):
    """One or several mixing parameters as a float64 array of shape (R,)."""
    l1_ratio = unboxed(l1_ratio)
    if isinstance(l1_ratio, Real):
        return np.array([check_l1_ratio(l1_ratio)])
    values = vector(l1_ratio, "l1_ratio", "a number from 0 (ridge) to 1 (lasso), or (R,): a list of them")
    if values.size == 0:
        raise ValueError("l1_ratio is empty; pass a number from 0 to 1, or a list of them")
    for value in values:
        check_l1_ratio(float(value))
    ratios, counts = np.unique(values, return_counts=True)
    if len(ratios) < len(values):
        raise ValueError(f"l1_ratio holds {ratios[counts > 1][0]:g} more than once; give each value once")
    return values.copy()


def check_l1_ratio_each(l1_ratio, problems):
    """One mixing parameter, or one per problem, as a float64 array of shape (B,)."""
    l1_ratio = unboxed(l1_ratio)
    if isinstance(l1_ratio, Real):
        return np.full(problems, check_l1_ratio(l1_ratio))
    shape = f"a number from 0 (ridge) to 1 (lasso), or one per problem, ({problems},)"
    values = vector(l1_ratio, "l1_ratio", shape)
    if values.shape != (problems,):
        raise ValueError(f"l1_ratio has shape {values.shape}; expected {shape}")
    for value in values:
        check_l1_ratio(float(value))
    return values


def unboxed(value):
    """The number in an array without axes; anything else as it is."""
    return value[()] if isinstance(value, np.ndarray) and value.ndim == 0 else value


def check_penalty_factor(penalty_factor, n_features):
    """Factors of the penalty as float64 of shape (p,), or None: 0 leaves a feature free, inf leaves it out."""
    if penalty_factor is None:
        return None
    values = vector(penalty_factor, "penalty_factor", _per_feature(n_features))
    _check_length(values, n_features, "penalty_factor")
    bad = np.flatnonzero(~(values >= 0))
    if len(bad):
        raise ValueError(f"penalty_factor[{bad[0]}] = {values[bad[0]]:g}; factors must be 0 or more (0: not penalised, "
                         "inf: left out)")
    if np.isinf(values).all():
        raise ValueError("penalty_factor is inf for every feature, which leaves all of them out; give at least one a "
                         "finite factor")
    return values


def check_box(lower, upper, positive, n_features):
    """Bounds (lower, upper) as float64 of shape (p,), or None where a side is unbounded. They must contain 0."""
    if not isinstance(positive, (bool, np.bool_)):
        raise TypeError(f"positive = {positive!r} must be True or False")
    lower = _bound(lower, "lower", n_features, -1.0)
    upper = _bound(upper, "upper", n_features, 1.0)
    if positive:
        if lower is not None and np.any(np.isfinite(lower) & (lower < 0)):
            j = int(np.argmax(np.isfinite(lower) & (lower < 0)))
            raise ValueError(f"positive=True means lower=0, and lower[{j}] = {lower[j]:g}: give one of them")
        lower = np.zeros(n_features)                   # a lower bound contains 0, so 0 is the tighter one
    return (None if lower is None or np.all(np.isneginf(lower)) else lower,
            None if upper is None or np.all(np.isposinf(upper)) else upper)


def _bound(bound, name, n_features, sign):
    if bound is None:
        return None
    bound = unboxed(bound)
    if isinstance(bound, (bool, np.bool_)):
        raise TypeError(f"{name} = {bound!r} must be a number, or {_per_feature(n_features)}")
    if isinstance(bound, Real):
        bound = np.full(n_features, float(bound))
    values = vector(bound, name, f"a number, or {_per_feature(n_features)}")
    _check_length(values, n_features, name)
    bad = np.flatnonzero(~(sign * values >= 0))
    if len(bad):
        must, why = ("0 or less", "above 0") if sign < 0 else ("0 or more", "below 0")
        value = values[bad[0]]
        raise ValueError(f"{name}[{bad[0]}] = {value:g} is {'not a number' if np.isnan(value) else why}: {name} must "
                         f"be {must} for every feature, because each coefficient must be able to stay at 0")
    return values


def check_number(value, name, low, high=np.inf, low_open=False, high_open=False):
    """A real number within bounds, as a float."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, Real):
        raise TypeError(f"{name} = {value!r} must be a number")
    inside = (value > low if low_open else value >= low) and (value < high if high_open else value <= high)
    if not inside:
        interval = f"{'(' if low_open else '['}{low:g}, {high:g}{')' if high_open or np.isinf(high) else ']'}"
        wanted = f"{'above' if low_open else 'at least'} {low:g}"
        if not np.isinf(high):
            wanted += f" and {'below' if high_open else 'at most'} {high:g}"
        raise ValueError(f"{name} = {value!r} is outside {interval}: give a {'finite ' * bool(np.isinf(high) and high_open)}"
                         f"number {wanted}")
    try:
        return float(value)
    except OverflowError:
        raise ValueError(f"{name} = {_shortened(value)} is beyond float64: give a finite number") from None


def check_count(value, name, most):
    """An int from 1 to `most`."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, Integral):
        raise TypeError(f"{name} = {value!r} must be an int")
    if not 1 <= value <= most:
        raise ValueError(f"{name} = {_shortened(value)} must be an int from 1 to {most}")
    return int(value)


def _shortened(value):
    return repr(value) if abs(value) < 10**40 else "(more than 1e40)"


def check_seed(seed, what):
    """A key of random numbers, an int in [0, 2**64); `what` is a function of it."""
    if isinstance(seed, (bool, np.bool_)) or not isinstance(seed, Integral) or not 0 <= seed < 2**64:
        raise ValueError(f"seed = {seed!r} must be an int from 0 to 2**64 - 1 ({what} a function of the seed)")
    return int(seed)


def check_flag(value, name):
    """A bool."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} = {value!r} must be True or False")
    return bool(value)


def check_named_order(values, name, feature_names):
    """Refuse a Series of numbers per feature whose labels are columns of X in another order: it would be taken by position."""
    labels = getattr(values, "index", None)
    if feature_names is None or labels is None or callable(labels):          # no table; no Series (a list has an index())
        return
    labels = list(labels)
    known = set(feature_names)
    if labels != list(feature_names) and any(isinstance(label, str) and label in known for label in labels):
        raise ValueError(f"{name} is a Series whose labels are not the columns of X in their order, and is taken by position: "
                         f"pass {name}.reindex(X.columns), or {name}.to_numpy() if its order is that of X all the same")


def _per_row(n_samples, columns=""):
    return "(n,)" + f" or (n, {columns})" * bool(columns) + f": one per row, n = {n_samples}"


def _per_feature(n_features):
    return f"(p,): one per column of X, p = {n_features}"


def _check_rows(values, n_samples, name, names=None):
    if values.shape[0] != n_samples:
        raise ValueError(f"{name} has {values.shape[0]} rows and X has {n_samples}; they must be equal")
    bad = ~np.isfinite(values)
    if bad.any():
        row, count = int(np.argwhere(bad)[0][0]), int(bad.sum())
        many = count > 1
        where, remedy = "", f"or replace the value{'s' * many}"
        if values.ndim == 2 and values.shape[1] > 1:
            columns = np.flatnonzero(bad.any(axis=0))
            row = int(np.argmax(bad[:, columns[0]]))
            where = f" of {column_label(names, columns[0])}"
            where += f", the first of {len(columns)} such columns" if len(columns) > 1 else ""
            remedy = f"replace the value{'s' * many}, or leave out {'these columns' if len(columns) > 1 else 'this column'}"
        raise ValueError(f"{name} has {count} NaN or infinite value{'s' * many}, the first in row {row}{where}; drop "
                         f"{'these rows' if many else 'this row'}{',' * bool(where)} {remedy}")


def _check_length(values, n_features, name):
    if values.shape[0] != n_features:
        raise ValueError(f"{name} has {values.shape[0]} entries and X has {n_features} columns; they must be equal")
