"""The losses that a path may have, by name or with a parameter, and what each asks of its target.

    loss = "squared", "logistic", "poisson", "gamma", "tweedie", "negative_binomial" or "huber"
    loss = riata.losses.tweedie(power=1.7), riata.losses.negative_binomial(size=2.0), riata.losses.huber(delta=1.0)

With η = b0 + xᵀb (+ offset) the linear predictor, ℓ(y, η) is

    squared             ½ (y − η)²
    logistic            log(1 + e^η) − y η                                     two classes, or shares between 0 and 1
    poisson             e^η − y η                                              counts, y ≥ 0
    gamma               η + y e^−η                                             y > 0, log link
    tweedie             e^{(2−a) η}/(2−a) + y e^{(1−a) η}/(a−1)                 y ≥ 0, log link, power 1 < a < 2
    negative_binomial   (y + a) log(a + e^η) − y η                             y ≥ 0, log link, variance μ + μ²/a
    huber               ½ r² for |r| = |y − η| ≤ a, a |r| − ½ a² beyond         robust regression

The deviance of a row is 2 (ℓ − its least value over η), so that for squared loss it is the squared error.

A convex loss of your own is `custom(value, gradient, curvature)`; docs/custom-losses.md shows it.
"""

from dataclasses import dataclass
from functools import cached_property
from types import FunctionType

import numpy as np

from riata.class_labels import distinct, label_array, missing_labels
from riata.compiling import compiling
from riata.links import inverse_link, linear_predictor_of
from riata.loss_check import check_derivatives
from riata.validation import check_number
from riata_engine.batch import LOSS, deviances, deviances_of_each
from riata_engine.custom import compile_loss

__all__ = [
    "SQUARED",
    "CustomLoss",
    "Loss",
    "check_derivatives",
    "custom",
    "huber",
    "negative_binomial",
    "tweedie",
]

#: a Tweedie loss of power 1 + d or 2 − d has terms in 1/d, whose rounding, about 2e-16/d, its certificates bear, while its
#: coefficients are about d from those of the Poisson or gamma loss: from here on the first is far below the default tolerance
NEAREST = 1e-6
#: rows that a message names
NAMED = 5


