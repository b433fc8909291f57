"""A manifest of problems, one a row, and the data that it names: all that is missing is found before anything is fitted."""
import fnmatch
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .encode import _polars, listed
from .files import SUFFIXES, read_table

COLUMNS = ("data", "target", "columns", "name")
FEATHER = (".feather", ".arrow", ".ipc")
PEEK = 1000                                            # rows of a text file that tell which columns are numbers


@dataclass(frozen=True)
class Row:
    """One problem: its name, its file, and the names of its target and its features in that."""

    name: str
    file: Path
    target: str
    features: tuple


def read_manifest(path):
    """The problems of a manifest.

    Columns: ``data`` (a file, from the folder of the manifest), ``target`` (a column of it; of a .npy file its number), and, if
    wanted, ``columns`` (names and patterns such as ``snp*``, with semicolons between, each once and none of them the target's;
    default: every other column of numbers) and ``name`` (default: the target; the file where these are not different).

    Returns
    -------
    list of Row

    Raises
    ------
    ValueError
        With all that is missing: files, columns, targets; or naming a column that means nothing.
    """
    path = Path(path)
    table = read_table(path, text_columns=COLUMNS)
    absent = [name for name in ("data", "target") if name not in table.columns]
    if absent:
        raise ValueError(f"{path} has no column {listed(map(repr, absent))}: a manifest has the columns data and target, and may "
                         "have columns and name")
    unknown = [name for name in table.columns if name not in COLUMNS]
    if unknown:
        raise ValueError(f"{path} has the column{'s' * (len(unknown) > 1)} {listed(map(repr, unknown))}, of which nothing is "
                         "made: a manifest has the columns data and target, and may have columns and name; rename or remove it")
    faults, rows, known, left_out = [], [], {}, []
    entries = table.cast(dict.fromkeys(table.columns, str)).iter_rows(named=True)
    for number, row in enumerate(entries, 1):
        if not row["data"] or not row["target"]:
            faults.append(f"row {number} has no {'target' if row['data'] else 'data'}")
            continue
        file = path.parent / row["data"]
        if file not in known:
            try:
                known[file] = columns_of(file)
            except (ValueError, OSError) as error:
                known[file] = None
                faults.append(" ".join(str(error).split()))
        columns = known[file]
        if columns is None:
            continue
        if row["target"] not in columns:
            faults.append(f"{file} has no column {row['target']!r} (row {number}, target)")
        elif not columns[row["target"]]:
            faults.append(f"column {row['target']!r} of {file} is text (row {number}, target)")
        features, wrong, of_target = _features(row.get("columns"), columns, row["target"])
        faults += [f"{fault.format(file=file)} (row {number}, columns)" for fault in wrong]
        left_out += [(number, part, row["target"]) for part in of_target]
        faults += [f"column {name!r} of {file} is text (row {number}, columns)" for name in features if not columns[name]]
        if not features and not wrong:
            faults.append(f"{file} has no column of numbers beside the target (row {number})")
        rows.append(Row(row.get("name") or "", file, row["target"], features))
    if left_out:
        number, part, target = left_out[0]
        more = f" (and so in {len(left_out) - 1} more places)" if len(left_out) > 1 else ""
        warnings.warn(f"{path}, row {number}: the pattern {part!r} of columns matches the target, {target!r}, which is left out "
                      f"of the features{more}", UserWarning, stacklevel=2)
    if faults:
        raise ValueError(f"{path}: {len(faults)} fault{'s' * (len(faults) > 1)}. {'; '.join(faults)}")
    return _named(rows, path)


