"""PenalizedRegressor and PenalizedClassifier: any loss under any penalty that some door of the engine fits."""

from numbers import Real

import numpy as np
from sklearn.base import RegressorMixin

from riata.losses import Loss
from riata.saved_model import meaning_of
from riata_engine.batch import LOSS

from ._base import LinearPredictor, checked_data
from ._classes import against_the_rest, check_every_class, checked_classes, weights_of_rows
from ._doors import door_of, loss_of, share_of
from ._glm import deviance_explained
from ._logistic import LinearClassifier
from ._parameters import InvalidParameterError

_BOUNDS = """lower, upper : float or array-like of shape (n_features,), default=None
        Bounds of the coefficients; they contain 0.
    positive : bool, default=False
        Restrict the coefficients to b >= 0.
    fit_intercept : bool, default=True
        Whether to fit an (unpenalised) intercept.
    standardize : bool or None, default=None
        Let the penalty act on b_j · s_j, s_j the standard deviation of column j. None: only with 'mcp' and 'scad', whose gamma is
        for columns of variance one.
    max_iter : int or None, default=None
        The most epochs of descent (with a margin loss: Newton steps). None means 100 000 (1000).
    tol : float, default=1e-8
        The fit stops when its duality gap is at most ``tol`` times the objective at b = 0 with the best intercept; with 'mcp' and
        'scad', when ``kkt_`` is at most this.
    n_jobs : int or None, default=None
        Threads; None for all that may be used."""

_CERTIFICATES = """status_ : str
        "converged", or what kept the fit from it; of several problems the worst.
    n_iter_ : int
        Newton steps (squared loss, 'adaptive' and several classes: epochs of descent), at least 1.
    n_features_in_, feature_names_in_
        As everywhere in scikit-learn."""


class _Penalized(LinearPredictor):
    def _check_own_parameters(self):
        self._check_parameters(l1_ratio=None, epsilon=None, **({"standardize": None} if self.standardize is None else {}))
        self._must_be_number("l1_ratio", lambda v: 0 <= v <= 1, "None or a number in [0, 1]", none=True)
        self._must_be_number("gamma", lambda v: v > 0, "None or a number > 0", none=True)
        self._must_be_number("quantile", lambda v: 0 < v < 1, "a number in the open interval (0, 1)")
        self._must_be_number("epsilon", lambda v: 0 <= v < np.inf, "a finite number >= 0")
        self._must_be_number("tol", lambda v: 0 < v < np.inf, "a finite number > 0")

    def _must_be_number(self, name, holds, what, none=False):
        value = getattr(self, name, None)
        if (value is None and (none or not hasattr(self, name))) or (
                isinstance(value, Real) and not isinstance(value, (bool, np.bool_)) and holds(value)):
            return
        raise InvalidParameterError(f"The {name!r} parameter of {type(self).__name__} must be {what}. Got {value!r} instead.")

    def _keep_fit(self, fit):
        """Set the fitted attributes that do not depend on the kind of target; those of an earlier fit's door go."""
        for name in getattr(self, "_own", ()):
            vars(self).pop(name, None)
        self._own = tuple(fit.own)
        vars(self).update(fit.own)
        self.status_, self.n_iter_ = fit.status, max(1, fit.n_iter)


