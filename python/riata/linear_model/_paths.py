"""enet_path and lasso_path: coefficients along a grid of alphas, without an intercept."""

import numpy as np
from sklearn.utils.validation import check_array, check_consistent_length

from riata_engine.batch import Batch, alpha_grid

from ._base import canonical, checked_weights, is_plain
from ._certified import dual_gap, engine_settings, solve_certified
from ._parameters import check_gram_shape, check_parameter, check_parameters, descending_alphas

_TINY = np.finfo(np.float64).resolution   # the grid of a y that no feature explains (scikit-learn's)

#: what ``**params`` may hold, and what cannot be chosen in one of the two functions
_PARAMS = {"tol": 1e-4, "max_iter": 1000, "sample_weight": None, "random_state": None, "selection": "cyclic",
           "do_screening": True, "check_input": True}
_FIXED = {"l1_ratio": 1.0, "fit_intercept": False}


def enet_path(
    X,
    y,
    *,
    l1_ratio=0.5,
    eps=1e-3,
    n_alphas="deprecated",
    alphas=100,
    precompute="auto",
    Xy=None,
    copy_X=True,
    coef_init=None,
    verbose=False,
    return_n_iter=False,
    positive=False,
    check_input=True,
    **params,
):
    """Elastic-net coefficients along a path of alphas, without an intercept.

    Minimises for each alpha::

        Σ_i w_i (y_i − x_iᵀb)² / (2 Σ_i w_i)  +  alpha · ( l1_ratio·‖b‖₁ + (1 − l1_ratio)/2 · ‖b‖₂² )

    (w = 1 unless ``sample_weight`` is given). Centre X and y first, or use ``riata.fit_path``, which fits an intercept.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Data.
    y : array-like of shape (n_samples,) or (n_samples, 1)
        Target. Several columns are refused: scikit-learn couples them by a group penalty, which riata does not have.
    l1_ratio : float, default=0.5
        Share of the L1 penalty, in [0, 1].
    eps : float, default=1e-3
        ``alpha_min / alpha_max`` of an automatic grid.
    n_alphas : int
        The older name of an integer ``alphas``; used if given.
    alphas : int or array-like, default=100
        Number of alphas (geometric, from alpha_max down to ``eps · alpha_max``), or the alphas. None means 100.
    precompute, Xy, copy_X, coef_init
        No-ops: the engine computes what it needs, starts where it likes, and never changes X. A Gram matrix or a
        ``coef_init`` of the wrong shape is an error.
    verbose : bool or int, default=False
        Whether to write a line of progress to standard error.
    return_n_iter : bool, default=False
        Whether to return the number of epochs per alpha.
    positive : bool, default=False
        Restrict the coefficients to b >= 0.
    check_input : bool, default=True
        False skips the checks of X and y.
    **params
        ``tol`` (1e-4), ``max_iter`` (1000), ``sample_weight`` (None); ``random_state``, ``selection`` and
        ``do_screening`` are accepted and change nothing.

    Returns
    -------
    alphas : ndarray of shape (n_alphas,)
        From large to small.
    coefs : ndarray of shape (n_features, n_alphas), or (1, n_features, n_alphas) if y is two-dimensional
        Coefficients, in the floating type of X.
    dual_gaps : ndarray of shape (n_alphas,)
        Duality gaps in the units of the objective above, each for its own alpha.
    n_iters : list of int
        Epochs per alpha; only if ``return_n_iter``.

    Raises
    ------
    ValueError
        If an argument cannot be used; the message names it.

    References
    ----------
    J. Friedman, T. Hastie and R. Tibshirani (2010), Regularization paths for generalized linear models via coordinate
    descent. Journal of Statistical Software 33(1).
    """
    return _path("enet_path", locals())


def lasso_path(
    X,
    y,
    *,
    eps=1e-3,
    n_alphas="deprecated",
    alphas=100,
    precompute="auto",
    Xy=None,
    copy_X=True,
    coef_init=None,
    verbose=False,
    return_n_iter=False,
    positive=False,
    **params,
):
    """Lasso coefficients along a path of alphas, without an intercept: :func:`enet_path` with ``l1_ratio=1``.

    Parameters
    ----------
    X, y, eps, n_alphas, alphas, precompute, Xy, copy_X, coef_init, verbose, return_n_iter, positive, **params
        As in :func:`enet_path`.

    Returns
    -------
    alphas, coefs, dual_gaps[, n_iters]
        As in :func:`enet_path`.
    """
    return _path("lasso_path", locals())


