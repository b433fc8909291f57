"""Cross-validated regularisation paths: all l1_ratios and all folds as one batch on one design."""

import numpy as np

from riata.cv_result import CVResult
from riata.folds import make_folds
from riata.paths import grid_arguments, rows_used
from riata.prediction import linear_predictor
from riata.results import path_of
from riata.status import status_names, warn_of_unconverged
from riata.validation import (
    check_alphas,
    check_design,
    check_l1_ratios,
    check_settings,
    check_target,
    check_weights,
)
from riata_engine.batch import Batch, alpha_grid, solve

#: coefficients that are kept dense (8 MiB): SciPy takes as long to make a sparse matrix as a small path takes to solve
SMALL = 2**20


def cross_validate_path(X, y, *, l1_ratio=1.0, alphas=100, cv=10, groups=None, stratify=None, n_repeats=1, seed=0,
                        alpha_min_ratio=None, weights=None, offset=None, penalty_factor=None, lower=None, upper=None,
                        positive=False, intercept=True, standardize=False, solver="auto", tol=1e-6,
                        max_epochs=100_000, n_threads=None,
                        time_budget=None, backend="cpu", progress=None) -> CVResult:
    """Choose alpha and l1_ratio by cross-validation.

    The paths of all l1_ratios, on all rows and without the rows of each fold, are one batch: a fold is a set of rows
    of weight 0, X is never copied, and the Gram matrix of a fold is the total minus the fold's own. Folds use the
    alphas of the full data. The result does not depend on the number of threads.

    Parameters
    ----------
    X, y
        As in `riata.fit_path`.
    l1_ratio : float or array_like of shape (R,), default=1.0
        One or several mixing parameters to try.
    alphas : int or array_like of shape (L,), default=100
        How many, in a grid for each l1_ratio, or which.
    cv : int, splitter, iterable of (train, test), or integer array of shape (n,), default=10
        An int makes that many shuffled folds of the rows with a positive weight. Else any scikit-learn splitter,
        its output, or the number of the fold of each row (negative: never held out).
    groups : array_like of shape (n,), optional
        With an int `cv`, rows of one group stay together. A splitter receives them.
    stratify : int, optional
        With an int `cv`: spread each of this many quantile bins of y evenly over the folds.
    n_repeats : int, default=1
        With an int `cv`: make the folds this many times, K = cv · n_repeats in all.
    seed : int, default=0
        The folds of an int `cv` are a function of it alone.
    alpha_min_ratio, weights, offset, penalty_factor, lower, upper, positive, intercept, standardize, solver, tol, \
max_epochs, n_threads, time_budget, backend, progress
        As in `riata.fit_path`. Weights also weigh the held-out errors. `progress` counts (l1_ratio, fold, alpha).

    Returns
    -------
    CVResult

    Raises
    ------
    ValueError, TypeError
        For bad arguments, naming the argument, the value and the remedy.
    RuntimeError
        If no alpha was fitted in every fold.

    Warns
    -----
    sklearn.exceptions.ConvergenceWarning
        Once, with counts over all fits.

    References
    ----------
    Hastie, Tibshirani and Friedman (2009), "The Elements of Statistical Learning", 2nd edition, section 7.10.
    """
    matrix, names = check_design(X)
    n, p = matrix.shape
    target = check_target(y, n)
    weights = check_weights(weights, n)
    l1_ratios = check_l1_ratios(l1_ratio)
    grid = check_alphas(alphas)
    settings = check_settings(
        n, p, alpha_min_ratio=alpha_min_ratio, offset=offset, penalty_factor=penalty_factor, lower=lower, upper=upper,
        positive=positive, intercept=intercept, standardize=standardize, solver=solver, tol=tol, max_epochs=max_epochs,
        n_threads=n_threads, time_budget=time_budget,
        backend=backend, progress=progress)
    folds = make_folds(cv, n, y=target, X=matrix, weights=weights, groups=groups, stratify=stratify,
                       n_repeats=n_repeats, seed=seed)
    result = cross_validate(matrix, target, folds, weights=weights, l1_ratios=l1_ratios, grid=grid, settings=settings,
                            feature_names=names, progress=progress)
    warn_of_unconverged(*all_fits(result), tol, stacklevel=2)
    return result


