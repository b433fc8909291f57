"""LinearSVR: linear support vector regression."""

import numpy as np
from sklearn.base import RegressorMixin

from ._base import LinearPredictor, checked_data
from ._margins import check_margin_parameters, fit_margins


class LinearSVR(RegressorMixin, LinearPredictor):
    """Linear support vector regression.

    Minimises over b0 and b::

        ½‖(b, b0 / intercept_scaling)‖²  +  C · Σ_i w_i ℓ(y_i − b0 − x_iᵀb)

    with ℓ(r) = max(0, |r| − epsilon) or its square: the objective of ``sklearn.svm.LinearSVR``,
            penalty on the intercept included.

    Parameters
    ----------
    epsilon : float, default=0.0
        Half the width of the tube, >= 0.
    tol : float, default=1e-6
        The fit stops when its duality gap is at most ``tol`` times the objective at zero coefficients.
    C : float, default=1.0
        Weight of the loss, > 0.
    loss : {'epsilon_insensitive', 'squared_epsilon_insensitive'}, default='epsilon_insensitive'
    fit_intercept : bool, default=True
    intercept_scaling : float or None, default=1.0
        The penalty takes b0 / intercept_scaling for one more coefficient, as scikit-learn does; None: the intercept
        has no penalty.
    dual : bool or 'auto', default='auto'
        No-op; ``False`` with 'epsilon_insensitive' is refused, as in scikit-learn.
    verbose : int, default=0
        No-op.
    random_state : int, RandomState instance or None, default=None
        No-op: nothing is random.
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
    C.-H. Ho and C.-J. Lin (2012), Large-scale linear support vector regression. JMLR 13, 3323–3348.
    """

    def __init__(self, *, epsilon=0.0, tol=1e-6, C=1.0, loss="epsilon_insensitive", fit_intercept=True, intercept_scaling=1.0,
                 dual="auto", verbose=0, random_state=None, max_iter=1000):
        self._keep(locals())

    def fit(self, X, y, sample_weight=None):
        """Fit the model.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        sample_weight : array-like of shape (n_samples,), default=None
            Factors on C, >= 0.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a parameter, X, y or sample_weight cannot be used; the message names it and the remedy.
        """
        check_margin_parameters(self, loss=("epsilon_insensitive", "squared_epsilon_insensitive"))
        if self.loss == "epsilon_insensitive" and self.dual is False:
            raise ValueError(
                "Unsupported set of arguments: loss='epsilon_insensitive', dual=False. Use dual=True or 'auto', or "
                "loss='squared_epsilon_insensitive'."
            )
        X, Y, weights = self._prepared(X, y, sample_weight)
        total = X.shape[0] if weights is None else weights.sum()
        solution = fit_margins(
            "LinearSVR", X, Y, loss=self.loss, alphas=np.array([1 / (self.C * total)]), weights=weights,
            epsilon=float(self.epsilon),
            intercept=bool(self.fit_intercept), intercept_scaling=self.intercept_scaling, tol=float(self.tol),
            max_iter=int(self.max_iter),
        )
        self._set_coefficients(solution.coef[:, 0], solution.intercept[:, 0], X.dtype, 1)
        self.gap_, self.n_iter_ = float(solution.gap[0, 0]), int(max(1, solution.n_iter[0, 0]))
        return self

    def _prepared(self, X, y, sample_weight):
        """(X, Y (n, 1), weights (n,) or None)."""
        X, Y, weights, _ = checked_data(self, X, y, sample_weight, single_target=True)
        return X, Y, weights
