"""Dropout with masks that are never stored: a function of (seed, stream, index), made again in the backward pass."""

import operator
from math import prod
from numbers import Real

import numpy as np

from riata.functional._arguments import as_floats, checked_out, checked_threads, same_shape
from riata_engine import dropout as engine
from riata_engine.backend import get_backend, on_device

__all__ = ["dropout", "dropout_backward", "dropout_mask", "realised_rate"]


def dropout(x, rate=0.5, *, seed, stream=0, index=0, shared_axes=(), activation=None, out=None, n_threads=None):
    """
    Inverted dropout: x / (1 − r) where an element is kept, 0 where it is dropped.

    Parameters
    ----------
    x : array-like, float32 or float64
    rate : float in [0, 1), default=0.5
        The probability to drop. The share r that is realised, by which x is divided too, is `realised_rate`.
    seed, stream : int in [0, 2**64)
        Of the mask: a stream for each layer and step, say ``step << 32 | layer``.
    index : int in [0, 2**63), default=0
        Number in the stream of the first element, or decision; the rest follow in C order. A part of an array that is given its
        own index gets its part of the mask.
    shared_axes : int or tuple of int, default=()
        Adjacent axes along which one decision holds: 1 of (n, p) drops rows, (2, 3) of (n, channels, height, width)
        drops channels.
    activation : {None, "relu"}, default=None
        Applied to x before, in the same pass.
    out : None or array of the shape and dtype of x
        Where to write; may be x.
    n_threads : None or int
        Threads for arrays of more than 130 000 numbers; None: all that are allowed. The mask does not depend on it.

    Returns
    -------
    array of the shape and dtype of x

    Raises
    ------
    ValueError
        If the rate is outside [0, 1), or an argument does not fit.

    Notes
    -----
    The numbers are those of Philox4x32-10 (Salmon et al. 2011), as formulas/dropout.py states them. Nothing is advanced or
    shared: the same arguments give the same mask in any order of calls.

    Examples
    --------
    >>> import numpy as np
    >>> from riata.functional import dropout
    >>> dropout(np.ones(8), 0.5, seed=0).tolist() == dropout(np.ones(8), 0.5, seed=0).tolist()
    True
    """
    (x,) = as_floats(x=x)
    return _multiplied(x, x if _is_relu(activation) else None, rate, seed, stream, index, shared_axes, out, n_threads)


def dropout_backward(
    gradient, rate=0.5, *, seed, stream=0, index=0, shared_axes=(), activation=None, forward=None, out=None, n_threads=None
):
    """
    The gradient along the input of `dropout` from that along its output: the same mask, made again.

    Parameters
    ----------
    gradient : array-like, float32 or float64
    rate, seed, stream, index, shared_axes, activation
        As given to `dropout`.
    forward : array of the shape of gradient
        For ``activation="relu"``: the input of `dropout`, or its output, which is positive at the same kept elements.
    out : None or array of the shape and dtype of gradient
        Where to write; may be gradient.
    n_threads : None or int

    Returns
    -------
    array of the shape of gradient
    """
    if _is_relu(activation):
        if forward is None:
            raise ValueError("activation = 'relu' needs forward=, the input or the output of dropout")
        forward, gradient = as_floats(forward=forward, gradient=gradient)
        same_shape(gradient=gradient, forward=forward)
    else:
        if forward is not None:
            raise ValueError("forward is given, but only activation='relu' has use for it")
        (gradient,) = as_floats(gradient=gradient)
    return _multiplied(gradient, forward, rate, seed, stream, index, shared_axes, out, n_threads)


def dropout_mask(shape, rate=0.5, *, seed, stream=0, index=0, packed=False, n_threads=None, backend="cpu"):
    """
    The mask of `dropout`.

    Parameters
    ----------
    shape : int or tuple of int
    rate, seed, stream, index
        As given to `dropout`.
    packed : bool, default=False
        Eight elements a byte, as ``numpy.packbits(mask, bitorder="little")``.
    n_threads : None or int
    backend : {"cpu", "cuda"}, default="cpu"
        Where the mask is made, and lies. Its bits are the same.

    Returns
    -------
    bool array of `shape`, True where an element is kept; or uint8 array, one-dimensional
    """
    shape, n_threads = _shape(shape), checked_threads(n_threads)
    n = prod(shape)
    arrays = get_backend(backend).arrays
    kept = engine.kept_elements(n, _rate(rate), *_key(seed, stream, index), n_threads=n_threads, backend=backend)
    return arrays.packed(kept) if packed else kept.reshape(shape)


