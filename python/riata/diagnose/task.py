"""What the functions of `riata.diagnose` have in common: the rows, the model that is fitted on some of them, the score."""

from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real

import numpy as np

from riata.arguments import Arguments, check_arguments
from riata.class_labels import distinct, label_array, missing_labels
from riata.cv_choice import RULES
from riata.diagnose.fits import fit_estimator, fit_sets
from riata.folds import Folds, make_folds
from riata.loss_folds import loss_folds
from riata.losses import SQUARED
from riata.measures import Measure, check_scoring
from riata.validation import check_l1_ratio, check_number, check_target, check_weights, unboxed

#: arguments of riata's models, which an estimator of the caller's has its own of
MODEL = {"loss": "squared", "l1_ratio": 1.0, "alpha": "min", "inner_cv": 5, "alphas": 100, "alpha_min_ratio": None,
         "offset": None, "penalty_factor": None, "lower": None, "upper": None, "positive": False, "intercept": True,
         "standardize": False, "solver": "auto", "tol": 1e-6, "max_epochs": 100_000}
#: what labels of several classes take
SEVERAL = ("for more than two classes give a classifier, such as estimator=riata.linear_model.LogisticRegression(), and leave "
           "loss out")
#: labels that are looked at for text
MANY = 100
#: what can be scored of predictions alone
OF_NUMBERS, OF_LABELS = ("deviance", "mse", "mae", "r2"), ("deviance", "class", "accuracy")


@dataclass(frozen=True)
class Task:
    """Checked arguments.

    Attributes
    ----------
    given : Arguments
        `loss` is None of an estimator that tells classes.
    fit : function of Folds with training rows
        The fits on them (`riata.diagnose.fits`).
    measure : Measure
    label : str
        The score in words.
    model : str
        What is fitted, in words.
    alpha : float or str, or None of an estimator
    l1_ratio : float, or None
    """

    given: Arguments
    fit: Callable
    measure: Measure
    label: str
    model: str
    alpha: float | str | None
    l1_ratio: float | None


def check_task(arguments):
    """The `Task` of the ``locals()`` of a function of `riata.diagnose`.

    Raises
    ------
    ValueError, TypeError
    """
    scoring = arguments.get("scoring", "deviance")
    if arguments["estimator"] is not None:
        return _estimator_task(arguments, scoring)
    _check_loss(arguments["loss"], arguments["y"])
    given = check_arguments({"progress": None, "time_budget": None, "backend": "cpu", **arguments})
    alpha, l1_ratio = check_alpha(arguments["alpha"]), check_l1_ratio(arguments["l1_ratio"])
    measure = check_scoring(scoring, given.loss, given.classes, given.weights)
    label = "mean squared error" if measure.name == "deviance" and given.loss.name == "squared" else measure.label

    def fit(sets):
        return fit_sets(given, sets, np.array([l1_ratio]), alpha, arguments["inner_cv"], arguments["groups"],
                        arguments["stratify"], arguments["seed"])

    chosen = f"alpha {alpha:.4g}" if not isinstance(alpha, str) else f"alpha by {alpha} of inner folds"
    return Task(given, fit, measure, label, f"{given.loss.name} loss, l1_ratio {l1_ratio:g}, {chosen}", alpha, l1_ratio)


def _check_loss(loss, y):
    """Refuse labels without a loss for them, and the loss that only an estimator has."""
    if isinstance(loss, str) and loss == "multinomial":
        raise ValueError(f"loss = 'multinomial' is not among those of the batched fits here: {SEVERAL}")
    if not (isinstance(loss, str) and loss == SQUARED.name):
        return
    labels = np.asarray(y)
    if labels.ndim == 1 and (labels.dtype.kind in "US" or any(isinstance(label, str) for label in labels[:MANY].tolist())):
        raise ValueError(f"y has labels, such as {labels[:1].tolist()[0]!r}, and loss = 'squared' is for numbers. For two "
                         f"classes give loss='logistic'; {SEVERAL}")


def check_alpha(alpha):
    """One alpha as a float, or a rule."""
    alpha = unboxed(alpha)
    if isinstance(alpha, str) and alpha in RULES:
        return alpha
    if not isinstance(alpha, Real) or isinstance(alpha, (bool, np.bool_)):
        raise ValueError(f"alpha = {alpha!r} must be a number, or 'min' or '1se' to choose it in each training set by cross-"
                         "validation within it")
    return check_number(alpha, "alpha", 0.0, high_open=True)


def _estimator_task(arguments, scoring):
    estimator = arguments["estimator"]
    if isinstance(estimator, type) or not (hasattr(estimator, "fit") and hasattr(estimator, "predict")):
        raise TypeError(f"estimator = {estimator!r} must be an instance with fit and predict, such as "
                        "sklearn.ensemble.RandomForestRegressor()")
    from sklearn.base import is_classifier

    for name, usual in MODEL.items():
        if name in arguments and arguments[name] is not usual and arguments[name] != usual:
            raise ValueError(f"{name} = {arguments[name]!r} is of riata's own models, and estimator is given: set it in the "
                             "estimator, or leave estimator out")
    X = arguments["X"]
    n = X.shape[0] if hasattr(X, "shape") else len(X)
    classes, loss = None, SQUARED
    if is_classifier(estimator):
        labels = label_array(arguments["y"])
        if labels.shape != (n,) or missing_labels(labels).any():
            raise ValueError(f"y has shape {labels.shape}; expected ({n},), one label per row, none missing")
        classes, codes = distinct(labels, "y")
        y, loss = np.asarray(codes, float), None
    else:
        y = check_target(arguments["y"], n)
    allowed = OF_NUMBERS if classes is None else OF_LABELS
    if not isinstance(scoring, str) or scoring not in allowed:
        raise ValueError(f"scoring = {scoring!r}: of the predictions of an estimator {', '.join(map(repr, allowed))} can be "
                         "scored; sklearn.model_selection.learning_curve takes any scorer")
    name = scoring if classes is None or scoring != "deviance" else "class"
    measure = check_scoring(name, loss, classes)
    weights = check_weights(arguments["weights"], n)
    settings = {"offset": None, "n_threads": arguments["n_threads"], "intercept": True}
    given = Arguments(X, None, y, weights, 1, None, None, settings, None, loss, classes)
    label = "mean squared error" if measure.name == "deviance" else measure.label
    return Task(given, lambda sets: fit_estimator(given, sets, estimator), measure, label, type(estimator).__name__, None, None)


def outer_folds(task, arguments):
    """The folds that `cv`, `groups`, `stratify`, `n_repeats` and `seed` ask for, with their training rows."""
    given = task.given
    options = {"groups": arguments["groups"], "n_repeats": arguments["n_repeats"], "seed": arguments["seed"]}
    if given.loss is not None:
        folds = loss_folds(given, arguments["cv"], stratify=arguments["stratify"], **options)
    else:
        spread = arguments["stratify"] is not False and arguments["groups"] is None
        folds = make_folds(arguments["cv"], len(given.y), y=given.y, weights=given.weights,
                           strata=given.y if spread else None, **options)
    return folds


def with_training_rows(folds, given):
    """The same folds, their training rows said: those of positive weight that are not held out."""
    if folds.train is not None:
        return folds
    counted = np.ones(len(given.y), bool) if given.weights is None else given.weights > 0
    train = []
    for test in folds.test:
        left = counted.copy()
        left[test] = False
        train.append(np.flatnonzero(left))
    return Folds(folds.test, train)
