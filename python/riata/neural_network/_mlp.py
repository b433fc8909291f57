"""MLPClassifier and MLPRegressor with scikit-learn's parameters and attributes, on the engine's networks."""

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.metrics import accuracy_score, r2_score
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import _check_partial_fit_first_call, type_of_target, unique_labels
from sklearn.utils.validation import check_is_fitted, column_or_1d

from ._perceptron import Perceptron

_PARAMETERS = """hidden_layer_sizes : int or list of int, default=(100,)
    activation : {'identity', 'logistic', 'tanh', 'relu'}, default='relu'
    solver : {'adam', 'sgd', 'lbfgs'}, default='adam'
        'lbfgs' is scipy's L-BFGS-B on the compiled loss and gradient of all rows.
    alpha : float, default=0.0001
        alpha/2 · ‖W‖² divided by the weight of a mini-batch is added to its mean loss, as scikit-learn does.
    batch_size : int or 'auto', default='auto'
        'auto': min(200, n_samples).
    learning_rate : {'constant', 'invscaling', 'adaptive'}, default='constant'
        Of 'sgd'.
    learning_rate_init : float, default=0.001
    power_t : float, default=0.5
    max_iter : int, default=200
        Epochs, or iterations of 'lbfgs'.
    shuffle : bool, default=True
    random_state : int, RandomState or None, default=None
        The first weights are those that scikit-learn draws; the order of the rows and dropout are functions of it too.
    tol : float, default=1e-4
    verbose : bool, default=False
        Show a bar of progress.
    warm_start : bool, default=False
    momentum : float in [0, 1), default=0.9
    nesterovs_momentum : bool, default=True
    early_stopping : bool or callable, default=False
        Hold out ``validation_fraction`` and stop by its score; or stop by ``early_stopping(estimator)``, a loss of your own after
        each epoch, and hold nothing out.
    validation_fraction : float in [0, 1), default=0.1
    beta_1, beta_2, epsilon : float, default=0.9, 0.999, 1e-8
        Of 'adam'; epsilon is added to the root of the squares before they are corrected for their start at zero, as
        scikit-learn does (`riata.optim.Adam`, as torch, after).
    n_iter_no_change : int or inf, default=10
    max_fun : int, default=15000
        Of 'lbfgs'.
    dropout : float in [0, 1), default=0.0
        Rate of dropout after each hidden layer; not with 'lbfgs'.
    l1 : float, default=0.0
        l1·‖W‖₁ is added to the mean loss by proximal steps, which make weights 0; not with 'lbfgs'."""

_ATTRIBUTES = """coefs_, intercepts_ : list of ndarray
        (n_inputs, n_outputs) and (n_outputs,) of each layer.
    loss_, best_loss_ : float
    loss_curve_ : list of float
    validation_scores_ : list of float or None
        After each epoch, where ``early_stopping=True``.
    validation_curve_ : list of float or None
        The loss on the held-out rows, or that of the function, after each epoch.
    best_validation_score_ : float or None
    n_iter_, t_, n_layers_, n_outputs_ : int
    out_activation_ : str
    n_features_in_, feature_names_in_
        As everywhere in scikit-learn."""


def _steps(model):
    if model.solver == "lbfgs":
        raise AttributeError("partial_fit is only available for stochastic optimizers. lbfgs is not stochastic.")
    return True


