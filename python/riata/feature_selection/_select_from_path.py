"""SelectFromPath: the first features to enter a path, or the largest coefficients at a chosen alpha."""

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.feature_selection import SelectorMixin
from sklearn.utils.validation import check_is_fitted

from riata.cross_validation import cross_validate_path
from riata.linear_model._base import checked_data
from riata.losses import target_numbers
from riata.paths import fit_path
from riata.validation import check_count, check_l1_ratio, check_number

RULES = ("min", "1se")


class SelectFromPath(SelectorMixin, BaseEstimator):
    r"""Select features from one elastic-net path, by their coefficients or by the order in which they enter.

    With ``cv`` the alpha is chosen by cross-validation, with ``alpha`` it is given; then

        selected: { j : s_j |b_j(alpha)| > threshold }, of these the `max_features` with the largest s_j |b_j|,

    s_j the standard deviation of column j (divisor n). Without either, the `max_features` features that enter the path first,
    those that enter at the same alpha by s_j |b_j| there.

    Parameters
    ----------
    max_features : int or None, default=None
        The most features to select, at most those of X. Needed where there is neither `cv` nor `alpha`.
    threshold : float >= 0, default=0.0
        In units of y (of losses with a link, of the linear predictor).
    cv : int, splitter, iterable, ResamplingPlan or None, default=10
        As in `riata.cross_validate_path`; an int makes folds from `seed`. None: no cross-validation.
    rule : {"1se", "min"}, default="1se"
        The largest alpha within one standard error of the smallest error, or that of the smallest error itself.
    alpha : float > 0 or None, default=None
        The penalty, instead of a cross-validation.
    loss : str or riata.losses.Loss, default="squared"
        As in `riata.fit_path`; for "logistic" y holds labels of two classes.
    l1_ratio : float in (0, 1] or list of these, default=1.0
        A list with `cv` only.
    alphas : int or array-like of shape (L,), default=100
    standardize : bool, default=False
    fit_intercept : bool, default=True
    tol : float, default=1e-6
    seed : int, default=0
        Key of the folds.
    n_threads : int or None, default=None

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,)
        At the chosen alpha. Without one, at the alpha where the last of the selected features enters.
    importances_ : ndarray of shape (n_features,)
        s_j |b_j| there.
    order_ : ndarray of shape (n_features,)
        Number of the alpha at which a feature enters the path; L where it does not.
    alpha_ : float
    path_ : PathResult
    cv_ : CVResult or None
    n_features_in_, feature_names_in_
        As in every estimator.

    Examples
    --------
    >>> import riata
    >>> from sklearn.datasets import load_diabetes
    >>> X, y = load_diabetes(return_X_y=True)
    >>> riata.SelectFromPath(max_features=3, cv=None).fit(X, y).get_support(indices=True)
    array([2, 3, 8])
    """

    def __init__(self, *, max_features=None, threshold=0.0, cv=10, rule="1se", alpha=None, loss="squared", l1_ratio=1.0,
                 alphas=100, standardize=False, fit_intercept=True, tol=1e-6, seed=0, n_threads=None):
        self.max_features = max_features
        self.threshold = threshold
        self.cv = cv
        self.rule = rule
        self.alpha = alpha
        self.loss = loss
        self.l1_ratio = l1_ratio
        self.alphas = alphas
        self.standardize = standardize
        self.fit_intercept = fit_intercept
        self.tol = tol
        self.seed = seed
        self.n_threads = n_threads

    def fit(self, X, y, groups=None):
        """Fit the path, and the cross-validation if there is one.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        groups : array-like of shape (n_samples,), optional
            For `cv`.

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            If a parameter, X or y cannot be used; the message names it and the remedy.
        """
        X, Y, _, _ = checked_data(self, X, target_numbers(y, self.loss), None, single_target=True)
        n, p = X.shape
        if n < 2:
            raise ValueError(f"X has n_samples = {n}: at least 2 are needed")
        most = p if self.max_features is None else check_count(self.max_features, "max_features", 2**53)
        if most > p:
            raise ValueError(f"max_features = {most} is more than X has, n_features = {p}: give an int from 1 to {p}, or None "
                             "for no limit")
        threshold = check_number(self.threshold, "threshold", 0.0, high_open=True)
        settings = {"loss": self.loss, "standardize": self.standardize, "intercept": self.fit_intercept, "tol": self.tol,
                    "alphas": self.alphas, "n_threads": self.n_threads}
        self.cv_ = None
        if self.cv is not None and self.alpha is None:
            self._cross_validate(X, Y[:, 0], groups, settings)
        else:
            self._fit_path(X, Y[:, 0], settings)
        coef = np.asarray(self.path_.coef)
        self.order_ = np.where((coef != 0).any(axis=0), (coef != 0).argmax(axis=0), len(coef))
        spread = _spread(X)
        step = self._step(coef * spread, most)
        self.alpha_, self.coef_ = float(self.path_.alphas[step]), coef[step]
        self.importances_ = spread * np.abs(self.coef_)
        if self.cv_ is None and self.alpha is None:
            entry = np.abs(coef[np.minimum(self.order_, len(coef) - 1), np.arange(p)]) * spread
            ranked = np.lexsort((np.arange(p), -entry, self.order_))
            ranked = ranked[(self.order_[ranked] <= step) & (self.importances_[ranked] >= threshold)]
        else:
            ranked = np.lexsort((np.arange(p), -self.importances_))
            ranked = ranked[self.importances_[ranked] > threshold]
        self._support = np.zeros(p, bool)
        self._support[ranked[:most]] = True
        return self

    def _cross_validate(self, X, y, groups, settings):
        if self.rule not in RULES:
            raise ValueError(f"rule = {self.rule!r} must be one of {', '.join(map(repr, RULES))}")
        self.cv_ = cross_validate_path(X, y, cv=self.cv, groups=groups, l1_ratio=self.l1_ratio, seed=self.seed, **settings)
        ratio, self._chosen = self.cv_.index_min if self.rule == "min" else self.cv_.index_1se
        self.path_ = self.cv_.paths[ratio]

    def _fit_path(self, X, y, settings):
        l1_ratio = check_l1_ratio(self.l1_ratio)
        if l1_ratio == 0:
            raise ValueError("l1_ratio = 0 is ridge, which selects no features: give a number above 0")
        if self.alpha is not None:
            settings["alphas"] = [check_number(self.alpha, "alpha", 0.0, low_open=True, high_open=True)]
            self._chosen = 0
        elif self.max_features is None:
            raise ValueError("max_features = None, cv = None and alpha = None leave open how many features to select: give "
                             "one of them")
        self.path_ = fit_path(X, y, l1_ratio=l1_ratio, **settings)

    def _step(self, coef, most):
        """Number of the chosen alpha, or of that where feature number ``most`` enters."""
        if self.cv_ is not None or self.alpha is not None:
            return self._chosen
        entered = np.sort(self.order_[self.order_ < len(coef)])
        return int(entered[min(most, len(entered)) - 1]) if len(entered) else len(coef) - 1

    def _get_support_mask(self):
        check_is_fitted(self)
        return self._support

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.target_tags.required = True
        return tags


def _spread(X):
    """(p,) standard deviations of the columns, divisor n, each from its centred entries."""
    if isinstance(X, np.ndarray):
        return X.std(axis=0, dtype=np.float64)
    n = X.shape[0]
    mean = np.asarray(X.mean(axis=0, dtype=np.float64)).ravel()
    column = np.repeat(np.arange(X.shape[1]), np.diff(X.indptr))
    square = np.bincount(column, (X.data - mean[column])**2, X.shape[1])
    return np.sqrt((square + (n - np.diff(X.indptr)) * mean**2) / n)
