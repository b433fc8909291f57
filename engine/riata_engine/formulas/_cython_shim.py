"""What `formulas` needs of the `cython` module, for machines where Cython is not installed.

A formula is a plain function with Cython's pure-Python decorators. Compiled, the decorators set its C signature;
interpreted (or handed to numba) they must do nothing, and that is all that the names below do.
"""

compiled = False


def cfunc(function):
    return function


inline = nogil = cfunc


def exceptval(*_, **__):
    return cfunc


bint = int = uint = longlong = ulonglong = Py_ssize_t = float = double = floating = None
