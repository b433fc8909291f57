"""Estimators of one target whose alpha is given, or chosen by cross-validation where it is None."""

from numbers import Integral, Real

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.model_selection import check_cv

from riata.cv_batch import CVBatch
from riata.folds import make_folds
from riata_engine.batch import STATUS, Batch

from ._base import LinearPredictor, checked_data
from ._certified import DEFAULT_MAX_EPOCHS, solve_certified
from ._parameters import InvalidParameterError, descending_alphas


class ChosenAlpha(RegressorMixin, LinearPredictor):
    """What estimators with ``alpha``, ``alphas``, ``eps`` and ``cv`` share."""

    def fit(self, X, y, sample_weight=None):
        """Fit the model.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data, dense in any order or sparse; float32 and float64 are kept as given.
        y : array-like of shape (n_samples,)
            Target.
        sample_weight : float or array-like of shape (n_samples,), default=None
            Row weights >= 0; only their proportions matter. They weigh held-out errors too.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a parameter, X, y or sample_weight cannot be used; the message names it and the remedy.
        """
        self._check_parameters(alpha=None)
        self._grid()
        cv = self.cv                       # an iterator is not looked into: that would use it up
        self._must("cv", cv is None or (cv >= 2 if isinstance(cv, Integral) else not isinstance(cv, str) and
                                        (hasattr(cv, "split") or hasattr(cv, "__iter__"))),
                   "None, an int >= 2, a splitter or an iterable of splits")
        self._check_own_parameters()
        X, Y, weights, _ = checked_data(self, X, y, sample_weight, single_target=True)
        y = Y[:, 0]
        self._prepare(X, weights)
        if self.alpha is None:
            folds = make_folds(list(check_cv(self.cv).split(X, y)), X.shape[0], weights=weights)
            self._choose(X, y, weights, folds)
        else:
            for name in ("alphas_", "mse_path_"):
                vars(self).pop(name, None)
            self._fit_one(X, y, weights)
        return self

    def _prepare(self, X, weights):
        """What the penalty takes from the data before any fit."""

    def _check_own_parameters(self):
        if self.alpha is not None:
            self._must("alpha", isinstance(self.alpha, Real) and not isinstance(self.alpha, (bool, np.bool_))
                       and 0 <= self.alpha < np.inf, "None (chosen by cross-validation) or a finite number >= 0")

    def _must(self, name, holds, what):
        """Raise unless the parameter ``name`` is as it must be."""
        if not holds:
            raise InvalidParameterError(
                f"The {name!r} parameter of {type(self).__name__} must be {what}. Got {getattr(self, name)!r} instead.")

    def _must_be_number(self, name, low, what):
        value = getattr(self, name)
        real = isinstance(value, Real) and not isinstance(value, (bool, np.bool_))
        self._must(name, real and low < value < np.inf, f"a finite number above {what}")

    def _grid(self):
        """Keywords of the alphas: how many, or which."""
        if isinstance(self.alphas, Integral):
            return {"n_alphas": int(self.alphas), "alpha_min_ratio": float(self.eps)}
        return {"alphas": descending_alphas(type(self).__name__, self.alphas)}

    def _max_epochs(self):
        return DEFAULT_MAX_EPOCHS if self.max_iter is None else int(self.max_iter)

    def _keep_choice(self, alphas, errors):
        """Set ``alphas_`` and ``mse_path_`` (L, K); the index of the alpha of the smallest mean."""
        self.alphas_, self.mse_path_ = alphas, errors
        step = int(np.argmin(errors.mean(axis=1)))
        self.alpha_ = float(alphas[step])
        return step

    def _keep_fit(self, coef, intercept, status, n_iter, dtype):
        self._set_coefficients(coef[None], np.array([intercept]), dtype, 1)
        self.status_, self.n_iter_ = str(status), max(1, int(n_iter))


class InRounds(ChosenAlpha):
    """Estimators whose problems go to a ``_door`` of the engine, in a batch ``_derived`` from ``Batch``."""

    def _settings(self):
        return {"intercept": bool(self.fit_intercept), "standardize": bool(self.standardize), "tol": float(self.tol),
                "max_epochs": self._max_epochs()}

    def _fit_one(self, X, y, weights):
        self.alpha_ = float(self.alpha)
        batch = Batch(X, y, weights=weights, alphas=np.array([self.alpha_]), **self._settings())
        self._keep_solution(self._solved(batch), 0, X.dtype)

    def _choose(self, X, y, weights, folds):
        whole = self._solved(Batch(X, y, weights=weights, **self._grid(), **self._settings()))
        crossed = CVBatch(X, y, folds, weights, np.ones(1), self._settings())
        errors = crossed.deviance(self._solved(crossed.problems(whole.alphas)))[0].T
        self._keep_solution(whole, self._keep_choice(whole.alphas[0], errors), X.dtype)

    def _keep_solution(self, solution, step, dtype):
        coef = solution.coef[0]
        row = coef[step] if isinstance(coef, np.ndarray) else coef[[step]].toarray()[0]
        self._keep_fit(row, solution.intercept[0, step], STATUS[solution.status[0, step]], solution.n_epochs[0, step], dtype)
        self._keep_certificate(solution, step)

    def _solved(self, batch):
        return solve_certified(type(self).__name__, self._derived(batch), door=self._door)
