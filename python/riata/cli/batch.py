"""The work of ``riata batch``: one model for each row of a manifest, or for each group of one long table."""
import re
import shutil
import warnings
from pathlib import Path
from time import perf_counter

import numpy as np

from ..persistence import atomic_path, refuse_unwritable
from .console import INTERRUPTED, NOT_CONVERGED, collected_warnings, print_json, progress_bar, say_error
from .encode import listed
from .files import read_table, refuse_inputs
from .manifest import _features, columns_of, problems, read_manifest

UNITS = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}


def parse_bytes(text):
    """Bytes of ``500M``, ``2G`` or a number."""
    match = re.fullmatch(r"([0-9.]+)\s*([kmgt]?)(?:i?b)?", text.strip().lower())
    try:
        value = float(match[1]) * UNITS[match[2]] if match else 0.0
    except ValueError:
        value = 0.0
    if not value > 0:
        raise ValueError(f"--max-memory = {text!r} is no amount of memory: give one such as 500M or 2G")
    return value


def run_batch(*, manifest, table, by, target, columns, out, checkpoint, resume, quiet, as_json, max_memory, loss="squared",
              **settings):
    """Fit, write the results, and say what came of it; the exit code."""
    from .. import fit_batch
    from ..models_file import need_pyarrow

    out = Path(out)
    if not out.name.lower().endswith((".parquet", ".pq", ".csv")):
        raise ValueError(f"--out {out}: give a name that ends in .parquet (all results) or .csv (the table without coefficients)")
    refuse_unwritable(out)                            # what cannot be written is said before the work, not after
    if not out.name.lower().endswith(".csv"):
        need_pyarrow()
    own = checkpoint is None
    folder = Path(f"{out}.checkpoint") if own else Path(checkpoint)
    if (folder / "manifest.json").exists() and not resume:
        raise ValueError(f"{folder} holds the finished part of a run: add --resume to go on with it, or delete the folder")
    refuse_inputs([out], {"the manifest": Path(manifest)} if manifest else {"the table": Path(table)},
                  "--out is {what}: choose another")
    with collected_warnings() as notes:
        if manifest:
            rows = read_manifest(manifest)
            refuse_inputs([out], {f"the data file {row.file}": row.file for row in rows}, "--out is {what}: choose another")
            X, call = problems(rows), {"labels": [row.name for row in rows]}
            total = len(rows)
        else:
            X, call, total = _long_table(Path(table), by, target, columns, loss == "logistic")
    start = perf_counter()
    with collected_warnings(rephrased=_of_problems) as said, progress_bar(f"fitting {total} problems", quiet) as progress:
        report = None if progress is None else lambda done, _: progress(done, total)
        try:
            models = fit_batch(X, **call, loss=loss, checkpoint=folder, progress=report,
                               max_memory=None if max_memory is None else parse_bytes(max_memory), **settings)
        except KeyboardInterrupt:
            say_error(f"interrupted; what is finished is kept in {folder}: the same command with --resume goes on")
            return INTERRUPTED
    seconds = perf_counter() - start
    _write(models, out)
    unfinished = len(models) < total or bool(np.any(models.status == "time_budget"))
    if own and not unfinished:
        shutil.rmtree(folder)
    counts = models.status.value_counts()
    if len(models) < total:
        counts["time_budget"] = counts.get("time_budget", 0) + total - len(models)
    if models.failed and (quiet or as_json):           # else the summary names them
        say_error(_named_failures(models))
    if as_json:
        print_json({"problems": total, "written": len(models), "file": str(out), "rule": models.rule, "seconds": seconds,
                    "status": counts, "failed": models.failed, "checkpoint": str(folder) if unfinished or not own else None,
                    "warnings": [*notes, *said]})
    elif not quiet:
        print(models.summary())
        fitted = int(np.isfinite(models.intercept).sum())
        of = f" of {total} problems" if fitted < total else ""
        print(f"{fitted} model{'s' * (fitted != 1)}{of} in {seconds:.3g} s, written to {out}")
    if unfinished:
        say_error(f"the time budget was used up; what is finished is kept in {folder}: the same command with --resume goes on")
    return NOT_CONVERGED if unfinished or models.failed else 0


def _of_problems(text):
    """The warning of a batch without what it says to those who hold the result in Python."""
    return text.replace(" .failed names them, .message says why.", "")


def _named_failures(models, most=5):
    """The first problems that failed, each with its sentence."""
    failed = np.flatnonzero(models.store["status"] != 0)
    named = [f"{models[b].label}: {models.message[b] or models.status[b]}" for b in failed[:most]]
    return "; ".join(named) + f"; and {len(failed) - most} more" * (len(failed) > most)


def _long_table(path, by, target, columns, labels=False):
    """(the table, arguments of fit_batch, number of problems); with ``labels`` the target may be text."""
    data = read_table(path)
    known = columns_of(path)
    absent = [f"{name!r} ({option})" for option, name in (("--by", by), ("--target", target)) if name not in known]
    if absent:
        raise ValueError(f"{path} has no column {', '.join(absent)}; it has {listed(map(repr, known))}")
    if by == target:
        raise ValueError(f"column {by!r} is given as --by and as --target: it can serve once")
    if by in (part.strip() for part in (columns or "").split(";")):
        raise ValueError(f"column {by!r} is given as --by and in --columns: it says which group a row belongs to and cannot be a "
                         "feature too; leave it out of --columns")
    features, faults, of_target = _features(columns, {name: number for name, number in known.items() if name != by}, target)
    if faults:
        raise ValueError(f"--columns: {'; '.join(fault.format(file=path) for fault in faults)}; the table has "
                         f"{listed(map(repr, known))}")
    if of_target:
        warnings.warn(f"--columns: the pattern {of_target[0]!r} matches the target, {target!r}, which is left out of the "
                      "features", UserWarning, stacklevel=2)
    if not labels and not known[target]:
        raise ValueError(f"{path}: the target {target!r} is text: choose a column of numbers with --target, or --loss logistic "
                         "for labels of two classes")
    text = [name for name in features if not known[name]]
    if text or not features:
        what = f"columns of text: {listed(map(repr, text))}" if text else "no column of numbers is left as a feature"
        raise ValueError(f"{path}: {what}: choose others with --columns")
    total = data[by].n_unique()
    return data.select(list(dict.fromkeys([*features, target, by]))), {"Y": target, "by": by}, total


def _write(models, out):
    if out.name.lower().endswith(".csv"):
        frame = models.to_frame()
        with atomic_path(out) as temporary:
            frame.to_csv(temporary, index=False) if hasattr(frame, "to_csv") else frame.write_csv(temporary)
    else:
        models.to_parquet(out)
