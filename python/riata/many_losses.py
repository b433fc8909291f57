"""What the loss of a batch asks of its targets: labels of two classes become 0 and 1; what cannot be fitted has a sentence."""

import numpy as np

from riata.class_labels import distinct, label_array, missing_labels
from riata.columns import begins
from riata.loss_folds import ends
from riata.losses import NAMED
from riata.tables import dataframe, design
from riata_engine.batch import LOSS, STATUS

FLAT = ("the target is {value} in every row that counts: the {loss} loss has no minimum there, its intercept would be "
        "infinite")
FLAT_FOLD = ("the target is {value} in every row that fold {k} leaves to train on, where the {loss} loss has no minimum: give "
             "fold ids (cv) that leave rows of both kinds, or fewer folds")


def encoded(Y, loss):
    """(Y as numbers, classes or None): labels of two classes, the same for all problems, become 0 and 1, missing ones NaN.

    Numbers stay as they are where they lie between 0 and 1 (classes, or shares) or are not of two kinds. Y is an array or a list
    of arrays, one for each problem.

    Raises
    ------
    ValueError
        If labels that are no numbers are not of two kinds, of all problems together.
    """
    if loss.name != "logistic" or Y is None or isinstance(Y, str):
        return Y, None
    if hasattr(Y, "columns"):
        return _encoded_table(Y, loss)
    alone = not isinstance(Y, (list, tuple)) or not any(np.ndim(part) for part in Y)
    parts = [label_array(part) for part in ([Y] if alone else Y)]
    kinds = {part.dtype.kind for part in parts}
    if kinds <= set("fiub"):
        flat = np.concatenate([part.ravel() for part in parts]).astype(np.float64) if parts else np.empty(0)
        flat = flat[~np.isnan(flat)]
        if ((flat >= 0) & (flat <= 1)).all() or len(np.unique(flat)) != 2:        # others are out of range: their problems say so
            zero_one = len(flat) and np.isin(flat, (0, 1)).all()
            given = [Y] if alone else Y
            Y = [part.astype(np.float64) if part.dtype.kind == "b" else own for own, part in zip(given, parts, strict=True)]
            return Y[0] if alone else Y, np.array([0, 1]) if zero_one else None
    missing = [missing_labels(part.ravel()) for part in parts]
    known = [part.ravel()[~absent] for part, absent in zip(parts, missing, strict=True)]
    for part in known:
        if part.dtype.kind not in "biufUSO":
            distinct(part, "Y")                        # raises, with the dtype
    if len(kinds) > 1 and not kinds <= set("fiub"):    # numpy would make text of all, or fail
        known = [part.astype(object) for part in known]
    classes, codes = distinct(np.concatenate(known), "Y")
    if len(classes) != 2:
        remedy = ("Give rows of both classes" if len(classes) < 2 else
                  "riata.linear_model.LogisticRegression takes more, one problem a call")
        raise ValueError(f"Y has {len(classes)} class{'es' * (len(classes) != 1)} ({_few(classes)}): the logistic loss takes "
                         f"two, the same for all problems{_where_they_differ(parts, missing)}. {remedy}")
    out = np.full(sum(part.size for part in parts), np.nan)
    out[~np.concatenate(missing)] = codes.reshape(-1)
    at = begins([part.size for part in parts])
    pieces = [out[start:stop].reshape(part.shape) for start, stop, part in zip(at[:-1], at[1:], parts, strict=True)]
    return pieces[0] if alone else pieces, classes


def _few(classes):
    return ", ".join(map(repr, classes[:NAMED].tolist())) + ("" if len(classes) <= NAMED else ", ...")


def _where_they_differ(parts, missing):
    """Where targets have other labels than the first with two: a phrase, empty where one target has them all."""
    problems = parts
    if len(parts) == 1 and parts[0].ndim == 2:
        problems, missing = list(parts[0].T), list(missing[0].reshape(parts[0].shape).T)
    if len(problems) < 2:
        return ""
    classes = [distinct(part.ravel()[~absent], "Y")[0] for part, absent in zip(problems, missing, strict=True)]
    first = next((b for b, own in enumerate(classes) if len(own) == 2), 0)
    other = next((b for b, own in enumerate(classes) if not set(own.tolist()) <= set(classes[first].tolist())), None)
    return "" if other is None else f"; problem {first} has {_few(classes[first])}, problem {other} {_few(classes[other])}"


