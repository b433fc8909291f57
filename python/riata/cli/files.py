"""Reading and writing the tables of the command line: CSV (also TSV and gzip) and Parquet, by polars."""
import codecs
import csv
import gzip
import re
import zlib
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
        If it is no table, has no rows, is not UTF-8, has another separator, or two columns of one name.
    """
    pl = _polars()
    path = Path(path)
    if path.is_dir():
        raise ValueError(f"{path} is a folder: give a file, one of {', '.join(SUFFIXES)}")
    kind = table_kind(path)
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}")
    try:
        if kind == "parquet":
            table = pl.read_parquet(path)
        else:
            separator = "\t" if ".tsv" in path.name.lower() else ","
            _refuse_unreadable(path, separator)
            header = pl.read_csv(path, separator=separator, n_rows=0).columns
            table = pl.read_csv(path, separator=separator, null_values=MISSING, infer_schema_length=None,
                                schema_overrides={name: pl.String for name in text_columns if name in set(header)})
    except pl.exceptions.PolarsError as error:
        if kind == "csv" and "more fields" in str(error):
            raise ValueError(_ragged(path, separator)) from error
        raise ValueError(f"cannot read {path}: {str(error).strip().splitlines()[0]}") from error
    names = set(table.columns)
    twice = [name for name in table.columns if (m := re.fullmatch(r"(.*)_duplicated_\d+", name)) and m[1] in names]
    if twice:
        names = listed(dict.fromkeys(re.sub(r"_duplicated_\d+$", "", name) for name in twice))
        raise ValueError(f"{path} has two columns of one name: {names}; rename one")
    if table.height == 0:
        raise ValueError(f"{path} has no rows")
    return table


def _open(path):
    with open(path, "rb") as file:
        compressed = file.read(2) == b"\x1f\x8b"
    return gzip.open(path) if compressed else open(path, "rb")


def _refuse_unreadable(path, separator, block=1 << 22):
    """Refuse a text table that polars would misread: not UTF-8, separated by something else, or a header alone.

    One pass over the bytes, a block at a time. polars looks at the encoding of text cells only, never of the header.
    """
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    start, lines, rows = "", 0, False
    with open(path, "rb") as file:
        if file.read(4) == b"PAR1":
            raise ValueError(f"{path} holds Parquet, not text: give it a name that ends in .parquet")
    try:
        with _open(path) as file:
            while True:
                data = file.read(block)
                text = decoder.decode(data, final=not data)
                lines += text.count("\n")
                if not rows:                           # at most the header and blank lines are ever kept
                    start = (start + text).lstrip("\r\n")
                    header, _, rest = start.replace("\r\n", "\n").partition("\n")
                    rows = bool(rest.strip())
                if not data:
                    break
    except UnicodeDecodeError as error:
        line = lines + error.object[:error.start].count(b"\n") + 1
        raise ValueError(f"{path} is not UTF-8 text (line {line}): save it as UTF-8") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"cannot unpack {path}: {error}; make the .gz file again") from error
    if not header.strip():
        raise ValueError(f"{path} is empty: it needs a header and rows")
    fields = {mark: len(next(csv.reader([header], delimiter=mark))) for mark in ",;\t"}
    best = max(fields, key=fields.get)
    if fields[separator] == 1 and fields[best] > 1:
        names = {",": "commas", ";": "semicolons", "\t": "tabs"}
        raise ValueError(f"{path} looks separated by {names[best]} ({best!r}): save it with {names[separator]}"
                         + (", and decimal points" if best == ";" else ""))
    if not rows:
        raise ValueError(f"{path} has a header and no rows")


def _ragged(path, separator):
    """Where a text table has a row with more fields than its header."""
    remedy = "correct it, or put text that holds the separator in double quotes"
    with _open(path) as file:
        rows = csv.reader((line.decode("utf-8-sig") for line in file), delimiter=separator)
        width = None
        for row in rows:
            if not row:
                continue
            width = len(row) if width is None else width
            if len(row) > width:
                return f"{path}, line {rows.line_num}: {len(row)} fields, the header has {width}; {remedy}"
    return f"{path} has a row with more fields than the header; {remedy}"


def refuse_inputs(outputs, inputs, remedy):
    """Refuse to write over what a command reads, whatever the spelling of the path (links count).

    Parameters
    ----------
    outputs : iterable of path
        What will be written.
    inputs : dict of str to path
        What is read, by what it is called: ``{"the data file": data}``.
    remedy : str
    """
    for output in outputs:
        for what, read in inputs.items():
            if output.exists() and read.exists() and output.samefile(read):
                raise ValueError(remedy.format(what=what, file=output))


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
