"""numba's cache on disk, by what functions do: their code, and all that it refers to.

numba itself knows a compiled function by the date of its file, and knows nothing of functions that another one is given. Here the
key is a digest of everything that goes in, so that an edited function, or constant, is compiled again.
"""

import hashlib
import types
from pathlib import Path

import numpy as np
from numba.core.caching import FunctionCache

HERE = Path(__file__).parent


class LoopCache(FunctionCache):
    """The cache of one loop, beside those of the file that ``function`` is written in."""

    def __init__(self, function, key):
        super().__init__(function)
        self._key = key

    def _index_key(self, sig, codegen):
        return sig, codegen.magic_tuple(), self._key


def cache_of(function, key):
    """A `LoopCache`, or None where there is no file: a function typed at a prompt, or a folder that cannot be written."""
    try:
        return LoopCache(function, key)
    except (RuntimeError, OSError, TypeError):
        return None


def digest_of(functions, *settings):
    """A text that differs where functions would compile to something else, or None if that cannot be told."""
    said = [repr(settings), *(file.read_text(encoding="utf-8") for file in sorted(HERE.glob("*.py")))]
    for function in functions:
        said.append(_told(function, set()))
    if any(part is None for part in said):
        return None
    return hashlib.sha256("\0".join(said).encode()).hexdigest()


def _told(thing, seen):
    """What is compiled of a value, as text; None if that is not known."""
    if hasattr(thing, "py_func"):                          # of numba: how it is compiled goes in too
        return _joined([repr(sorted(thing.targetoptions.items())), _told(thing.py_func, seen)])
    if thing is None or isinstance(thing, (bool, int, float, complex, str, bytes, np.generic)):
        return f"{type(thing).__name__} {thing!r}"
    if isinstance(thing, type):
        return None if _may_change(thing.__module__) else f"{thing.__module__} {thing.__name__}"
    if isinstance(thing, (types.ModuleType, types.BuiltinFunctionType, np.ufunc)):
        return f"{getattr(thing, '__module__', '')} {thing.__name__}"
    if isinstance(thing, np.ndarray) and thing.dtype != object:
        return f"{thing.dtype} {thing.shape} {hashlib.sha256(thing.tobytes()).hexdigest()}"
    if isinstance(thing, (tuple, frozenset)):
        return _joined(_told(item, seen) for item in (thing if isinstance(thing, tuple) else sorted(thing, key=repr)))
    if isinstance(thing, types.CodeType):
        return _joined([thing.co_code.hex(), repr(thing.co_names), repr(thing.co_varnames), _told(thing.co_consts, seen)])
    if isinstance(thing, types.FunctionType):
        if thing in seen:
            return "itself"
        seen.add(thing)
        return _joined(_told(item, seen) for item in (thing.__code__, *_used(thing), thing.__defaults__))
    return None


def _used(function):
    """All that the names in a function, and in those that are written inside it, may refer to."""
    codes = [function.__code__]
    for code in codes:                                     # grows
        codes += [const for const in code.co_consts if isinstance(const, types.CodeType)]
    names = sorted({name for code in codes for name in code.co_names})
    found = [cell.cell_contents for cell in function.__closure__ or ()]
    found += [function.__globals__.get(name) for name in names]
    modules = {}
    for thing in found:                                    # grows: what is in a module, and in a module of it
        if isinstance(thing, types.ModuleType) and _may_change(thing.__name__) and thing.__name__ not in modules:
            modules[thing.__name__] = thing
            found += [getattr(thing, name, None) for name in names]
    return found


def _may_change(module):
    """Whether what a module of that name holds may be edited, and numba and its own version not know."""
    return module.split(".")[0] not in ("builtins", "math", "cmath", "numpy", "numba")


def _joined(parts):
    parts = list(parts)
    return None if any(part is None for part in parts) else "(" + ";".join(parts) + ")"
