"""What a bootstrap of a path hands back."""

import warnings
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from riata.cv_result import CVResult
from riata.intervals import bca_interval, percentile_interval, share_interval
from riata.plot_style import names_of
from riata.resampling_plan import ResamplingPlan
from riata.results import PathResult, largest_gap, status_counts
from riata.tables import dataframe
from riata.validation import check_number

METHODS = ("bca", "percentile")
CUT_OFF = "the jackknife was cut off by the time budget or by Ctrl-C"


@dataclass(eq=False, repr=False)
class BootstrapResult:
    """Bootstraps of a regularisation path.

    L alphas, K of them kept (their coefficients are stored), B bootstraps, p features.

    Attributes
    ----------
    path : PathResult
        The path on all rows, at the alphas that the bootstraps share.
    kept : integer array of shape (K,)
        Positions of the kept alphas in `path.alphas`.
    draws : ndarray of shape (B, K, p), or csr_array of shape (B·K, p)
        Coefficients at the kept alphas; sparse where they would not fit dense. See `coef_draws`.
    intercept_draws : ndarray of shape (B, K)
        NaN where a bootstrap was not fitted.
    selection_frequency : ndarray of shape (L, p)
        Share of the bootstraps whose coefficient is not 0, at every alpha of the path.
    status : ndarray of str, shape (B, L)
        How the fits ended. What was not fitted takes no part in anything.
    gap : ndarray of shape (B, L)
        Relative duality gaps.
    acceleration : ndarray of shape (K, p), or None
        For the BCa intervals, from the jackknife; None where it was left out or cut off by a time budget or Ctrl-C.
    deviance_apparent, r2_apparent : ndarray of shape (K,)
        Weighted mean deviance (of squared loss the squared error), and R² = 1 − deviance / null deviance, of the path on all rows
        on these rows.
    optimism_deviance, optimism_r2 : ndarray of shape (K,)
        Mean over the bootstraps of: deviance on all rows less deviance on the bootstrap's own rows; R² on its own rows less R²
        on all rows. Each is what the apparent number is too good by.
    deviance_corrected, r2_corrected : ndarray of shape (K,)
        Harrell's correction: apparent + `optimism_deviance`, apparent − `optimism_r2`.
    deviance_out_of_bag : ndarray of shape (K,)
        Mean over the rows of the mean deviance of the bootstraps that did not draw the row (the leave-one-out bootstrap).
    deviance_632 : ndarray of shape (K,)
        0.368 · apparent + 0.632 · out of bag.
    cv : CVResult or None
        The cross-validation that chose the alpha, if one did.
    plan : ResamplingPlan
        The draws, as data: ``result.plan.weights()``.
    jackknife : {"done", "left_out", "cut_off"}
        "left_out" by ``jackknife=0`` (or fewer than 3 rows); "cut_off" by the time budget or by Ctrl-C.
    n_at_limit : int
        As in `riata.results.PathResult`, over all fits.
    method : {"bca", "percentile"}
        Of the intervals where none is asked for: "bca" if the jackknife is done, "percentile" otherwise.
    """

    path: PathResult
    kept: np.ndarray
    draws: object
    intercept_draws: np.ndarray
    selection_frequency: np.ndarray
    status: np.ndarray
    gap: np.ndarray
    acceleration: np.ndarray | None
    deviance_apparent: np.ndarray
    optimism_deviance: np.ndarray
    optimism_r2: np.ndarray
    deviance_out_of_bag: np.ndarray
    cv: CVResult | None
    plan: ResamplingPlan
    jackknife: str
    n_at_limit: int = 0

    def __len__(self):
        return len(self.status)

    @property
    def method(self):
        return "percentile" if self.acceleration is None else "bca"

    @property
    def alphas(self):
        """(K,) the kept alphas."""
        return self.path.alphas[self.kept]

    @property
    def coef(self):
        """(K, p) coefficients on all rows at the kept alphas."""
        return self.path.coef[self.kept]

    @property
    def r2_apparent(self):
        return self.path.dev_ratio[self.kept]

    @property
    def deviance_corrected(self):
        return self.deviance_apparent + self.optimism_deviance

    @property
    def r2_corrected(self):
        return self.r2_apparent - self.optimism_r2

    @property
    def deviance_632(self):
        return 0.368 * self.deviance_apparent + 0.632 * self.deviance_out_of_bag

    def coef_draws(self, alpha=None):
        """Coefficients (b, p) of the b bootstraps that were fitted at a kept alpha; `alpha` may be left out if there is one."""
        k = self._position(alpha)
        fitted = np.isfinite(self.intercept_draws[:, k])
        if isinstance(self.draws, np.ndarray):
            return self.draws[fitted, k]
        return self.draws[k::len(self.kept)][np.flatnonzero(fitted)].toarray()

    def interval(self, level=0.95, method=None, alpha=None):
        """Confidence intervals of the coefficients at a kept alpha.

        Parameters
        ----------
        level : float in (0, 1), default=0.95
        method : {"bca", "percentile"}, optional
            See `riata.intervals`: quantiles of the bootstraps, or the bias-corrected and accelerated ones. Default: "bca"; where
            the jackknife was cut off, "percentile", with a warning.
        alpha : float, optional
            One of the kept alphas. Default: the only one there is.

        Returns
        -------
        ndarray of shape (2, p)
            Lower and upper ends.

        Raises
        ------
        ValueError
            If `alpha` is not kept, several are and none is given, or there is no jackknife for "bca".

        Warns
        -----
        UserWarning
            If no method is asked for and the jackknife was cut off.
        """
        level = check_number(level, "level", 0.0, 1.0, low_open=True, high_open=True)
        if method is not None and (not isinstance(method, str) or method not in METHODS):
            raise ValueError(f"method = {method!r} must be 'bca' or 'percentile'")
        k = self._position(alpha)
        draws = self.coef_draws(self.alphas[k])
        if method is None and self.jackknife == "cut_off":
            warnings.warn(f"{CUT_OFF}: these are percentile intervals, not BCa (method='percentile' says nothing)", stacklevel=2)
            method = self.method
        if method == "percentile":
            return percentile_interval(draws, level)
        if self.jackknife == "cut_off":
            raise ValueError(f"method = 'bca' cannot be had, {CUT_OFF}: take method='percentile', or bootstrap again "
                             "with a larger time_budget or a smaller jackknife")
        if self.acceleration is None:
            raise ValueError("method = 'bca' needs the jackknife, which this call left out (jackknife=0): take "
                             "method='percentile', or bootstrap again with jackknife=None")
        return bca_interval(draws, self.coef[k], self.acceleration[k], level)

    def standard_error(self, alpha=None):
        """(p,) standard deviations (divisor b − 1) of the coefficients over the bootstraps at a kept alpha."""
        draws = self.coef_draws(alpha)
        return draws.std(axis=0, ddof=1) if len(draws) > 1 else np.full(draws.shape[1], np.nan)

    def selection_interval(self, level=0.95):
        """(2, L, p) Wilson intervals of `selection_frequency`: how far so many bootstraps may be from infinitely many."""
        level = check_number(level, "level", 0.0, 1.0, low_open=True, high_open=True)
        return share_interval(self.selection_frequency, self._fitted.sum(axis=0)[:, None], level)

    @cached_property
    def _fitted(self):
        """(B, L) whether a fit is there."""
        return np.isin(self.status, ("converged", "max_iter", "degenerate"))

    def _position(self, alpha):
        if alpha is None:
            if len(self.kept) > 1:
                raise ValueError(f"{len(self.kept)} alphas are kept: name one of them, alpha=result.alphas[k]")
            return 0
        at = np.flatnonzero(self.kept == self.path.at(alpha))
        if not at.size:
            some = ", ".join(f"{value:.6g}" for value in self.alphas[:5])
            raise ValueError(f"alpha = {alpha!r} is on the path, but its coefficients were not kept; kept: {some}. Bootstrap "
                             "with choose='all', or with choose=alpha")
        return int(at[0])

    def to_frame(self, level=0.95, method=None, every=False):
        """One row per kept alpha and feature: coefficient, bootstrap mean and standard error, interval, selection frequency.

        `method` is that of the result by default. Features that no bootstrap selects at any kept
        alpha are left out unless `every`. A pandas DataFrame if pandas is installed, a polars one otherwise.
        """
        method = self.method if method is None else method
        shown = np.arange(self.path.n_features)
        if not every:
            shown = np.flatnonzero((self.selection_frequency[self.kept] > 0).any(axis=0) | (self.coef != 0).any(axis=0))
        names = np.array(names_of(self.path.feature_names, self.path.n_features))[shown]
        parts = []
        for k, alpha in enumerate(self.alphas):
            low, high = self.interval(level, method, alpha)
            draws = self.coef_draws(alpha)
            mean = draws.mean(axis=0) if len(draws) else np.full(low.shape, np.nan)
            parts.append((np.full(len(shown), alpha), names, *(values[shown] for values in (
                self.coef[k], mean, self.standard_error(alpha), low, high, self.selection_frequency[self.kept[k]]))))
        columns = ("alpha", "feature", "coef", "mean", "se", "low", "high", "selected")
        return dataframe({name: np.concatenate(part) for name, part in zip(columns, zip(*parts, strict=True), strict=True)})

    def summary(self, level=0.95, method=None, top=15):
        """A few lines of text: performance and, at the first kept alpha, the features that are selected most often."""
        method = self.method if method is None else method
        alpha = self.alphas[0]
        low, high = self.interval(level, method, alpha)
        frequency, coef = self.selection_frequency[self.kept[0]], self.coef[0]
        names = names_of(self.path.feature_names, len(coef))
        order = np.lexsort((np.arange(len(coef)), -np.abs(coef), -np.nan_to_num(frequency)))[:top]
        lines = [repr(self),
                 f"alpha {alpha:.5g}: R² apparent {self.r2_apparent[0]:.4f}, corrected for optimism {self.r2_corrected[0]:.4f}; "
                 f"deviance apparent {self.deviance_apparent[0]:.5g}, corrected {self.deviance_corrected[0]:.5g}, .632 "
                 f"{self.deviance_632[0]:.5g}",
                 f"{'feature':<22} {'selected':>8} {'coef':>11} {f'{100 * level:g} % {method} interval':>27}"]
        lines += [f"{names[j][:22]:<22} {frequency[j]:8.3f} {coef[j]:11.5g}   [{low[j]:11.5g}, {high[j]:11.5g}]"
                  for j in order if frequency[j] > 0 or coef[j] != 0]
        if self.jackknife == "cut_off":
            lines.append(f"{CUT_OFF}: percentile intervals")
        return "\n".join(lines)

    def plot(self, ax=None, **options):
        """Draw the intervals of the coefficients (see `riata.plots_resampled.plot_intervals`)."""
        from riata.plots_resampled import plot_intervals

        return plot_intervals(self, ax=ax, **options)

    def __repr__(self):
        kept = f"alpha {self.alphas[0]:.4g}" if len(self.kept) == 1 else f"{len(self.kept)} alphas"
        return (f"BootstrapResult({len(self)} bootstraps of {len(self.path.alphas)} alphas, coefficients kept at {kept}, "
                f"{status_counts(self.status)}, largest gap {largest_gap(self.gap)})")
