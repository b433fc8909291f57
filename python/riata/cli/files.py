"""Reading and writing the tables of the command line: CSV (also TSV and gzip) and Parquet, by polars."""
import re
from pathlib import Path

from ..persistence import atomic_path
from .encode import _polars, listed

MISSING = ["NA", "N/A", "NaN", "nan", "NULL", "null"]       # and the empty field
SUFFIXES = {".csv": "csv", ".tsv": "csv", ".txt": "csv", ".parquet": "parquet", ".pq": "parquet"}


def table_kind(path):
    """``"csv"`` or ``"parquet"`` by the file name; a ValueError for any other."""
    name = Path(path).name.lower().removesuffix(".gz")
    kind = SUFFIXES.get(Path(name).suffix)
    if kind is None:
        raise ValueError(f"cannot tell the format of {path}: use one of {', '.join(SUFFIXES)}")
    return kind


def read_table(path, text_columns=()):
    """Read a whole table.

    Parameters
    ----------
    path : path
        ``.csv``, ``.txt`` (commas), ``.tsv`` (tabs), each also with ``.gz``, or ``.parquet``. The empty field, NA, N/A,
        NaN and NULL are missing.
    text_columns : collection of str
        Columns to keep as text in a CSV, also where they look like numbers ("007").

    Raises
    ------
    OSError
        If the file is not there or cannot be read.
    ValueError
        If it is no table, has no rows, or two columns of one name.
    """
    pl = _polars()
    path = Path(path)
    kind = table_kind(path)
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}")
    try:
        if kind == "parquet":
            table = pl.read_parquet(path)
        else:
            separator = "\t" if ".tsv" in path.name.lower() else ","
            header = pl.read_csv(path, separator=separator, n_rows=0).columns
            table = pl.read_csv(path, separator=separator, null_values=MISSING, infer_schema_length=None,
                                schema_overrides={name: pl.String for name in text_columns if name in set(header)})
    except pl.exceptions.PolarsError as error:
        raise ValueError(f"cannot read {path}: {str(error).strip().splitlines()[0]}") from error
    names = set(table.columns)
    twice = [name for name in table.columns if (m := re.fullmatch(r"(.*)_duplicated_\d+", name)) and m[1] in names]
    if twice:
        names = listed(dict.fromkeys(re.sub(r"_duplicated_\d+$", "", name) for name in twice))
        raise ValueError(f"{path} has two columns of one name: {names}; rename one")
    if table.height == 0:
        raise ValueError(f"{path} has no rows")
    return table


def write_table(table, path):
    """Write a polars table as CSV or Parquet, as a whole or not at all."""
    kind = table_kind(path)
    if str(path).endswith(".gz"):
        raise ValueError(f"cannot write {path} compressed: leave out .gz")
    with atomic_path(path) as temporary:
        if kind == "parquet":
            table.write_parquet(temporary)
        else:
            table.write_csv(temporary, separator="\t" if ".tsv" in Path(path).name.lower() else ",")
