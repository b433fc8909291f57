"""MultiTaskElasticNetCV and MultiTaskLassoCV: every l1_ratio, fold and alpha in one batch."""

from numbers import Integral

import numpy as np
from joblib import effective_n_jobs
from sklearn.model_selection import check_cv

from riata.cv_batch import row_sets
from riata.folds import make_folds
from riata_engine.groups import GroupBatch, group_alpha_grid, solve_groups

from ._certified import solve_certified
from ._elastic_net_cv import PathCV
from ._multi_task import TaskPredictor, checked_tasks, task_settings
from ._parameters import descending_alphas
from ._routing import routed

_TINY = np.finfo(np.float64).resolution       # scikit-learn's grid where no feature has anything to do with y


class TaskPathCV(PathCV, TaskPredictor):
    """Cross-validation over alphas (and l1_ratios) of several tasks."""

    def fit(self, X, y, sample_weight=None, **params):
        """Choose the penalty by cross-validation and fit on all rows, in one call to the engine.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data, dense in any order or sparse; float32 and float64 are kept as given.
        y : array-like of shape (n_samples, n_tasks)
            Targets.
        sample_weight : float or array-like of shape (n_samples,), default=None
            Row weights >= 0, used for fitting and within the mean squared error of each fold.
        **params : dict
            Passed to the splitter (``groups``, say), with ``enable_metadata_routing=True`` only.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a parameter, X, y, sample_weight or a fold cannot be used; the message names it and the remedy.
        """
        owner = type(self).__name__
        self._check_parameters(l1_ratio="l1_ratios")
        X, Y, weights = checked_tasks(self, X, y, sample_weight)
        ratios = self._l1_ratios()
        n_threads = None if self.n_jobs is None else effective_n_jobs(self.n_jobs)
        settings = {**task_settings(self, X.shape[1]), "n_threads": n_threads}
        grids = self._grids(GroupBatch(X, Y, l1_ratio=ratios, weights=weights, **settings))
        folds = make_folds(self._splits(X, Y, sample_weight, params), X.shape[0], weights=weights)
        K = len(folds) + 1
        batch = GroupBatch(X, Y, l1_ratio=np.repeat(ratios, K), alphas=np.repeat(grids, K, axis=0),
                           weights=_columns(folds, weights, len(Y)), weight_set=np.tile(np.arange(K), len(ratios)),
                           held_out=[np.empty(0, dtype=np.intp), *folds.test],
                           held_out_weights=weights, **settings)
        solution = solve_certified(owner, batch, self.verbose, solve_groups)
        errors = solution.held_out_deviance.reshape(len(ratios), K, -1)[:, 1:]
        self.mse_path_ = np.squeeze(np.moveaxis(errors, 2, 1), axis=0) if len(ratios) == 1 else np.moveaxis(errors, 2, 1)
        mean = errors.mean(axis=1)
        ratio, step = np.unravel_index(np.argmin(mean), mean.shape)
        self.alpha_ = grids[ratio, step]
        if "l1_ratio" in vars(self):     # a parameter here, not of MultiTaskLassoCV
            self.l1_ratio_ = ratios[ratio]
        self.alphas_ = grids[0] if len(ratios) == 1 or not isinstance(self.alphas, Integral) else grids
        self._set_tasks(solution, ratio * K, step, X.dtype)
        return self

    def _grids(self, batch):
        """(R, L) alphas for each l1_ratio of a batch on all rows."""
        owner = type(self).__name__
        if not isinstance(self.alphas, Integral):
            return np.tile(descending_alphas(owner, self.alphas), (len(batch.l1_ratio), 1))
        if not batch.l1_ratio.all():
            raise ValueError(
                f"{owner}: automatic alpha grid generation is not supported for l1_ratio=0 (no finite alpha gives W = 0). "
                "Give the alphas."
            )
        batch.n_alphas, batch.alpha_min_ratio = int(self.alphas), float(self.eps)
        grids = group_alpha_grid(batch)
        return np.where(grids[:, :1] > _TINY, grids, _TINY)

    def _splits(self, X, Y, sample_weight, params):
        split_params = routed(self, sample_weight, params).get("splitter", {}).get("split", {})
        return list(check_cv(self.cv).split(X, Y, **split_params))


