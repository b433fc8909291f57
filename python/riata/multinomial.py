"""Multinomial (softmax) logistic regression: paths, and their cross-validation."""

import warnings

import numpy as np

from riata.argument_names import native
from riata.class_labels import check_class_offset, check_classes, check_reference, check_trained
from riata.cv_batch import SCORED, rows_of
from riata.cv_choice import require_defined, undefined_note
from riata.folds import make_folds
from riata.measures import MULTINOMIAL, HeldOut, check_scoring
from riata.multinomial_result import MultinomialCVResult, MultinomialPathResult, predictors
from riata.no_memory import answer_fits
from riata.status import status_names, warn_of_unconverged
from riata.validation import (
    MOST_EPOCHS,
    MOST_THREADS,
    check_alphas,
    check_count,
    check_design,
    check_flag,
    check_l1_ratio,
    check_l1_ratios,
    check_named_order,
    check_number,
    check_penalty_factor,
    check_weights,
)
from riata_engine.multinomial import Multinomial, MultinomialInterrupted, multinomial_grid, solve_multinomial

#: last alpha / first alpha of a derived grid for l1_ratio 0, whose first alpha is that of l1_ratio 0.001
RIDGE_MIN_RATIO = 1e-8


@native
def fit_multinomial_path(X, y, *, l1_ratio=1.0, alphas=100, alpha_min_ratio=None, weights=None, offset=None, penalty_factor=None,
                         reference=None, intercept=True, standardize=False, tol=1e-6, max_epochs=100_000, n_threads=None,
                         time_budget=None, progress=None) -> MultinomialPathResult:
    """Fit multinomial (softmax) logistic regressions with an elastic-net penalty at a sequence of penalty strengths.

    For each alpha this minimises over the intercepts b0_k and the coefficients b_jk of the classes k

        Σ_i w_i ( log Σ_k exp(η_ik) − η_{i, y_i} ) / Σ_i w_i
        + alpha · Σ_jk f_j ( l1_ratio·|b_jk| + (1 − l1_ratio)/2 · b_jk² ),   η_ik = b0_k + x_iᵀb_k + o_ik

    Every class has coefficients (the symmetric parametrisation of glmnet and scikit-learn); the penalty makes them unique, the
    intercepts sum to zero. scikit-learn's ``LogisticRegression(C=C)`` is alpha = 1 / (C · Σw).

    Parameters
    ----------
    X : ndarray, memmap, scipy.sparse matrix, or table, of shape (n, p)
        As in `riata.fit_path`.
    y : array_like of shape (n,)
        Labels of two or more classes: text, integers, booleans or numbers.
    l1_ratio : float in [0, 1], default=1.0
    alphas : int or array_like of shape (L,), default=100
        How many, from the smallest alpha whose coefficients are all 0; or which. 0 is no penalty.
    alpha_min_ratio : float in (0, 1), optional
        Last alpha of the grid divided by the first. Default: 1e-3 if n > p, otherwise 1e-2; 1e-8 for l1_ratio 0.
    weights : array_like of shape (n,), optional
        Row weights of 0 or more; 0 leaves a row out.
    offset : array_like of shape (n, K), optional
        Fixed part of the linear predictors, a column for each class in sorted order.
    penalty_factor : array_like of shape (p,), optional
        Factor f_j: 0 leaves a feature free, inf leaves it out.
    reference : label, optional
        Class whose coefficients are 0, for odds against it. The penalty then depends on which one it is.
    intercept : bool, default=True
    standardize : bool, default=False
        Let the penalty act on b_jk · s_j, s_j the weighted standard deviation of column j.
    tol : float, default=1e-6
        An alpha has converged when its duality gap, divided by the loss of the null model, is at most this.
    max_epochs : int, default=100_000
        Sweeps over the coefficients per alpha.
    n_threads, time_budget, progress
        As in `riata.fit_path`.

    Returns
    -------
    MultinomialPathResult

    Raises
    ------
    ValueError, TypeError
        For bad arguments, naming the argument, the value and the remedy.
    MemoryError
    riata_engine.multinomial.MultinomialInterrupted
        On Ctrl-C; its `.result` is the path as far as it went.

    Warns
    -----
    sklearn.exceptions.ConvergenceWarning
        Once, with counts, if some alphas did not converge, or classes without a penalty are told apart without error.

    References
    ----------
    Friedman, Hastie and Tibshirani (2010), "Regularization paths for generalized linear models via coordinate descent",
    Journal of Statistical Software 33(1), section 4.

    Examples
    --------
    >>> import riata
    >>> X = [[-2.0], [-1.0], [0.0], [0.5], [1.0], [2.0]]
    >>> path = riata.fit_multinomial_path(X, list("aabbcc"), alphas=[0.1])
    >>> path.predict(X, alpha=0.1).tolist()
    ['a', 'a', 'b', 'b', 'c', 'c']
    """
    given = _Given(locals())
    l1_ratio = check_l1_ratio(l1_ratio)
    batch = given.batch(l1_ratio=np.array([l1_ratio]), **given.grid_keywords(l1_ratio))
    with answer_fits(1, given.grid.size, given.p * len(given.classes), "alphas"):
        path = _solved(batch, progress, lambda solution: given.path(solution, 0, l1_ratio))
    warn_of_unconverged(path.status, path.gap, tol, 0, stacklevel=3)
    return path


