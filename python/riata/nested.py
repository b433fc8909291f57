"""Nested cross-validation: an honest score of the whole procedure, choice of alpha and l1_ratio included."""

import time
import warnings
from dataclasses import dataclass, replace
from numbers import Integral

import numpy as np

from riata.argument_names import native
from riata.arguments import check_arguments
from riata.cross_validation import all_fits, cross_validate
from riata.cv_batch import HeldOutMean, rows_of
from riata.cv_choice import RULES, standard_error, undefined_note
from riata.cv_result import CVResult
from riata.loss_folds import loss_folds
from riata.measures import MEASURES, HeldOut, check_scoring
from riata.prediction import linear_predictor
from riata.status import warn_of_unconverged
from riata.tables import dataframe
from riata.validation import check_l1_ratios

INNER_REPEAT = 1 << 32   # inner folds are numbered away from the repetitions of the outer ones


@dataclass(eq=False, repr=False)
class NestedCVResult:
    """Scores of a cross-validated choice on rows that had no part in it.

    Attributes
    ----------
    oof_prediction : ndarray of shape (n,)
        Prediction of each row by the model chosen and fitted without its outer fold, of losses with a link the mean of y (the
        probability of the second class); over several folds that held the row out, that of their mean linear predictor. NaN
        for a row that none held out.
    deviance : ndarray of shape (K,)
        Weighted mean deviance on each outer fold: of squared loss the mean squared error.
    r2 : ndarray of shape (K,)
        1 − deviance / that of the mean of the fold's rows (of squared loss their variance); NaN where that is 0.
    alpha, l1_ratio : ndarray of shape (K,)
        What the inner cross-validation of each outer fold chose.
    folds : list of K integer arrays
        Rows held out by each outer fold.
    inner : list of K CVResult
        The inner cross-validations.
    rule : str
        "min" or "1se".
    score : ndarray of shape (K,)
        What chose, on each outer fold: see `scoring` of `riata.cross_validate_path`; by default the deviance. NaN where it has no
        value.
    scoring, score_label : str
        Its name, and in words.
    unfinished : CVResult or None
        After Ctrl-C: the inner cross-validation that it stopped. All other attributes speak of the outer folds that were
        done by then; means over none are NaN.
    """

    oof_prediction: np.ndarray
    deviance: np.ndarray
    r2: np.ndarray
    alpha: np.ndarray
    l1_ratio: np.ndarray
    folds: list
    inner: list
    rule: str
    score: np.ndarray
    scoring: str = "deviance"
    score_label: str = "deviance"
    unfinished: CVResult | None = None

    @property
    def deviance_mean(self):
        """Mean of `deviance` over the outer folds."""
        return float(self.deviance.mean()) if len(self.deviance) else float("nan")

    @property
    def deviance_se(self):
        """Standard deviation of `deviance` (divisor K − 1) divided by √K; NaN for one fold."""
        return float(standard_error(self.deviance))

    @property
    def score_mean(self):
        """Mean of `score` over the outer folds where it has a value."""
        known = self.score[~np.isnan(self.score)]
        return float(known.mean()) if len(known) else float("nan")

    @property
    def score_se(self):
        """As `deviance_se`, of `score`, over the same folds as its mean."""
        return float(standard_error(self.score[~np.isnan(self.score)]))

    @property
    def undefined_folds(self):
        """Outer folds on which `score` has no value, as AUC where they hold rows of one class."""
        return np.flatnonzero(np.isnan(self.score))

    def to_frame(self):
        """One row per outer fold, as a pandas DataFrame if pandas is installed, a polars one otherwise."""
        return dataframe({"fold": np.arange(len(self.folds)), "n_test": np.array([len(test) for test in self.folds]),
                          "l1_ratio": self.l1_ratio, "alpha": self.alpha, "deviance": self.deviance, "r2": self.r2,
                          **({} if self.scoring == "deviance" else {self.scoring: self.score}),
                          "df": np.array([self._df(k) for k in range(len(self.folds))])})

    def _df(self, k):
        r, i = self.inner[k].index(self.rule)
        return self.inner[k].paths[r].df[i]

    def summary(self):
        """A few lines of text: the score and the choice of each outer fold."""
        lines = [repr(self), f"{'fold':>4} {'rows':>6} {'l1_ratio':>9} {'alpha':>11} {'deviance':>11} {'r2':>8}"]
        lines += [f"{k:4d} {len(test):6d} {self.l1_ratio[k]:9.4g} {self.alpha[k]:11.5g} {self.deviance[k]:11.5g} "
                  f"{self.r2[k]:8.4f}" for k, test in enumerate(self.folds)]
        return "\n".join(lines)

    def __repr__(self):
        defined = self.r2[~np.isnan(self.r2)]
        r2 = defined.mean() if len(defined) else float("nan")
        chosen_by = "" if self.scoring == "deviance" else f"{self.score_label} {self.score_mean:.4g} ± {self.score_se:.2g}, "
        return (f"NestedCVResult({len(self.folds)} outer folds, rule={self.rule!r}, {chosen_by}deviance "
                f"{self.deviance_mean:.5g} ± {self.deviance_se:.2g}, R² {r2:.4f})")


