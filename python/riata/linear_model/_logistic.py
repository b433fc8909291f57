"""LogisticRegression: two classes by a binomial model, more by the multinomial one."""

from numbers import Real

import numpy as np
from sklearn.base import ClassifierMixin

from riata.links import classes_at, log_shares_of_two
from riata.saved_model import meaning_of
from riata_engine.batch import Batch

from ._base import LinearPredictor
from ._certified import dual_gap, solve_certified, tight_settings
from ._classes import check_every_class, checked_classes, weights_of_rows
from ._parameters import InvalidParameterError
from ._probabilities import Probabilities

_PENALTIES = ("deprecated", "l1", "l2", "elasticnet", None)
SOLVERS = ("lbfgs", "liblinear", "newton-cg", "newton-cholesky", "sag", "saga")


class LinearClassifier(ClassifierMixin, Probabilities, LinearPredictor):
    """A classifier of ``coef_`` (1 or K, p) and ``intercept_`` (1 or K,) with probabilities."""

    def decision_function(self, X):
        """The linear predictor: of the second class where there are two.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) for two classes, else (n_samples, n_classes)
        """
        eta = super().predict(X)
        return eta[:, 0] if eta.shape[1] == 1 else eta

    def predict(self, X):
        """The most probable class of each row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        return classes_at(self.decision_function(X), self.classes_)

    def _log_probabilities(self, eta):
        from scipy.special import log_softmax

        return log_shares_of_two(eta) if eta.ndim == 1 else log_softmax(eta, axis=1)

    def _saved_meaning(self):
        link = "logit" if len(self.coef_) == 1 else "softmax"
        return meaning_of("logistic" if link == "logit" else "multinomial", link, self.classes_, "class")

    def _checked_classes(self, X, y, sample_weight):
        """(X, codes (n,), weights times class weights or None); sets ``classes_``."""
        X, codes, weights, factor = checked_classes(self, X, y, sample_weight)
        weights = weights_of_rows(codes, weights, factor)
        check_every_class(codes, weights, self.classes_)
        return X, codes, weights

    def _share(self):
        """l1_ratio by ``penalty`` and ``l1_ratio``; None where there is no penalty."""
        penalty, ratio = self.penalty, 0.0 if self.l1_ratio is None else self.l1_ratio
        name = type(self).__name__
        if not (penalty is None or isinstance(penalty, str)) or penalty not in _PENALTIES:
            raise InvalidParameterError(f"The 'penalty' parameter of {name} must be 'l1', 'l2', 'elasticnet' or None. "
                                        f"Got {penalty!r} instead.")
        if not isinstance(ratio, Real) or isinstance(ratio, bool) or not 0 <= ratio <= 1:
            raise InvalidParameterError(f"The 'l1_ratio' parameter of {name} must be a number in [0, 1]. Got {ratio!r} instead.")
        return {"l1": 1.0, "l2": 0.0, None: None}.get(penalty, float(ratio))

    def _settings(self):
        """Keywords of the engine's batches, of two classes and of more."""
        threads = None if self.n_jobs is None or self.n_jobs < 0 else int(self.n_jobs)
        return {"intercept": bool(self.fit_intercept), "n_threads": threads, **tight_settings(self.tol, self.max_iter)}

    def _fit_codes(self, X, codes, weights, alpha, l1_ratio):
        """Set ``coef_``, ``intercept_`` and ``dual_gap_`` by one fit; (1,) its steps."""
        owner = type(self).__name__
        if len(self.classes_) > 2:
            from ._multinomial import fit_multinomial

            fits = fit_multinomial(X, codes, len(self.classes_), alpha, l1_ratio, weights, owner=owner, **self._settings())
            coef, intercept, steps = fits.coef[0], fits.intercept[0], fits.n_epochs[:1]
            self.dual_gap_ = float(fits.gap[0] * fits.null_loss)
        else:
            solution = solve_certified(
                owner, Batch(X, codes.astype(np.float64)[:, None], weights=weights, l1_ratio=l1_ratio, alphas=np.array([alpha]),
                             loss="logistic", **self._settings()), self.verbose)
            coef, intercept, steps = solution.coef[:, 0], solution.intercept[:, 0], solution.n_cholesky[:, 0]
            self.dual_gap_ = float(dual_gap(solution)[0, 0])
        self._keep_model(coef, intercept, X.dtype)
        return np.maximum(steps, 1).astype(np.int32)

    def _keep_model(self, coef, intercept, dtype):
        self.coef_ = coef.astype(dtype, copy=False)
        self.intercept_ = intercept.astype(dtype, copy=False) if self.fit_intercept else np.zeros(len(coef), dtype)


