"""Calibrated probabilities: a map from linear predictors, fitted on predictions of rows that the models had not seen.

    sigmoid     p = 1 / (1 + exp(−a − b η)), a and b of the least log-loss with the targets (N₁ + 1)/(N₁ + 2) and 1/(N₀ + 2)
                in place of 1 and 0, N₁ and N₀ the weights of the two classes where all have the mean one (Platt 1999)
    isotonic    the rising function of η with the least Σ w (y − p)², linear between its steps (Zadrozny and Elkan 2002)

References: Platt (1999), "Probabilistic outputs for support vector machines and comparisons to regularized likelihood methods";
Zadrozny and Elkan (2002), "Transforming classifier scores into accurate multiclass probability estimates", KDD.
"""

from dataclasses import dataclass

import numpy as np

from riata_engine.batch import Batch, solve

__all__ = ["Calibration", "OutOfFold", "calibrated"]

METHODS = ("sigmoid", "isotonic")
#: of the two coefficients of a sigmoid
TOL = 1e-12


@dataclass(frozen=True, eq=False)
class OutOfFold:
    """Linear predictors of rows by models of folds that held these out.

    Attributes
    ----------
    y : ndarray of shape (n,)
        0 and 1.
    weights : ndarray of shape (n,), or None
    link : dict of rule to ndarray of shape (n,)
        At the pair that the rule chooses; the mean over the folds, NaN for a row that none held out.
    """

    y: np.ndarray
    weights: np.ndarray | None
    link: dict


@dataclass(frozen=True, eq=False)
class Calibration:
    """A map from linear predictors to probabilities, and what it does to held-out predictions.

    The map of new rows is fitted on all out-of-fold predictions. `after` is cross-fitted: the rows of a fold are mapped by
    what was fitted on those of the other folds, so that no row has a part in its own map. What bias is left: the models of two
    folds share training rows, and alpha and l1_ratio were chosen with these rows, before and after alike.

    Attributes
    ----------
    method : {"sigmoid", "isotonic"}
    rule : {"min", "1se"}
    knots, values : ndarray
        Linear predictors and the probabilities there (isotonic), or (a, b) of the sigmoid in `values`.
    rows : integer array of shape (m,)
        Rows with a prediction and a positive weight.
    y, weights, before, after : ndarray of shape (m,)
        Their class (0 or 1), weight (1 without weights), and probability by the models of the folds, and calibrated.
    """

    method: str
    rule: str
    knots: np.ndarray
    values: np.ndarray
    rows: np.ndarray
    y: np.ndarray
    weights: np.ndarray
    before: np.ndarray
    after: np.ndarray

    def probability(self, link):
        """Calibrated probabilities of the second class at linear predictors of any shape."""
        return _mapped(self.method, self.knots, self.values, np.asarray(link, float))

    @property
    def brier_before(self):
        """Weighted mean of (y − p)² of the models of the folds, on the rows that these hold out."""
        return float(np.average((self.y - self.before) ** 2, weights=self.weights))

    @property
    def brier_after(self):
        """The same of the cross-fitted calibrated probabilities."""
        return float(np.average((self.y - self.after) ** 2, weights=self.weights))

    def reliability(self, n_bins=10):
        """(before, after), each a pair of arrays: mean probability, and share of the second class, in bins of equal weight."""
        if isinstance(n_bins, bool) or not isinstance(n_bins, (int, np.integer)) or n_bins < 1:
            raise ValueError(f"n_bins = {n_bins!r} must be a number of bins, an int of 1 or more")
        return tuple(_binned(probability, self.y, self.weights, n_bins) for probability in (self.before, self.after))

    def __repr__(self):
        return (f"Calibration({self.method}, rule={self.rule!r}, {len(self.rows)} rows, Brier score "
                f"{self.brier_before:.4g} before, {self.brier_after:.4g} after)")


