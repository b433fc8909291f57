"""What both multi-layer perceptrons share: the network behind the coefficients, and its training."""

import warnings
from itertools import pairwise
from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from riata.linear_model._parameters import InvalidParameterError
from riata.nn._training import History, Watch, loss_by, train
from riata_engine.nets import ACTIVATIONS, NET_LOSSES, DenseOp, DropoutOp, LossOp, Net, Rows, Stage, Stepper, single_threaded_blas

ROOM = 2**31 - 1


def _number(low, high=np.inf, low_open=False, high_open=True):
    def test(value):
        if isinstance(value, bool | np.bool_) or not isinstance(value, Real):
            return False
        return (value > low if low_open else value >= low) and (value < high if high_open else value <= high)
    return test


def _count(value):
    return isinstance(value, Integral) and not isinstance(value, bool | np.bool_) and 1 <= value <= ROOM


def _flag(value):
    return isinstance(value, bool | np.bool_)


def _one_of(*names):
    return lambda value: isinstance(value, str) and value in names


#: parameter -> (test, what is allowed)
_RULES = {
    "activation": (_one_of("identity", "logistic", "tanh", "relu"), "'identity', 'logistic', 'tanh' or 'relu'"),
    "solver": (_one_of("lbfgs", "sgd", "adam"), "'lbfgs', 'sgd' or 'adam'"),
    "loss": (_one_of("squared_error", "poisson"), "'squared_error' or 'poisson'"),
    "alpha": (_number(0), "a finite number >= 0"),
    "l1": (_number(0), "a finite number >= 0"),
    "dropout": (_number(0, 1), "a number in [0, 1)"),
    "batch_size": (lambda v: _count(v) or (isinstance(v, str) and v == "auto"), "'auto' or an int >= 1"),
    "learning_rate": (_one_of("constant", "invscaling", "adaptive"), "'constant', 'invscaling' or 'adaptive'"),
    "learning_rate_init": (_number(0, low_open=True), "a finite number > 0"),
    "power_t": (_number(0), "a finite number >= 0"),
    "max_iter": (_count, "an int >= 1"),
    "shuffle": (_flag, "True or False"),
    "tol": (_number(0), "a finite number >= 0"),
    "warm_start": (_flag, "True or False"),
    "momentum": (_number(0, 1), "a number in [0, 1)"),
    "nesterovs_momentum": (_flag, "True or False"),
    "early_stopping": (lambda v: _flag(v) or callable(v), "True, False or a function of the estimator that returns a loss"),
    "validation_fraction": (_number(0, 1), "a number in [0, 1)"),
    "beta_1": (_number(0, 1), "a number in [0, 1)"),
    "beta_2": (_number(0, 1), "a number in [0, 1)"),
    "epsilon": (_number(0, low_open=True), "a finite number > 0"),
    "n_iter_no_change": (lambda v: _count(v) or (isinstance(v, float) and v == np.inf), "an int >= 1 or np.inf"),
    "max_fun": (_count, "an int >= 1"),
}
_OF_THE_ENGINE = {"identity": "linear", "logistic": "sigmoid", "tanh": "tanh", "relu": "relu"}
_LOSS = {"softmax": "softmax", "logistic": "logistic", "identity": "squared", "exp": "poisson"}


class _Adaptive(Watch):
    """scikit-learn's rule: stop after more than n_iter_no_change epochs not better by tol; 'adaptive' divides the step first."""

    def __init__(self, model, stepper):
        super().__init__(model.n_iter_no_change, model.tol)
        self.model, self.stepper = model, stepper

    def over(self, value):
        late = value > self.best - self.min_delta
        self.waited = self.waited + 1 if late else 0
        self.best = min(self.best, value)
        model = self.model
        model.t_ += model._rows_seen
        if model.solver == "sgd" and model.learning_rate == "invscaling":
            self.stepper.rate = model.learning_rate_init / (model.t_ + 1) ** model.power_t
        if self.waited <= self.patience:
            return False
        if model.solver == "sgd" and model.learning_rate == "adaptive" and self.stepper.rate > 1e-6:
            self.stepper.rate /= 5
            self.waited = 0
            return False
        return True