def _columns(folds, weights, n):
    """(n, K + 1) row weights: all rows, then those of each fold's training rows."""
    sets = row_sets(folds, weights, n)
    if "held_out" not in sets:
        return sets["weights"]
    columns = np.repeat((np.ones(n) if weights is None else weights)[:, None], len(folds) + 1, axis=1)
    for k, rows in enumerate(sets["held_out"]):
        columns[rows, k] = 0.0
    return columns


class MultiTaskElasticNetCV(TaskPathCV):
    """:class:`MultiTaskElasticNet` with alpha and l1_ratio chosen by cross-validation.

    The grid of alphas comes from all rows; for each l1_ratio and fold the path is solved without the fold's rows, and the pair
    with the smallest mean (over folds) of the mean squared error on the held-out rows and all tasks is chosen.

    Parameters
    ----------
    l1_ratio : float or list of float, default=0.5
        Share of the L1/L2 penalty, in [0, 1]; several are compared. 0 needs ``alphas`` to be given.
    eps : float, default=1e-3
        ``alpha_min / alpha_max`` of an automatic grid.
    alphas : int or array-like, default=100
        Number of alphas of an automatic (geometric) grid, or the alphas.
    fit_intercept : bool, default=True
        Whether to fit (unpenalised) intercepts.
    max_iter : int, default=1000
        The most epochs per alpha.
    tol : float, default=1e-4
        Each fit stops when its duality gap is at most ``tol`` times its objective at W = 0.
    cv : int, splitter, iterable or None, default=None
        As in scikit-learn: None is 5 folds, an int that many (``KFold``, not shuffled), else any splitter or (train, test) pairs.
    verbose : bool or int, default=0
        Whether to write a line of progress to standard error.
    n_jobs : int or None, default=None
        Threads; the result is the same, bit for bit, for every number.
    copy_X, random_state, selection
        No-ops: see :class:`ElasticNet`.

    Attributes
    ----------
    alpha_, l1_ratio_ : float
        The chosen pair.
    coef_ : ndarray of shape (n_tasks, n_features)
        Coefficients on all rows at the chosen pair, in the floating type of X.
    intercept_ : ndarray of shape (n_tasks,)
        Intercepts; 0.0 if ``fit_intercept=False``.
    mse_path_ : ndarray of shape (n_alphas, n_folds) or (n_l1_ratios, n_alphas, n_folds)
        Mean squared error on the held-out rows.
    alphas_ : ndarray of shape (n_alphas,) or (n_l1_ratios, n_alphas)
        The grid, from large to small, for each l1_ratio.
    dual_gap_ : float
        Duality gap of the final fit, in the units of the objective.
    n_iter_ : int
        Epochs of the final fit at ``alpha_``. At least 1.
    n_features_in_, feature_names_in_
        As in :class:`ElasticNet`.
    """

    def __init__(self, *, l1_ratio=0.5, eps=1e-3, alphas=100, fit_intercept=True, max_iter=1000, tol=1e-4, cv=None, copy_X=True,
                 verbose=0, n_jobs=None, random_state=None, selection="cyclic"):
        self._keep(locals())


class MultiTaskLassoCV(TaskPathCV):
    """:class:`MultiTaskLasso` with alpha chosen by cross-validation.

    Parameters
    ----------
    eps, alphas, fit_intercept, max_iter, tol, copy_X, cv, verbose, n_jobs, random_state, selection
        As in :class:`MultiTaskElasticNetCV` (and the same ones are no-ops).

    Attributes
    ----------
    alpha_, coef_, intercept_, mse_path_, alphas_, dual_gap_, n_iter_, n_features_in_, feature_names_in_
        As in :class:`MultiTaskElasticNetCV`.
    """

    l1_ratio = 1.0   # no parameter here

    def __init__(self, *, eps=1e-3, alphas=100, fit_intercept=True, max_iter=1000, tol=1e-4, copy_X=True, cv=None, verbose=False,
                 n_jobs=None, random_state=None, selection="cyclic"):
        self._keep(locals())
