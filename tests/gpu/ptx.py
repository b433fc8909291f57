"""Compile every kernel with the real compiler, without a GPU or a driver: what tests/gpu/test_ptx.py runs in a child.

Arguments: compute capabilities such as 80 90. Writes KERNEL.sm_NN.ptx beside --out, if that is given.
"""

import argparse
import re
import types as python_types
from pathlib import Path

import numpy as np
from numba import cuda, types
from numba.cuda import dispatcher

from riata_engine.cuda import arrays, dropout, philox, row_divergence, row_softmax

BYTE, WORD, LONG, DOUBLE = types.uint8[::1], types.uint32[::1], types.int64, types.float64
LONGS = types.int64[::1]
KEY = (LONG,) * 4


def kernels():
    """(name, kernel, types of its arguments) of all that run() and the other doors launch."""
    yield "philox_fill", philox._fill, (WORD, LONG, *KEY)
    yield "pack", arrays._pack, (types.boolean[::1], BYTE)
    for bits in (1, 16, 32):
        yield f"keep_{bits}", dropout.kernels(bits)[0], (BYTE, LONG, LONG, *KEY, LONG)
    for real in (np.float32, np.float64):
        R = types.float32 if real is np.float32 else types.float64
        A, name = R[::1], real.__name__
        for bits in (1, 16, 32):
            yield f"multiply_{bits}_{name}", dropout.kernels(bits)[1], (A, A, A, LONG, LONG, *KEY, LONG, R)
        yield f"multiply_shared_{name}", dropout._multiply_shared, (BYTE, A, A, A, LONG, LONG, R)
        yield f"times_{name}", arrays._times, (DOUBLE[::1], DOUBLE[::1], A)
        softmax, vjp, cross_entropy = row_softmax.kernels(real)
        D = DOUBLE[::1]
        yield f"softmax_{name}", softmax, (LONG, A, A, D, BYTE, A, R, R, DOUBLE, LONG, LONG, LONGS)
        yield f"softmax_vjp_{name}", vjp, (LONG, A, A, A, BYTE, R, DOUBLE, LONG, LONG)
        yield (
            f"cross_entropy_{name}",
            cross_entropy,
            (A, A, LONGS, A, D, BYTE, A, A, BYTE, DOUBLE, types.boolean, R, R, LONG, LONG, LONGS),
        )
        yield (
            f"divergence_{name}",
            row_divergence.kernels(real),
            (LONG, A, A, LONG, LONG, A, A, D, BYTE, A, BYTE, DOUBLE, types.boolean, R, LONG, LONG, LONGS),
        )


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("capabilities", nargs="+")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    for told in asked.capabilities:
        capability = int(told[:-1]), int(told[-1])
        # a kernel that calls a function of the device asks the current device what it is, even where it is told
        dispatcher.get_current_device = lambda capability=capability: python_types.SimpleNamespace(compute_capability=capability)
        for name, kernel, arguments in kernels():
            ptx, _ = cuda.compile_ptx(kernel.py_func, types.void(*arguments), cc=capability)
            assert f".target sm_{told}" in ptx
            if asked.out:
                (asked.out / f"{name}.sm_{told}.ptx").write_text(ptx)
            wide, doubles = len(re.findall(r"mul\.wide\.u32", ptx)), len(re.findall(r"\.f64", ptx))
            print(f"{name} sm_{told}: {len(ptx.splitlines())} lines, {wide} wide products, {doubles} words of float64")


if __name__ == "__main__":
    main()
