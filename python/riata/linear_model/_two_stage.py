"""AdaptiveLasso and RelaxedLasso: thin estimators on `riata.adaptive_path` and `riata.relaxed_path`."""

from numbers import Real

import numpy as np

from riata.adaptive import adaptive_path
from riata.cross_validation import cross_validate_path
from riata.relaxed import relaxed_path

from ._chosen import ChosenAlpha
from ._parameters import InvalidParameterError


class _TwoStage(ChosenAlpha):
    def _settings(self, weights):
        return {"l1_ratio": float(self.l1_ratio), "weights": weights, "intercept": bool(self.fit_intercept),
                "standardize": bool(self.standardize), "tol": max(float(self.tol), 1e-15), "max_epochs": self._max_epochs()}

    def _native_grid(self):
        grid = self._grid()
        return {"alphas": grid["n_alphas"], "alpha_min_ratio": grid["alpha_min_ratio"]} if "n_alphas" in grid else grid

    def _must_have_grid(self, alphas):
        if not np.isfinite(alphas).all():
            raise ValueError(f"{type(self).__name__}: the largest alpha that matters is beyond what float64 holds. Very large or "
                             "very small values in X or y do this: scale them first.")

    def _keep_path(self, path, step, dtype):
        self._keep_fit(path.coef[step], path.intercept[step], path.status[step], path.n_epochs[step], dtype)
        self.dual_gap_ = float(path.gap[step] * 0.5 * path.null_deviance)
        if not np.isfinite(self.intercept_):
            raise ValueError(f"{type(self).__name__}: the fit gave no coefficients ({self.status_}). Very large or very small "
                             "values in X or y do this: scale them first.")


class AdaptiveLasso(_TwoStage):
    """Lasso (or elastic net) whose penalty factors come from a first fit.

    Minimises over b0 and b::

        Σ_i w_i (y_i − b0 − x_iᵀb)² / (2 Σ_i w_i)  +  alpha · Σ_j f_j · ( l1_ratio·|b_j| + (1 − l1_ratio)/2 · b_j² )

    with f_j = 1 / |b⁰_j|^gamma, b⁰ the coefficients of the first fit.

    Parameters
    ----------
    alpha : float or None, default=1.0
        Strength of the penalty, >= 0. None: chosen by cross-validation. The factors then come from all rows, so that held-out
        errors are somewhat too small.
    initial : {"ols", "ridge", "lasso"} or array-like of shape (n_features,), default="ols"
        The first fit: least squares (of least norm where there are more features than rows), ridge or lasso at the alpha of
        smallest error in 10-fold cross-validation, or coefficients of your own. "ridge" where features are many or alike.
    gamma : float, default=1.0
        Above 0.
    l1_ratio : float, default=1.0
        Share of the L1 penalty, in [0, 1].
    fit_intercept : bool, default=True
        Whether to fit an (unpenalised) intercept.
    standardize : bool, default=False
        Let both penalties act on b_j times the standard deviation of column j.
    alphas : int or array-like, default=100
        With ``alpha=None``: number of alphas of a geometric grid, or the alphas.
    eps : float, default=1e-3
        With ``alpha=None``: ``alpha_min / alpha_max`` of the grid.
    cv : int, splitter, iterable or None, default=None
        With ``alpha=None``, as in scikit-learn: None is 5 folds (``KFold``, not shuffled).
    max_iter : int or None, default=None
        The most epochs per alpha. None means 100 000.
    tol : float, default=1e-6
        The fit stops when its duality gap is at most ``tol`` times the objective at b = 0.

    Attributes
    ----------
    coef_, intercept_, alpha_, alphas_, mse_path_, dual_gap_, status_, n_iter_, n_features_in_, feature_names_in_
        As in :class:`Slope`.
    initial_coef_, penalty_factor_ : ndarray of shape (n_features,)
        b⁰ and f; f is inf where b⁰ is 0, and leaves the feature out.

    See Also
    --------
    riata.adaptive_path : The whole path, with bounds, offsets and factors of your own.

    References
    ----------
    H. Zou (2006), The adaptive lasso and its oracle properties. JASA 101.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from riata.linear_model import AdaptiveLasso
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = AdaptiveLasso(alpha=50.0).fit(X, y)
    >>> model.predict(X[:2]).shape
    (2,)
    """

    path = staticmethod(adaptive_path)

    def __init__(self, alpha=1.0, *, initial="ols", gamma=1.0, l1_ratio=1.0, fit_intercept=True, standardize=False, alphas=100,
                 eps=1e-3, cv=None, max_iter=None, tol=1e-6):
        self._keep(locals())

    def _check_own_parameters(self):
        super()._check_own_parameters()
        self._must_be_number("gamma", 0.0, "0")

    def _fit_one(self, X, y, weights):
        self.alpha_ = float(self.alpha)
        self._keep_stages(self._adaptive(X, y, weights, alphas=[self.alpha_]), 0, X.dtype)

    def _adaptive(self, X, y, weights, **grid):
        return adaptive_or_plain(X, y, self.initial, gamma=float(self.gamma), **self._settings(weights), **grid)

    def _choose(self, X, y, weights, folds):
        path = self._adaptive(X, y, weights, **self._native_grid())
        self._must_have_grid(path.alphas)
        pairs = _pairs(folds, len(y))
        crossed = cross_validate_path(X, y, alphas=path.alphas, cv=pairs, penalty_factor=path.penalty_factor,
                                      **self._settings(weights))
        self._keep_stages(path, self._keep_choice(path.alphas, crossed.deviance[0]), X.dtype)

    def _keep_stages(self, path, step, dtype):
        self._keep_path(path, step, dtype)
        self.initial_coef_, self.penalty_factor_ = path.initial_coef, path.penalty_factor


