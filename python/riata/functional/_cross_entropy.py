"""Cross-entropy of logits with labels or distributions, and its gradient in the same pass."""

import operator

import numpy as np

from riata.functional._arguments import (
    Reduction,
    as_array,
    as_floats,
    as_numbers,
    as_on_device,
    checked_axis,
    checked_mask,
    checked_out,
    checked_temperature,
    checked_weights,
    on_host,
    on_rows,
    rows_of,
    same_shape,
)
from riata.validation import check_number
from riata_engine.backend import on_device

__all__ = ["cross_entropy", "cross_entropy_backward"]


def cross_entropy(
    x,
    target,
    axis=-1,
    *,
    sample_weight=None,
    class_weight=None,
    label_smoothing=0.0,
    ignore_index=None,
    normalize=False,
    reduction="mean",
    temperature=1.0,
    where=None,
    return_gradient=False,
    out=None,
    n_threads=None,
):
    """
    Cross-entropy −Σ_k c_k t_k log softmax(x / T)_k of each row.

    Parameters
    ----------
    x : array-like, float32 or float64
        Logits.
    target : array-like of integers of the shape of x without the axis, or of numbers of the shape of x
        Labels from 0, or distributions t.
    axis : int or None, default=-1
        The axis of the classes.
    sample_weight : None or array-like
        A weight of each row, at least 0. A row of weight 0 is left out: nobody looks at it, it gives 0, also along its gradient.
    class_weight : None or array-like, shape (K,)
        Weights c of the classes, at least 0 (``weight`` of torch).
    label_smoothing : float in [0, 1], default=0
        The share s of (1 − s) t + s / K. Classes with a logit of −inf, masked ones among them, are not counted in K.
    ignore_index : None or int
        Rows with this label take no part.
    normalize : bool, default=False
        Divide distributions by their sums; else a sum that is not one is an error.
    reduction : {"mean", "sum", "none"}, default="mean"
        The mean is weighted by the weights of the rows, and of the classes of their labels, as torch's.
    temperature : float > 0, default=1
    where : None or bool array that broadcasts to the shape of x
        Classes that take part; a row without any does not.
    return_gradient : bool, default=False
        Return the gradient along x too. It comes from the same pass.
    out : None or array of the shape and dtype of x
        For the gradient; may be x.
    n_threads : None or int

    Returns
    -------
    loss : float, or array of the shape of x without the axis
    gradient : array of the shape of x
        With ``return_gradient``: of the mean or the sum; with ``reduction="none"`` of each row's loss times its sample_weight.

    Raises
    ------
    ValueError
        Where x holds NaN or +inf, a target is no distribution (the row is named), a label is out of range, or an argument does
        not fit.

    Examples
    --------
    >>> from riata.functional import cross_entropy
    >>> round(cross_entropy([[2.0, 1.0, 0.0]], [0]), 6)
    0.407606
    """
    if out is not None and not return_gradient:
        raise ValueError("out is given, but no gradient is asked for; pass return_gradient=True")
    return _evaluate(
        x,
        target,
        axis,
        sample_weight,
        class_weight,
        label_smoothing,
        ignore_index,
        normalize,
        reduction,
        temperature,
        where,
        1.0 if return_gradient else None,
        out,
        n_threads,
    )


def cross_entropy_backward(
    gradient,
    x,
    target,
    axis=-1,
    *,
    sample_weight=None,
    class_weight=None,
    label_smoothing=0.0,
    ignore_index=None,
    normalize=False,
    reduction="mean",
    temperature=1.0,
    where=None,
    out=None,
    n_threads=None,
):
    """
    The gradient along x from that along `cross_entropy`.

    Parameters
    ----------
    gradient : float, or for ``reduction="none"`` an array of the shape of x without the axis
    x, target and the others
        As given to `cross_entropy`.

    Returns
    -------
    array of the shape of x
    """
    return _evaluate(
        x,
        target,
        axis,
        sample_weight,
        class_weight,
        label_smoothing,
        ignore_index,
        normalize,
        reduction,
        temperature,
        where,
        gradient,
        out,
        n_threads,
    )[1]


