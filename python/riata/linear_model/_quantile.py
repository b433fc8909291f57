"""QuantileRegressor: a conditional quantile with an l1 penalty."""

import numpy as np
from sklearn.base import RegressorMixin

from ._base import LinearPredictor, checked_data
from ._margins import check_margin_parameters, fit_margins


class QuantileRegressor(RegressorMixin, LinearPredictor):
    """Linear regression of a quantile.

    Minimises over b0 and b::

        Σ_i w_i ℓ(y_i − b0 − x_iᵀb) / Σ_i w_i  +  alpha · ‖b‖₁,     ℓ(r) = quantile · max(r, 0) + (1 − quantile) ·
        max(−r, 0)

    the objective of ``sklearn.linear_model.QuantileRegressor``. The certificate is that of this loss, not of a smoothed one.

    Parameters
    ----------
    quantile : float, default=0.5
        In (0, 1).
    alpha : float, default=1.0
        Strength of the penalty, >= 0.
    fit_intercept : bool, default=True
        The intercept has no penalty.
    solver : str, default='highs'
        No-op: every name of scikit-learn's solvers gives the same solution.
    solver_options : dict or None, default=None
        No-op.
    tol : float, default=1e-6
        The fit stops when its duality gap is at most ``tol`` times the objective at zero coefficients with the best intercept.
    max_iter : int, default=1000
        The most Newton steps.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,)
    intercept_ : float
    gap_ : float
        Duality gap over the objective at zero coefficients, computed afresh.
    n_iter_ : int
        Newton steps, at least 1.
    n_features_in_, feature_names_in_
        As in scikit-learn.

    References
    ----------
    R. Koenker and G. Bassett (1978), Regression quantiles. Econometrica 46, 33–50.
    """

    def __init__(self, *, quantile=0.5, alpha=1.0, fit_intercept=True, solver="highs", solver_options=None, tol=1e-6,
            max_iter=1000):
        self._keep(locals())

    def fit(self, X, y, sample_weight=None):
        """Fit the model.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        sample_weight : array-like of shape (n_samples,), default=None
            Row weights >= 0; their size does not matter.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a parameter, X, y or sample_weight cannot be used; the message names it and the remedy.
        """
        check_margin_parameters(self, solver=("highs", "highs-ds", "highs-ipm", "interior-point", "revised simplex"))
        X, Y, weights, _ = checked_data(self, X, y, sample_weight, single_target=True)
        solution = fit_margins(
            "QuantileRegressor", X, Y, loss="quantile", alphas=np.array([float(self.alpha)]), l1_ratio=1.0, weights=weights,
            quantile=float(self.quantile), intercept=bool(self.fit_intercept), tol=float(self.tol), max_iter=int(self.max_iter),
        )
        self._set_coefficients(solution.coef[:, 0], solution.intercept[:, 0], X.dtype, 1)
        self.gap_, self.n_iter_ = float(solution.gap[0, 0]), int(max(1, solution.n_iter[0, 0]))
        return self
