"""What estimators with a margin loss share: documentation, checks, one call to the engine, what to say where it fell short."""

import warnings

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.exceptions import ConvergenceWarning

from riata.svm_paths import solve_checked

from ._base import LinearPredictor, checked_data
from ._parameters import InvalidParameterError, _is_count, _is_flag, _is_real, _is_seed

C = """C : float, default=1.0
        Weight of the loss, > 0."""
TOL = """tol : float, default=1e-6
        The fit stops when its duality gap is at most ``tol`` times the objective at zero coefficients. (scikit-learn's ``tol`` is
        about a gradient.)"""
SCALING = """intercept_scaling : float or None, default=1.0
        The penalty takes b0 / intercept_scaling for one more coefficient, as scikit-learn does. None leaves the intercept
        without a penalty: the model then does not change when a constant is added to a column."""
UNUSED = """verbose : int, default=0
        No-op.
    random_state : int, RandomState instance or None, default=None
        No-op: nothing is random."""
MAX_ITER = """max_iter : int, default=1000
        The most Newton steps."""
REGRESSION = """coef_ : ndarray of shape (n_features,)
    intercept_ : float
    gap_ : float
        Duality gap over the objective at zero coefficients, computed afresh.
    n_iter_ : int
        Newton steps, at least 1.
    n_features_in_, feature_names_in_
        As in scikit-learn."""

# name -> (test, what is allowed)
_RULES = {
    "C": (lambda v: _is_real(v) and 0 < v < np.inf, "a finite number > 0"),
    "alpha": (lambda v: _is_real(v) and 0 <= v < np.inf, "a finite number >= 0"),
    "epsilon": (lambda v: _is_real(v) and 0 <= v < np.inf, "a finite number >= 0"),
    "quantile": (lambda v: _is_real(v) and 0 < v < 1, "a number in the open interval (0, 1)"),
    "tol": (lambda v: _is_real(v) and 0 < v < np.inf, "a finite number > 0"),
    "max_iter": (_is_count, "an int >= 1"),
    "fit_intercept": (_is_flag, "True or False"),
    "intercept_scaling": (lambda v: v is None or (_is_real(v) and 0 < v < np.inf),
                          "a number > 0, or None for an intercept without a penalty"),
    "dual": (lambda v: _is_flag(v) or (isinstance(v, str) and v == "auto"), "True, False or 'auto'"),
    "random_state": (_is_seed, "None, an int or a numpy RandomState"),
}


def check_margin_parameters(estimator, **choices):
    """Check the constructor's parameters; ``choices`` maps further names to the strings they may be."""
    rules = _RULES | {name: (lambda v, own=values: isinstance(v, str) and v in own, "one of " + ", ".join(map(repr, values)))
                      for name, values in choices.items()}
    for name, value in vars(estimator).items():
        if name in rules and not rules[name][0](value):
            raise InvalidParameterError(
                f"The {name!r} parameter of {type(estimator).__name__} must be {rules[name][1]}. Got {value!r} instead."
            )


class MarginRegressor(RegressorMixin, LinearPredictor):
    """Regressors with a margin loss: each says by ``_problem`` which one it solves."""

    def fit(self, X, y, sample_weight=None):
        """Fit the model.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        sample_weight : array-like of shape (n_samples,), default=None
            Row weights >= 0: of a penalty that goes with ``C`` factors on C, of one that goes with ``alpha`` only their
            proportions matter.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a parameter, X, y or sample_weight cannot be used; the message names it and the remedy.
        """
        self._check_own_parameters()
        X, Y, weights = self._prepared(X, y, sample_weight)
        solution = fit_margins(
            type(self).__name__, X, Y, weights=weights, intercept=bool(self.fit_intercept), tol=float(self.tol),
            max_iter=int(self.max_iter), **self._problem(X.shape[0] if weights is None else weights.sum()))
        self._set_coefficients(solution.coef[:, 0], solution.intercept[:, 0], X.dtype, 1)
        self.gap_, self.n_iter_ = float(solution.gap[0, 0]), int(max(1, solution.n_iter[0, 0]))
        return self

    def _prepared(self, X, y, sample_weight):
        """(X, Y (n, 1), weights (n,) or None)."""
        X, Y, weights, _ = checked_data(self, X, y, sample_weight, single_target=True)
        return X, Y, weights


def fit_margins(owner, X, Y, **settings):
    """Solve problems at one alpha each and warn where one fell short."""
    solution = solve_checked(owner, X, Y, **settings)
    if (solution.status == 3).any():
        raise ValueError(
            f"{owner}: coefficients are not finite. Very large or very small values in X or y do this: scale them first."
        )
    short = int(np.count_nonzero(solution.status == 1))
    if short:
        warnings.warn(
            f"{owner}: {short} of {solution.status.size} fits stopped after max_iter={settings['max_iter']} Newton steps with a "
            f"relative duality gap above tol={settings['tol']:g} (the largest is {np.nanmax(solution.gap):.3g}). "
            "Scale the columns of X, or raise max_iter or tol.",
            ConvergenceWarning,
            stacklevel=3,
        )
    return solution
