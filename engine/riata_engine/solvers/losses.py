"""The losses that a batch may have, and what is asked of a target of each."""

from dataclasses import dataclass

import numpy as np

from riata_engine.cpu.loss_rows import LOSSES, deviances_of_cells, deviances_of_rows

#: inverse links by the codes of ``level_of_mean`` (formulas/losses.py)
LINKS = ("identity", "log", "logit")
#: accuracy of the model without penalised features
NULL_TOL = 1e-12


@dataclass(frozen=True)
class Loss:
    """A loss by its name; ``code`` is its place in the compiled tables, ``parameter`` what its number means, if it has one."""

    name: str
    code: int
    link: str
    parameter: str | None = None
    default: float | None = None
    low: float = -np.inf             # the target lies above this, or at it if ``closed``
    high: float = np.inf
    closed: bool = True

    def misses(self, Y):
        """Where a target is outside the range of the loss: boolean, like Y."""
        inside = (self.low <= Y if self.closed else self.low < Y) & (self.high >= Y)
        return ~(inside & np.isfinite(Y))

    @property
    def codes(self):
        """(code, that of the link), as compiled loops take them."""
        return self.code, LINKS.index(self.link)

    def number(self, given):
        """The parameter as compiled loops take it, where ``given`` is what a batch says of it."""
        parameter = self.default if given is None else given
        return 0.0 if parameter is None else float(parameter)


def _table():
    rows = {"squared": {"link": "identity"}, "logistic": {"link": "logit", "low": 0.0, "high": 1.0},
            "poisson": {"link": "log", "low": 0.0},
            "gamma": {"link": "log", "low": 0.0, "closed": False},
            "tweedie": {"link": "log", "low": 0.0, "parameter": "power", "default": 1.5},
            "negative_binomial": {"link": "log", "low": 0.0, "parameter": "size", "default": 1.0},
            "huber": {"link": "identity", "parameter": "delta", "default": 1.35}}
    return {name: Loss(name, code, **rows[name]) for code, name in enumerate(LOSSES)}


class _Losses(dict):
    """The losses by name; a `Loss` that is in no table stands for itself."""

    def __missing__(self, loss):
        if isinstance(loss, Loss):
            return loss
        raise KeyError(loss)


#: the losses by name
LOSS = _Losses(_table())


def deviances(name, parameter, y, eta, weights=None):
    """(L,) mean deviances 2 (ℓ − its least value) of rows y (n,) at linear predictors eta (n, L); ``weights`` (n,) or None.

    ``name`` is that of a loss, or a `Loss`.
    """
    loss = LOSS[name]
    if name == "squared":
        return np.average((y[:, None] - eta) ** 2, axis=0, weights=weights)
    w = np.full(len(y), 1.0 / len(y)) if weights is None else np.asarray(weights, float) / np.sum(weights)
    out = np.empty(eta.shape[1])
    deviances_of_rows(loss.code, loss.number(parameter), np.ascontiguousarray(y, dtype=float),
                      np.ascontiguousarray(eta.T, dtype=float), w, out)
    return out


def deviances_of_each(name, parameter, y, eta):
    """(n, L) deviances 2 (ℓ − its least value) of rows y (n,) at linear predictors eta (n, L)."""
    loss = LOSS[name]
    if name == "squared":
        return (y[:, None] - eta) ** 2
    out = np.empty(eta.shape)
    deviances_of_cells(loss.code, loss.number(parameter), np.ascontiguousarray(y, dtype=float),
                       np.ascontiguousarray(eta, dtype=float), out)
    return out
