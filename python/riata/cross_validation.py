"""Cross-validated regularisation paths: all l1_ratios and all folds as one batch on one design."""

import warnings

import numpy as np

from riata.argument_names import native
from riata.arguments import check_arguments, derived_alphas
from riata.calibration import OutOfFold
from riata.cv_batch import CVBatch, grid_batch
from riata.cv_choice import require_defined, undefined_note
from riata.cv_result import CVResult
from riata.loss_folds import loss_folds
from riata.measures import MEASURES, check_scoring
from riata.no_memory import answer_fits
from riata.own_penalty import PenaltyPathResult, check_own_arguments, own_fields, warn_of_certificates
from riata.penalty_paths import derived, extended
from riata.results import path_of, solved
from riata.status import status_names, warn_of_unconverged
from riata.validation import check_l1_ratios
from riata_engine.penalty import PenaltyBatch, penalty_grid, solve_penalty


@native
def cross_validate_path(X, y, *, loss="squared", l1_ratio=1.0, alphas=100, cv=10, inner_cv=None, scoring="deviance",
                        groups=None, stratify=None, n_repeats=1, seed=0, alpha_min_ratio=None, weights=None, offset=None,
                        penalty=None, penalty_factor=None, lower=None, upper=None, positive=False, intercept=True,
                        standardize=False, solver="auto", tol=1e-6, max_epochs=100_000, n_threads=None, time_budget=None,
                        backend="cpu", progress=None) -> CVResult:
    """Choose alpha and l1_ratio by cross-validation.

    The paths of all l1_ratios, on all rows and without the rows of each fold, are one batch: a fold is a set of rows
    of weight 0, X is never copied, and the Gram matrix of a fold is the total minus the fold's own. Folds use the
    alphas of the full data. The result does not depend on the number of threads.

    Parameters
    ----------
    X, y
        As in `riata.fit_path`.
    loss : str or riata.losses.Loss, default="squared"
        As in `riata.fit_path`.
    l1_ratio : float or array_like of shape (R,), default=1.0
        One or several mixing parameters to try, each once.
    alphas : int or array_like of shape (L,), default=100
        How many, in a grid for each l1_ratio, or which.
    cv : int, splitter, iterable of (train, test), or integer array of shape (n,), default=10
        An int makes that many shuffled folds of the rows with a positive weight. Else any scikit-learn splitter,
        its output, or the number of the fold of each row (negative: never held out).
    inner_cv : int, splitter, or integer array of shape (n,), optional
        Hand over to `riata.nested_cross_validate`: `cv` are the outer folds, on which the choice by these inner ones is scored.
    scoring : str or callable, default="deviance"
        What chooses, of the predictions of held-out rows: "deviance", "mse", "mae", "r2" or "c_index", of two classes also
        "log_loss", "brier", "auc", "accuracy" or "class" (the misclassification error): see `riata.measures`. These are computed
        for all alphas at once, and weighted. Else the name of a scikit-learn scorer, such as "f1", or a scorer, a function of
        (estimator, X, y): it is called with a fitted model for every alpha, l1_ratio and fold in turn, which takes longer; a
        metric of scikit-learn stands for its scorer. A scorer's values are made large.
    groups : array_like of shape (n,), optional
        With an int `cv`, rows of one group stay together. A splitter receives them.
    stratify : int or False, optional
        With an int `cv`: spread each of this many quantile bins of y evenly over the folds. By default two classes are spread
        evenly, as scikit-learn does it, unless there are `groups`; False is for folds at random.
    n_repeats : int, default=1
        With an int `cv`: make the folds this many times, K = cv · n_repeats in all.
    seed : int, default=0
        The folds of an int `cv` are a function of it alone.
    penalty : riata.penalties.CustomPenalty, optional
        In place of the elastic net: one of `riata.penalties.custom`, beside the squared loss and without `l1_ratio` and bounds.
        The paths of the result are those of `riata.penalty_path`.
    alpha_min_ratio, weights, offset, penalty_factor, lower, upper, positive, intercept, standardize, solver, tol, \
max_epochs, n_threads, time_budget, backend, progress
        As in `riata.fit_path`. Weights also weigh the held-out errors. `progress` counts (l1_ratio, fold, alpha).

    Returns
    -------
    CVResult
        A `riata.NestedCVResult` with `inner_cv`.

    Raises
    ------
    ValueError, TypeError
        For bad arguments, naming the argument, the value and the remedy.
    ValueError
        Where the training rows of a fold are of one class, or no fold has a value of `scoring`.
    RuntimeError
        If no alpha was fitted in every fold.
    MemoryError
        If the answer, paths for every (l1_ratio, fold), or the work cannot be held.
    riata_engine.batch.Interrupted
        On Ctrl-C; its `.result` is the CVResult of the paths and folds as far as they went, the rest NaN and `skipped`. It
        chooses among what was fitted in every fold (see `CVResult.chosen`).

    Warns
    -----
    sklearn.exceptions.ConvergenceWarning
        Once, with counts over all fits.
    UserWarning
        If some folds, which it names, have no value of `scoring`, as AUC where a fold holds out one class only.

    References
    ----------
    Hastie, Tibshirani and Friedman (2009), "The Elements of Statistical Learning", 2nd edition, section 7.10.
    """
    arguments = dict(locals())
    if inner_cv is not None:
        from riata.nested import nested_cross_validate

        if arguments.pop("penalty") is not None:
            raise ValueError("penalty: nested cross-validation has the elastic net alone. Leave inner_cv or penalty out")
        return nested_cross_validate(**arguments)
    given = check_arguments(arguments)
    own = None if penalty is None else check_own_arguments(penalty, given, arguments)
    l1_ratios = check_l1_ratios(l1_ratio)
    measure = check_scoring(scoring, given.loss, given.classes, given.weights)
    folds = loss_folds(given, cv, groups=groups, stratify=stratify, n_repeats=n_repeats, seed=seed)
    result = cross_validate(given, folds, l1_ratios, measure, own)
    if len(result.undefined_folds):
        warnings.warn(undefined_note(result), UserWarning, stacklevel=3)
    if own is None:
        warn_of_unconverged(*all_fits(result), tol, result.n_at_limit, stacklevel=3)
    else:
        warn_of_certificates(own, *all_fits(result), tol, result.n_at_limit, stacklevel=4)
    return result


