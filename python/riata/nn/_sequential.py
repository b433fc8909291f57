"""Sequential: a network of layers one after the other."""

import warnings
from dataclasses import replace
from numbers import Integral

import numpy as np

from riata.validation import check_count, check_flag, check_number, check_seed
from riata_engine.nets import single_threaded_blas
from riata_engine.random import permutation

from ._build import arrange, build, check_shape, follow, label
from ._data import flat, input_of, rows_of, target_of
from ._layers import LAYERS, Layer
from ._losses import check_loss
from ._training import History, Watch, loss_by, schedule_of, stepper_of, train

#: streams of random numbers below the layers': the rows of a validation split
SPLIT = 1 << 60


class Sequential:
    """A feed-forward network: layers one after the other, trained on mini-batches.

    Parameters
    ----------
    layers : list of Layer
        The input's shape is taken from X. `Softmax()` or `Sigmoid()` at the end makes it a classifier.
    loss : 'auto', 'cross_entropy', 'kl', 'squared', 'huber' or a loss of `riata.nn`, default='auto'
        'auto': cross-entropy after Softmax or Sigmoid, squared else.
    input_shape : tuple or None, default=None
        Shape of a row, such as (8, 8, 1), where X comes as (n, 64).
    dtype : 'float32' or 'float64', default='float32'
    seed : int, default=0
        First weights, order of the rows, dropout and validation split are functions of it. The same call gives the same bits,
        whatever the number of threads: a network runs on one.

    Attributes
    ----------
    layers : list of Layer
        ``layer.trainable = False`` freezes one.
    classes_ : ndarray (K,)
        Labels of a classifier, once it is fitted.
    history_ : History
        Of all calls of `fit`.
    shapes_ : list of tuple
        [input, after layer 0, …].

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from riata.nn import Conv2D, Dense, Flatten, MaxPool2D, ReLU, Sequential, Softmax
    >>> X, y = load_digits(return_X_y=True)
    >>> layers = [Conv2D(16, padding="same"), ReLU(), MaxPool2D(), Flatten(), Dense(10), Softmax()]
    >>> net = Sequential(layers, input_shape=(8, 8, 1))
    >>> net.fit(X / 16, y, epochs=5).predict(X[:3] / 16).shape
    (3,)
    """

    def __init__(self, layers, *, loss="auto", input_shape=None, dtype="float32", seed=0):
        layers = list(layers)
        for number, layer in enumerate(layers):
            if not isinstance(layer, Layer):
                a_class = isinstance(layer, type) and issubclass(layer, Layer)
                remedy = f"{layer.__name__}()" if a_class else f"one of {', '.join(LAYERS)}"
                raise TypeError(f"layer {number} is {layer!r}: give {remedy}")
        if not layers:
            raise ValueError("layers is empty; give at least one layer, such as Dense(1)")
        if len({id(layer) for layer in layers}) < len(layers):
            raise ValueError("a layer object stands in two places; make one for each")
        if dtype not in ("float32", "float64", np.float32, np.float64):
            raise ValueError(f"dtype = {dtype!r} must be 'float32' or 'float64'")
        self.layers, self.dtype, self.seed = layers, np.dtype(dtype).name, check_seed(seed, "the weights are")
        self._last = type(layers[-1]).__name__
        self.loss = check_loss(loss, self._last)
        self.loss.op(self._last, 1)                                     # refuses a loss that does not go with the last layer
        self.input_shape = None if input_shape is None else check_shape(input_shape)
        self.history_, self._net = History(), None
        if self.input_shape is not None:
            self.build(self.input_shape)

    def build(self, input_shape):
        """Follow the shapes from the input's on, make the stages and draw the first weights; `fit` does it by itself.

        Raises
        ------
        ValueError
            If a layer cannot take what the one before it gives.
        """
        self.shapes_ = follow(self.layers, input_shape)
        self._net, self._stage_of, self._ends = build(self.layers, self.shapes_, self.loss, self.dtype, self.seed)
        arrange(self.layers, self._net)
        self.input_shape = self.shapes_[0]
        self._width = int(np.prod(self.shapes_[-1]))
        return self

    def fit(self, X, y, *, sample_weight=None, epochs=10, batch_size="auto", optimizer="adam", learning_rate=None, schedule=None,
            clip=None, shuffle=True, validation_data=None, validation_split=0.0, patience=None, min_delta=0.0, restore_best=True,
            progress=None, callback=None):
        """Train from the weights as they are: the first call from drawn ones, a second call goes on.

        Minimises the weighted mean of the loss plus the layers' penalties.

        Parameters
        ----------
        X : array-like (n, width) or (n, height, width, channels)
        y : array-like (n,) of labels, or (n, width) of numbers or of shares of classes
        sample_weight : array-like (n,), optional
        epochs : int, default=10
        batch_size : int or 'auto', default='auto'
            At most n; 'auto': min(32, n). The last mini-batch of an epoch has what is left.
        optimizer : str or one of `riata.optim`, default='adam'
            'sgd', 'momentum', 'nesterov', 'adagrad', 'rmsprop', 'adam', 'adamw', or with its numbers:
            ``riata.optim.Adam(beta1=0.8)``.
        learning_rate : float > 0, optional
            Default: 0.001 for adam and adamw, 0.01 for the others.
        schedule : None, str, one of `riata.optim` or callable, default=None
            The step size from ``learning_rate`` on: 'cosine', 'one_cycle', 'exponential', 'step', 'inverse_scaling'; a callable
            gives it for a step number.
        clip : float > 0, optional
            Largest norm of a mini-batch's gradient, over all layers that learn; longer ones are scaled down to it.
        shuffle : bool, default=True
            A new order of the rows for each epoch.
        validation_data : (X, y) or callable, optional
            Held-out rows, or ``validation_data(net)``, a loss of your own of the network after each epoch.
        validation_split : float in [0, 1), default=0.0
            Share of the rows, drawn at random, that is held out instead.
        patience : int, optional
            Stop after so many epochs in a row without a validation loss (without validation data: a training loss) lower by
            ``min_delta`` than the best.
        min_delta : float, default=0.0
        restore_best : bool, default=True
            With validation data, end with the weights of the epoch of the lowest validation loss.
        progress : None, True or callable, default=None
            A bar, or ``progress(done, total)`` in epochs.
        callback : callable, optional
            ``callback(epoch, history)`` after each epoch; True stops.

        Returns
        -------
        self
            A loss that is no longer finite ends the training with the best weights before; ``history_.message`` says so.

        Warns
        -----
        sklearn.exceptions.ConvergenceWarning
            If the training diverged.

        Raises
        ------
        ValueError
            For shapes that do not fit, NaN, a batch larger than n, a step that is not positive, labels unknown to an earlier fit,
            or where every layer with weights is frozen.
        """
        X, shape = input_of(X, self.input_shape)
        if self._net is None:
            self.build(shape)
        X = flat(X, self.dtype)
        known = getattr(self, "classes_", None)
        targets, classes = target_of(y, X.shape[0], self.loss, self._last, self._width, known)
        rows, shift = rows_of(X, targets, sample_weight)
        validation = score = None
        held_out = self._held_out(rows, targets, validation_data, validation_split, classes)
        if held_out is not None:
            rows, shift, held, held_shift, score = held_out
            validation = lambda: self._net.value(held) + held_shift  # noqa: E731
        elif callable(validation_data):
            validation = loss_by(validation_data, self, "validation_data")
        n = rows.X.shape[0]
        epochs = check_count(epochs, "epochs", 2**31 - 1)
        if isinstance(batch_size, str):
            if batch_size != "auto":
                raise ValueError(f"batch_size = {batch_size!r} must be an int of at least 1, or 'auto'")
            batch_size = min(32, n)
        elif check_count(batch_size, "batch_size", 2**31 - 1) > n:
            raise ValueError(f"batch_size = {batch_size} is larger than the {n} training rows: take at most {n}")
        if patience is not None:
            patience = check_count(patience, "patience", 2**31 - 1)
        watch = Watch(patience, check_number(min_delta, "min_delta", 0, high_open=True))
        arrange(self.layers, self._net)
        stepper = stepper_of(self._net, optimizer, learning_rate, clip)
        if not stepper.pieces:
            frozen = "all layers with weights are frozen: free one, net.freeze(0)" if self._net.params.size else \
                "no layer has weights: add one that does, such as Dense(units)"
            raise ValueError(f"nothing can learn: {frozen}")
        for name, function in (("callback", callback), ("progress", None if isinstance(progress, bool) else progress)):
            if function is not None and not callable(function):
                raise TypeError(f"{name} = {function!r} must be {'None, True or' * (name == 'progress') or 'None or'} a function")
        schedule = schedule_of(schedule, stepper.rate, epochs, -(-n // batch_size))
        if classes is not None:
            self.classes_ = classes
        train(self._net, stepper, rows, batch_size=batch_size, epochs=epochs, seed=self.seed, history=self.history_,
              shuffle=check_flag(shuffle, "shuffle"), shift=shift,
              validation=validation, score=score, watch=watch,
              restore_best=check_flag(restore_best, "restore_best") and validation is not None,
              schedule=schedule, progress=progress, callback=callback)
        if self.history_.stopped == "diverged":
            from sklearn.exceptions import ConvergenceWarning

            warnings.warn(f"Sequential: {self.history_.message}", ConvergenceWarning, stacklevel=2)
        return self

    def _held_out(self, rows, targets, data, split, classes):
        """(training rows, their constant, held-out rows, their constant, score), or None."""
        split = check_number(split, "validation_split", 0, 1, high_open=True)
        if data is None and split == 0:
            return None
        if data is not None:
            if split:
                raise ValueError("validation_data and validation_split are both given: give one of them")
            if callable(data):
                return None
            if not isinstance(data, (tuple, list)) or len(data) != 2:
                raise TypeError(f"validation_data is a {type(data).__name__}: give (X, y), or a function of the network that "
                                "returns a loss")
            X, _ = input_of(data[0], self.input_shape)
            X = flat(X, self.dtype)
            held, _ = target_of(data[1], X.shape[0], self.loss, self._last, self._width, classes)
            return (rows, *_constant(rows, targets), *self._scored(X, held))
        n = rows.X.shape[0]
        count = round(split * n)
        if not 0 < count < n:
            raise ValueError(f"validation_split = {split} of {n} rows leaves {n - count} to train and {count} to validate: "
                             "neither may be 0")
        order = permutation(n, self.seed, SPLIT)
        inside, outside = np.sort(order[count:]), np.sort(order[:count])
        weights = rows.weights
        train_rows, shift = rows_of(rows.X[inside], _some(targets, inside), None if weights is None else weights[inside])
        return (train_rows, shift,
                *self._scored(rows.X[outside], _some(targets, outside), None if weights is None else weights[outside]))

    def _scored(self, X, targets, weights=None):
        rows, shift = rows_of(X, targets, weights)
        return rows, shift, lambda: self._score(self._net.predict(X), targets, weights)

    def _score(self, predicted, targets, weights):
        """Accuracy of a classifier, R² (the mean over the outputs) of a regression."""
        if self._last == "Softmax":
            truth = targets.labels if targets.labels is not None else targets.numbers.argmax(axis=1)
            return float(np.average(predicted.argmax(axis=1) == truth, weights=weights))
        if self.loss.name == "cross_entropy":
            return float(np.average(((predicted > 0.5) == (targets.numbers > 0.5)).all(axis=1), weights=weights))
        y = targets.numbers
        spread = np.average((y - np.average(y, axis=0, weights=weights)) ** 2, axis=0, weights=weights)
        error = np.average((y - predicted) ** 2, axis=0, weights=weights)
        return float(np.mean(np.where(spread > 0, 1 - error / np.where(spread > 0, spread, 1), 0.0)))

    def _output(self, X):
        if self._net is None:
            raise ValueError("this network has no weights yet: call fit, or build(input_shape)")
        X = flat(input_of(X, self.input_shape)[0], self.dtype)
        with single_threaded_blas():
            return self._net.predict(X)

    def predict(self, X):
        """Labels of a classifier that was fitted to labels; else the output: (n,) for one, (n, width) for several."""
        out = self._output(X)
        classes = getattr(self, "classes_", None)
        if classes is None:
            return out[:, 0] if self._width == 1 else out
        return classes[(out[:, 0] > 0.5).astype(int) if self._last == "Sigmoid" else out.argmax(axis=1)]

    def predict_proba(self, X):
        """Probabilities (n, K); after one Sigmoid those of both classes.

        Raises
        ------
        ValueError
            If the network does not end with Softmax or Sigmoid.
        """
        if self._last not in ("Softmax", "Sigmoid"):
            raise ValueError(f"the last layer is {self._last}: only a network that ends with Softmax() or Sigmoid() has "
                             "probabilities")
        out = self._output(X)
        return np.hstack([1 - out, out]) if self._last == "Sigmoid" and self._width == 1 else out

    def evaluate(self, X, y, sample_weight=None):
        """{"loss": mean loss without penalties, "score": accuracy or R²}."""
        if self._net is None:
            raise ValueError("this network has no weights yet: call fit, or build(input_shape)")
        X = flat(input_of(X, self.input_shape)[0], self.dtype)
        targets, _ = target_of(y, X.shape[0], self.loss, self._last, self._width, getattr(self, "classes_", None))
        rows, shift = rows_of(X, targets, sample_weight)
        with single_threaded_blas():
            return {"loss": self._net.value(rows) + shift, "score": self._score(self._net.predict(X), targets, rows.weights)}

    def features(self, X, layer=-2):
        """The output of a layer for each row, (n, width): what a new head can be fitted to.

        Parameters
        ----------
        X : as in `fit`
        layer : int, default=-2
            Number of the layer; negative numbers count from the end. A layer whose activation follows gives the activated output.
        """
        if self._net is None:
            raise ValueError("this network has no weights yet: call fit, or build(input_shape)")
        X = flat(input_of(X, self.input_shape)[0], self.dtype)
        with single_threaded_blas():
            return self._net.features(X, self._ends[self._number(layer)])

    def _number(self, layer):
        size = len(self.layers)
        if isinstance(layer, bool) or not isinstance(layer, Integral) or not -size <= layer < size:
            raise ValueError(f"layer = {layer!r} must be an int from {-size} to {size - 1}: the network has {size} layers")
        return int(layer) % size

    @property
    def weights(self):
        """{"0.W": array, "0.b": …}: copies of the parameters, by number of layer and name."""
        if self._net is None:
            raise ValueError("this network has no weights yet: call fit, or build(input_shape)")
        return {key: view.copy() for key, view in self._views().items()}

    def _views(self):
        views = {}
        for number, stage in self._stage_of.items():
            flat_view, at = self._net.view(stage), 0
            for name, shape in zip(self.layers[number].weight_names, self.layers[number].weight_shapes(self.shapes_[number]),
                                   strict=True):
                size = int(np.prod(shape))
                views[f"{number}.{name}"] = flat_view[at : at + size].reshape(shape)
                at += size
            running = getattr(self._net.stages[stage].op, "running", None)
            if running is not None:
                views[f"{number}.running"] = running
        return views

    def set_weights(self, weights):
        """Put arrays in place of the parameters, in the form of `weights`.

        Raises
        ------
        ValueError
            If a name is missing or unknown, or a shape is another: they are of another architecture.
        """
        if self._net is None:
            raise ValueError("this network has no shapes yet: call build(input_shape) first")
        views = self._views()
        strange = sorted(set(weights) ^ set(views))
        if strange:
            raise ValueError(f"weights are of another architecture: {strange[0]!r} is "
                             f"{'unknown here' if strange[0] in weights else 'missing'}")
        for key, view in views.items():
            shape = np.shape(weights[key])
            if shape != view.shape:
                raise ValueError(f"weights are of another architecture: {key!r} has shape {shape}, and "
                                 f"{label(self.layers, int(key.split('.')[0]))} has {view.shape}")
            if not np.isfinite(weights[key]).all():
                raise ValueError(f"weights {key!r} have NaN or infinite values")
        for key, view in views.items():
            view[...] = weights[key]
        return self

    def with_head(self, layers, drop=2):
        """A new network: the last ``drop`` layers exchanged for others, the weights of the rest as here.

        The layers kept are copies, so that freezing them there does not freeze them here.
        """
        size = len(self.layers)
        if isinstance(drop, bool) or not isinstance(drop, Integral) or not 0 <= drop < size:
            raise ValueError(f"drop = {drop!r} must be an int from 0 to {size - 1}: the network has {size} layers")
        old = self.weights
        kept = [replace(layer) for layer in self.layers[: size - drop]]
        net = Sequential([*kept, *layers], input_shape=self.input_shape, dtype=self.dtype, seed=self.seed)
        net.set_weights({**net.weights, **{key: value for key, value in old.items() if int(key.split(".")[0]) < len(kept)}})
        return net

    def freeze(self, layers):
        """Freeze the first so many layers, and free the others.

        Parameters
        ----------
        layers : int
            From 0 to the number of layers. ``layer.trainable = False`` freezes any other choice.
        """
        size = len(self.layers)
        if isinstance(layers, bool) or not isinstance(layers, Integral) or not 0 <= layers <= size:
            raise ValueError(f"layers = {layers!r} must be an int from 0 to {size}, how many of the first layers to freeze: the "
                             f"network has {size}. For others set layer.trainable = False")
        for number, layer in enumerate(self.layers):
            layer.trainable = number >= layers
        return self

    def summary(self):
        """A table of the layers: output shapes and numbers of parameters."""
        if self._net is None:
            return "\n".join([f"Sequential, {len(self.layers)} layers; shapes are known after fit or build(input_shape)",
                              *(f"{number:3d}  {layer!r}" for number, layer in enumerate(self.layers))])
        width = max(len(repr(layer)) for layer in self.layers)
        lines, learning, total = [f"{'':3}  {'layer':{width}}  {'output':>16}  {'parameters':>10}"], 0, 0
        for number, layer in enumerate(self.layers):
            count = sum(int(np.prod(shape)) for shape in layer.weight_shapes(self.shapes_[number]))
            total, learning = total + count, learning + count * layer.trainable
            lines.append(f"{number:3d}  {layer!r:{width}}  {self.shapes_[number + 1]!s:>16}  {count:>10,}")
        return "\n".join([*lines, f"{total:,} parameters, {learning:,} of them trainable; {self.dtype}, loss {self.loss.name}"])

    def save(self, path):
        """Write layers and weights to one ``.npz`` file, without pickles (see `load_network`)."""
        from ._file import write

        write(self, path)

    def load_weights(self, path):
        """Take the weights of a file of the same architecture, and its labels where it has some.

        Raises
        ------
        ValueError
            If the file's layers are others: the first that differs is named.
        """
        from ._file import read_weights

        read_weights(self, path)
        return self

    def __getstate__(self):
        state = {key: value for key, value in vars(self).items() if key not in ("_net", "_stage_of", "_ends")}
        state["weights"] = None if self._net is None else self.weights
        return state

    def __setstate__(self, state):
        weights = state.pop("weights")
        vars(self).update(state)
        self._net = None
        if weights is not None:
            self.build(self.input_shape).set_weights(weights)


def _some(targets, rows):
    return type(targets)(*(None if part is None else part[rows] for part in (targets.labels, targets.numbers, targets.constant)))


def _constant(rows, targets):
    return (0.0 if targets.constant is None else float(np.average(targets.constant, weights=rows.weights)),)
