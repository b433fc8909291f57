"""Learning curves and validation curves: all fits of all folds as one batch."""

from numbers import Integral

import numpy as np

from riata.argument_names import native
from riata.arguments import derived_alphas
from riata.cv_batch import HeldOutMean, grid_batch
from riata.diagnose.curve_results import LearningCurve, ValidationCurve
from riata.diagnose.fits import fit_folds, fit_sets, scores
from riata.diagnose.task import check_task, outer_folds, with_training_rows
from riata.folds import Folds
from riata.status import warn_of_unconverged
from riata.validation import check_l1_ratios, vector
from riata_engine.random import permutation

#: streams of the orders in which rows of a fold are taken into its training sets; below those of the folds
ORDERS = 1 << 62
SIZES = (0.1, 0.2, 0.4, 0.6, 0.8, 1.0)


@native
def learning_curve(X, y, *, loss="squared", estimator=None, l1_ratio=1.0, alpha="min", train_sizes=SIZES, cv=10, inner_cv=5,
                   scoring="deviance", groups=None, stratify=None, n_repeats=1, seed=0, alphas=100, alpha_min_ratio=None,
                   weights=None, offset=None, penalty_factor=None, lower=None, upper=None, positive=False, intercept=True,
                   standardize=False, solver="auto", tol=1e-6, max_epochs=100_000, n_threads=None) -> LearningCurve:
    """Scores on training and held-out rows over the number of rows that are learnt from.

    Of the training rows of each fold, in a random order of its own, the first m are learnt from: larger sets contain smaller
    ones. All fits (sizes × folds, and those of their inner folds) are one batch of compiled paths.

    Parameters
    ----------
    X, y
        As in `riata.fit_path`; with an `estimator` what it takes.
    loss : str or riata.losses.Loss, default="squared"
    estimator : estimator with fit and predict, optional
        In place of riata's models: any of scikit-learn's. It is cloned and fitted one set after the other, nothing is batched.
    l1_ratio : float, default=1.0
    alpha : float or {"min", "1se"}, default="min"
        A number is the penalty of every fit. A rule chooses it anew in every training set, by cross-validation on its rows
        alone: the curve is that of the whole procedure.
    train_sizes : array_like, default=(0.1, 0.2, 0.4, 0.6, 0.8, 1.0)
        Shares of the smallest fold's training rows, in (0, 1], or numbers of rows (ints).
    cv, groups, stratify, n_repeats, scoring
        As in `riata.cross_validate_path`; of an estimator's predictions "deviance" (squared error, or misclassification), "mse",
        "mae", "r2", "class" or "accuracy" can be scored.
    inner_cv : int, default=5
        Folds within each training set, for a rule.
    seed : int, default=0
        Folds and orders are functions of it alone.
    alphas, alpha_min_ratio
        For a rule: the alphas that it chooses among, as in `riata.fit_path`.
    weights, offset, penalty_factor, lower, upper, positive, intercept, standardize, solver, tol, max_epochs, n_threads
        As in `riata.fit_path`.

    Returns
    -------
    LearningCurve

    Raises
    ------
    ValueError, TypeError
        For bad arguments, naming the argument, the value and the remedy.
    riata_engine.batch.Interrupted
        On Ctrl-C.

    Warns
    -----
    sklearn.exceptions.ConvergenceWarning
        Once, with counts over all fits.

    References
    ----------
    Hastie, Tibshirani and Friedman (2009), "The Elements of Statistical Learning", 2nd edition, sections 7.2 and 7.10.

    Examples
    --------
    >>> import numpy as np, riata.diagnose
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 5)); y = X[:, 0] + rng.normal(size=200)
    >>> curve = riata.diagnose.learning_curve(X, y, alpha=0.01, train_sizes=[20, 100, 180])
    >>> curve.sizes.tolist(), bool(curve.test_mean[0] > curve.test_mean[-1])
    ([20, 100, 180], True)
    """
    arguments = dict(locals())
    task = check_task(arguments)
    folds = with_training_rows(outer_folds(task, arguments), task.given)
    sizes = check_sizes(train_sizes, min(map(len, folds.train)))
    return curve_of_sizes(task, folds, sizes, seed, groups, stratify, tol, stacklevel=3)