def cross_validate(matrix, target, folds, *, weights, l1_ratios, grid, settings, feature_names, progress):
    """`cross_validate_path` on checked arguments, without its warning."""
    n, R, K = matrix.shape[0], len(l1_ratios), len(folds)
    targets = target[:, None]
    if grid.alphas is None:
        derived = alpha_grid(Batch(matrix, targets, weights=weights, target=np.zeros(R, dtype=np.intp),
                                   group=np.zeros(R, dtype=np.intp), l1_ratio=l1_ratios, **grid_arguments(grid),
                                   **settings))
    else:
        derived = np.broadcast_to(grid.alphas, (R, len(grid.alphas)))
    # Problem r·(K+1) is l1_ratio r on all rows, the K after it are its folds.
    solution = solve(Batch(matrix, targets, target=np.zeros(R * (K + 1), dtype=np.intp),
                           group=np.tile(np.arange(K + 1, dtype=np.intp), R), l1_ratio=np.repeat(l1_ratios, K + 1),
                           alphas=np.repeat(derived, K + 1, axis=0),
                           store=coefficient_store(derived.size * (K + 1), matrix.shape[1]), **row_sets(folds, weights, n),
                           **settings), progress=progress)
    used = rows_used(weights, n)
    full = np.arange(R) * (K + 1)
    paths = [path_of(solution, b, grid, n_samples=used, l1_ratio=l1_ratios[r], settings=settings,
                     feature_names=feature_names) for r, b in enumerate(full)]
    fold_problems = full[:, None] + 1 + np.arange(K)                                   # (R, K)
    if folds.train is None:
        deviance = solution.held_out_deviance[fold_problems]                           # (R, K, L)
    else:
        deviance = deviance_on_test_rows(solution, fold_problems, matrix, target, folds, weights, settings["offset"])
    back = slice(None) if grid.back is None else grid.back
    result = CVResult(
        l1_ratios=l1_ratios, alphas=np.stack([path.alphas for path in paths]),
        deviance=np.ascontiguousarray(deviance.transpose(0, 2, 1)[:, back]), paths=paths, folds=folds.test,
        fold_status=status_names(solution.status[fold_problems]).transpose(0, 2, 1)[:, back],
        fold_gap=solution.gap[fold_problems].transpose(0, 2, 1)[:, back])
    r, i = result.index_min
    solved_at = i if grid.back is None else grid.back[i]
    result.oof_prediction = _held_out_predictions(solution, fold_problems[r], solved_at, matrix, folds,
                                                  settings["offset"])
    return result


def all_fits(result):
    """(status, gap) of every fit of a cross-validation: of the paths on all rows, and of the folds."""
    return (np.concatenate([*(path.status for path in result.paths), result.fold_status.ravel()]),
            np.concatenate([*(path.gap for path in result.paths), result.fold_gap.ravel()]))


def coefficient_store(fits, n_features):
    """How a cross-validation keeps its coefficients: sparse, for few are needed, unless that costs more than it saves."""
    return "dense" if fits * n_features <= SMALL else "sparse"


def row_sets(folds, weights, n):
    """The groups 0 (all rows), 1, ..., K of a batch: held-out rows where folds are taken away from the whole."""
    if folds.train is None:
        return {"weights": weights, "held_out": [np.empty(0, dtype=np.intp), *folds.test]}
    base = np.ones(n) if weights is None else weights
    columns = np.empty((n, len(folds) + 1), order="F")
    columns[:, 0] = base
    for k, train in enumerate(folds.train):
        columns[:, k + 1] = base * np.bincount(train, minlength=n)
    return {"weights": columns}


def deviance_on_test_rows(solution, fold_problems, matrix, target, folds, weights, offset):
    """(R, K, L) weighted mean squared errors where a fold's test rows are not simply the rest of its training rows."""
    R, K = fold_problems.shape
    deviance = np.full((R, K, solution.alphas.shape[1]), np.nan)
    for k, test in enumerate(folds.test):
        test_weights = None if weights is None else weights[test]
        for r, b in enumerate(fold_problems[:, k]):
            fitted = np.isfinite(solution.intercept[b])
            prediction = linear_predictor(matrix, solution.coef[b][fitted], solution.intercept[b][fitted], offset, test)
            deviance[r, k, fitted] = np.average((target[test, None] - prediction) ** 2, axis=0, weights=test_weights)
    return deviance


def _held_out_predictions(solution, problems, at, matrix, folds, offset):
    """(n,) means over the folds that hold a row out; NaN for rows that none does."""
    n = matrix.shape[0]
    total, times = np.zeros(n), np.zeros(n, dtype=np.intp)
    for b, test in zip(problems, folds.test, strict=True):
        prediction = linear_predictor(matrix, solution.coef[b][[at]], solution.intercept[b, [at]], offset, test)
        np.add.at(total, test, prediction[:, 0])
        np.add.at(times, test, 1)
    with np.errstate(invalid="ignore"):                # 0 / 0 is the NaN that is meant
        return total / times
