"""The choice of a backend: explicit, lazy, and never another one than was asked for."""

import subprocess
import sys

import numpy as np
import pytest

from riata_engine import backend


@pytest.fixture
def anew():
    backend._backend.cache_clear()
    yield
    backend._backend.cache_clear()


def test_the_cpu_is_there_and_numba_is_not_loaded():
    program = (
        "import sys, numpy as np, riata.functional as F\n"
        "from riata_engine.backend import get_backend\n"
        "F.softmax(np.ones((2, 3))), F.dropout(np.ones(4), seed=0), get_backend('cpu')\n"
        "assert 'numba' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
    assert backend.get_backend("cpu").name == "cpu"


def test_what_is_no_backend():
    with pytest.raises(ValueError, match=r"backend='tpu' is not one of \('cpu', 'cuda'\)"):
        backend.get_backend("tpu")
    with pytest.raises(ValueError, match="backend='tpu' is not one of"):
        backend.require_backend("tpu")
    with pytest.raises(ValueError, match="backend='cuda' has no solvers"):
        backend.require_backend("cuda")


def test_a_missing_numba_has_its_pip_line(monkeypatch, anew):
    monkeypatch.setattr(backend, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r'pip install "riata\[cuda\]"'):
        backend.get_backend("cuda")


def test_a_missing_device_is_an_error_and_nothing_else_is_taken(monkeypatch, anew):
    monkeypatch.setattr(backend, "find_spec", lambda name: object())
    monkeypatch.setattr(backend, "devices", lambda: 0)
    monkeypatch.delenv("NUMBA_ENABLE_CUDASIM", raising=False)
    with pytest.raises(RuntimeError, match="no CUDA device"):
        backend.get_backend("cuda")


def test_arrays_say_where_they_lie():
    class There:
        __cuda_array_interface__ = {"shape": (1,), "typestr": "<f4", "data": (0, False), "version": 3}  # noqa: RUF012

    assert backend.on_device(There())
    assert not backend.on_device(np.ones(3))
    assert not backend.on_device([1.0])
    assert backend.backend_of(np.ones(3)).name == "cpu"
