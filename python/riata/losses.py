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
"""

from dataclasses import dataclass

import numpy as np

from riata.class_labels import missing_labels
from riata.links import inverse_link
from riata.validation import check_number
from riata_engine.batch import LOSS, deviances, deviances_of_each

__all__ = ["SQUARED", "Loss", "huber", "negative_binomial", "tweedie"]

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

    @property
    def link(self):
        """"identity", "log" or "logit"."""
        return LOSS[self.name].link

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
        with np.errstate(divide="ignore"):
            level = {"identity": lambda m: m, "log": np.log, "logit": lambda m: np.log(m) - np.log1p(-m)}[self.link](mean)
        ends = ~np.isfinite(level)                     # every row at one end of the range: nothing is left to explain
        level[ends] = 0.0
        found = np.array([self.deviance(column, np.full(len(column), eta), weights)
                          for column, eta in zip(columns.T, level, strict=True)])
        found[ends] = 0.0
        return float(found[0]) if y.ndim == 1 else found

    def outside(self, y, missed):
        """What is wrong with a target (n,) or (n, B) that the loss is not defined for where it is ``missed``."""
        bad = np.flatnonzero(missed.reshape(len(y), -1).any(axis=1))
        rows = ", ".join(map(str, bad[:NAMED])) + (f" and {len(bad) - NAMED} more" if len(bad) > NAMED else "")
        return (f"values that the {self.name} loss is not defined for, in row{'s' * (len(bad) > 1)} {rows} "
                f"(the first is {y[missed][0]:g}): it takes {_range(LOSS[self.name])}")

    def check(self, y, name="y", weights=None):
        """Refuse a target (n,) or (n, B) that the loss is not defined for, or that has nothing to tell.

        Raises
        ------
        ValueError
            Naming the first rows that are outside.
        """
        missed = LOSS[self.name].misses(y)
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


SQUARED = Loss("squared")


def huber(delta=1.35):
    """Huber's loss: quadratic for residuals up to `delta`, in the units of y, and linear beyond (Huber 1964)."""
    return Loss("huber", check_number(delta, "delta", 0.0, low_open=True, high_open=True))


def tweedie(power=1.5):
    """The compound Poisson–gamma loss of `power` in (1, 2), log link (Jørgensen 1987)."""
    return Loss("tweedie", check_number(power, "power", 1.0, 2.0, low_open=True, high_open=True))


def negative_binomial(size=1.0):
    """Counts of variance μ + μ²/size, log link; `size` above 0 is known."""
    return Loss("negative_binomial", check_number(size, "size", 0.0, low_open=True, high_open=True))


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
        If the labels are not of two kinds, or some are missing.
    """
    labels = np.asarray(y)
    if missing_labels(labels).any():
        raise ValueError(f"{name} has missing labels: drop these rows")
    classes, codes = np.unique(labels, return_inverse=True)
    if len(classes) != 2:
        few = ", ".join(map(repr, classes[:NAMED].tolist())) + ("" if len(classes) <= NAMED else ", ...")
        raise ValueError(f"{name} has {len(classes)} class{'es' * (len(classes) != 1)} ({few}): the logistic loss takes two. "
                         + ("Fit rows of both classes" if len(classes) < 2 else
                            "riata.linear_model.LogisticRegression takes more"))
    return codes.reshape(labels.shape).astype(np.float64), classes


def encoded_target(y, loss, name="y"):
    """(y as numbers, classes or None) of a target as the caller gave it: labels of two classes become 0 and 1.

    Numbers between 0 and 1 stay as they are: classes 0 and 1, or shares.
    """
    if loss.name != "logistic":
        return y, None
    labels = np.asarray(y)
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
        return f"values from {loss.low:g} to {loss.high:g} (or labels of two classes)"
    return "finite values" if loss.low == -np.inf else f"values {'of 0 or more' if loss.closed else 'above 0'}"
