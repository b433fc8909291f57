"""Which step sizes a problem bears: a short run with each, all in one batch."""

from dataclasses import dataclass
from inspect import signature

import numpy as np

from riata.argument_names import native
from riata.optim.descend import descend, prepared
from riata.plot_style import PALETTE, axes_of, styled
from riata.validation import check_count, check_number
from riata_engine.descent import descend as run

__all__ = ["RangeTest", "lr_range_test"]


@dataclass(frozen=True)
class RangeTest:
    """Objectives after a short run with each of several step sizes.

    Attributes
    ----------
    steps : ndarray of shape (k,)
    objective : ndarray of shape (k,)
        At the end of the run, computed afresh; inf where it diverged.
    start : float
        Objective at the beginning.
    best_step : float
        The one with the least objective.
    largest_step : float
        The largest that did not end above the start.
    """

    steps: np.ndarray
    objective: np.ndarray
    start: float
    best_step: float
    largest_step: float

    @styled
    def plot(self, ax=None):
        """Objective over step size, the best one marked.

        Parameters
        ----------
        ax : matplotlib Axes, optional

        Returns
        -------
        matplotlib Axes
        """
        ax = axes_of(ax, 6.0, 3.6)
        shown = np.isfinite(self.objective) & (self.objective <= 2 * self.start - self.objective.min())
        ax.plot(self.steps[shown], self.objective[shown], color=PALETTE[0], marker="o", ms=3.5, lw=1.4, label="after the run")
        ax.axhline(self.start, color="#9A9A9A", lw=1.0, ls="--", label="start")
        ax.axvline(self.best_step, color=PALETTE[1], lw=1.2, label=f"best, {self.best_step:.3g}")
        if (~shown).any():
            ax.axvspan(self.steps[~shown].min(), self.steps[-1], color="#9A9A9A", alpha=0.18, lw=0, label="diverges")
        ax.set_xscale("log")
        ax.set_xlabel("step size")
        ax.set_ylabel("objective")
        ax.set_title("Step sizes")
        ax.legend()
        return ax


@native
def lr_range_test(X, y, *, low=None, high=None, count=40, epochs=3, loss="squared", alpha=0.0, l1_ratio=0.0, optimizer="sgd",
                  batch_size="auto", weights=None, intercept=True, seed=0, n_threads=None) -> RangeTest:
    """Run a few epochs with each of many step sizes, from the same start and in one batch (after Smith 2017).

    Smith's test raises the step within one run; here every step size has a run of its own, so that a large one does not profit
    from what smaller ones gained.

    Parameters
    ----------
    X, y, loss, alpha, l1_ratio, optimizer, batch_size, weights, intercept, seed, n_threads
        As in `riata.optim.descend`; one target, one alpha.
    low, high : float, optional
        Least and largest step size; by default 1e-4 and 100 times the automatic one.
    count : int, default=40
        Step sizes, evenly spaced in their logarithm.
    epochs : int, default=3

    Returns
    -------
    RangeTest

    Raises
    ------
    ValueError, TypeError
        As `riata.optim.descend`; if `low` is not below `high`.
    """
    if np.ndim(y) != 1 or np.ndim(alpha) != 0:
        name, shape = ("y", np.shape(y)) if np.ndim(y) != 1 else ("alpha", np.shape(alpha))
        raise ValueError(f"{name} has shape {shape}: a range test is of one target and one alpha; call it for each")
    given = {name: parameter.default for name, parameter in signature(descend).parameters.items()} | {
        "X": X, "y": y, "loss": loss, "alpha": alpha, "l1_ratio": l1_ratio, "optimizer": optimizer, "batch_size": batch_size,
        "weights": weights, "intercept": intercept, "seed": seed, "n_threads": n_threads}
    if low is None or high is None:
        problem = prepared(given | {"step": "auto", "epochs": 1})[0]
        own = float(run(problem).step[0])
        low, high = own * 1e-4 if low is None else low, own * 100 if high is None else high
    low, high = check_number(low, "low", 0.0, low_open=True, high_open=True), check_number(high, "high", 0.0, high_open=True)
    if not low < high:
        raise ValueError(f"low = {low:g} must be below high = {high:g}")
    steps = np.geomspace(low, high, check_count(count, "count", 10_000))
    problem, _, _, _ = prepared(given | {"step": steps, "epochs": epochs})
    answers = run(problem)
    objective = np.where(answers.status == 2, np.inf, answers.objective)
    start = float(answers.state["began_at"][0])
    objective = np.where(np.isfinite(objective), objective, np.inf)
    fine = objective <= start
    largest = float(steps[fine].max()) if fine.any() else np.nan
    return RangeTest(steps, objective, start, float(steps[objective.argmin()]), largest)