def curve_of_sizes(task, folds, sizes, seed, groups, stratify, tol, stacklevel):
    """The `LearningCurve` of a checked task on folds with training rows."""
    given = task.given
    strata = given.y if given.classes is not None and groups is None and stratify is not False else None
    order = [ordered(train, seed, k, strata) for k, train in enumerate(folds.train)]
    sets = Folds([test for _ in sizes for test in folds.test], [rows[:m] for m in sizes for rows in order])
    _check_kinds(sets, given, sizes, len(folds))
    fits = task.fit(sets)
    shape = (len(sizes), len(folds))
    train, test = (part.reshape(shape) for part in scores(fits, sets, task.measure))
    if fits.gap is not None:
        warn_of_unconverged(fits.status, fits.gap, tol, 0, stacklevel=stacklevel + 1)
    gap, alpha = (None if values is None else values.reshape(shape) for values in (fits.gap, fits.alpha))
    return LearningCurve(sizes, train, test, task.measure.name, task.label, task.measure.greater_is_better, task.model, order,
                         folds.test, _held_out(task, fits, folds, len(sizes)), fits.status.reshape(shape), gap, alpha)


def _held_out(task, fits, folds, S):
    """(n,) what the fits at the last of S sizes say of the rows that they hold out."""
    total, given = HeldOutMean(len(task.given.y)), task.given
    for k, test in enumerate(folds.test):
        outputs = fits.outputs((S - 1) * len(folds) + k, test)[:, 0]
        total.add(test, outputs.argmax(axis=-1) if given.loss is None else given.loss.response(outputs))
    return total.mean()


def ordered(rows, seed, k, strata=None):
    """Training rows of fold k in random order; of classes, every beginning has their shares as nearly as can be."""
    rows = rows[permutation(len(rows), seed, ORDERS + k)]
    if strata is None:
        return rows
    codes = np.unique(strata[rows], return_inverse=True)[1].reshape(-1)
    together = np.argsort(codes, kind="stable")
    count = np.bincount(codes)
    place = np.empty(len(rows))
    place[together] = (np.arange(len(rows)) - np.repeat(np.cumsum(count) - count, count) + 0.5) / np.repeat(count, count)
    return rows[np.argsort(place, kind="stable")]


def check_sizes(train_sizes, most):
    """(S,) increasing numbers of rows, of shares or numbers."""
    values = vector(train_sizes, "train_sizes", "(S,): shares of the training rows, or numbers of rows")
    given = np.asarray(train_sizes)
    if values.size == 0:
        raise ValueError("train_sizes is empty; give at least one share or number of rows")
    whole = given.dtype.kind in "iu" or all(isinstance(value, Integral) for value in np.asarray(train_sizes, object).ravel())
    if whole:
        bad = values[(values < 2) | (values > most)]
        if bad.size:
            raise ValueError(f"train_sizes holds {bad[0]:g}: numbers of rows are from 2 to {most}, the training rows of the "
                             "smallest fold")
        return np.unique(values.astype(np.intp))
    bad = values[~((values > 0) & (values <= 1))]
    if bad.size:
        raise ValueError(f"train_sizes holds {bad[0]:g}: shares are above 0 and at most 1; give ints for numbers of rows")
    return np.unique(np.maximum(np.floor(values * most + 1e-9).astype(np.intp), 2))


def _check_kinds(sets, given, sizes, K):
    """Refuse a training set on which there is no fit: of one class, or without a count."""
    if given.loss is None or given.loss.link == "identity":
        return
    for g, train in enumerate(sets.train):
        y = given.y[train]
        if y.max() == 0 or (given.loss.link == "logit" and y.min() == 1):
            raise ValueError(f"train_sizes: the first {sizes[g // K]} training rows of fold {g % K} are all of one kind (y is "
                             f"{y[0]:g}), where the {given.loss.name} loss has no minimum: give larger sizes")


