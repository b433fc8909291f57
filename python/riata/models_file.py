"""Models of many problems as a Parquet file: a row for each problem, its coefficients as lists.

Columns: ``problem`` (label or number), ``status``, ``message``, the statistics of `riata.batch_models.STATISTICS`,
``feature_index`` and ``coef`` (lists: the coefficients other than 0), ``feature`` (their names, where there are any),
``oof_prediction`` (a list) where predictions were kept. What a table of its own tells of its names is in ``feature_names``, and
which columns of one table a problem has in ``columns``; the names of that table, and the rule, are in the file's metadata.
"""

import errno
import json
import os
from itertools import pairwise
from pathlib import Path

import numpy as np

from riata.batch_models import STATISTICS, BatchModels
from riata.columns import begins
from riata.feature_names import FeatureNames
from riata.losses import SQUARED, Loss
from riata.persistence import atomic_path
from riata.status import status_names

KEY = b"riata"
#: 1 where the loss is squared, and no file says so; 2 where it says which
VERSION = 2
#: ends of names that promise another format
OTHERS = (".csv", ".tsv", ".txt", ".json", ".feather", ".arrow", ".ipc", ".npy", ".npz", ".xlsx", ".gz", ".zip", ".pkl")
REMEDY = 'Parquet files need pyarrow: pip install "riata[cli]"'


def need_pyarrow():
    """pyarrow, or an ImportError that says how to get it."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise ImportError(REMEDY) from None
    return pyarrow


def write_models(models, path):
    """Write `BatchModels` to a Parquet file, as a whole or not at all.

    Raises
    ------
    TypeError, ValueError
        If `path` is no path, or ends as files of another format do.
    ImportError
        Without pyarrow, saying how to get it.
    OSError
        If the file cannot be written, naming it: the disk is full, there is no such folder, or `path` is a folder or a device.
    """
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"path = {path!r} must be the name of a file, such as 'models.parquet'")
    suffix = Path(path).suffix.lower()
    if suffix in OTHERS:
        raise ValueError(f"{path} ends in {suffix!r}, and what is written is Parquet: give a name that ends in .parquet, or "
                         "write result.to_frame() in the other format")
    pa = need_pyarrow()
    store, B = models.store, len(models)
    offsets = pa.array(store["indptr"], pa.int64())
    columns = {"problem": pa.array(models._labels.array.tolist()), "status": pa.array(np.asarray(models.status).tolist()),
               "message": pa.array(models.message.tolist(), pa.string())}
    columns |= {name: pa.array(getattr(models, name)) for name in STATISTICS}
    columns["feature_index"] = pa.LargeListArray.from_arrays(offsets, pa.array(store["indices"]))
    columns["coef"] = pa.LargeListArray.from_arrays(offsets, pa.array(store["data"]))
    names, about = models.feature_names, {"version": VERSION, "rule": models.rule, "labelled": models.labels is not None}
    about |= _about_loss(models)
    if names:
        columns["feature"] = pa.LargeListArray.from_arrays(offsets, pa.array(models.selected_names(), pa.string()))
        about["names"] = names.shared
        if names.own is not None:
            columns["feature_names"] = pa.array([names[b] for b in range(B)], pa.large_list(pa.string()))
        elif names.picks is not None:
            whole = np.arange(len(names.shared))
            columns["columns"] = pa.array([whole[pick] for pick in names.picks], pa.large_list(pa.int64()))
    if models.has_predictions:
        columns["oof_prediction"] = pa.LargeListArray.from_arrays(pa.array(store["prediction_at"], pa.int64()),
                                                                  pa.array(store["prediction"]))
    table = pa.table(columns).replace_schema_metadata({KEY: json.dumps(about)})
    with atomic_path(path) as temporary:
        try:
            pa.parquet.write_table(table, temporary, compression="zstd", write_page_checksum=True)
        except OSError as error:                       # pyarrow's names the temporary file, if any
            number = error.errno or errno.EIO
            why = "the disk is full: make room" if number in (errno.ENOSPC, errno.EDQUOT) else error.strerror or str(error)
            raise OSError(number, f"cannot write, {why}", str(path)) from error


def read_models(path):
    """The `BatchModels` of a file that `write_models` wrote.

    Raises
    ------
    ValueError
        If it is another kind of file, or damaged.
    OSError
        If it cannot be read.
    """
    pa = need_pyarrow()
    with open(path, "rb") as file:                     # whose errors name it
        try:
            table = pa.parquet.read_table(file, page_checksum_verification=True)
        except (pa.ArrowException, OSError) as error:
            raise ValueError(f"{path} is no Parquet file, or damaged ({str(error).splitlines()[0]})") from None
    about = (table.schema.metadata or {}).get(KEY)
    if about is None:
        raise ValueError(f"{path} holds a table, but none of models: give a file that to_parquet or `riata batch` wrote")
    try:
        return _models(table.combine_chunks(), json.loads(about), path)
    except (LookupError, TypeError, AttributeError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} is damaged, or another program wrote it anew ({error!r}): write it again") from error


def _models(table, about, path):
    if about["version"] > VERSION:
        raise ValueError(f"{path} is of version {about['version']}, this riata reads {VERSION}: install a newer riata")
    store = {name: table[name].to_numpy() for name in STATISTICS if name != "n_selected"}
    known = {str(name): code for code, name in enumerate(status_names(np.arange(6)))}
    store["status"] = np.array([known[name] for name in table["status"].to_pylist()], np.int8)
    store["message"] = np.array(table["message"].to_pylist(), dtype=object).reshape(len(store["status"]))
    store["indptr"], store["indices"] = _lists(table["feature_index"])
    store["data"] = _lists(table["coef"])[1]
    if "oof_prediction" in table.column_names:
        store["prediction_at"], store["prediction"] = _lists(table["oof_prediction"])
    own = table["feature_names"].to_pylist() if "feature_names" in table.column_names else None
    picks = None
    if "columns" in table.column_names:
        at, values = _lists(table["columns"])
        picks = [values[start:stop] for start, stop in pairwise(at)]
    classes = about.get("classes")
    return BatchModels(store, about["rule"], FeatureNames(about.get("names"), picks, own),
                       table["problem"].to_pylist() if about["labelled"] else None,
                       Loss(about["loss"], about.get("loss_parameter")) if "loss" in about else SQUARED,
                       None if classes is None else np.array(classes))


def _about_loss(models):
    """The loss, as metadata of the file."""
    loss = models.loss
    if loss.name == "squared":
        return {"version": 1}
    if type(loss) is not Loss:
        raise ValueError(f"the {loss.name} loss is one of your own, which a Parquet file cannot keep: pickle the result, or "
                         "write result.to_frame()")
    return {"loss": loss.name, "loss_parameter": loss.parameter,
            "classes": None if models.classes is None else models.classes.tolist()}


def _lists(column):
    """(offsets, values) of a column of lists."""
    column = column.combine_chunks() if hasattr(column, "combine_chunks") else column
    sizes = np.diff(column.offsets.to_numpy())
    return begins(sizes), column.flatten().to_numpy(zero_copy_only=False)
