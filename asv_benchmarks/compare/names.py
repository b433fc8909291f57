"""The names of all benchmarks, as ``worker.py`` takes them."""

import importlib
import inspect
import itertools
import pkgutil
import re

import benchmarks


def names(pattern="", kinds=("time", "timeraw")):
    """(name, title) of each benchmark of these kinds whose title matches a regular expression."""
    found = []
    for module in sorted(info.name for info in pkgutil.iter_modules(benchmarks.__path__)):
        content = importlib.import_module(f"benchmarks.{module}")
        for label, thing in inspect.getmembers(content):
            if label.startswith("_") or getattr(thing, "__module__", "") != content.__name__:
                continue
            if inspect.isclass(thing) and not inspect.isabstract(thing):
                found += [(f"{module}.{label}.{method}{suffix}", f"{module}.{label}.{method}{title}")
                          for method, _ in inspect.getmembers(thing, inspect.isfunction) if method.partition("_")[0] in kinds
                          for suffix, title in _parameters(thing)]
            elif inspect.isfunction(thing) and label.partition("_")[0] in kinds:
                found.append((f"{module}.{label}", f"{module}.{label}"))
    return [pair for pair in found if re.search(pattern, pair[1])]


def _parameters(kind):
    axes = getattr(kind, "params", ())
    if not axes:
        return [("", "")]
    return [(":" + ",".join(map(str, at)), "(" + ", ".join(str(axis[k]) for axis, k in zip(axes, at, strict=True)) + ")")
            for at in itertools.product(*(range(len(axis)) for axis in axes))]