@dataclass(frozen=True)
class Loss:
    """A loss by its name, with its parameter if it has one."""

    name: str
    parameter: float | None = None

    def __post_init__(self):
        if self.name not in LOSS:
            raise ValueError(f"loss = {self.name!r} must be one of {', '.join(map(repr, LOSS))}")
        if self.name == "tweedie" and self.parameter is not None:
            for power, limit in ((1, "poisson"), (2, "gamma")):
                if abs(self.parameter - power) < NEAREST:
                    raise ValueError(f"power = {self.parameter!r} is within {NEAREST:g} of {power}, where the rounding of the "
                                     f"Tweedie loss hides what tells solutions from those of {limit!r}: take loss={limit!r}")

    @property
    def engine(self):
        """What the engine knows of the loss."""
        return LOSS[self.name]

    @property
    def link(self):
        """"identity", "log" or "logit"."""
        return self.engine.link

    @property
    def curvature_is_bound(self):
        """Whether the curvature that steps are made with is above the second derivative somewhere."""
        return self.name == "huber"

    @property
    def settings(self):
        """Keywords of the engine's `Batch`."""
        return {"loss": self.name, "loss_parameter": self.parameter}

    def response(self, eta):
        """The mean of y at a linear predictor: its inverse link."""
        return inverse_link(self.link, eta)

    def deviance(self, y, eta, weights=None):
        """Weighted mean deviance 2 (ℓ − its least value) of rows y (n,) at linear predictors eta (n,)."""
        return float(deviances(*self.settings.values(), y, eta[:, None], weights)[0])

    def deviances(self, y, eta):
        """(n, L) deviances of rows y (n,) at linear predictors eta (n, L)."""
        return deviances_of_each(*self.settings.values(), y, eta)

    def null_deviance(self, y, weights=None):
        """Weighted mean deviance of a target y (n,), or of each of (n, B), at its mean.

        That is the best constant, but for Huber's loss.
        """
        y = np.asarray(y, float)
        columns = y.reshape(len(y), -1)
        mean = np.average(columns, axis=0, weights=weights)
        level = linear_predictor_of(self.link, mean)
        counted = columns if weights is None else columns[np.asarray(weights) > 0]
        flat = (np.ptp(counted, axis=0) == 0) | ~np.isfinite(level)           # nothing is left to explain: not even rounding
        level[flat] = 0.0
        found = np.array([self.deviance(column, np.full(len(column), eta), weights)
                          for column, eta in zip(columns.T, level, strict=True)])
        found[flat] = 0.0
        return float(found[0]) if y.ndim == 1 else found

    def outside(self, y, missed):
        """What is wrong with a target (n,) or (n, B) that the loss is not defined for where it is ``missed``."""
        bad = np.flatnonzero(missed.reshape(len(y), -1).any(axis=1))
        rows = ", ".join(map(str, bad[:NAMED])) + (f" and {len(bad) - NAMED} more" if len(bad) > NAMED else "")
        return (f"values that the {self.name} loss is not defined for, in row{'s' * (len(bad) > 1)} {rows} "
                f"(the first is {y[missed][0]:g}): it takes {_range(self.engine)}")

    def check(self, y, name="y", weights=None):
        """Refuse a target (n,) or (n, B) that the loss is not defined for, or that has nothing to tell.

        Raises
        ------
        ValueError
            Naming the first rows that are outside.
        """
        missed = self.engine.misses(y)
        if missed.any():
            raise ValueError(f"{name} has {self.outside(y, missed)}")
        if self.link == "identity":
            return
        counted = y if weights is None else y[(weights if weights.ndim == 1 else weights.any(axis=1)) > 0]
        flat = np.flatnonzero(np.atleast_1d(counted.max(axis=0) == 0))
        full = np.flatnonzero(np.atleast_1d(counted.min(axis=0) == 1)) if self.link == "logit" else flat
        for column, what in ((flat, "0"), (full, "1")):
            if len(column):
                where = "" if y.ndim == 1 else f" in column {column[0]}"
                raise ValueError(f"{name} is {what} in every row that counts{where}: the {self.name} loss has no minimum there, "
                                 "its intercept would be infinite. Give rows of both kinds")


@dataclass(frozen=True)
class CustomLoss(Loss):
    """A loss of functions that a user wrote: see `custom`. Its functions are compiled when it is first fitted."""

    functions: tuple = ()
    link_name: str = "identity"
    low: float = -np.inf
    high: float = np.inf
    closed: bool = True
    bound: bool = False

    def __post_init__(self):
        """The name may be any that is not in the tables."""

    def __getstate__(self):
        return {name: value for name, value in self.__dict__.items() if name != "engine"}

    @cached_property
    def engine(self):
        """The compiled loss."""
        functions = dict(zip(("value", "gradient", "curvature", "conjugate"), self.functions, strict=True))
        with compiling(self, "a loss", dict.fromkeys(("value", "gradient", "curvature"), "y, eta") | {"conjugate": "y, u"}):
            return compile_loss(self.name, functions, n_parameters=int(self.parameter is not None), link=self.link_name,
                                low=self.low, high=self.high, closed=self.closed)

    @property
    def link(self):
        """"identity", "log" or "logit"."""
        return self.link_name

    @property
    def curvature_is_bound(self):
        """Whether the curvature is an upper bound of the second derivative."""
        return self.bound

    @property
    def settings(self):
        """Keywords of the engine's `Batch`."""
        return {"loss": self.engine, "loss_parameter": self.parameter}


SQUARED = Loss("squared")