class RelaxedLasso(_TwoStage):
    """Lasso (or elastic net) whose shrinkage is undone on the features it selects.

    Coefficients are (1 − gamma) · (least squares on the support) + gamma · (lasso), the form of glmnet's ``relax``.

    Parameters
    ----------
    alpha : float or None, default=1.0
        Strength of the penalty, >= 0. None: chosen by cross-validation, with ``gamma``.
    gamma : float or array-like, default=0.0
        In [0, 1]: 1 is the lasso, 0 least squares on its support. With ``alpha=None`` several may be given, to choose among.
    l1_ratio : float, default=1.0
        Share of the L1 penalty of the first stage, in (0, 1].
    fit_intercept, standardize, alphas, eps, cv, max_iter, tol
        As in :class:`AdaptiveLasso`.

    Attributes
    ----------
    coef_, intercept_, alpha_, alphas_, dual_gap_, status_, n_iter_, n_features_in_, feature_names_in_
        As in :class:`Slope`; ``dual_gap_`` is the larger of both stages'.
    gamma_ : float
        The gamma of the fit.
    mse_path_ : ndarray of shape (n_alphas, n_folds)
        With ``alpha=None``: the mean squared error on held-out rows at ``gamma_``.

    See Also
    --------
    riata.relaxed_path : The whole path, with penalty factors and offsets.

    References
    ----------
    N. Meinshausen (2007), Relaxed Lasso. Computational Statistics & Data Analysis 52.
    T. Hastie, R. Tibshirani and R. Tibshirani (2020), Best subset, forward stepwise or lasso? Statistical Science 35.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from riata.linear_model import RelaxedLasso
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = RelaxedLasso(alpha=1.0, gamma=0.5).fit(X, y)
    >>> int((model.coef_ != 0).sum())
    3
    """

    path = staticmethod(relaxed_path)

    def __init__(self, alpha=1.0, *, gamma=0.0, l1_ratio=1.0, fit_intercept=True, standardize=False, alphas=100, eps=1e-3,
                 cv=None, max_iter=None, tol=1e-6):
        self._keep(locals())

    def _check_own_parameters(self):
        super()._check_own_parameters()
        try:
            gammas = np.atleast_1d(np.asarray(self.gamma, dtype=np.float64))
        except (TypeError, ValueError):
            gammas = np.empty(0)
        if gammas.ndim != 1 or not gammas.size or not ((gammas >= 0) & (gammas <= 1)).all() or isinstance(self.gamma, bool):
            raise InvalidParameterError(f"The 'gamma' parameter of RelaxedLasso must be a number in [0, 1], or with alpha=None a "
                                        f"list of such. Got {self.gamma!r} instead.")
        self._must("gamma", self.alpha is None or isinstance(self.gamma, Real), "one number where alpha is given")
        self._must("l1_ratio", self.l1_ratio > 0, "a number in (0, 1]: ridge selects nothing")
        self._gammas = gammas

    def _fit_one(self, X, y, weights):
        self.alpha_, self.gamma_ = float(self.alpha), float(self.gamma)
        self._keep_path(relaxed_path(X, y, alphas=[self.alpha_], **self._settings(weights)).mixed(self.gamma_), 0, X.dtype)

    def _choose(self, X, y, weights, folds):
        relaxed = relaxed_path(X, y, **self._native_grid(), **self._settings(weights))
        self._must_have_grid(relaxed.alphas)
        base = np.ones(len(y)) if weights is None else weights
        errors = np.empty((len(self._gammas), len(relaxed.alphas), len(folds)))
        for k, (train, test) in enumerate(_pairs(folds, len(y))):      # folds, not problems: each has a refit of its own
            part = relaxed_path(X, y, alphas=relaxed.alphas, **self._settings(base * np.bincount(train, minlength=len(y))))
            for i, gamma in enumerate(self._gammas):
                apart = (y[test, None] - part.predict(X[test], gamma=gamma)) ** 2
                errors[i, :, k] = np.average(apart, axis=0, weights=base[test])
        best = int(np.argmin(errors.mean(axis=2).min(axis=1)))
        self.gamma_ = float(self._gammas[best])
        self._keep_path(relaxed.mixed(self.gamma_), self._keep_choice(relaxed.alphas, errors[best]), X.dtype)


def adaptive_or_plain(X, y, initial, **settings):
    """The adaptive path; where a first fit by name selects nothing, that of the factors one, which selects nothing either."""
    try:
        return adaptive_path(X, y, initial=initial, **settings)
    except ValueError as error:
        if "every coefficient of the first fit is 0" not in str(error) or not isinstance(initial, str):
            raise
    return adaptive_path(X, y, initial=np.ones(X.shape[1]), **settings)


def _pairs(folds, n):
    """[(training rows, test rows)] of `Folds`."""
    every = np.arange(n)
    trains = folds.train if folds.train is not None else [np.setdiff1d(every, test) for test in folds.test]
    return list(zip(trains, folds.test, strict=True))
