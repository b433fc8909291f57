"""What a cross-validation measures on the rows that a fold holds out, for all alphas at once.

With μ = inverse link of η, w the row weights divided by their sum, and y coded 0 and 1 for two classes:

    deviance    Σ w 2 (ℓ(y, η) − least ℓ)            mse        Σ w (y − μ)²          mae    Σ w |y − μ|
    r2          1 − mse / weighted variance of y     log_loss   −Σ w log p(y)         brier  Σ w (y − p)²
    neg_log_loss  −log_loss of probabilities not below 2.2e-16, as scikit-learn has it: one hopeless row then adds 36 at the most
    accuracy    Σ w [most probable class = y]        class      1 − accuracy
    auc         share of the pairs of a row of each class in which the second class has the larger η; ties count half
    c_index     the same of all pairs with different y: Harrell's concordance of a target that is fully observed

A pair counts with the product of its weights. Of K > 2 classes (`riata.cross_validate_multinomial`) brier is
Σ w Σ_k (1[y = k] − p_k)² (Brier 1950), and auc the mean over the classes of each against the rest (scikit-learn's "roc_auc_ovr").

References: Bamber (1975), "The area above the ordinal dominance graph and the area below the receiver operating characteristic
graph", J. Math. Psychol. 12; Harrell, Lee and Mark (1996), "Multivariable prognostic models", Statist. Med. 15.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from riata.losses import SQUARED
from riata_engine.batch import deviances

__all__ = ["HeldOut", "Measure", "check_scoring"]


@dataclass(frozen=True)
class HeldOut:
    """Rows that a fold holds out, and what the models without them say of these, at L alphas.

    Attributes
    ----------
    y : ndarray of shape (m,)
        As the loss has it; codes 0 … K − 1 of classes.
    eta : ndarray of shape (m, L), or (m, L, K) of more than two classes
        Linear predictors.
    weights : ndarray of shape (m,), or None
    loss : riata.losses.Loss, or None of more than two classes
    classes : ndarray, or None
        The labels.
    n_threads : int, or None
    X : function of no argument
        The rows of X, for scorers that a user brings.
    coef : function of l
        (coefficients, intercept) of the model l, for the same.
    offset : ndarray of shape (m,) or (m, K), or None
    """

    y: np.ndarray
    eta: np.ndarray
    weights: np.ndarray | None = None
    loss: object = None
    classes: np.ndarray | None = None
    n_threads: int | None = None
    X: Callable | None = None
    coef: Callable | None = None
    offset: np.ndarray | None = None

    def mean(self, values):
        """(L,) weighted means of values (m, L)."""
        return np.average(values, axis=0, weights=self.weights)

    @property
    def response(self):
        return self.loss.response(self.eta)

    def concordance(self, y, eta):
        """(L,) shares of the pairs with different y in which the larger y has the larger eta (m, L); NaN without a pair."""
        from riata_engine.cox import concordance

        pairs = concordance(-y, np.ones(len(y), bool), eta.T, self.weights, n_threads=self.n_threads)
        total = pairs.sum(axis=1)
        with np.errstate(invalid="ignore"):
            return (pairs[:, 0] + pairs[:, 2] / 2) / total


@dataclass(frozen=True)
class Measure:
    """A measure by its name; call it with a `HeldOut` for its (L,) values.

    Attributes
    ----------
    name, label : str
        As it was asked for, and in words.
    greater_is_better : bool
    of : function of a HeldOut
    needs : "any", "two classes", "counted classes" (0 and 1, not shares)
    """

    name: str
    label: str
    greater_is_better: bool
    of: Callable
    needs: str = "any"

    def __call__(self, held):
        return self.of(held)


def _deviance(held):
    with np.errstate(over="ignore"):
        return deviances(held.loss.name, held.loss.parameter, held.y, np.ascontiguousarray(held.eta), held.weights)


def _r2(held):
    spread = SQUARED.null_deviance(held.y, held.weights)
    return np.full(held.eta.shape[1], np.nan) if spread == 0 else 1 - _mse(held) / spread


def _mse(held):
    with np.errstate(over="ignore"):
        return held.mean((held.y[:, None] - held.response) ** 2)


def _log_losses(held):
    return np.logaddexp(0, held.eta) - held.y[:, None] * held.eta


def _right(held):
    return held.mean((held.eta > 0) == (held.y[:, None] > 0.5))


#: what a row adds to scikit-learn's "neg_log_loss" at the most: it takes probabilities below this for as much
WORST_LOG = -np.log(np.finfo(np.float64).eps)
_TWO, _COUNTED = "two classes", "counted classes"
#: of one linear predictor
MEASURES = {measure.name: measure for measure in (
    Measure("deviance", "deviance", False, _deviance),
    Measure("mse", "mean squared error", False, _mse),
    Measure("mae", "mean absolute error", False, lambda held: held.mean(np.abs(held.y[:, None] - held.response))),
    Measure("r2", "R²", True, _r2),
    Measure("log_loss", "log-loss", False, lambda held: held.mean(_log_losses(held)), _TWO),
    Measure("neg_log_loss", "negative log-loss", True, lambda held: -held.mean(np.minimum(_log_losses(held), WORST_LOG)), _TWO),
    Measure("brier", "Brier score", False, _mse, _TWO),
    Measure("accuracy", "accuracy", True, _right, _COUNTED),
    Measure("class", "misclassification error", False, lambda held: 1 - _right(held), _COUNTED),
    Measure("auc", "AUC", True, lambda held: held.concordance(held.y, held.eta), _COUNTED),
    Measure("c_index", "C-index", True, lambda held: held.concordance(held.y, held.eta)),
)}


def log_probabilities(eta):
    """(m, L, K) log p of every class."""
    from scipy.special import log_softmax

    return log_softmax(eta, axis=-1)


def log_probability(held):
    """(m, L) log p of the class that each row is."""
    return np.take_along_axis(log_probabilities(held.eta), held.y.astype(np.intp)[:, None, None], axis=-1)[..., 0]


def _multinomial_brier(held):
    p, at = np.exp(log_probabilities(held.eta)), held.y.astype(np.intp)[:, None, None]
    score = held.mean((p**2).sum(axis=-1) - 2 * np.take_along_axis(p, at, axis=-1)[..., 0] + 1)
    return score / 2 if p.shape[-1] == 2 else score                        # of two classes one square, as everywhere


def _right_class(held):
    return held.mean(held.eta.argmax(axis=-1) == held.y[:, None])


def _each_against_the_rest(held):
    p = log_probabilities(held.eta)
    return np.mean([held.concordance((held.y == k).astype(float), p[..., k]) for k in range(p.shape[-1])], axis=0)


#: of a linear predictor for each class
MULTINOMIAL = {measure.name: measure for measure in (
    Measure("deviance", "deviance", False, lambda held: -2 * held.mean(log_probability(held))),
    Measure("log_loss", "log-loss", False, lambda held: -held.mean(log_probability(held))),
    Measure("neg_log_loss", "negative log-loss", True, lambda held: held.mean(np.maximum(log_probability(held), -WORST_LOG))),
    Measure("brier", "Brier score", False, _multinomial_brier),
    Measure("accuracy", "accuracy", True, _right_class),
    Measure("class", "misclassification error", False, lambda held: 1 - _right_class(held)),
    Measure("auc", "AUC, each class against the rest", True, _each_against_the_rest),
)}
#: scikit-learn's names -> the measure, and the sign that makes it larger for better
ALIASES = {"neg_mean_squared_error": ("mse", -1), "neg_mean_absolute_error": ("mae", -1),
           "neg_brier_score": ("brier", -1), "roc_auc": ("auc", 1), "concordance": ("c_index", 1)}
MULTINOMIAL_ALIASES = {"neg_brier_score": ("brier", -1), "roc_auc_ovr": ("auc", 1)}


def check_scoring(scoring, loss, classes, weights=None):
    """A `Measure`, or what stands for a user's scorer, from the argument `scoring`.

    `loss` is None, and `classes` has their labels, for more than two classes.

    Raises
    ------
    ValueError, TypeError
        For a name that is not known, or a measure that is not defined for the loss.
    """
    table, aliases = (MULTINOMIAL, MULTINOMIAL_ALIASES) if loss is None else (MEASURES, ALIASES)
    if isinstance(scoring, str):
        name, sign = aliases.get(scoring, (scoring, 0))
        if name in table:
            measure = table[name]
            _check_loss(scoring, measure, loss, classes)
            return measure if not sign else _renamed(measure, scoring, sign)
    elif not callable(scoring):
        raise TypeError(f"scoring = {scoring!r} must be a name, one of {', '.join(map(repr, table))} or of "
                        "sklearn.metrics.get_scorer_names(), or a scorer, a function of (estimator, X, y)")
    from riata.linear_model._scored import user_scorer

    return user_scorer(scoring, tuple(table), loss, classes, weights is not None)


def _renamed(measure, name, sign):
    if sign > 0:
        return replace(measure, name=name)
    return replace(measure, name=name, label=f"negative {measure.label}", greater_is_better=True,
                   of=lambda held: -measure.of(held))


def _check_loss(scoring, measure, loss, classes):
    if loss is None or measure.needs == "any":
        return
    if loss.name != "logistic":
        fitting = ", ".join(repr(name) for name, other in MEASURES.items() if other.needs == "any")
        raise ValueError(f"scoring = {scoring!r} is for two classes, loss='logistic'; this loss is {loss.name!r}. Take one of "
                         f"{fitting}")
    if measure.needs == _COUNTED and classes is None:
        raise ValueError(f"scoring = {scoring!r} is for classes, and y has shares between 0 and 1: take 'deviance', 'log_loss', "
                         "'brier', 'mse' or 'mae'")
