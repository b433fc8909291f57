"""Philox4x32-10 (Salmon et al. 2011): random words that depend only on (seed, stream, position). Twin of cpu/philox."""

import numpy as np
from numba import cuda

from riata_engine.cuda.device import on_device
from riata_engine.formulas import philox as formulas

THREADS = 128
LOW = 0xFFFFFFFF

philox4x32 = on_device(formulas.philox4x32)


@cuda.jit(device=True)
def words_at(counter, c, d, k0, k1):
    """Four words. Integers, not uint32: in the simulator products of numpy's would lose their upper half."""
    return philox4x32(int(counter) & LOW, (int(counter) >> 32) & LOW, int(c), int(d), int(k0), int(k1))


def halves(number):
    """Lower and upper word of 64 bits."""
    return np.int64(number & LOW), np.int64(number >> 32 & LOW)


def signed(number):
    """64 bits as a signed integer."""
    return np.int64(number - (1 << 64) if number >> 63 else number)


@cuda.jit
def _fill(out, first, c, d, k0, k1):
    i = cuda.grid(1)
    if 4 * i < out.size:
        four = words_at(int(first) + i, c, d, k0, k1)
        for q in range(min(4, out.size - 4 * i)):
            out[4 * i + q] = four[q]


def _blocks(counters):
    return -(-counters // THREADS)


def fill(out, seed, first=0, stream=0):
    """out[4 i + q] = word q of counter first + i."""
    if out.size:
        _fill[_blocks(-(-out.size // 4)), THREADS](out, signed(first), *halves(stream), *halves(seed))
