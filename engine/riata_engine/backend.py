"""Where the arithmetic runs: an explicit choice, never what happens to be installed.

"cuda" has functions of rows and dropout (``cuda/``), the twins of those of ``cpu/``; solvers are on the CPU.
"""

import ctypes
import importlib
import os
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from types import ModuleType

BACKENDS = ("cpu", "cuda")


@dataclass(frozen=True)
class Backend:
    """Modules of one name and one set of functions on every backend."""

    name: str
    arrays: ModuleType
    dropout: ModuleType
    philox: ModuleType
    rows: ModuleType


def require_backend(name):
    """Refuse a backend that has no solvers; ``solve`` asks before anything else.

    Raises
    ------
    ValueError
        If ``name`` is no backend, or one without solvers.
    """
    if name not in BACKENDS:
        raise ValueError(f"backend={name!r} is not one of {BACKENDS}; leave backend='cpu'")
    if name != "cpu":
        raise ValueError(f"backend={name!r} has no solvers, only riata.functional; leave backend='cpu'")


def get_backend(name):
    """
    The kernels of a backend, imported when first asked for.

    Parameters
    ----------
    name : {"cpu", "cuda"}

    Returns
    -------
    Backend

    Raises
    ------
    ValueError
        If ``name`` is no backend.
    ImportError
        If "cuda" is asked for and numba is not installed.
    RuntimeError
        If "cuda" is asked for and there is no device.
    """
    if name not in BACKENDS:
        raise ValueError(f"backend={name!r} is not one of {BACKENDS}")
    return _backend(name)


def on_device(array):
    """Whether an array lies on a GPU: one of numba (or its simulator), or whatever has the CUDA array interface."""
    return bool(getattr(array, "__cuda_ndarray__", False)) or hasattr(array, "__cuda_array_interface__")


def backend_of(array):
    """The backend on whose side an array lies."""
    return get_backend("cuda" if on_device(array) else "cpu")


@cache                                              # what raises is asked again
def _backend(name):
    if name == "cuda":
        if find_spec("numba") is None:
            raise ImportError("backend='cuda' needs numba; install it with: pip install \"riata[cuda]\"")
        if not simulated() and devices() == 0:
            raise RuntimeError("backend='cuda' finds no CUDA device (no driver, or none visible); give arrays of numpy")
    modules = {part: importlib.import_module(f"riata_engine.{name}.{part}") for part in ("arrays", "dropout", "philox", "rows")}
    return Backend(name, **modules)


def simulated():
    """Whether numba runs kernels in its simulator: NUMBA_ENABLE_CUDASIM=1, set before numba is imported."""
    return os.environ.get("NUMBA_ENABLE_CUDASIM", "0") not in ("", "0")


def devices():
    """How many GPUs the driver reports, 0 without one. Makes no context and imports nothing."""
    for name in ("nvcuda.dll",) if os.name == "nt" else ("libcuda.so.1", "/usr/lib/wsl/lib/libcuda.so.1"):
        try:
            driver = ctypes.CDLL(name)
        except OSError:
            continue
        count = ctypes.c_int()
        if driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0:
            return count.value
    return 0
