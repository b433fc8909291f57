"""Columns of a table to features of a linear model, and the same again at prediction.

The rule for text and categorical columns (one-hot):

- levels are sorted as text, so that the coding does not depend on the order of the rows;
- two levels make **one** 0/1 feature, named after the second level (``sex=male``): the first is dropped, as its
  feature would only mirror the other;
- three or more levels make one 0/1 feature **each**, none is dropped. A penalised fit has no need of a reference level,
  and the answer would depend on which one was dropped;
- one level makes no feature: it is constant.

Booleans are numbers, 0 and 1. Missing values are refused with the names of the columns and their counts. A category
that the fit did not see is an error that names it.
"""
from dataclasses import dataclass

import numpy as np

from ..model_document import Damaged, entries, entry

MANY_LEVELS = 20
LISTED = 8        # names in one message; the rest are counted


def _polars():
    try:
        import polars
    except ImportError as error:
        raise ImportError('tables with named columns need polars: pip install "riata[cli]"') from error
    return polars


def as_polars(table):
    """A polars DataFrame of a polars, pandas or Arrow table or a dict of columns; polars tables pass as they are."""
    pl = _polars()
    if isinstance(table, pl.DataFrame):
        return table
    if isinstance(table, pl.LazyFrame):
        return table.collect()
    if type(table).__module__.startswith("pyarrow"):
        return pl.from_arrow(table)
    names = list(table) if isinstance(table, dict) else list(table.columns)
    return pl.DataFrame({str(name): _column(table[name]) for name in names}, strict=False)


def _column(values):
    array = np.asarray(values)
    if array.dtype.kind in "biuf":
        return array
    return [None if value is None or value != value else value for value in values]      # NaN and NaT are != themselves


def listed(items):
    """``a, b, c and 4 more``."""
    items = list(items)
    more = len(items) - LISTED
    return ", ".join(items[:LISTED]) + (f" and {more} more" if more > 0 else "")


def refuse_missing(table, columns):
    """Raise a ValueError with names and counts if any of the columns has a null or NaN.

    Missing and infinite values are told apart, as their remedies differ.
    """
    pl = _polars()
    schema = table.schema                    # once: polars makes it anew at every look
    floats = [name for name in columns if schema[name].is_float()]
    frame = table.select(columns)
    missing = dict(zip(columns, frame.null_count().row(0), strict=True)) if columns else {}
    infinite = {}
    if floats:
        for name, count in zip(floats, frame.select(pl.col(floats).is_nan().sum()).row(0), strict=True):
            missing[name] += count or 0
        infinite = dict(zip(floats, frame.select(pl.col(floats).is_infinite().sum()).row(0), strict=True))
    for counts, what, remedy in ((missing, "missing values", "fill them in, or leave out the rows or the columns"),
                                 (infinite, "infinite values", "correct them, or leave out the rows or the columns")):
        bad = {name: count for name, count in counts.items() if count}
        if bad:
            where = listed(f"{name} ({count})" for name, count in bad.items())
            columns = f"{len(bad)} column{'s' * (len(bad) > 1)} of {table.height} row{'s' * (table.height != 1)}"
            raise ValueError(f"{what} in {columns}: {where}; {remedy}")