@native
def nested_cross_validate(X, y, *, loss="squared", l1_ratio=1.0, alphas=100, cv=5, inner_cv=10, rule="min",
                          scoring="deviance", groups=None, stratify=None, n_repeats=1, seed=0, alpha_min_ratio=None, weights=None,
                          offset=None, penalty_factor=None, lower=None, upper=None, positive=False, intercept=True,
                          standardize=False, solver="auto", tol=1e-6, max_epochs=100_000, n_threads=None, time_budget=None,
                          backend="cpu", progress=None) -> NestedCVResult:
    """Score a cross-validated elastic net on rows that took no part in choosing alpha and l1_ratio.

    For each outer fold, `riata.cross_validate_path` chooses on the other rows, and the model it chooses, fitted on
    all of these, predicts the fold. Outer folds are row weights of 0: X is not copied.

    Parameters
    ----------
    X, y, loss, l1_ratio, alphas
        As in `riata.cross_validate_path`. A derived grid is derived anew in each outer fold.
    cv : int, splitter, iterable of (train, test), or integer array of shape (n,), default=5
        Outer folds, as in `riata.cross_validate_path`.
    inner_cv : int, splitter, or integer array of shape (n,), default=10
        Inner folds.
    rule : {"min", "1se"}, default="min"
        How the inner cross-validation chooses.
    scoring : str or callable, default="deviance"
        What it chooses by, and what the choice is scored by on the outer fold: as in `riata.cross_validate_path`.
    groups, stratify
        Used for the outer and for the inner folds.
    n_repeats : int, default=1
        Repetitions of the outer folds (int `cv`).
    seed : int, default=0
        Outer and inner folds are functions of it alone.
    alpha_min_ratio, weights, offset, penalty_factor, lower, upper, positive, intercept, standardize, solver, tol, \
max_epochs, n_threads, time_budget, backend, progress
        As in `riata.fit_path`. `time_budget` is for the whole call, shared out evenly over the outer folds that are
        left.

    Returns
    -------
    NestedCVResult

    Raises
    ------
    ValueError, TypeError
        For bad arguments, naming the argument, the value and the remedy.
    RuntimeError
        If in some outer fold no alpha was fitted in every inner fold.
    MemoryError
        If an inner cross-validation cannot be held.
    KeyboardInterrupt
        On Ctrl-C (`riata_engine.batch.Interrupted` within a fit); its `.result` is the NestedCVResult of the outer folds
        that are done.

    Warns
    -----
    sklearn.exceptions.ConvergenceWarning
        Once, with counts over all fits.
    UserWarning
        If some folds, which it names, have no value of `scoring`.

    References
    ----------
    Stone (1974), "Cross-validatory choice and assessment of statistical predictions", JRSS B 36.
    Varma and Simon (2006), "Bias in error estimation when using cross-validation for model selection", BMC
    Bioinformatics 7.
    """
    if rule not in RULES:
        raise ValueError(f"rule = {rule!r} must be 'min' or '1se'")
    given = check_arguments(locals())
    l1_ratios = check_l1_ratios(l1_ratio)
    measure = check_scoring(scoring, given.loss, given.classes, given.weights)
    n, weights = len(given.y), given.weights
    outer = loss_folds(given, cv, groups=groups, stratify=_strata(stratify, cv), n_repeats=n_repeats, seed=seed)
    tasks = []                                         # all folds are made, and refused, before anything is fitted
    for k in range(len(outer)):
        rows, fold_weights = _training(outer, k, weights, n)
        try:
            folds = loss_folds(given, inner_cv, groups=groups, weights=fold_weights, stratify=_strata(stratify, inner_cv),
                               seed=seed, first_repeat=INNER_REPEAT + k, rows=rows, name="inner_cv")
        except ValueError as error:
            raise ValueError(f"{error} (within outer fold {k} of cv)") from None
        tasks.append((fold_weights, folds))
    clock = _Clock(time_budget, progress, [len(l1_ratios) * (len(folds) + 1) for _, folds in tasks])
    inner = []
    for k, (fold_weights, folds) in enumerate(tasks):
        part = replace(given, weights=fold_weights, settings={**given.settings, "time_budget": clock.budget(k)},
                       progress=clock.progress(k))
        try:
            inner.append(cross_validate(part, folds, l1_ratios, measure))
        except KeyboardInterrupt as stopped:
            stopped.result = _scored(inner, outer.test[:k], rule, given, measure, getattr(stopped, "result", None))
            raise
    result = _scored(inner, outer.test, rule, given, measure)
    if len(result.undefined_folds):
        warnings.warn(undefined_note(result), UserWarning, stacklevel=3)
    for k, crossed in enumerate(inner):
        if len(crossed.undefined_folds):
            warnings.warn(f"inner_cv of outer fold {k}: {undefined_note(crossed)}", UserWarning, stacklevel=3)
            break
    warn_of_unconverged(*(np.concatenate(part) for part in zip(*map(all_fits, inner), strict=True)), tol,
                        sum(part.n_at_limit for part in inner), stacklevel=3)
    return result


