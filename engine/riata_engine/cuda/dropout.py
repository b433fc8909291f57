"""Dropout: elements are kept or not by Philox's words, made by a block of threads in shared memory and never stored. Twin of
cpu/dropout."""

from functools import cache

import numpy as np
from numba import cuda

from riata_engine.cuda.arrays import sent
from riata_engine.cuda.device import on_device
from riata_engine.cuda.philox import halves, words_at
from riata_engine.formulas import dropout as formulas

THREADS = 128

word_of = on_device(formulas.word_of)
lane_of = on_device(formulas.lane_of)


def counters_of(bits):
    """Of a block: with one bit an element a quarter of the threads make words enough for all."""
    return THREADS // 4 if bits == 1 else THREADS


@cache
def kernels(bits):
    """(mask, product) for elements of 1, 16 or 32 bits; neighbouring threads take neighbouring elements."""
    counters, per_word = counters_of(bits), 32 // bits
    room = 4 * counters

    @cuda.jit(device=True)
    def prepare(words, first, c, d, k0, k1):
        t = cuda.threadIdx.x
        if t < counters:
            four = words_at(int(first) + cuda.blockIdx.x * counters + t, c, d, k0, k1)
            for q in range(4):
                words[4 * t + q] = four[q]
        cuda.syncthreads()

    @cuda.jit(device=True)
    def is_kept(words, place, threshold):
        return lane_of(words[word_of(place, bits)], place % per_word, bits) >= threshold

    @cuda.jit
    def keep(mask, first, skip, c, d, k0, k1, threshold):
        words = cuda.shared.array(room, np.uint32)
        prepare(words, first, c, d, k0, k1)
        start = cuda.blockIdx.x * room * per_word - skip
        for place in range(cuda.threadIdx.x, min(room * per_word, mask.size - start), THREADS):
            if start + place >= 0:
                mask[start + place] = is_kept(words, place, threshold)

    @cuda.jit
    def multiply(x, sign, out, first, skip, c, d, k0, k1, threshold, scale):
        words = cuda.shared.array(room, np.uint32)
        prepare(words, first, c, d, k0, k1)
        start = cuda.blockIdx.x * room * per_word - skip
        for place in range(cuda.threadIdx.x, min(room * per_word, x.size - start), THREADS):
            e = start + place
            if e >= 0:
                if is_kept(words, place, threshold) and (sign.size == 0 or sign[e] > 0):
                    out[e] = scale * x[e]
                else:
                    out[e] = 0

    return keep, multiply


@cuda.jit
def _multiply_shared(kept, x, sign, out, shared, inner, scale):
    e = cuda.grid(1)
    if e < x.size:
        if kept[e // (shared * inner) * inner + e % inner] and (sign.size == 0 or sign[e] > 0):
            out[e] = scale * x[e]
        else:
            out[e] = 0


def _where(index, bits, n):
    """(blocks, first counter, elements of it that lie before the index)."""
    per_counter = 128 // bits
    skip = index % per_counter
    return -(-(skip + n) // (counters_of(bits) * per_counter)), np.int64(index // per_counter), np.int64(skip)


def keep(mask, seed, stream, index, threshold, bits, n_threads):
    """mask[e] = 1 where element index + e is kept. `n_threads` is of the CPU and has no meaning here."""
    if mask.size:
        blocks, first, skip = _where(index, bits, mask.size)
        kernels(bits)[0][blocks, THREADS](mask, first, skip, *halves(stream), *halves(seed), np.int64(threshold))


def multiply(x, sign, out, seed, stream, index, threshold, bits, scale, streamed, n_threads):
    """out = scale·x where kept and, if `sign` is given, sign > 0; else 0. `out` may be x or sign. `streamed` is of the CPU."""
    if x.size:
        blocks, first, skip = _where(index, bits, x.size)
        kernels(bits)[1][blocks, THREADS](
            x, sent(sign, x.dtype), out, first, skip, *halves(stream), *halves(seed), np.int64(threshold), x.dtype.type(scale)
        )


def multiply_shared(kept, x, sign, out, shared, inner, scale, n_threads):
    """The same for x (outer, shared, inner) and decisions (outer, inner)."""
    if x.size:
        _multiply_shared[-(-x.size // THREADS), THREADS](
            kept, x, sent(sign, x.dtype), out, np.int64(shared), np.int64(inner), x.dtype.type(scale)
        )
