"""Slope: the sorted l1 norm."""

import numpy as np

from riata.slope import check_sequence, slope_path
from riata_engine.slope import SlopeBatch, solve_slope

from ._chosen import InRounds, derived


class Slope(InRounds):
    """Linear regression with the sorted l1 norm (SLOPE; OSCAR is one of its sequences).

    Minimises over b0 and b::

        Σ_i w_i (y_i − b0 − x_iᵀb)² / (2 Σ_i w_i)  +  alpha · Σ_k λ_k |b|_(k),   |b|_(1) >= |b|_(2) >= …

    Parameters
    ----------
    alpha : float or None, default=1.0
        Strength of the penalty, >= 0. None: chosen by cross-validation.
    sequence : {"bh", "gaussian", "oscar", "lasso"} or array-like of shape (n_features,), default="bh"
        λ in descending order, or its name (see :func:`riata.slope_path`).
    q : float, default=0.1
        "bh" and "gaussian": the false discovery rate aimed at. "oscar": the slope of the sequence.
    fit_intercept : bool, default=True
        Whether to fit an (unpenalised) intercept.
    standardize : bool, default=False
        Let the norm be that of b_j times the standard deviation of column j. The coefficients are those of X as it is.
    alphas : int or array-like, default=100
        With ``alpha=None``: number of alphas of a geometric grid, or the alphas.
    eps : float, default=1e-2
        With ``alpha=None``: ``alpha_min / alpha_max`` of the grid.
    cv : int, splitter, iterable or None, default=None
        With ``alpha=None``, as in scikit-learn: None is 5 folds (``KFold``, not shuffled).
    max_iter : int or None, default=None
        The most steps of the solver per alpha. None means 100 000.
    tol : float, default=1e-6
        The fit stops when its duality gap is at most ``tol`` times the objective at b = 0.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,)
        Coefficients, in the floating type of X.
    intercept_ : float
        Intercept; 0.0 if ``fit_intercept=False``.
    sequence_ : ndarray of shape (n_features,)
        λ.
    alpha_ : float
        The alpha of the fit.
    alphas_, mse_path_ : ndarray of shape (n_alphas,), (n_alphas, n_folds)
        With ``alpha=None``: the grid, and the mean squared error on held-out rows.
    dual_gap_ : float
        Duality gap in the units of the objective.
    status_ : str
        "converged", or what kept the fit from it.
    n_iter_ : int
        Steps of the solver at ``alpha_``. At least 1.
    n_features_in_, feature_names_in_
        As in scikit-learn.

    See Also
    --------
    riata.slope_path : The whole path.

    References
    ----------
    M. Bogdan, E. van den Berg, C. Sabatti, W. Su and E. Candès (2015), SLOPE: adaptive variable selection via convex
    optimization. Annals of Applied Statistics 9.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from riata.linear_model import Slope
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = Slope(alpha=0.02, sequence="oscar").fit(X, y)
    >>> model.status_
    'converged'
    """

    path = staticmethod(slope_path)
    _door = staticmethod(solve_slope)
    l1_ratio = 1.0   # no parameter here

    def __init__(self, alpha=1.0, *, sequence="bh", q=0.1, fit_intercept=True, standardize=False, alphas=100, eps=1e-2, cv=None,
                 max_iter=None, tol=1e-6):
        self._keep(locals())

    def _prepare(self, X, weights):
        n = X.shape[0] if weights is None else np.count_nonzero(weights)
        self.sequence_ = check_sequence(self.sequence, self.q, X.shape[1], n)

    def _derived(self, batch):
        return derived(SlopeBatch, batch, sequence=self.sequence_)

    def _keep_certificate(self, solution, step):
        self.dual_gap_ = float(solution.gap[0, step] * 0.5 * solution.null_deviance[0])
