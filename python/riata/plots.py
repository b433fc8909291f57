"""Figures for paths and cross-validations, drawn with matplotlib.

Every function takes an optional matplotlib ``Axes``, draws on it and returns it. Without one, a new pyplot figure with
a constrained layout is made. matplotlib is imported on the first call, not before.

The colours stay readable with every common form of colour blindness (`riata.plot_style`).
"""
from numbers import Integral
from types import NoneType

import numpy as np

from .plot_axes import alpha_axis, count_axis, label_ends, mark_alphas, title_of
from .plot_style import GREY, INK, PALETTE, axes_of, names_of, new_axes, shorten, styled, verbatim
from .plots_calibration import plot_calibration
from .plots_cv import cv_marks, plot_cv, plot_heatmap
from .results import status_counts

__all__ = [
    "coefficients_height",
    "cv_marks",
    "new_axes",
    "plot_calibration",
    "plot_coefficients",
    "plot_cv",
    "plot_heatmap",
    "plot_path",
]


@styled
def plot_path(result, ax=None, *, top=10, scale=None, marks=None, title=None):
    """Draw a coefficient path against log alpha, with the names of the largest features.

    Parameters
    ----------
    result : PathResult
        Has ``alphas (L,)``, ``coef (L, p)``, ``feature_names``, ``l1_ratio``.
    ax : matplotlib Axes, optional
        Where to draw; default a new figure of 6.8 × 4.4 inches.
    top : int, default 10
        How many features get a colour and a name. They are the largest in absolute value at the first marked
        alpha where any is non-zero, filled up with the largest anywhere on the path.
    scale : array (p,), optional
        Factors for the coefficients, for example sd(x_j) / sd(y) to show standardised sizes.
    marks : dict of str to float, optional
        Alphas to mark with a vertical line, by name: ``{"minimum": 0.1, "1-SE": 0.4}``.
    title : str, optional

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ImportError
        Where matplotlib is not installed.
    ValueError
        If no alpha of the path is positive or none was solved, or ``scale`` does not have p entries.
    """
    from matplotlib.collections import LineCollection

    ax = axes_of(ax, 6.8, 4.4)
    if not isinstance(marks, (dict, NoneType)):
        raise TypeError(f'marks = {marks!r} must be a dict of names and alphas, such as {{"chosen": 0.1}}')
    if not isinstance(top, Integral) or top < 0:
        raise TypeError(f"top = {top!r} must be a number of features, an int of 0 or more")
    alphas, coef = np.asarray(result.alphas, float), np.asarray(result.coef, float)
    names = names_of(result.feature_names, coef.shape[1])
    if scale is not None:
        scale = np.asarray(scale, float)
        if scale.shape != (coef.shape[1],):
            raise ValueError(f"scale has shape {scale.shape}, the path has {coef.shape[1]} features: "
                             "give one factor per feature")
        coef = coef * scale
    zero = bool((alphas == 0).any())
    solved = np.isfinite(coef).all(axis=1) & (alphas > 0)
    if not np.isfinite(coef).any():
        raise ValueError(f"no alpha of this path was solved ({status_counts(result.status)}), so that there is nothing to draw: "
                         "fit again, for example with more time_budget")
    alphas, coef = alphas[solved], coef[solved]
    order = np.argsort(-alphas)
    alphas, coef = alphas[order], coef[order]
    alpha_axis(ax, alphas, zero)
    if alphas.size == 1:                                        # beside the names: what joins them is no path
        ax.set_xlim(alphas[0] * 1.3, alphas[0] / 1.02)
    marks = {name: alpha for name, alpha in (marks or {}).items() if alpha > 0}

    chosen = _largest_features(alphas, coef, marks, top)
    others = np.setdiff1d(np.flatnonzero(np.any(coef != 0, axis=0)), chosen)
    ax.add_collection(LineCollection([np.column_stack([alphas, coef[:, j]]) for j in others],
                                     colors=GREY, linewidths=0.6, alpha=0.45, zorder=1))
    ax.axhline(0, color="#444444", lw=0.8, zorder=1.2)
    for k, j in enumerate(chosen):
        ax.plot(alphas, _without_zeros(coef[:, j]), color=PALETTE[k % len(PALETTE)], lw=1.7, zorder=3,
                marker="o" * (alphas.size == 1), ms=4, ls="-" if k < len(PALETTE) else (0, (4, 1.5)))
    low, high = min(coef.min(initial=0.0), 0.0), max(coef.max(initial=0.0), 0.0)
    pad = 0.05 * (high - low) or 1.0
    ax.set_ylim(low - pad, high + pad)
    if marks:
        mark_alphas(ax, marks, alphas, coef.max(axis=1, initial=0.0))
    label_ends(ax, shorten([names[j] for j in chosen]), alphas[-1], [coef[-1, j] for j in chosen])
    count_axis(ax, alphas, (coef != 0).sum(axis=1))
    ax.set_ylabel("coefficient" if scale is None else "standardised coefficient")
    title_of(ax, title, f"Elastic-net path, l1_ratio = {result.l1_ratio:g}")
    return ax


