"""X and y of a network, checked and in the engine's form."""

import numpy as np

from riata.class_labels import check_classes, missing_labels
from riata.tables import design
from riata.validation import check_weights
from riata_engine.nets import Rows


def input_of(X, input_shape):
    """(array (n, …), shape of a row); a table is its numbers.

    Raises
    ------
    ValueError
        For no rows, NaN or infinite values, or rows that do not have `input_shape`.
    """
    X = design(X)[0] if hasattr(X, "columns") or isinstance(X, dict) else X
    if hasattr(X, "toarray"):
        raise TypeError("X is sparse, and networks take dense rows: pass X.toarray()")
    X = np.asarray(X)
    if X.dtype.kind not in "biuf":
        raise ValueError(f"X has dtype {X.dtype}: a network takes numbers")
    if X.ndim >= 2 and X.shape[0] == 0:
        raise ValueError(f"X has shape {X.shape}: it has no rows; give at least one")
    if X.ndim < 2 or 0 in X.shape:
        raise ValueError(f"X has shape {X.shape}: give rows, (n, width), or images, (n, height, width, channels)")
    shape = X.shape[1:] if input_shape is None else tuple(input_shape)
    if int(np.prod(X.shape[1:])) != int(np.prod(shape)) or (X.ndim > 2 and X.shape[1:] != shape):
        raise ValueError(f"X has shape {X.shape}; the network takes rows of shape {shape}")
    return X, shape


def flat(X, dtype):
    """Rows (n, width), C-ordered, in the network's type.

    Raises
    ------
    ValueError
        For NaN and infinite values.
    """
    rows = np.ascontiguousarray(X.reshape(X.shape[0], -1), dtype)
    if not np.isfinite(rows).all():
        row = int(np.argmin(np.isfinite(rows).all(axis=1)))
        raise ValueError(f"X has NaN or infinite values ({np.dtype(dtype)}), the first in row {row}: drop such rows or replace "
                         "the values")
    return rows


def target_of(y, n, loss, last, width, classes=None):
    """(Targets, classes): what to learn, and the labels of a classifier, or None.

    y are labels (n,), or numbers (n,) or (n, width). Labels are met where the loss is of classes and y is no table of shares.
    """
    y = np.asarray(y)
    if y.shape[:1] != (n,):
        raise ValueError(f"y has shape {y.shape}; expected one row per row of X, n = {n}")
    if loss.name in ("squared", "huber") or y.ndim == 2:
        numbers = y.reshape(n, -1)
        if numbers.shape[1] != width:
            raise ValueError(f"y has shape {y.shape}, and the network has {width} output{'s' * (width > 1)}: end with "
                             f"Dense({numbers.shape[1]}), or pass y of shape (n, {width})")
        try:
            numbers = np.ascontiguousarray(numbers, np.float64)
        except (TypeError, ValueError):
            raise ValueError(f"y is no array of numbers (dtype {y.dtype}), and the loss {loss.name} takes numbers") from None
        if not np.isfinite(numbers).all():
            row = int(np.argmin(np.isfinite(numbers).all(axis=1)))
            raise ValueError(f"y has NaN or infinite values, the first in row {row}: drop these rows")
        return loss.targets(last, None, numbers, width), classes if y.ndim == 2 else None
    expected = 2 if last == "Sigmoid" else width
    if classes is None:
        classes, codes = check_classes(y, n)
        if len(classes) != expected or (last == "Sigmoid" and width != 1):
            wanted = "Dense(1), Sigmoid() or Dense(2), Softmax()" if len(classes) == 2 else f"Dense({len(classes)}), Softmax()"
            raise ValueError(f"y has {len(classes)} classes, and the network has {width} output{'s' * (width > 1)}: end with "
                             f"{wanted}")
    else:
        codes = codes_of(y, classes)
    return loss.targets(last, codes, None, width), classes


def codes_of(y, classes):
    """The place of each label among the classes of an earlier fit."""
    if missing_labels(y).any():
        raise ValueError(f"y has missing labels, the first in row {int(np.argmax(missing_labels(y)))}: drop these rows")
    try:
        codes = np.searchsorted(classes, y.astype(classes.dtype) if classes.dtype.kind == "U" else y)
    except TypeError:
        codes = np.full(len(y), len(classes))
    codes = np.minimum(codes, len(classes) - 1)
    strange = classes[codes] != y
    if np.any(strange):
        row = int(np.argmax(strange))
        known = ", ".join(map(repr, classes[:8].tolist())) + f", … ({len(classes)} in all)" * (len(classes) > 8)
        raise ValueError(f"the label {y[row].item() if hasattr(y[row], 'item') else y[row]!r} in row {row} of y is none of the "
                         f"classes that the network knows, {known}: give it a new head, Sequential.with_head")
    return codes.astype(np.intp)


def rows_of(X, targets, sample_weight):
    """The engine's `Rows`, and Σ w of the constant part of the loss over Σ w."""
    n = X.shape[0]
    weights = None if sample_weight is None else check_weights(sample_weight, n, name="sample_weight")
    rows = Rows(X, targets.labels, None if targets.numbers is None else np.ascontiguousarray(targets.numbers, np.float64),
                None if weights is None else np.ascontiguousarray(weights, np.float64))
    shift = 0.0 if targets.constant is None else float(np.average(targets.constant, weights=weights))
    return rows, shift
