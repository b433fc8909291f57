"""Figures for bootstraps and permutation tests, drawn as those of `riata.plots`."""

import numpy as np

from .plot_axes import title_of
from .plot_style import GREY, INK, PALETTE, axes_of, names_of, shorten, styled, verbatim

__all__ = ["plot_intervals", "plot_permutations"]


@styled
def plot_intervals(result, ax=None, *, alpha=None, level=0.95, method=None, top=25, title=None):
    """Draw bootstrap intervals of the coefficients, the features that are selected most often on top.

    The line is the interval, the dot the coefficient on all rows (open where that is 0), the number at the right the share of
    the bootstraps that select the feature.

    Parameters
    ----------
    result : BootstrapResult
    ax : matplotlib Axes, optional
        Where to draw; default a new figure, 6.4 inches wide and as high as the rows need.
    alpha : float, optional
        One of the kept alphas. Default: the first of them.
    level, method
        As in `BootstrapResult.interval`; `method` is "bca" where there is a jackknife, otherwise "percentile".
    top : int, default 25
        The most features.
    title : str, optional

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ImportError
        Where matplotlib is not installed.
    ValueError
        If `alpha` is not kept.
    """
    alpha = result.alphas[0] if alpha is None else alpha
    k = int(np.argmin(np.abs(result.alphas - alpha)))
    method = result.method if method is None else method
    low, high = result.interval(level, method, alpha)
    coef, share = result.coef[k], np.nan_to_num(result.selection_frequency[result.kept[k]])
    ranked = np.lexsort((np.arange(len(coef)), -np.abs(coef), -share))[:top]
    rows = ranked[(share[ranked] > 0) | (coef[ranked] != 0)]
    ax = axes_of(ax, 6.4, 1.2 + 0.22 * max(len(rows), 3))
    if not len(rows):
        ax.text(0.5, 0.5, "no feature is ever selected", transform=ax.transAxes, ha="center", va="center")
    at = np.arange(len(rows))
    ax.axvline(0, color="#444444", lw=0.8, zorder=1)
    ax.hlines(at, low[rows], high[rows], color=PALETTE[0], lw=2.4, zorder=2)
    for some, face in ((coef[rows] != 0, PALETTE[1]), (coef[rows] == 0, "white")):
        ax.plot(coef[rows][some], at[some], "o", ms=5, mfc=face, mec=PALETTE[1], ls="none", zorder=3)
    names = names_of(result.path.feature_names, len(coef))
    ax.set_yticks(at, [verbatim(name) for name in shorten([names[j] for j in rows], 30)])
    ax.set_ylim(max(len(rows), 3) - 0.4, -0.6)
    for height, j in zip(at, rows, strict=True):
        ax.text(1.01, height, f"{share[j]:.2f}", transform=ax.get_yaxis_transform(), va="center", ha="left", fontsize=8,
                color=INK)
    ax.text(1.01, 1.01, "selected", transform=ax.transAxes, va="bottom", ha="left", fontsize=8, color=INK)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.grid(axis="x", color="#E3E3E3", lw=0.7, zorder=0)
    ax.set_xlabel(f"coefficient, {100 * level:g} % {'BCa' if method == 'bca' else 'percentile'} interval")
    title_of(ax, title, f"{len(result)} bootstraps at alpha {alpha:.4g}", pad=12)
    return ax


@styled
def plot_permutations(result, ax=None, *, bins=40, title=None):
    """Draw the scores of the permutations as a histogram, and the score of y as a line.

    Parameters
    ----------
    result : PermutationTestResult
    ax : matplotlib Axes, optional
        Where to draw; default a new figure of 6.4 × 3.6 inches.
    bins : int, default 40
    title : str, optional

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ImportError
        Where matplotlib is not installed.
    ValueError
        If no permutation was fitted.
    """
    known = result.null_scores[np.isfinite(result.null_scores)]
    if not len(known):
        raise ValueError("no permutation was fitted, so that there is nothing to draw: test again, for example with more "
                         "time_budget")
    ax = axes_of(ax, 6.4, 3.6)
    ax.hist(known, bins=bins, color=GREY, label=f"{len(known)} permutations of y")
    ax.axvline(result.score, color=PALETTE[1], lw=1.8, label=f"y: {result.score:.3g}")
    ax.set_xlabel("cross-validated R²")
    ax.set_ylabel("permutations")
    ax.legend(loc="best")
    title_of(ax, title, f"Permutation test, p = {result.p_value:.3g}")
    return ax
