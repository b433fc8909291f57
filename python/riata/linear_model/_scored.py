"""Scorers that a user brings to a cross-validation: scikit-learn's, or functions of (estimator, X, y), one model at a time."""

from dataclasses import dataclass
from inspect import signature

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.metrics import get_scorer, get_scorer_names, make_scorer

from riata.prediction import linear_predictor

from ._logistic import LinearClassifier


@dataclass(frozen=True)
class UserScorer:
    """A scorer in the place of a `riata.measures.Measure`; it is called once for each alpha."""

    name: str
    scorer: object
    weighted: bool
    label: str
    greater_is_better: bool = True

    def __call__(self, held):
        X = held.X()
        y = held.y if held.classes is None else held.classes[held.y.astype(np.intp)]
        further = {"sample_weight": held.weights} if self.weighted else {}
        scores = [self.scorer(_stand_in(held, X, step), X, y, **further) for step in range(held.eta.shape[1])]
        try:
            return np.asarray(scores, dtype=float).reshape(held.eta.shape[1])
        except (TypeError, ValueError):
            raise TypeError(f"scoring = {self.name} gave {scores[0]!r}; a scorer gives one number") from None


def user_scorer(scoring, own_names, loss, classes, weighted):
    """A `UserScorer` of a scikit-learn name, one of its metrics, a scorer, or any function of (estimator, X, y).

    Raises
    ------
    ValueError, TypeError
    """
    if isinstance(scoring, str):
        if scoring not in get_scorer_names():
            raise ValueError(f"scoring = {scoring!r} must be one of {', '.join(map(repr, own_names))}, of "
                             "sklearn.metrics.get_scorer_names(), or a scorer, a function of (estimator, X, y)")
        name, scorer = scoring, get_scorer(scoring)
    else:
        name = getattr(scoring, "__name__", None) or _name_of(scoring)
        scorer = _of_metric(scoring, name)
    if classes is not None:
        scorer = _with_labels(scorer, classes)
    if weighted and not takes_weights(scorer):
        raise ValueError(f"scoring = {name!r} takes no sample_weight, and weights are given: give a scorer that takes them, or "
                         "leave the weights out")
    return UserScorer(name, scorer, weighted, name.replace("_", " "))


def takes_weights(scorer):
    """Whether a scorer has the argument ``sample_weight``; scikit-learn's own scorers say so themselves."""
    says = getattr(scorer, "_accept_sample_weight", None)
    return says() if says is not None else "sample_weight" in signature(scorer).parameters


def _name_of(scorer):
    metric = getattr(scorer, "_score_func", None)
    return type(scorer).__name__ if metric is None else metric.__name__


def _of_metric(scoring, name):
    """The scorer that scikit-learn has of a metric, a function of (y_true, …); any other function is a scorer."""
    try:
        first = next(iter(signature(scoring).parameters), None)
    except (TypeError, ValueError):
        return scoring
    if first != "y_true":
        return scoring
    for known in get_scorer_names():
        scorer = get_scorer(known)
        if getattr(scorer, "_score_func", None) is scoring and not scorer._kwargs:
            return scorer
    raise ValueError(f"scoring = {name} is a metric, a function of (y_true, …): say what it takes and whether greater is better "
                     f"by sklearn.metrics.make_scorer({name}, greater_is_better=…)")


def _with_labels(scorer, classes):
    """A scorer of a metric with an argument ``labels`` knows all classes, also those that a fold lacks (as in scikit-learn)."""
    metric = getattr(scorer, "_score_func", None)
    known = () if metric is None else signature(metric).parameters
    if "labels" not in known:
        return scorer
    further = {"labels": classes, **({"pos_label": classes[-1]} if len(classes) == 2 and "pos_label" in known else {})}
    return make_scorer(metric, greater_is_better=scorer._sign == 1, response_method=scorer._response_method,
                       **{**further, **scorer._kwargs})


class _Fitted(BaseEstimator):
    """A model of a fold, fitted: what scorers ask an estimator for."""

    def __init__(self, held, X, step):
        self.held, self.X, self.step = held, X, step

    def __sklearn_is_fitted__(self):
        return True

    def _eta(self, X):
        held = self.held
        if X is self.X:                                # the rows that it is scored on: known, with their offset
            return held.eta[:, self.step]
        if held.offset is not None:
            raise ValueError("a scorer under an offset may predict the held-out rows only: their offset is known")
        coef, intercept = held.coef(self.step)
        return linear_predictor(X, coef, intercept)[:, 0] if held.loss is not None else linear_predictor(X, coef, intercept)

    @property
    def coef_(self):
        coef = self.held.coef(self.step)[0]
        coef = coef if isinstance(coef, np.ndarray) else coef.toarray()
        return coef if self.held.classes is not None else coef[0]

    @property
    def intercept_(self):
        intercept = self.held.coef(self.step)[1]
        return intercept if self.held.classes is not None else intercept[0]


class FittedRegressor(RegressorMixin, _Fitted):
    """``predict`` gives the mean of y."""

    def predict(self, X):
        return self.held.loss.response(self._eta(X))


class FittedClassifier(_Fitted, LinearClassifier):
    """``predict`` gives labels; ``decision_function``, ``predict_proba`` and ``predict_log_proba`` as scikit-learn has them."""

    @property
    def classes_(self):
        return self.held.classes

    def decision_function(self, X):
        return self._eta(X)


def _stand_in(held, X, step):
    return (FittedRegressor if held.classes is None else FittedClassifier)(held, X, step)
