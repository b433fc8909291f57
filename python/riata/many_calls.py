"""A call of `riata.fit_batch` that goes beyond complete targets on one design: what is solved, how, and what is made of it."""

import time
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from riata.batch_models import BatchModels
from riata.batch_paths import BatchPaths
from riata.batch_result import BatchResult
from riata.checkpoint_call import identity_of
from riata.folds import fold_ids_of, make_folds
from riata.labels import check_labels
from riata.losses import check_loss
from riata.many_choice import models_of
from riata.many_losses import encoded
from riata.many_rules import Rules, check_rules, one_or_each
from riata.many_run import Limits, run
from riata.many_solve import TIME_BUDGET, path_status, solve_chunk
from riata.many_sources import Groups, Lists, Pairs, Windows, one_weights
from riata.many_targets import solve_targets
from riata.no_memory import answer_fits
from riata.profile import Profile
from riata.progress import reporting
from riata.status import status_names
from riata.tables import named_vector, vector, without_columns
from riata.validation import check_number, check_offset, check_targets, check_weights

#: arguments that ask for more than whole paths on one design
ASKING = ("columns", "by", "labels", "cv", "select", "max_memory", "checkpoint")


def needs_call(given):
    """Whether the arguments of `riata.fit_batch` go beyond paths of complete targets on one design."""
    if any(given[name] is not None for name in ASKING) or given["keep_predictions"] is not False or given["progress"] is True:
        return True
    empty = [isinstance(given[name], (list, tuple)) and not len(given[name]) for name in ("X", "Y")]
    if all(empty) or is_ragged(given["X"], given["Y"]) or _are_pairs(given["X"], given["Y"]):
        return True
    if given["Y"] is None and isinstance(given["X"], Iterator):
        return True
    B = np.shape(given["Y"])[1] if np.ndim(given["Y"]) == 2 else 1
    lists = (given[name] for name in ("offset", "penalty_factor", "lower", "upper") if isinstance(given[name], (list, tuple)))
    if B > 1 and any(len(values) == B and any(np.ndim(item) for item in values) for values in lists):
        return True
    return _has_missing(given["Y"]) or (B > 1 and _need_looks(given["Y"], given["loss"]))


def _need_looks(Y, loss):
    """Whether of several targets some have labels to encode, or cannot be fitted, which is then their status."""
    loss = check_loss(loss)
    if loss.name == "squared":
        return False
    values = np.asarray(Y)
    if values.dtype.kind not in "fiub":
        return loss.name == "logistic"
    try:
        loss.check(values.astype(np.float64), "Y")
    except ValueError:
        return True
    return False


def is_ragged(X, Y):
    """Whether X is a sequence of designs, or a stack of them with a row of Y for each."""
    if isinstance(X, np.ndarray) and X.dtype != object:
        return X.ndim == 3 and (Y is None or isinstance(Y, (list, tuple)) or np.ndim(Y) == 2)
    return isinstance(X, (list, tuple, np.ndarray)) and any(_is_matrix(item) for item in X)


def _are_pairs(X, Y):
    """Whether X is a list of (X, y), which only an iterator may be."""
    return Y is None and isinstance(X, (list, tuple)) and len(X) > 0 and all(
        isinstance(item, (list, tuple)) and len(item) in (2, 3) and _is_matrix(item[0]) for item in X)


def _is_matrix(item):
    shape = getattr(item, "shape", None)
    return len(shape) == 2 if shape is not None else isinstance(item, (list, tuple)) and np.ndim(item[:1]) == 2


def _has_missing(Y):
    try:
        return bool(np.isnan(named_vector(Y, "Y", "", (1, 2))[0]).any())
    except (ValueError, TypeError):
        return False                                   # the check of the targets says what is wrong