def _features(wanted, columns, target):
    """(names, faults, patterns that match the target) of the columns that a manifest asks for; a fault may hold ``{file}``."""
    if not wanted:
        return tuple(name for name, number in columns.items() if number and name != target), [], []
    chosen, faults, of_target, parts = {}, [], [], [part.strip() for part in wanted.split(";")]
    for part in dict.fromkeys(filter(None, parts)):
        shown = repr(part).replace("{", "{{").replace("}", "}}")
        if part == target:
            faults.append(f"column {shown} is the target and cannot be a feature too")
            continue
        matches = [part] if part in columns else fnmatch.filter(columns, part)
        found = [name for name in matches if name != target]
        if not found:
            faults.append(f"{{file}} has no column {shown}" + " but the target" * (target in matches))
        elif target in matches:
            of_target.append(part)
        if parts.count(part) > 1:
            faults.append(f"column {shown} is given {parts.count(part)} times: give it once")
        chosen.update(dict.fromkeys(found))
    return tuple(chosen), faults, of_target


def _named(rows, path):
    if not any(row.name for row in rows):
        names = [row.target for row in rows]
        if len(set(names)) < len(names):
            names = [row.file.stem for row in rows]
        if len(set(names)) < len(names):
            names = [f"{row.file.stem}:{row.target}" for row in rows]
        rows = [Row(name, row.file, row.target, row.features) for name, row in zip(names, rows, strict=True)]
    seen = {}
    for number, row in enumerate(rows, 1):
        if row.name in seen:
            raise ValueError(f"{path}: rows {seen[row.name]} and {number} are both called {row.name!r}: give each row a name of "
                             "its own, in the column name")
        seen[row.name] = number
    return rows


def columns_of(path):
    """{name: whether it holds numbers} of the columns of a data file, without reading all of it.

    Raises
    ------
    OSError, ValueError
    """
    pl = _polars()
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}")
    suffix = path.suffix.lower()
    try:
        if suffix == ".npy":
            array = np.load(path, mmap_mode="r", allow_pickle=False)
            if array.ndim != 2 or array.dtype.kind not in "fiub":
                raise ValueError(f"{path} holds an array of shape {array.shape} and dtype {array.dtype}: give a matrix of "
                                 "numbers")
            return {str(j): True for j in range(array.shape[1])}
        if suffix in FEATHER:
            schema = pl.read_ipc_schema(path)
        elif SUFFIXES.get(suffix) == "parquet":
            schema = pl.read_parquet_schema(path)
        elif suffix in SUFFIXES or suffix == ".gz":
            return _numeric(_head(path).schema)
        else:
            raise ValueError(f"cannot tell the format of {path}: use one of {', '.join((*SUFFIXES, '.npy', *FEATHER))}")
    except pl.exceptions.PolarsError as error:
        raise ValueError(f"cannot read {path}: {str(error).strip().splitlines()[0]}") from error
    return _numeric(schema)


def _head(path):
    from .files import MISSING

    return _polars().read_csv(path, separator="\t" if ".tsv" in path.name.lower() else ",", null_values=MISSING, n_rows=PEEK,
                              infer_schema_length=PEEK)


def _numeric(schema):
    pl = _polars()
    return {name: dtype.is_numeric() or dtype in (pl.Boolean, pl.Null) for name, dtype in schema.items()}


def problems(rows):
    """(X, y) of each row, in order: X as a table with names. Neighbouring rows of one file read it once.

    Raises
    ------
    ValueError
        If a column of a text file turns out to hold text.
    """
    pl = _polars()
    file = table = None
    for row in rows:
        if row.file != file:
            file, table = row.file, _read(row.file)
        for name in (row.target, *row.features):
            dtype = table.schema[name]
            if not (dtype.is_numeric() or dtype in (pl.Boolean, pl.Null)):
                raise ValueError(f"column {name!r} of {file} holds text from some row on: make it numbers, or leave it out by "
                                 "the manifest's columns")
        yield table.select(row.features), table[row.target].cast(pl.Float64).to_numpy()


def _read(path):
    pl = _polars()
    if path.suffix.lower() == ".npy":
        array = np.load(path, allow_pickle=False)
        return pl.DataFrame({str(j): array[:, j] for j in range(array.shape[1])})
    if path.suffix.lower() in FEATHER:
        return pl.read_ipc(path)
    return read_table(path)