class PenalizedRegressor(RegressorMixin, _Penalized):
    __doc__ = f"""A regression with a loss and a penalty of your choice.

    Minimises over b0 and b::

        Σ_i w_i ℓ(y_i, b0 + x_iᵀb) / Σ_i w_i  +  alpha · P(b)

    with w = 1 where there is no ``sample_weight``. Which pairs there are::

        squared                                             P = 'l1', 'l2', 'elasticnet', None, 'adaptive', 'group',
                                                            'sparse_group', 'mcp', 'scad', 'slope', your own
        huber, poisson, gamma, tweedie,                     P = 'l1', 'l2', 'elasticnet', None
        negative_binomial, logistic (shares in [0, 1]),
        quantile, epsilon_insensitive,
        squared_epsilon_insensitive, your own

    Any other is refused. The classes named after a loss or a penalty (:class:`Lasso`, :class:`PoissonRegressor`,
    :class:`MCPRegressor`, ...) have scikit-learn's conventions, and some choose alpha by cross-validation; this one has the
    conventions of `riata.fit_path` for all pairs.

    Parameters
    ----------
    loss : str or riata.losses.Loss, default='squared'
        'squared' is ½ (y − η)², and 'squared_epsilon_insensitive' max(0, |y − η| − epsilon)², without a half. Losses with a
        parameter: ``riata.losses.huber(delta=1.0)``.
    penalty : str, riata.penalties.CustomPenalty or None, default='elasticnet'
        'elasticnet' is Σ_j f_j ( l1_ratio·|b_j| + (1 − l1_ratio)/2 · b_j² ); 'l1' and 'l2' are its ends, 'adaptive' has f_j from
        a first fit (:class:`AdaptiveLasso`), 'group' and 'sparse_group' are those of :class:`SparseGroupLasso`, 'mcp' and 'scad'
        those of :class:`MCPRegressor`, 'slope' is that of :class:`Slope`. Your own is one of
        :func:`riata.penalties.custom`. None: none.
    alpha : float, default=1.0
        Strength of the penalty, >= 0. 0 is no penalty.
    l1_ratio : float, default=None
        Share of the l1 part, in [0, 1]: of 'elasticnet' and 'sparse_group' (None: 0.5), and of 'adaptive', 'mcp' and 'scad',
        whose other part is ridge (None: 1). The other penalties have none.
    gamma : float, default=None
        Of 'mcp' (None: 3.0), 'scad' (3.7) and 'adaptive' (1.0).
    quantile : float, default=0.5
        Of ``loss='quantile'``, in (0, 1).
    epsilon : float, default=0.1
        Of the epsilon-insensitive losses: half the width of the tube, >= 0.
    groups : sequence of n_features labels, list of index lists, or None, default=None
        Of 'group' and 'sparse_group': which features form a group. None: each feature is alone.
    sequence : str or array-like of shape (n_features,), default='bh'
        Of 'slope': λ, or its name (see :func:`riata.slope_path`).
    q : float, default=0.1
        Of 'slope': the rate, or slope, of a sequence by name.
    initial : str or array-like of shape (n_features,), default='ols'
        Of 'adaptive': the first fit, "ols", "ridge" or "lasso", or coefficients of your own.
    penalty_factor : array-like of shape (n_features,) or (n_groups,), default=None
        f_j >= 0: 0 leaves a feature free, inf leaves it out. Of 'group' and 'sparse_group' one for each group.
    {_BOUNDS}

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,)
        Coefficients, in the floating type of X.
    intercept_ : float
        Intercept; 0.0 if ``fit_intercept=False``.
    loss_ : riata.losses.Loss or str
        The loss; the name of a margin loss.
    gap_ : float
        Duality gap over the objective at b = 0, computed afresh; NaN with 'mcp', 'scad' and a penalty of your own that is not
        convex, which have none.
    prox_residual_ : float
        With such a penalty: as in :class:`riata.PenaltyPathResult`.
    kkt_, curvature_ : float
        With 'mcp' and 'scad': as in :class:`MCPRegressor`.
    selected_groups_, sequence_, initial_coef_, penalty_factor_
        With 'group' and 'sparse_group', 'slope', 'adaptive': as in :class:`GroupLasso`, :class:`Slope`, :class:`AdaptiveLasso`.
    {_CERTIFICATES}

    See Also
    --------
    riata.fit_path, riata.cross_validate_path : Whole paths, and the choice of alpha.

    References
    ----------
    T. Hastie, R. Tibshirani and M. Wainwright (2015), Statistical Learning with Sparsity. Chapman and Hall.

    Examples
    --------
    >>> import numpy as np
    >>> from riata.linear_model import PenalizedRegressor
    >>> X = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 1.0], [3.0, 0.0]])
    >>> y = np.array([1.0, 2.0, 5.0, 9.0])
    >>> model = PenalizedRegressor(loss="poisson", penalty="l1", alpha=0.1).fit(X, y)
    >>> model.predict(X).shape, model.status_
    ((4,), 'converged')
    """

    def __init__(self, loss="squared", penalty="elasticnet", *, alpha=1.0, l1_ratio=None, gamma=None, quantile=0.5, epsilon=0.1,
                 groups=None, sequence="bh", q=0.1, initial="ols", penalty_factor=None, lower=None, upper=None, positive=False,
                 fit_intercept=True, standardize=None, max_iter=None, tol=1e-8, n_jobs=None):
        self._keep(locals())

    def fit(self, X, y, sample_weight=None):
        """Fit the model.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data, dense in any order or sparse; float32 and float64 are kept as given.
        y : array-like of shape (n_samples,)
            Target, within the range of the loss.
        sample_weight : float or array-like of shape (n_samples,), default=None
            Row weights >= 0; only their proportions matter.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a parameter, X, y or sample_weight cannot be used, or no door fits the pair of loss and penalty; the message
            names it and the remedy.
        """
        self._check_own_parameters()
        self.loss_, kind = loss_of("PenalizedRegressor", self.loss, labels=False)
        door, share = door_of(self, kind), share_of(self)
        X, Y, weights, _ = checked_data(self, X, y, sample_weight, single_target=True)
        if isinstance(self.loss_, Loss):
            self.loss_.check(Y[:, 0], weights=weights)
        fit = door(self, X, Y, weights, share)
        self._set_coefficients(fit.coef, fit.intercept, X.dtype, 1)
        self.gap_ = float(fit.gap[0])
        self._keep_fit(fit)
        return self

    def linear_predictor(self, X):
        """What the link makes a mean of: ``X @ coef_ + intercept_``.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        return super().predict(X)

    def predict(self, X):
        """The mean of y at each row of X (its quantile, or the middle of its tube): the inverse link of the linear predictor.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        eta = super().predict(X)
        return self.loss_.response(eta) if isinstance(self.loss_, Loss) else eta

    def _saved_meaning(self):
        link = getattr(self.loss_, "link", "identity")
        return {} if link == "identity" else meaning_of(self.loss_, link)

    def score(self, X, y, sample_weight=None):
        """R², and of a loss with a link D²: the fraction of the deviance explained, 1 − D(y, prediction) / D(y, mean of y).

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        float
        """
        loss = self.loss_
        if not isinstance(loss, Loss) or loss.link == "identity":
            return super().score(X, y, sample_weight)
        return deviance_explained(loss, self.linear_predictor(X), y, sample_weight)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        name = getattr(self.loss, "name", self.loss)
        tags.target_tags.positive_only = isinstance(name, str) and name in LOSS and LOSS[name].low >= 0
        return tags


