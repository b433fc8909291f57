"""What kernels of rows share: exp, log, sums and maxima over the threads of a block. Twin of cpu/row_math.pxi.

One block takes one row, its threads every T-th number of it. A reduction has two levels: each thread's own part goes to shared
memory, sixteen threads add up those, and every thread adds up the sixteen, in the same order, so that all hold the same bits.
"""

import math
from functools import cache
from types import SimpleNamespace

import numpy as np
from numba import cuda

MOST, GROUPS = 256, 16  # threads of a block; second level of a reduction
ROOM = MOST + GROUPS  # shared numbers of a reduction
#: why a row is refused, as cpu/row_task.pxd counts
BAD_NUMBER, NEGATIVE, BAD_SUM, NO_SUM, BEYOND = 1, 2, 3, 4, 5
#: of a kernel's word about a row: row·16 + code·2 + input; larger than every row's where all are fine
FINE = np.iinfo(np.int64).max


def threads_for(K):
    """A power of two from 8 to `MOST`: a thread for each number of a short row, four numbers a thread of a longer one."""
    threads = 8
    while threads < MOST and threads < (K if K <= 64 else K // 4):
        threads *= 2
    return threads


@cuda.jit(device=True)
def refuse(worst, row, code, argument):
    """Keep the first row that is refused."""
    if cuda.threadIdx.x == 0:
        cuda.atomic.min(worst, 0, row * 16 + code * 2 + argument)


@cuda.jit(device=True)
def empty(mask, start, K, inner):
    """Whether a mask leaves nothing of a row; the same for all threads of a block."""
    if mask.size == 0:
        return False
    some = 0
    for k in range(cuda.threadIdx.x, K, cuda.blockDim.x):
        if mask[start + k * inner]:
            some = 1
    return cuda.syncthreads_or(some) == 0


@cuda.jit(device=True)
def read(x, e, mask, neutral):
    """An entry, or what stands for one that takes no part."""
    if mask.size > 0 and not mask[e]:
        return neutral
    return x[e]


@cuda.jit(device=True)
def write(out, e, mask, left_out, value):
    """An entry of an answer that is asked for."""
    if mask.size > 0 and not mask[e]:
        out[e] = left_out
    else:
        out[e] = value


@cache
def maths(real):
    """exp, log and reductions in float32 or float64. A plain number beside a float32 would make float64 of it."""
    zero, one, inf = real(0), real(1), real(np.inf)
    largest = real(88 if real is np.float32 else 709)

    @cuda.jit(device=True)
    def row_exp(x):
        return real(math.exp(min(x, largest)))

    @cuda.jit(device=True)
    def row_log(x):
        if x > zero:
            return real(math.log(x))
        return -inf

    @cuda.jit(device=True)
    def total(part, shared):
        t, threads = cuda.threadIdx.x, cuda.blockDim.x
        groups = min(GROUPS, threads)
        shared[t] = part
        cuda.syncthreads()
        if t < groups:
            for i in range(t + groups, threads, groups):
                part += shared[i]
            shared[MOST + t] = part
        cuda.syncthreads()
        out = zero
        for i in range(groups):
            out += shared[MOST + i]
        return out

    @cuda.jit(device=True)
    def greatest(part, shared):
        """NaN where one is among them."""
        t, threads = cuda.threadIdx.x, cuda.blockDim.x
        groups = min(GROUPS, threads)
        shared[t] = part
        cuda.syncthreads()
        if t < groups:
            for i in range(t + groups, threads, groups):
                if shared[i] > part or shared[i] != shared[i]:
                    part = shared[i]
            shared[MOST + t] = part
        cuda.syncthreads()
        out = shared[MOST]
        for i in range(1, groups):
            if shared[MOST + i] > out or shared[MOST + i] != shared[MOST + i]:
                out = shared[MOST + i]
        return out

    @cuda.jit(device=True)
    def top_of(x, start, K, inner, mask, neutral, shared):
        part = -inf
        for k in range(cuda.threadIdx.x, K, cuda.blockDim.x):
            v = read(x, start + k * inner, mask, neutral)
            if v > part or v != v:
                part = v
        return greatest(part, shared)

    @cuda.jit(device=True)
    def exp_total(x, start, K, inner, mask, neutral, top, scale, shared):
        part = zero
        for k in range(cuda.threadIdx.x, K, cuda.blockDim.x):
            part += row_exp(scale * (read(x, start + k * inner, mask, neutral) - top))
        return total(part, shared)

    @cuda.jit(device=True)
    def sum_of_probabilities(x, start, K, inner, mask, shared):
        """(their sum, what is wrong with one of them)."""
        part, strange, negative = zero, 0, 0
        for k in range(cuda.threadIdx.x, K, cuda.blockDim.x):
            v = read(x, start + k * inner, mask, zero)
            part += v
            if v != v or v == inf:
                strange = 1
            if v < zero:
                negative = 1
        strange = cuda.syncthreads_or(strange)
        negative = cuda.syncthreads_or(negative)
        return total(part, shared), (BAD_NUMBER if strange else NEGATIVE if negative else 0)

    @cuda.jit(device=True)
    def inverse_of(whole):
        """(what a row of this sum is multiplied by to sum to one, why it cannot be)."""
        if not whole > zero:
            return zero, NO_SUM
        inverse = one / whole
        return inverse, (0 if zero < inverse < inf else BEYOND)

    return SimpleNamespace(
        row_exp=row_exp,
        row_log=row_log,
        total=total,
        top_of=top_of,
        exp_total=exp_total,
        sum_of_probabilities=sum_of_probabilities,
        inverse_of=inverse_of,
    )