def _without_zeros(values):
    """A curve that begins where it leaves 0 and ends where it stays there: NaN between zeros, so that none hides another."""
    zero = values == 0
    return np.where(zero & np.append(True, zero[:-1]) & np.append(zero[1:], True), np.nan, values)


def _largest_features(alphas, coef, marks, top):
    at = []
    if marks:
        at = [int(np.argmin(np.abs(np.log(alphas) - np.log(alpha)))) for alpha in marks.values()]
    size = np.max(np.abs(coef), axis=0, initial=0.0)
    leader = next((np.abs(coef[i]) for i in at if np.any(coef[i] != 0)), np.zeros(coef.shape[1]))
    ranked = np.lexsort((np.arange(size.size), -size, -leader))       # by the marked alpha, then by the whole path
    return [int(j) for j in ranked[:top] if size[j] > 0]


@styled
def plot_coefficients(names, size, *, other=None, labels=("minimum", "1-SE"), top=25, ax=None, title=None,
                      xlabel="standardised coefficient"):
    """Draw the largest coefficients as horizontal bars, largest on top.

    Parameters
    ----------
    names : sequence of str (p,)
    size : array (p,)
        Coefficients of the main choice, usually standardised: b_j · sd(x_j) / sd(y). Zeros are left out.
    other : array (p,), optional
        A second choice, drawn as open diamonds on the same rows.
    labels : (str, str)
        Names of the two choices in the legend.
    top : int, default 25
    ax : matplotlib Axes, optional
        Where to draw; default a new figure, 5.6 inches wide and as high as the rows need.
    title, xlabel : str, optional

    Returns
    -------
    matplotlib Axes
    """
    size = np.asarray(size, float)
    names = names_of(names, size.size)
    reach = np.abs(size) if other is None else np.maximum(np.abs(size), np.abs(np.asarray(other, float)))
    ranked = np.lexsort((np.arange(size.size), -reach, -np.abs(size)))
    rows = [int(j) for j in ranked[:top] if reach[j] > 0]
    ax = axes_of(ax, 5.6, coefficients_height(len(rows)))
    if not rows:
        ax.text(0.5, 0.5, "every coefficient is zero", transform=ax.transAxes, ha="center", va="center")
        ax.set_xticks([])
    positions = np.arange(len(rows))
    values = size[rows]
    for positive, colour, sign in ((True, PALETTE[0], "positive"), (False, PALETTE[1], "negative")):
        shown = values > 0 if positive else values < 0
        if shown.any():
            ax.barh(positions[shown], values[shown], height=0.68, color=colour, label=f"{labels[0]}, {sign}", zorder=2)
    if other is not None and rows:
        second = np.asarray(other, float)[rows]
        remark = "" if second.any() else ": every coefficient is zero"
        ax.plot(second[second != 0], positions[second != 0], "D", ms=4.6, mfc="white", mec=INK, mew=1.1, ls="none",
                label=labels[1] + remark, zorder=3)
    if rows:
        ax.axvline(0, color="#444444", lw=0.8, zorder=2.5)
    ax.set_yticks(positions, [verbatim(name) for name in shorten([names[j] for j in rows], 30)])
    spare = max(3 - len(rows), 0) / 2                                   # one bar is not as thick as three
    ax.set_ylim(len(rows) - 0.4 + spare, -0.6 - spare)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.grid(axis="x", color="#E3E3E3", lw=0.7, zorder=0)
    ax.set_xlabel(xlabel)
    selected = int(np.count_nonzero(size))
    if title is None:
        more = selected > len(rows)
        title = (f"The {len(rows)} largest of " if more else "") + f"{selected} coefficient{'s' * (selected != 1)}"
    ax.set_title(verbatim(title), pad=22 if rows else 8)
    if rows:
        handles, texts = ax.get_legend_handles_labels()
        order = sorted(range(len(texts)), key=lambda k: texts[k].startswith(labels[1]))
        side = ("right", 1.0) if max(len(names[j]) for j in rows) > 12 else ("left", 0.0)       # long names leave the axes narrow
        ax.legend([handles[k] for k in order], [texts[k] for k in order], loc=f"lower {side[0]}", bbox_to_anchor=(side[1], 1.0),
                  ncols=3, columnspacing=1.2, handlelength=1.2,
                  handletextpad=0.5, borderaxespad=0.1)
    return ax


def coefficients_height(rows):
    """Height in inches that `plot_coefficients` wants for a number of rows."""
    return 1.35 + 0.2 * max(rows, 3)