def huber(delta=1.35):
    """Huber's loss: quadratic for residuals up to `delta`, in the units of y, and linear beyond (Huber 1964)."""
    return Loss("huber", check_number(delta, "delta", 0.0, low_open=True, high_open=True))


def tweedie(power=1.5):
    """The compound Poisson–gamma loss of `power` in (1, 2), log link (Jørgensen 1987).

    A power within 1e-6 of 1 or 2 is refused: solutions there are those of "poisson" or "gamma" to about that distance.
    """
    return Loss("tweedie", check_number(power, "power", 1.0, 2.0, low_open=True, high_open=True))


def negative_binomial(size=1.0):
    """Counts of variance μ + μ²/size, log link; `size` above 0 is known."""
    return Loss("negative_binomial", check_number(size, "size", 0.0, low_open=True, high_open=True))


def custom(value, gradient, curvature, *, name=None, conjugate=None, parameter=None, link="identity", low=-np.inf, high=np.inf,
           closed=True, curvature_is_bound=False):
    """A convex loss of your own, for every function that has the argument `loss`.

    The functions take and return single numbers; numba compiles them, so that they may use Python's arithmetic, ``math``,
    numpy's functions of numbers, and other functions of that kind. They are checked on a grid (`check_derivatives`).

    Parameters
    ----------
    value, gradient, curvature : callable
        ``value(y, eta)`` is the loss of a target at a linear predictor, convex in eta and bounded below; the others are its first
        and second derivative with respect to eta.
    name : str, optional
        What messages and results call it. Default: the name of `value`.
    conjugate : callable, optional
        ``conjugate(y, u)``, the maximum over eta of u·eta − value(y, eta), for the duality gap. Default: found by a search in
        each row, to rounding and on the safe side: a gap is never reported too small for it. To give it makes fits up to three
        times as fast.
    parameter : float, optional
        A number that all functions take as their last argument. Losses that differ in it share what was compiled; a number that
        the functions take from where they are defined is fixed when they are compiled.
    link : {"identity", "log", "logit"}, default="identity"
        How predictions come from eta on the scale of y, and where a fit begins.
    low, high : float, optional
        Range of y. A target outside of it is refused.
    closed : bool, default=True
        Whether y may be `low` itself.
    curvature_is_bound : bool, default=False
        Whether `curvature` is an upper bound of the second derivative. Steps take it as it is, so that it may be above it where
        that is 0 (as beyond the delta of Huber's loss); solutions do not depend on it, and their certificates neither.

    Returns
    -------
    CustomLoss
        It can be pickled if its functions can, and is compiled again where it is loaded.

    Raises
    ------
    ImportError
        Without numba: ``pip install numba``.
    TypeError
        If numba cannot compile a function.
    ValueError
        If the functions contradict one another, or the loss is not convex: see `check_derivatives`.

    Notes
    -----
    Compiling takes one to three seconds. For functions that are written in a file or a notebook it is kept on disk, where numba
    keeps its files (``__pycache__``, or ``NUMBA_CACHE_DIR``), and read back in a tenth of a second as long as neither the
    functions nor anything that they refer to changes. A function typed at a plain Python prompt is compiled in every session,
    and so is one that refers to an object that is not a number, an array, a function or a module.

    A value, gradient or curvature that turns out NaN in a fit ends the path there, with the status `not_finite` and a warning
    that names the function, y and eta; if it happens to the null model, at the first alpha. A loss with a tiny curvature (1e-8,
    say, because it is measured in small units) is hard to solve: multiply it.
    """
    functions = [getattr(function, "py_func", function)                # of numba.njit
                 for function in (value, gradient, curvature, conjugate)]
    for what, function in zip(("value", "gradient", "curvature", "conjugate"), functions, strict=True):
        if not isinstance(function, FunctionType) and not (what == "conjugate" and function is None):
            raise TypeError(f"{what} = {function!r} must be a function of (y, {'u' if what == 'conjugate' else 'eta'}) written "
                            "with def or lambda, so that numba can compile it; one that calls this one will do")
    if link not in ("identity", "log", "logit"):
        raise ValueError(f"link = {link!r} must be 'identity', 'log' or 'logit'")
    name = getattr(value, "__name__", "custom").replace("<lambda>", "custom") if name is None else name
    if not isinstance(name, str) or not name or name in LOSS:
        raise ValueError(f"name = {name!r} must be a text, and not the name of a loss that riata has")
    for what, flag in (("closed", closed), ("curvature_is_bound", curvature_is_bound)):
        if not isinstance(flag, (bool, np.bool_)):
            raise TypeError(f"{what} = {flag!r} must be True or False")
    if parameter is not None:
        parameter = check_number(parameter, "parameter", -np.inf, low_open=True, high_open=True)
    low, high = (check_number(end, what, -np.inf) for end, what in ((low, "low"), (high, "high")))
    if not low < high:
        raise ValueError(f"low = {low:g} and high = {high:g}: no y lies between them")
    loss = CustomLoss(name, parameter, tuple(functions), link, low, high, bool(closed),
                      bool(curvature_is_bound))
    check_derivatives(loss)
    return loss


