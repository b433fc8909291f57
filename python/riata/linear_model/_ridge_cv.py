"""RidgeCV: the strength of an L2 penalty by leave-one-out (in closed form) or by any cross-validation."""

from inspect import signature

import numpy as np
from sklearn import get_config
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
from sklearn.metrics import check_scoring, get_scorer, get_scorer_names
from sklearn.model_selection import check_cv
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping

from riata.cv_batch import row_sets
from riata.folds import make_folds
from riata_engine.batch import RidgeDecomposition

from ._base import LinearPredictor, checked_data
from ._parameters import InvalidParameterError
from ._ridge import Ridge, at_target_alphas, summed_weights
from ._routing import routed


class RidgeCV(MultiOutputMixin, RegressorMixin, LinearPredictor):
    """Ridge regression with alpha chosen by cross-validation; by default leave-one-out, in closed form.

    The objective is that of :class:`Ridge`. One eigen-decomposition serves all alphas, targets and left-out rows.

    Parameters
    ----------
    alphas : float or array-like of shape (n_alphas,), default=(0.1, 1.0, 10.0)
        Candidates, > 0 (>= 0 with ``cv``).
    fit_intercept : bool, default=True
        Whether to fit an (unpenalised) intercept.
    scoring : str, callable or None, default=None
        As in scikit-learn. None is the mean squared error for leave-one-out and R² with ``cv``.
    cv : int, splitter, iterable or None, default=None
        None is leave-one-out. Else the folds, as in scikit-learn.
    gcv_mode : {'auto', 'svd', 'eigen'} or None, default=None
        No-op: the decomposition is of the smaller of the Gram matrix and the kernel.
    store_cv_results : bool, default=False
        Whether to keep ``cv_results_`` (leave-one-out only).
    alpha_per_target : bool, default=False
        Whether each target has an alpha of its own (leave-one-out only).

    Attributes
    ----------
    alpha_ : float or ndarray of shape (n_targets,)
        The chosen alpha, one for each target if ``alpha_per_target=True``.
    best_score_ : float or ndarray of shape (n_targets,)
        Score at ``alpha_``.
    coef_ : ndarray of shape (n_features,) or (n_targets, n_features)
        Coefficients on all rows, in the floating type of X.
    intercept_ : float or ndarray of shape (n_targets,)
        Intercept; 0.0 if ``fit_intercept=False``.
    cv_results_ : ndarray of shape (n_samples, n_alphas) or (n_samples, n_targets, n_alphas)
        If ``store_cv_results=True``: (weighted) squared leave-one-out errors, or leave-one-out predictions where
        ``scoring`` is given.
    n_features_in_, feature_names_in_
        As in :class:`Ridge`.

    Notes
    -----
    With ``sample_weight`` leave-one-out weighs the squared errors; a row of weight 0 adds nothing. Folds of ``cv`` are
    scored with the weights where the scorer takes ``sample_weight``, as in scikit-learn 1.9.

    References
    ----------
    T. Hastie, R. Tibshirani and J. Friedman (2009), The Elements of Statistical Learning, 2nd ed., §7.10, eq. 7.52.
    """

    def __init__(
        self,
        alphas=(0.1, 1.0, 10.0),
        *,
        fit_intercept=True,
        scoring=None,
        cv=None,
        gcv_mode=None,
        store_cv_results=False,
        alpha_per_target=False,
    ):
        self._keep(locals())

    def fit(self, X, y, sample_weight=None, **params):
        """Choose alpha and fit on all rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data, dense in any order or sparse; float32 and float64 are kept as given.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets.
        sample_weight : float or array-like of shape (n_samples,), default=None
            Row weights >= 0; their size matters, as in :class:`Ridge`.
        **params : dict
            Passed to the scorer and the splitter, with ``enable_metadata_routing=True`` only.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a parameter, X, y, sample_weight or a fold cannot be used; the message names it and the remedy.
        """
        self._check_parameters(alphas=None)
        alphas = self._alphas()
        X, Y, weights, y_ndim = checked_data(self, X, y, sample_weight)
        y = Y[:, 0] if y_ndim == 1 else Y
        routed_params = routed(self, sample_weight, params)
        score_params = routed_params.get("scorer", {}).get("score", {})
        weights, total = summed_weights(sample_weight, weights, X.shape[0])
        if self.cv is None:
            if not routed_params and sample_weight is not None:
                score_params = {"sample_weight": np.full(len(Y), total / len(Y)) if weights is None else weights}
            chosen = self._leave_one_out(X, Y, y, weights, total, alphas, score_params)
        else:
            split_params = routed_params.get("splitter", {}).get("split", {})
            if not routed_params and weights is not None and _takes_weights(self._scorer()):
                score_params = {"sample_weight": weights}
            chosen = self._cross_validate(X, Y, y, weights, total, alphas, split_params, score_params)
        decomposition, target_alphas = chosen
        coef, intercept = at_target_alphas(decomposition, target_alphas / total, Y)
        self._set_coefficients(coef, intercept, X.dtype, y_ndim)
        return self

    def _check_parameters(self, **rules):
        super()._check_parameters(**rules)
        if isinstance(self.scoring, str):
            if self.scoring not in get_scorer_names():
                raise InvalidParameterError(
                    f"The 'scoring' parameter of RidgeCV must be a name in sklearn.metrics.get_scorer_names(), a "
                    f"callable or None. Got {self.scoring!r} instead."
                )
        elif not (self.scoring is None or callable(self.scoring)):
            raise InvalidParameterError(
                f"The 'scoring' parameter of RidgeCV must be a name, a callable or None. Got {self.scoring!r} instead."
            )
        if self.cv is not None:
            for name in ("store_cv_results", "alpha_per_target"):
                if getattr(self, name):
                    raise ValueError(f"cv!=None and {name}=True are incompatible: leave cv out for leave-one-out.")

    def _alphas(self):
        try:
            alphas = np.atleast_1d(np.asarray(self.alphas, dtype=np.float64))
        except (TypeError, ValueError) as error:
            raise InvalidParameterError(f"alphas of RidgeCV must be numbers. Got {self.alphas!r} instead.") from error
        if alphas.ndim != 1 or alphas.size == 0:
            raise InvalidParameterError(
                f"alphas of RidgeCV must be a number or a one-dimensional array; got an array of shape {alphas.shape}."
            )
        smallest = "> 0 for leave-one-out" if self.cv is None else ">= 0"
        fine = np.isfinite(alphas) & ((alphas > 0) if self.cv is None else (alphas >= 0))
        for index in np.flatnonzero(~fine)[:1]:
            raise InvalidParameterError(
                f"alphas[{index}] == {alphas[index]} of RidgeCV, must be finite and {smallest}."
            )
        return alphas

    def _leave_one_out(self, X, Y, y, weights, total, alphas, score_params):
        """Score every alpha by leave-one-out; (decomposition, the best alpha of each target)."""
        if len(Y) < 2 or (weights is not None and np.count_nonzero(weights) < 2):
            raise ValueError(
                "RidgeCV: leave-one-out needs at least 2 rows (of positive weight); got n_samples = "
                f"{len(Y) if weights is None else np.count_nonzero(weights)}."
            )
        decomposition = RidgeDecomposition(X, weights, bool(self.fit_intercept))
        n_targets = Y.shape[1]
        if self.scoring is None and not self.store_cv_results:
            scores = -decomposition.loo_error(alphas / total, Y) * (total / len(Y))
        else:
            residuals = decomposition.loo_residuals(alphas / total, Y)
            if self.scoring is None:
                values = residuals**2 * (total / len(Y) if weights is None else weights[:, None])
                scores = -values.mean(axis=1)
            else:
                values = Y - residuals
                scores = self._scores(values, y, score_params)
            if self.store_cv_results:
                stored = np.moveaxis(values, 0, 2)
                self.cv_results_ = np.ascontiguousarray(stored[:, 0] if y.ndim == 1 else stored, dtype=X.dtype)
        if self.alpha_per_target and n_targets > 1:
            best = np.argmax(scores, axis=0)
            self.alpha_ = alphas[best]
            self.best_score_ = scores[best, np.arange(n_targets)]
            return decomposition, self.alpha_
        means = scores.mean(axis=1) if scores.shape[1] > 1 else scores[:, 0]
        best = int(np.argmax(means))
        self.alpha_, self.best_score_ = float(alphas[best]), float(means[best])
        return decomposition, np.full(n_targets, self.alpha_)

    def _scores(self, predictions, y, score_params):
        """Scores (L, T) if alpha_per_target, else (L, 1), of leave-one-out predictions (L, n, T)."""
        scorer, identity = self._scorer(), _Predicted()
        if self.alpha_per_target and y.ndim == 2:
            return np.array([
                [scorer(identity, predicted[:, k], y[:, k], **score_params) for k in range(y.shape[1])]
                for predicted in predictions
            ])  # fmt: skip
        return np.array([
            [scorer(identity, predicted[:, 0] if y.ndim == 1 else predicted, y, **score_params)]
            for predicted in predictions
        ])  # fmt: skip

    def _cross_validate(self, X, Y, y, weights, total, alphas, split_params, score_params):
        """Score every alpha on the folds; (decomposition of all rows, the best alpha of each target)."""
        folds = make_folds(list(check_cv(self.cv).split(X, y, **split_params)), len(Y), weights=weights)
        sets = row_sets(folds, np.full(len(Y), total / len(Y)) if weights is None else weights, len(Y))
        scorer = self._scorer()
        scores = np.empty((len(alphas), len(folds)))
        model = Ridge(fit_intercept=self.fit_intercept)
        model.n_features_in_ = X.shape[1]
        for k, test in enumerate(folds.test):
            if folds.train is None:
                fold_weights = sets["weights"].copy()
                fold_weights[test] = 0.0
            else:
                fold_weights = sets["weights"][:, k + 1]
            decomposition = RidgeDecomposition(X, fold_weights, bool(self.fit_intercept))
            coefs, intercepts = decomposition.coefficients(alphas / fold_weights.sum(), Y)
            X_test, y_test = X[test], y[test]
            of_rows = {name: _rows(value, test, len(Y)) for name, value in score_params.items()}
            for step in range(len(alphas)):
                model._set_coefficients(coefs[:, step], intercepts[:, step], X.dtype, y.ndim)
                scores[step, k] = scorer(model, X_test, y_test, **of_rows)
        means = scores.mean(axis=1)
        if np.isnan(means).any():
            raise ValueError("RidgeCV: the score is NaN on some fold; use larger folds or another scoring.")
        best = int(np.argmax(means))
        self.alpha_, self.best_score_ = alphas[best], means[best]
        decomposition = RidgeDecomposition(X, weights, bool(self.fit_intercept))
        return decomposition, np.full(Y.shape[1], self.alpha_)

    def _scorer(self):
        if self.scoring is None and get_config()["enable_metadata_routing"]:
            return get_scorer("r2").set_score_request(sample_weight=True)
        return check_scoring(estimator=self, scoring=self.scoring, allow_none=True)

    def get_metadata_routing(self):
        """How metadata is routed: to the scorer's ``score`` and the splitter's ``split``, as each asks.

        Returns
        -------
        sklearn.utils.metadata_routing.MetadataRouter
        """
        to = MethodMapping
        return (
            MetadataRouter(owner=self)
            .add_self_request(self)
            .add(scorer=self._scorer(), method_mapping=to().add(caller="fit", callee="score"))
            .add(splitter=check_cv(self.cv), method_mapping=to().add(caller="fit", callee="split"))
        )


class _Predicted(RegressorMixin, BaseEstimator):
    """A regressor whose input is its prediction: what a scorer needs to score predictions that are known."""

    def predict(self, X):
        return X

    def decision_function(self, X):
        return X


def _takes_weights(scorer):
    """Whether a scorer has the argument ``sample_weight``; scikit-learn's own scorers say so themselves."""
    says = getattr(scorer, "_accept_sample_weight", None)
    return says() if says is not None else "sample_weight" in signature(scorer).parameters


def _rows(value, rows, n_samples):
    """The rows of a score parameter that has one value for each row; anything else as it is."""
    return np.asarray(value)[rows] if np.ndim(value) > 0 and len(value) == n_samples else value
