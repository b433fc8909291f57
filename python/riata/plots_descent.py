"""Figures of runs of gradient descent, drawn as those of `riata.plots`."""

import numpy as np

from .plot_style import GREY, PALETTE, axes_of, styled, verbatim

__all__ = ["plot_history"]


@styled
def plot_history(history, ax=None, *, start=None, title=None):
    """Draw the objective over the epochs, and the loss on the rows of validation where there are any.

    Parameters
    ----------
    history : riata.optim.History
        Of one problem; of a batch each has a line of its own.
    ax : matplotlib Axes, optional
        Where to draw; default a new figure of 6.4 × 3.6 inches.
    start : float, optional
        Objective at the start, a dashed line.
    title : str, optional

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ImportError
        Where matplotlib is not installed.
    ValueError
        If the history has no epoch.
    """
    if not len(history):
        raise ValueError("the history has no epoch: there is nothing to draw")
    ax = axes_of(ax, 6.4, 3.6)
    epochs = np.arange(1, len(history) + 1)
    parts = [("objective", history.objective, "-", PALETTE[0]), ("validation", history.validation_loss, "--", PALETTE[1])]
    drawn = [(name, np.atleast_2d(values), line, colour) for name, values, line, colour in parts if np.isfinite(values).any()]
    for name, values, line, colour in drawn:
        for b, of_one in enumerate(values):
            ax.plot(epochs, of_one, line, lw=1.4, color=colour if len(values) == 1 else PALETTE[b % len(PALETTE)],
                    label=name if b == 0 else None, marker="o" if len(epochs) == 1 else None)
    if any(name == "validation" for name, *_ in drawn) and history.validation_loss.ndim == 1:
        best = int(np.nanargmin(history.validation_loss))
        ax.axvline(epochs[best], color=GREY, lw=1.0, ls=":", label=f"best of the validation, epoch {epochs[best]}")
    if start is not None:
        ax.axhline(start, color=GREY, lw=1.0, ls="--", label="start")
    shown = np.concatenate([values[np.isfinite(values)] for _, values, _, _ in drawn] or [np.zeros(1)])
    if shown.min() > 0 and shown.max() > 10 * shown.min():
        ax.set_yscale("log")
    ax.set_xlabel("epoch")
    ax.set_ylabel("loss and penalty")
    ax.legend(loc="best")
    ax.set_title("History" if title is None else verbatim(title), pad=8)
    return ax
