"""MCPRegressor and SCADRegressor."""

from riata.concave import mcp_path, scad_path
from riata_engine.concave import LEAST_GAMMA, ConcaveBatch, solve_concave

from ._chosen import InRounds, derived


class _ConcaveRegressor(InRounds):
    _door = staticmethod(solve_concave)

    def _check_own_parameters(self):
        super()._check_own_parameters()
        least = LEAST_GAMMA[self._penalty]
        self._must_be_number("gamma", least, f"{least:g}")
        self._must("l1_ratio", self.l1_ratio > 0, "a number in (0, 1]")

    def _derived(self, batch):
        batch.l1_ratio[:] = self.l1_ratio
        return derived(ConcaveBatch, batch, penalty=self._penalty, gamma=float(self.gamma), diagnose=len(batch.target) == 1)

    def _keep_certificate(self, solution, step):
        self.kkt_, self.curvature_ = float(solution.kkt[0, step]), float(solution.curvature[0, step])


class MCPRegressor(_ConcaveRegressor):
    """Linear regression with the minimax concave penalty.

    Seeks a minimum over b0 and b of::

        Σ_i w_i (y_i − b0 − x_iᵀb)² / (2 Σ_i w_i)  +  Σ_j MCP(s_j b_j; alpha·l1_ratio, gamma)
        +  alpha · (1 − l1_ratio)/2 · Σ_j (s_j b_j)²

        MCP(u; l, gamma) = l|u| − u²/(2 gamma)  for |u| <= gamma·l,   gamma·l²/2  beyond,

    s_j the standard deviation of column j. Coefficients beyond gamma·alpha are not shrunk. The problem is not convex: the fit is
    the stationary point that a path from b = 0 leads to, certified by ``kkt_``.

    Parameters
    ----------
    alpha : float or None, default=1.0
        Strength of the penalty, >= 0. None: chosen by cross-validation.
    gamma : float, default=3.0
        Above 1 (with ``standardize=False`` above 1 / the smallest variance of a column); the larger, the nearer to the lasso.
    l1_ratio : float, default=1.0
        Share of the concave penalty, in (0, 1]; the rest is ridge.
    fit_intercept : bool, default=True
        Whether to fit an (unpenalised) intercept.
    standardize : bool, default=True
        Let the penalty act on s_j b_j. The coefficients are those of X as it is.
    alphas : int or array-like, default=100
        With ``alpha=None``: number of alphas of a geometric grid, or the alphas.
    eps : float, default=1e-2
        With ``alpha=None``: ``alpha_min / alpha_max`` of the grid.
    cv : int, splitter, iterable or None, default=None
        With ``alpha=None``, as in scikit-learn: None is 5 folds (``KFold``, not shuffled).
    max_iter : int or None, default=None
        The most epochs of coordinate descent per alpha. None means 100 000.
    tol : float, default=1e-6
        The fit stops when ``kkt_`` is at most this.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,)
        Coefficients, in the floating type of X.
    intercept_ : float
        Intercept; 0.0 if ``fit_intercept=False``.
    alpha_ : float
        The alpha of the fit.
    alphas_, mse_path_ : ndarray of shape (n_alphas,), (n_alphas, n_folds)
        With ``alpha=None``: the grid, and the mean squared error on held-out rows.
    kkt_ : float
        Violation of the stationarity conditions: max_j dist(x_jᵀ r, ∂penalty_j) / (‖x_j‖ ‖y‖), centred.
    curvature_ : float
        Smallest eigenvalue of the objective's curvature on the support (see :class:`riata.concave.ConcavePathResult`). Above 0:
        no other minimum has the same support.
    status_ : str
        "converged", or what kept the fit from it.
    n_iter_ : int
        Epochs of the solver at ``alpha_``. At least 1.
    n_features_in_, feature_names_in_
        As in scikit-learn.

    See Also
    --------
    riata.mcp_path : The whole path, with penalty factors and offsets.

    References
    ----------
    C.-H. Zhang (2010), Nearly unbiased variable selection under minimax concave penalty. Annals of Statistics 38.
    P. Breheny and J. Huang (2011), Coordinate descent algorithms for nonconvex penalized regression. Annals of Applied
    Statistics 5.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from riata.linear_model import MCPRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = MCPRegressor(alpha=5.0).fit(X, y)
    >>> int((model.coef_ != 0).sum()), model.status_
    (5, 'converged')
    """

    path = staticmethod(mcp_path)
    _penalty = "mcp"

    def __init__(self, alpha=1.0, *, gamma=3.0, l1_ratio=1.0, fit_intercept=True, standardize=True, alphas=100, eps=1e-2, cv=None,
                 max_iter=None, tol=1e-6):
        self._keep(locals())


class SCADRegressor(_ConcaveRegressor):
    """Linear regression with the smoothly clipped absolute deviation penalty.

    The objective is that of :class:`MCPRegressor` with SCAD in place of MCP::

        SCAD(u; l, gamma) = l|u| for |u| <= l,  (2 gamma·l|u| − u² − l²) / (2(gamma − 1)) for l < |u| <= gamma·l,
                            l²(gamma + 1)/2 beyond

    Parameters
    ----------
    alpha, l1_ratio, fit_intercept, standardize, alphas, eps, cv, max_iter, tol
        As in :class:`MCPRegressor`.
    gamma : float, default=3.7
        Above 2 (with ``standardize=False`` above 1 + 1 / the smallest variance of a column).

    Attributes
    ----------
    coef_, intercept_, alpha_, alphas_, mse_path_, kkt_, curvature_, status_, n_iter_, n_features_in_, feature_names_in_
        As in :class:`MCPRegressor`.

    References
    ----------
    J. Fan and R. Li (2001), Variable selection via nonconcave penalized likelihood and its oracle properties. JASA 96.
    """

    path = staticmethod(scad_path)
    _penalty = "scad"

    def __init__(self, alpha=1.0, *, gamma=3.7, l1_ratio=1.0, fit_intercept=True, standardize=True, alphas=100, eps=1e-2, cv=None,
                 max_iter=None, tol=1e-6):
        self._keep(locals())