def _encoded_table(Y, loss):
    """`encoded` of a table with a column for each problem, whose names stay."""
    try:
        numbers, _ = design(Y, "Y")
    except ValueError:
        numbers = None                                 # text, or what cannot be labels either
    names = list(getattr(Y, "column_names", Y.columns))
    if numbers is None:
        numbers = np.column_stack([np.asarray(Y[name], dtype=object) for name in names])
    codes, classes = encoded(numbers, loss)
    return (Y if codes is numbers else dataframe(dict(zip(names, codes.T, strict=True)))), classes


NOT_FINITE, SKIPPED = STATUS.index("not_finite"), STATUS.index("skipped")


def faults_of(loss, y, used):
    """{problem: (status, why it cannot be fitted)} of targets (n_b,).

    A NaN is a row that does not count; ``used`` {problem: bool (n_b,)} has the rows that do, where not all do.
    """
    if loss.name == "squared" or not len(y):
        return {}
    sizes = np.array([len(part) for part in y])
    flat, at = np.concatenate(y) if len(y) else np.empty(0), begins(sizes)
    counts = ~np.isnan(flat)
    for b, rows in used.items():
        counts[at[b]:at[b + 1]] &= rows
    missed = LOSS[loss.settings["loss"]].misses(flat) & ~np.isnan(flat)
    out = {}
    for b in np.unique(np.searchsorted(at, np.flatnonzero(missed), side="right") - 1).tolist():
        out[b] = SKIPPED, f"the target has {loss.outside(y[b], missed[at[b]:at[b + 1]])}"
    some = np.flatnonzero(np.add.reduceat(np.append(counts, False), at[:-1]) * (sizes > 0))
    for value, other in ends(loss, flat):
        for b in np.setdiff1d(some, _owners(at, counts & other)):
            out.setdefault(int(b), (NOT_FINITE, FLAT.format(value=value, loss=loss.name)))
    return out


def faults_of_folds(loss, y, used, folds, n_folds):
    """As ``faults_of``, of what folds leave to train on; ``folds`` holds ids (n_b,), or None where ``n_folds`` is 0."""
    if loss.link == "identity" or not len(y):
        return {}
    chosen = np.flatnonzero(n_folds)
    sizes = np.array([len(y[b]) for b in chosen])
    if not len(chosen):
        return {}
    flat, ids = np.concatenate([y[b] for b in chosen]), np.concatenate([folds[b] for b in chosen])
    counts = ~np.isnan(flat)
    at, first = begins(sizes), begins(n_folds[chosen])
    for i, b in enumerate(chosen):
        if b in used:
            counts[at[i]:at[i + 1]] &= used[b]
    out, number = {}, np.repeat(np.arange(len(chosen)), sizes)
    for value, other in ends(loss, flat):
        there = counts & other
        held = there & (ids >= 0)
        of_folds = np.bincount(first[number[held]] + ids[held], minlength=first[-1])
        left = np.repeat(np.bincount(number[there], minlength=len(chosen)), n_folds[chosen]) - of_folds
        for i in np.unique(np.searchsorted(first, np.flatnonzero(left == 0), side="right") - 1):
            k = int(np.argmin(left[first[i]:first[i + 1]]))
            out.setdefault(int(chosen[i]), (NOT_FINITE, FLAT_FOLD.format(value=value, k=k, loss=loss.name)))
    return out


def filled(y, present):
    """Targets (n,) or (n, T) whose missing values are one that is there: any loss is defined at it, and the row has weight 0."""
    return np.where(present, y, np.take_along_axis(y, np.expand_dims(np.argmax(present, axis=0), 0), axis=0))


def _owners(at, rows):
    """Problems that some of the rows, bool over all, belong to."""
    return np.unique(np.searchsorted(at, np.flatnonzero(rows), side="right") - 1)
