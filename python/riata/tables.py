"""Tables of any library to the arrays that the engine takes, with their column names.

pandas, polars and pyarrow are recognised by looking at what the caller has already imported: an object of a library
can only be here if that library is loaded, so nothing is imported to find out. What is an array stays one: a float32
or float64 ndarray of any strides, read-only or memory-mapped, passes through untouched.
"""

import sys
from numbers import Real
from os import PathLike

import numpy as np


def design(X, name="X"):
    """The matrix behind `X`, and the names of its columns.

    Parameters
    ----------
    X : ndarray, memmap, scipy.sparse matrix or array, pandas or polars DataFrame, pyarrow Table, nested list
        float32 and float64 are kept; integers and booleans become float64.
    name : str, default="X"
        What error messages call it.

    Returns
    -------
    matrix : ndarray of shape (n, p), or scipy.sparse CSC array
        Shares memory with `X` wherever the dtype and the layout allow it. A CSR (or other sparse) matrix becomes CSC.
    names : list of str, or None
        None where the columns have no names.

    Raises
    ------
    ValueError
        For text, complex or other data that are not real numbers, and for anything that is not two-dimensional.
    """
    sparse = sys.modules.get("scipy.sparse")
    if sparse is not None and sparse.issparse(X):
        return _sparse_columns(X, name), None
    names = None
    if not isinstance(X, np.ndarray):
        X, names = _columns(X, name)
    if names is not None and len(set(names)) < len(names):       # as scikit-learn and the command line: which is meant?
        twice = next(label for label in names if names.count(label) > 1)
        raise ValueError(f"{name} has two columns of one name, {twice!r}: rename one, or pass {name}.to_numpy() to go by "
                         "position")
    matrix = _real(X, name)
    if matrix.ndim != 2:
        raise ValueError(_not_two_dimensional(matrix, name))
    return matrix, names


def vector(values, name, expected="(n,)", ndim=(1,)):
    """A float64 array of `values` (an array, list, Series, Arrow column, or a table for a two-dimensional target).

    `expected` is how messages call the shape that is due.

    Raises ValueError, naming the argument, for data that are not real numbers or have another number of dimensions.
    """
    return named_vector(values, name, expected, ndim)[0]


def named_vector(values, name, expected, ndim=(1,)):
    """(array, names) as in `vector`: the names are those of a table's columns or of a Series, None where there are none."""
    names = None
    if not isinstance(values, np.ndarray):
        sparse = sys.modules.get("scipy.sparse")
        if sparse is not None and sparse.issparse(values):
            raise ValueError(f"{name} is a sparse matrix; pass {name}.toarray()")
        if values is None or isinstance(values, (str, bytes)):
            given = "is None" if values is None else f"= {values[:60]!r} is text"
            raise ValueError(f"{name} {given}; expected {expected}")
        values, names = _columns(values, name)
    array = np.asarray(_real(values, name), dtype=np.float64)
    if array.ndim == 2 and 2 not in ndim and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim not in ndim:
        given = f"= {array[()]:g} is one number" if array.ndim == 0 else f"has shape {array.shape}"
        raise ValueError(f"{name} {given}; expected {expected}")
    return array, names


def without_columns(table, wanted, name="X"):
    """(the table without some columns, {name: their values as an ndarray}), for a pandas, polars or Arrow table.

    Parameters
    ----------
    wanted : dict of str to str
        Argument that names a column -> the name.

    Raises
    ------
    ValueError
        If it is no table, or has no such column.
    """
    if not hasattr(table, "columns") or isinstance(table, np.ndarray):
        argument, label = next(iter(wanted.items()))
        raise ValueError(f"{argument} = {label!r} names a column, and {name} is a {type(table).__name__} without names: give a "
                         f"table, or {argument} as an array with a value per row")
    arrow = hasattr(table, "schema") and hasattr(table, "drop_columns")
    names = list(table.column_names if arrow else table.columns)
    for argument, label in wanted.items():
        if label not in names:
            some = ", ".join(map(repr, names[:5])) + " and others" * (len(names) > 5)
            raise ValueError(f"{argument} = {label!r} is no column of {name}, which has {some}")
    labels = list(dict.fromkeys(wanted.values()))
    values = {label: np.asarray(table[label].to_numpy()) for label in labels}
    if arrow:
        return table.drop_columns(labels), values
    return (table.drop(columns=labels) if hasattr(table, "iloc") else table.drop(labels)), values


def column_label(names, index):
    """How messages name a column: by name and index if it has a name, by index otherwise."""
    return f"column {index}" if names is None else f"column {names[index]!r} (index {index})"


