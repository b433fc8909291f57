"""The largest errors of the float32 exp and log of the row kernels over every float, in units in the last place.

``python tests/exhaustive_row_math.py`` takes a few minutes; pytest does not collect it. It runs the vectors that the kernels use
(riata_engine.cpu.row_softmax.exp_and_log) against numpy's float64, and prints for the exp of negative and of positive numbers
and for the log the largest error and where it falls: what riata_rows.h states and tests/test_row_math.py pins.
``python tests/exhaustive_row_math.py 97`` looks at every 97th float only.
"""

import sys

import numpy as np
from riata_engine.cpu.row_softmax import exp_and_log

AT_ONCE = 1 << 20
#: name, first and last pattern of bits, the exact function, which of the answers
RANGES = (
    ("exp of x <= 0, to -88", 0x80000000, 0x80000000 + 0x42B00000, np.exp, 0),
    ("exp of x >= 0, to 88", 0, 0x42B00000, np.exp, 0),
    ("log of every positive number", 1, 0x7F800000, np.log, 2),
)


def worst(first, last, exact, answer, step=1):
    """(the largest error, its argument): of results from 2^-126 on, where a unit is that of the rounded truth."""
    error, at = 0.0, np.float32(0)
    for start in range(first, last, AT_ONCE * step):
        x = np.arange(start, min(start + AT_ONCE * step, last), step, dtype=np.uint32).view(np.float32)
        answers = [np.empty_like(x) for _ in range(3)]
        exp_and_log(x, *answers)
        true = exact(x.astype(np.float64))
        unit = np.spacing(np.abs(true).astype(np.float32)).astype(np.float64)
        errors = np.abs(answers[answer] - true) / unit
        if answer == 0:
            errors[true < np.finfo(np.float32).tiny] = 0
        if errors.max() > error:
            error, at = float(errors.max()), x[errors.argmax()]
    return error, at


if __name__ == "__main__":
    step = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    for name, first, last, exact, answer in RANGES:
        error, at = worst(first, last, exact, answer, step)
        print(f"{name}: {error:.4f} at {at:.9g} (bits {at.view(np.uint32):#010x})", flush=True)
