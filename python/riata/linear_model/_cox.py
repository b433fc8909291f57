"""CoxRegressor: the proportional hazards model with an elastic-net penalty, one alpha."""

import warnings

import numpy as np
from scipy.linalg import LinAlgWarning
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from riata.saved_model import meaning_of
from riata_engine.batch import Interrupted
from riata_engine.cox import STATUS, Cox, baseline_hazard, concordance, solve_cox

from ._base import _DESIGN, _validated, canonical, checked_weights
from ._parameters import InvalidParameterError, check_parameters
from ._survival_target import check_events, prediction_times, stratum_numbers, survival_target

TIES = ("efron", "breslow")


class SurvivalPredictor(BaseEstimator):
    """Prediction from ``coef_`` and a baseline hazard."""

    def _check_parameters(self, **rules):
        owner = type(self).__name__
        check_parameters(owner, vars(self), **rules)
        if self.max_iter is None:
            raise InvalidParameterError(f"The 'max_iter' parameter of {owner} must be an int >= 1. Got None instead.")
        if self.ties not in TIES:
            raise InvalidParameterError(f"The 'ties' parameter of {owner} must be 'efron' or 'breslow'. Got {self.ties!r} "
                                        f"instead.")
        if not isinstance(self.standardize, (bool, np.bool_)):
            raise InvalidParameterError(f"The 'standardize' parameter of {owner} must be True or False. Got "
                                        f"{self.standardize!r} instead.")

    def _checked(self, X, y, event, sample_weight, strata, offset):
        """X as the engine reads it, and the other fields of a ``Cox``."""
        if y is None:
            survival_target(type(self).__name__, y, event, 0)
        X = canonical(_validated(self, X, "no_validation", **_DESIGN))
        n, p = X.shape
        time, event = survival_target(type(self).__name__, y, event, n)
        weights = checked_weights(sample_weight, n)
        strata, labels = stratum_numbers(strata, n)
        check_events(event, weights, strata, labels)
        if offset is not None:
            offset = check_array(offset, ensure_2d=False, dtype=np.float64, input_name="offset")
            if offset.shape != (n,):
                raise ValueError(f"offset has shape {offset.shape}: expected one number for each row of X, ({n},).")
        factor = self.penalty_factor
        if factor is not None:
            try:
                factor = np.asarray(factor, float)
            except (TypeError, ValueError):
                factor = np.empty(0)                   # no numbers: refused below
            if factor.shape != (p,) or not (factor >= 0).all():
                raise InvalidParameterError(f"The 'penalty_factor' parameter of {type(self).__name__} must be {p} numbers "
                                            f">= 0, one for each "
                                            f"feature. Got {self.penalty_factor!r} instead.")
        self.strata_ = labels
        return X, {"time": time, "event": event, "strata": strata, "weights": weights, "offset": offset, "penalty_factor": factor,
                   "ties": self.ties, "standardize": bool(self.standardize), "tol": float(self.tol),
                   "max_iter": int(self.max_iter),
                   "n_threads": self.n_jobs}

    def _set_baseline(self, cox, coef):
        eta = cox.X @ coef
        if cox.offset is not None:
            eta = eta + cox.offset
        self._center = float(np.average(eta, weights=cox.weights))
        time, stratum, increment = baseline_hazard(cox, eta - self._center)
        self.event_times_ = np.unique(time)
        self._steps = [(time[stratum == s], np.cumsum(increment[stratum == s]))
                       for s in range(1 if self.strata_ is None else len(self.strata_))]

    def predict(self, X):
        """The linear predictor, log of the hazard relative to x = 0; higher means a shorter life.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
            ``X @ coef_``.
        """
        check_is_fitted(self)
        X = validate_data(self, X, accept_sparse=("csr", "csc", "coo"), dtype=(np.float64, np.float32), reset=False)
        return X @ self.coef_

    def _saved_meaning(self):
        return meaning_of("cox", "log", predicts="link")

    def predict_hazard_ratio(self, X):
        """exp of ``predict``: the hazard in units of that at x = 0."""
        with np.errstate(over="ignore"):
            return np.exp(self.predict(X))

    def predict_cumulative_hazard(self, X, times=None, *, strata=None, offset=None):
        """Cumulative hazard, Breslow's estimate (with ``ties="efron"`` its like for Efron's ties), at given times.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        times : array-like of shape (n_times,), default=None
            None means ``event_times_``.
        strata : array-like of shape (n_samples,), default=None
            Needed where the model was fitted with strata.
        offset : array-like of shape (n_samples,), default=None
            Added to the linear predictor.

        Returns
        -------
        ndarray of shape (n_samples, n_times)
        """
        eta = self.predict(X).astype(np.float64)
        if offset is not None:
            eta = eta + np.asarray(offset, float)
        times = self.event_times_ if times is None else prediction_times(times)
        if (strata is None) != (self.strata_ is None):
            raise ValueError("strata must be given where the model was fitted with strata, and only there.")
        number = np.zeros(len(eta), np.intp)
        if strata is not None:
            strata = np.asarray(strata)
            number = np.minimum(np.searchsorted(self.strata_, strata), len(self.strata_) - 1)
            if (unknown := self.strata_[number] != strata).any():
                raise ValueError(f"strata[{int(unknown.argmax())}] = {strata[unknown.argmax()].item()!r} was not seen in "
                                 f"fit: its baseline hazard is "
                                 "unknown.")
        out = np.empty((len(eta), len(times)))
        for s, (at, hazard) in enumerate(self._steps):
            steps = np.concatenate([[0.0], hazard])[np.searchsorted(at, times, side="right")]
            rows = number == s
            with np.errstate(over="ignore"):
                out[rows] = steps * np.exp(eta[rows, None] - self._center)
        return out

    def predict_survival_function(self, X, times=None, *, strata=None, offset=None):
        """Probability to live longer than each time: exp(−cumulative hazard), of shape (n_samples, n_times).

        Parameters
        ----------
        X, times, strata, offset
            As in :meth:`predict_cumulative_hazard`.
        """
        return np.exp(-self.predict_cumulative_hazard(X, times, strata=strata, offset=offset))

    def score(self, X, y, event=None, *, sample_weight=None, strata=None):
        """Harrell's concordance index: the share of comparable pairs in which the higher ``predict`` dies first; ties count half.

        A pair is comparable where the shorter time is a death; of equal times, where one of the two is. NaN where there is no
        such pair.

        Parameters
        ----------
        X, y, event, sample_weight, strata
            As in ``fit``. A pair counts the product of its weights; only pairs of one stratum are compared.

        Returns
        -------
        float
        """
        eta = self.predict(X)
        time, event = survival_target(type(self).__name__, y, event, len(eta))
        number, _ = stratum_numbers(strata, len(eta))
        pairs = concordance(time, event, eta[None], checked_weights(sample_weight, len(eta)), number)[0]
        return float((pairs[0] + pairs[2] / 2) / pairs.sum()) if pairs.sum() > 0 else float("nan")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.target_tags.required = True
        tags.target_tags.positive_only = True
        tags.target_tags.one_d_labels = False
        return tags


