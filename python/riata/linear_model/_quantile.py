"""QuantileRegressor: a conditional quantile with an l1 penalty."""

import numpy as np

from ._margins import MAX_ITER, REGRESSION, TOL, MarginRegressor, check_margin_parameters
from ._parameters import InvalidParameterError


class QuantileRegressor(MarginRegressor):
    __doc__ = f"""Linear regression of a quantile.

    Minimises over b0 and b::

        Σ_i w_i ℓ(y_i − b0 − x_iᵀb) / Σ_i w_i  +  alpha · ‖b‖₁,     ℓ(r) = quantile · max(r, 0) + (1 − quantile) · max(−r, 0)

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
    {TOL}
    {MAX_ITER}

    Attributes
    ----------
    {REGRESSION}

    References
    ----------
    R. Koenker and G. Bassett (1978), Regression quantiles. Econometrica 46, 33–50.
    """

    def __init__(self, *, quantile=0.5, alpha=1.0, fit_intercept=True, solver="highs", solver_options=None, tol=1e-6,
                 max_iter=1000):
        self._keep(locals())

    def _check_own_parameters(self):
        check_margin_parameters(self, solver=("highs", "highs-ds", "highs-ipm", "interior-point", "revised simplex"))
        if not (self.solver_options is None or isinstance(self.solver_options, dict)):
            raise InvalidParameterError("The 'solver_options' parameter of QuantileRegressor must be a dict or None. Got "
                                        f"{self.solver_options!r} instead.")

    def _problem(self, total):
        return {"loss": "quantile", "alphas": np.array([float(self.alpha)]), "l1_ratio": 1.0, "quantile": float(self.quantile)}
