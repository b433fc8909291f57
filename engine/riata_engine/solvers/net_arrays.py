"""A network's memory: all parameters in one flat array, all gradients in another, and room for a mini-batch."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from riata_engine.cpu.net_loss import LossOp
from riata_engine.cpu.net_op import Op
from riata_engine.cpu.network import Network, add_penalty

#: rows that are predicted at a time; a constant, so that a prediction has the same bits whatever the mini-batch was
ROWS = 256


@dataclass
class Stage:
    """A compiled stage, the layer it comes from, and how its parameters are treated.

    op : Op
    layer : int
        Number of the layer.
    weights : int
        How many of its parameters, from the first on, are penalised.
    trainable : bool
    l1, l2 : float
        Of l1·‖W‖₁ + ½ l2·‖W‖².
    """

    op: Op
    layer: int
    weights: int = 0
    trainable: bool = True
    l1: float = 0.0
    l2: float = 0.0

    @property
    def learns(self):
        """Whether there is something to learn."""
        return self.trainable and self.op.size > 0


@dataclass
class Rows:
    """Data for a network.

    X : (n, width), C-ordered, in the network's type
    labels : (n,) int32, classes of a softmax, or
    targets : (n, width of the output) float64
    weights : (n,) float64, or None
    """

    X: np.ndarray
    labels: np.ndarray | None = None
    targets: np.ndarray | None = None
    weights: np.ndarray | None = None


class Net:
    """Stages, their parameters and their arrays.

    Parameters
    ----------
    stages : list of Stage
    loss : LossOp
    dtype : float32 or float64
    """

    def __init__(self, stages, loss: LossOp, dtype):
        self.stages, self.loss, self.dtype = stages, loss, np.dtype(dtype)
        ends = np.cumsum([0] + [stage.op.size for stage in stages]).tolist()
        self.ends = list(pairwise(ends))
        self.params = np.zeros(ends[-1], self.dtype)
        self.grad = np.zeros_like(self.params)
        self.capacity = 0
        self.reserve(1)

    def reserve(self, capacity):
        """Room for mini-batches of so many rows."""
        if capacity > self.capacity:
            self.capacity = capacity
            self.bind()

    def bind(self):
        """Give every stage its arrays; to be done again after a stage has been frozen or freed."""
        learning = [number for number, stage in enumerate(self.stages) if stage.learns]
        lowest = learning[0] if learning else len(self.stages)
        self.grad[:] = 0                                    # what is frozen keeps none that counts in a norm
        widths = [self.stages[0].op.width_in] + [stage.op.width_out for stage in self.stages]
        self.outputs = [np.empty((self.capacity, width), self.dtype) for width in widths]
        # the gradient of an output is needed until the stage below has its own: two arrays take turns
        room = [np.empty(self.capacity * max(widths), self.dtype) for _ in range(2)]
        slopes = [room[i % 2][: self.capacity * width].reshape(self.capacity, width) for i, width in enumerate(widths)]
        for i, (stage, (start, end)) in enumerate(zip(self.stages, self.ends, strict=True)):
            stage.op.bind(self.outputs[i], self.outputs[i + 1], slopes[i] if i > lowest else None, slopes[i + 1],
                          self.params[start:end] if end > start else None, self.grad[start:end] if stage.learns else None)
        self.loss.bind(self.outputs[-1], slopes[-1])
        self.network = Network([stage.op for stage in self.stages], self.loss, self.outputs[0], lowest)

    def view(self, number):
        """The parameters of a stage, a view of ``params``."""
        start, end = self.ends[number]
        return self.params[start:end]

    def running(self):
        """Running means and variances of the stages that keep some."""
        return [stage.op.running for stage in self.stages if hasattr(stage.op, "running")]

    def state(self):
        """A copy of all that training changes."""
        return [self.params.copy(), *[array.copy() for array in self.running()]]

    def restore(self, state):
        """Put a ``state()`` back."""
        for array, kept in zip([self.params, *self.running()], state, strict=True):
            array[...] = kept

    def is_finite(self):
        """Whether every parameter is a number."""
        return bool(np.isfinite(self.params).all())

    def penalised(self):
        """(start, end, l1, l2) of the weights that learn under a penalty."""
        return [(start, start + stage.weights, stage.l1, stage.l2)
                for stage, (start, _) in zip(self.stages, self.ends, strict=True) if stage.learns and (stage.l1 or stage.l2)]

    def slices(self):
        """(start, end, l1) of what learns, in as few pieces as there are different l1."""
        pieces = []
        for stage, (start, end) in zip(self.stages, self.ends, strict=True):
            if stage.learns:
                cut = start + stage.weights if stage.l1 else start
                for a, b, l1 in ((start, cut, stage.l1), (cut, end, 0.0)):
                    if pieces and pieces[-1][1] == a and pieces[-1][2] == l1:
                        pieces[-1] = (pieces[-1][0], b, l1)
                    elif b > a:
                        pieces.append((a, b, l1))
        return pieces

    def penalty(self):
        """Σ l1·‖W‖₁ + ½ l2·‖W‖² at the parameters as they are."""
        total = 0.0
        for start, end, l1, l2 in self.penalised():
            W = self.params[start:end].astype(np.float64)
            total += l1 * float(np.abs(W).sum()) + 0.5 * l2 * float(W @ W)
        return total

    def predict(self, X):
        """(n, width) float64: probabilities, or the output itself."""
        out = np.empty((X.shape[0], self.loss.width))
        for start, stop in self.pieces(Rows(X)):
            self.network.mean(start, stop, out[start:stop])
        return out

    def features(self, X, stages):
        """(n, width) the output of the first so many stages; 0 gives X back."""
        out = np.empty((X.shape[0], self.outputs[stages].shape[1]), self.dtype)
        for start, stop in self.pieces(Rows(X)):
            self.network.forward(start, stop)
            out[start:stop] = self.outputs[stages][: stop - start]
        return out

    def value(self, rows):
        """Weighted mean of the loss over all rows, without the penalty."""
        total = weight = 0.0
        for start, stop in self.pieces(rows):
            total += self.network.value(start, stop)
            weight += self.network.weight
        return total / weight

    def value_and_gradient(self, rows, ridge=1.0):
        """The mean loss with ridge·½ l2‖W‖², and its gradient (size,) float64: one pass over all rows."""
        total = weight = 0.0
        gradient = np.zeros_like(self.params, dtype=np.float64)
        for start, stop in self.pieces(rows):
            total += self.network.gradient(start, stop)
            gradient += self.network.weight * self.grad
            weight += self.network.weight
        gradient /= weight
        value = total / weight
        for start, end, _, l2 in self.penalised():
            value += add_penalty(gradient[start:end], self.params[start:end].astype(np.float64), ridge * l2)
        return value, gradient

    def pieces(self, rows):
        """(start, stop) of all rows, ``ROWS`` at a time, once the network has been given them."""
        n = rows.X.shape[0]
        self.reserve(min(ROWS, max(1, n)))
        self.take(rows)
        for start in range(0, n, ROWS):
            yield start, min(start + ROWS, n)

    def take(self, rows, order=None):
        """Learn or predict from these rows from now on, in an order or as they are."""
        self.network.take(rows.X, order)
        if rows.labels is not None or rows.targets is not None:
            self.loss.take(rows.labels, rows.targets, rows.weights)