def automatic_alphas(owner, batch):
    """The grids (B, n_alphas) of a batch without alphas, with scikit-learn's answer where alpha_max is (nearly) zero.

    Raises ValueError for l1_ratio = 0, where no finite alpha gives b = 0.
    """
    _refuse_ridge(owner, batch)
    grids = np.asarray(alpha_grid(batch), dtype=np.float64)
    return np.where(grids[:, :1] > _TINY, grids, _TINY)


def _refuse_ridge(owner, batch):
    if not batch.l1_ratio.all():
        raise ValueError(
            f"{owner}: automatic alpha grid generation is not supported for l1_ratio=0 (no finite alpha gives b = 0). "
            "Give the alphas."
        )


def _solve_on_own_grid(owner, batch, verbose):
    """The solution of a batch of one path without alphas, on those of ``automatic_alphas``."""
    _refuse_ridge(owner, batch)
    solution = solve_certified(owner, batch, verbose)
    if solution.alphas[0, 0] > _TINY:
        return solution
    batch.alphas = np.full_like(solution.alphas, _TINY)
    return solve_certified(owner, batch, verbose)


def _path(owner, arguments):
    """A path from the arguments of :func:`enet_path` or :func:`lasso_path`, ``**params`` among them as a dict."""
    unexpected = arguments["params"].keys() - _PARAMS.keys()
    if unexpected:
        raise ValueError(f"{owner} got unexpected parameters: {', '.join(sorted(unexpected))}.")
    given = {**_FIXED, **_PARAMS, **arguments, **arguments["params"]}
    X, y, n_alphas, alphas = given["X"], given["y"], given["n_alphas"], given["alphas"]
    if not (n_alphas is None or (isinstance(n_alphas, str) and n_alphas == "deprecated")):
        check_parameter(owner, "alphas", n_alphas)
        alphas = n_alphas if alphas is None or np.ndim(alphas) == 0 else alphas
    alphas = 100 if alphas is None else alphas
    check_parameters(owner, {**given, "alphas": alphas})
    X, Y = _checked(owner, X, y, given["check_input"])
    check_gram_shape(owner, given["precompute"], X.shape[1])
    start = given["coef_init"]
    if start is not None and np.shape(start)[-1:] != (X.shape[1],):
        raise ValueError(f"coef_init of {owner} has shape {np.shape(start)}; X has {X.shape[1]} features.")
    problem = {
        "weights": checked_weights(given["sample_weight"], X.shape[0]),
        "l1_ratio": float(given["l1_ratio"]),
        **engine_settings(given, X.shape[1]),
    }
    if np.ndim(alphas) == 0:
        batch = Batch(X, Y, n_alphas=int(alphas), alpha_min_ratio=float(given["eps"]), **problem)
        solution = _solve_on_own_grid(owner, batch, given["verbose"])
    else:
        batch = Batch(X, Y, alphas=descending_alphas(owner, alphas), **problem)
        solution = solve_certified(owner, batch, given["verbose"])
    coefs = np.asfortranarray(solution.coef[0].T, dtype=X.dtype)
    path = solution.alphas[0], coefs if np.ndim(y) == 1 else coefs[None], dual_gap(solution)[0]
    return (*path, [int(count) for count in solution.n_epochs[0]]) if given["return_n_iter"] else path


def _checked(owner, X, y, check_input):
    if check_input and not (is_plain(X) and is_plain(y, (1,)) and len(X) == len(y)):
        X = check_array(X, accept_sparse="csc", dtype=(np.float64, np.float32))
        y = check_array(y, dtype=np.float64, ensure_2d=False, input_name="y")
        check_consistent_length(X, y)
    else:
        y = np.asarray(y, dtype=np.float64)
    if y.ndim > 1 and y.shape[1] > 1:
        raise ValueError(
            f"{owner} takes one target, but y has shape {y.shape}: scikit-learn couples the targets by a group "
            "penalty, which riata does not have. Use riata.fit_batch for independent paths of many targets."
        )
    return canonical(X), y.reshape(-1, 1)
