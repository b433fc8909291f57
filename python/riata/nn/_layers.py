"""Layers: what the user writes down. A layer knows its shapes and makes its compiled stage; parameters are the network's."""

from dataclasses import dataclass, fields
from numbers import Integral

import numpy as np

from riata.validation import check_count, check_flag, check_number
from riata_engine.nets import ACTIVATIONS, ActivationOp, ConvOp, DenseOp, DropoutOp, NormOp, PoolOp

LARGEST = 2**31 - 1             # of a size that BLAS counts in C ints
LARGEST_WINDOW = 2**16 - 1      # places under a window, which the engine numbers in 16 bits


class Layer:
    """What the layers share.

    Attributes
    ----------
    trainable : bool
        False keeps its parameters as they are, and of a BatchNorm its running mean and variance.
    """

    weight_names = ()
    fuses = False                # whether its stage can take an activation in

    def __repr__(self):
        shown = [f"{field.name}={getattr(self, field.name)!r}" for field in fields(self)
                 if getattr(self, field.name) != field.default]
        return f"{type(self).__name__}({', '.join(shown)})"

    def config(self):
        """What JSON needs to make it again."""
        return {"layer": type(self).__name__, **{field.name: getattr(self, field.name) for field in fields(self)}}

    def shape_out(self, shape):
        """The shape of an output row for that of an input row; `Misfit` if it cannot take it."""
        return shape

    def make(self, shape, activation, seed, number):
        """The compiled stage, or None where there is nothing to do."""
        return None

    def weight_shapes(self, shape):
        """Shapes of its parameters, in the order of ``weight_names``."""
        return ()

    def penalised(self, shape):
        """How many of its parameters, from the first on, l1 and l2 act on."""
        return 0

    def draw(self, shape, uniform, activation):
        """Its first parameters, flat; ``uniform(n)`` gives numbers in [0, 1)."""
        return np.empty(0)


class Misfit(ValueError):
    """Why a layer cannot take its input; the network adds the names."""


def _pair(value, name, low=1):
    values = tuple(value) if isinstance(value, tuple | list) else (value, value)
    if len(values) != 2 or any(isinstance(v, bool) or not isinstance(v, Integral) or v < low for v in values):
        raise ValueError(f"{name} = {value!r} must be an int from {low} up, or two: (height, width)")
    return tuple(int(v) for v in values)


