"""Losses that a user brings: scalar functions in, out comes a `Loss` that every `Batch` takes. Needs numba."""

import threading
import weakref
from dataclasses import dataclass, field

import numpy as np

from riata_engine.cpu.loss_rows import least_of_rows, register_loss, release_loss, rows_of_loss
from riata_engine.solvers.losses import LOSS, Loss

__all__ = ["LOSS", "NotCompiled", "compile_loss", "least_values", "row_values"]

#: one registration at a time, and one compilation of the same functions
LOCK = threading.RLock()
#: compiled loops that are in use, by the functions they are made of
IN_USE = weakref.WeakValueDictionary()
#: the functions that a loss is made of; the last may be missing
FUNCTIONS = ("value", "gradient", "curvature", "conjugate")


class NotCompiled(TypeError):
    """numba cannot compile a function; ``.function`` is which."""

    def __init__(self, function, reason):
        super().__init__(reason)
        self.function = function


class Loops:
    """Compiled loops and their code in the tables of the engine, until nothing refers to them.

    ``on_disk`` says whether numba may keep them in a file, ``from_disk`` whether they came from one.
    """

    def __init__(self, functions, n_parameters):
        from numba.core.errors import NumbaError

        from riata_engine.jit.disk_cache import cache_of, digest_of
        from riata_engine.jit.loss_loops import address_of, loops_of

        digest = digest_of([function for function in functions.values() if function is not None], n_parameters, list(functions))
        self.on_disk = self.from_disk = digest is not None
        self.kept, address = [], {}
        jitted = {name: None if function is None else _with_parameter(function, n_parameters)
                  for name, function in functions.items()}
        try:
            for kind, loop in loops_of(**jitted).items():
                cache = None if digest is None else cache_of(_plain(functions["value"]), f"{kind} {digest}")
                address[kind], compiled = address_of(loop, kind, cache)
                self.on_disk &= cache is not None
                self.from_disk &= compiled.cache_hits > 0
                self.kept.append(compiled)
        except NumbaError as error:
            raise _culprit(jitted, error) from None
        self.code = register_loss(**address)
        weakref.finalize(self, _release, self.code)


def _release(code):
    with LOCK:
        release_loss(code)


def _plain(function):
    return getattr(function, "py_func", function)


def _with_parameter(function, n_parameters):
    """A function of numba with a parameter as its last argument, which it need not use; a float64 comes back."""
    from numba import njit

    from riata_engine.jit.loss_loops import EXACT

    inner = function if hasattr(function, "py_func") else njit(function, **EXACT)
    if n_parameters:
        @njit(**EXACT)
        def outer(y, eta, a):
            return float(inner(y, eta, a))
    else:
        @njit(**EXACT)
        def outer(y, eta, a):
            return float(inner(y, eta))
    return outer


def _culprit(jitted, error):
    """The exception for the function that does not compile alone."""
    from numba import float64
    from numba.core.errors import NumbaError

    for name, function in jitted.items():
        try:
            if function is not None:
                function.compile((float64, float64, float64))
        except NumbaError as own:
            return NotCompiled(name, str(own))
    return NotCompiled("value", str(error))


@dataclass(frozen=True)
class CustomLoss(Loss):
    """A `Loss` with compiled loops of its own; its code is theirs."""

    loops: Loops | None = field(default=None, repr=False, compare=False)


def compile_loss(name, functions, *, n_parameters=0, link="identity", low=-np.inf, high=np.inf, closed=True):
    """The `Loss` of scalar functions.

    Parameters
    ----------
    name : str
    functions : dict
        "value", "gradient" and "curvature", functions of (y, η), and "conjugate", a function of (y, u) or None; with
        ``n_parameters=1`` of the parameter too, as their last argument.
    link, low, high, closed
        As in `Loss`.

    Raises
    ------
    ImportError
        Without numba.
    NotCompiled
        If numba cannot compile a function.
    """
    key = (n_parameters, *(functions[kind] for kind in FUNCTIONS))
    with LOCK:
        loops = IN_USE.get(key)
        if loops is None:
            loops = IN_USE[key] = Loops({kind: functions[kind] for kind in FUNCTIONS}, n_parameters)
    return CustomLoss(name, loops.code, link, low=low, high=high, closed=closed, loops=loops)


def row_values(loss, parameter, y, eta, share=1.0):
    """(value, gradient, curvature, dual value at the gradient times ``share``) of rows y and eta, of any `Loss`."""
    y, eta, share = (np.ascontiguousarray(part, dtype=float) for part in np.broadcast_arrays(y, eta, share))
    return rows_of_loss(loss.code, 0.0 if parameter is None else parameter, y.ravel(), eta.ravel(), share.ravel())


def least_values(loss, parameter, y):
    """(k,) min_η ℓ(y, η); −inf where a loss has no minimum."""
    return least_of_rows(loss.code, 0.0 if parameter is None else parameter, np.ascontiguousarray(y, dtype=float))
