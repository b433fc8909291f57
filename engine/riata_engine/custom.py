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
#: what is compiled and in use, by the functions it is made of
IN_USE = weakref.WeakValueDictionary()
#: the functions that a loss is made of; the last may be missing
FUNCTIONS = ("value", "gradient", "curvature", "conjugate")


class NotCompiled(TypeError):
    """numba cannot compile a function; ``.function`` is which."""

    def __init__(self, function, reason):
        super().__init__(reason)
        self.function = function


class Compiled:
    """Compiled functions of a user's functions: ``address`` by name, for as long as this lives.

    ``on_disk`` says whether numba may keep them in a file, ``from_disk`` whether they came from one.

    Parameters
    ----------
    functions : dict
        Of the user; None for one that is missing.
    arguments : dict
        How many numbers each takes, without the parameter.
    n_parameters : {0, 1}
    made_of : callable
        The functions to compile, by name, from ``functions`` as njit functions that take a parameter.
    signatures, options
        Of numba, by name; and for all.
    """

    def __init__(self, functions, arguments, n_parameters, made_of, signatures, options):
        from numba.core.errors import NumbaError

        from riata_engine.jit.addresses import address_of, with_parameter
        from riata_engine.jit.disk_cache import cache_of, digest_of

        given = [function for function in functions.values() if function is not None]
        digest = digest_of(given, n_parameters, list(functions))
        self.on_disk = self.from_disk = digest is not None
        self.kept, self.address = [], {}
        jitted = {name: None if function is None else with_parameter(function, arguments[name], n_parameters)
                  for name, function in functions.items()}
        try:
            for name, made in made_of(**jitted).items():
                cache = None if digest is None else cache_of(_plain(given[0]), f"{name} {digest}")
                self.address[name], compiled = address_of(made, signatures[name], options, cache)
                self.on_disk &= cache is not None
                self.from_disk &= compiled.cache_hits > 0
                self.kept.append(compiled)
        except NumbaError as error:
            raise _culprit(jitted, arguments, error) from None


class Loops(Compiled):
    """Compiled loops of a loss and their code in the tables of the engine, until nothing refers to them."""

    def __init__(self, functions, n_parameters):
        from riata_engine.jit.loss_loops import OPTIONS, SIGNATURES, loops_of

        super().__init__(functions, dict.fromkeys(FUNCTIONS, 2), n_parameters, loops_of, SIGNATURES, OPTIONS)
        self.code = register_loss(**self.address)
        weakref.finalize(self, _release, self.code)


def _release(code):
    with LOCK:
        release_loss(code)


def _plain(function):
    return getattr(function, "py_func", function)


def _culprit(jitted, arguments, error):
    """The exception for the function that does not compile alone."""
    from numba import float64
    from numba.core.errors import NumbaError

    for name, function in jitted.items():
        try:
            if function is not None:
                function.compile((float64,) * (arguments[name] + 1))
        except NumbaError as own:
            return NotCompiled(name, str(own))
    return NotCompiled("value", str(error))


def shared(kind, functions, n_parameters):
    """The ``kind`` of functions with so many parameters, compiled once for all that are in use."""
    key = (kind, n_parameters, *functions.values())
    with LOCK:
        compiled = IN_USE.get(key)
        if compiled is None:
            compiled = IN_USE[key] = kind(functions, n_parameters)
    return compiled


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
    loops = shared(Loops, {kind: functions[kind] for kind in FUNCTIONS}, n_parameters)
    return CustomLoss(name, loops.code, link, low=low, high=high, closed=closed, loops=loops)


def row_values(loss, parameter, y, eta, share=1.0):
    """(value, gradient, curvature, dual value at the gradient times ``share``) of rows y and eta, of any `Loss`."""
    y, eta, share = (np.ascontiguousarray(part, dtype=float) for part in np.broadcast_arrays(y, eta, share))
    return rows_of_loss(loss.code, 0.0 if parameter is None else parameter, y.ravel(), eta.ravel(), share.ravel())


def least_values(loss, parameter, y):
    """(k,) min_η ℓ(y, η); −inf where a loss has no minimum."""
    return least_of_rows(loss.code, 0.0 if parameter is None else parameter, np.ascontiguousarray(y, dtype=float))
