"""CoxRegressorCV: alpha and l1_ratio chosen by cross-validation, all folds and the fits on all rows in one call of the engine."""

from numbers import Integral

import numpy as np
from sklearn.model_selection import check_cv

from riata_engine.cox import Cox, concordance

from ._cox import SurvivalPredictor, solve_survival
from ._parameters import InvalidParameterError, descending_alphas

SCORING = ("deviance", "c_index", "concordance")


class CoxRegressorCV(SurvivalPredictor):
    """Cox's proportional hazards model with alpha and l1_ratio chosen by cross-validation.

    The objective is that of :class:`CoxRegressor`. The partial likelihood of few held-out rows says little, as they share no
    risk sets
    with the others. So the deviance of a fold is, as in glmnet, that of all rows less that of the training rows, both at the
    coefficients of the training rows, per held-out death (van Houwelingen et al. 2006).

    Parameters
    ----------
    l1_ratio : float or list of float, default=0.5
        Share of the L1 penalty, in [0, 1]; several are compared.
    eps : float or None, default=None
        ``alpha_min / alpha_max`` of an automatic grid: None is 1e-3, or 1e-2 where there are as many features as rows, or more.
    alphas : int or array-like, default=100
        Number of alphas of an automatic (geometric) grid, or the alphas.
    cv : int, splitter, iterable or None, default=None
        None is 5 folds; an int that many, each with its share of the deaths (not shuffled); else any splitter or (train, test)
        pairs.
    scoring : {'deviance', 'c_index'}, default='deviance'
        What chooses: the smallest deviance, or the largest mean concordance (Harrell's C-index, weighted) of the held-out rows
        of a fold among themselves. 'concordance' is the same as 'c_index'.
    ties, standardize, penalty_factor, max_iter, tol, n_jobs
        As in :class:`CoxRegressor`.

    Attributes
    ----------
    alpha_, l1_ratio_ : float
        The chosen pair.
    coef_, gap_, n_iter_, log_likelihood_, dev_ratio_, event_times_, strata_, n_features_in_, feature_names_in_
        As in :class:`CoxRegressor`, of the fit on all rows at the chosen pair.
    alphas_ : ndarray of shape (n_alphas,) or (n_l1_ratios, n_alphas)
        The grid, from large to small.
    coef_path_ : ndarray of shape (n_alphas, n_features) or (n_l1_ratios, n_alphas, n_features)
        Coefficients on all rows.
    deviance_path_, concordance_path_ : ndarray of shape (n_alphas, n_folds) or (n_l1_ratios, n_alphas, n_folds)
        Held-out deviance per death, and concordance, of each fold; NaN in a fold without a death, or a comparable pair.
    mean_deviance_, mean_concordance_ : ndarray of shape (n_alphas,) or (n_l1_ratios, n_alphas)
        Means over folds, of the deviance weighted by their deaths.

    References
    ----------
    H. C. van Houwelingen, T. Bruinsma, A. A. M. Hart, L. J. van 't Veer and L. F. A. Wessels (2006), Cross-validated Cox
    regression on
    microarray gene expression data. Statistics in Medicine 25, 3201–3216.
    """

    def __init__(self, *, l1_ratio=0.5, eps=None, alphas=100, cv=None, scoring="deviance", ties="efron", standardize=False,
                 penalty_factor=None, max_iter=1000, tol=1e-6, n_jobs=None):
        self.l1_ratio = l1_ratio
        self.eps = eps
        self.alphas = alphas
        self.cv = cv
        self.scoring = scoring
        self.ties = ties
        self.standardize = standardize
        self.penalty_factor = penalty_factor
        self.max_iter = max_iter
        self.tol = tol
        self.n_jobs = n_jobs

    def fit(self, X, y, event=None, *, sample_weight=None, strata=None, offset=None):
        """Cross-validate, then keep the fit on all rows at the best pair.

        Parameters
        ----------
        X, y, event, sample_weight, strata, offset
            As in :meth:`CoxRegressor.fit`.

        Returns
        -------
        self
        """
        self._check_parameters(l1_ratio="l1_ratios", eps=None if self.eps is None else "eps")
        if self.scoring not in SCORING:
            raise InvalidParameterError(f"The 'scoring' parameter of {type(self).__name__} must be 'deviance' or "
                                        f"'c_index'. Got {self.scoring!r} instead.")
        X, fields = self._checked(X, y, event, sample_weight, strata, offset)
        ratios = np.atleast_1d(np.asarray(self.l1_ratio, float))
        if ratios.ndim != 1 or not ratios.size or not ((ratios >= 0) & (ratios <= 1)).all():
            raise InvalidParameterError(f"The 'l1_ratio' parameter of {type(self).__name__} must be a number in [0, 1] or "
                                        f"a list of such. Got "
                                        f"{self.l1_ratio!r} instead.")
        trains, tests = self._folds(X, fields)
        n, everyone = X.shape[0], np.empty(0, np.intp)
        left_out = [everyone, *(np.setdiff1d(np.arange(n), train) for train in trains)]
        K = len(left_out)
        grid = {"n_alphas": int(self.alphas), "alpha_min_ratio": None if self.eps is None else float(self.eps)} \
            if np.ndim(self.alphas) == 0 else {"alphas": descending_alphas(type(self).__name__, self.alphas)}
        cox = Cox(X, held_out=left_out * len(ratios), l1_ratio=np.repeat(ratios, K), linear_predictors=True, **grid, **fields)
        solution = solve_survival(type(self).__name__, cox)
        self._set_curves(cox, solution, tests, ratios)
        r, l = self._choice(solution)
        self.l1_ratio_, self.alpha_ = float(ratios[r]), float(solution.alphas[r * K, l])
        coef = solution.coef[r * K, l]
        self.coef_ = coef.astype(X.dtype)
        self.gap_, self.n_iter_ = float(solution.gap[r * K, l]), max(1, int(solution.n_steps[r * K, l]))
        self.log_likelihood_, self.dev_ratio_ = float(solution.log_likelihood[r * K, l]), float(solution.dev_ratio[r * K, l])
        self._set_baseline(cox, coef)
        several = np.ndim(self.l1_ratio) > 0
        self.alphas_ = solution.alphas[::K] if several else solution.alphas[0]
        self.coef_path_ = solution.coef[::K] if several else solution.coef[0]
        if not several:
            for name in ("deviance_path_", "concordance_path_", "mean_deviance_", "mean_concordance_"):
                setattr(self, name, getattr(self, name)[0])
        return self

    def _folds(self, X, fields):
        event, weights = fields["event"], fields["weights"]
        n_splits = 5 if self.cv is None else self.cv
        spread = isinstance(n_splits, Integral) and np.bincount(event, minlength=2).min() >= n_splits
        cv = check_cv(n_splits, event.astype(int), classifier=bool(spread))
        pairs = list(cv.split(np.zeros((X.shape[0], 1)), event.astype(int) if spread else fields["time"]))
        if not pairs:
            raise ValueError(f"cv = {self.cv!r} gives no folds: give at least one pair (train, test)")
        for k, (train, _) in enumerate(pairs):
            counts = event[train] if weights is None else event[train] & (weights[train] > 0)
            if not counts.any():
                raise ValueError(f"fold {k} of cv leaves no event to train on: use fewer folds, or folds with deaths in each "
                                 "(cv as an int makes such).")
        return [train for train, _ in pairs], [test for _, test in pairs]

    def _set_curves(self, cox, solution, tests, ratios):
        """Held-out deviance and concordance (n_l1_ratios, n_alphas, n_folds), and their means."""
        K, L, n = len(tests) + 1, solution.alphas.shape[1], cox.X.shape[0]
        weights = np.ones(n) if cox.weights is None else cox.weights
        deaths = np.array([(weights * cox.event)[rows].sum() for rows in cox.held_out[1:K]])
        gained = (solution.full_deviance - solution.deviance).reshape(len(ratios), K, L)[:, 1:]
        with np.errstate(divide="ignore", invalid="ignore"):
            self.deviance_path_ = np.where(deaths > 0, gained.transpose(0, 2, 1) / deaths, np.nan)
        share = deaths / deaths.sum() if deaths.any() else np.full(len(deaths), np.nan)
        self.mean_deviance_ = np.nansum(self.deviance_path_ * share, axis=2)
        inside = np.zeros((len(tests), n))
        for k, test in enumerate(tests):
            inside[k, test] = weights[test]
        eta = solution.linear_predictor.reshape(len(ratios), K, L, n)[:, 1:]
        at = np.broadcast_to(inside[None, :, None], eta.shape)
        pairs = concordance(cox.time, cox.event, np.nan_to_num(eta.reshape(-1, n)), at.reshape(-1, n), cox.strata, cox.n_threads)
        with np.errstate(divide="ignore", invalid="ignore"):
            index = (pairs[:, 0] + pairs[:, 2] / 2) / pairs.sum(axis=1)
        self.concordance_path_ = index.reshape(len(ratios), K - 1, L).transpose(0, 2, 1)
        known = ~np.isnan(self.concordance_path_)
        with np.errstate(divide="ignore", invalid="ignore"):
            self.mean_concordance_ = np.where(known, self.concordance_path_, 0.0).sum(axis=2) / known.sum(axis=2)

    def _choice(self, solution):
        """(r, l) of the best pair."""
        curve = self.mean_deviance_ if self.scoring == "deviance" else -self.mean_concordance_
        if not np.isfinite(curve).any():
            raise ValueError(f"no fold has a held-out {self.scoring}: the folds need deaths to be tested on. Use fewer folds.")
        return np.unravel_index(np.nanargmin(curve), curve.shape)
