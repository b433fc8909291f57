"""Stands in for ``import cython`` where Cython is not installed: the formulas are then plain Python functions."""

compiled = False


class _Floating:
    """The fused type float/double; an annotation only."""


floating = _Floating


def _same(function):
    return function


cfunc = inline = nogil = ccall = _same


def exceptval(*_, **__):
    """Decorator without effect."""
    return _same


def __getattr__(name):              # C integer types used as annotations
    if name in {"double", "float", "int", "uint", "long", "ulong", "longlong", "ulonglong", "Py_ssize_t", "bint", "void",
                "p_double"}:
        return _Floating
    raise AttributeError(name)