class MLPClassifier(ClassifierMixin, Perceptron):
    __doc__ = f"""Multi-layer perceptron for classes: the cross-entropy of a network of dense layers.

    Parameters
    ----------
    {_PARAMETERS}

    Attributes
    ----------
    classes_ : ndarray (K,)
    {_ATTRIBUTES}

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from riata.neural_network import MLPClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> MLPClassifier(32, dropout=0.1, early_stopping=True, random_state=0).fit(X / 16, y).predict(X[:1] / 16)
    array([0])
    """
    _numeric = False

    def __init__(self, hidden_layer_sizes=(100,), activation="relu", *, solver="adam", alpha=0.0001, batch_size="auto",
                 learning_rate="constant", learning_rate_init=0.001, power_t=0.5, max_iter=200, shuffle=True, random_state=None,
                 tol=1e-4, verbose=False, warm_start=False, momentum=0.9, nesterovs_momentum=True, early_stopping=False,
                 validation_fraction=0.1, beta_1=0.9, beta_2=0.999, epsilon=1e-8, n_iter_no_change=10, max_fun=15000, dropout=0.0,
                 l1=0.0):
        vars(self).update(locals())
        del self.self

    def fit(self, X, y, sample_weight=None):
        """Fit the network.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Sparse X is made dense.
        y : array-like of shape (n_samples,), or (n_samples, n_labels) of 0 and 1
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a parameter, X, y or sample_weight cannot be used.
        """
        return self._fit(X, y, sample_weight, incremental=False)

    @available_if(_steps)
    def partial_fit(self, X, y, sample_weight=None, classes=None):
        """One epoch over the given rows, from the weights and the optimiser's state as they are.

        Parameters
        ----------
        X, y, sample_weight
            As in `fit`.
        classes : array of shape (n_classes,), default=None
            All classes; needed in the first call.

        Returns
        -------
        self
        """
        if _check_partial_fit_first_call(self, classes):
            self._label_binarizer = LabelBinarizer().fit(y if type_of_target(y).startswith("multilabel") else classes)
        return self._fit(X, y, sample_weight, incremental=True)

    def _targets(self, y, incremental):
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        if not hasattr(self, "classes_") or (not self.warm_start and not incremental):
            self._label_binarizer = LabelBinarizer().fit(y)
            self.classes_ = self._label_binarizer.classes_
        else:
            seen = unique_labels(y)
            if self.warm_start and set(seen) != set(self.classes_):
                raise ValueError("warm_start can only be used where `y` has the same classes as in the previous call to fit. "
                                 f"Previously got {self.classes_}, `y` has {seen}")
            if len(np.setdiff1d(seen, self.classes_, assume_unique=True)):
                raise ValueError(f"`y` has classes not in `self.classes_`. `self.classes_` has {self.classes_}. 'y' has {seen}.")
        numbers = self._label_binarizer.transform(y).astype(np.float64)
        return numbers, "softmax" if self._label_binarizer.y_type_ == "multiclass" else "logistic"

    def _stratifies(self, y):
        return self.out_activation_ == "softmax" or self.n_outputs_ == 1

    def _labels(self, output):
        return self._label_binarizer.inverse_transform(output.ravel() if self.n_outputs_ == 1 else output)

    def _held_out_score(self, output, truth, weights):
        return float(accuracy_score(truth, self._labels(output), sample_weight=weights))

    def predict(self, X):
        """Classes of the rows of X, (n_samples,), or labels (n_samples, n_labels)."""
        check_is_fitted(self)
        return self._labels(self._output(X))

    def predict_proba(self, X):
        """Probabilities of the classes, (n_samples, n_classes)."""
        out = self._output(X)
        return np.column_stack([1 - out[:, 0], out[:, 0]]) if self.n_outputs_ == 1 else out

    def predict_log_proba(self, X):
        """Logarithms of `predict_proba`."""
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


class MLPRegressor(RegressorMixin, Perceptron):
    __doc__ = f"""Multi-layer perceptron for numbers: squared or Poisson loss of a network of dense layers.

    The squared loss of a row is ½ Σ (y − ŷ)² over its outputs.

    Parameters
    ----------
    loss : {{'squared_error', 'poisson'}}, default='squared_error'
    {_PARAMETERS}

    Attributes
    ----------
    {_ATTRIBUTES}
    """
    _numeric = True

    def __init__(self, loss="squared_error", hidden_layer_sizes=(100,), activation="relu", *, solver="adam", alpha=0.0001,
                 batch_size="auto", learning_rate="constant", learning_rate_init=0.001, power_t=0.5, max_iter=200, shuffle=True,
                 random_state=None, tol=1e-4, verbose=False, warm_start=False, momentum=0.9, nesterovs_momentum=True,
                 early_stopping=False, validation_fraction=0.1, beta_1=0.9, beta_2=0.999, epsilon=1e-8, n_iter_no_change=10,
                 max_fun=15000, dropout=0.0, l1=0.0):
        vars(self).update(locals())
        del self.self

    def fit(self, X, y, sample_weight=None):
        """Fit the network.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Sparse X is made dense.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a parameter, X, y or sample_weight cannot be used.
        """
        return self._fit(X, y, sample_weight, incremental=False)

    @available_if(_steps)
    def partial_fit(self, X, y, sample_weight=None):
        """One epoch over the given rows, from the weights and the optimiser's state as they are.

        Parameters
        ----------
        X, y, sample_weight
            As in `fit`.

        Returns
        -------
        self
        """
        return self._fit(X, y, sample_weight, incremental=True)

    def _targets(self, y, incremental):
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        numbers = y.reshape(len(y), -1).astype(np.float64)
        if self.loss == "poisson" and (numbers < 0).any():
            row = int(np.argmax((numbers < 0).any(axis=1)))
            raise ValueError(f"y is negative in row {row}: loss='poisson' takes y >= 0")
        return numbers, "exp" if self.loss == "poisson" else "identity"

    def _stratifies(self, y):
        return False

    def _held_out_score(self, output, truth, weights):
        return float(r2_score(truth, output.ravel() if self.n_outputs_ == 1 else output, sample_weight=weights))

    def predict(self, X):
        """The mean of y at the rows of X, (n_samples,) or (n_samples, n_outputs)."""
        out = self._output(X)
        return out.ravel() if out.shape[1] == 1 else out
