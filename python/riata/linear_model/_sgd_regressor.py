"""SGDRegressor: linear regression by stochastic and mini-batch gradient descent."""

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.model_selection import ShuffleSplit
from sklearn.utils.validation import column_or_1d, validate_data

from ._base import _FLOATS, check_converted, checked_weights
from ._sgd import StochasticLinear

LOSSES = ("squared_error", "huber", "epsilon_insensitive", "squared_epsilon_insensitive")


class SGDRegressor(RegressorMixin, StochasticLinear):
    """Linear regression by gradient descent on mini-batches.

    Minimises over b0 and b::

        Σ_i w_i ℓ(y_i, b0 + x_iᵀb) / Σ_i w_i  +  alpha · ( l1_ratio·‖b‖₁ + (1 − l1_ratio)/2 · ‖b‖₂² )

    the objective of ``sklearn.linear_model.SGDRegressor``, with true mini-batches, other optimisers, a history and a
    certificate. The penalty is taken by its proximal step.

    Parameters
    ----------
    loss : {'squared_error', 'huber', 'epsilon_insensitive', 'squared_epsilon_insensitive'}, default='squared_error'
        Half the squared error; ``epsilon`` is where Huber's loss becomes linear, or the half width of the tube.
    penalty : {'l2', 'l1', 'elasticnet', None}, default='l2'
    alpha : float, default=0.0001
    l1_ratio : float, default=0.15
        For 'elasticnet'.
    fit_intercept : bool, default=True
    max_iter : int, default=1000
        Epochs.
    tol : float or None, default=1e-3
        Stop after ``n_iter_no_change`` epochs in which the objective (``early_stopping``: the validation loss) was not below the
        best by this. None: never.
    shuffle : bool, default=True
    verbose : int, default=0
        No-op.
    epsilon : float, default=0.1
    random_state : int, RandomState instance or None, default=None
    learning_rate : str, default='invscaling'
        'constant' (eta0), 'optimal' (1 / (alpha·(t0 + t)), Bottou's), 'invscaling' (eta0 / t^power_t), 'adaptive' (eta0, divided
        by 5 where it would stop), 'pa1' and 'pa2' (passive-aggressive, eta0 their C; loss 'epsilon_insensitive'), 'cosine' and
        'one_cycle' (over max_iter epochs), 'auto' (from the smoothness of the loss). t counts steps.
    eta0 : float, default=0.01
    power_t : float, default=0.25
    early_stopping : bool or callable, default=False
        Hold ``validation_fraction`` of the rows out and return the coefficients with the least loss there; or go by
        ``early_stopping(estimator)``, a loss of your own of a copy of the estimator after each epoch, and hold nothing out.
    validation_fraction : float, default=0.1
    n_iter_no_change : int, default=5
    warm_start : bool, default=False
    average : bool or int, default=False
        Return the mean of the iterates, from the first or from this many samples on.
    batch_size : int or None, default=1
        Rows of a step; None: all. No more than there are.
    optimizer : str or one of riata.optim's classes, default='sgd'
        'sgd', 'momentum', 'nesterov', 'adagrad', 'rmsprop', 'adam', 'adamw', 'sag', 'saga', 'svrg',
        'centralvr'.
    dropout : float, default=0.0
        Rate of dropout on the inputs while learning.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,)
    intercept_ : ndarray of shape (1,)
    n_iter_ : int
        Epochs.
    t_ : float
        1 + steps.
    history_ : riata.optim.History
    gap_ : float
        Duality gap of the objective above over that of the intercept alone.
    n_features_in_, feature_names_in_
        As in scikit-learn.

    Notes
    -----
    Only ratios of ``sample_weight`` count in ``fit``; in ``partial_fit`` they are factors on the gradient, as in scikit-learn.

    References
    ----------
    Bottou (2012), Stochastic gradient descent tricks. Bottou, Curtis and Nocedal (2018), Optimization methods for large-scale
    machine learning. SIAM Review 60.
    """

    def __init__(self, loss="squared_error", *, penalty="l2", alpha=0.0001, l1_ratio=0.15, fit_intercept=True, max_iter=1000,
                 tol=1e-3, shuffle=True, verbose=0, epsilon=0.1, random_state=None, learning_rate="invscaling", eta0=0.01,
                 power_t=0.25, early_stopping=False, validation_fraction=0.1, n_iter_no_change=5, warm_start=False, average=False,
                 batch_size=1, optimizer="sgd", dropout=0.0):
        self._keep(locals())

    def fit(self, X, y, coef_init=None, intercept_init=None, sample_weight=None):
        """Fit the model.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        coef_init : array-like of shape (n_features,), default=None
        intercept_init : array-like of shape (1,), default=None
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a parameter, X, y or sample_weight cannot be used.
        """
        self._check_sgd(LOSSES)
        before = (self.coef_, self.intercept_) if self.warm_start and hasattr(self, "coef_") else (None, None)
        X, y, weights = self._checked(X, y, sample_weight)
        held = None
        if self.early_stopping and not callable(self.early_stopping):
            split = ShuffleSplit(test_size=self.validation_fraction, random_state=self.random_state)
            held = np.sort(next(split.split(X))[1]).astype(np.int32)
        start = starting_point(before[0] if coef_init is None else coef_init,
                               before[1] if intercept_init is None else intercept_init, 1, X.shape[1])
        self._state = None
        return self._fitted(X, self._run(self._problem(X, y[:, None], weights, held, start)))

    def partial_fit(self, X, y, sample_weight=None):
        """One epoch of mini-batches over these rows, from where the last call ended; step sizes and optimiser go on too.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        self
        """
        self._check_sgd(LOSSES, partial=True)
        X, y, weights = self._checked(X, y, sample_weight, reset=not hasattr(self, "coef_"))
        return self._fitted(X, self._run(self._problem(X, y[:, None], weights, partial=True)))

    def _checked(self, X, y, sample_weight, reset=True):
        X, y = validate_data(self, X, y, accept_sparse="csr", dtype=_FLOATS, order="C", y_numeric=True, multi_output=False,
                             reset=reset)
        y = column_or_1d(y).astype(float)
        check_converted(y)
        return X, y, checked_weights(sample_weight, X.shape[0])

    def _fitted(self, X, answers):
        coef, intercept = self._keep_answers(answers, X.dtype, True)
        self.coef_, self.intercept_ = self._shaped(coef), intercept
        return self

    @staticmethod
    def _shaped(coef):
        return np.ascontiguousarray(coef[0])


def starting_point(coef, intercept, problems, n_features):
    """(coef (B, p), intercept (B,)) to start from, checked; None where neither is given."""
    if coef is None and intercept is None:
        return None
    out = []
    for name, values, shape in (("coef_init", coef, (problems, n_features)), ("intercept_init", intercept, (problems,))):
        values = np.zeros(shape) if values is None else np.asarray(values, dtype=float)
        if values.size != np.prod(shape):
            raise ValueError(f"{name} has shape {values.shape}, and does not match {problems} "
                             f"problem{'s' * (problems > 1)} of {n_features} features")
        out.append(values.reshape(shape))
    return tuple(out)
