"""Python functions at addresses, which compiled code calls without the GIL."""

from numba import njit
from numba.core.ccallback import CFunc

#: of functions that others call, which would otherwise inherit what those are allowed
EXACT = {"error_model": "numpy", "fastmath": False}


def address_of(function, signature, options, cache):
    """(the address of a compiled function, what keeps it alive); from the cache on disk where that has it."""
    compiled = CFunc(function, (signature.args, signature.return_type), {}, options)
    if cache is not None:
        compiled._cache = cache
    compiled.compile()
    return compiled.address, compiled


def with_parameter(function, n_arguments, n_parameters):
    """A function of numba, of one or two numbers, with a parameter as its last argument, which it need not use; a float64 comes
    back."""
    inner = function if hasattr(function, "py_func") else njit(function, **EXACT)

    if n_arguments == 1 and n_parameters:
        def outer(x, a):
            return float(inner(x, a))
    elif n_arguments == 1:
        def outer(x, a):
            return float(inner(x))
    elif n_parameters:
        def outer(x, y, a):
            return float(inner(x, y, a))
    else:
        def outer(x, y, a):
            return float(inner(x, y))
    return njit(**EXACT)(outer)
