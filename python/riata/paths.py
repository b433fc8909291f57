"""One regularisation path, and many on one design."""

import numpy as np

from riata.argument_names import native
from riata.arguments import check_arguments, with_ridge_grid
from riata.batch_result import BatchResult
from riata.no_memory import answer_fits
from riata.profile import profile_of
from riata.results import PathResult, path_of, solved
from riata.status import status_names, warn_of_unconverged
from riata.validation import check_l1_ratio, check_l1_ratio_each
from riata_engine.batch import Batch


@native
def fit_path(X, y, *, loss="squared", l1_ratio=1.0, alphas=100, alpha_min_ratio=None, weights=None, offset=None,
             penalty_factor=None, lower=None, upper=None, positive=False, intercept=True, standardize=False, solver="auto",
             tol=1e-6, max_epochs=100_000, stop_dev_ratio=None, stop_dev_change=None, n_threads=None, time_budget=None,
             backend="cpu", progress=None) -> PathResult:
    """Fit an elastic net at a sequence of penalty strengths.

    For each alpha this minimises over the intercept b0 and the coefficients b

        Σ_i w_i ½(y_i − b0 − x_iᵀb − o_i)² / Σ_i w_i
        + alpha · Σ_j f_j · ( l1_ratio·|b_j| + (1 − l1_ratio)/2 · b_j² ),   lower_j ≤ b_j ≤ upper_j

    `alpha` and `l1_ratio` mean what they mean in scikit-learn.

    Parameters
    ----------
    X : ndarray, memmap, scipy.sparse matrix, or pandas, polars or Arrow table, of shape (n, p)
        Never written to. float32 and float64 are kept as they are, integers and booleans become float64, sparse
        matrices are used column by column (CSR is converted to CSC). Column names are kept.
    y : array_like of shape (n,)
        Target.
    loss : str or riata.losses.Loss, default="squared"
        "squared", "logistic", "poisson", "gamma", "tweedie", "negative_binomial" or "huber", or one with its parameter, such as
        ``riata.losses.huber(delta=1.0)``: ℓ(y, η) takes the place of ½ (y − η)². Logistic: y holds two classes, or shares.
    l1_ratio : float in [0, 1], default=1.0
        1 is the lasso, 0 is ridge regression.
    alphas : int or array_like of shape (L,), default=100
        How many: a geometric grid from the smallest alpha whose coefficients are all 0. Or which, in any order:
        results keep that order.
    alpha_min_ratio : float in (0, 1), optional
        Last alpha of the grid divided by the first, where `alphas` is a number. Default: 1e-3 if n > p, otherwise 1e-2;
        1e-8 for ridge, whose grid begins at the first alpha of l1_ratio = 0.001.
    weights : array_like of shape (n,), optional
        Row weights of 0 or more; only their ratios matter. 0 leaves a row out.
    offset : array_like of shape (n,), optional
        Fixed part of the linear predictor.
    penalty_factor : array_like of shape (p,), optional
        Factor f_j of each feature's penalty: 0 leaves it free, inf leaves it out.
    lower, upper : float or array_like of shape (p,), optional
        Bounds of the coefficients; they must contain 0.
    positive : bool, default=False
        Shorthand for ``lower=0``, in place of `lower`.
    intercept : bool, default=True
        Fit an intercept. It is never penalised.
    standardize : bool, default=False
        Let the penalty (not the bounds) act on b_j · s_j, with s_j the weighted standard deviation of column j. The
        coefficients come back on the scale of X.
    solver : {"auto", "gram", "working_set", "residual", "kernel", "least_squares", "dual_newton"}, default="auto"
        "auto" chooses by cost; the result names the one that ran. "kernel" solves ridge (l1_ratio 0) without bounds,
        "least_squares" alpha 0 without bounds, "dual_newton" ridge within bounds.
    tol : float, default=1e-6
        An alpha has converged when its duality gap, divided by the objective at b = 0, is at most this.
    max_epochs : int, default=100_000
        Passes of coordinate descent per alpha.
    stop_dev_ratio : float in (0, 1], optional
        End the path once this fraction of the deviance is explained; later alphas are `skipped`.
    stop_dev_change : float, optional
        End the path once a step gains less than this fraction of the deviance explained.
    n_threads : int, optional
        Default: all cores that this process may use. Results are the same bits for every number.
    time_budget : float, optional
        Seconds; alphas not reached by then have the status `time_budget`.
    backend : {"cpu"}, default="cpu"
    progress : callable, optional
        Called as ``progress(done, total)``, at most 20 times a second.

    Returns
    -------
    PathResult

    Raises
    ------
    ValueError, TypeError
        For bad arguments, naming the argument, the value and the remedy.
    MemoryError
        If the answer, L x p coefficients, or the work cannot be held.
    riata_engine.batch.Interrupted
        On Ctrl-C; its `.result` is the path as far as it went, the rest `skipped`.

    Warns
    -----
    sklearn.exceptions.ConvergenceWarning
        Once, with counts, if some alphas did not converge.

    References
    ----------
    Zou and Hastie (2005), "Regularization and variable selection via the elastic net", JRSS B 67.
    Friedman, Hastie and Tibshirani (2010), "Regularization paths for generalized linear models via coordinate
    descent", Journal of Statistical Software 33(1).

    Examples
    --------
    >>> import numpy as np, riata
    >>> X = np.eye(4); y = np.array([4.0, 3.0, 2.0, 1.0])
    >>> path = riata.fit_path(X, y, alphas=[0.25], intercept=False)
    >>> path.coef.round(6).tolist()
    [[3.0, 2.0, 1.0, 0.0]]
    """
    given = check_arguments(locals())
    path = fitted_path(given, check_l1_ratio(l1_ratio))
    warn_of_unconverged(path.status, path.gap, tol, path.n_at_limit, stacklevel=3)
    return path


