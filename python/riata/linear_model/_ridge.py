"""Ridge: least squares with an L2 penalty, all targets from one decomposition."""

import warnings
from numbers import Number, Real

import numpy as np
from scipy.linalg import LinAlgWarning
from sklearn.base import MultiOutputMixin, RegressorMixin

from riata_engine.batch import Batch, RidgeDecomposition

from ._base import LinearPredictor, checked_data
from ._certified import engine_settings, solve_certified
from ._parameters import InvalidParameterError, check_parameter


class Ridge(MultiOutputMixin, RegressorMixin, LinearPredictor):
    """Linear regression with an L2 penalty.

    Minimises over b0 and b, separately for each target t::

        Σ_i w_i (y_it − b0 − x_iᵀb)²  +  alpha_t · ‖b‖₂²

    with w = 1 where there is no ``sample_weight``: the objective of ``sklearn.linear_model.Ridge``. The sum over rows
    is not divided by n, so ``alpha`` here is n (or Σw) times the ``alpha`` of ``ElasticNet(l1_ratio=0)``.

    The solution is direct (from the Gram matrix, or from the kernel where there are more columns than rows), for all
    targets at once, and refined where the problem is ill conditioned.

    Parameters
    ----------
    alpha : float or array-like of shape (n_targets,), default=1.0
        Strength of the penalty, >= 0; an array has one for each target. 0 is least squares: the solution of smallest
        norm, with a warning, where it is not unique.
    fit_intercept : bool, default=True
        Whether to fit an (unpenalised) intercept.
    copy_X : bool, default=True
        No-op: X is never changed.
    max_iter : int or None, default=None
        The most epochs with ``positive=True`` (None means 100 000); otherwise a no-op, as nothing is iterated.
    tol : float, default=1e-4
        With ``positive=True`` the fit stops when its duality gap is at most ``tol²`` times the objective at b = 0, so
        that the relative error of the coefficients is about ``tol``; otherwise a no-op.
    solver : str, default='auto'
        No-op, in that every name of scikit-learn's solvers gives the same, direct solution (dense or sparse).
        ``'lbfgs'`` still needs ``positive=True``, and ``positive=True`` needs ``'auto'`` or ``'lbfgs'``.
    positive : bool, default=False
        Restrict the coefficients to b >= 0.
    random_state : int, RandomState instance or None, default=None
        No-op: nothing is random.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,) or (n_targets, n_features)
        Coefficients, in the floating type of X.
    intercept_ : float or ndarray of shape (n_targets,)
        Intercept; 0.0 if ``fit_intercept=False``.
    n_iter_ : ndarray of shape (n_targets,)
        1 for the direct solution, epochs with ``positive=True`` (scikit-learn has None where it iterates nothing).
    solver_ : str
        What solved it: 'gram', 'kernel', or the solver of the engine that ``positive=True`` took.
    n_features_in_ : int
        Number of features seen in ``fit``.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns of X, where all are strings.

    References
    ----------
    A. Hoerl and R. Kennard (1970), Ridge regression: biased estimation for nonorthogonal problems. Technometrics 12,
    55–67.
    """

    def __init__(
        self,
        alpha=1.0,
        *,
        fit_intercept=True,
        copy_X=True,
        max_iter=None,
        tol=1e-4,
        solver="auto",
        positive=False,
        random_state=None,
    ):
        self._keep(locals())

    def fit(self, X, y, sample_weight=None):
        """Fit the model.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data, dense in any order or sparse; float32 and float64 are kept as given.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets.
        sample_weight : float or array-like of shape (n_samples,), default=None
            Row weights >= 0. Their size matters, as the penalty is not divided by it: weights of 2 halve ``alpha``.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a parameter, X, y or sample_weight cannot be used; the message names it and the remedy.
        """
        self._check_parameters(alpha=None)
        _check_solver(self.solver, self.positive)
        X, Y, weights, y_ndim = checked_data(self, X, y, sample_weight)
        weights, total = summed_weights(sample_weight, weights, X.shape[0])
        alphas = _alpha_per_target(self.alpha, Y.shape[1]) / total
        if self.positive:
            settings = engine_settings(vars(self), X.shape[1])
            solution = solve_certified(
                "Ridge",
                Batch(X, Y, weights=weights, l1_ratio=0.0, alphas=alphas[:, None], **settings | {"tol": settings["tol"] ** 2}),
            )
            coef, intercept, self.solver_ = solution.coef[:, 0], solution.intercept[:, 0], solution.solver
            self.n_iter_ = np.maximum(solution.n_epochs[:, 0], 1)
        else:
            decomposition = RidgeDecomposition(X, weights, bool(self.fit_intercept))
            coef, intercept = at_target_alphas(decomposition, alphas, Y)
            self.solver_ = decomposition.form
            self.n_iter_ = np.ones(Y.shape[1], dtype=np.int32)
            if (alphas == 0).any() and decomposition.degenerate:
                warnings.warn(
                    "Ridge: alpha=0 has no unique solution here (collinear columns, or more columns than rows); the "
                    "one of smallest norm was returned. A small alpha > 0 makes it unique.",
                    LinAlgWarning,
                    stacklevel=2,
                )
        self._set_coefficients(coef, intercept, X.dtype, y_ndim)
        return self


def summed_weights(sample_weight, weights, n_samples):
    """(weights, their sum) for an objective that is a sum: here a number counts, as the weight of every row."""
    if sample_weight is not None and weights is None:
        if not (isinstance(sample_weight, Number) and 0 < sample_weight < np.inf):
            raise ValueError(f"sample_weight == {sample_weight!r}: a number must be finite and > 0.")
        return None, float(sample_weight) * n_samples
    return weights, float(n_samples if weights is None else weights.sum())


def at_target_alphas(decomposition, alphas, Y):
    """Coefficients (T, p) and intercepts (T,) with one alpha for each target."""
    coef, intercept = decomposition.coefficients(alphas[:1] if (alphas == alphas[0]).all() else alphas[:, None], Y)
    return coef[:, 0], intercept[:, 0]


def _alpha_per_target(alpha, n_targets):
    if isinstance(alpha, Real):
        check_parameter("Ridge", "alpha", alpha)
        return np.full(n_targets, float(alpha))
    try:
        values = np.ravel(np.asarray(alpha, dtype=np.float64))
    except (TypeError, ValueError) as error:
        raise InvalidParameterError(
            f"The 'alpha' parameter of Ridge must be a number or an array of numbers. Got {alpha!r} instead."
        ) from error
    if values.shape[0] not in (1, n_targets):
        raise ValueError(
            f"Number of targets and number of penalties do not correspond: {values.shape[0]} != {n_targets}. Give one "
            "alpha, or one for each target."
        )
    for value in values:
        check_parameter("Ridge", "alpha", float(value))
    return np.broadcast_to(values, n_targets).copy()


def _check_solver(solver, positive):
    if solver == "lbfgs" and not positive:
        raise ValueError("solver='lbfgs' can be used only with positive=True. Use solver='auto'.")
    if positive and solver not in ("auto", "lbfgs"):
        raise ValueError(f"solver={solver!r} does not support positive=True. Use solver='auto' or 'lbfgs'.")
