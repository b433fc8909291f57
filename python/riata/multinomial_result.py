"""What multinomial paths and their cross-validation hand back."""

from dataclasses import dataclass

import numpy as np

from riata.cv_choice import CVChoice, standard_error
from riata.links import inverse_link
from riata.prediction import linear_predictor
from riata.results import check_same_features, largest_gap, not_fitted, positions, status_counts
from riata.validation import check_design, check_number

SEPARABLE = ("The classes can be told apart without error, and without a penalty no finite coefficients are the best: these are "
             "as far as tol asks for.")


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
        return inverse_link("softmax", self.decision_function(X, alpha, offset))

    def predict(self, X, alpha=None, offset=None, kind="class"):
        """Predictions for new rows.

        Parameters
        ----------
        X : array, sparse matrix or table of shape (n, p)
        alpha : float, optional
            One of `alphas`. Default: all of them.
        offset : array_like of shape (n, K), optional
        kind : {"class", "response", "link"}, default="class"
            The most probable class, the probabilities, or the linear predictors.

        Returns
        -------
        ndarray of shape (n,) of classes at one alpha, (n, L) for None; an axis K after these of the other kinds

        Raises
        ------
        ValueError
            For classes at None where some alpha was not fitted: no label could stand for it.
        """
        if kind not in ("class", "response", "link"):
            raise ValueError(f"kind = {kind!r} must be 'class', 'response' or 'link'")
        eta = self.decision_function(X, alpha, offset)
        if kind != "class":
            return eta if kind == "link" else inverse_link("softmax", eta)
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
class MultinomialCVResult(CVChoice):
    """Cross-validated multinomial paths over alphas and l1_ratios.

    Attributes
    ----------
    l1_ratios : ndarray of shape (R,)
    alphas : ndarray of shape (R, L)
    deviance, log_loss, accuracy : ndarray of shape (R, L, K)
        On the rows that each of the K folds holds out, weighted: twice the mean of −log p of the class that it is, half of that,
        and the share of rows whose most probable class it is.
    scoring : str
        The measure that is chosen by.
    greater_is_better : bool
    score : ndarray of shape (R, L, K)
        Its values.
    score_mean, score_se, deviance_mean, deviance_se : ndarray of shape (R, L)
        Means over the folds, and their standard errors.
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
    score: np.ndarray
    scoring: str
    score_label: str
    greater_is_better: bool
    paths: list
    folds: list
    fold_status: np.ndarray
    fold_gap: np.ndarray

    @property
    def deviance(self):
        return 2 * self.log_loss

    @property
    def deviance_mean(self):
        return self.deviance.mean(axis=-1)

    @property
    def deviance_se(self):
        return standard_error(self.deviance)

    @property
    def classes(self):
        return self.paths[0].classes

    def predict_proba(self, X, rule="min", offset=None):
        """Probabilities (n, K) by the model that `rule` chooses, fitted on all rows."""
        return self.predict(X, rule, offset, kind="response")

    def predict(self, X, rule="min", offset=None, kind="class"):
        """Classes (n,) by the model that `rule` chooses, fitted on all rows; `kind` as in `MultinomialPathResult.predict`."""
        r, i = self.index(rule)
        return self.paths[r].predict(X, alpha=self.alphas[r, i], offset=offset, kind=kind)