def solve_survival(owner, cox):
    """The solution of a ``Cox``; one warning, with counts, if something fell short."""
    try:
        solution = solve_cox(cox)
    except Interrupted as stopped:
        stopped.args = (f"{owner}: interrupted; the model is not fitted",)
        raise
    names = np.asarray(STATUS)[solution.status]
    if (count := int((names == "not_finite").sum())):
        raise ValueError(f"{owner}: {count} of {names.size} fits gave coefficients that are not finite: scale X first.")
    if (count := int((names == "max_iter").sum())):
        worst = float(np.nanmax(np.where(names == "max_iter", solution.gap, -np.inf)))
        warnings.warn(
            f"{owner}: {count} of {names.size} fits stopped with a relative gap above tol={cox.tol:g} (the largest is "
            f"{worst:.3g}). Where "
            "features tell who dies first without an error the likelihood has no maximum: raise alpha; else raise "
            "max_iter or tol.",
            ConvergenceWarning, stacklevel=3)
    if not np.all(cox.alphas) if cox.alphas is not None else False:
        n, p = cox.X.shape
        if p >= n:
            warnings.warn(f"{owner}: alpha=0 with {p} features and {n} rows has no unique solution: a small alpha > 0 "
                          f"makes it unique.",
                          LinAlgWarning, stacklevel=3)
    return solution


