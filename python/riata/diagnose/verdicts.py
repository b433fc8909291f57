"""A verdict on a model: does it suffer from bias, from variance, or from neither, and what the evidence says would help."""

from dataclasses import dataclass, field

import numpy as np

from riata.argument_names import native
from riata.diagnose.bootstraps import bootstrapped
from riata.diagnose.curve_results import LearningCurve, ValidationCurve, paired
from riata.diagnose.curves import SIZES, check_sizes, curve_of_sizes, curve_over_alpha
from riata.diagnose.decomposition import BiasVariance
from riata.diagnose.structure import residuals, unexplained
from riata.diagnose.task import check_task, outer_folds, with_training_rows
from riata.links import linear_predictor_of
from riata.measures import HeldOut
from riata.plots_diagnose import plot_verdict
from riata.tables import dataframe
from riata.validation import check_design

#: standard errors beyond which something is there, and beyond which a remedy is worth a try
EVIDENT, WORTH = 2.0, 1.0
#: share of the held-out error that bias must account for, and that the gap between training and held-out rows must, of which
#: about half is variance (Hastie, Tibshirani and Friedman, section 7.4: the other half is the optimism of the training error)
BIAS, GAP = 0.05, 0.2
#: share of the held-out error below which a remedy gains nothing to speak of
LITTLE = 0.01
VERDICTS = {
    "high bias": "the model is too stiff: there is structure that it leaves unexplained",
    "high variance": "the model follows the rows it learns from: it does much worse on others",
    "balanced": "neither bias nor variance stands out",
    "noise floor": "what is left is noise, as far as these columns can tell",
}


@dataclass(eq=False, repr=False)
class Verdict:
    """A verdict with its evidence.

    Attributes
    ----------
    verdict : {"high bias", "high variance", "balanced", "noise floor"}
    message : str
        A sentence with the numbers.
    remedies : list of str
        What the evidence says would help, each with its number.
    no_help : list of str
        What was looked at and would not.
    evidence : dict of (value, standard error)
        "error" on held-out rows, "null_error" of a constant, "skill" (gain over it), "excess" of held-out over training error,
        "last_step" and "gain_of_doubling" of the learning curve, "unexplained" (share of the held-out residuals' variance that
        columns and terms of higher order predict) and "higher_order" (the part of it that the columns alone do not),
        "alpha_gain" (of the best alpha over the one that was given), "bias" (where the noise is known), "bias_and_noise" and
        "variance" of the decomposition. What was not looked at is not there.
    learning : LearningCurve
    validation : ValidationCurve, or None of an estimator
    decomposition : BiasVariance
    """

    verdict: str
    message: str
    remedies: list
    no_help: list
    evidence: dict = field(repr=False)
    learning: LearningCurve
    validation: ValidationCurve | None
    decomposition: BiasVariance

    def to_frame(self):
        """One row per piece of evidence: value and standard error.

        A pandas DataFrame if pandas is installed, a polars one otherwise.
        """
        return dataframe({"evidence": np.array(list(self.evidence)), "value": np.array([v for v, _ in self.evidence.values()]),
                          "se": np.array([s for _, s in self.evidence.values()])})

    def summary(self):
        """A few lines of text: the verdict, what would help, what would not, and the evidence."""
        lines = [self.message]
        lines += [f"would help: {text}" for text in self.remedies] or ["would help: nothing that was looked at"]
        lines += [f"would not: {text}" for text in self.no_help]
        lines += [f"{name:<18} {value:11.5g} ± {error:.2g}" for name, (value, error) in self.evidence.items()]
        return "\n".join(lines)

    def plot(self, axes=None):
        """Draw the learning curve, the validation curve where there is one, and the decomposition.

        Parameters
        ----------
        axes : sequence of two or three matplotlib Axes, optional
            Default: a new figure.

        Returns
        -------
        ndarray of matplotlib Axes
        """
        return plot_verdict(self, axes)

    def __repr__(self):
        return f"Verdict({self.message!r}, {len(self.remedies)} remedies)"


