"""Penalties of your own: `custom(value, prox)` of two scalar functions, for `riata.penalty_path` and what else takes one.

    P(b) = alpha · Σ_j f_j g(b_j)                value(b) = g(b),   prox(v, t) = argmin_x ½(x − v)² + t·g(x)

docs/custom-losses.md shows it.
"""

from dataclasses import dataclass, field
from functools import cached_property
from types import FunctionType

import numpy as np

from riata.compiling import compiling
from riata.penalty_check import check_penalty
from riata.validation import check_flag, check_number
from riata_engine.penalty import compile_penalty

__all__ = [
    "CustomPenalty",
    "check_penalty",
    "custom",
]


@dataclass(frozen=True)
class CustomPenalty:
    """A penalty of functions that a user wrote: see `custom`. They are compiled when they are first needed."""

    name: str
    parameter: float | None
    functions: tuple = field(repr=False)
    convex: bool = True

    def __getstate__(self):
        return {name: value for name, value in self.__dict__.items() if name != "engine"}

    @cached_property
    def engine(self):
        """The compiled penalty."""
        with compiling(self, "a penalty", {"value": "b", "prox": "v, t"}):
            return compile_penalty(self.name, *self.functions, parameter=self.parameter, convex=self.convex)


def custom(value, prox, *, name=None, parameter=None, convex=True):
    """A penalty of your own on single coefficients, P(b) = alpha · Σ_j f_j g(b_j), beside the squared loss.

    The functions take and return single numbers; numba compiles them, so that they may use Python's arithmetic, ``math``,
    numpy's functions of numbers, and other functions of that kind. They are checked on a grid (`check_penalty`).

    Parameters
    ----------
    value : callable
        ``value(b)`` is g(b): 0 at b = 0, never negative, infinite where a coefficient may not be.
    prox : callable
        ``prox(v, t)`` is the x that minimises ½(x − v)² + t·g(x), t > 0. Where there are several, any of them.
    name : str, optional
        What messages and results call it. Default: the name of `value`.
    parameter : float, optional
        A number that both functions take as their last argument. Penalties that differ in it share what was compiled; a number
        that the functions take from where they are defined is fixed when they are compiled.
    convex : bool, default=True
        Whether g is convex. It must then grow to both sides. Answers have a duality gap, otherwise
        `riata.PenaltyPathResult.prox_residual`.

    Returns
    -------
    CustomPenalty
        For `riata.penalty_path`, and `penalty=` of `riata.cross_validate_path` and `riata.linear_model.PenalizedRegressor`. It
        can be pickled if its functions can, and is compiled again where it is loaded.

    Raises
    ------
    ImportError
        Without numba: ``pip install numba``.
    TypeError
        If numba cannot compile a function.
    ValueError
        If prox does not minimise, or g is no penalty: see `check_penalty`.

    Notes
    -----
    No derivative is asked for: where descent crawls, Newton steps take the curvature of g from the slope of prox. What is
    compiled is kept on disk as that of `riata.losses.custom` is.

    Examples
    --------
    >>> import riata
    >>> def size(b):
    ...     return abs(b)
    >>> def shrink(v, t):
    ...     return max(v - t, 0.0) + min(v + t, 0.0)
    >>> riata.penalties.custom(size, shrink, name="lasso").convex
    True
    """
    functions = tuple(getattr(function, "py_func", function) for function in (value, prox))      # of numba.njit
    for what, function, arguments in zip(("value", "prox"), functions, ("b", "(v, t)"), strict=True):
        if not isinstance(function, FunctionType):
            raise TypeError(f"{what} = {function!r} must be a function of {arguments} written with def or lambda, so that "
                            "numba can compile it; one that calls this one will do")
    name = getattr(value, "__name__", "custom").replace("<lambda>", "custom") if name is None else name
    if not isinstance(name, str) or not name:
        raise TypeError(f"name = {name!r} must be a text")
    if parameter is not None:
        parameter = check_number(parameter, "parameter", -np.inf, low_open=True, high_open=True)
    penalty = CustomPenalty(name, parameter, functions, check_flag(convex, "convex"))
    check_penalty(penalty)
    return penalty


def check_own_penalty(penalty):
    """The argument ``penalty`` if it is one of `custom`.

    Raises
    ------
    TypeError
    """
    if isinstance(penalty, CustomPenalty):
        return penalty
    raise TypeError(f"penalty = {penalty!r} must be one of riata.penalties.custom(value, prox); penalties that riata brings have "
                    "functions of their own: riata.fit_path (lasso, elastic net, ridge), riata.mcp_path, riata.scad_path, "
                    "riata.slope_path, riata.fit_group_path")
