"""HuberRegressor: Huber's loss with a scale that is estimated alongside."""

import numpy as np
from scipy.optimize import brentq
from sklearn.base import RegressorMixin

from riata_engine.batch import Batch

from ._base import LinearPredictor, checked_data
from ._certified import solve_certified, tight_settings

#: relative accuracy of the scale
_ACCURACY = 1e-9


class HuberRegressor(RegressorMixin, LinearPredictor):
    """Robust linear regression.

    Minimises over b0, b and the scale σ > 0::

        Σ_i w_i ( σ + H((y_i − b0 − x_iᵀb) / σ) σ )  +  alpha · ‖b‖₂²,
        H(z) = z² for |z| < epsilon, 2 epsilon |z| − epsilon² beyond

    the objective of ``sklearn.linear_model.HuberRegressor``. For a given σ this is Huber's loss with delta = epsilon·σ and a
    ridge penalty, which the engine solves and certifies; the profile over σ is convex, and its minimum the root of a monotone
    function.

    Parameters
    ----------
    epsilon : float, default=1.35
        Residuals beyond epsilon·σ count linearly; > 1.
    max_iter : int, default=100
        A hundred epochs of descent are allowed for each, at every σ.
    alpha : float, default=0.0001
        Strength of the squared L2 penalty, >= 0.
    warm_start : bool, default=False
        No-op.
    fit_intercept : bool, default=True
    tol : float, default=1e-05
        Each fit stops when its duality gap is at most ``tol²`` times half the null deviance.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,)
    intercept_ : float
    scale_ : float
        σ.
    outliers_ : ndarray of bool, shape (n_samples,)
        Rows whose residual is beyond epsilon·σ.
    n_iter_ : int
        Fits, one for each σ that was tried.

    References
    ----------
    Huber and Ronchetti (2009), Robust Statistics, 2nd edition, section 7.7. Owen (2007), A robust hybrid of lasso and ridge
    regression.
    """

    def __init__(self, *, epsilon=1.35, max_iter=100, alpha=0.0001, warm_start=False, fit_intercept=True, tol=1e-05):
        self._keep(locals())

    def fit(self, X, y, sample_weight=None):
        """Fit the model.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a parameter, X, y or sample_weight cannot be used; the message names it and the remedy.
        """
        self._check_parameters()
        X, Y, weights, _ = checked_data(self, X, y, sample_weight, single_target=True)
        y = Y[:, 0]
        w = np.ones(len(y)) if weights is None else weights
        total, fits = w.sum(), {}

        def residuals(scale):
            """|y − Xb| of the fit at one σ, which is kept."""
            if scale not in fits:
                solution = solve_certified(
                    "HuberRegressor",
                    Batch(X, Y, weights=weights, l1_ratio=0.0, alphas=np.array([self.alpha * scale / total]), loss="huber",
                          loss_parameter=self.epsilon * scale, intercept=bool(self.fit_intercept),
                          **tight_settings(self.tol, self.max_iter)))
                coef, intercept = solution.coef[0, 0], solution.intercept[0, 0]
                fits[scale] = coef, intercept, np.abs(y - X @ coef - (intercept if self.fit_intercept else 0.0))
            return fits[scale][2]

        def slope(log_scale):
            """Of the objective in σ, divided by Σ w: below zero where σ is too small."""
            scale = np.exp(log_scale)
            z = np.minimum(residuals(scale) / scale, self.epsilon)
            return 1.0 - w @ z**2 / total

        scale = _root(slope, np.average(np.abs(y - np.median(y)), weights=w))
        residual = residuals(scale)
        coef, intercept, _ = fits[scale]
        self._set_coefficients(coef[None], np.array([intercept]), X.dtype, 1)
        self.scale_, self.outliers_, self.n_iter_ = float(scale), residual > self.epsilon * scale, len(fits)
        return self


def _root(slope, guess):
    """The σ at which a function of log σ that rises changes its sign; next to nothing where y is fitted exactly."""
    middle = np.log(guess) if guess > 0 else 0.0
    low, high = middle - 1.0, middle + 1.0
    while slope(high) < 0:
        low, high = high, high + 2.0
    while slope(low) > 0:
        high, low = low, low - 2.0
        if low < middle - 30:
            return float(np.exp(low))
    return float(np.exp(brentq(slope, low, high, xtol=_ACCURACY, rtol=_ACCURACY)))