@native
def cross_validate_multinomial(X, y, *, l1_ratio=1.0, alphas=100, cv=10, groups=None, n_repeats=1, seed=0, scoring="deviance",
                               alpha_min_ratio=None, weights=None, offset=None, penalty_factor=None, reference=None,
                               intercept=True, standardize=False, tol=1e-6, max_epochs=100_000, n_threads=None,
                               time_budget=None, progress=None) -> MultinomialCVResult:
    """Choose alpha and l1_ratio of `fit_multinomial_path` by cross-validation.

    The paths on all rows and without the rows of each fold are one batch; threads take one path after another.

    Parameters
    ----------
    X, y
        As in `fit_multinomial_path`.
    l1_ratio : float or array_like of shape (R,), default=1.0
    alphas : int or array_like of shape (L,), default=100
    cv : int, splitter, iterable of (train, test), or integer array of shape (n,), default=10
        An int makes shuffled folds that each class is spread over evenly (without `groups`). Otherwise as in
        `riata.cross_validate_path`.
    groups, n_repeats, seed
        As in `riata.cross_validate_path`.
    scoring : str or callable, default="deviance"
        What chooses: "deviance", "log_loss", "brier", "accuracy", "class" (the misclassification error) or "auc" (the mean over
        the classes of each against the rest), all alphas at once. Else a scikit-learn name or scorer, as in
        `riata.cross_validate_path`. Deviance, log-loss and accuracy are there in any case.
    alpha_min_ratio, weights, offset, penalty_factor, reference, intercept, standardize, tol, max_epochs, n_threads, \
time_budget, progress
        As in `fit_multinomial_path`.

    Returns
    -------
    MultinomialCVResult

    Raises
    ------
    ValueError, TypeError
        For bad arguments, and for folds that leave a class out of the training rows.
    ValueError
        Where no fold has a value of `scoring`.
    RuntimeError
        If no alpha was fitted in every fold.
    riata_engine.multinomial.MultinomialInterrupted
        On Ctrl-C.

    Warns
    -----
    sklearn.exceptions.ConvergenceWarning
        Once, with counts over all fits.
    UserWarning
        If some folds, which it names, have no value of `scoring`.
    """
    given = _Given(locals())
    l1_ratios = check_l1_ratios(l1_ratio)
    measure = check_scoring(scoring, None, given.classes, given.weights)
    folds = make_folds(cv, given.n, y=given.codes.astype(float), X=given.X, weights=given.weights, groups=groups,
                       strata=given.codes, n_repeats=n_repeats, seed=seed)
    R, F = len(l1_ratios), len(folds)
    base = np.ones(given.n) if given.weights is None else given.weights
    weights = np.vstack([base, *(_training(base, folds, k, given) for k in range(F))])
    with answer_fits(R * (F + 1), given.grid.size, given.p * len(given.classes), "alphas, l1_ratios or folds"):
        grids = [given.alphas(r) for r in l1_ratios]
        batch = given.batch(weights=weights, group=np.tile(np.arange(F + 1), R), l1_ratio=np.repeat(l1_ratios, F + 1),
                            alphas=np.repeat(grids, F + 1, axis=0))
        solution = _solved(batch, progress, lambda solution: solution)
    result = _cv_result(given, solution, folds, l1_ratios, base, measure)
    require_defined(result, measure)
    result.index("min")                                # raises where nothing can be chosen
    if len(result.undefined_folds):
        warnings.warn(undefined_note(result), UserWarning, stacklevel=3)
    warn_of_unconverged(status_names(solution.status), solution.gap, tol, 0, stacklevel=3)
    return result


