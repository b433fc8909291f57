"""exp and log of the row kernels against higher precision: the errors that riata_rows.h states, over the whole range.

``python tests/exhaustive_row_math.py`` looks at every float.
"""

import math

import numpy as np
import pytest
from riata_engine.cpu.row_softmax import exp_and_log


def both(x):
    exponential, decayed, logarithm = np.empty_like(x), np.empty_like(x), np.empty_like(x)
    exp_and_log(x, exponential, decayed, logarithm)
    falling = x <= 0
    np.testing.assert_array_equal(decayed[falling], exponential[falling])
    return exponential, logarithm


def ulps(found, true):
    """Errors in units in the last place of the rounded truth."""
    spacing = np.spacing(np.abs(true).astype(found.dtype)).astype(true.dtype)
    return np.abs(found.astype(true.dtype) - true) / spacing


def floats(first, last, step):
    """Every step-th float from one pattern of bits to another."""
    return np.arange(first, last, step, dtype=np.uint32).view(np.float32)


@pytest.mark.parametrize("sign", [0, 0x80000000])
def test_float_exp_over_every_float(sign):
    x = floats(sign, sign + 0x42B00000, 211)  # |x| to 88
    true = np.exp(x.astype(np.float64))
    normal = true >= np.finfo(np.float32).tiny
    found = both(x)[0]
    assert ulps(found[normal], true[normal]).max() < (2.284 if sign else 1.848)
    assert np.abs(found[~normal] - true[~normal]).max(initial=0) <= 2e-38


def test_float_log_over_every_positive_float():
    x = floats(1, 0x7F800000, 211)
    assert ulps(both(x)[1], np.log(x.astype(np.float64))).max() < 2.033
    near = floats(0x3F000000, 0x40000000, 7)  # ½ to 2: the log crosses 0
    assert ulps(both(near)[1], np.log(near.astype(np.float64))).max() < 2.033


def test_the_worst_floats():
    """Where a run over all floats found the largest errors, with fused multiply-add and without, and the largest of either."""
    x = np.array([0xC28255C8, 0xC282E8A7, 0x42971512, 0x429674D3], np.uint32).view(np.float32)
    errors = ulps(both(x)[0], np.exp(x.astype(np.float64)))
    assert 2.1 < errors[:2].max() < 2.284
    assert 1.6 < errors[2:].max() < 1.848
    x = np.array([0x4259EAFC, 0x45346F98, 0x00175768], np.uint32).view(np.float32)
    errors = ulps(both(x)[1], np.log(x.astype(np.float64)))
    assert 1.5 < errors.max() < 2.033


@pytest.mark.skipif(np.finfo(np.longdouble).eps > 1e-18, reason="needs a long double of more digits")
def test_double_exp_and_log():
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.uniform(-708, 709, 400_000), rng.uniform(-1, 1, 100_000) * 10.0 ** rng.uniform(-300, 0, 100_000)])
    assert ulps(both(x)[0], np.exp(x.astype(np.longdouble))).max() < 3
    patterns = rng.integers(1, 0x7FF0000000000000, 400_000).view(np.float64)
    x = np.concatenate([patterns, rng.uniform(0.5, 2, 200_000), rng.uniform(0, 1, 1000) * 5e-320 + 5e-324])
    assert ulps(both(x)[1], np.log(x.astype(np.longdouble))).max() < 3


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_ends(dtype):
    x = np.array([0.0, -0.0, 1.0, -np.inf, -1e30, -110.0 if dtype == np.float32 else -746.0], dtype)
    exponential, logarithm = both(x)
    assert exponential.tolist()[:2] == [1, 1]
    assert exponential.tolist()[3:] == [0, 0, 0]
    assert logarithm[:3].tolist() == [-math.inf, -math.inf, 0]