@native
def validation_curve(X, y, *, parameter="alpha", values=None, loss="squared", l1_ratio=1.0, alpha="min", cv=10, inner_cv=5,
                     scoring="deviance", groups=None, stratify=None, n_repeats=1, seed=0, alphas=100, alpha_min_ratio=None,
                     weights=None, offset=None, penalty_factor=None, lower=None, upper=None, positive=False, intercept=True,
                     standardize=False, solver="auto", tol=1e-6, max_epochs=100_000, n_threads=None) -> ValidationCurve:
    """Scores on training and held-out rows over alpha, or over l1_ratio.

    All values and folds are one batch on one X, a fold's Gram matrix is the total less its own.

    Parameters
    ----------
    X, y
        As in `riata.fit_path`.
    parameter : {"alpha", "l1_ratio"}, default="alpha"
    values : array_like of shape (V,), optional
        Of the parameter. Default: of alpha, the grid that `alphas` and `alpha_min_ratio` ask for; of l1_ratio 0.1,
        0.3, 0.5, 0.7, 0.9, 1.
    l1_ratio : float, default=1.0
        Where alpha varies.
    alpha : float or {"min", "1se"}, default="min"
        Where l1_ratio varies: as in `learning_curve`.
    loss, cv, inner_cv, scoring, groups, stratify, n_repeats, seed, alphas, alpha_min_ratio, weights, offset, penalty_factor, \
lower, upper, positive, intercept, standardize, solver, tol, max_epochs, n_threads
        As in `learning_curve`.

    Returns
    -------
    ValidationCurve

    Raises
    ------
    ValueError, TypeError
        For bad arguments, naming the argument, the value and the remedy.
    riata_engine.batch.Interrupted
        On Ctrl-C.

    Warns
    -----
    sklearn.exceptions.ConvergenceWarning
        Once, with counts over all fits.

    See Also
    --------
    riata.cross_validate_path : chooses by the held-out scores.
    sklearn.model_selection.validation_curve : for parameters of other estimators.

    Examples
    --------
    >>> import numpy as np, riata.diagnose
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(60, 40)); y = X[:, 0] + rng.normal(size=60)
    >>> curve = riata.diagnose.validation_curve(X, y, alphas=20)
    >>> bool(curve.train_mean[-1] < curve.train_mean[0]), 0 < curve.index_best < 19
    (True, True)
    """
    arguments = {**locals(), "estimator": None}
    if parameter not in ("alpha", "l1_ratio"):
        raise ValueError(f"parameter = {parameter!r} must be 'alpha' or 'l1_ratio'")
    if parameter == "alpha" and values is not None:
        if not isinstance(alphas, Integral) or alphas != 100:
            raise ValueError("values and alphas are given, and both are alphas: leave one of them out")
        arguments["alphas"] = values
    task = check_task(arguments)
    folds = outer_folds(task, arguments)
    if parameter == "alpha":
        return curve_over_alpha(task, folds, tol, stacklevel=3)
    values = check_l1_ratios((0.1, 0.3, 0.5, 0.7, 0.9, 1.0) if values is None else values)
    sets = with_training_rows(folds, task.given)
    if isinstance(task.alpha, str):
        fits = fit_sets(task.given, sets, values, task.alpha, inner_cv, groups, stratify, seed)
    else:
        fits = fit_folds(task.given, folds, values, np.full((len(values), 1), task.alpha))
    return _curve_of(task, parameter, values, fits, sets, task.model, tol, stacklevel=3)


def curve_over_alpha(task, folds, tol, stacklevel, with_alpha=False):
    """The `ValidationCurve` of a checked task along the alphas that were asked for, and its own `with_alpha`."""
    given, l1_ratios = task.given, np.array([task.l1_ratio])
    values = given.grid.alphas
    if values is None:
        values = derived_alphas(grid_batch(given.X, given.y[:, None], l1_ratios, weights=given.weights, settings=given.settings,
                                           **given.grid.keywords))[0][0]
    if with_alpha and not isinstance(task.alpha, str) and task.alpha not in values:
        values = -np.sort(-np.append(values, task.alpha))
    fits = fit_folds(given, folds, l1_ratios, values[None])
    back = given.grid.back
    if back is not None and len(back) == len(values):
        G, L = fits.intercept.shape
        fits.coef = fits.coef[(np.arange(G)[:, None] * L + back).ravel()]
        for name in ("intercept", "alpha", "gap", "status"):
            setattr(fits, name, getattr(fits, name)[:, back])
        values = values[back]
    return _curve_of(task, "alpha", values, fits, with_training_rows(folds, given),
                     f"{given.loss.name} loss, l1_ratio {task.l1_ratio:g}", tol, stacklevel)


def _curve_of(task, parameter, values, fits, sets, model, tol, stacklevel):
    train, test = (part.T for part in scores(fits, sets, task.measure))
    warn_of_unconverged(fits.status, fits.gap, tol, 0, stacklevel=stacklevel + 2)
    return ValidationCurve(parameter, values, train, test, task.measure.name, task.label, task.measure.greater_is_better, model,
                           sets.test, fits.status.T, fits.gap.T)
