"""The figure of a stability selection, drawn with matplotlib."""

from numbers import Integral

import numpy as np

from .plot_axes import alpha_axis, label_ends, title_of
from .plot_style import GREY, INK, PALETTE, axes_of, names_of, shorten, styled

__all__ = ["plot_stability_paths"]


@styled
def plot_stability_paths(selection, ax=None, *, top=12, title=None):
    """Draw the share of subsamples that select each feature against log alpha, and the cutoff.

    Parameters
    ----------
    selection : StabilitySelection
        Fitted: has ``stability_paths_ (p, L)``, ``alphas_ (L,)``, ``cutoff_``, ``pfer_``, ``q_``.
    ax : matplotlib Axes, optional
        Where to draw; default a new figure of 6.8 × 4.4 inches.
    top : int, default 12
        The most stable features that get a colour and a name, those with the largest probabilities first. The other features are
        thin grey lines.
    title : str, optional

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ImportError
        Where matplotlib is not installed.
    TypeError
        If `top` is no number of features.
    """
    from matplotlib.collections import LineCollection

    ax = axes_of(ax, 6.8, 4.4)
    if not isinstance(top, Integral) or isinstance(top, bool) or top < 0:
        raise TypeError(f"top = {top!r} must be a number of features, an int of 0 or more")
    alphas, paths = np.asarray(selection.alphas_), np.asarray(selection.stability_paths_)
    last = np.flatnonzero((paths[:, 1:] != paths[:, :-1]).any(axis=0))                   # behind it nothing changes
    shown = min(len(alphas), int(last[-1]) + 3) if len(last) else len(alphas)
    alphas, paths = alphas[:shown], paths[:, :shown]
    probability, stable = selection.selection_probabilities_, selection.get_support()
    names = names_of(getattr(selection, "feature_names_in_", None), len(paths))
    ranked = np.lexsort((np.arange(len(paths)), -probability))
    chosen = [int(j) for j in ranked if stable[j]][:top]
    others = np.setdiff1d(np.flatnonzero(probability > 0), chosen)
    alpha_axis(ax, alphas, False)
    ax.add_collection(LineCollection([np.column_stack([alphas, paths[j]]) for j in others if not stable[j]],
                                     colors=GREY, linewidths=0.6, alpha=0.45, zorder=1))
    for j in others[stable[others]]:                     # stable beyond ``top``
        ax.plot(alphas, paths[j], color=INK, lw=0.8, zorder=2)
    for k, j in enumerate(chosen):
        ax.plot(alphas, paths[j], color=PALETTE[k % len(PALETTE)], lw=1.7, zorder=3, marker="o" * (alphas.size == 1), ms=4,
                ls="-" if k < len(PALETTE) else (0, (4, 1.5)))
    ax.axhline(selection.cutoff_, color=INK, lw=0.9, ls=(0, (5, 2)), zorder=2.5)
    ax.annotate(f"cutoff {selection.cutoff_:g}", (0.01, selection.cutoff_), xycoords=("axes fraction", "data"),
                xytext=(0, 3), textcoords="offset points", color=INK, va="bottom", fontsize="small")
    ax.set_ylim(-0.02, 1.04)
    label_ends(ax, shorten([names[j] for j in chosen]), alphas[-1], [paths[j, -1] for j in chosen])
    ax.set_ylabel("share of subsamples that select the feature")
    count = int(stable.sum())
    default = (f"Stability paths: {count} stable feature{'s' * (count != 1)}, q = {selection.q_:.4g}, "
               f"at most {selection.pfer_:.2g} false expected")
    title_of(ax, title, default)
    return ax
