"""Philox4x32-10: the published answers, and one formula however it is run."""

import builtins
import importlib
import sys

import numpy as np
import pytest

from riata_engine.cpu import philox

# Random123's kat_vectors, "philox4x32 10": counter (4 words), key (2), result (4)
KNOWN_ANSWERS = """
00000000 00000000 00000000 00000000 00000000 00000000 6627e8d5 e169c58d bc57ac4c 9b00dbd8
ffffffff ffffffff ffffffff ffffffff ffffffff ffffffff 408f276d 41c83b0e a20bc7c6 6d5451fd
243f6a88 85a308d3 13198a2e 03707344 a4093822 299f31d0 d16cfe09 94fdcceb 5001e420 24126ea1
""".strip().splitlines()


def words(line):
    return [int(token, 16) for token in line.split()]


def filled(n, seed, first=0, stream=0):
    out = np.empty(n, np.uint32)
    philox.fill(out, seed, first, stream)
    return out


def formula_without_cython(monkeypatch):
    """The formula as it stands where Cython is not installed."""
    real_import = builtins.__import__

    def refuse_cython(name, *args, **kwargs):
        if name == "cython":
            raise ImportError(name)
        return real_import(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse_cython)
    monkeypatch.delitem(sys.modules, "riata_engine.formulas.philox", raising=False)
    module = importlib.import_module("riata_engine.formulas.philox")
    assert module.cython.__name__ == "riata_engine.formulas.plain"
    assert not module.cython.compiled
    monkeypatch.delitem(sys.modules, "riata_engine.formulas.philox")
    return module.philox4x32


@pytest.mark.parametrize("line", KNOWN_ANSWERS)
def test_known_answers_compiled(line):
    w = words(line)
    out = filled(4 * 130, w[4] | w[5] << 32, first=w[0] | w[1] << 32, stream=w[2] | w[3] << 32)
    assert out[:4].tolist() == w[6:]


@pytest.mark.parametrize("line", KNOWN_ANSWERS)
def test_known_answers_interpreted(line, monkeypatch):
    w = words(line)
    assert list(formula_without_cython(monkeypatch)(*w[:6])) == w[6:]


@pytest.mark.parametrize("line", KNOWN_ANSWERS)
def test_known_answers_numba(line, monkeypatch):
    numba = pytest.importorskip("numba")
    w = words(line)
    compiled = numba.njit(formula_without_cython(monkeypatch))
    assert [int(v) for v in compiled(*np.array(w[:6], np.uint32))] == w[6:]


@pytest.mark.parametrize("first", [0, 7, 2**32 - 3, 2**64 - 5])
def test_compiled_is_the_formula_at_every_position(first, monkeypatch):
    formula = formula_without_cython(monkeypatch)
    seed, stream = 0x0123456789ABCDEF, 0xFEDCBA9876543210
    out = filled(40, seed, first, stream).reshape(-1, 4)
    for i, row in enumerate(out):
        counter = (first + i) % 2**64
        args = counter % 2**32, counter >> 32, stream % 2**32, stream >> 32, seed % 2**32, seed >> 32
        assert tuple(row) == formula(*args)


@pytest.mark.parametrize("n", [0, 1, 3, 255, 256, 257, 1000])
def test_fill_is_a_window_on_one_sequence(n):
    whole = filled(2000, 11, stream=3)
    np.testing.assert_array_equal(filled(n, 11, stream=3), whole[:n])
    np.testing.assert_array_equal(filled(n, 11, first=5, stream=3), whole[20 : 20 + n])