def check_loss(loss):
    """A `Loss` from the argument of that name."""
    if isinstance(loss, Loss):
        return loss
    if not isinstance(loss, str):
        raise TypeError(f"loss = {loss!r} must be a name, one of {', '.join(map(repr, LOSS))}, or one with a parameter such as "
                        "riata.losses.huber(delta=1.35)")
    return Loss(loss)


def classes_of(y, name="y"):
    """(codes of 0 and 1 as float64, the two classes in order) of labels.

    Raises
    ------
    ValueError
        If the labels are not of two kinds, or some are missing or cannot be compared with the others.
    """
    labels = label_array(y)
    if missing_labels(labels).any():
        raise ValueError(f"{name} has missing labels: drop these rows")
    classes, codes = distinct(labels, name)
    if len(classes) != 2:
        few = ", ".join(map(repr, classes[:NAMED].tolist())) + ("" if len(classes) <= NAMED else ", ...")
        raise ValueError(f"{name} has {len(classes)} class{'es' * (len(classes) != 1)} ({few}): the logistic loss takes two. "
                         + ("Fit rows of both classes" if len(classes) < 2 else
                            "riata.linear_model.LogisticRegression takes more"))
    return codes.astype(np.float64), classes


def encoded_target(y, loss, name="y"):
    """(y as numbers, classes or None) of a target as the caller gave it: labels of two classes become 0 and 1.

    Numbers between 0 and 1 stay as they are: classes 0 and 1, or shares.
    """
    if loss.name != "logistic":
        return y, None
    labels = label_array(y)
    if labels.dtype.kind in "fiub" and labels.ndim <= 2:
        numbers = labels.astype(np.float64)
        if np.isnan(numbers).any() or ((numbers >= 0) & (numbers <= 1)).all():
            return y if labels.dtype.kind != "b" else numbers, np.array([0, 1]) if np.isin(numbers, (0, 1)).all() else None
    if labels.ndim != 1:
        raise ValueError(f"{name} of shape {labels.shape} has labels other than 0 and 1: encode each column first")
    return classes_of(labels, name)


def target_numbers(y, loss):
    """A target for an estimator's checks: labels of two classes as 0 and 1, anything else as it is."""
    return y if y is None else encoded_target(y, check_loss(loss))[0]


def _range(loss):
    if loss.high < np.inf:
        return f"values from {loss.low:g} to {loss.high:g}" + " (or labels of two classes)" * (loss.name == "logistic")
    if loss.low == 0:
        return f"values {'of 0 or more' if loss.closed else 'above 0'}"
    return "finite values" if loss.low == -np.inf else f"values {'from' if loss.closed else 'above'} {loss.low:g}"
