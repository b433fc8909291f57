"""SGDClassifier: linear classification by stochastic and mini-batch gradient descent."""

import numpy as np
from sklearn.linear_model._base import LinearClassifierMixin, SparseCoefMixin
from sklearn.model_selection import StratifiedShuffleSplit
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import unique_labels
from sklearn.utils.validation import column_or_1d, validate_data

from riata.links import log_shared_out, log_shares_of_two, shared_out

from ._base import _FLOATS, checked_weights
from ._classes import check_labels
from ._probabilities import Probabilities
from ._sgd import StochasticLinear, coded
from ._sgd_regressor import starting_point

LOSSES = ("hinge", "log_loss", "modified_huber", "squared_hinge", "perceptron", "squared_error", "huber", "epsilon_insensitive",
          "squared_epsilon_insensitive")
REGRESSIONS = ("squared_error", "huber", "epsilon_insensitive", "squared_epsilon_insensitive")


class SGDClassifier(LinearClassifierMixin, SparseCoefMixin, Probabilities, StochasticLinear):
    """Linear classification by gradient descent on mini-batches.

    Minimises over b0 and b, of more than two classes for each against the rest, in one batch::

        Σ_i w_i ℓ(y_i, b0 + x_iᵀb) / Σ_i w_i  +  alpha · ( l1_ratio·‖b‖₁ + (1 − l1_ratio)/2 · ‖b‖₂² )

    with y = ±1, ``sample_weight`` times ``class_weight`` for w: the objective of ``sklearn.linear_model.SGDClassifier``, with
    true mini-batches, other optimisers, a history and a certificate. The penalty is taken by its proximal step.

    Parameters
    ----------
    loss : str, default='hinge'
        'hinge', 'log_loss', 'modified_huber', 'squared_hinge', 'perceptron', or a loss of `SGDRegressor`, for targets ±1.
    penalty, alpha, l1_ratio, fit_intercept, max_iter, tol, shuffle, verbose, epsilon, random_state, eta0, power_t,
    early_stopping, \
validation_fraction, n_iter_no_change, warm_start, average, batch_size, optimizer, dropout
        As in `SGDRegressor`; rows of validation are stratified.
    n_jobs : int or None, default=None
        Threads for batches of more than 64 classes; None for all that may be used.
    learning_rate : str, default='optimal'
        As in `SGDRegressor`; 'pa1' and 'pa2' go with loss 'hinge'.
    class_weight : dict or 'balanced', default=None
        Weights of the classes. Of more than two, the rest has a weight of one, as in scikit-learn.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    coef_ : ndarray of shape (1, n_features) for two classes, else (n_classes, n_features)
    intercept_ : ndarray of shape (1,) or (n_classes,)
    n_iter_ : int
        Epochs, the most of a class.
    t_ : float
        1 + steps.
    history_ : riata.optim.History
        Of more than two classes arrays (n_classes, n_iter_).
    gap_ : float or ndarray of shape (n_classes,)
        Duality gap of the objective above over that of the intercept alone. For 'hinge', 'epsilon_insensitive' and 'perceptron'
        an upper bound that does not go to zero.
    n_features_in_, feature_names_in_
        As in scikit-learn.

    Notes
    -----
    Only ratios of weights count in ``fit``; in ``partial_fit`` they are factors on the gradient, as in scikit-learn. Early
    stopping goes by the loss on the rows of validation, not by the score. Only 'log_loss' and 'modified_huber' have
    probabilities; of more than two classes those of each against the rest, brought to a sum of one.

    References
    ----------
    Bottou (2012), Stochastic gradient descent tricks. Zadrozny and Elkan (2002), Transforming classifier scores into accurate
    multiclass probability estimates, for the probabilities of 'modified_huber'.
    """

    def __init__(self, loss="hinge", *, penalty="l2", alpha=0.0001, l1_ratio=0.15, fit_intercept=True, max_iter=1000, tol=1e-3,
                 shuffle=True, verbose=0, epsilon=0.1, n_jobs=None, random_state=None, learning_rate="optimal", eta0=0.01,
                 power_t=0.5, early_stopping=False, validation_fraction=0.1, n_iter_no_change=5, class_weight=None,
                 warm_start=False, average=False, batch_size=1, optimizer="sgd", dropout=0.0):
        self._keep(locals())

    def _has_probabilities(self):
        if self.loss in ("log_loss", "modified_huber"):
            return True
        raise AttributeError(f"probability estimates are not available for loss={self.loss!r}: use 'log_loss' or "
                             "'modified_huber'")

    def _probabilities(self, eta):
        return super()._probabilities(eta) if self.loss == "log_loss" else shared_out((np.clip(eta, -1, 1) + 1) / 2)

    def _log_probabilities(self, eta):
        if self.loss == "log_loss":
            return log_shares_of_two(eta) if eta.ndim == 1 else log_shared_out(eta)
        with np.errstate(divide="ignore"):
            return np.log(self._probabilities(eta))

    def fit(self, X, y, coef_init=None, intercept_init=None, sample_weight=None):
        """Fit the model.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
            Labels of two classes or more.
        coef_init : array-like of the shape of ``coef_``, default=None
        intercept_init : array-like of the shape of ``intercept_``, default=None
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a parameter, X, y or sample_weight cannot be used; labels of one class only.
        """
        self._check_sgd(LOSSES)
        known = (self.coef_, self.intercept_, self.classes_) if self.warm_start and hasattr(self, "coef_") else None
        X, y, weights = self._checked(X, y, sample_weight)
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"SGDClassifier needs rows of at least 2 classes, but the data has one class: "
                             f"{self.classes_.tolist()[0]!r}. "
                             "The number of classes has to be greater than one; got 1 class")
        before = known if known is not None and np.array_equal(known[2], self.classes_) else (None, None)
        held = None
        if self.early_stopping and not callable(self.early_stopping):
            split = StratifiedShuffleSplit(test_size=self.validation_fraction, random_state=self.random_state)
            held = np.sort(next(split.split(np.zeros(len(codes)), codes))[1]).astype(np.int32)
        problems = 1 if len(self.classes_) == 2 else len(self.classes_)
        start = starting_point((coef_init, intercept_init), before[:2], problems, X.shape[1])
        self._state = None
        return self._learn(X, y, codes, weights, held, start)

    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """One epoch of mini-batches over these rows, from where the last call ended; step sizes and optimiser go on too.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        classes : array-like of shape (n_classes,), default=None
            All classes that there will be; needed in the first call.
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        self
        """
        self._check_sgd(LOSSES, partial=True)
        if isinstance(self.class_weight, str):
            raise ValueError("class_weight='balanced' is not supported for partial_fit, which does not see all rows: give a "
                             "dict, from sklearn.utils.class_weight.compute_class_weight")
        first = not hasattr(self, "classes_")
        if first and classes is None:
            raise ValueError("classes must be passed on the first call to partial_fit.")
        if classes is not None:
            labels = unique_labels(classes)
            if not first and not np.array_equal(labels, self.classes_):
                raise ValueError(f"classes={classes!r} is not the same as on last call to partial_fit, was: {self.classes_!r}")
        X, y, weights = self._checked(X, y, sample_weight, reset=first)
        if first:
            self.classes_ = labels
        unknown = np.setdiff1d(y, self.classes_)
        if len(unknown):
            raise ValueError(f"y has labels that are not in classes: {unknown[:5].tolist()}")
        return self._learn(X, y, np.searchsorted(self.classes_, y), weights, partial=True)

    def _checked(self, X, y, sample_weight, reset=True):
        X, y = validate_data(self, X, y, accept_sparse="csr", dtype=_FLOATS, order="C", reset=reset)
        y = column_or_1d(y)
        check_labels(y)
        return X, y, checked_weights(sample_weight, X.shape[0])

    def _learn(self, X, y, codes, weights, held=None, start=None, partial=False):
        K = len(self.classes_)
        Y = coded(codes, K, "hinge" if self.loss in REGRESSIONS else self.loss)
        if self.class_weight is not None:
            of_class = compute_class_weight(self.class_weight, classes=self.classes_, y=y)
            if not (np.isfinite(of_class) & (of_class >= 0)).all() or not of_class.any():
                wrong = int(np.argmin(np.isfinite(of_class) & (of_class > 0)))
                raise ValueError(f"class_weight = {self.class_weight!r} gives class {self.classes_.tolist()[wrong]!r} the weight "
                                 f"{of_class[wrong]:g}: weights must be finite, 0 or more, and not all 0")
            rest = 1.0 if weights is None else weights
            if K == 2:
                weights = of_class[codes] * rest
            else:                                             # a class against the rest, which weighs one
                weights = np.where(codes == np.arange(K)[:, None], of_class[:, None], 1.0) * rest
        answers = self._run(self._problem(X, Y, weights, held, start, partial))
        self.coef_, self.intercept_ = self._keep_answers(answers, X.dtype, K == 2)
        return self