class _Given:
    """Checked arguments."""

    def __init__(self, arguments):
        X, self.feature_names = check_design(arguments["X"])
        self.X, (self.n, self.p) = X, X.shape
        self.classes, self.codes = check_classes(arguments["y"], self.n)
        self.weights = check_weights(arguments["weights"], self.n)
        check_trained(self.codes, self.weights, self.classes)
        check_named_order(arguments["penalty_factor"], "penalty_factor", self.feature_names)
        self.grid = check_alphas(arguments["alphas"])
        ratio, budget, threads = (arguments[name] for name in ("alpha_min_ratio", "time_budget", "n_threads"))
        if self.grid.alphas is not None and ratio is not None:
            raise ValueError(f"alpha_min_ratio = {ratio!r} shapes a grid that is derived, and alphas are given: leave one of "
                             "them out")
        self.ratio = None if ratio is None else check_number(ratio, "alpha_min_ratio", 0.0, 1.0, low_open=True, high_open=True)
        if (progress := arguments["progress"]) is not None and not callable(progress):
            raise TypeError(f"progress = {progress!r} must be None or a function of (done, total)")
        self.reference = check_reference(arguments["reference"], self.classes)
        self.settings = {
            "offset": check_class_offset(arguments["offset"], self.n, len(self.classes)),
            "penalty_factor": check_penalty_factor(arguments["penalty_factor"], self.p),
            "reference": self.reference,
            "intercept": check_flag(arguments["intercept"], "intercept"),
            "standardize": check_flag(arguments["standardize"], "standardize"),
            "tol": check_number(arguments["tol"], "tol", 0.0, low_open=True, high_open=True),
            "max_epochs": check_count(arguments["max_epochs"], "max_epochs", MOST_EPOCHS),
            "n_threads": None if threads is None else check_count(threads, "n_threads", MOST_THREADS),
            "time_budget": None if budget is None else check_number(budget, "time_budget", 0.0, low_open=True),
        }

    def batch(self, **fields):
        return Multinomial(self.X, self.codes, len(self.classes), **{"weights": self.weights, **self.settings, **fields})

    def grid_keywords(self, l1_ratio):
        if self.grid.alphas is not None:
            return {"alphas": self.grid.alphas}
        ratio = RIDGE_MIN_RATIO if self.ratio is None and l1_ratio == 0 else self.ratio
        return {"n_alphas": self.grid.size, "alpha_min_ratio": ratio}

    def alphas(self, l1_ratio):
        """The grid (L,) of all rows."""
        if self.grid.alphas is not None:
            return self.grid.alphas
        return multinomial_grid(self.batch(l1_ratio=np.array([l1_ratio]), **self.grid_keywords(l1_ratio)))[0]

    def path(self, solution, b, l1_ratio):
        """The `MultinomialPathResult` of problem b, in the caller's order of alphas."""
        found = {name: self.grid.restore(getattr(solution, name)[b])
                 for name in ("alphas", "coef", "intercept", "gap", "dev_ratio", "df", "n_epochs", "n_newton")}
        return MultinomialPathResult(
            classes=self.classes, **found, status=self.grid.restore(status_names(solution.status[b])),
            null_deviance=2 * float(solution.null_loss[b]), l1_ratio=float(l1_ratio), tol=self.settings["tol"],
            reference=None if self.reference is None else self.classes[self.reference],
            n_samples=self.n if self.weights is None else int(np.count_nonzero(self.weights)), n_features=self.p,
            fit_intercept=self.settings["intercept"], feature_names=self.feature_names, n_passes=solution.n_passes)