@dataclass
class Call:
    """A checked call.

    Attributes
    ----------
    source : a class of `riata.many_sources`
    rules : Rules
    labels : list or None
    together : bool
        Whether the problems share a design and its Gram matrix.
    worst : ndarray of int8, shape (B,)
        The worst status of each problem, once it ran.
    """

    source: object
    rules: Rules
    labels: list | None
    together: bool
    given: dict
    max_memory: float | None
    deadline: float | None
    worst: np.ndarray | None = None

    def run(self):
        """(result, whether Ctrl-C ended it)."""
        rules, source, given = self.rules, self.source, self.given
        kept = given["checkpoint"] is not None
        K = _fold_count(rules) if self.together else 0
        limits = Limits(rules, self.max_memory, source.gathered, kept, K)
        solve = partial(solve_targets if self.together else solve_chunk, max_memory=self.max_memory)
        intercept, finish = rules.settings["intercept"], lambda store: store
        if rules.select is not None:
            finish = partial(models_of, rule=rules.select, intercept=intercept, keep_predictions=rules.keep_predictions,
                             loss=rules.loss)
        widest = 0 if source.B is None or rules.select is not None else int(source.sizes(0, source.B)[1].max())
        with reporting(given["progress"], source.B) as report, \
                answer_fits(source.B or 0, rules.L, widest, "alphas, or problems a call (cv or select keep one model of each)"):
            store, names, interrupted, cut_off = run(
                source, rules, solve, finish, limits=limits, checkpoint=given["checkpoint"],
                call=identity_of(self) if kept else None,
                shared=(source.X,) if isinstance(source, Windows) else (), report=report, deadline=self.deadline)
        if store is None:
            if interrupted:
                return None, True
            raise ValueError("X, an iterator, gave no problem: give at least one (X, y)")
        labels = self.labels
        if source.B is None:
            B, labels = len(store["status"]), None if labels is None else labels[:len(store["status"])]
            if labels is not None and len(labels) < B:
                raise ValueError(f"labels has {len(labels)} entries and X gave {B} problems: give one for each")
            whole = not interrupted and not cut_off and not (store["status"] == TIME_BUDGET).any()
            if whole and self.labels is not None and len(self.labels) > B:
                warnings.warn(f"labels has {len(self.labels)} entries and X gave {B} problems: the last name none",
                              UserWarning, stacklevel=4)
        if rules.select is not None:
            self.worst = store["status"]
            return BatchModels(store, rules.select, names, labels, rules.loss, rules.classes), interrupted
        self.worst = path_status(store, rules)
        if self.together:
            return _batch_result(store, rules, names, labels), interrupted
        return BatchPaths(store, rules, names, labels), interrupted


def check_call(given):
    """The `Call` of the arguments of `riata.fit_batch`, whose time budget begins now.

    Raises
    ------
    ValueError, TypeError
        Naming the argument, the value and the remedy.
    """
    together, names, began, loss = False, None, time.monotonic(), check_loss(given["loss"])
    Y, classes = encoded(given["Y"], loss)
    given = {**given, "Y": Y, "classes": classes}
    X, labels = given["X"], given["labels"]
    if given["by"] is not None and given["columns"] is not None:
        raise ValueError("by and columns cannot be combined: make the designs of the groups yourself, and give X as a list")
    ragged = is_ragged(X, Y) or (isinstance(X, (list, tuple)) and not len(X))
    if _are_pairs(X, Y):
        raise ValueError(f"X is a {type(X).__name__} of {len(X)} pairs (X, y), and Y is None: give the designs as X and the "
                         "targets as Y, two lists, or iter() of the pairs")
    for name in ("by", "columns"):
        if given[name] is not None and (ragged or isinstance(X, Iterator)):
            what = "an iterator of problems" if isinstance(X, Iterator) else f"{len(X)} designs"
            raise ValueError(f"{name} is given, which divides one design, and X is {what}: leave {name} out, or give X as one "
                             "design" + " or table" * (name == "by"))
    if given["by"] is not None:
        source, given["classes"] = _groups(given, loss)
        names = source.labels
    elif ragged:
        source, names = _lists(given), _names_of_series(Y)
    elif isinstance(X, Iterator):
        if Y is not None:
            raise ValueError("X is an iterator and Y is given: let it give pairs (X, y), and leave Y out")
        if given["weights"] is not None or given["offset"] is not None:
            name = "weights" if given["weights"] is not None else "offset"
            raise ValueError(f"X is an iterator and {name} is given: let it give (X, y, weights), or give X as a list")
        source = Pairs(X)
    else:
        source, names, together = _one_design(given)
    B = source.B
    labels = check_labels(labels, B)
    if labels is None and names is not None:
        if len(set(names)) == len(names):
            labels = list(names) if given["by"] is None else check_labels(names, B, "by")
        elif not ragged:
            twice = next(name for name in names if names.count(name) > 1)
            warnings.warn(f"Y has {names.count(twice)} columns called {twice!r}, so that the problems go by their numbers: give "
                          "labels, or rename columns", UserWarning, stacklevel=4)
    given = {**given, "cv": _without_pairs(_by_group(given["cv"], source), source)}
    rules = check_rules(given, B)
    if B is not None:
        rules.check_sizes(*source.sizes(0, B), together)
    rules.has_offset = B is not None and source.offset is not None
    if together:
        each = any(kind == "each" for kind, _ in rules.features.values()) or rules.ragged_lengths
        own_rows = any(values is not None and values.ndim == 2 for values in (source.weights, source.offset))
        of_each = rules.folds is not None and rules.folds.each is not None
        together = not (each or own_rows or of_each)
    limit, budget = given["max_memory"], given["time_budget"]
    progress = given["progress"]
    if not (progress is None or isinstance(progress, bool) or callable(progress)):
        raise TypeError(f"progress = {progress!r} must be None, True, or a function of (done, total)")
    return Call(source, rules, labels, together, given,
                None if limit is None else check_number(limit, "max_memory", 0.0, low_open=True),
                None if budget is None else began + check_number(budget, "time_budget", 0.0, low_open=True))


