"""MultiTaskElasticNet and MultiTaskLasso: several responses that choose their features together."""

import numpy as np
from scipy import sparse
from sklearn.base import RegressorMixin

from riata_engine.groups import GroupBatch, solve_groups

from ._base import LinearPredictor, checked_data
from ._certified import dual_gap, engine_settings, solve_certified


def checked_tasks(estimator, X, y, sample_weight):
    """``checked_data`` for targets (n, n_tasks); an error about y says which rows."""
    try:
        X, Y, weights, ndim = checked_data(estimator, X, y, sample_weight)
    except ValueError as error:
        if "Input y contains" in str(error):
            raise ValueError(f"{error}\n{_rows_not_finite(y)}") from None
        raise
    if ndim == 1:
        raise ValueError(
            f"{type(estimator).__name__} takes several targets, and y has shape {np.shape(y)}. For mono-task outputs, use "
            f"{type(estimator).__name__.replace('MultiTask', '')}, or pass y of shape (n, 1)."
        )
    return X, Y, weights


def _rows_not_finite(y):
    values = np.asarray(y, dtype=np.float64)
    rows = np.flatnonzero(~np.isfinite(values.reshape(len(values), -1)).all(axis=1))
    some = ", ".join(map(str, rows[:5])) + (f" and {len(rows) - 5} others" if len(rows) > 5 else "")
    return f"y has NaN or infinite values in row{'s' * (len(rows) > 1)} {some}: drop these rows, or fill the values in."


def task_settings(estimator, n_features):
    """Keywords of a ``GroupBatch`` whose groups are single features."""
    settings = engine_settings({**vars(estimator), "positive": False}, n_features)
    del settings["lower"]
    return {**settings, "groups": [np.array([j]) for j in range(n_features)], "penalty_factor": np.ones(n_features)}


class TaskPredictor(LinearPredictor):
    """Coefficients (n_tasks, n_features), also of one task."""

    def _set_tasks(self, solution, b, step, dtype):
        """Set the fitted attributes from alpha number ``step`` of problem b."""
        self.coef_ = np.asfortranarray(solution.coefficients(b, step).astype(dtype, copy=False))
        self.intercept_ = solution.intercept[b, step].astype(dtype) if self.fit_intercept else 0.0
        self.n_iter_, self.dual_gap_ = max(1, int(solution.n_epochs[b, step])), float(dual_gap(solution)[b, step])

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output, tags.target_tags.single_output = True, False
        return tags


class MultiTaskElasticNet(RegressorMixin, TaskPredictor):
    """Linear regression of several targets with an L1/L2 penalty on the rows of coefficients, and a ridge.

    Minimises over b0 (n_tasks,) and W (n_features, n_tasks)::

        Σ_i w_i ‖y_i − b0 − Wᵀx_i‖² / (2 Σ_i w_i)  +  alpha · ( l1_ratio · Σ_j ‖W_j‖₂ + (1 − l1_ratio)/2 · ‖W‖² )

    with w = 1 where there is no ``sample_weight``: the objective of ``sklearn.linear_model.MultiTaskElasticNet``. A feature has
    coefficients for every target or for none.

    Parameters
    ----------
    alpha : float, default=1.0
        Strength of the penalty, >= 0. 0 is least squares.
    l1_ratio : float, default=0.5
        Share of the L1/L2 penalty, in [0, 1].
    fit_intercept : bool, default=True
        Whether to fit (unpenalised) intercepts.
    copy_X : bool, default=True
        No-op: X is never changed.
    max_iter : int or None, default=1000
        The most epochs of block coordinate descent. None means 100 000.
    tol : float, default=1e-4
        The fit stops when its duality gap is at most ``tol`` times the objective at W = 0 (with the best intercepts).
    warm_start, random_state, selection
        No-ops: see :class:`ElasticNet`.

    Attributes
    ----------
    coef_ : ndarray of shape (n_tasks, n_features)
        Coefficients Wᵀ, in the floating type of X.
    sparse_coef_ : sparse matrix of shape (n_tasks, n_features)
        ``coef_`` as CSR.
    intercept_ : ndarray of shape (n_tasks,)
        Intercepts; 0.0 if ``fit_intercept=False``.
    n_iter_ : int
        Epochs of the solver. At least 1.
    dual_gap_ : float
        Duality gap at the solution in the units of the objective above, computed afresh in float64.
    n_features_in_, feature_names_in_
        As in :class:`ElasticNet`.

    References
    ----------
    G. Obozinski, B. Taskar and M. Jordan (2010), Joint covariate selection and joint subspace selection for multiple
    classification problems. Statistics and Computing 20, 231–252.

    Examples
    --------
    >>> import numpy as np
    >>> from riata.linear_model import MultiTaskElasticNet
    >>> X = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 1.0], [3.0, 0.0]])
    >>> Y = np.column_stack([X[:, 0], -X[:, 0]])
    >>> MultiTaskElasticNet(alpha=0.1).fit(X, Y).coef_.shape
    (2, 2)
    """

    def __init__(self, alpha=1.0, *, l1_ratio=0.5, fit_intercept=True, copy_X=True, max_iter=1000, tol=1e-4, warm_start=False,
                 random_state=None, selection="cyclic"):
        self._keep(locals())

    def fit(self, X, y, sample_weight=None):
        """Fit the model.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data, dense in any order or sparse; float32 and float64 are kept as given.
        y : array-like of shape (n_samples, n_tasks)
            Targets.
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
        X, Y, weights = checked_tasks(self, X, y, sample_weight)
        batch = GroupBatch(X, Y, l1_ratio=float(self.l1_ratio), weights=weights, alphas=np.array([self.alpha], dtype=np.float64),
                           **task_settings(self, X.shape[1]))
        self._set_tasks(solve_certified(type(self).__name__, batch, door=solve_groups), 0, 0, X.dtype)
        return self

    @property
    def sparse_coef_(self):
        """``coef_`` as a CSR matrix."""
        return sparse.csr_matrix(self.coef_)


class MultiTaskLasso(MultiTaskElasticNet):
    """Linear regression of several targets with an L1/L2 penalty on the rows of coefficients.

    :class:`MultiTaskElasticNet` with ``l1_ratio=1``::

        Σ_i w_i ‖y_i − b0 − Wᵀx_i‖² / (2 Σ_i w_i)  +  alpha · Σ_j ‖W_j‖₂

    Parameters
    ----------
    alpha : float, default=1.0
        Strength of the penalty, >= 0.
    fit_intercept, copy_X, max_iter, tol, warm_start, random_state, selection
        As in :class:`MultiTaskElasticNet` (and the same ones are no-ops).

    Attributes
    ----------
    coef_, sparse_coef_, intercept_, n_iter_, dual_gap_, n_features_in_, feature_names_in_
        As in :class:`MultiTaskElasticNet`.
    """

    l1_ratio = 1.0   # no parameter here

    def __init__(self, alpha=1.0, *, fit_intercept=True, copy_X=True, max_iter=1000, tol=1e-4, warm_start=False,
                 random_state=None, selection="cyclic"):
        self._keep(locals())