def _solved(batch, progress, result_of):
    """The result of a batch; on Ctrl-C the exception carries that of what is done as `.result`."""
    try:
        return result_of(solve_multinomial(batch, progress))
    except MultinomialInterrupted as stopped:
        stopped.result = result_of(stopped.solution)
        stopped.args = ("interrupted; .result holds what is done",)
        raise


def _training(base, folds, k, given):
    """Row weights without the rows that fold k holds out."""
    if folds.train is None:
        weights = base.copy()
        weights[folds.test[k]] = 0.0
    else:
        weights = base * np.bincount(folds.train[k], minlength=len(base))
    check_trained(given.codes, weights, given.classes, f" among the training rows of fold {k}")
    return weights


def _cv_result(given, solution, folds, l1_ratios, base, measure):
    R, F = len(l1_ratios), len(folds)
    held = np.arange(R)[:, None] * (F + 1) + 1 + np.arange(F)
    values = held_out_scores([measure, MULTINOMIAL["log_loss"], MULTINOMIAL["accuracy"]], given.X, given.codes, given.classes,
                             folds, solution, held, base, given.settings["offset"], given.settings["n_threads"])
    back = slice(None) if given.grid.back is None else given.grid.back

    def in_order(of):
        """(R, L, F) in the caller's order of alphas, of (R, F, L)."""
        return np.ascontiguousarray(of.swapaxes(1, 2)[:, back])

    score, log_loss, accuracy = map(in_order, values)
    paths = [given.path(solution, r * (F + 1), ratio) for r, ratio in enumerate(l1_ratios)]
    return MultinomialCVResult(
        l1_ratios=l1_ratios, alphas=np.stack([path.alphas for path in paths]), log_loss=log_loss, accuracy=accuracy, score=score,
        scoring=measure.name, score_label=measure.label, greater_is_better=measure.greater_is_better, paths=paths,
        folds=folds.test, fold_status=status_names(in_order(solution.status[held])), fold_gap=in_order(solution.gap[held]))


def held_out_scores(measures, X, codes, classes, folds, solution, problems, weights, offset=None, n_threads=None):
    """(len(measures), R, F, L) values on the rows that each fold holds out, of problems (R, F); NaN where nothing was fitted."""
    (R, F), (_, L, n_classes, p) = problems.shape, solution.coef.shape
    values = np.full((len(measures), F, R * L), np.nan)
    for k, rows in enumerate(folds.test):
        at = problems[:, k]
        coef, intercept = solution.coef[at].reshape(R * L, n_classes, p), solution.intercept[at].reshape(R * L, -1)
        test = rows_of(X, rows)
        fitted = np.flatnonzero(np.isfinite(intercept).all(axis=1))
        most = max(1, SCORED // max(1, len(rows) * n_classes))
        for some in (fitted[first:first + most] for first in range(0, len(fitted), most)):
            eta = predictors(test, coef[some], intercept[some])
            held = HeldOut(codes[rows], eta if offset is None else eta + offset[rows][:, None],
                           None if weights is None else weights[rows], None, classes, n_threads, X=lambda test=test: test,
                           coef=lambda at, some=some, coef=coef, b0=intercept: (coef[some[at]], b0[some[at]]),
                           offset=None if offset is None else offset[rows])
            for value, measure in zip(values, measures, strict=True):
                value[k, some] = measure(held)
    return values.reshape(len(measures), F, R, L).swapaxes(1, 2)