def _lists(given):
    X, Y = given["X"], given["Y"]
    if Y is None or isinstance(Y, str) or not hasattr(Y, "__len__"):
        raise ValueError(f"Y {'is None' if Y is None else f'= {Y!r}'}; X holds {len(X)} designs: give a list of as many targets")
    if not len(X):
        what = f"has shape {X.shape}, a stack of no designs" if isinstance(X, np.ndarray) else f"is an empty {type(X).__name__}"
        raise ValueError(f"X {what}; give at least one design")
    if hasattr(Y, "columns") or isinstance(Y, Mapping):
        raise ValueError(f"Y is a {type(Y).__name__}, and X holds {len(X)} designs: give Y as a list of as many targets, such as "
                         "[Y[name] for name in Y]")
    if isinstance(X, np.ndarray) and X.ndim == 3:
        X = list(X if X.dtype in (np.float64, np.float32) else X.astype(np.float64))
        if isinstance(Y, np.ndarray) and Y.ndim == 2:
            Y = Y.astype(np.float64, copy=False)
    source = Lists(X, list(Y))
    source.weights = _rows_of_each(given["weights"], "weights", source, one_weights)
    source.offset = _rows_of_each(given["offset"], "offset", source, _one_offset)
    return source


def _names_of_series(Y):
    """Names of the targets where each is a Series with a name of its own, else None."""
    names = None if isinstance(Y, np.ndarray) else [getattr(y, "name", None) for y in Y]
    named = names is not None and all(isinstance(name, str) and name for name in names)
    return names if named and len(set(names)) == len(names) else None


def _rows_of_each(values, name, source, check):
    """Values per row for each of several designs: a list of arrays or None."""
    if values is None:
        return None
    kind, values = one_or_each(values, name, source.B)
    if kind == "all":
        shared = check(values, name, int(source.n[0]))
        if (source.n != source.n[0]).any():
            raise ValueError(f"{name} is one array, and the designs differ in their rows: give a list with an array for each")
        return [shared] * source.B
    return [None if value is None else check(value, f"{name}[{b}]", int(source.n[b])) for b, value in enumerate(values)]


def _one_offset(values, name, n):
    values = vector(values, name, f"(n,): one per row, n = {n}")
    if len(values) != n:
        raise ValueError(f"{name} has {len(values)} values and X has {n} rows: they must be equal")
    if not np.isfinite(values).all():
        raise ValueError(f"{name}[{int(np.argmin(np.isfinite(values)))}] is not finite: give a number for each row")
    return values


def _groups(given, loss):
    """(source, classes) of a long table."""
    X, Y, by = given["X"], given["Y"], given["by"]
    wanted = {argument: label for argument, label in (("by", by), ("Y", Y)) if isinstance(label, str)}
    if len(wanted) == 2 and by == Y:
        raise ValueError(f"Y = {Y!r} and by = {by!r} name the same column: give the target and the labels each a "
                         "column of its own")
    if wanted:
        X, values = without_columns(X, wanted)
        by, Y = (values[value] if isinstance(value, str) else value for value in (by, Y))
    classes = given["classes"]
    if isinstance(given["Y"], str):
        Y, classes = encoded(Y, loss)
    y = vector(Y, "Y", "(n,): one per row of X")
    weights, offset = (None if given[name] is None else vector(given[name], name, "(n,): one per row of X")
                       for name in ("weights", "offset"))
    by = by.to_numpy() if hasattr(by, "to_numpy") else by
    source = Groups(X, y, by, weights, offset)
    if weights is not None:
        one_weights(weights, "weights", len(y))
    if offset is not None:
        check_offset(offset, len(y))
    return source, classes


