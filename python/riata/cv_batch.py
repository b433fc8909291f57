"""A cross-validation as one batch: every l1_ratio on all rows, and without the rows of each fold, on one design."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from riata.folds import Folds
from riata.measures import HeldOut
from riata.prediction import linear_predictor
from riata_engine.batch import Batch, deviances

#: coefficients that are kept dense (8 MiB)
SMALL = 2**20
#: folds whose rows one pass over X predicts, where these are more than one in SHARE of all: to pick rows takes longer
TOGETHER, SHARE = 16, 16
#: predictions of held-out rows that are scored at a time (128 MiB)
SCORED = 2**24


@dataclass(frozen=True)
class CVBatch:
    """The problems of a cross-validation: number r·(K+1) is l1_ratio r on all rows, the K after it leave out a fold each.

    Attributes
    ----------
    X : ndarray or sparse matrix of shape (n, p)
    y : ndarray of shape (n,)
    folds : Folds
        K of them.
    weights : ndarray of shape (n,), or None
    l1_ratios : ndarray of shape (R,)
    settings : dict
        Further keywords of the engine's `Batch`, the same for all problems.
    whole : bool
        Whether the problems on all rows are there.
    """

    X: object
    y: np.ndarray
    folds: Folds
    weights: np.ndarray | None
    l1_ratios: np.ndarray
    settings: dict
    whole: bool = True

    @property
    def n_groups(self):
        return len(self.folds) + self.whole

    @property
    def full(self):
        """(R,) problems on all rows, where these are there."""
        return np.arange(len(self.l1_ratios)) * self.n_groups

    @property
    def held_out(self):
        """(R, K) problems that leave a fold out."""
        return self.full[:, None] + int(self.whole) + np.arange(len(self.folds))

    def problems(self, alphas, columns=None):
        """The engine's batch at alphas (R, L) or (R, groups, L), where the units of the columns may be known from the grid.

        Few of a fold's coefficients are needed, so that it keeps them sparse, unless there are so few that to make them sparse
        would take as long as to solve for them.
        """
        R, groups = len(self.l1_ratios), self.n_groups
        alphas = np.repeat(alphas, groups, axis=0) if alphas.ndim == 2 else alphas.reshape(R * groups, -1)
        store = "dense" if alphas.size * self.X.shape[1] <= SMALL else "sparse"
        batch = Batch(self.X, self.y[:, None], target=np.zeros(R * groups, dtype=np.intp),
                      group=np.tile(np.arange(groups, dtype=np.intp), R), l1_ratio=np.repeat(self.l1_ratios, groups),
                      alphas=alphas, store=store, **row_sets(self.folds, self.weights, len(self.y), self.whole), **self.settings)
        if self.folds.train is None:                   # otherwise each group has weights of its own
            batch.columns = columns
        return batch

    def deviance(self, solution):
        """(R, K, L) weighted mean deviances on the held-out rows (squared errors); NaN where a fold was not fitted."""
        if self.folds.train is None:
            return solution.held_out_deviance[self.held_out]
        # Test rows that are not simply the rest of the training rows: the engine knows nothing of them.
        deviance = np.full((*self.held_out.shape, solution.alphas.shape[1]), np.nan)
        for k, test in enumerate(self.folds.test):
            test_weights = None if self.weights is None else self.weights[test]
            for r, b in enumerate(self.held_out[:, k]):
                fitted = np.isfinite(solution.intercept[b])
                if not fitted.any():
                    continue
                prediction = self._predict(solution, b, fitted, test)
                with np.errstate(over="ignore"):       # infinite, and not chosen
                    deviance[r, k, fitted] = deviances(self.settings.get("loss", "squared"), self.settings.get("loss_parameter"),
                                                       self.y[test], prediction, test_weights)
        return deviance

    def scores(self, solution, measure, loss, classes, weights):
        """(R, K, L) values of a `riata.measures.Measure` on the held-out rows, weighted; NaN where a fold was not fitted."""
        (R, K), L = self.held_out.shape, solution.alphas.shape[1]
        out = np.full((K, R * L), np.nan)
        offset, n_threads = self.settings.get("offset"), self.settings.get("n_threads")
        for k, test in enumerate(self.folds.test):
            problems = self.held_out[:, k]
            intercept = solution.intercept[problems].ravel()
            fitted = np.flatnonzero(np.isfinite(intercept))
            most = max(1, SCORED // max(1, len(test)))
            for some in (fitted[first:first + most] for first in range(0, len(fitted), most)):
                coef = self._models(solution, problems, some)
                held = HeldOut(
                    self.y[test], linear_predictor(self.X, coef, intercept[some], offset, test, n_threads),
                    None if weights is None else weights[test], loss, classes, n_threads,
                    X=lambda test=test: rows_of(self.X, test),
                    coef=lambda at, coef=coef, b0=intercept[some]: (coef[[at]], b0[[at]]),
                    offset=None if offset is None else offset[test])
                out[k, some] = measure(held)
        return out.reshape(K, R, L).swapaxes(0, 1)

    def held_out_prediction(self, solution, r, step):
        """(n,) predictions at alpha number `step` of l1_ratio r: means over the folds that hold a row out, else NaN."""
        total, tests = HeldOutMean(len(self.y)), self.folds.test
        for first in range(0, len(tests), TOGETHER):
            folds = self.held_out[r, first:first + TOGETHER]
            if sum(len(test) for test in tests[first:first + TOGETHER]) * SHARE > len(self.y):
                prediction = linear_predictor(self.X, self._stacked(solution, folds, step), solution.intercept[folds, step],
                                              self.settings.get("offset"), n_threads=self.settings.get("n_threads"))
                for k, test in enumerate(tests[first:first + TOGETHER]):
                    total.add(test, prediction[test, k])
            else:                                      # of few rows these are picked
                for b, test in zip(folds, tests[first:first + TOGETHER], strict=True):
                    total.add(test, self._predict(solution, b, [step], test)[:, 0])
        return total.mean()

    @staticmethod
    def _stacked(solution, problems, step):
        """(k, p) coefficients of some problems at one alpha."""
        if isinstance(solution.coef, np.ndarray):
            return solution.coef[problems, step]
        return sparse.vstack([solution.coef[b][[step]] for b in problems], format="csr")

    @staticmethod
    def _models(solution, problems, which):
        """Coefficients of some of the alphas of some problems, numbered in turn."""
        if isinstance(solution.coef, np.ndarray):
            return solution.coef[problems].reshape(-1, solution.coef.shape[-1])[which]
        return sparse.vstack([solution.coef[b] for b in problems], format="csr")[which]

    def _predict(self, solution, b, steps, rows):
        return linear_predictor(self.X, solution.coef[b][steps], solution.intercept[b, steps], self.settings.get("offset"),
                                rows)


def rows_of(X, rows):
    """Some rows of a dense or sparse matrix."""
    return X[rows] if isinstance(X, np.ndarray) else X.tocsr()[rows]


class HeldOutMean:
    """The mean prediction of each row over the folds that hold it out."""

    def __init__(self, n_samples):
        self.total, self.times = np.zeros(n_samples), np.zeros(n_samples, dtype=np.intp)

    def add(self, rows, prediction):
        """Take in the predictions of one fold's rows; a row may occur more than once."""
        np.add.at(self.total, rows, prediction)
        np.add.at(self.times, rows, 1)

    def mean(self):
        """(n,); NaN for a row that no fold held out."""
        with np.errstate(invalid="ignore"):            # 0 / 0 is the NaN that is meant
            return self.total / self.times


def grid_batch(X, Y, l1_ratios, *, weights, settings, **grid):
    """The engine's batch of every l1_ratio on all rows: `alpha_grid` derives the alphas of a cross-validation from it."""
    zeros = np.zeros(len(l1_ratios), dtype=np.intp)
    return Batch(X, Y, weights=weights, target=zeros, group=zeros, l1_ratio=l1_ratios, **settings, **grid)


def row_sets(folds, weights, n, whole=True):
    """The groups 0 (all rows, if `whole`), 1, ..., K of a batch: held-out rows where folds are taken away from the whole."""
    if folds.train is None:
        return {"weights": weights, "held_out": [*([np.empty(0, dtype=np.intp)] if whole else []), *folds.test]}
    base = np.ones(n) if weights is None else weights
    columns = np.empty((n, len(folds) + 1), order="F")
    columns[:, 0] = base
    for k, train in enumerate(folds.train):
        columns[:, k + 1] = base * np.bincount(train, minlength=n)
    return {"weights": columns if whole else columns[:, 1:]}
