"""Epochs of mini-batches: each step is a gradient of a whole mini-batch and one sweep over the parameters."""

from math import sqrt

import numpy as np

from riata_engine.cpu.network import add_penalty, clip_norm
from riata_engine.cpu.steps import OPTIMISERS, STATE, step

#: step sizes where none is given: those of torch.optim, and 0.01 where it has none
RATES = {"sgd": 0.01, "momentum": 0.01, "nesterov": 0.01, "adagrad": 0.01, "rmsprop": 0.01, "adam": 1e-3, "adamw": 1e-3}


class Stepper:
    """An optimiser (formulas/steps.py) with its state for the parameters of one network.

    Parameters
    ----------
    net : Net
    name : a key of ``RATES``
    rate : float or None
    beta1, beta2, eps, decay : float
        Momentum or the mean of gradients; the mean of squares; what is added to their root; the weight decay of "adamw".
    late_eps : bool
        Add eps to the root of the squares as they are, not as corrected for their start at zero: scikit-learn's adam.
    clip : float
        Largest norm of the mean gradient of the loss with its l2 penalties, over all that learns; 0: any.
    """

    def __init__(self, net, name="adam", rate=None, beta1=0.9, beta2=0.999, eps=1e-8, decay=0.0, clip=0.0, late_eps=False):
        self.net, self.name, self.code = net, name, OPTIMISERS.index(name)
        self.rate = RATES[name] if rate is None else rate
        self.settings, self.clip, self.late_eps = (beta1, beta2, eps, decay), clip, late_eps
        velocity, squares = STATE[name]
        self.velocity = np.zeros_like(net.params) if velocity else None
        self.squares = np.zeros_like(net.params) if squares else None
        self.t = 0
        self.arrange()

    def arrange(self):
        """Views of what learns; to be done again after a layer has been frozen or freed."""
        net = self.net
        self.pieces = [(net.params[a:b], net.grad[a:b], None if self.velocity is None else self.velocity[a:b],
                        None if self.squares is None else self.squares[a:b], l1) for a, b, l1 in net.slices()]
        self.ridges = [(net.grad[a:b], net.params[a:b], l2) for a, b, _, l2 in net.penalised() if l2]

    def clear(self):
        """Forget the past: no velocity, no squares."""
        for array in (self.velocity, self.squares):
            if array is not None:
                array[:] = 0
        self.t = 0

    def advance(self, ridge=1.0):
        """Take the step that ``net.grad`` asks for; returns the penalty ½ l2‖W‖² at its start. ``ridge`` multiplies every l2."""
        penalty = 0.0
        for grad, params, l2 in self.ridges:
            penalty += add_penalty(grad, params, ridge * l2)
        if self.clip:
            clip_norm(self.net.grad, self.clip)
        self.t += 1
        beta1, beta2, eps, decay = self.settings
        if self.late_eps:                               # v / (√s + eps) is √c2 times less than v / (√(s/c2) + eps/√c2)
            eps /= sqrt(1 - beta2**self.t)
        for params, grad, velocity, squares, l1 in self.pieces:
            step(self.code, params, grad, velocity, squares, self.t, self.rate, beta1, beta2, eps, decay, l1)
        return penalty


def epoch(stepper, rows, batch_size, order=None, schedule=None, per_row=False):
    """One pass over the rows in mini-batches.

    Parameters
    ----------
    stepper : Stepper
    rows : Rows
    batch_size : int
    order : (n,) intp or None
    schedule : callable or None
        Step size at step number t = 0, 1, …; None keeps ``stepper.rate``.
    per_row : bool
        Divide the l2 penalty by the weight of a mini-batch, as scikit-learn does.

    Returns
    -------
    float
        Weighted mean of loss and l2 penalty over the mini-batches, each at the parameters it met.
    """
    net = stepper.net
    n = rows.X.shape[0] if order is None else order.size
    net.reserve(min(batch_size, n))
    net.take(rows, order)
    network = net.network
    total = weight = 0.0
    for start in range(0, n, batch_size):
        value = network.gradient(start, min(start + batch_size, n))
        here = network.weight
        if here <= 0:
            continue                                    # rows of weight 0 only: nothing to learn from
        if schedule is not None:
            stepper.rate = schedule(stepper.t)
        total += value + here * stepper.advance(1 / here if per_row else 1.0)
        weight += here
    return total / weight if weight else 0.0


