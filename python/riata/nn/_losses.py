"""Losses of a network, and its targets in the engine's form."""

from dataclasses import dataclass, field

import numpy as np
from scipy.special import entr

from riata.validation import check_number
from riata_engine.nets import NET_LOSSES, LossOp

#: how far a row of shares may be from one in sum
SLACK = 1e-6


@dataclass
class Targets:
    """Labels (n,) int32 or numbers (n, width) float64, and what of the loss does not depend on the network, a row each."""

    labels: np.ndarray | None = None
    numbers: np.ndarray | None = None
    constant: np.ndarray | None = field(default=None, repr=False)


@dataclass(frozen=True)
class CrossEntropy:
    """−Σ_k q_k log p_k, q the class of a row or shares of classes; after `Sigmoid`, −q log p − (1 − q) log(1 − p) of each output.

    Parameters
    ----------
    label_smoothing : float in [0, 1], default=0.0
        The class of a row counts 1 − s + s/K, the others s/K (Szegedy et al. 2016).
    """

    label_smoothing: float = 0.0
    name = "cross_entropy"

    def __post_init__(self):
        check_number(self.label_smoothing, "label_smoothing", 0, 1)

    def op(self, last, width):
        """The compiled loss behind the last layer, a name."""
        if last not in ("Softmax", "Sigmoid"):
            raise ValueError(f"the loss cross_entropy needs probabilities, and the last layer is {last}: end with Softmax(), or "
                             "with Sigmoid() for two classes")
        return LossOp(NET_LOSSES["softmax" if last == "Softmax" else "logistic"], width)

    def targets(self, last, labels, numbers, width):
        """`Targets` of class codes (n,), or of shares (n, width)."""
        s = self.label_smoothing
        if last == "Softmax":
            if numbers is None and s == 0:
                return Targets(labels=labels.astype(np.int32))
            if numbers is None:
                numbers = np.full((labels.size, width), s / width)
                numbers[np.arange(labels.size), labels] += 1 - s
            else:
                numbers = (1 - s) * check_shares(numbers) + s / width
            return Targets(numbers=numbers)
        if numbers is None:
            numbers = labels.astype(float)[:, None]
        if not ((numbers >= 0) & (numbers <= 1)).all():
            row = int(np.argmin(((numbers >= 0) & (numbers <= 1)).all(axis=1)))
            raise ValueError(f"y has a number outside [0, 1] in row {row}: after Sigmoid(), give labels or probabilities")
        return Targets(numbers=(1 - s) * numbers + s / 2)


@dataclass(frozen=True)
class KLDivergence:
    """T²·Σ_k q_k log(q_k / p_k), with p the softmax at temperature T: distillation (Hinton, Vinyals and Dean 2015).

    Parameters
    ----------
    temperature : float > 0, default=1.0
        Of the network's softmax while it learns; y has the shares q, those of the teacher at the same temperature.
    """

    temperature: float = 1.0
    name = "kl"

    def __post_init__(self):
        check_number(self.temperature, "temperature", 0, low_open=True, high_open=True)

    def op(self, last, width):
        """The compiled loss behind the last layer, a name."""
        if last != "Softmax":
            raise ValueError(f"the loss kl compares shares of classes, and the last layer is {last}: end with Softmax()")
        return LossOp(NET_LOSSES["softmax"], width, 1.0, float(self.temperature))

    def targets(self, last, labels, numbers, width):
        """`Targets` of shares (n, width)."""
        if numbers is None:
            raise ValueError(f"the loss kl needs shares of the classes: y of shape (n, {width}), rows that sum to one")
        shares = check_shares(numbers)
        return Targets(numbers=shares, constant=-self.temperature**2 * entr(shares).sum(axis=1))


@dataclass(frozen=True)
class Squared:
    """½ Σ (y − ŷ)² over the outputs."""

    name = "squared"

    def op(self, last, width):
        """The compiled loss behind the last layer, a name."""
        _refuse_softmax(self.name, last)
        return LossOp(NET_LOSSES["squared"], width)

    def targets(self, last, labels, numbers, width):
        """`Targets` of numbers (n, width)."""
        return Targets(numbers=numbers)


@dataclass(frozen=True)
class Huber:
    """Σ over the outputs of ½ r² for |r| ≤ delta and delta·|r| − ½ delta² beyond, r = y − ŷ (Huber 1964).

    Parameters
    ----------
    delta : float > 0, default=1.0
    """

    delta: float = 1.0
    name = "huber"

    def __post_init__(self):
        check_number(self.delta, "delta", 0, low_open=True, high_open=True)

    def op(self, last, width):
        """The compiled loss behind the last layer, a name."""
        _refuse_softmax(self.name, last)
        return LossOp(NET_LOSSES["huber"], width, float(self.delta))

    targets = Squared.targets


LOSSES = {loss.name: loss for loss in (CrossEntropy, KLDivergence, Squared, Huber)}


def _refuse_softmax(name, last):
    if last == "Softmax":
        raise ValueError(f"the loss {name} compares numbers, and the last layer is Softmax: leave it out, or use cross_entropy")


def check_shares(numbers):
    """Rows of shares of classes: nonnegative, of sum one."""
    bad = (numbers < 0).any(axis=1) | (np.abs(numbers.sum(axis=1) - 1) > SLACK)
    if bad.any():
        row = int(np.argmax(bad))
        raise ValueError(f"row {row} of y holds {numbers[row].min():.6g} at least and sums to {numbers[row].sum():.6g}: shares "
                         "of classes are 0 or more and sum to one")
    return numbers


def check_loss(loss, last):
    """A loss by its name or as it is; "auto" goes by the last layer, a name."""
    if isinstance(loss, tuple(LOSSES.values())):
        return loss
    if loss == "auto":
        return CrossEntropy() if last in ("Softmax", "Sigmoid") else Squared()
    if not isinstance(loss, str) or loss not in LOSSES:
        raise ValueError(f"loss = {loss!r} must be 'auto', one of {', '.join(map(repr, LOSSES))}, or a loss of riata.nn")
    return LOSSES[loss]()