class PenalizedClassifier(LinearClassifier, _Penalized):
    __doc__ = f"""A linear classifier with a loss and a penalty of your choice.

    Minimises over b0 and b::

        Σ_i w_i ℓ(y_i, b0 + x_iᵀb) / Σ_i w_i  +  alpha · Σ_j f_j ( l1_ratio·|b_j| + (1 − l1_ratio)/2 · b_j² )

    with w ``sample_weight`` times ``class_weight``. More than two classes: 'logistic' is the multinomial (softmax) model, a
    margin loss has a problem for each class against the rest (where the rest has a class weight of one).

    Parameters
    ----------
    loss : {{'logistic', 'hinge', 'squared_hinge'}} or riata.losses.Loss, default='logistic'
        With y = ±1, 'hinge' is max(0, 1 − yη), 'squared_hinge' its square. A loss of your own has the logit for its link, and two
        classes.
    penalty : {{'l2', 'l1', 'elasticnet', None}}, default='l2'
        Every loss goes with each of them.
    alpha : float, default=0.01
        Strength of the penalty, >= 0. 0 is no penalty.
    l1_ratio : float, default=None
        Share of the l1 part of 'elasticnet', in [0, 1]; None: 0.5. The other penalties have none.
    penalty_factor : array-like of shape (n_features,), default=None
        f_j >= 0: 0 leaves a feature free, inf leaves it out. Not with a margin loss.
    {_BOUNDS}
    class_weight : dict or 'balanced', default=None
        Weights of the classes; 'balanced' is inversely proportional to their frequencies.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    coef_ : ndarray of shape (1, n_features) for two classes, else (n_classes, n_features)
    intercept_ : ndarray of shape (1,) or (n_classes,)
    loss_ : riata.losses.Loss or str
        The loss; the name of a margin loss.
    gap_ : float
        Duality gap over the objective at b = 0, computed afresh; of several problems the largest.
    {_CERTIFICATES}

    Notes
    -----
    scikit-learn's C is 1 / (alpha · Σ_i w_i). Bounds go with two classes of the logistic loss, ``standardize`` and
    ``penalty_factor`` with the logistic loss. A margin loss has no probabilities.

    See Also
    --------
    LogisticRegression, LinearSVC : The same models in scikit-learn's conventions.

    References
    ----------
    T. Hastie, R. Tibshirani and M. Wainwright (2015), Statistical Learning with Sparsity. Chapman and Hall, chapter 3.

    Examples
    --------
    >>> import numpy as np
    >>> from riata.linear_model import PenalizedClassifier
    >>> X = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 1.0], [3.0, 0.0]])
    >>> PenalizedClassifier(loss="hinge").fit(X, ["a", "a", "b", "b"]).predict(X).tolist()
    ['a', 'a', 'b', 'b']
    """

    def __init__(self, loss="logistic", penalty="l2", *, alpha=0.01, l1_ratio=None, penalty_factor=None, lower=None,
                 upper=None, positive=False, fit_intercept=True, standardize=None, class_weight=None, max_iter=None, tol=1e-8,
                 n_jobs=None):
        self._keep(locals())

    def fit(self, X, y, sample_weight=None):
        """Fit the model.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
            Labels of any kind.
        sample_weight : float or array-like of shape (n_samples,), default=None
            Row weights >= 0; only their proportions matter.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a parameter, X, y or sample_weight cannot be used, or no door fits the pair of loss and penalty; labels of one
            class only, or a class whose rows have no weight.
        """
        self._check_own_parameters()
        self.loss_, kind = loss_of("PenalizedClassifier", self.loss, labels=True)
        door_of(self, kind)
        X, codes, weights, factor = checked_classes(self, X, y, sample_weight)
        K = len(self.classes_)
        if kind == "margin":
            Y, weights = against_the_rest(codes, weights, factor, K)
        else:
            weights = weights_of_rows(codes, weights, factor)
            check_every_class(codes, weights, self.classes_)
            kind = kind if K == 2 else "multinomial"
            Y = codes.astype(np.float64)[:, None] if K == 2 else codes
        if kind == "multinomial" and self.loss_.name != "logistic":
            raise ValueError(f"PenalizedClassifier: y has {K} classes, and loss={self.loss_.name!r} takes two: give "
                             "loss='logistic'")
        fit = door_of(self, kind)(self, X, Y, weights, share_of(self))
        self.coef_ = np.ascontiguousarray(fit.coef.astype(X.dtype, copy=False))
        self.intercept_ = fit.intercept.astype(X.dtype) if self.fit_intercept else np.zeros(len(fit.coef), X.dtype)
        self.gap_ = float(np.max(fit.gap))
        self._keep_fit(fit)
        return self

    def _saved_meaning(self):
        if not isinstance(self.loss_, Loss):
            return meaning_of(self.loss_, "identity", self.classes_, "class")
        own = super()._saved_meaning()
        return own | meaning_of(self.loss_, own["link"], self.classes_, "class") if own["link"] == "logit" else own

    def _has_probabilities(self):
        return isinstance(getattr(self, "loss_", self.loss), Loss) or self.loss in LOSS
