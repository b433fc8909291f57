"""The door for operations on rows: softmax and its kin, cross-entropy, divergences, along any axis of an array."""

import numpy as np

from riata_engine.backend import backend_of
from riata_engine.cpu.rows import FORMS, OPS
from riata_engine.threads import thread_count

__all__ = ["FORMS", "OPS", "RefusedRow", "row_operation"]

#: arrays smaller than this are not worth waking threads
SMALL = 1 << 17
#: rows of at most sqrt(eps) beside a sum of one are taken for distributions, as scikit-learn takes them for probabilities
TOLERANCE = {np.dtype(np.float32): 3.5e-4, np.dtype(np.float64): 1.5e-8}


class RefusedRow(Exception):
    """A row that an operation is not defined for.

    Attributes
    ----------
    index : tuple of int
        In the array without the axis of the rows.
    reason : {"number", "negative", "sum", "nothing", "beyond"}
    argument : int
        In which of the inputs.
    """

    def __init__(self, index, reason, argument):
        super().__init__(index, reason, argument)
        self.index, self.reason, self.argument = index, reason, argument


def row_operation(
    op,
    inputs,
    axis,
    *,
    outputs=(None, None),
    values=False,
    mask=None,
    temperature=1.0,
    forms=(1, 1),
    normalize=False,
    smoothing=0.0,
    labels=None,
    class_weight=None,
    upstream=None,
    taking_part=None,
    n_threads=None,
):
    """
    An operation of ``OPS`` on every row of one or two arrays; all checked by the caller.

    Parameters
    ----------
    op : str
    inputs : list of one or two arrays of one shape and dtype, float32 or float64
        Read where they are if the first is C- or F-contiguous; else copied once. Or C-contiguous arrays of numba.cuda: the
        operation is then done on the device, where outputs and values lie too.
    axis : int or None
        Of the rows; None: the array is one row.
    outputs : two of None, True or array
        Which outputs are wanted, and where. An output may be one of the inputs.
    values : bool
        The operation gives a number for each row.
    mask : None or bool array of the shape of the inputs
        Entries that take part.
    temperature, normalize, smoothing : float, bool, float
    forms : two indices of ``FORMS``
    labels, upstream : None or array of the shape of the inputs without the axis
    class_weight : None or array (K,)
    taking_part : None or bool array of the shape of the inputs without the axis
        Rows without it are not looked at, give 0 and have gradients of 0. For cross-entropy of distributions and for divergences.
    n_threads : int or None

    Returns
    -------
    values : None or float64 array
        On a device flat.
    outputs : list of two of None or array

    Raises
    ------
    RefusedRow
        Outputs then hold no answer.
    """
    x = inputs[0]
    backend = backend_of(x)
    arrays = backend.arrays
    order = arrays.order_of(x, axis)
    reduced = () if axis is None else x.shape[:axis] + x.shape[axis + 1 :]
    shape = (1, x.size, 1) if axis is None else _around(x.shape, axis, order)
    made = [None if out is None else arrays.empty(x.shape, x.dtype, order) if out is True else out for out in outputs]
    sources, targets, copy = arrays.laid_out(inputs, made, order)
    result = arrays.empty((shape[0] * shape[2],), np.float64) if values else None
    if x.size:
        weights = None
        if class_weight is not None:
            weights = np.ones(-(-shape[1] // 16) * 16)
            weights[: shape[1]] = class_weight
        refused = backend.rows.run(
            op,
            shape,
            [*sources, None][:2],
            targets,
            single=x.dtype == np.float32,
            values=result,
            mask=None if mask is None else np.ravel(mask, order=order).view(np.uint8),
            neutral=_neutral(op, forms),
            left_out=(-np.inf if op == "log_softmax" else 0.0, 0.0),
            copy=copy,
            streamed=not any(out is True for out in outputs),
            temperature=temperature,
            forms=forms,
            normalize=normalize,
            tolerance=TOLERANCE[x.dtype],
            smoothing=smoothing,
            labels=None if labels is None else np.ravel(labels, order=order),
            class_weight=weights,
            upstream=None if upstream is None else np.ravel(upstream, order=order),
            taking_part=None if taking_part is None else np.ravel(taking_part, order=order).view(np.uint8),
            n_threads=thread_count(n_threads) if x.size >= SMALL else 1,
        )
        if refused is not None:
            row, reason, argument = refused
            raise RefusedRow(tuple(int(i) for i in np.unravel_index(row, reduced, order=order)), reason, argument)
        arrays.settled(made, targets, order)
    return result if result is None or backend.name != "cpu" else result.reshape(reduced, order=order), made


def _around(shape, axis, order):
    """(outer, K, inner) in memory."""
    outer, inner = int(np.prod(shape[:axis])), int(np.prod(shape[axis + 1 :]))
    return (outer, shape[axis], inner) if order == "C" else (inner, shape[axis], outer)


def _neutral(op, forms):
    """What an entry holds that takes no part: a logit or a logarithm of −inf, or nothing."""
    if op in ("softmax_backward", "log_softmax_backward"):
        return 0.0, 0.0 if op == "softmax_backward" else -np.inf
    if op.startswith("cross_entropy"):
        return -np.inf, 0.0
    return tuple(0.0 if FORMS[form] == "probabilities" else -np.inf for form in forms)