def _evaluate(
    x,
    target,
    axis,
    sample_weight,
    class_weight,
    label_smoothing,
    ignore_index,
    normalize,
    reduction,
    temperature,
    where,
    gradient,
    out,
    n_threads,
):
    target = as_on_device(target, "target") if on_device(target) else as_array(target, "target")
    (x,) = as_floats(x=x)
    axis = checked_axis(axis, x, "x")
    K, shape = x.size if axis is None else x.shape[axis], rows_of(x.shape, axis)
    where = checked_mask(where, x.shape)
    label_smoothing = check_number(label_smoothing, "label_smoothing", 0, 1)
    if class_weight is not None:
        class_weight = _checked_class_weight(class_weight, K)
    sample_weight, taking_part = checked_weights(sample_weight, shape)
    inputs, labels, share = [x], None, None
    if target.dtype.kind in "iu" and target.shape == shape:
        labels, taking_part = _labels(on_host(target, "target"), K, ignore_index, taking_part)
        share = None if class_weight is None else class_weight[np.maximum(labels, 0)]
    elif target.shape == x.shape:
        if ignore_index is not None:
            raise ValueError(
                f"ignore_index = {ignore_index} has no meaning for distributions; leave rows out by where= or sample_weight="
            )
        _, given = as_floats(x=x, target=target)
        same_shape(x=x, target=given)
        inputs.append(given if given.dtype == x.dtype else given.astype(x.dtype))
    else:
        raise ValueError(
            f"target has shape {target.shape} and dtype {target.dtype}; give integer labels of shape {shape}, "
            f"or distributions of shape {x.shape}"
        )
    reduced = Reduction(reduction, sample_weight, shape, where, axis, taking_part, share)
    outputs = (None, None)
    if gradient is not None:
        outputs = (checked_out(out, x), None)
    losses, made = on_rows(
        "cross_entropy" if labels is None else "cross_entropy_of_labels",
        ["x", "target"],
        inputs,
        axis,
        outputs=outputs,
        values=True,
        mask=where,
        temperature=checked_temperature(temperature),
        normalize=bool(normalize),
        smoothing=label_smoothing,
        labels=labels,
        class_weight=class_weight,
        taking_part=taking_part if labels is None else None,  # labels say it themselves
        n_threads=n_threads,
        upstream=None if gradient is None else reduced.upstream(gradient, shape),
    )
    loss = reduced.value(losses, x.dtype)
    return loss if gradient is None else (loss, made[0])


def _checked_class_weight(class_weight, K):
    wanted = f"one finite number of at least 0 for each class, shape ({K},)"
    found = as_numbers(class_weight, "class_weight", wanted)
    if found.shape != (K,):
        raise ValueError(f"class_weight has shape {found.shape}; give {wanted}")
    wrong = ~((found >= 0) & np.isfinite(found))
    if wrong.any():
        raise ValueError(f"class_weight[{wrong.argmax()}] = {found[wrong.argmax()]:g}; give {wanted}")
    return found


def _labels(target, K, ignore_index, taking_part):
    """Labels with −1 for rows that take no part, and which rows do."""
    if ignore_index is not None:
        try:
            ignore_index = operator.index(ignore_index)
        except TypeError:
            raise TypeError(f"ignore_index = {ignore_index!r} must be an integer, as the labels are, or None") from None
    if ignore_index is not None:
        named = target != ignore_index
        taking_part = named if taking_part is None else named & taking_part
    wrong = (target < 0) | (target >= K)
    if taking_part is not None:
        wrong &= taking_part
    if wrong.any():
        row = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise ValueError(
            f"target: row {row[0] if len(row) == 1 else row} has the label {target[row]}; labels go from 0 to {K - 1}"
            " (ignore_index= leaves rows out)"
        )
    labels = target.astype(np.intp)
    return (labels if taking_part is None else np.where(taking_part, labels, -1)), taking_part