def _sliding(shape, kernel, strides, padding):
    """(h, w, c, kh, kw, sh, sw, top, left, oh, ow) of a window that slides over images."""
    if len(shape) != 3:
        raise Misfit("images, (height, width, channels)")
    if kernel[0] * kernel[1] > LARGEST_WINDOW:
        raise Misfit(f"a window of at most {LARGEST_WINDOW} places")
    out, before = [], []
    for size, k, s in zip(shape[:2], kernel, strides, strict=True):
        if padding == "same":
            steps = -(-size // s)
            before.append(max((steps - 1) * s + k - size, 0) // 2)
        else:
            pad = 0 if padding == "valid" else padding
            steps = (size + 2 * pad - k) // s + 1
            before.append(pad)
            if k > size + 2 * pad:
                raise Misfit(f"images of at least {max(kernel[0] - 2 * pad, 1)} × {max(kernel[1] - 2 * pad, 1)}")
        out.append(steps)
    return (*shape, *kernel, *strides, *before, *out)


def _check_padding(padding, kernel):
    if padding in ("valid", "same") and isinstance(padding, str):
        return padding
    if isinstance(padding, bool) or not isinstance(padding, Integral) or padding < 0:
        raise ValueError(f"padding = {padding!r} must be 'valid', 'same' or an int from 0 up")
    if padding >= min(kernel):
        raise ValueError(f"padding = {padding} must be below the size of the window, {kernel}, or it would see the border only")
    return int(padding)


def _check_activation(activation):
    if activation is not None and activation not in ACTIVATIONS:
        raise ValueError(f"activation = {activation!r} must be None or one of {', '.join(map(repr, ACTIVATIONS))}")
    return None if activation == "linear" else activation


def _spread(uniform, n, fan_in, fan_out, activation):
    """He et al. (2015) before a relu, Glorot and Bengio (2010) else."""
    bound = np.sqrt(6 / fan_in) if activation == "relu" else np.sqrt(6 / (fan_in + fan_out))
    return bound * (2 * uniform(n) - 1)


class _Weighted(Layer):
    """W and b, with penalties on W."""

    weight_names = ("W", "b")
    fuses = True

    def _check(self):
        self.activation = _check_activation(self.activation)
        self.l1, self.l2 = check_number(self.l1, "l1", 0, high_open=True), check_number(self.l2, "l2", 0, high_open=True)
        self.trainable = check_flag(self.trainable, "trainable")

    def penalised(self, shape):
        return int(np.prod(self.weight_shapes(shape)[0]))

    def draw(self, shape, uniform, activation):
        W, b = self.weight_shapes(shape)
        places = int(np.prod(W[:-2], dtype=int))
        return np.r_[_spread(uniform, int(np.prod(W)), places * W[-2], places * W[-1], activation), np.zeros(b)]


@dataclass(repr=False, eq=False)
class Dense(_Weighted):
    """Every output sees every input: out = f(x W + b).

    Parameters
    ----------
    units : int
    activation : None, 'relu', 'tanh' or 'sigmoid', default=None
        The same as a layer of that name behind it.
    l1, l2 : float, default=0.0
        Penalty l1·‖W‖₁ + ½ l2·‖W‖² added to the mean loss; l1 by a proximal step, so that weights become 0.
    trainable : bool, default=True
    """

    units: int
    activation: str | None = None
    l1: float = 0.0
    l2: float = 0.0
    trainable: bool = True

    def __post_init__(self):
        self.units = check_count(self.units, "units", LARGEST)
        self._check()

    def shape_out(self, shape):
        if len(shape) != 1:
            raise Misfit("rows of numbers, (width,); put Flatten() between them")
        return (self.units,)

    def make(self, shape, activation, seed, number):
        return DenseOp(shape[0], self.units, activation)

    def weight_shapes(self, shape):
        return (shape[0], self.units), (self.units,)


@dataclass(repr=False, eq=False)
class Conv2D(_Weighted):
    """Two-dimensional convolution (cross-correlation, as everywhere) of images (height, width, channels).

    Parameters
    ----------
    filters : int
    kernel_size, strides : int or (int, int)
    padding : 'valid', 'same' or int, default='valid'
        'same': ⌈size / stride⌉ places, with zeros around, the odd one below and to the right.
    activation, l1, l2, trainable
        As in `Dense`. W is (height, width, channels, filters).
    """

    filters: int
    kernel_size: int | tuple = 3
    strides: int | tuple = 1
    padding: int | str = "valid"
    activation: str | None = None
    l1: float = 0.0
    l2: float = 0.0
    trainable: bool = True

    def __post_init__(self):
        self.filters = check_count(self.filters, "filters", LARGEST)
        self.kernel_size, self.strides = _pair(self.kernel_size, "kernel_size"), _pair(self.strides, "strides")
        self.padding = _check_padding(self.padding, self.kernel_size)
        self._check()

    def _window(self, shape):
        return _sliding(shape, self.kernel_size, self.strides, self.padding)

    def shape_out(self, shape):
        return (*self._window(shape)[-2:], self.filters)

    def make(self, shape, activation, seed, number):
        return ConvOp(self._window(shape), self.filters, activation)

    def weight_shapes(self, shape):
        return (*self.kernel_size, shape[2], self.filters), (self.filters,)


class _Pool(Layer):
    """A window that slides over images, each channel for itself."""

    mean = False

    def __post_init__(self):
        self.pool_size = _pair(self.pool_size, "pool_size")
        self.strides = self.pool_size if self.strides is None else _pair(self.strides, "strides")
        self.padding = _check_padding(self.padding, self.pool_size)
        self.trainable = check_flag(self.trainable, "trainable")

    def _window(self, shape):
        return _sliding(shape, self.pool_size, self.strides, self.padding)

    def shape_out(self, shape):
        return (*self._window(shape)[-2:], shape[2])

    def make(self, shape, activation, seed, number):
        return PoolOp(self._window(shape), self.mean)


@dataclass(repr=False, eq=False)
class MaxPool2D(_Pool):
    """The largest number under a window.

    Parameters
    ----------
    pool_size : int or (int, int), default=2
    strides : None, int or (int, int), default=None
        None: as large as the window.
    padding : 'valid', 'same' or int, default='valid'
        Places beyond the border do not count.
    """

    pool_size: int | tuple = 2
    strides: int | tuple | None = None
    padding: int | str = "valid"
    trainable: bool = True


@dataclass(repr=False, eq=False)
class AvgPool2D(_Pool):
    """The mean of the numbers under a window; parameters as of `MaxPool2D`."""

    pool_size: int | tuple = 2
    strides: int | tuple | None = None
    padding: int | str = "valid"
    trainable: bool = True
    mean = True


@dataclass(repr=False, eq=False)
class Flatten(Layer):
    """Images as rows of numbers: height, then width, then channels."""

    trainable: bool = True

    def shape_out(self, shape):
        return (int(np.prod(shape)),)


class _Activation(Layer):
    """An activation; taken in by the layer before it where that has none."""

    activation = ""

    def make(self, shape, activation, seed, number):
        return ActivationOp(int(np.prod(shape)), ACTIVATIONS.index(self.activation))


@dataclass(repr=False, eq=False)
class ReLU(_Activation):
    """max(x, 0)"""

    trainable: bool = True
    activation = "relu"


@dataclass(repr=False, eq=False)
class Tanh(_Activation):
    """The hyperbolic tangent."""

    trainable: bool = True
    activation = "tanh"


@dataclass(repr=False, eq=False)
class Sigmoid(_Activation):
    """1 / (1 + e^−x). As the last layer: two classes, or several labels that do not exclude each other."""

    trainable: bool = True
    activation = "sigmoid"


@dataclass(repr=False, eq=False)
class Softmax(Layer):
    """e^x_k / Σ e^x: the last layer of a network for classes."""

    trainable: bool = True

    def shape_out(self, shape):
        if len(shape) != 1:
            raise Misfit("rows of numbers, (classes,); put Flatten() and Dense(classes) between them")
        return shape


@dataclass(repr=False, eq=False)
class Dropout(Layer):
    """Numbers are 0 with probability ``rate`` while the network learns, and the others larger by 1 / (1 − rate).

    Parameters
    ----------
    rate : float in [0, 1)

    Notes
    -----
    Srivastava et al. (2014), "Dropout: a simple way to prevent neural networks from overfitting". The mask of a step is a
    function of the network's seed, the layer and the step.
    """

    rate: float = 0.5
    trainable: bool = True

    def __post_init__(self):
        self.rate = check_number(self.rate, "rate", 0, 1, high_open=True)

    def make(self, shape, activation, seed, number):
        return DropoutOp(int(np.prod(shape)), self.rate, seed, number)


@dataclass(repr=False, eq=False)
class BatchNorm(Layer):
    """Each channel (of images) or each number (of rows) with mean 0 and variance 1 over the mini-batch, then a scale and a shift.

    Parameters
    ----------
    momentum : float in (0, 1], default=0.1
        Share of a new mini-batch in the running mean and variance, which predictions and frozen layers take (torch's momentum).
    epsilon : float > 0, default=1e-5
        Added to the variance.
    trainable : bool, default=True

    Notes
    -----
    Ioffe and Szegedy (2015), "Batch normalization".
    """

    momentum: float = 0.1
    epsilon: float = 1e-5
    trainable: bool = True
    weight_names = ("scale", "shift")
    fuses = True

    def __post_init__(self):
        self.momentum = check_number(self.momentum, "momentum", 0, 1, low_open=True)
        self.epsilon = check_number(self.epsilon, "epsilon", 0, low_open=True, high_open=True)

    def make(self, shape, activation, seed, number):
        return NormOp(int(np.prod(shape[:-1], dtype=int)), shape[-1], self.momentum, self.epsilon, activation)

    def weight_shapes(self, shape):
        return (shape[-1],), (shape[-1],)

    def draw(self, shape, uniform, activation):
        return np.r_[np.ones(shape[-1]), np.zeros(shape[-1])]


LAYERS = {layer.__name__: layer for layer in (Dense, Conv2D, MaxPool2D, AvgPool2D, Flatten, ReLU, Tanh, Sigmoid, Softmax, Dropout,
                                              BatchNorm)}