def cross_validate(given, folds, l1_ratios, measure=MEASURES["deviance"], penalty=None):
    """`cross_validate_path` on checked `Arguments`, without its warnings; ``penalty`` is one of the user's own."""
    problems = len(l1_ratios) * (len(folds) + 1)
    with answer_fits(problems, given.grid.size, given.X.shape[1], "alphas, l1_ratios or folds"):
        result = _solve_folds(given, folds, l1_ratios, measure, penalty)
    require_defined(result, measure)
    result.index("min")                                # raises where nothing can be chosen
    return result


def _solve_folds(given, folds, l1_ratios, measure, penalty):
    grid = given.grid
    if grid.alphas is None:
        whole = grid_batch(given.X, given.y[:, None], l1_ratios, weights=given.weights, settings=given.settings, **grid.keywords)
        if penalty is None:
            alphas, columns = derived_alphas(whole)
        else:
            alphas, columns = penalty_grid(derived(PenaltyBatch, whole, penalty=penalty.engine)), None
    else:
        columns = None
        alphas = np.broadcast_to(grid.alphas, (len(l1_ratios), len(grid.alphas)))
    batch = CVBatch(given.X, given.y, folds, given.weights, l1_ratios, given.settings)
    back = slice(None) if grid.back is None else grid.back

    def in_order(values):
        """(R, L, K) in the caller's order of alphas, of values (R, K, L)."""
        return np.ascontiguousarray(values.transpose(0, 2, 1)[:, back])

    def result_of(solution):
        paths = [path_of(solution, b, given, l1_ratio) for b, l1_ratio in zip(batch.full, l1_ratios, strict=True)]
        if penalty is not None:
            paths = [extended(PenaltyPathResult, path, **own_fields(solution, b, given, penalty))
                     for path, b in zip(paths, batch.full, strict=True)]
        deviance = batch.deviance(solution)
        own = measure.name == "deviance"
        score = deviance if own else batch.scores(solution, measure, given.loss, given.classes, given.weights)
        label = "mean squared error" if own and given.loss.name == "squared" else measure.label
        result = CVResult(
            l1_ratios=l1_ratios, alphas=np.stack([path.alphas for path in paths]), deviance=in_order(deviance), paths=paths,
            folds=folds.test, fold_status=status_names(in_order(solution.status[batch.held_out])),
            fold_gap=in_order(solution.gap[batch.held_out]), score=in_order(score), scoring=measure.name,
            score_label=label, greater_is_better=measure.greater_is_better)
        if result.chosen:
            _predict_held_out(result, batch, solution, given)
        return result

    problems = batch.problems(alphas, columns)
    if penalty is None:
        return solved(problems, given.progress, result_of)
    return solved(derived(PenaltyBatch, problems, penalty=penalty.engine), given.progress, result_of, solve_penalty)


def _predict_held_out(result, batch, solution, given):
    """Set what the models of the folds say of the rows that they held out, at the chosen pairs."""
    def link(rule):
        r, i = result.index(rule)
        return batch.held_out_prediction(solution, r, i if given.grid.back is None else given.grid.back[i])

    links = {"min": link("min")}
    result.oof_prediction = given.loss.response(links["min"])
    if given.loss.name == "logistic" and given.classes is not None:
        links["1se"] = links["min"] if result.index_1se == result.index_min else link("1se")
        result.out_of_fold = OutOfFold(given.y, given.weights, links)


def all_fits(result):
    """(status, gap) of every fit of a cross-validation: of the paths on all rows, and of the folds."""
    return (np.concatenate([*(path.status for path in result.paths), result.fold_status.ravel()]),
            np.concatenate([*(path.gap for path in result.paths), result.fold_gap.ravel()]))
