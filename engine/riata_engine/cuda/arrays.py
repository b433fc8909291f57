"""What the doors need of arrays, for those that lie on a device.

They are arrays of numba; whatever has ``__cuda_array_interface__`` (cupy, torch) is taken without a copy.
"""

import numpy as np
from numba import cuda

THREADS = 256


def taken(array, name):
    """An array of another library as one of numba, on the same memory.

    Raises
    ------
    ValueError
        If it is not C-contiguous.
    """
    array = _wrapped(array)
    if not array.is_c_contiguous():
        raise ValueError(f"{name} is not C-contiguous; make a contiguous copy on the device, or move the axis to the end")
    return array


def empty(shape, dtype, order="C"):
    """An array without contents."""
    return cuda.device_array(tuple(shape), dtype, order=order)


def order_of(array, axis):
    """How an array lies in memory: `taken` lets no other through."""
    return "C"


def flat(array, order):
    """The numbers in order of memory; a view."""
    return array.reshape(array.size)


def laid_out(inputs, outputs, order):
    """(inputs, outputs, whether an output lies on an input), flat. Kernels write a number only after all have read it, so that an
    output may be an input, but not lie askew on it."""
    sources = [flat(array, order) for array in inputs]
    targets = [None if array is None else flat(array, order) for array in outputs]
    on_it = False
    for source in sources:
        for target in targets:
            if target is not None and source.size:
                apart = abs(_address(source) - _address(target))
                if 0 < apart < source.size * source.dtype.itemsize:
                    raise ValueError("out lies askew on an input; give the input itself, or another array")
                on_it |= apart == 0
    return sources, targets, on_it


def settled(outputs, targets, order):
    """Nothing to do: targets are views of the outputs."""


def finished(values, weights, shape, dtype):
    """Numbers of rows, times weights where there are any, in the shape and dtype of an answer."""
    if not values.size:
        return empty(shape, dtype)
    out = empty(values.shape, dtype)
    _times[-(-values.size // THREADS), THREADS](values, sent(weights, np.float64), out)
    return out.copy_to_host()[0] if shape == () else out.reshape(*shape)


def total_of(values, weights):
    """Σ of the numbers of rows, times weights where there are any: added up on the host."""
    values = values.copy_to_host()
    return float((values if weights is None else values * np.ravel(weights)).sum())


def sent(array, dtype):
    """An array on the device, flat; None becomes an array of no numbers."""
    if array is None:
        return empty((0,), dtype)
    if getattr(array, "__cuda_ndarray__", False):
        return array
    return cuda.to_device(np.ascontiguousarray(array, dtype).reshape(-1))


def packed(mask):
    """Eight elements a byte, the first in the lowest bit."""
    out = empty((-(-mask.size // 8),), np.uint8)
    if mask.size:
        _pack[-(-out.size // THREADS), THREADS](mask, out)
    return out


def fetched(array):
    """An array on the host."""
    return _wrapped(array).copy_to_host()


def _wrapped(array):
    return array if getattr(array, "__cuda_ndarray__", False) else cuda.as_cuda_array(array)


def _address(array):
    interface = getattr(array, "__cuda_array_interface__", None)
    return array.ctypes.data if interface is None else interface["data"][0]  # the simulator's arrays are numpy's


@cuda.jit
def _times(values, weights, out):
    i = cuda.grid(1)
    if i < out.size:
        if weights.size > 0:
            out[i] = values[i] * weights[i]
        else:
            out[i] = values[i]


@cuda.jit
def _pack(mask, out):
    i = cuda.grid(1)
    if i < out.size:
        byte = 0
        for place in range(min(8, mask.size - 8 * i)):
            if mask[8 * i + place]:
                byte |= 1 << place
        out[i] = byte
