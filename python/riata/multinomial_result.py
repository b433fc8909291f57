"""What multinomial paths and their cross-validation hand back."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from riata.cv_result import choose, standard_error
from riata.prediction import linear_predictor
from riata.results import check_same_features, largest_gap, not_fitted, positions, status_counts
from riata.validation import check_design, check_number

MEASURES = ("deviance", "log_loss", "accuracy")
SEPARABLE = ("The classes can be told apart without error, and without a penalty no finite coefficients are the best: these are "
             "as far as tol asks for.")


def softmax(eta, axis=-1):
    """exp(η) / Σ exp(η), without overflow; NaN stays NaN."""
    z = np.exp(eta - eta.max(axis=axis, keepdims=True))
    return z / z.sum(axis=axis, keepdims=True)


def log_softmax_of(eta, codes):
    """log softmax(η)_c of each row's class c, η (n, ..., K)."""
    top = eta.max(axis=-1)
    chosen = np.take_along_axis(eta, codes.reshape(-1, *(1,) * (eta.ndim - 1)), axis=-1)[..., 0]
    return chosen - top - np.log(np.exp(eta - top[..., None]).sum(axis=-1))


@dataclass(eq=False, repr=False)
class MultinomialPathResult:
    """A path of multinomial logistic regressions: one fit per alpha, each with a certificate.

    Entries keep the order of the alphas that were asked for (descending for a derived grid).

    Attributes
    ----------
    classes : ndarray of shape (K,)
        Labels, in the order of the axis K everywhere.
    alphas : ndarray of shape (L,)
    coef : ndarray of shape (L, K, p)
        On the scale of X; NaN for an alpha that was not fitted.
    intercept : ndarray of shape (L, K)
        Their sum is 0, unless there is a reference class.
    gap : ndarray of shape (L,)
        Duality gap divided by the loss of the null model (intercepts only): how far the objective can be from its minimum, at
        most. Features without any penalty add twice the decrease that a Newton step on them promises, an estimate.
    status : ndarray of str, shape (L,)
        As in `riata.PathResult`; degenerate: classes that are told apart without error, without a penalty.
    dev_ratio : ndarray of shape (L,)
        1 − deviance / null deviance on the training rows.
    df : ndarray of shape (L,)
        Coefficients other than 0, and K − 1 for the intercepts if there are any.
    n_epochs, n_newton : ndarray of int, shape (L,)
        Sweeps over the coefficients (products of conjugate gradients count as one each), and Newton steps.
    null_deviance : float
        Twice the weighted mean log-loss of the null model.
    l1_ratio, tol : float
    reference : label, or None
    n_samples, n_features : int
        Rows with a positive weight, and columns of X.
    feature_names : list of str, or None
    n_passes : int
        Full passes over X of the whole call.
    """

    classes: np.ndarray
    alphas: np.ndarray
    coef: np.ndarray
    intercept: np.ndarray
    gap: np.ndarray
    status: np.ndarray
    dev_ratio: np.ndarray
    df: np.ndarray
    n_epochs: np.ndarray
    n_newton: np.ndarray
    null_deviance: float
    l1_ratio: float
    tol: float
    reference: object
    n_samples: int
    n_features: int
    fit_intercept: bool
    feature_names: list | None
    n_passes: int

    @property
    def n_classes(self):
        return len(self.classes)

    @property
    def notes(self):
        """Sentences about what is odd with this path, if anything is."""
        return [SEPARABLE] if (self.status == "degenerate").any() else []

    def at(self, alpha):
        """Index of `alpha` among `alphas`; ValueError if no fitted alpha equals it to 1e-9 relative."""
        alpha = check_number(alpha, "alpha", 0.0)
        at, found = positions(self.alphas, alpha)
        if not found:
            raise ValueError(not_fitted(alpha, self.alphas[at]))
        return int(at)

    def decision_function(self, X, alpha=None, offset=None):
        """Linear predictors (n, K) at one of `alphas`, (n, L, K) for None."""
        matrix, names = check_design(X)
        check_same_features(names, matrix.shape[1], self.feature_names, self.n_features)
        which = slice(None) if alpha is None else [self.at(alpha)]
        if alpha is not None and not np.isfinite(self.intercept[which[0]]).all():
            raise ValueError(f"alpha = {alpha!r} has no coefficients to predict with: its status is "
                             f"{str(self.status[which[0]])!r}"
                             ". Take one of .alphas that was fitted")
        eta = predictors(matrix, self.coef[which], self.intercept[which])
        if offset is not None:
            offset = np.asarray(offset, float)
            if offset.shape != (len(eta), self.n_classes):
                raise ValueError(f"offset has shape {offset.shape}; expected ({len(eta)}, {self.n_classes}), a column for each "
                                 "class")
            eta = eta + offset[:, None]
        return eta if alpha is None else eta[:, 0]

    def predict_proba(self, X, alpha=None, offset=None):
        """Probabilities (n, K) of the classes at one of `alphas`, (n, L, K) for None."""
        return softmax(self.decision_function(X, alpha, offset))

    def predict(self, X, alpha=None, offset=None):
        """The most probable class of each row: (n,) at one of `alphas`, (n, L) for None.

        Raises
        ------
        ValueError
            For None where some alpha was not fitted: no label could stand for it.
        """
        eta = self.decision_function(X, alpha, offset)
        if np.isnan(eta).any():
            raise ValueError("some alphas were not fitted (see .status), and have no labels: pass alpha= one that was")
        return self.classes[eta.argmax(axis=-1)]

    def __repr__(self):
        return (f"MultinomialPathResult(n_samples={self.n_samples}, n_features={self.n_features}, n_classes={self.n_classes}, "
                f"l1_ratio={self.l1_ratio:g}, {len(self.alphas)} alphas, {status_counts(self.status)}, "
                f"largest gap {largest_gap(self.gap)})")