def dataframe(columns):
    """A table of named columns: a pandas DataFrame if pandas is installed, a polars one otherwise.

    Raises
    ------
    ImportError
        If neither is installed.
    """
    try:
        import pandas
    except ImportError:
        try:
            import polars
        except ImportError:
            raise ImportError('a table needs pandas or polars: pip install "riata[cli]"') from None
        return polars.DataFrame(columns)
    return pandas.DataFrame(columns)


def _not_two_dimensional(array, name):
    if array.ndim == 1:
        return (f"{name} has shape {array.shape}; expected (n, p). Use {name}.reshape(-1, 1) for one feature, "
                f"{name}.reshape(1, -1) for one row")
    return f"{name} has shape {array.shape}; expected two dimensions (n, p)"


def _columns(table, name):
    """(array, names) of a table of whichever library it comes from, or of anything numpy can read."""
    if table is None:
        raise ValueError(f"{name} is None; pass an array or a table of numbers")
    if isinstance(table, (str, bytes, PathLike)):
        raise ValueError(f"{name} is a {type(table).__name__}, {str(table)[:60]!r}, and must hold numbers; if it names a "
                         "file, read it first, for example with pandas.read_csv")
    pandas, polars, pyarrow = (sys.modules.get(library) for library in ("pandas", "polars", "pyarrow"))
    if pandas is not None and isinstance(table, getattr(pandas, "DataFrame", ())):
        return _pandas_columns(table, name, pandas)
    if pandas is not None and isinstance(table, getattr(pandas, "Series", ())):
        _refuse_text(table.dtype, pandas.api.types.is_numeric_dtype(table.dtype)
                     and not pandas.api.types.is_complex_dtype(table.dtype), name)
        return _pandas_columns(table.to_frame("values"), name, pandas)[0][:, 0], _series_name(table)
    if polars is not None and isinstance(table, getattr(polars, "LazyFrame", ())):
        raise ValueError(f"{name} is a polars LazyFrame; pass {name}.collect()")
    if polars is not None and isinstance(table, getattr(polars, "DataFrame", ())):
        return _polars_columns(table, name, polars), [str(column) for column in table.columns]
    if polars is not None and isinstance(table, getattr(polars, "Series", ())):
        _refuse_text(table.dtype, table.dtype.is_numeric() or table.dtype in (polars.Boolean, polars.Null), name)
        return _polars_columns(table.to_frame("values"), name, polars)[:, 0], _series_name(table)
    if pyarrow is not None and isinstance(table, (pyarrow.Array, pyarrow.ChunkedArray)):
        return _arrow_column(table, name, f"{name} ", pyarrow), None
    if pyarrow is not None and isinstance(table, (pyarrow.Table, pyarrow.RecordBatch)):
        return _arrow_columns(table, name, pyarrow), [str(column) for column in table.schema.names]
    if hasattr(table, "__arrow_c_stream__"):           # any other library that speaks Arrow
        try:
            import pyarrow
        except ImportError:
            raise ImportError(f"reading {name}, a {type(table).__name__}, needs pyarrow: pip install pyarrow") from None
        return _columns(pyarrow.table(table), name)
    try:
        array = np.asarray(table)
    except ValueError as error:                        # numpy's message does not say which argument is ragged
        raise ValueError(f"{name} cannot be read as an array of numbers: {error}") from None
    if array.dtype.kind not in "fiubc" and not hasattr(table, "dtype"):
        _refuse_items(table, array, name)
    return array, None


def _series_name(series):
    return [str(series.name)] if series.name not in (None, "") else None


def _refuse_items(given, array, name):
    """Refuse a list that holds something else than numbers, or what is no list: there is no dtype that could be converted."""
    if array.ndim == 0:
        raise ValueError(f"{name} is a {type(given).__name__}; pass an array or a list of numbers, which have an order")
    items = np.array(given, dtype=object)              # before numpy made text of all of them
    item = next((item for item in items.flat if not isinstance(item, Real)), None)
    if item is None and array.dtype.kind == "O" and all(isinstance(item, Real) for item in items.flat):
        raise ValueError(f"{name} holds numbers that numpy does not read as one type, such as {max(items.flat, key=abs)!r}: "
                         "convert them with float()")
    raise ValueError(f"{name} holds {item!r}, which is not a real number: give a number in its place, and encode text and "
                     "categories as numbers")