@native
def verdict(X, y, *, loss="squared", estimator=None, l1_ratio=1.0, alpha="min", noise=None, train_sizes=SIZES, cv=10,
            inner_cv=5, n_boot=100, groups=None, stratify=None, n_repeats=1, seed=0, alphas=100, alpha_min_ratio=None,
            weights=None, offset=None, penalty_factor=None, lower=None, upper=None, positive=False, intercept=True,
            standardize=False, solver="auto", tol=1e-6, max_epochs=100_000, n_threads=None) -> Verdict:
    """Say whether a model suffers from bias or from variance, and what would help.

    The evidence: a learning curve, a validation curve over alpha, a decomposition by bootstraps, and a test for structure in the
    residuals of held-out rows (a lasso on the at most 13 columns that correlate most with y, their squares, cubes and products).

    - "high variance": held-out error is above training error by more than two standard errors and a fifth of itself.
    - "high bias": more than two standard errors, and a twentieth of the held-out error, are structure in the residuals, or what
      a smaller alpha gains, or, where the noise is known, bias². Of both the larger share is the verdict (half of the gap counts
      as variance); the remedies are those of both.
    - "noise floor": neither, and the error is within two standard errors of the noise that is known, or, where it is not, of
      that of a constant.
    - "balanced": else.

    A remedy is named if what it gains was measured, and is above its standard error and 1 % of the error (terms of higher order
    and averages of bootstraps: two standard errors, 5 %).

    Parameters
    ----------
    X, y, loss, estimator, l1_ratio, alpha, train_sizes, cv, inner_cv, groups, stratify, n_repeats, seed, alphas, \
alpha_min_ratio, weights, offset, penalty_factor, lower, upper, positive, intercept, standardize, solver, tol, max_epochs, \
n_threads
        As in `riata.diagnose.learning_curve`. The score is the deviance (of squared loss the mean squared error); of an
        estimator's predictions squared error or misclassification.
    noise, n_boot
        As in `riata.diagnose.bias_variance`.

    Returns
    -------
    Verdict

    Raises
    ------
    ValueError, TypeError
        For bad arguments, naming the argument, the value and the remedy.
    riata_engine.batch.Interrupted
        On Ctrl-C.

    Warns
    -----
    sklearn.exceptions.ConvergenceWarning
        With counts, once for each of the two curves and for the bootstraps.

    References
    ----------
    Hastie, Tibshirani and Friedman (2009), "The Elements of Statistical Learning", 2nd edition, chapter 7.
    Geman, Bienenstock and Doursat (1992), "Neural networks and the bias/variance dilemma", Neural Computation 4.

    Examples
    --------
    >>> import numpy as np, riata.diagnose
    >>> rng = np.random.default_rng(0)
    >>> x = rng.uniform(-2, 2, size=(300, 1)); y = x[:, 0] ** 2 + 0.2 * rng.normal(size=300)
    >>> riata.diagnose.verdict(x, y).verdict
    'high bias'
    """
    arguments = dict(locals())
    task = check_task(arguments)
    given, folds = task.given, outer_folds(task, arguments)
    sets = with_training_rows(folds, given)
    sizes = check_sizes(train_sizes, min(map(len, sets.train)))
    if sizes[-1] < min(map(len, sets.train)) or len(sizes) < 2:
        raise ValueError(f"train_sizes = {train_sizes!r}: a verdict is on the model of all training rows, and needs a smaller "
                         "size beside it: let them end with 1.0, and give two or more")
    learning = curve_of_sizes(task, sets, sizes, seed, groups, stratify, tol, stacklevel=3)
    validation = None if estimator is not None else curve_over_alpha(task, folds, tol, with_alpha=True, stacklevel=3)
    parts = bootstrapped(task, X, n_boot, None, None, noise, groups, seed, tol, stacklevel=3)
    evidence = _evidence(task, sets, learning, validation, parts, noise is not None, seed)
    return _judged(task, evidence, learning, validation, parts)


def _evidence(task, sets, learning, validation, parts, noise_known, seed):
    given = task.given
    null = np.array([_constant(given, train, test, task.measure) for train, test in zip(sets.train, sets.test, strict=True)])
    evidence = {"error": paired(learning.test[-1]), "null_error": paired(null), "skill": paired(null - learning.test[-1]),
                "excess": learning.excess, "last_step": learning.last_step, "gain_of_doubling": learning.gain_of_doubling}
    shares = _structure(given, learning, seed)
    if shares is not None:
        evidence["unexplained"], evidence["higher_order"] = paired(shares[1]), paired(shares[1] - shares[0])
    if validation is not None and not isinstance(task.alpha, str):
        evidence["alpha_gain"] = validation.gain_over(int(np.flatnonzero(validation.values == task.alpha)[0]))
    if noise_known:
        evidence["bias"] = parts.bias, parts.se["bias"]
    evidence["bias_and_noise"] = parts.bias_and_noise, parts.se["bias_and_noise"]
    evidence["variance"] = parts.variance, parts.se["variance"]
    return evidence


def _constant(given, train, test, measure):
    """The score on test rows of the best constant of the training rows."""
    weights = None if given.weights is None else given.weights[train]
    if given.loss is None:
        share = np.bincount(given.y[train].astype(np.intp), weights, minlength=len(given.classes))
        outputs = np.broadcast_to(share, (len(test), 1, len(share)))
    else:
        mean = np.average(given.y[train], weights=weights)
        outputs = np.full((len(test), 1), linear_predictor_of(given.loss.link, mean))
    held = HeldOut(given.y[test], outputs, None if given.weights is None else given.weights[test], given.loss, given.classes,
                   given.settings["n_threads"])
    return measure(held)[0]