class Perceptron(BaseEstimator):
    """A network of dense layers; ``coefs_`` and ``intercepts_`` are views of its parameters."""

    def _check_parameters(self):
        for name, (allowed, what) in _RULES.items():
            if hasattr(self, name) and not allowed(getattr(self, name)):
                raise InvalidParameterError(f"The {name!r} parameter of {type(self).__name__} must be {what}. "
                                            f"Got {getattr(self, name)!r} instead.")
        sizes = self.hidden_layer_sizes
        sizes = list(sizes) if hasattr(sizes, "__iter__") else [sizes]
        if not all(map(_count, sizes)):
            raise InvalidParameterError(f"hidden_layer_sizes must be ints > 0, got {self.hidden_layer_sizes!r}.")
        self._hidden = [int(size) for size in sizes]
        if self.solver == "lbfgs" and (self.dropout > 0 or self.l1 > 0):
            given = " and ".join(f"{name} = {value}" for name, value in (("dropout", self.dropout), ("l1", self.l1)) if value > 0)
            raise ValueError(f"solver='lbfgs' does not take {given}, which leaves it no smooth objective: use 'adam' or 'sgd'")
        if self.solver == "lbfgs" and callable(self.early_stopping):
            raise ValueError("early_stopping is a function, and solver='lbfgs' has no epochs after which to call it: use 'adam' "
                             "or 'sgd'")

    def _fit(self, X, y, sample_weight, incremental):
        self._check_parameters()
        first = not hasattr(self, "coefs_") or (not self.warm_start and not incremental)
        X, y = validate_data(self, X, y, accept_sparse=["csr", "csc"], multi_output=True, y_numeric=self._numeric,
                             dtype=(np.float64, np.float32), reset=first)
        X = np.ascontiguousarray(X.toarray() if hasattr(X, "toarray") else X)
        numbers, out_activation = self._targets(y, incremental)
        weights = None
        if sample_weight is not None:
            weights = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
            if not weights.any():
                raise ValueError("sample_weight is 0 for every row: give at least one row a positive weight")
        random = check_random_state(self.random_state)
        self.n_outputs_ = numbers.shape[1]
        self._units = [X.shape[1], *self._hidden, self.n_outputs_]
        if first:
            self.out_activation_, self.n_layers_ = out_activation, len(self._units)
            self.coefs_, self.intercepts_ = self._drawn(random, X.dtype)
            self.n_iter_ = self.t_ = 0
            vars(self).pop("_stepper", None)
            vars(self).pop("_moments", None)
            self._history = History()
        elif [W.shape for W in self.coefs_] != list(pairwise(self._units)):
            raise ValueError(f"hidden_layer_sizes = {self.hidden_layer_sizes!r} or the number of outputs is not that of the last "
                             f"fit, {[W.shape for W in self.coefs_]}: set warm_start=False")
        seed = int(random.randint(2**31 - 1))
        self._assemble(X.dtype, seed)
        rows = self._rows(X, numbers, weights)
        if self.solver == "lbfgs":
            self._minimise(rows)
        else:
            self._descend(rows, random, seed, incremental, y)
        return self

    def _drawn(self, random, dtype):
        """First weights, drawn as scikit-learn draws them."""
        coefs, intercepts = [], []
        for fan_in, fan_out in pairwise(self._units):
            bound = np.sqrt((2.0 if self.activation == "logistic" else 6.0) / (fan_in + fan_out))
            coefs.append(random.uniform(-bound, bound, (fan_in, fan_out)).astype(dtype, copy=False))
            intercepts.append(random.uniform(-bound, bound, fan_out).astype(dtype, copy=False))
        return coefs, intercepts

    def _assemble(self, dtype, seed=0):
        """Make the engine's network of ``coefs_`` and ``intercepts_``, which become views of its parameters."""
        old, units = (self.coefs_, self.intercepts_), [self.coefs_[0].shape[0], *(W.shape[1] for W in self.coefs_)]
        code, stages, dense = ACTIVATIONS.index(_OF_THE_ENGINE[self.activation]), [], []
        for number, (fan_in, fan_out) in enumerate(pairwise(units)):
            hidden = number < len(units) - 2
            dense.append(len(stages))
            stages.append(Stage(DenseOp(fan_in, fan_out, code if hidden else 0), number, fan_in * fan_out, True, float(self.l1),
                                float(self.alpha)))
            if hidden and self.dropout > 0:
                stages.append(Stage(DropoutOp(fan_out, float(self.dropout), seed, number), number))
        self._net = Net(stages, LossOp(NET_LOSSES[_LOSS[self.out_activation_]], units[-1]), dtype)
        self.coefs_, self.intercepts_ = [], []
        for number, stage in enumerate(dense):
            view = self._net.view(stage)
            W = view[: units[number] * units[number + 1]].reshape(units[number], units[number + 1])
            b = view[units[number] * units[number + 1] :]
            W[...], b[...] = old[0][number], old[1][number]
            self.coefs_.append(W)
            self.intercepts_.append(b)

    def _rows(self, X, numbers, weights):
        weights = None if weights is None else np.ascontiguousarray(weights)
        if self.out_activation_ == "softmax":
            return Rows(X, labels=numbers.argmax(axis=1).astype(np.int32), weights=weights)
        return Rows(X, targets=np.ascontiguousarray(numbers, np.float64), weights=weights)

    def _minimise(self, rows):
        """L-BFGS-B on the loss and gradient of all rows at once."""
        from scipy.optimize import minimize

        net, ridge = self._net, 1.0 / (rows.X.shape[0] if rows.weights is None else rows.weights.sum())

        def loss_and_gradient(parameters):
            net.params[:] = parameters
            return net.value_and_gradient(rows, ridge)

        with single_threaded_blas():
            result = minimize(loss_and_gradient, net.params.astype(np.float64), jac=True, method="L-BFGS-B",
                              options={"maxfun": self.max_fun, "maxiter": self.max_iter, "gtol": self.tol})
        net.params[:] = result.x
        self.n_iter_, self.loss_ = int(result.nit), float(result.fun)
        if result.status != 0:
            warnings.warn(f"lbfgs did not converge after {result.nit} iterations: {result.message}. Raise max_iter = "
                          f"{self.max_iter} or scale the columns of X.", ConvergenceWarning, stacklevel=4)

    def _descend(self, rows, random, seed, incremental, y):
        """Mini-batches by adam or sgd."""
        net = self._net
        stepper = self._resumed(incremental)
        validation = score = watched = None
        if self.early_stopping and incremental:
            raise ValueError("partial_fit does not support early_stopping=True")
        if callable(self.early_stopping):
            validation = loss_by(self.early_stopping, self, "early_stopping")
        elif self.early_stopping:
            rows, held, truth = self._held_out(rows, random, y)
            validation, watched = (lambda: net.value(held)), (lambda history: -history.validation_score[-1])
            score = lambda: self._held_out_score(net.predict(held.X), truth, held.weights)  # noqa: E731
        n = rows.X.shape[0]
        size = min(200, n) if self.batch_size == "auto" else self.batch_size
        if size > n:
            warnings.warn(f"Got `batch_size` = {size} larger than sample size {n}. It is going to be clipped", stacklevel=4)
        history = self._history if incremental or self.warm_start else History()
        watch, self._rows_seen = _Adaptive(self, stepper), n
        begun = len(history.loss)
        train(net, stepper, rows, batch_size=min(size, n), epochs=1 if incremental else self.max_iter, seed=seed, history=history,
              shuffle=self.shuffle, validation=validation, score=score, watched=watched, watch=watch,
              restore_best=bool(self.early_stopping), per_row=True, progress=bool(self.verbose))
        if history.stopped == "diverged":
            warnings.warn(f"{type(self).__name__}: {history.message}", ConvergenceWarning, stacklevel=4)
        self._history, self._stepper = history, stepper
        self.loss_curve_ = list(history.loss)
        self.loss_ = history.loss[-1] if history.loss else np.inf
        self.n_iter_ = max(1, len(history.loss) - begun)
        self.validation_scores_ = list(history.validation_score) or None
        self.validation_curve_ = list(history.validation_loss) if self.early_stopping else None
        self.best_validation_score_ = max(history.validation_score) if history.validation_score else None
        self.best_loss_ = None if self.early_stopping else min(history.loss, default=np.inf)
        if history.stopped == "epochs" and not incremental:
            warnings.warn(f"Stochastic Optimizer: Maximum iterations ({self.max_iter}) reached and the optimization hasn't "
                          "converged yet.", ConvergenceWarning, stacklevel=4)

    def _resumed(self, incremental):
        """The optimiser; for a further call of partial_fit with the state of the last."""
        if self.solver == "adam":
            stepper = Stepper(self._net, "adam", self.learning_rate_init, self.beta_1, self.beta_2, self.epsilon,
                              late_eps=True)
        else:
            name = "sgd" if self.momentum == 0 else "nesterov" if self.nesterovs_momentum else "momentum"
            stepper = Stepper(self._net, name, self.learning_rate_init, self.momentum)
        if incremental and hasattr(self, "_moments"):
            stepper.velocity, stepper.squares, stepper.t, stepper.rate = self._moments
        elif incremental and hasattr(self, "_stepper"):
            old = self._stepper
            stepper.velocity, stepper.squares, stepper.t, stepper.rate = old.velocity, old.squares, old.t, old.rate
        vars(self).pop("_moments", None)
        stepper.arrange()
        return stepper

    def _held_out(self, rows, random, y):
        """Rows for training and for validation, and the truth of the latter."""
        from sklearn.model_selection import train_test_split

        stratify = y if self._stratifies(y) else None
        inside, outside = train_test_split(np.arange(rows.X.shape[0]), random_state=random, test_size=self.validation_fraction,
                                           stratify=stratify)
        if outside.size < 2:
            raise ValueError("The validation set is too small. Increase 'validation_fraction' or the size of your dataset.")
        parts = [Rows(*(None if array is None else np.ascontiguousarray(array[index])
                        for array in (rows.X, rows.labels, rows.targets, rows.weights))) for index in (inside, outside)]
        return *parts, np.asarray(y)[outside]

    def _output(self, X):
        check_is_fitted(self)
        X = validate_data(self, X, accept_sparse=["csr", "csc"], dtype=(np.float64, np.float32), reset=False)
        X = np.ascontiguousarray(X.toarray() if hasattr(X, "toarray") else X, self.coefs_[0].dtype)
        if not hasattr(self, "_net"):
            self._assemble(self.coefs_[0].dtype)
        with single_threaded_blas():
            return self._net.predict(X).astype(self.coefs_[0].dtype, copy=False)

    def __getstate__(self):
        state = super().__getstate__()
        state = dict(state)
        state.pop("_net", None)                          # compiled stages; made again from the coefficients
        stepper = state.pop("_stepper", None)
        if stepper is not None:
            state["_moments"] = (stepper.velocity, stepper.squares, stepper.t, stepper.rate)
        for name in ("coefs_", "intercepts_"):
            if name in state:
                state[name] = [array.copy() for array in state[name]]
        return state

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
