"""The door for dropout: masks that are a function of (seed, stream, index), and their products with arrays."""

import numpy as np

from riata_engine.backend import backend_of, get_backend
from riata_engine.formulas.dropout import rate_in_bits
from riata_engine.threads import thread_count

__all__ = ["drop", "drop_shared", "kept_elements", "rate_in_bits"]

#: arrays smaller than this are not worth waking threads
SMALL = 1 << 17


def kept_elements(n, rate, seed, stream, index, n_threads=None, backend="cpu"):
    """True for each of the elements index, …, index + n − 1 of a stream that is kept."""
    threshold, bits = rate_in_bits(rate)
    work = get_backend(backend)
    mask = work.arrays.empty((n,), np.uint8)
    work.dropout.keep(mask, seed, stream, index, threshold, bits, _threads(n, n_threads))
    return mask.view(np.bool_)


def drop(x, rate, seed, stream, index, sign=None, out=None, n_threads=None):
    """
    x / (1 − rate) where kept, 0 elsewhere and where `sign`, if given, is not positive.

    Parameters
    ----------
    x, sign, out : C-contiguous arrays of one shape and dtype, of numpy or of numba.cuda; `out` may be one of the others
    """
    threshold, bits = rate_in_bits(rate)
    work = backend_of(x)
    streamed = out is not None  # the pages of a new array are in the cache already: the system has filled them with zeros
    if out is None:
        out = work.arrays.empty(x.shape, x.dtype)
    flat = [None if a is None else work.arrays.flat(a, "C") for a in (x, sign, out)]
    scale = 1 / (1 - threshold / 2.0**bits)
    work.dropout.multiply(*flat, seed, stream, index, threshold, bits, scale, streamed, _threads(x.size, n_threads))
    return out


def drop_shared(x, first, last, rate, seed, stream, index, sign=None, out=None, n_threads=None):
    """The same with one decision for all elements along the axes first, …, last − 1 of x."""
    threshold, bits = rate_in_bits(rate)
    work = backend_of(x)
    if out is None:
        out = work.arrays.empty(x.shape, x.dtype)
    flat = [None if a is None else work.arrays.flat(a, "C") for a in (x, sign, out)]
    shared, inner = int(np.prod(x.shape[first:last])), int(np.prod(x.shape[last:]))
    decisions = kept_elements(int(np.prod(x.shape[:first])) * inner, rate, seed, stream, index, backend=work.name)
    work.dropout.multiply_shared(
        decisions.view(np.uint8), *flat, shared, inner, 1 / (1 - threshold / 2.0**bits), _threads(x.size, n_threads)
    )
    return out


def _threads(n, n_threads):
    return thread_count(n_threads) if n >= SMALL else 1