def calibrated(result, method, rule):
    """The `Calibration` of a `riata.CVResult`."""
    from scipy.special import expit

    if method not in METHODS:
        raise ValueError(f"method = {method!r} must be 'sigmoid' or 'isotonic'")
    out = result.out_of_fold
    if out is None:
        raise ValueError("calibrate is for cross-validations of two classes, loss='logistic'" if result.paths[0].loss.name !=
                         "logistic" else "calibrate is for two classes, and y has shares between 0 and 1, or nothing was chosen")
    fold = np.full(len(out.y), -1)
    for k in range(len(result.folds) - 1, -1, -1):     # a row in several: the first counts
        fold[result.folds[k]] = k
    weights = np.ones(len(out.y)) if out.weights is None else out.weights
    rows = np.flatnonzero(np.isfinite(out.link[rule]) & (weights > 0))
    eta, y, w, numbers = out.link[rule][rows], out.y[rows], weights[rows], np.unique(fold[rows], return_inverse=True)[1]
    parts = [np.flatnonzero(numbers == k) for k in range(numbers.max() + 1)] if len(rows) else []
    _check_parts(y, parts)
    fits = (_sigmoids if method == "sigmoid" else _isotonic)(eta, y, w, parts)
    after = np.empty(len(rows))
    for part, fit in zip(parts, fits[1:], strict=True):
        after[part] = _mapped(method, *fit, eta[part])
    return Calibration(method, rule, *fits[0], rows, y, w, expit(eta), after)


def _check_parts(y, parts):
    short = [k for k, part in enumerate(parts) if len(np.unique(np.delete(y, part))) < 2]
    if len(parts) < 2 or short:
        raise ValueError("calibrate needs out-of-fold predictions of at least two folds, and rows of both classes outside each "
                         "of them: cross-validate with more folds, or stratified ones")


def _sigmoids(eta, y, w, parts):
    """[((), (a, b))] of all rows, and of those outside each part, as one batch of the engine."""
    groups = [np.empty(0, np.intp), *parts]
    Y = np.empty((len(y), len(groups)))
    for g, part in enumerate(groups):
        kept = np.delete(np.arange(len(y)), part)
        own = w[kept] / w[kept].mean()                 # only their proportions matter, as everywhere
        ones, zeros = (own[y[kept] == label].sum() for label in (1, 0))
        Y[:, g] = np.where(y == 1, (ones + 1) / (ones + 2), 1 / (zeros + 2))
    numbers = np.arange(len(groups))
    if np.ptp(eta) == 0:                               # nothing to go by: the intercept alone
        shares = [np.average(np.delete(Y[:, g], part), weights=np.delete(w, part)) for g, part in enumerate(groups)]
        return [(np.empty(0), np.array([np.log(share / (1 - share)), 0.0])) for share in shares]
    solution = solve(Batch(np.ascontiguousarray(eta[:, None]), Y, weights=w, held_out=groups, target=numbers, group=numbers,
                           alphas=np.array([0.0]), loss="logistic", tol=TOL, n_threads=1))
    return [(np.empty(0), np.array([solution.intercept[g, 0], solution.coef[g, 0, 0]])) for g in numbers]


def _isotonic(eta, y, w, parts):
    """[(knots, values)] of all rows, and of those outside each part."""
    from sklearn.isotonic import IsotonicRegression

    fits = []
    for part in [np.empty(0, np.intp), *parts]:
        fit = IsotonicRegression(y_min=0.0, y_max=1.0).fit(*(np.delete(values, part) for values in (eta, y, w)))
        fits.append((fit.X_thresholds_, fit.y_thresholds_))
    return fits


def _mapped(method, knots, values, eta):
    from scipy.special import expit

    return expit(values[0] + values[1] * eta) if method == "sigmoid" else np.interp(eta, knots, values)


def _binned(probability, y, weights, n_bins):
    order = np.argsort(probability, kind="stable")
    share = (np.cumsum(weights[order]) - weights[order] / 2) / weights.sum()
    bins = np.minimum((share * n_bins).astype(np.intp), n_bins - 1)
    sums = [np.bincount(bins, values, n_bins) for values in
            (weights[order], (weights * probability)[order], (weights * y)[order])]
    filled = sums[0] > 0
    return sums[1][filled] / sums[0][filled], sums[2][filled] / sums[0][filled]
