"""GroupLasso and SparseGroupLasso: penalties on groups of features."""

import numpy as np
from sklearn.base import RegressorMixin

from riata.feature_groups import check_feature_groups, check_group_factors
from riata_engine.groups import GroupBatch, solve_groups

from ._base import LinearPredictor, checked_data
from ._certified import dual_gap, engine_settings, solve_certified


class GroupLasso(RegressorMixin, LinearPredictor):
    """Linear regression with a penalty on the length of each group of coefficients.

    Minimises over b0 and b::

        Σ_i w_i (y_i − b0 − x_iᵀb)² / (2 Σ_i w_i)  +  alpha · Σ_g f_g ‖b_g‖₂

    with w = 1 where there is no ``sample_weight``. A group is in the model as a whole or not at all.

    Parameters
    ----------
    alpha : float, default=1.0
        Strength of the penalty, >= 0. 0 is least squares.
    groups : sequence of n_features labels, list of index lists, or None, default=None
        Which features form a group; every feature is in exactly one. None: each feature is alone, which is the lasso.
    penalty_factor : array-like of shape (n_groups,), default=None
        f_g, >= 0; inf leaves a group out. Groups stand in the order in which their labels first occur. None: the square root
        of the group's size.
    fit_intercept : bool, default=True
        Whether to fit an (unpenalised) intercept.
    standardize : bool, default=False
        Let the penalty act on b_j · s_j, s_j the standard deviation of column j.
    max_iter : int or None, default=1000
        The most epochs of block coordinate descent. None means 100 000.
    tol : float, default=1e-4
        The fit stops when its duality gap is at most ``tol`` times the objective at b = 0 (with the best intercept).

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,)
        Coefficients, in the floating type of X.
    intercept_ : float
        Intercept; 0.0 if ``fit_intercept=False``.
    selected_groups_ : list
        Labels of the groups with a coefficient other than 0 (numbers, where index lists were given).
    n_iter_ : int
        Epochs of the solver. At least 1.
    dual_gap_ : float
        Duality gap at the solution in the units of the objective above, computed afresh in float64.
    n_features_in_, feature_names_in_
        As in :class:`ElasticNet`.

    See Also
    --------
    riata.fit_group_path : A whole path, with a certificate for each alpha.

    References
    ----------
    M. Yuan and Y. Lin (2006), Model selection and estimation in regression with grouped variables. JRSS B 68, 49–67.

    Examples
    --------
    >>> import numpy as np
    >>> from riata.linear_model import GroupLasso
    >>> X = np.vstack([np.eye(4), -np.eye(4)])
    >>> y = X @ [3.0, 4.0, 0.3, 0.4]
    >>> GroupLasso(alpha=0.5, groups=["a", "a", "b", "b"]).fit(X, y).selected_groups_
    ['a']
    """

    def __init__(self, alpha=1.0, *, groups=None, penalty_factor=None, fit_intercept=True, standardize=False, max_iter=1000,
                 tol=1e-4):
        self._keep(locals())

    def fit(self, X, y, sample_weight=None):
        """Fit the model.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data, dense in any order or sparse; float32 and float64 are kept as given.
        y : array-like of shape (n_samples,)
            Target.
        sample_weight : float or array-like of shape (n_samples,), default=None
            Row weights >= 0; only their proportions matter.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a parameter, X, y or sample_weight cannot be used; the message names it and the remedy.
        """
        self._check_parameters()
        owner = type(self).__name__
        X, Y, weights, _ = checked_data(self, X, y, sample_weight, single_target=True)
        groups, names = check_feature_groups(self.groups, X.shape[1])
        settings = engine_settings({**vars(self), "positive": False}, X.shape[1])
        del settings["lower"]
        factors = check_group_factors(self.penalty_factor, groups)
        batch = GroupBatch(X, Y, groups, factors, sparsity=self._sparsity(), weights=weights,
                           alphas=np.array([self.alpha], dtype=np.float64), standardize=bool(self.standardize), **settings)
        solution = solve_certified(owner, batch, door=solve_groups)
        coef = solution.coefficients(0, 0)
        self._set_coefficients(coef, solution.intercept[0, 0], X.dtype, 1)
        self.selected_groups_ = [name for name, group in zip(names, groups, strict=True) if coef[0, group].any()]
        self.n_iter_, self.dual_gap_ = max(1, int(solution.n_epochs[0, 0])), float(dual_gap(solution)[0, 0])
        return self

    def _sparsity(self):
        return 0.0


class SparseGroupLasso(GroupLasso):
    """Linear regression with a penalty on groups of coefficients and on each of them.

    Minimises over b0 and b::

        Σ_i w_i (y_i − b0 − x_iᵀb)² / (2 Σ_i w_i)  +  alpha · ( l1_ratio · ‖b‖₁ + (1 − l1_ratio) · Σ_g f_g ‖b_g‖₂ )

    Parameters
    ----------
    alpha : float, default=1.0
        Strength of the penalty, >= 0.
    l1_ratio : float, default=0.5
        Share of the L1 penalty, in [0, 1]: 0 is the group lasso, 1 the lasso.
    groups, penalty_factor, fit_intercept, standardize, max_iter, tol
        As in :class:`GroupLasso`.

    Attributes
    ----------
    coef_, intercept_, selected_groups_, n_iter_, dual_gap_, n_features_in_, feature_names_in_
        As in :class:`GroupLasso`.

    References
    ----------
    N. Simon, J. Friedman, T. Hastie and R. Tibshirani (2013), A sparse-group lasso. JCGS 22, 231–245.
    """

    def __init__(self, alpha=1.0, *, l1_ratio=0.5, groups=None, penalty_factor=None, fit_intercept=True, standardize=False,
                 max_iter=1000, tol=1e-4):
        self._keep(locals())

    def _sparsity(self):
        return float(self.l1_ratio)