def realised_rate(rate):
    """
    The share that `dropout` drops, exactly, for a rate asked for.

    ½ takes one random bit an element. Others take sixteen, the rate rounded to a multiple of 2**-16, where that is within a
    thousandth of the rate and of one less it, and thirty-two beyond.

    Parameters
    ----------
    rate : float in [0, 1)

    Returns
    -------
    float
    """
    threshold, bits = engine.rate_in_bits(_rate(rate))
    return threshold / 2.0**bits


def _multiplied(x, sign, rate, seed, stream, index, shared_axes, out, n_threads):
    rate, key, n_threads = _rate(rate), _key(seed, stream, index), checked_threads(n_threads)
    first, last = _shared(shared_axes, x.shape)
    answer = checked_out(out, x)
    if on_device(x):
        target = None if answer is True else answer
        get_backend("cuda").arrays.laid_out([a for a in (x, sign) if a is not None], [target], "C")  # refuses what lies askew
    else:
        x, sign, target = _laid_out(x, sign, answer)
    settings = {"sign": sign, "out": target, "n_threads": n_threads}
    if first == last:
        target = engine.drop(x, rate, *key, **settings)
    else:
        target = engine.drop_shared(x, first, last, rate, *key, **settings)
    if answer is True or answer is target:
        return target
    answer[...] = target
    return answer


def _laid_out(x, sign, answer):
    """C-contiguous arrays: what is multiplied, whose sign counts, and where to write (None: anew), one of them, but not askew."""
    relu = sign is x
    x = np.ascontiguousarray(x).reshape(x.shape)
    sign = x if relu else None if sign is None else np.ascontiguousarray(sign).reshape(x.shape)
    target = answer if answer is not True and answer.flags.c_contiguous else None
    if target is not None and _askew(x, target):
        x = x.copy()
        sign = x if relu else sign
    if target is not None and sign is not None and _askew(sign, target):
        sign = sign.copy()
    return x, sign, target


def _askew(x, target):
    """They share memory, but not element by element."""
    return np.may_share_memory(x, target) and x.ctypes.data != target.ctypes.data


def _is_relu(activation):
    if activation not in (None, "relu"):
        raise ValueError(f"activation = {activation!r} must be None or 'relu'")
    return activation == "relu"


def _rate(rate):
    if isinstance(rate, (bool, np.bool_)) or not isinstance(rate, Real) or not 0 <= rate < 1:
        raise ValueError(f"rate = {rate!r} must lie in [0, 1): it is the probability that an element is dropped")
    return float(rate)


def _key(seed, stream, index):
    numbers = []
    for name, value, end in (("seed", seed, 64), ("stream", stream, 64), ("index", index, 63)):
        try:
            value = operator.index(value)
        except TypeError:
            raise TypeError(f"{name} = {value!r} is not an integer; give one in [0, 2**{end})") from None
        if not 0 <= value < 1 << end:
            raise ValueError(f"{name} = {value} is out of range; give an integer in [0, 2**{end})")
        numbers.append(value)
    return tuple(numbers)


def _shape(shape):
    try:
        sizes = tuple(map(operator.index, shape if hasattr(shape, "__iter__") else (shape,)))
    except TypeError:
        sizes = (-1,)
    if min(sizes, default=0) < 0 or prod(sizes) >= 1 << 63:
        raise ValueError(f"shape = {shape!r} must be an int of at least 0, or a tuple of such, of fewer than 2**63 elements")
    return sizes


def _shared(axes, shape):
    """First and last + 1 of the axes along which a decision is shared."""
    given = axes
    try:
        axes = tuple(map(operator.index, axes if hasattr(axes, "__iter__") else (axes,)))
    except TypeError:
        raise TypeError(f"shared_axes = {given!r} must be an integer or a tuple of integers") from None
    if not axes:
        return 0, 0
    for axis in axes:
        if not -len(shape) <= axis < len(shape):
            raise ValueError(f"shared_axes = {given!r}: {axis} is not an axis of an array of {len(shape)} dimensions")
    found = sorted({axis % len(shape) for axis in axes})
    if found[-1] - found[0] + 1 != len(found):
        raise ValueError(f"shared_axes = {given!r} are not adjacent; move the axes together, or call dropout for each")
    return found[0], found[-1] + 1
