"""The work of ``riata fit`` and of each data set of ``riata demo``: cross-validate, report."""
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

import numpy as np

from ..losses import check_loss, encoded_target
from ..report import summarize, unfinished, write_report
from .console import NOT_CONVERGED, collected_warnings, print_json, print_summary, progress_bar
from .encode import Encoding, _polars, listed, refuse_absent, refuse_missing


@dataclass
class Problem:
    """Arrays of one regression, with the names that its report uses; `y` may hold labels of two classes."""

    name: str
    target: str
    X: np.ndarray
    y: np.ndarray
    feature_names: list
    weights: np.ndarray = None
    groups: np.ndarray = None
    cv: object = 10
    encoding: dict = None
    notes: list = field(default_factory=list)
    alpha_min_ratio: float = None

    def table(self):
        """X as a polars table, so that the fit knows the names."""
        return _polars().DataFrame({name: self.X[:, j] for j, name in enumerate(self.feature_names)})


def problem_of_table(table, *, name, target, weights=None, groups=None, drop=(), cv=10, loss="squared"):
    """The regression of ``target`` on every other column.

    Parameters
    ----------
    table : polars DataFrame
    name, target : str
    weights, groups : str, optional
        Columns that are not features.
    drop : list of str
        Columns to leave out.
    cv : int
    loss : str or riata.losses.Loss
        Of the logistic one the target may be text or numbers of two kinds.

    Raises
    ------
    ValueError
        If a named column is absent or serves twice, the target or the weights are not numbers, no feature is left,
        values are missing, or the loss is not defined for the target.
    """
    roles = {"--target": [target], "--weights": [weights] if weights else [], "--groups": [groups] if groups else [],
             "--drop": list(drop)}
    taken = {}
    for option, columns in roles.items():
        refuse_absent(table, columns)
        for column in columns:
            if column in taken and taken[column] != option:
                raise ValueError(f"column {column!r} is given as {taken[column]} and as {option}: it can serve once")
            taken[column] = option
    features = [column for column in table.columns if column not in taken]
    if not features:
        raise ValueError(f"the table has no column but {listed(map(repr, taken))}, and none is left as a feature: "
                         + ("leave fewer columns out" if drop else "give a table with features beside the target"))
    left_out = set(drop)
    refuse_missing(table, [column for column in table.columns if column not in left_out])
    weight_values = None if weights is None else _numbers(table, weights)
    if weight_values is not None and (weight_values < 0).any():
        negative = np.flatnonzero(weight_values < 0)
        count = f"{len(negative)} negative value{'s' * (len(negative) > 1)}"
        raise ValueError(f"column {weights!r} (--weights) has {count}, the first, {weight_values[negative[0]]:g}, in "
                         f"row {negative[0] + 1}: weights must be 0 or more; 0 leaves a row out")
    y = _target(table, target, check_loss(loss), weight_values)
    encoding = Encoding.fit(table, features)
    X, names = encoding.transform(table)
    if not names:
        raise ValueError("no feature is left: every column has one value only")
    notes = [f"column {column!r} has one value only and makes no feature" for column, levels in encoding.columns
             if levels is not None and len(levels) == 1]
    return Problem(name, target, X, y, names, weights=weight_values, cv=cv, encoding=encoding.to_dict(), notes=notes,
                   groups=None if groups is None else _group_ids(table[groups].to_numpy()))


def _target(table, column, loss, weights):
    """The column as numbers, or as labels of two classes, refused by its name."""
    if loss.name == "logistic" and not table.schema[column].is_float():
        Encoding.fit(table, [column])                  # refuses dates, lists, and text that must be an identifier
        y = table[column].to_numpy()
    else:
        y = _numbers(table, column)
    if loss.name == "squared":
        return y
    name = f"column {column!r} (--target)"
    values, _ = encoded_target(y, loss, name)
    loss.check(np.asarray(values, np.float64), name, weights)
    return y


def _numbers(table, column):
    only = Encoding.fit(table, [column])
    if only.columns[0][1] is not None:
        raise ValueError(f"column {column!r} is text: the target and the weights must be numbers")
    return only.transform(table)[0][:, 0]


def _group_ids(values):
    return np.unique(values, return_inverse=True)[1]


def run(problem, directory, *, quiet, rule="min", plots=True, **settings):
    """Cross-validate a problem and write its report.

    Returns
    -------
    summary : dict
        Of `riata.report.summarize`, with ``files`` and ``warnings``.
    """
    from .. import cross_validate_path
    start = perf_counter()
    with collected_warnings() as said, progress_bar(f"cross-validating {problem.name}", quiet) as progress:
        try:
            cv = cross_validate_path(problem.table(), problem.y, weights=problem.weights, groups=problem.groups,
                                     cv=problem.cv, progress=progress, **settings)
        except RuntimeError as error:          # nothing was fitted in every fold; its sentence names the remedies
            raise ValueError(str(error)) from error
    seconds = perf_counter() - start
    summary = summarize(cv, problem.X, problem.y, name=problem.name, target=problem.target, weights=problem.weights,
                        seconds=seconds, rule=rule, notes=problem.notes)
    files = write_report(cv, problem.X, problem.y, Path(directory), summary=summary, weights=problem.weights,
                         encoding=problem.encoding, plots=plots)
    return summary | {"files": files, "warnings": said}


def finish(summaries, document, *, as_json, quiet):
    """Say the results; the exit code."""
    if as_json:
        print_json(document)
    elif not quiet:
        for summary in summaries:
            print_summary(summary, summary["files"])
    return NOT_CONVERGED if any(unfinished(summary) for summary in summaries) else 0
