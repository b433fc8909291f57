"""The reliability curve of calibrated probabilities."""

from .plot_axes import title_of
from .plot_style import GREY, PALETTE, axes_of, styled, verbatim

__all__ = ["plot_calibration"]


@styled
def plot_calibration(cv, ax=None, *, n_bins=10, title=None):
    """Draw the share of the second class against its predicted probability, before and after calibration.

    Rows are those that the folds held out, in bins of equal weight; the calibrated probabilities are cross-fitted (see
    `riata.calibration.Calibration`). The diagonal is a perfect calibration. The legend has the Brier scores.

    Parameters
    ----------
    cv : CVResult
        With a `calibration`: what `riata.CVResult.calibrate` gave.
    ax : matplotlib Axes, optional
        Where to draw; default a new figure of 5 × 5 inches.
    n_bins : int, default 10
    title : str, optional

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ImportError
        Where matplotlib is not installed.
    ValueError
        Without a calibration.
    """
    calibration = getattr(cv, "calibration", None)
    if calibration is None:
        raise ValueError("this cross-validation has no calibration: draw what its .calibrate() gives")
    curves = calibration.reliability(n_bins)
    ax = axes_of(ax, 5.0, 5.0)
    ax.plot([0, 1], [0, 1], color=GREY, lw=0.9, ls=(0, (4, 3)), zorder=1)
    scores = calibration.brier_before, calibration.brier_after
    for (probability, share), name, score, colour, marker in zip(curves, ("as fitted", calibration.method), scores, PALETTE, "os",
                                                                 strict=False):
        ax.plot(probability, share, marker=marker, ms=4, lw=1.4, color=colour, zorder=3, label=f"{name}: Brier score {score:.4g}")
    ax.set_xlim(-0.02, 1.02)
    ax.set_ylim(-0.02, 1.02)
    ax.set_aspect("equal")
    label = cv.paths[0].classes[1]
    ax.set_xlabel("predicted probability, held-out rows")
    ax.set_ylabel(verbatim(f"share of class {label}"))
    ax.legend(loc="upper left")
    title_of(ax, title, "Reliability")
    return ax
