"""Labels of classes, as users have them, and the codes that the engine counts by."""

import numpy as np


def check_classes(y, n_samples, name="y"):
    """(classes, codes) of a target: its distinct labels in order, and the place of each row's label among them.

    Labels may be strings, integers, booleans or numbers, all of one kind.

    Raises
    ------
    ValueError
        For a wrong shape, missing labels, labels of several kinds, a single class, or numbers that are not whole.
    """
    array = label_array(y)
    if array.shape != (n_samples,):
        given = f"= {y!r} is one value" if array.ndim == 0 else f"has shape {array.shape}"
        raise ValueError(f"{name} {given}; expected one label per row of X, ({n_samples},)")
    missing = missing_labels(array)
    if missing.any():
        count = int(missing.sum())
        raise ValueError(f"{name} has {count} missing label{'s' * (count > 1)}, the first in row {int(missing.argmax())}: drop "
                         "these rows (or give them weight 0 and any label)")
    classes, codes = distinct(array, name)
    labels = classes.tolist()
    if len(labels) < 2:
        raise ValueError(f"{name} has one class only, {labels[0]!r}: at least 2 are needed")
    parts = [label for label in labels if isinstance(label, float) and not label.is_integer()]
    if parts:
        raise ValueError(f"{name} holds numbers that are not whole, such as {parts[0]!r}: classes are text, whole numbers or "
                         f"booleans. For a target of numbers take a regression, such as riata.fit_path; if these are labels, "
                         f"pass {name}.astype(str)")
    return classes, codes.reshape(-1).astype(np.intp)


def label_array(y):
    """Labels as an array; of a list that mixes text with something else numpy would make text of all."""
    array = np.asarray(y)
    return np.array(y, dtype=object) if array.dtype.kind in "US" and isinstance(y, (list, tuple)) else array


def distinct(labels, name):
    """(classes, codes) of labels (...) without missing ones: the distinct labels in order, and the place of each among them.

    Raises
    ------
    ValueError
        For labels that are no strings, integers, booleans or numbers, or that cannot be compared with one another.
    """
    if labels.dtype.kind not in "biufUSO":
        raise ValueError(f"{name} has dtype {labels.dtype}; labels are strings, integers, booleans or numbers")
    if labels.dtype.kind in "biuf" and labels.size:                   # two numbers need no sorting
        ends = np.array([labels.min(), labels.max()])
        upper = labels == ends[1]
        if ends[0] < ends[1] and (upper | (labels == ends[0])).all():
            return ends, upper.astype(np.intp)
    try:
        classes, codes = np.unique(labels, return_inverse=True)
    except TypeError:
        raise ValueError(f"{name} mixes labels that cannot be compared, such as text and numbers: use one kind") from None
    if classes.dtype.kind == "O" and all(isinstance(label, str) for label in classes):
        classes = classes.astype(str)
    return classes, codes.reshape(labels.shape)


def check_reference(reference, classes):
    """The place of the reference class, or None."""
    if reference is None:
        return None
    for place, label in enumerate(classes.tolist()):
        if label == reference and isinstance(reference, (bool, np.bool_)) == isinstance(label, bool):
            return place
    known = ", ".join(repr(label) for label in classes[:8].tolist())
    raise ValueError(f"reference = {reference!r} is none of the classes of y: {known}{' and others' * (len(classes) > 8)}")


def check_class_offset(offset, n_samples, n_classes):
    """A fixed part of the linear predictors, float64 (n, K), or None."""
    if offset is None:
        return None
    values = np.asarray(offset, dtype=float)
    if values.shape != (n_samples, n_classes):
        raise ValueError(f"offset has shape {values.shape}; expected a column for each of the {n_classes} classes, in the order "
                         f"of .classes: ({n_samples}, {n_classes})")
    if not np.isfinite(values).all():
        row = int(np.argmin(np.isfinite(values).all(axis=1)))
        raise ValueError(f"offset has NaN or infinite values, the first in row {row}: give every row a number for each class")
    return values


def check_trained(codes, weights, classes, where=""):
    """Refuse a training set without one of the classes."""
    counts = np.bincount(codes, weights, len(classes))
    absent = np.flatnonzero(counts <= 0)
    if len(absent):
        raise ValueError(f"class {classes[absent[0]].item()!r} has no row with a positive weight{where}: its probability would "
                         "be 0. Leave the class out, or take other rows or folds")


def missing_labels(array):
    """Where an array of labels has None, NaN or pandas.NA."""
    if array.dtype.kind == "O":
        return np.array([value is None or type(value).__name__ == "NAType" or bool(value != value) for value in array], bool)
    return array != array if array.dtype.kind == "f" else np.zeros(len(array), bool)
