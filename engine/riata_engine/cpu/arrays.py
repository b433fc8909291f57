"""What the doors need of arrays: here of numpy's, in cuda/arrays.py of those on a device."""

import numpy as np


def empty(shape, dtype, order="C"):
    """An array without contents."""
    return np.empty(shape, dtype, order=order)


def order_of(array, axis):
    """In which order numbers are taken so that the array is not copied, if it can be: "C" or "F"."""
    return "C" if axis is None or array.flags.c_contiguous or not array.flags.f_contiguous else "F"


def flat(array, order):
    """The numbers in an order: a view where the array has it in memory."""
    return np.ravel(array, order=order)


def laid_out(inputs, outputs, order):
    """(inputs, outputs, whether an output lies on an input), flat; an input that an output lies on askew is copied."""
    targets = [None if array is None else flat(array, order) for array in outputs]
    sources, on_it = [], False
    for array in inputs:
        source = flat(array, order)
        for target in targets:
            if target is not None and np.may_share_memory(source, target):
                on_it = True
                if source.ctypes.data != target.ctypes.data:        # other rows would be overwritten
                    source = source.copy()
        sources.append(source)
    return sources, targets, on_it


def settled(outputs, targets, order):
    """Outputs that are not laid out as their targets get what these hold."""
    for array, target in zip(outputs, targets, strict=True):
        if array is not None and not np.may_share_memory(array, target):
            array[...] = target.reshape(array.shape, order=order)


def finished(values, weights, shape, dtype):
    """Numbers of rows, times weights where there are any, in the shape and dtype of an answer."""
    return (values if weights is None else values * weights).reshape(shape).astype(dtype)[()]


def total_of(values, weights):
    """Σ of the numbers of rows, times weights where there are any."""
    return float((values if weights is None else values * weights).sum())


def packed(mask):
    """Eight elements a byte, the first in the lowest bit."""
    return np.packbits(mask, bitorder="little")
