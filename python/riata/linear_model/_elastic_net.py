"""ElasticNet and Lasso: one alpha, one or many targets, solved as one batch."""

import numpy as np
from scipy import sparse
from sklearn import get_config
from sklearn.base import MultiOutputMixin, RegressorMixin
from sklearn.utils import metadata_routing

from riata_engine.batch import Batch

from ._base import LinearPredictor, checked_data
from ._certified import engine_settings, solve_certified
from ._parameters import check_gram_shape
from ._paths import enet_path


class ElasticNet(MultiOutputMixin, RegressorMixin, LinearPredictor):
    """Linear regression with an L1 and an L2 penalty.

    Minimises over b0 and b, separately for each target::

        Σ_i w_i (y_i − b0 − x_iᵀb)² / (2 Σ_i w_i)  +  alpha · ( l1_ratio·‖b‖₁ + (1 − l1_ratio)/2 · ‖b‖₂² )

    with w = 1 where there is no ``sample_weight``: the objective of ``sklearn.linear_model.ElasticNet``.

    Parameters
    ----------
    alpha : float, default=1.0
        Strength of the penalty, >= 0. ``alpha=0`` is least squares, solved as such: the solution of smallest norm, with
        a warning, where it is not unique.
    l1_ratio : float, default=0.5
        Share of the L1 penalty, in [0, 1].
    fit_intercept : bool, default=True
        Whether to fit an (unpenalised) intercept.
    precompute : bool, 'auto' or array-like of shape (n_features, n_features), default=False
        No-op: the engine uses a Gram matrix of its own where that is the cheaper way. A matrix that is handed in must
        have the right shape and is not used; it cannot change the answer.
    max_iter : int or None, default=1000
        The most epochs of coordinate descent. None means 100 000.
    copy_X : bool, default=True
        No-op: X is never changed, and never copied to be centred or scaled.
    tol : float, default=1e-4
        The fit stops when its duality gap is at most ``tol`` times the objective at b = 0 (with the best intercept).
        That is half of scikit-learn's threshold for the same ``tol``, and is tested on the true gap.
    warm_start : bool, default=False
        No-op: the answer is certified by its gap whatever the start, and the engine chooses its own.
    positive : bool, default=False
        Restrict the coefficients to b >= 0.
    random_state : int, RandomState instance or None, default=None
        No-op: nothing is random.
    selection : {'cyclic', 'random'}, default='cyclic'
        No-op: the engine chooses the order of the coordinates; the answer is certified by its gap.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,) or (n_targets, n_features)
        Coefficients, in the floating type of X.
    sparse_coef_ : sparse matrix of shape (1, n_features) or (n_targets, n_features)
        ``coef_`` as CSR.
    intercept_ : float or ndarray of shape (n_targets,)
        Intercept; 0.0 if ``fit_intercept=False``.
    n_iter_ : int or list of int
        Epochs of the solver, one per target. At least 1.
    dual_gap_ : float or ndarray of shape (n_targets,)
        Duality gap at the solution in the units of the objective above (with its 1/(2n), as in scikit-learn), computed
        afresh in float64.
    n_features_in_ : int
        Number of features seen in ``fit``.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns of X, where all are strings.

    See Also
    --------
    ElasticNetCV : Chooses alpha and l1_ratio by cross-validation.
    riata.fit_path : A whole path, with penalty factors, bounds, offsets and a certificate for each alpha.

    References
    ----------
    H. Zou and T. Hastie (2005), Regularization and variable selection via the elastic net. JRSS B 67, 301–320.

    Examples
    --------
    >>> import numpy as np
    >>> from riata.linear_model import ElasticNet
    >>> X = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 1.0], [3.0, 0.0]])
    >>> y = np.array([0.0, 1.0, 2.0, 3.0])
    >>> model = ElasticNet(alpha=0.1).fit(X, y)
    >>> model.predict(X).shape
    (4,)
    """

    # check_input is for callers who have checked; no pipeline passes it along
    __metadata_request__fit = {"check_input": metadata_routing.UNUSED}  # noqa: RUF012 (scikit-learn's protocol)

    path = staticmethod(enet_path)

    def __init__(
        self,
        alpha=1.0,
        *,
        l1_ratio=0.5,
        fit_intercept=True,
        precompute=False,
        max_iter=1000,
        copy_X=True,
        tol=1e-4,
        warm_start=False,
        positive=False,
        random_state=None,
        selection="cyclic",
    ):
        self._keep(locals())

    def fit(self, X, y, sample_weight=None, check_input=True):
        """Fit the model.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data, dense in any order or sparse; float32 and float64 are kept as given.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets. Each column is a problem of its own; all are solved in one call.
        sample_weight : float or array-like of shape (n_samples,), default=None
            Row weights >= 0; only their proportions matter.
        check_input : bool, default=True
            False skips the checks of X and y: they must then be a floating ndarray or canonical CSC matrix, and a
            finite ndarray.

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
        X, Y, weights, y_ndim = checked_data(self, X, y, sample_weight, check_input=check_input)
        check_gram_shape(owner, self.precompute, X.shape[1])
        batch = Batch(X, Y, weights=weights, l1_ratio=float(self.l1_ratio), alphas=np.array([self.alpha], dtype=np.float64),
                      **engine_settings(vars(self), X.shape[1]))
        solution = solve_certified(owner, batch)
        self._set_solution(solution, np.arange(Y.shape[1]), 0, X.dtype, y_ndim)
        return self

    @property
    def sparse_coef_(self):
        """``coef_`` as a CSR matrix (or array, if scikit-learn's ``sparse_interface`` setting asks for one)."""
        as_array = get_config().get("sparse_interface") == "sparray"
        return (sparse.csr_array if as_array else sparse.csr_matrix)(np.atleast_2d(self.coef_))


class Lasso(ElasticNet):
    """Linear regression with an L1 penalty: the elastic net with ``l1_ratio=1``.

    Minimises over b0 and b, separately for each target::

        Σ_i w_i (y_i − b0 − x_iᵀb)² / (2 Σ_i w_i)  +  alpha · ‖b‖₁

    Parameters
    ----------
    alpha : float, default=1.0
        Strength of the penalty, >= 0.
    fit_intercept, precompute, copy_X, max_iter, tol, warm_start, positive, random_state, selection
        As in :class:`ElasticNet` (and the same ones are no-ops).

    Attributes
    ----------
    coef_, sparse_coef_, intercept_, n_iter_, dual_gap_, n_features_in_, feature_names_in_
        As in :class:`ElasticNet`.

    References
    ----------
    R. Tibshirani (1996), Regression shrinkage and selection via the lasso. JRSS B 58, 267–288.
    """

    l1_ratio = 1.0   # no parameter here

    def __init__(
        self,
        alpha=1.0,
        *,
        fit_intercept=True,
        precompute=False,
        copy_X=True,
        max_iter=1000,
        tol=1e-4,
        warm_start=False,
        positive=False,
        random_state=None,
        selection="cyclic",
    ):
        self._keep(locals())