@dataclass(frozen=True)
class Encoding:
    """How table columns become features.

    Parameters
    ----------
    columns : tuple of (str, None or tuple of str)
        Column names in order; None for a number, else the sorted levels of a category.
    """

    columns: tuple

    @classmethod
    def of_numbers(cls, names):
        """The encoding that takes every column as a number."""
        return cls(tuple((name, None) for name in names))

    @classmethod
    def fit(cls, table, columns):
        """Learn kinds and levels.

        Parameters
        ----------
        table : polars DataFrame
        columns : list of str
            The columns to use, in order.

        Raises
        ------
        ValueError
            If a column is absent or has missing or infinite values, is of a kind that is neither number nor category
            (dates, lists), or is text with so many levels that it must be an identifier or damaged numbers, or if two
            features would have one name.
        """
        refuse_absent(table, columns)
        refuse_missing(table, columns)
        encoding = cls(tuple((name, _levels(table[name])) for name in columns))
        names = encoding.feature_names
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise ValueError(f"two features would be called {twice!r}: rename one of the columns")
        return encoding

    @property
    def feature_names(self):
        """Names of the features, in order."""
        return [name for column, levels in self.columns for name in _features(column, levels)]

    def columns_of(self, features):
        """Names of the columns that make any of these features."""
        return [column for column, levels in self.columns
                if any(name in features for name in _features(column, levels))]

    def transform(self, table, only=None):
        """Features of a table.

        Parameters
        ----------
        table : polars DataFrame
        only : set of str, optional
            Use these columns only.

        Returns
        -------
        features : array (n, p) float64, Fortran order
        names : list of str (p,)

        Raises
        ------
        ValueError
            If columns are absent, have missing or infinite values, text where numbers are due, or unknown categories.
        """
        used = [(column, levels) for column, levels in self.columns if only is None or column in only]
        refuse_absent(table, [column for column, _ in used])
        refuse_missing(table, [column for column, _ in used])
        schema = table.schema
        for column, levels in used:
            if levels is None and not _is_number(schema[column]):
                raise ValueError(f"column {column!r} holds {_example(table[column])}, the fit had numbers there")
        names = [name for column, levels in used for name in _features(column, levels)]
        features = np.empty((table.height, len(names)), order="F")
        j = 0
        for column, levels in used:
            if levels is None:
                features[:, j] = table[column].cast(_polars().Float64).to_numpy()
                j += 1
                continue
            codes = _codes(table[column], levels)
            shown = range(len(levels)) if len(levels) > 2 else range(1, len(levels))
            for k in shown:
                features[:, j] = codes == k
                j += 1
        return features, names

    def to_dict(self):
        """Plain data for JSON."""
        return {"rule": "one-hot; two levels: the second only; one level: none",
                "columns": [{"name": name, "kind": "number"} if levels is None else
                            {"name": name, "kind": "category", "levels": list(levels)}
                            for name, levels in self.columns]}

    @classmethod
    def from_dict(cls, document):
        """The encoding of `to_dict`; a ValueError says what is wrong with a document that is none."""
        if not isinstance(document, dict):
            raise Damaged("'encoding' is not an object")
        where, columns = " in the encoding", []
        for column in entries(document, "columns", dict, where):
            name, kind = (entry(column, key, str, f" in a column{where}") for key in ("name", "kind"))
            if kind not in ("number", "category"):
                raise Damaged(f"column {name!r}{where} is of kind {kind!r}, not number or category")
            levels = tuple(entries(column, "levels", str, f" of column {name!r}{where}")) if kind == "category" else None
            columns.append((name, levels))
        return cls(tuple(columns))


def refuse_absent(table, columns):
    """Raise a ValueError naming the columns that the table has not, with the nearest name that it has."""
    present = set(table.columns)
    absent = [name for name in columns if name not in present]
    if absent:
        from difflib import get_close_matches
        near = [name for name in table.columns if name.casefold() == absent[0].casefold()]
        near = near or get_close_matches(absent[0], table.columns, 1)
        hint = f"did you mean {near[0]!r}?" if near and len(absent) == 1 else f"the table has {listed(table.columns)}"
        raise ValueError(f"no column {listed(map(repr, absent))}; {hint}")


def _is_number(dtype):
    return dtype.is_numeric() or dtype == _polars().Boolean


def _features(column, levels):
    if levels is None:
        return [column]
    return [f"{column}={level}" for level in (levels if len(levels) > 2 else levels[1:])]


def _example(series):
    if series.dtype != _polars().String:
        return f"values of type {series.dtype}"
    words = [text for text in series.unique(maintain_order=True).to_list() if not _reads_as_number(text)]
    return f"the text {words[0]!r}" if words else f"numbers stored as text, such as {series[0]!r}"


def _levels(series):
    pl = _polars()
    if _is_number(series.dtype):
        return None
    if series.dtype not in (pl.String, pl.Categorical, pl.Enum):
        raise ValueError(f"column {series.name!r} holds {series.dtype} values: turn it into numbers or text, "
                         "or leave it out")
    levels = tuple(sorted(series.cast(pl.String).unique().to_list()))
    if len(levels) > MANY_LEVELS:
        words = [level for level in levels if not _reads_as_number(level)]
        if len(words) < len(levels) / 2 and words:
            raise ValueError(f"column {series.name!r} is text because of entries such as {words[0]!r}, but looks like "
                             "numbers: correct these entries, or leave it out")
        if len(levels) > len(series) / 2:
            raise ValueError(f"column {series.name!r} has {len(levels)} different texts in {len(series)} rows: it "
                             "looks like an identifier, leave it out")
    return levels


def _reads_as_number(text):
    try:
        float(text)
    except ValueError:
        return False
    return True


def _codes(series, levels):
    pl = _polars()
    text = series.cast(pl.String)
    unknown = text.filter(~text.is_in(list(levels)))
    if len(unknown):
        new = sorted(unknown.unique().to_list())
        raise ValueError(f"column {series.name!r} holds {listed(map(repr, new))} ({len(unknown)} "
                         f"row{'s' * (len(unknown) > 1)}), which the fit did not see; it knows "
                         f"{listed(map(repr, levels))}")
    return text.cast(pl.Enum(list(levels))).to_physical().to_numpy()