def _structure(given, learning, seed):
    """The shares of `unexplained`; None where X is no matrix of finite numbers, or y of more than two classes."""
    if given.loss is None and len(given.classes) > 2:
        return None
    try:
        X = check_design(given.X)[0]
    except (TypeError, ValueError):
        return None
    residual = residuals(given.y, learning.oof_prediction, "identity" if given.loss is None else given.loss.link)
    return unexplained(X, given.y, residual, learning.folds, seed, given.settings["n_threads"])


def _judged(task, evidence, learning, validation, parts):
    (error, error_se), (excess, excess_se) = evidence["error"], evidence["excess"]
    reasons = _bias(task, evidence, validation)
    bias = max((share for share, _ in reasons), default=0.0)
    variance = excess / error / 2 if excess > max(EVIDENT * excess_se, GAP * error) else 0.0
    floor = None
    if "bias" in evidence:
        if evidence["bias"][0] < EVIDENT * evidence["bias"][1]:
            floor = "no bias shows beside the noise that is known"
    elif evidence["skill"][0] <= EVIDENT * evidence["skill"][1]:
        floor = "the model is no better than a constant"
    if bias or variance:
        name = "high bias" if bias >= variance else "high variance"
    else:
        name = "balanced" if floor is None else "noise floor"
    detail = {"high bias": "; ".join(text for _, text in reasons), "noise floor": floor,
              "high variance": f"{learning.score_label} {error:.4g} on held-out rows, {error - excess:.4g} on those learnt from"}
    known = f"excess over training rows {excess:.3g} ± {excess_se:.2g} of {error:.4g} ± {error_se:.2g}"
    message = f"{name}: {VERDICTS[name]} ({detail.get(name) or known})"
    remedies, no_help = _remedies(task, evidence, learning, validation, parts)
    return Verdict(name, message, remedies, no_help, evidence, learning, validation, parts)


def _bias(task, evidence, validation):
    """[(share of the error, sentence)] of all that tells of bias."""
    error = evidence["error"][0]
    found = []
    share, se = evidence.get("unexplained", (0.0, 0.0))
    if share > max(EVIDENT * se, BIAS):
        found.append((share, f"the columns, their squares, cubes and products predict {100 * share:.2g} ± {100 * se:.2g} % of "
                             "the held-out residuals' variance"))
    gain, se = evidence.get("alpha_gain", (0.0, 0.0))
    if gain > max(EVIDENT * se, BIAS * error) and validation.best < task.alpha:
        found.append((gain / error, f"alpha {validation.best:.3g} in place of {task.alpha:.3g} gains {gain:.3g} ± {se:.2g}"))
    bias, se = evidence.get("bias", (0.0, 0.0))
    total = evidence["bias_and_noise"][0] + evidence["variance"][0]
    if bias > max(EVIDENT * se, BIAS * total):
        found.append((bias / total, f"bias² is {bias:.3g} ± {se:.2g} of {total:.4g}"))
    return found


def _remedies(task, evidence, learning, validation, parts):
    error = evidence["error"][0]
    remedies, no_help = [], []

    def weigh(gain, se, total, what, times=WORTH, least=LITTLE):
        where = remedies if gain > max(times * se, least * total) else no_help
        where.append(f"{what} ({gain:.3g} ± {se:.2g} of {total:.4g})")

    step, step_se = evidence["last_step"]
    if step > WORTH * step_se:
        weigh(*evidence["gain_of_doubling"], error, "more rows: what twice as many gain, if the learning curve goes on")
    else:                                              # flat at its end, whatever a law fitted to it says
        no_help.append(f"more rows: the last step of the learning curve gained {step:.3g} ± {step_se:.2g} of {error:.4g}")
    if "higher_order" in evidence:
        weigh(*evidence["higher_order"], 1.0, "squares, cubes and products of columns, or a model that bends: share of the held-"
              "out residuals' variance that they predict", EVIDENT, BIAS)
    if "alpha_gain" in evidence:
        way = "smaller" if validation.best < task.alpha else "larger" if validation.best > task.alpha else "different"
        weigh(*evidence["alpha_gain"], error, f"a {way} alpha, {validation.best:.3g}, or alpha='min'")
    if validation is not None and validation.at_end == "smallest" and validation.best > 0:
        beside = np.argsort(validation.values)[1]
        weigh(*validation.gain_over(beside), error, f"smaller alphas than the end of the grid, {validation.best:.3g}: what its "
              "last step gained")
    weigh(*evidence["variance"], parts.error, f"the {'mean' if parts.kind == 'squared' else 'vote'} of bootstrap fits (bagging): "
          "variance that it takes away", EVIDENT, BIAS)
    return remedies, no_help
