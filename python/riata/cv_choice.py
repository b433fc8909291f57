"""The choice of a cross-validation: its scores, the two rules, and what is said and drawn of them."""

from functools import cached_property

import numpy as np

from riata.results import status_counts
from riata.status import END_OF_GRID, END_OF_L1_RATIOS, ONE_FOLD, UNDEFINED_FOLDS
from riata.tables import dataframe

RULES = ("min", "1se")


class CVChoice:
    """What a cross-validation of any kind does with its scores.

    It has `l1_ratios` (R,), `alphas` (R, L), `deviance` (R, L, K) and `score` (R, L, K), `paths`, `folds`, and the measure: the
    name `scoring`, a `score_label` for axes, and `greater_is_better`.
    """

    @cached_property
    def undefined_folds(self):
        """Numbers of the folds in which the measure has no value at any alpha that was fitted (AUC of a single class)."""
        fitted = ~np.isnan(self.deviance)
        empty = (np.isnan(self.score) | ~fitted).all(axis=(0, 1)) & fitted.any(axis=(0, 1))
        return np.flatnonzero(empty)

    @cached_property
    def _means(self):
        defined = np.setdiff1d(np.arange(self.score.shape[-1]), self.undefined_folds)
        if not len(defined):
            blank = np.full(self.alphas.shape, np.nan)
            return blank, blank
        mean = self.score[..., defined].mean(axis=-1)
        mean[np.isnan(self.deviance).any(axis=-1)] = np.nan            # not fitted where the measure has no value
        return mean, standard_error(self.score[..., defined])

    @property
    def score_mean(self):
        return self._means[0]

    @property
    def score_se(self):
        return self._means[1]

    @property
    def loss_mean(self):
        """`score_mean`, its sign turned where greater is better: what the rules make small."""
        return -self.score_mean if self.greater_is_better else self.score_mean

    @cached_property
    def _choice(self):
        return choose(self.loss_mean, self.score_se, self.alphas)

    @property
    def index_min(self):
        return self._choice[0]

    @property
    def index_1se(self):
        return self._choice[1]

    @property
    def chosen(self):
        """Whether some alpha was fitted in every fold. Only a cross-validation that Ctrl-C stopped early can say no."""
        return bool(np.isfinite(self.score_mean).any())

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
    def path(self):
        return self.paths[self.index_min[0]]

    @property
    def feature_names(self):
        return self.paths[0].feature_names

    def index(self, rule="min"):
        """(index of the l1_ratio, index of the alpha) that a rule, "min" or "1se", chooses."""
        if rule not in RULES:
            raise ValueError(f"rule = {rule!r} must be 'min' or '1se'")
        return self.index_min if rule == "min" else self.index_1se

    @property
    def notes(self):
        """Sentences about what is odd with the data or the choice, if anything is."""
        notes = [*self.paths[0].notes, *([END_OF_GRID] if self.at_end_of_grid else [])]
        if len(self.undefined_folds):
            notes.append(undefined_note(self))
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
        """Whether the best mean is that of the smallest of several alphas: a smaller one may do better."""
        if not self.chosen or self.alphas.shape[1] == 1 or self.alpha_min == 0:
            return False
        return bool(self.alpha_min == self.alphas[self.index_min[0]].min())

    @property
    def at_end_of_l1_ratios(self):
        """Whether the best mean is that of the smallest (not 0) or largest (not 1) of several l1_ratios, and of it alone."""
        if not self.chosen or len(self.l1_ratios) == 1:
            return False
        smallest = np.nanmin(self.loss_mean)
        alone = np.count_nonzero((self.loss_mean == smallest).any(axis=1)) == 1
        ends = {float(self.l1_ratios.min()), float(self.l1_ratios.max())} - {0.0, 1.0}
        return bool(alone and self.l1_ratio_min in ends)

    def plot(self, ax=None, **options):
        """Draw the mean held-out score with its standard errors (see `riata.plots.plot_cv`)."""
        from riata.plots import plot_cv

        return plot_cv(self, ax=ax, **options)

    def plot_heatmap(self, ax=None, **options):
        """Draw the mean held-out score over (alpha, l1_ratio) (see `riata.plots.plot_heatmap`)."""
        from riata.plots import plot_heatmap

        return plot_heatmap(self, ax=ax, **options)

    def to_frame(self):
        """One row per (l1_ratio, alpha): mean and standard error of the deviance and of the score, and the fit on all rows.

        A pandas DataFrame if pandas is installed, a polars one otherwise.
        """
        R, L = self.alphas.shape
        columns = {"l1_ratio": np.repeat(self.l1_ratios, L), "alpha": self.alphas.ravel(),
                   "deviance_mean": self.deviance_mean.ravel(), "deviance_se": self.deviance_se.ravel()}
        if self.scoring != "deviance":
            columns |= {f"{self.scoring}_mean": self.score_mean.ravel(), f"{self.scoring}_se": self.score_se.ravel()}
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
        name = self.scoring
        width = max(12, len(name) + 1)
        lines = [repr(self),
                 f"{'rule':<5}{'l1_ratio':>9}{'alpha':>12}{name:>{width}}{'se':>11}{'df':>8}{'dev_ratio':>10}"]
        for rule in RULES:
            r, i = self.index(rule)
            path = self.paths[r]
            end = "  end of the grid" if path.alphas[i] == self.alpha_min and self.at_end_of_grid else ""
            lines.append(f"{rule:<5}{self.l1_ratios[r]:9.4g}{self.alphas[r, i]:12.5g}{self.score_mean[r, i]:{width}.5g}"
                         f"{self.score_se[r, i]:11.3g}{path.df[i]:8.4g}{path.dev_ratio[i]:10.4f}{end}")
        lines += self.notes
        return "\n".join(lines)

    def __repr__(self):
        R, L, K = self.deviance.shape
        path = self.paths[0]
        status = np.concatenate([self.fold_status.ravel(), *(path.status for path in self.paths)])
        choice = (f"alpha_min={self.alpha_min:.4g}, alpha_1se={self.alpha_1se:.4g}, l1_ratio_min={self.l1_ratio_min:g}"
                  if self.chosen else "nothing chosen: no alpha was fitted in every fold")
        by = "" if self.scoring == "deviance" else f", chosen by {self.scoring}"
        return (f"{type(self).__name__}(n_samples={path.n_samples}, n_features={path.n_features}, {R} l1_ratios x {L} alphas x "
                f"{K} folds, {status_counts(status)}, {choice}{by})")