class CoxRegressor(SurvivalPredictor):
    """Cox's proportional hazards model with an L1 and an L2 penalty.

    Minimises over b::

        −log PL(b) / Σ_i w_i  +  alpha · Σ_j f_j ( l1_ratio·|b_j| + (1 − l1_ratio)/2 · b_j² )

    with PL the partial likelihood: a product over deaths of exp(η_i) / Σ_j exp(η_j), η = Xb + offset, the sum over the rows of
    the same stratum still at risk. There is no intercept: the baseline hazard takes it up.

    Parameters
    ----------
    alpha : float, default=1.0
        Strength of the penalty, >= 0.
    l1_ratio : float, default=0.5
        Share of the L1 penalty, in [0, 1].
    ties : {'efron', 'breslow'}, default='efron'
        What to make of deaths at the same time. (scikit-survival's Coxnet and glmnet's default have Breslow's.)
    standardize : bool, default=False
        Penalise b_j·s_j, s_j the weighted standard deviation of feature j; coefficients stay on the scale of X.
    penalty_factor : array-like of shape (n_features,), default=None
        f_j >= 0: 0 leaves a feature free, inf leaves it out.
    max_iter : int, default=1000
        The most Newton steps.
    tol : float, default=1e-6
        The fit stops when its duality gap is at most ``tol`` times the objective of the null model, half its deviance over Σ w.
    n_jobs : int or None, default=None
        Threads. None means all that are allowed; the result is the same, bit for bit, for every number.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,)
        Coefficients, in the floating type of X.
    gap_ : float
        Duality gap in units of the null objective, computed afresh in float64. Where a coefficient has no penalty (``alpha=0``, a
        penalty factor of 0) there is no dual point: the violation of the KKT conditions takes its place.
    n_iter_ : int
        Newton steps, at least 1.
    log_likelihood_ : float
        Log partial likelihood.
    dev_ratio_ : float
        Share of the null deviance 2·(saturated − log likelihood) explained.
    event_times_ : ndarray
        Distinct times of death, where the baseline hazard has its steps.
    strata_ : ndarray or None
        Labels of the strata.
    n_features_in_, feature_names_in_
        As in scikit-learn.

    References
    ----------
    D. R. Cox (1972), Regression models and life-tables. JRSS B 34, 187–220.
    B. Efron (1977), The efficiency of Cox's likelihood function for censored data. JASA 72, 557–565.
    N. Simon, J. Friedman, T. Hastie and R. Tibshirani (2011), Regularization paths for Cox's proportional hazards model via
    coordinate descent. Journal of Statistical Software 39(5).

    Examples
    --------
    >>> import numpy as np
    >>> from riata.linear_model import CoxRegressor
    >>> X = np.array([[0.0], [1.0], [2.0], [3.0], [4.0]])
    >>> time, event = np.array([5.0, 4.0, 6.0, 2.0, 1.0]), np.array([True, True, False, True, True])
    >>> model = CoxRegressor(alpha=0.1).fit(X, time, event)
    >>> bool(model.coef_[0] > 0), model.score(X, time, event)
    (True, 0.9)
    """

    def __init__(self, alpha=1.0, *, l1_ratio=0.5, ties="efron", standardize=False, penalty_factor=None, max_iter=1000, tol=1e-6,
                 n_jobs=None):
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.ties = ties
        self.standardize = standardize
        self.penalty_factor = penalty_factor
        self.max_iter = max_iter
        self.tol = tol
        self.n_jobs = n_jobs

    def fit(self, X, y, event=None, *, sample_weight=None, strata=None, offset=None):
        """Fit the model.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data; float32 and float64 are kept as given. Without missing values.
        y : array-like
            A structured array of (event, time), as scikit-survival has it; an array (n_samples, 2) of event and time, or a
            table with columns ``event`` and ``time``; or the times (n_samples,), all of them deaths unless ``event`` says
            otherwise. Times > 0.
        event : array-like of shape (n_samples,), default=None
            True or 1 for a death, False or 0 for a row censored at its time; where y holds the times only.
        sample_weight : float or array-like of shape (n_samples,), default=None
            Weights >= 0. With ``ties="breslow"`` a weight of 2 is the row twice; Efron's ties take tied deaths with their
            mean weight, as in R's survival.
        strata : array-like of shape (n_samples,), default=None
            Groups with baseline hazards of their own.
        offset : array-like of shape (n_samples,), default=None
            Added to the linear predictor.

        Returns
        -------
        self
        """
        self._check_parameters()
        X, fields = self._checked(X, y, event, sample_weight, strata, offset)
        cox = Cox(X, alphas=np.array([[float(self.alpha)]]), l1_ratio=float(self.l1_ratio), **fields)
        solution = solve_survival(type(self).__name__, cox)
        coef = solution.coef[0, 0]
        self.coef_ = coef.astype(X.dtype)
        self.gap_, self.n_iter_ = float(solution.gap[0, 0]), max(1, int(solution.n_steps[0, 0]))
        self.log_likelihood_, self.dev_ratio_ = float(solution.log_likelihood[0, 0]), float(solution.dev_ratio[0, 0])
        self._set_baseline(cox, coef)
        return self
