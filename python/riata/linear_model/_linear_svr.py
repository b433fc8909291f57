"""LinearSVR: linear support vector regression."""

import numpy as np

from ._margins import MAX_ITER, REGRESSION, SCALING, TOL, UNUSED, C, MarginRegressor, check_margin_parameters


class LinearSVR(MarginRegressor):
    __doc__ = f"""Linear support vector regression.

    Minimises over b0 and b::

        ½‖(b, b0 / intercept_scaling)‖²  +  C · Σ_i w_i ℓ(y_i − b0 − x_iᵀb)

    with ℓ(r) = max(0, |r| − epsilon) or its square: the objective of ``sklearn.svm.LinearSVR``, penalty on the intercept
    included.

    Parameters
    ----------
    epsilon : float, default=0.0
        Half the width of the tube, >= 0.
    {TOL}
    {C}
    loss : {{'epsilon_insensitive', 'squared_epsilon_insensitive'}}, default='epsilon_insensitive'
    fit_intercept : bool, default=True
    {SCALING}
    dual : bool or 'auto', default='auto'
        No-op; ``False`` with 'epsilon_insensitive' is refused, as in scikit-learn.
    {UNUSED}
    {MAX_ITER}

    Attributes
    ----------
    {REGRESSION}

    References
    ----------
    C.-H. Ho and C.-J. Lin (2012), Large-scale linear support vector regression. JMLR 13, 3323–3348.
    """

    def __init__(self, *, epsilon=0.0, tol=1e-6, C=1.0, loss="epsilon_insensitive", fit_intercept=True, intercept_scaling=1.0,
                 dual="auto", verbose=0, random_state=None, max_iter=1000):
        self._keep(locals())

    def _check_own_parameters(self):
        check_margin_parameters(self, loss=("epsilon_insensitive", "squared_epsilon_insensitive"))
        if self.loss == "epsilon_insensitive" and self.dual is False:
            raise ValueError("Unsupported set of arguments: loss='epsilon_insensitive', dual=False. Use dual=True or 'auto', or "
                             "loss='squared_epsilon_insensitive'.")

    def _problem(self, total):
        return {"loss": self.loss, "alphas": np.array([1 / (self.C * total)]), "epsilon": float(self.epsilon),
                "intercept_scaling": self.intercept_scaling}
