"""ElasticNetCV and LassoCV: every l1_ratio, fold and alpha in one batch."""

from numbers import Integral

import numpy as np
from joblib import effective_n_jobs
from sklearn.base import RegressorMixin
from sklearn.model_selection import check_cv
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping

from riata.cross_validation import coefficient_store, deviance_on_test_rows, row_sets
from riata.folds import make_folds
from riata_engine.batch import Batch

from ._base import LinearPredictor, checked_data
from ._certified import DEFAULT_MAX_EPOCHS, dual_gap, solve_certified
from ._parameters import InvalidParameterError, check_gram_shape, check_parameters, descending_alphas
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
        self._check_parameters()
        X, Y, weights, _ = checked_data(self, X, y, sample_weight, single_target=True)
        check_gram_shape(owner, self.precompute, X.shape[1])
        l1_ratios = self._l1_ratios()
        problem = {
            "weights": weights,
            "lower": np.zeros(X.shape[1]) if self.positive else None,
            "intercept": bool(self.fit_intercept),
            "tol": float(self.tol),
            "max_epochs": DEFAULT_MAX_EPOCHS if self.max_iter is None else int(self.max_iter),
            "n_threads": None if self.n_jobs is None else effective_n_jobs(self.n_jobs),
        }
        grids = self._grids(owner, X, Y, l1_ratios, problem)
        splitter = check_cv(self.cv)
        split_params = routed(self, sample_weight, params).get("splitter", {}).get("split", {})
        y, n_samples = Y[:, 0], X.shape[0]
        folds = make_folds(list(splitter.split(X, y, **split_params)), n_samples, weights=weights)

        # problem r·(K+1) is l1_ratio r on all rows, the K after it leave one fold out each
        n_ratios, n_groups = len(l1_ratios), len(folds) + 1
        solution = solve_certified(
            owner,
            Batch(
                X,
                Y,
                target=np.zeros(n_ratios * n_groups, dtype=np.intp),
                group=np.tile(np.arange(n_groups, dtype=np.intp), n_ratios),
                l1_ratio=np.repeat(l1_ratios, n_groups),
                alphas=np.repeat(grids, n_groups, axis=0),
                store=coefficient_store(grids.size * n_groups, X.shape[1]),
                **problem | row_sets(folds, weights, n_samples),
            ),
            self.verbose,
        )
        problems = np.arange(n_ratios * n_groups).reshape(n_ratios, n_groups)[:, 1:]
        if folds.train is None:
            errors = solution.held_out_deviance[problems]
        else:
            errors = deviance_on_test_rows(solution, problems, X, y, folds, weights, None)
        self.mse_path_ = np.squeeze(np.moveaxis(errors, 2, 1))
        mean = errors.mean(axis=1)
        ratio, step = np.unravel_index(np.argmin(mean), mean.shape)
        best = ratio * n_groups
        self.alpha_ = grids[ratio, step]
        self.alphas_ = grids[0] if n_ratios == 1 or not isinstance(self.alphas, Integral) else grids
        self._set_l1_ratio(l1_ratios[ratio])
        coef = solution.coef[best][[step]]
        coef = coef if isinstance(coef, np.ndarray) else coef.toarray()
        self._set_coefficients(coef, solution.intercept[best, [step]], X.dtype, 1)
        self.dual_gap_ = dual_gap(solution)[best, step]
        self.n_iter_ = max(1, int(solution.n_epochs[best, step]))
        return self

    def _grids(self, owner, X, Y, l1_ratios, problem):
        """alphas (n_l1_ratios, n_alphas), descending: scikit-learn's grid, from all rows."""
        if not isinstance(self.alphas, Integral):
            return np.tile(descending_alphas(owner, self.alphas), (len(l1_ratios), 1))
        batch = Batch(
            X,
            Y,
            target=np.zeros(len(l1_ratios), dtype=np.intp),
            l1_ratio=l1_ratios,
            n_alphas=int(self.alphas),
            alpha_min_ratio=float(self.eps),
            **problem,
        )
        return automatic_alphas(owner, batch)

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
        self.l1_ratio = l1_ratio
        self.eps = eps
        self.alphas = alphas
        self.fit_intercept = fit_intercept
        self.precompute = precompute
        self.max_iter = max_iter
        self.tol = tol
        self.cv = cv
        self.copy_X = copy_X
        self.verbose = verbose
        self.n_jobs = n_jobs
        self.positive = positive
        self.random_state = random_state
        self.selection = selection

    def _check_parameters(self):
        check_parameters(self, (*_NAMES, "l1_ratio"), l1_ratio="l1_ratios")

    def _l1_ratios(self):
        ratios = np.atleast_1d(np.asarray(self.l1_ratio, dtype=np.float64))
        if ratios.ndim != 1 or ratios.size == 0 or not np.all((ratios >= 0) & (ratios <= 1)):
            raise InvalidParameterError(
                f"The 'l1_ratio' parameter of ElasticNetCV must hold numbers in [0, 1]. Got {self.l1_ratio!r} instead."
            )
        return ratios

    def _set_l1_ratio(self, value):
        self.l1_ratio_ = value


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
        self.eps = eps
        self.alphas = alphas
        self.fit_intercept = fit_intercept
        self.precompute = precompute
        self.max_iter = max_iter
        self.tol = tol
        self.copy_X = copy_X
        self.cv = cv
        self.verbose = verbose
        self.n_jobs = n_jobs
        self.positive = positive
        self.random_state = random_state
        self.selection = selection

    def _check_parameters(self):
        check_parameters(self, _NAMES)

    def _l1_ratios(self):
        return np.ones(1)

    def _set_l1_ratio(self, value):
        pass


_NAMES = (
    "eps", "alphas", "fit_intercept", "precompute", "max_iter", "tol", "copy_X", "verbose", "n_jobs", "positive",
    "random_state", "selection",
)  # fmt: skip