class LogisticRegression(LinearClassifier):
    """Logistic regression with an L1, an L2 penalty, both or none.

    For two classes, y = 0 and 1, minimises over b0 and b::

        C · Σ_i s_i ( log(1 + e^η_i) − y_i η_i )  +  l1_ratio·‖b‖₁ + (1 − l1_ratio)/2 · ‖b‖₂²,    η_i = b0 + x_iᵀb

    with s the sample weights times the class weights: the objective of ``sklearn.linear_model.LogisticRegression``. More classes
    are fitted by the multinomial (softmax) model with a row of ``coef_`` for each class. The intercept is never penalised.

    Parameters
    ----------
    penalty : {'l1', 'l2', 'elasticnet', None}, optional
        Shorthand for ``l1_ratio=1``, ``l1_ratio=0``, any ``l1_ratio``, and ``C=np.inf``.
    C : float, default=1.0
        Inverse of the strength of the penalty, > 0; ``alpha`` of riata's paths is 1 / (C · Σ s). ``np.inf``: no penalty.
    l1_ratio : float, default=0.0
        Share of the L1 penalty, in [0, 1].
    dual : bool, default=False
        No-op.
    tol : float, default=1e-4
        The fit stops when its duality gap is at most ``tol²`` times half the null deviance, so that the relative error of the
        coefficients is about ``tol``.
    fit_intercept : bool, default=True
    intercept_scaling : float, default=1
        No-op: the intercept is never penalised.
    class_weight : dict or 'balanced', default=None
        Weights of the classes; 'balanced' is inversely proportional to their frequencies.
    random_state : int, RandomState instance or None, default=None
        No-op: nothing is random.
    solver : str, default='lbfgs'
        No-op: any name of scikit-learn's solvers gives the same, certified solution, for every penalty.
    max_iter : int, default=100
        A hundred epochs of descent are allowed for each.
    verbose : int, default=0
        Show one line of progress.
    warm_start : bool, default=False
        No-op.
    n_jobs : int or None, default=None
        Threads; None for all that may be used.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    coef_ : ndarray of shape (1, n_features) for two classes, else (n_classes, n_features)
    intercept_ : ndarray of shape (1,) or (n_classes,)
    n_iter_ : ndarray of shape (1,)
        Newton steps, at least 1 (more than two classes: epochs).
    dual_gap_ : float
        Duality gap of Σ s ℓ / Σ s + penalty / (C Σ s) at the solution.

    References
    ----------
    Friedman, Hastie and Tibshirani (2010), Regularization paths for generalized linear models via coordinate descent.
    J. Stat. Software 33.
    """

    def __init__(self, penalty="deprecated", *, C=1.0, l1_ratio=0.0, dual=False, tol=1e-4, fit_intercept=True,
                 intercept_scaling=1, class_weight=None, random_state=None, solver="lbfgs", max_iter=100, verbose=0,
                 warm_start=False, n_jobs=None):
        self._keep(locals())

    def fit(self, X, y, sample_weight=None):
        """Fit the model.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
            Labels of any kind.
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a parameter, X, y or sample_weight cannot be used; labels of one class only.
        """
        self._check_parameters(solver=None, l1_ratio=None)
        if self.solver not in SOLVERS:
            raise InvalidParameterError(f"The 'solver' parameter of LogisticRegression must be one of {SOLVERS}. "
                                        f"Got {self.solver!r} instead.")
        share = self._share()
        X, codes, weights = self._checked_classes(X, y, sample_weight)
        alpha = 0.0 if share is None or np.isinf(self.C) else 1.0 / (self.C * (len(codes) if weights is None else weights.sum()))
        self.n_iter_ = self._fit_codes(X, codes, weights, alpha, share or 0.0)
        return self