def _pandas_columns(table, name, pandas):
    names = list(table.columns)
    names = [str(column) for column in names] if any(isinstance(column, str) for column in names) else None
    labels = [str(column) for column in table.columns]
    _refuse_columns(name, [(label, dtype) for label, dtype in zip(labels, table.dtypes, strict=True)
                           if not (pandas.api.types.is_numeric_dtype(dtype) or pandas.api.types.is_bool_dtype(dtype))
                           or pandas.api.types.is_complex_dtype(dtype)])
    if len(labels) and all(isinstance(dtype, pandas.SparseDtype) for dtype in table.dtypes):
        return table.sparse.to_dense().to_numpy(dtype=np.float64), names
    kinds = {str(dtype) for dtype in table.dtypes}     # nullable dtypes are capitalised, numpy's are not
    if kinds <= {"float64"} or kinds == {"float32"}:
        return table.to_numpy(), names                 # a view where the table is one block
    single = kinds <= {"float32", "Float32"}
    return table.to_numpy(dtype=np.float32 if single else np.float64, na_value=np.nan), names


def _polars_columns(table, name, polars):
    _refuse_columns(name, [(label, dtype) for label, dtype in table.schema.items()
                           if not (dtype.is_numeric() or dtype in (polars.Boolean, polars.Null))])
    if table.width == 0:
        return np.empty((table.height, 0))
    dtypes = set(table.dtypes)
    if dtypes != {polars.Float32} and dtypes != {polars.Float64}:
        table = table.cast(polars.Float64)             # integers, booleans, decimals, and null to NaN
    return table.to_numpy()


def _arrow_columns(table, name, pyarrow):
    single = table.num_columns > 0 and all(pyarrow.types.is_float32(field.type) for field in table.schema)
    matrix = np.empty((table.num_rows, table.num_columns), dtype=np.float32 if single else np.float64, order="F")
    for j, label in enumerate(table.schema.names):
        matrix[:, j] = _arrow_column(table.column(j), name, f"{name}: column {label!r} ", pyarrow)
    return matrix


def _arrow_column(column, name, subject, pyarrow):
    kind = column.type
    types = pyarrow.types
    if not (types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind) or types.is_decimal(kind)
            or types.is_null(kind)):
        raise ValueError(f"{subject}has type {kind}; riata needs real numbers: encode or drop it")
    if not types.is_floating(kind) or types.is_float16(kind):
        column = column.cast(pyarrow.float64())
    return column.to_numpy() if isinstance(column, pyarrow.ChunkedArray) else column.to_numpy(zero_copy_only=False)


def _refuse_text(dtype, real, name):
    """Refuse a Series that is not of real numbers; it has one column, and its name says nothing."""
    if not real:
        raise ValueError(f"{name} holds values of type {dtype}; riata needs real numbers: convert numbers stored as text with "
                         f"{name}.astype(float) ({name}.cast(float) in polars), and code two classes as 0 and 1")


def _refuse_columns(name, bad):
    if bad:
        shown = ", ".join(f"{label!r} ({dtype})" for label, dtype in bad[:5])
        more = f" and {len(bad) - 5} more" if len(bad) > 5 else ""
        raise ValueError(f"{name} has columns that are not real numbers: {shown}{more}. Encode them (for example "
                         "one-hot) or drop them")


def _real(array, name):
    """`array` as float32 or float64, untouched if it is one of them already."""
    if isinstance(array, np.ma.MaskedArray):
        raise ValueError(f"{name} is a masked array; pass {name}.filled(value), or drop the masked rows")
    if isinstance(array, np.ndarray) and not isinstance(array, np.memmap):
        array = np.asarray(array)                      # np.matrix and other subclasses index differently
    dtype = array.dtype
    if dtype.kind == "c":
        raise ValueError(f"{name} has complex dtype {dtype}: complex data are not supported; pass its real part, "
                         "modulus or phase as features")
    if dtype.kind not in "fiub":
        raise ValueError(f"{name} has dtype {dtype}; riata needs real numbers: convert it with {name}.astype(float) "
                         "after encoding text and categories")
    if dtype.kind == "f" and dtype.itemsize in (4, 8):
        if dtype.isnative and array.flags.aligned:
            return array
        return array.astype(dtype.newbyteorder("="))
    return array.astype(np.float64)


def _sparse_columns(X, name):
    if X.ndim != 2:
        raise ValueError(f"{name} is a sparse array of shape {X.shape}; expected two dimensions (n, p)")
    if X.dtype.kind == "c":
        raise ValueError(f"{name} has complex dtype {X.dtype}: complex data are not supported")
    if X.dtype.kind not in "fiub":
        raise ValueError(f"{name} has dtype {X.dtype}; riata needs real numbers: convert it with {name}.astype(float)")
    if X.dtype.kind != "f" or X.dtype.itemsize not in (4, 8) or not X.dtype.isnative:
        X = X.astype(np.float64)
    columns = X.tocsc()
    if not columns.has_canonical_format:               # duplicates are summed in place, so never in the caller's matrix
        columns = columns.copy()
        columns.sum_duplicates()
    return columns