def fitted_path(given, l1_ratio):
    """`fit_path` on checked `Arguments`, without its warning."""
    def result_of(solution):
        return path_of(solution, 0, given, l1_ratio)

    batch = Batch(given.X, given.y[:, None], weights=given.weights, l1_ratio=l1_ratio, **given.grid.keywords,
                  **given.settings)
    with answer_fits(1, given.grid.size, given.X.shape[1], "alphas"):
        return solved(with_ridge_grid(batch), given.progress, result_of)


def fit_targets(arguments):
    """The `BatchResult` of `riata.fit_batch` for complete targets on one design, from its ``locals()``."""
    given = check_arguments(arguments)
    targets, weights, grid, problems = given.y, given.weights, given.grid, given.n_problems
    l1_ratio = check_l1_ratio_each(arguments["l1_ratio"], problems)
    every = np.arange(problems, dtype=np.intp)
    target = every if targets.shape[1] > 1 else np.zeros(problems, dtype=np.intp)
    own_weights = weights is not None and weights.ndim == 2 and weights.shape[1] == problems
    group = every if own_weights else np.zeros(problems, dtype=np.intp)

    def result_of(solution):
        restored = {name: _restored(getattr(solution, name), grid)
                    for name in ("alphas", "coef", "intercept", "gap", "dev_ratio", "df", "n_epochs", "n_cholesky")}
        return BatchResult(
            **restored, status=_restored(status_names(solution.status), grid), l1_ratio=l1_ratio,
            null_deviance=np.asarray(solution.null_deviance), n_features=given.X.shape[1],
            fit_intercept=given.settings["intercept"], n_samples=np.broadcast_to(given.rows_used, problems),
            tol=given.settings["tol"], feature_names=given.feature_names, loss=given.loss,
            n_passes=solution.n_passes, solver=solution.solver,
            profile_=profile_of(solution), target_names=given.target_names if targets.shape[1] == problems else None)

    batch = Batch(given.X, targets, weights=weights, target=target, group=group, l1_ratio=l1_ratio, **grid.keywords,
                  **given.settings)
    with answer_fits(problems, grid.size, given.X.shape[1], "alphas, or fewer targets a call"):
        result = solved(with_ridge_grid(batch), given.progress, result_of)
    warn_of_unconverged(result.status, result.gap, result.tol, result.n_at_limit, stacklevel=4)
    return result


def _restored(values, grid):
    """Results (B, L, ...) in the caller's order of alphas."""
    if grid.back is None:
        return values
    if grid.back.ndim == 1:
        return values[:, grid.back]
    index = grid.back.reshape(grid.back.shape + (1,) * (values.ndim - 2))
    return np.take_along_axis(values, index, axis=1)
