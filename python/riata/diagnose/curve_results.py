"""What learning curves and validation curves hand back."""

from dataclasses import dataclass

import numpy as np

from riata.cv_choice import standard_error
from riata.plots_diagnose import plot_learning_curve, plot_validation_curve
from riata.results import largest_gap, status_counts
from riata.tables import dataframe


class Curve:
    """Means over the folds, and their standard errors, of `train` and `test` (V, K)."""

    @property
    def train_mean(self):
        return mean_of(self.train)

    @property
    def test_mean(self):
        return mean_of(self.test)

    @property
    def train_se(self):
        return standard_error(self.train)

    @property
    def test_se(self):
        return standard_error(self.test)

    @property
    def loss_sign(self):
        """1 where a smaller score is better, -1 where a larger one is."""
        return -1.0 if self.greater_is_better else 1.0

    @property
    def n_folds(self):
        return self.test.shape[1]

    def _columns(self):
        return {"train": self.train_mean, "train_se": self.train_se, "test": self.test_mean, "test_se": self.test_se}

    def _ended(self):
        if self.gap is None:
            return "not certified"
        return f"{status_counts(self.status)}, largest gap {largest_gap(self.gap)}"


@dataclass(eq=False, repr=False)
class LearningCurve(Curve):
    """Scores over the number of training rows, at S sizes in K folds.

    Attributes
    ----------
    sizes : integer array of shape (S,)
    train, test : ndarray of shape (S, K)
        Scores on the rows that were learnt from, and on those held out; NaN where a fit failed.
    train_mean, test_mean, train_se, test_se : ndarray of shape (S,)
        Means over the folds, and sd / √K. Folds share training rows, so that these errors are somewhat too small (Bengio and
        Grandvalet 2004).
    scoring, score_label : str
    greater_is_better : bool
    model : str
        What was fitted, in words.
    order : list of K integer arrays
        Training rows of each fold in the order in which sizes take them: with `folds` they are the `cv` with which
        ``sklearn.model_selection.learning_curve(shuffle=False)`` makes the same sets, ``list(zip(order, folds))``.
    folds : list of K integer arrays
        Rows held out.
    oof_prediction : ndarray of shape (n,)
        What the fits at the largest size say of the rows they hold out (means of y; numbers of classes of a classifier of the
        caller's): the mean over the folds that do, NaN of a row that none does.
    status : ndarray of str, shape (S, K)
    gap : ndarray of shape (S, K), or None of an estimator
    alpha : ndarray of shape (S, K), or None
        The penalty of each fit.
    """

    sizes: np.ndarray
    train: np.ndarray
    test: np.ndarray
    scoring: str
    score_label: str
    greater_is_better: bool
    model: str
    order: list
    folds: list
    oof_prediction: np.ndarray
    status: np.ndarray
    gap: np.ndarray | None = None
    alpha: np.ndarray | None = None

    @property
    def excess(self):
        """(mean, standard error) of how much worse held-out rows score than training rows, at the largest size."""
        return paired(self.loss_sign * (self.test[-1] - self.train[-1]))

    @property
    def last_step(self):
        """(mean, standard error) of what the last step to more rows gained on held-out rows; NaN of one size."""
        if len(self.sizes) < 2:
            return np.nan, np.nan
        return paired(self.loss_sign * (self.test[-2] - self.test[-1]))

    @property
    def gain_of_doubling(self):
        """(mean, standard error) of what twice as many rows would gain, if the score goes on as a + b/m.

        b is fitted in each fold by least squares to the sizes from 0.3 of the largest on; NaN where these are fewer than two.
        For least squares with p of n rows' worth of parameters the law is exact to first order: σ²(1 + p/m).
        """
        late = self.sizes >= 0.3 * self.sizes[-1]
        if np.count_nonzero(late) < 2:
            return np.nan, np.nan
        inverse = 1.0 / self.sizes[late]
        centred = inverse - inverse.mean()
        slope = centred @ (self.loss_sign * self.test[late]) / (centred @ centred)
        return paired(slope / (2.0 * self.sizes[-1]))

    def to_frame(self):
        """One row per size: means and standard errors, of riata's models the median alpha.

        A pandas DataFrame if pandas is installed, a polars one otherwise.
        """
        columns = {"size": self.sizes, **self._columns()}
        if self.alpha is not None:
            columns["alpha"] = np.median(self.alpha, axis=1)
        return dataframe(columns)

    def summary(self):
        """A few lines of text: the curve, and what twice as many rows would gain."""
        lines = [repr(self), f"{'rows':>8} {'train':>11} {'test':>11} {'s.e.':>10}"]
        lines += [f"{m:8d} {a:11.5g} {b:11.5g} {s:10.2g}"
                  for m, a, b, s in zip(self.sizes, self.train_mean, self.test_mean, self.test_se, strict=True)]
        gains = {"the last step gained": self.last_step, "twice the rows would gain": self.gain_of_doubling}
        for name, (gain, error) in gains.items():
            if np.isfinite(gain):
                lines.append(f"{name} {gain:.3g} ± {error:.2g}")
        return "\n".join(lines)

    def plot(self, ax=None, **options):
        """Draw the curve (see `riata.plots_diagnose.plot_learning_curve`)."""
        return plot_learning_curve(self, ax=ax, **options)

    def __repr__(self):
        return (f"LearningCurve({self.score_label}, {self.model}; {len(self.sizes)} sizes, {self.sizes[0]} to {self.sizes[-1]} "
                f"rows, {self.n_folds} folds, {self._ended()})")


