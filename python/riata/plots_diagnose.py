"""Figures of bias and variance, drawn as those of `riata.plots`."""

import numpy as np

from .plot_style import GREY, INK, PALETTE, axes_of, styled, verbatim

__all__ = ["plot_decomposition", "plot_learning_curve", "plot_validation_curve", "plot_verdict"]


def _bands(ax, at, curve):
    for mean, error, colour, label in ((curve.train_mean, curve.train_se, PALETTE[1], "rows learnt from"),
                                       (curve.test_mean, curve.test_se, PALETTE[0], "rows held out")):
        ax.plot(at, mean, "o-", color=colour, ms=3.5, lw=1.4, label=label)
        if np.isfinite(error).any():
            ax.fill_between(at, mean - error, mean + error, color=colour, alpha=0.18, lw=0)
    ax.set_ylabel(curve.score_label)


@styled
def plot_learning_curve(curve, ax=None, *, title=None):
    """Draw the scores over the number of training rows, with bands of one standard error.

    Parameters
    ----------
    curve : riata.diagnose.LearningCurve
    ax : matplotlib Axes, optional
        Where to draw; default a new figure of 6.4 × 3.6 inches.
    title : str, optional

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ImportError
        Where matplotlib is not installed.
    """
    ax = axes_of(ax, 6.4, 3.6)
    _bands(ax, curve.sizes, curve)
    ax.set_xlabel("training rows")
    ax.legend(loc="best")
    ax.set_title(f"Learning curve, {curve.n_folds} folds" if title is None else verbatim(title), pad=8)
    return ax


@styled
def plot_validation_curve(curve, ax=None, *, title=None):
    """Draw the scores over a parameter, with bands of one standard error, and the best value.

    Parameters
    ----------
    curve : riata.diagnose.ValidationCurve
    ax : matplotlib Axes, optional
        Where to draw; default a new figure of 6.4 × 3.6 inches.
    title : str, optional

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ImportError
        Where matplotlib is not installed.
    """
    ax = axes_of(ax, 6.4, 3.6)
    _bands(ax, curve.values, curve)
    ax.axvline(curve.best, color=GREY, lw=1.2, ls="--", label=f"best: {curve.parameter} {curve.best:.3g}")
    if curve.parameter == "alpha":
        positive = curve.values > 0
        if positive.all():
            ax.set_xscale("log")
        elif positive.any():
            ax.set_xscale("symlog", linthresh=float(curve.values[positive].min()))
        if not ax.xaxis_inverted():
            ax.invert_xaxis()                          # the penalty falls to the right, as along a path
    ax.set_xlabel(curve.parameter)
    ax.legend(loc="best")
    ax.set_title(f"Validation curve, {curve.n_folds} folds" if title is None else verbatim(title), pad=8)
    return ax


@styled
def plot_decomposition(result, ax=None, *, title=None):
    """Draw the parts of the error as bars, with their standard errors over the rows.

    Parameters
    ----------
    result : riata.diagnose.BiasVariance
    ax : matplotlib Axes, optional
        Where to draw; default a new figure of 6.4 × 2.6 inches.
    title : str, optional

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ImportError
        Where matplotlib is not installed.
    """
    ax = axes_of(ax, 6.4, 2.6)
    parts = result.parts
    values, errors = np.array(list(parts.values())), np.array([result.se[name] for name in parts])
    at = np.arange(len(parts))
    ax.barh(at, values, xerr=np.nan_to_num(errors), color=[PALETTE[k % len(PALETTE)] for k in at], height=0.6,
            error_kw={"ecolor": INK, "lw": 1.0, "capsize": 2.5})
    ax.axvline(0, color="#444444", lw=0.8)
    ax.set_yticks(at, [name.replace("_", " ") for name in parts])
    ax.invert_yaxis()
    ax.tick_params(axis="y", length=0)
    ax.set_xlabel(result.score_label)
    title = f"{result.score_label.capitalize()} {result.error:.4g} and its parts" if title is None else verbatim(title)
    ax.set_title(title, pad=8)
    return ax


@styled
def plot_verdict(result, axes=None):
    """Draw the evidence of a verdict: learning curve, validation curve where there is one, decomposition.

    Parameters
    ----------
    result : riata.diagnose.Verdict
    axes : sequence of matplotlib Axes, optional
        One for each. Default: a new figure with them side by side.

    Returns
    -------
    ndarray of matplotlib Axes

    Raises
    ------
    ImportError
        Where matplotlib is not installed.
    ValueError
        If there are not so many axes.
    """
    drawn = [(plot_learning_curve, result.learning), (plot_decomposition, result.decomposition)]
    if result.validation is not None:
        drawn.insert(1, (plot_validation_curve, result.validation))
    if axes is None:
        from matplotlib import pyplot as plt

        figure, axes = plt.subplots(1, len(drawn), figsize=(4.6 * len(drawn), 3.6), layout="constrained")
        figure.suptitle(verbatim(result.verdict), x=0.01, ha="left", fontweight="bold")
    axes = np.atleast_1d(axes)
    if len(axes) != len(drawn):
        raise ValueError(f"axes holds {len(axes)} Axes; this verdict has {len(drawn)} figures")
    for (plot, part), ax in zip(drawn, axes, strict=True):
        plot(part, ax=ax)
    return axes