def _one_design(given):
    """(source, names of the targets, whether the problems share their design) for one X."""
    values, names = named_vector(given["Y"], "Y", "(n,) or (n, B): one per row of X", (1, 2))
    Y = values[:, None] if values.ndim == 1 else values
    of_models = Y.shape[1] > 1 and (given["cv"] is not None or given["select"] is not None)
    allowed = ~np.isfinite(Y) if of_models or not np.isinf(Y).any() else False
    check_targets(np.where(allowed, 0.0, Y), len(Y))   # NaN means a missing row; an infinity is the status of that model
    weights = check_weights(given["weights"], len(Y), columns=True, empty_columns=True)      # that problem is skipped
    offset = given["offset"]
    if offset is not None:
        if isinstance(offset, (list, tuple)) and any(item is None or np.ndim(item) for item in offset):
            offset = np.column_stack([np.zeros(len(Y)) if item is None else check_offset(item, len(Y)) for item in offset])
        elif np.ndim(offset) != 2:
            offset = check_offset(offset, len(Y))
    columns = given["columns"]
    if columns is not None:
        if isinstance(columns, (str, slice)) or not hasattr(columns, "__len__"):
            raise ValueError(f"columns = {columns!r} must be a sequence with the columns of each problem")
        if not len(columns):
            raise ValueError("columns is empty; give the columns of at least one problem")
        B = len(columns)
    else:
        B = max([Y.shape[1]] + [array.shape[1] for array in (weights, offset) if array is not None and array.ndim == 2])
    for name, array in (("weights", weights), ("offset", offset), ("Y", Y)):
        if array is not None and array.ndim == 2 and array.shape[1] not in (1, B):
            raise ValueError(f"{name} has {array.shape[1]} columns for {B} problems: give one for each, or one that all share")
    weights, offset = (array[:, 0] if array is not None and array.ndim == 2 and array.shape[1] == 1 else array
                       for array in (weights, offset))
    if columns is None and Y.shape[1] < B:
        Y = np.repeat(Y, B, axis=1)
    source = Windows(given["X"], Y, columns, weights, offset)
    return source, names if names is not None and len(names) == B else None, columns is None


def _by_group(cv, source):
    """`cv` as it is, or fold ids of the rows of a long table as a list with those of each group."""
    ids = fold_ids_of(cv) if isinstance(source, Groups) else None
    if ids is None:
        return cv
    n = int(source.n.sum())
    if ids.dtype.kind not in "iu":
        raise ValueError(f"cv as an array of fold ids must be of integers, got dtype {ids.dtype}")
    if len(ids) != n:
        raise ValueError(f"cv has {len(ids)} fold ids and X has {n} rows: give one for each row")
    return source.parts(ids, 0, source.B)


def _without_pairs(cv, source):
    """`cv` as it is, or as fold ids (n,) where it is an iterable of (train, test) rows, read once.

    Raises
    ------
    ValueError
        If its rows are not those of all problems, or are not every row that a fold does not hold out.
    """
    if isinstance(cv, Iterator):
        cv = list(cv)
        if not cv:
            raise ValueError("cv, an iterator, gives no folds: a generator gives them once; make it anew, or give a list")
    if not isinstance(cv, (list, tuple)) or not len(cv) or not all(map(_is_pair, cv)):
        return cv
    if source.B is None or isinstance(source, Groups) or (source.sizes(0, source.B)[0] != source.sizes(0, 1)[0][0]).any():
        raise ValueError("cv is an iterable of (train, test), and each problem has rows of its own: give an int, a splitter, or "
                         "a list with an array of fold ids for each")
    n = int(source.sizes(0, 1)[0][0])
    folds = make_folds(cv, n)
    if folds.train is not None:
        raise ValueError("cv: a fold does not train on all the rows that it does not hold out; here every fold must. "
                         "riata.cross_validate_path takes such folds, one problem a call")
    ids = np.full(n, -1, np.int32)
    for k, rows in enumerate(folds.test):
        if (ids[rows] >= 0).any():
            raise ValueError("cv: a row is in two folds; here each row may be in one. riata.cross_validate_path takes repeated "
                             "folds, one problem a call")
        ids[rows] = k
    return ids


def _is_pair(item):
    return isinstance(item, (list, tuple)) and len(item) == 2 and all(np.ndim(rows) == 1 for rows in item)


def _fold_count(rules):
    if rules.folds is None:
        return 0
    return rules.folds.K or 10


def _batch_result(store, rules, names, labels):
    B, L = store["alphas"].shape
    p = int(store["n_features"][0])
    rows = ("alphas", "intercept", "gap", "dev_ratio", "df", "n_epochs", "n_cholesky", "l1_ratio", "null_deviance", "n_samples")
    n_passes = int(store["n_passes"].max())
    profile = Profile(n_passes, int(store["n_epochs"].sum()), int(store["n_cholesky"].sum()),
                      8.0 * n_passes * float(store["n_rows"][0]) * p, {"solve": float(store["seconds"].sum())})
    solvers = dict.fromkeys(part for name in dict.fromkeys(store["solver"].tolist()) for part in name.split("+"))
    return BatchResult(
        **{name: store[name] for name in rows}, coef=store["coef"].reshape(B, L, p), status=status_names(store["status"]),
        n_features=p, fit_intercept=rules.settings["intercept"], tol=rules.settings["tol"],
        feature_names=names.shared, loss=rules.loss, n_passes=n_passes, solver="+".join(solvers), profile_=profile,
        target_names=labels)