def predictors(matrix, coef, intercept):
    """Linear predictors (n, L, K) of coefficients (L, K, p); NaN where they are."""
    L, K, p = coef.shape
    fitted = np.isfinite(intercept).all(axis=1)
    eta = np.full((matrix.shape[0], L, K), np.nan)
    if fitted.any():
        eta[:, fitted] = linear_predictor(matrix, coef[fitted].reshape(-1, p), intercept[fitted].ravel()).reshape(len(eta), -1, K)
    return eta


@dataclass(eq=False, repr=False)
class MultinomialCVResult:
    """Cross-validated multinomial paths over alphas and l1_ratios.

    Attributes
    ----------
    l1_ratios : ndarray of shape (R,)
    alphas : ndarray of shape (R, L)
    deviance, log_loss, accuracy : ndarray of shape (R, L, K)
        On the rows that each of the K folds holds out, weighted: twice the mean of −log p of the class that it is, half of that,
        and the share of rows whose most probable class it is.
    measure : str
        The one that is chosen by.
    score_mean, score_se : ndarray of shape (R, L)
        Mean over the folds of what is made small (deviance, log_loss, or 1 − accuracy), and its standard error.
    paths : list of R MultinomialPathResult
        Fitted on all rows.
    folds : list of K integer arrays
        Rows held out.
    fold_status, fold_gap : ndarray of shape (R, L, K)
    alpha_min, alpha_1se, l1_ratio_min : float
        By the rules of `riata.CVResult`.
    """

    l1_ratios: np.ndarray
    alphas: np.ndarray
    log_loss: np.ndarray
    accuracy: np.ndarray
    measure: str
    paths: list
    folds: list
    fold_status: np.ndarray
    fold_gap: np.ndarray

    @property
    def deviance(self):
        return 2 * self.log_loss

    @cached_property
    def _score(self):
        return 1 - self.accuracy if self.measure == "accuracy" else getattr(self, self.measure)

    @property
    def score_mean(self):
        return self._score.mean(axis=-1)

    @property
    def score_se(self):
        return standard_error(self._score)

    @cached_property
    def _choice(self):
        return choose(self.score_mean, self.score_se, self.alphas)

    @property
    def index_min(self):
        return self._choice[0]

    @property
    def index_1se(self):
        return self._choice[1]

    @property
    def alpha_min(self):
        return float(self.alphas[self.index_min])

    @property
    def alpha_1se(self):
        return float(self.alphas[self.index_1se])

    @property
    def l1_ratio_min(self):
        return float(self.l1_ratios[self.index_min[0]])

    @property
    def path(self):
        return self.paths[self.index_min[0]]

    @property
    def classes(self):
        return self.paths[0].classes

    def index(self, rule="min"):
        """(index of the l1_ratio, index of the alpha) that a rule, "min" or "1se", chooses."""
        if rule not in ("min", "1se"):
            raise ValueError(f"rule = {rule!r} must be 'min' or '1se'")
        return self.index_min if rule == "min" else self.index_1se

    def predict_proba(self, X, rule="min", offset=None):
        """Probabilities (n, K) by the model that `rule` chooses, fitted on all rows."""
        r, i = self.index(rule)
        return self.paths[r].predict_proba(X, alpha=self.alphas[r, i], offset=offset)

    def predict(self, X, rule="min", offset=None):
        """Classes (n,) by the model that `rule` chooses, fitted on all rows."""
        r, i = self.index(rule)
        return self.paths[r].predict(X, alpha=self.alphas[r, i], offset=offset)

    def __repr__(self):
        r, i = self.index_min
        return (f"MultinomialCVResult({len(self.folds)} folds, alpha_min={self.alpha_min:.4g}, "
                f"l1_ratio_min={self.l1_ratio_min:g}, "
                f"log-loss {self.log_loss[r, i].mean():.4g}, accuracy {self.accuracy[r, i].mean():.4g}, "
                f"{status_counts(self.fold_status.ravel())} in the folds)")
