"""HuberRegressor: Huber's loss with a scale that is estimated alongside."""

import numpy as np
from scipy.optimize import brentq
from sklearn.base import RegressorMixin

from riata_engine.batch import Batch

from ._base import LinearPredictor, checked_data
from ._certified import solve_certified, tight_settings
from ._margins import fit_margins

#: relative accuracy of the scale
_ACCURACY = 1e-9
#: of the spread of y: a scale below it is none
_LEAST_SCALE = 1e-13
#: of the spread of y: a residual below it is rounding
_EXACT = 1e-9
#: of the least absolute deviations: their duality gap, and Newton steps
_LEAST_TOL, _STEPS = 1e-12, 1000


class HuberRegressor(RegressorMixin, LinearPredictor):
    """Robust linear regression.

    Minimises over b0, b and the scale σ > 0::

        Σ_i w_i ( σ + H((y_i − b0 − x_iᵀb) / σ) σ )  +  alpha · ‖b‖₂²,
        H(z) = z² for |z| < epsilon, 2 epsilon |z| − epsilon² beyond

    the objective of ``sklearn.linear_model.HuberRegressor``. For a given σ this is Huber's loss with delta = epsilon·σ and a
    ridge penalty, which the engine solves and certifies; the profile over σ is convex, and its minimum the root of a monotone
    function. Where that is at σ = 0 (most rows can be fitted exactly) the answer is that of the limit, least absolute deviations.

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
        σ; where the objective is least at 0, 1e-13 of the mean absolute deviation of y from its median.
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
        # in units of y's spread, a power of two: y = unit y', b = unit b', σ = unit σ' give the same problem with alpha·unit
        middle = np.median(y)
        unit = 2.0 ** np.clip(np.round(np.log2(np.average(np.abs(y / 2 - middle / 2), weights=w) or 0.5) + 1), -1020, 1020)
        Y = Y / unit
        y, alpha = Y[:, 0], self.alpha * unit
        if not np.isfinite(alpha):
            raise ValueError(f"alpha = {self.alpha!r} is beyond what float64 holds at the scale of y: scale y, or lower alpha.")

        def residuals(scale):
            """|y − Xb| of the fit at one σ, which is kept."""
            if scale not in fits:
                solution = solve_certified(
                    "HuberRegressor",
                    Batch(X, Y, weights=weights, l1_ratio=0.0, alphas=np.array([alpha * scale / total]), loss="huber",
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

        spread = np.average(np.abs(y - np.median(y)), weights=w) or 1.0
        limit = _Limit(self, X, Y, weights, spread, alpha)
        scale = _root(slope, spread, limit.is_the_minimum)
        if scale is None:
            scale, residual, coef, intercept = _LEAST_SCALE * spread, limit.residual, limit.coef, limit.intercept
        else:
            residual = residuals(scale)
            coef, intercept, _ = fits[scale]
        self._set_coefficients(coef[None] * unit, np.array([intercept * unit]), X.dtype, 1)
        self.scale_, self.outliers_, self.n_iter_ = float(scale * unit), residual > self.epsilon * scale, len(fits)
        return self


class _Limit:
    """The objective at σ → 0: 2 epsilon Σ w |r| + alpha ‖b‖², least absolute deviations with a ridge."""

    def __init__(self, model, X, Y, weights, spread, alpha):
        self.model, self.X, self.Y, self.spread, self.alpha = model, X, Y, spread, alpha
        self.w = np.ones(len(Y)) if weights is None else weights

    def is_the_minimum(self):
        """Whether the objective, at its least over b0 and b, rises from σ = 0 on.

        Its slope there is Σ w (1 − z²), with z = epsilon·sign(r) where r is not 0, and of the z of the other rows, which balance
        the gradient in b and b0, those of the least Σ w z².
        """
        model, w, y = self.model, self.w, self.Y[:, 0]
        total, epsilon, free = w.sum(), model.epsilon, bool(model.fit_intercept)
        solution = fit_margins("HuberRegressor", self.X, self.Y, loss="quantile", quantile=0.5, l1_ratio=0.0, weights=w,
                               alphas=np.array([self.alpha / (2 * epsilon * total)]), intercept=free, intercept_scaling=None,
                               tol=_LEAST_TOL, max_iter=_STEPS)
        self.coef, self.intercept = solution.coef[0, 0], solution.intercept[0, 0] if free else 0.0
        r = y - self.X @ self.coef - self.intercept
        r[np.abs(r) <= _EXACT * self.spread] = 0.0
        self.residual = np.abs(r)
        on = (r == 0) & (w > 0)
        pull = w * np.sign(r) * epsilon
        # Σ w z x = alpha b, and Σ w z = 0 with an intercept
        rows = self.X[np.flatnonzero(on)]
        rows = rows.toarray() if hasattr(rows, "toarray") else rows
        left, right = rows.astype(np.float64).T, self.alpha * self.coef - self.X.T @ pull
        if free:
            left, right = np.vstack([left, np.ones(on.sum())]), np.append(right, -pull.sum())
        root = np.sqrt(w[on])
        scaled = np.linalg.lstsq(left * root, right, rcond=None)[0]                  # √w z, of least norm
        if (np.abs(scaled) > (epsilon * (1 + _EXACT)) * root).any():                 # no slopes of Huber's loss: not known here
            return False
        return total - pull @ np.sign(r) * epsilon - scaled @ scaled >= 0


def _root(slope, guess, vanishes):
    """The σ at which a function of log σ that rises changes its sign; None where that is none above 0: ``vanishes`` says."""
    middle = np.log(guess)
    low, high = middle - 1.0, middle + 1.0
    while slope(high) < 0:
        low, high = high, high + 2.0
    while slope(low) > 0:
        high, low = low, low - 2.0
        if middle - 8 < low < middle - 6 and vanishes():
            return None
        if low < middle + np.log(_LEAST_SCALE):
            return float(np.exp(low))
    return float(np.exp(brentq(slope, low, high, xtol=_ACCURACY, rtol=_ACCURACY)))
