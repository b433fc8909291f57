"""ElasticNetCV and LassoCV: every l1_ratio, fold and alpha in one batch."""

from numbers import Integral

import numpy as np
from joblib import effective_n_jobs
from sklearn.base import RegressorMixin
from sklearn.model_selection import check_cv
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping

from riata.cv_batch import CVBatch, grid_batch
from riata.folds import make_folds

from ._base import LinearPredictor, checked_data
from ._certified import engine_settings, solve_certified
from ._parameters import InvalidParameterError, check_gram_shape, descending_alphas
from ._paths import automatic_alphas, enet_path, lasso_path
from ._routing import routed


class PathCV(RegressorMixin, LinearPredictor):
    """Cross-validation over alphas (and l1_ratios), shared by ElasticNetCV and LassoCV."""

    def fit(self, X, y, sample_weight=None, **params):
        """Choose the penalty by cross-validation and fit on all rows, in one call to the engine.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data, dense in any order or sparse; float32 and float64 are kept as given.
        y : array-like of shape (n_samples,)
            Target.
        sample_weight : float or array-like of shape (n_samples,), default=None
            Row weights >= 0, used for fitting and within the mean squared error of each fold. The folds count alike, as
            in scikit-learn.
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
        X, Y, weights, _ = checked_data(self, X, y, sample_weight, single_target=True)
        check_gram_shape(owner, self.precompute, X.shape[1])
        l1_ratios = self._l1_ratios()
        settings = engine_settings(vars(self), X.shape[1])
        settings["n_threads"] = None if self.n_jobs is None else effective_n_jobs(self.n_jobs)
        if isinstance(self.alphas, Integral):
            whole = grid_batch(X, Y, l1_ratios, weights=weights, settings=settings, n_alphas=int(self.alphas),
                               alpha_min_ratio=float(self.eps))
            grids, columns = automatic_alphas(owner, whole), whole.columns
        else:
            columns = None
            grids = np.tile(descending_alphas(owner, self.alphas), (len(l1_ratios), 1))
        split_params = routed(self, sample_weight, params).get("splitter", {}).get("split", {})
        splits = check_cv(self.cv).split(X, Y[:, 0], **split_params)
        folds = make_folds(list(splits), X.shape[0], weights=weights)
        batch = CVBatch(X, Y[:, 0], folds, weights, l1_ratios, settings)
        solution = solve_certified(owner, batch.problems(grids, columns), self.verbose)
        errors = batch.deviance(solution)
        self.mse_path_ = np.squeeze(np.moveaxis(errors, 2, 1))
        mean = errors.mean(axis=1)
        ratio, step = np.unravel_index(np.argmin(mean), mean.shape)
        self.alpha_ = grids[ratio, step]
        if "l1_ratio" in vars(self):     # a parameter here, not of LassoCV
            self.l1_ratio_ = l1_ratios[ratio]
        self.alphas_ = grids[0] if len(l1_ratios) == 1 or not isinstance(self.alphas, Integral) else grids
        self._set_solution(solution, batch.full[[ratio]], step, X.dtype, 1)
        return self

    def _l1_ratios(self):
        ratios = np.atleast_1d(np.asarray(self.l1_ratio, dtype=np.float64))
        if ratios.ndim != 1 or ratios.size == 0 or not np.all((ratios >= 0) & (ratios <= 1)):
            raise InvalidParameterError(
                f"The 'l1_ratio' parameter of {type(self).__name__} must hold numbers in [0, 1]. Got {self.l1_ratio!r} "
                "instead."
            )
        return ratios

    def get_metadata_routing(self):
        """How metadata is routed: ``sample_weight`` is used here, what the splitter asks for goes to its ``split``.

        Returns
        -------
        sklearn.utils.metadata_routing.MetadataRouter
        """
        mapping = MethodMapping().add(caller="fit", callee="split")
        router = MetadataRouter(owner=self).add_self_request(self)
        return router.add(splitter=check_cv(self.cv), method_mapping=mapping)


class ElasticNetCV(PathCV):
    """Elastic net with alpha and l1_ratio chosen by cross-validation.

    The objective is that of :class:`ElasticNet`. The grid of alphas comes from all rows; for each l1_ratio and fold the
    path is solved with the fold's rows left out, and the pair with the smallest mean (over folds) of the mean squared
    error on the held-out rows is chosen. All l1_ratios and folds, and the fits on all rows, are one batch: they share X
    and its statistics, and run on all threads.

    Parameters
    ----------
    l1_ratio : float or list of float, default=0.5
        Share of the L1 penalty, in [0, 1]; several are compared. 0 needs ``alphas`` to be given.
    eps : float, default=1e-3
        ``alpha_min / alpha_max`` of an automatic grid.
    alphas : int or array-like, default=100
        Number of alphas of an automatic (geometric) grid, or the alphas.
    fit_intercept : bool, default=True
        Whether to fit an (unpenalised) intercept.
    precompute : bool, 'auto' or array-like of shape (n_features, n_features), default='auto'
        No-op: see :class:`ElasticNet`.
    max_iter : int, default=1000
        The most epochs of coordinate descent per alpha.
    tol : float, default=1e-4
        Each fit stops when its duality gap is at most ``tol`` times its objective at b = 0.
    cv : int, splitter, iterable or None, default=None
        As in scikit-learn: None is 5 folds, an int that many (``KFold``, not shuffled), else any splitter or
        (train, test) pairs. Train and test need not be complements, and rows may repeat.
    copy_X : bool, default=True
        No-op: X is never changed.
    verbose : bool or int, default=0
        Whether to write a line of progress to standard error.
    n_jobs : int or None, default=None
        Threads. None means all that are allowed (in scikit-learn: one); negative numbers count from the end as in
        joblib. The result is the same, bit for bit, for every number.
    positive : bool, default=False
        Restrict the coefficients to b >= 0.
    random_state, selection
        No-ops: see :class:`ElasticNet`.

    Attributes
    ----------
    alpha_, l1_ratio_ : float
        The chosen pair.
    coef_ : ndarray of shape (n_features,)
        Coefficients on all rows at the chosen pair, in the floating type of X.
    intercept_ : float
        Intercept; 0.0 if ``fit_intercept=False``.
    mse_path_ : ndarray of shape (n_l1_ratios, n_alphas, n_folds) or (n_alphas, n_folds)
        Mean squared error on the held-out rows.
    alphas_ : ndarray of shape (n_alphas,) or (n_l1_ratios, n_alphas)
        The grid, from large to small, for each l1_ratio.
    dual_gap_ : float
        Duality gap of the final fit, in the units of the objective.
    n_iter_ : int
        Epochs of the final fit at ``alpha_`` (warm along the path). At least 1.
    n_features_in_, feature_names_in_
        As in :class:`ElasticNet`.

    See Also
    --------
    riata.cross_validate_path : One-standard-error rule, out-of-fold predictions, repeats, plots.
    """

    path = staticmethod(enet_path)

    def __init__(
        self,
        *,
        l1_ratio=0.5,
        eps=1e-3,
        alphas=100,
        fit_intercept=True,
        precompute="auto",
        max_iter=1000,
        tol=1e-4,
        cv=None,
        copy_X=True,
        verbose=0,
        n_jobs=None,
        positive=False,
        random_state=None,
        selection="cyclic",
    ):
        self._keep(locals())


class LassoCV(PathCV):
    r"""Lasso with alpha chosen by cross-validation: :class:`ElasticNetCV` with ``l1_ratio=1``.

    Parameters
    ----------
    eps, alphas, fit_intercept, precompute, max_iter, tol, copy_X, cv, verbose, n_jobs, positive, random_state, \
selection
        As in :class:`ElasticNetCV` (and the same ones are no-ops).

    Attributes
    ----------
    alpha_, coef_, intercept_, mse_path_, alphas_, dual_gap_, n_iter_, n_features_in_, feature_names_in_
        As in :class:`ElasticNetCV`.
    """

    path = staticmethod(lasso_path)
    l1_ratio = 1.0   # no parameter here

    def __init__(
        self,
        *,
        eps=1e-3,
        alphas=100,
        fit_intercept=True,
        precompute="auto",
        max_iter=1000,
        tol=1e-4,
        copy_X=True,
        cv=None,
        verbose=False,
        n_jobs=None,
        positive=False,
        random_state=None,
        selection="cyclic",
    ):
        self._keep(locals())