@dataclass(eq=False, repr=False)
class ValidationCurve(Curve):
    """Scores over V values of a parameter, in K folds.

    Attributes
    ----------
    parameter : {"alpha", "l1_ratio"}
    values : ndarray of shape (V,)
    train, test, train_mean, test_mean, train_se, test_se, scoring, score_label, greater_is_better, model, folds
        As in `LearningCurve`, (V, K) and (V,).
    status, gap : ndarray of shape (V, K)
    """

    parameter: str
    values: np.ndarray
    train: np.ndarray
    test: np.ndarray
    scoring: str
    score_label: str
    greater_is_better: bool
    model: str
    folds: list
    status: np.ndarray
    gap: np.ndarray

    @property
    def index_best(self):
        """Position of the value with the best mean score on held-out rows."""
        worse = self.loss_sign * self.test_mean
        if not np.isfinite(worse).any():
            raise RuntimeError("no value was fitted in every fold: see .status")
        return int(np.nanargmin(worse))

    @property
    def best(self):
        return float(self.values[self.index_best])

    @property
    def at_end(self):
        """"smallest" or "largest" where the best value is at that end of those tried, else None."""
        best, tried = self.best, self.values
        return "smallest" if best == tried.min() < tried.max() else "largest" if best == tried.max() > tried.min() else None

    def gain_over(self, i):
        """(mean, standard error) of what the best value gains over value number `i` on held-out rows, fold by fold."""
        return paired(self.loss_sign * (self.test[i] - self.test[self.index_best]))

    def to_frame(self):
        """One row per value: means and standard errors. A pandas DataFrame if pandas is installed, a polars one otherwise."""
        return dataframe({self.parameter: self.values, **self._columns()})

    def summary(self):
        """A few lines of text: about ten of the values, and the best."""
        last = len(self.values) - 1
        some = np.unique(np.r_[np.linspace(0, last, min(last + 1, 10)).round().astype(int), self.index_best])
        lines = [repr(self), f"{self.parameter:>11} {'train':>11} {'test':>11} {'s.e.':>10}"]
        train, test, error = self.train_mean, self.test_mean, self.test_se
        lines += [f"{self.values[i]:11.4g} {train[i]:11.5g} {test[i]:11.5g} {error[i]:10.2g}"
                  f"{'  best' if i == self.index_best else ''}" for i in some]
        return "\n".join(lines)

    def plot(self, ax=None, **options):
        """Draw the curve (see `riata.plots_diagnose.plot_validation_curve`)."""
        return plot_validation_curve(self, ax=ax, **options)

    def __repr__(self):
        return (f"ValidationCurve({self.score_label}, {self.model}; {len(self.values)} values of {self.parameter}, "
                f"{self.n_folds} folds, {self._ended()})")


def mean_of(values):
    """(V,) means over the folds (V, K); NaN where a fold has none."""
    return values.mean(axis=1)


def paired(differences):
    """(mean, standard error) of differences fold by fold (K,)."""
    return float(differences.mean()), float(standard_error(differences[None])[0])
