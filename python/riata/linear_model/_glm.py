"""PoissonRegressor, GammaRegressor and TweedieRegressor: generalised linear models with an elastic-net penalty."""

import numpy as np
from sklearn.base import RegressorMixin

from riata.losses import Loss
from riata.saved_model import meaning_of
from riata_engine.batch import Batch

from ._base import LinearPredictor, checked_data
from ._certified import dual_gap, solve_certified, tight_settings
from ._parameters import InvalidParameterError

_PARAMETERS = """alpha : float, default=1.0
        Strength of the penalty, >= 0. 0 is the unpenalised model.
    l1_ratio : float, default=0.0
        Share of the L1 penalty, in [0, 1]: scikit-learn has 0 only.
    fit_intercept : bool, default=True
        Whether to fit an (unpenalised) intercept.
    solver : {'lbfgs', 'newton-cholesky'}, default='lbfgs'
        No-op: the engine takes proximal Newton steps.
    max_iter : int, default=100
        A hundred epochs of descent are allowed for each.
    tol : float, default=1e-4
        The fit stops when its duality gap is at most ``tol²`` times half the null deviance, so that the relative error of the
        coefficients is about ``tol``.
    warm_start : bool, default=False
        No-op: the answer is certified by its gap whatever the start.
    verbose : int, default=0
        Show one line of progress."""

_TWEEDIE_PARAMETERS = _PARAMETERS.replace("solver :", """link : {'auto', 'identity', 'log'}, default='auto'
        'identity' for power 0, 'log' else; no other pairs.
    solver :""")

_ATTRIBUTES = """coef_ : ndarray of shape (n_features,)
    intercept_ : float
        0.0 if ``fit_intercept=False``.
    n_iter_ : int
        Newton steps, at least 1.
    dual_gap_ : float
        Duality gap of the objective at the solution.
    n_features_in_, feature_names_in_
        As everywhere in scikit-learn."""


def deviance_explained(loss, eta, y, sample_weight):
    """D² of linear predictors (n,): 1 − D(y, prediction) / D(y, mean of y)."""
    y = np.asarray(y, dtype=np.float64).ravel()
    weights = None if sample_weight is None else np.broadcast_to(np.asarray(sample_weight, float), y.shape)
    loss.check(y, weights=weights)
    return 1.0 - loss.deviance(y, np.asarray(eta, np.float64), weights) / loss.null_deviance(y, weights)


class _GLMRegressor(RegressorMixin, LinearPredictor):
    """What the families share; each says by ``_family``, or by ``_loss`` where that depends on a parameter, which it is."""

    def __init__(self, *, alpha=1.0, l1_ratio=0.0, fit_intercept=True, solver="lbfgs", max_iter=100, tol=1e-4, warm_start=False,
                 verbose=0):
        self._keep(locals())

    def _loss(self):
        return Loss(self._family)

    def fit(self, X, y, sample_weight=None):
        """Fit the model.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
            Target, within the range of the family.
        sample_weight : array-like of shape (n_samples,), default=None
            Row weights >= 0; exposures enter as weights of rates.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a parameter, X, y or sample_weight cannot be used; y outside the range of the family names the rows.
        """
        self._check_parameters(solver="glm_solver")
        loss = self._loss()
        X, Y, weights, _ = checked_data(self, X, y, sample_weight, single_target=True)
        loss.check(Y[:, 0], weights=weights)
        solution = solve_certified(
            type(self).__name__,
            Batch(X, Y, weights=weights, l1_ratio=float(self.l1_ratio), alphas=np.array([float(self.alpha)]),
                  intercept=bool(self.fit_intercept), **tight_settings(self.tol, self.max_iter), **loss.settings),
            self.verbose)
        self._set_coefficients(solution.coef[:, 0], solution.intercept[:, 0], X.dtype, 1)
        self.n_iter_, self.dual_gap_ = max(1, int(solution.n_cholesky[0, 0])), float(dual_gap(solution)[0, 0])
        return self

    def predict(self, X):
        """The mean of y at each row of X: the inverse link of ``X @ coef_ + intercept_``.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        return self._loss().response(super().predict(X))

    def score(self, X, y, sample_weight=None):
        """D², the fraction of the deviance explained: 1 − D(y, prediction) / D(y, mean of y).

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        float
        """
        return deviance_explained(self._loss(), super().predict(X), y, sample_weight)

    def _saved_meaning(self):
        loss = self._loss()
        return {} if loss.link == "identity" else meaning_of(loss, loss.link)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.positive_only = self._takes_no_negative_target()
        return tags

    def _takes_no_negative_target(self):
        return True


class PoissonRegressor(_GLMRegressor):
    __doc__ = f"""Poisson regression with a log link.

    Minimises over b0 and b::

        Σ_i w_i (e^η_i − y_i η_i) / Σ_i w_i  +  alpha · ( l1_ratio·‖b‖₁ + (1 − l1_ratio)/2 · ‖b‖₂² ),   η = b0 + x_iᵀb

    which for ``l1_ratio=0`` is the objective of ``sklearn.linear_model.PoissonRegressor`` (half the mean deviance).

    Parameters
    ----------
    {_PARAMETERS}

    Attributes
    ----------
    {_ATTRIBUTES}

    References
    ----------
    McCullagh and Nelder (1989), Generalized Linear Models, chapter 6.
    """

    _family = "poisson"


class GammaRegressor(_GLMRegressor):
    __doc__ = f"""Gamma regression with a log link; y > 0.

    Minimises over b0 and b::

        Σ_i w_i (η_i + y_i e^−η_i) / Σ_i w_i  +  alpha · ( l1_ratio·‖b‖₁ + (1 − l1_ratio)/2 · ‖b‖₂² ),   η = b0 + x_iᵀb

    Parameters
    ----------
    {_PARAMETERS}

    Attributes
    ----------
    {_ATTRIBUTES}

    References
    ----------
    McCullagh and Nelder (1989), Generalized Linear Models, chapter 8.
    """

    _family = "gamma"


class TweedieRegressor(_GLMRegressor):
    __doc__ = f"""A Tweedie model: variance proportional to the mean to a ``power``.

    0 is least squares (identity link), 1 Poisson, between 1 and 2 the compound Poisson–gamma family (y >= 0), 2 gamma (log link).

    Parameters
    ----------
    power : float, default=0.0
        0, or from 1 to 2.
    {_TWEEDIE_PARAMETERS}

    Attributes
    ----------
    {_ATTRIBUTES}

    References
    ----------
    Jørgensen (1987), Exponential dispersion models. JRSS B 49, 127–162.
    """

    def __init__(self, *, power=0.0, alpha=1.0, l1_ratio=0.0, fit_intercept=True, link="auto", solver="lbfgs", max_iter=100,
                 tol=1e-4, warm_start=False, verbose=0):
        self._keep(locals())

    def _loss(self):
        power, names = self.power, {0: "squared", 1: "poisson", 2: "gamma"}
        if isinstance(power, bool) or not isinstance(power, (int, float, np.number)) or not (power == 0 or 1 <= power <= 2):
            raise InvalidParameterError("The 'power' parameter of TweedieRegressor must be 0 or a number from 1 to 2. "
                                        f"Got {power!r} instead.")
        loss = Loss(names[power]) if power in names else Loss("tweedie", float(power))
        if self.link not in ("auto", loss.link):
            raise InvalidParameterError(f"The 'link' parameter of TweedieRegressor must be 'auto' or {loss.link!r} "
                                        f"for power {power:g}. Got {self.link!r} instead.")
        return loss

    def _takes_no_negative_target(self):
        return self.power != 0