def _strata(stratify, cv):
    """`stratify` for folds of an int; one that is for the other folds is no error here."""
    return stratify if isinstance(cv, Integral) and not isinstance(cv, bool) else None


def _training(outer, k, weights, n):
    """Rows of outer fold k that are trained on, and the weights (n,) that leave only these."""
    if outer.train is None:
        times = np.ones(n)
        times[outer.test[k]] = 0.0
    else:
        times = np.bincount(outer.train[k], minlength=n).astype(np.float64)
    return np.flatnonzero(times), times if weights is None else weights * times


def _scored(inner, tests, rule, given, measure=MEASURES["deviance"], unfinished=None):
    K, predicted = len(tests), HeldOutMean(len(given.y))
    deviance, r2, score, alpha, l1_ratio = (np.empty(K) for _ in range(5))
    offset, n_threads = given.settings["offset"], given.settings["n_threads"]
    for k, (result, test) in enumerate(zip(inner, tests, strict=True)):
        r, i = result.index(rule)
        path, y = result.paths[r], given.y[test]
        coef, intercept = path.stored_coef[[i]], path.intercept[[i]]
        prediction = linear_predictor(given.X, coef, intercept, offset, test)[:, 0]
        predicted.add(test, prediction)
        fold_weights = None if given.weights is None else given.weights[test]
        deviance[k] = given.loss.deviance(y, prediction, fold_weights)
        spread = given.loss.null_deviance(y, fold_weights)
        r2[k] = 1.0 - deviance[k] / spread if spread > 0 else np.nan
        held = HeldOut(y, prediction[:, None], fold_weights, given.loss, given.classes, n_threads,
                       X=lambda test=test: rows_of(given.X, test), coef=lambda at, coef=coef, b0=intercept: (coef, b0),
                       offset=None if offset is None else offset[test])
        score[k] = deviance[k] if measure.name == "deviance" else measure(held)[0]
        alpha[k], l1_ratio[k] = result.alphas[r, i], result.l1_ratios[r]
    return NestedCVResult(given.loss.response(predicted.mean()), deviance, r2, alpha, l1_ratio, list(tests), inner, rule,
                          score, measure.name, measure.label, unfinished)


class _Clock:
    """Progress and time budget of a sequence of solves that a caller sees as one."""

    def __init__(self, time_budget, progress, paths):
        self.deadline = None if time_budget is None else time.monotonic() + time_budget
        self.caller, self.paths = progress, paths

    def budget(self, k):
        """Seconds for solve k: an even share of what is left."""
        if self.deadline is None:
            return None
        return max(self.deadline - time.monotonic(), 1e-9) / (len(self.paths) - k)

    def progress(self, k):
        """The caller's progress function, counting the solves before k as done."""
        if self.caller is None:
            return None
        before, total = sum(self.paths[:k]), sum(self.paths)

        def report(done, of):
            length = of // self.paths[k]               # alphas per path
            self.caller(before * length + done, total * length)

        return report