def undefined_note(result):
    """A sentence that names the folds without a value of the measure."""
    folds = result.undefined_folds
    named = ", ".join(map(str, folds[:5])) + (f" and {len(folds) - 5} more" if len(folds) > 5 else "")
    return UNDEFINED_FOLDS.format(scoring=result.scoring, plural="s" * (len(folds) > 1), folds=named)


def require_defined(result, measure=None):
    """Refuse a cross-validation whose measure has no value in any fold.

    Raises
    ------
    ValueError
    """
    if not np.isfinite(result.score_mean).any() and np.isfinite(result.deviance.mean(axis=-1)).any():
        if len(result.undefined_folds) == result.score.shape[-1] and hasattr(measure, "scorer"):
            raise ValueError(f"scoring = {result.scoring!r} gave NaN in every fold: let it return finite numbers, or give folds "
                             "on which it is defined")
        if len(result.undefined_folds) == result.score.shape[-1]:
            raise ValueError(f"scoring = {result.scoring!r} has no value in any fold: a fold needs rows of both classes (of "
                             "different values, for the C-index). Use fewer folds, or stratify them")
        raise ValueError(f"scoring = {result.scoring!r} is not finite at any alpha in some fold: take another scoring")


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
    """(index_min, index_1se) in (R, L) arrays: see `riata.CVResult`.

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
    """(at_min, at_1se), each (B,), by the rules of `riata.CVResult` for every row of (B, L) arrays; −1 where none is fitted."""
    known = np.isfinite(mean).any(axis=1)
    bounded = np.where(np.isnan(mean), np.inf, mean)
    smallest = bounded.min(axis=1, keepdims=True)
    at_min = np.argmax(np.where(bounded == smallest, alphas, -np.inf), axis=1)
    limit = smallest[:, 0] + np.nan_to_num(np.take_along_axis(se, at_min[:, None], axis=1)[:, 0])     # one fold has no error
    at_1se = np.argmax(np.where(mean <= limit[:, None], alphas, -np.inf), axis=1)                     # NaN is never allowed
    return np.where(known, at_min, -1), np.where(known, at_1se, -1)
