"""What a cross-validation hands back."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from riata.results import PathResult, status_counts
from riata.status import END_OF_GRID, END_OF_L1_RATIOS, ONE_FOLD, OVERFLOW, UNDERFLOW
from riata.tables import dataframe

RULES = ("min", "1se")


@dataclass(eq=False, repr=False)
class CVResult:
    """Cross-validated paths over alphas and l1_ratios.

    Deviance is the weighted mean deviance on the rows that a fold holds out: for squared loss the mean squared error. The
    minimum rule takes the (l1_ratio, alpha) whose mean over the folds is smallest, of equal ones the larger alpha. The
    one-standard-error rule (Breiman, Friedman, Olshen and Stone 1984) takes, at that l1_ratio, the largest alpha whose mean is at
    most the minimum plus its standard error: a larger penalty, a simpler model. With a single fold there is no standard error,
    and both rules choose the same.

    What was not fitted, because of a `time_budget` or Ctrl-C, is NaN, and takes no part in the choice. Where Ctrl-C left no
    (l1_ratio, alpha) that is fitted in every fold, `chosen` is False, and whatever needs a choice raises a RuntimeError. So it
    does where the squares of y are beyond float64.

    Attributes
    ----------
    l1_ratios : ndarray of shape (R,)
    alphas : ndarray of shape (R, L)
        Grid of each l1_ratio, from all rows.
    deviance : ndarray of shape (R, L, K)
        Per fold.
    deviance_mean, deviance_se : ndarray of shape (R, L)
        Mean over the K folds, and their standard deviation (divisor K − 1) divided by √K; NaN if K = 1. The folds of a
        repeated cross-validation overlap, so that their standard error is too small.
    alpha_min, l1_ratio_min, alpha_1se, l1_ratio_1se : float
        What the rules choose.
    index_min, index_1se : tuple of (int, int)
        Where that is in `deviance_mean`.
    coef_min, coef_1se : ndarray of shape (p,)
    intercept_min, intercept_1se : float
        The models chosen, fitted on all rows.
    paths : list of R PathResult
        Fitted on all rows.
    path : PathResult
        The one of `l1_ratio_min`.
    oof_prediction : ndarray of shape (n,)
        Prediction of each row by the models of the folds that held it out, at (l1_ratio_min, alpha_min): the mean over
        these folds, NaN for a row that none held out; None where nothing is chosen. The pair was chosen with these rows:
        see `riata.nested_cross_validate` for an honest score.
    folds : list of K integer arrays
        Rows held out.
    fold_status : ndarray of str, shape (R, L, K)
        How the fits of the folds ended.
    fold_gap : ndarray of shape (R, L, K)
        Their relative duality gaps.
    n_at_limit : int
        As in `riata.results.PathResult`, over all fits.
    """

    l1_ratios: np.ndarray
    alphas: np.ndarray
    deviance: np.ndarray
    paths: list
    folds: list
    fold_status: np.ndarray
    fold_gap: np.ndarray
    oof_prediction: np.ndarray | None = None
    n_at_limit: int = 0

    def __post_init__(self):
        self.deviance_mean = self.deviance.mean(axis=-1)
        self.deviance_se = standard_error(self.deviance)

    @cached_property
    def _choice(self):
        if np.isinf(self.paths[0].null_deviance):
            raise RuntimeError(OVERFLOW)
        return choose(self.deviance_mean, self.deviance_se, self.alphas)

    @property
    def index_min(self):
        return self._choice[0]

    @property
    def index_1se(self):
        return self._choice[1]

    @property
    def chosen(self):
        """Whether some alpha was fitted in every fold. Only a cross-validation that Ctrl-C stopped early can say no."""
        return bool(np.isfinite(self.deviance_mean).any())

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
    def l1_ratio_1se(self):
        return float(self.l1_ratios[self.index_1se[0]])

    @property
    def path(self) -> PathResult:
        return self.paths[self.index_min[0]]

    @property
    def coef_min(self):
        return self._coef(self.index_min)

    @property
    def coef_1se(self):
        return self._coef(self.index_1se)

    @property
    def intercept_min(self):
        return float(self.paths[self.index_min[0]].intercept[self.index_min[1]])

    @property
    def intercept_1se(self):
        return float(self.paths[self.index_1se[0]].intercept[self.index_1se[1]])

    @property
    def feature_names(self):
        return self.paths[0].feature_names

    @property
    def notes(self):
        """Sentences about what is odd with the data or the choice, if anything is."""
        path = self.paths[0]
        underflow = path.null_deviance == 0 and not path.notes
        notes = [*path.notes, *([UNDERFLOW] if underflow else []), *([END_OF_GRID] if self.at_end_of_grid else [])]
        if len(self.folds) == 1:
            notes.append(ONE_FOLD)
        if self.at_end_of_l1_ratios:
            ratio = self.l1_ratio_min
            which, more, to = (("smallest", "smaller", "down to 0, ridge") if ratio == self.l1_ratios.min()
                               else ("largest", "larger", "up to 1, the lasso"))
            notes.append(END_OF_L1_RATIOS.format(which=which, ratio=ratio, more=more, to=to))
        return notes

    @property
    def at_end_of_grid(self):
        """Whether the smallest mean is that of the smallest of several alphas: a smaller one may do better."""
        if not self.chosen or self.alphas.shape[1] == 1 or self.alpha_min == 0:
            return False
        return bool(self.alpha_min == self.alphas[self.index_min[0]].min())

    @property
    def at_end_of_l1_ratios(self):
        """Whether the smallest mean is that of the smallest (not 0) or largest (not 1) of several l1_ratios, and of it alone."""
        if not self.chosen or len(self.l1_ratios) == 1:
            return False
        smallest = np.nanmin(self.deviance_mean)
        alone = np.count_nonzero((self.deviance_mean == smallest).any(axis=1)) == 1
        ends = {float(self.l1_ratios.min()), float(self.l1_ratios.max())} - {0.0, 1.0}
        return bool(alone and self.l1_ratio_min in ends)

    def index(self, rule="min"):
        """(index of the l1_ratio, index of the alpha) that a rule, "min" or "1se", chooses."""
        if rule not in RULES:
            raise ValueError(f"rule = {rule!r} must be 'min' or '1se'")
        return self.index_min if rule == "min" else self.index_1se

    def predict(self, X, rule="min", offset=None, kind="response"):
        """Predictions (n,) for new rows by the model that `rule`, "min" or "1se", chooses, fitted on all rows.

        `kind` is as in `riata.results.PathResult.predict`.
        """
        r, i = self.index(rule)
        return self.paths[r].predict(X, alpha=self.alphas[r, i], offset=offset, kind=kind)

    def plot(self, ax=None, **options):
        """Draw the mean held-out deviance with its standard errors (see `riata.plots.plot_cv`)."""
        from riata.plots import plot_cv

        return plot_cv(self, ax=ax, **options)

    def plot_heatmap(self, ax=None, **options):
        """Draw the mean held-out deviance over (alpha, l1_ratio) (see `riata.plots.plot_heatmap`)."""
        from riata.plots import plot_heatmap

        return plot_heatmap(self, ax=ax, **options)

    def to_frame(self):
        """One row per (l1_ratio, alpha): mean and standard error of the deviance, and the fit on all rows.

        A pandas DataFrame if pandas is installed, a polars one otherwise.
        """
        R, L = self.alphas.shape
        columns = {"l1_ratio": np.repeat(self.l1_ratios, L), "alpha": self.alphas.ravel(),
                   "deviance_mean": self.deviance_mean.ravel(), "deviance_se": self.deviance_se.ravel()}
        for name in ("df", "dev_ratio", "gap", "status"):
            columns[name] = np.concatenate([getattr(path, name) for path in self.paths])
        for rule in RULES:
            chosen = np.zeros((R, L), dtype=bool)
            if self.chosen:
                chosen[self.index(rule)] = True
            columns[f"chosen_{rule}"] = chosen.ravel()
        return dataframe(columns)

    def summary(self):
        """A few lines of text: what was fitted, and what each rule chooses."""
        if not self.chosen:
            return repr(self)
        lines = [repr(self),
                 f"{'rule':<5}{'l1_ratio':>9}{'alpha':>12}{'deviance':>12}{'se':>11}{'df':>8}{'dev_ratio':>10}"]
        for rule in RULES:
            r, i = self.index(rule)
            path = self.paths[r]
            end = "  end of the grid" if path.alphas[i] == self.alpha_min and self.at_end_of_grid else ""
            lines.append(f"{rule:<5}{self.l1_ratios[r]:9.4g}{self.alphas[r, i]:12.5g}{self.deviance_mean[r, i]:12.5g}"
                         f"{self.deviance_se[r, i]:11.3g}{path.df[i]:8.4g}{path.dev_ratio[i]:10.4f}{end}")
        lines += self.notes
        return "\n".join(lines)

    def __repr__(self):
        R, L, K = self.deviance.shape
        path = self.paths[0]
        status = np.concatenate([self.fold_status.ravel(), *(path.status for path in self.paths)])
        choice = (f"alpha_min={self.alpha_min:.4g}, alpha_1se={self.alpha_1se:.4g}, l1_ratio_min={self.l1_ratio_min:g}"
                  if self.chosen else "nothing chosen: no alpha was fitted in every fold")
        return (f"CVResult(n_samples={path.n_samples}, n_features={path.n_features}, {R} l1_ratios x {L} alphas x {K} "
                f"folds, {status_counts(status)}, {choice})")

    def _coef(self, index):
        r, i = index
        return self.paths[r]._coef_rows(slice(i, i + 1))[0]


def standard_error(deviance, axis=-1):
    """Standard deviation (divisor K − 1) over an axis of K, divided by √K; NaN if K < 2."""
    K = deviance.shape[axis]
    if K < 2:
        return np.full(np.delete(deviance.shape, axis), np.nan)
    largest = np.max(deviance, initial=0.0, where=np.isfinite(deviance))
    exponent = np.frexp(largest)[1]                    # a power of two: exact, and no square over- or underflows
    with np.errstate(invalid="ignore"):                # an infinite deviance has no standard error
        scaled = deviance if abs(exponent) < 400 else np.ldexp(deviance, -exponent)
        spread = scaled.std(axis=axis, ddof=1)
    return (spread if scaled is deviance else np.ldexp(spread, exponent)) / np.sqrt(K)


def choose(mean, se, alphas):
    """(index_min, index_1se) in (R, L) arrays: see `CVResult`.

    Raises
    ------
    RuntimeError
        If no entry of `mean` is finite: no alpha was fitted in all folds.
    """
    if not np.isfinite(mean).any():
        raise RuntimeError("no alpha was fitted in every fold, so that nothing can be chosen; give more time_budget or "
                           "max_epochs, or look at the scale of X and y")
    r = int(np.flatnonzero((mean == np.nanmin(mean)).any(axis=1))[0])
    smallest, simplest = choose_each(mean[[r]], se[[r]], alphas[[r]])
    return (r, int(smallest[0])), (r, int(simplest[0]))


def choose_each(mean, se, alphas):
    """(at_min, at_1se), each (B,), by the two rules of `CVResult` for every row of (B, L) arrays; −1 where no entry is finite."""
    known = np.isfinite(mean).any(axis=1)
    bounded = np.where(np.isnan(mean), np.inf, mean)
    smallest = bounded.min(axis=1, keepdims=True)
    at_min = np.argmax(np.where(bounded == smallest, alphas, -np.inf), axis=1)
    limit = smallest[:, 0] + np.nan_to_num(np.take_along_axis(se, at_min[:, None], axis=1)[:, 0])     # one fold has no error
    at_1se = np.argmax(np.where(mean <= limit[:, None], alphas, -np.inf), axis=1)                     # NaN is never allowed
    return np.where(known, at_min, -1), np.where(known, at_1se, -1)
