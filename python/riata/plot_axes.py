"""What stands on and beside the axes of a figure: the alpha axis, counts of features, chosen alphas, names of lines."""
import numpy as np

from .label_placement import spread
from .plot_style import INK, PALETTE, verbatim

MARGIN = 0.02            # of the width, beyond the largest and the smallest alpha: a marker there is drawn whole
NAME_WIDTH = 0.05        # of the width: a name that stands upright


def alpha_axis(ax, alphas, zero=False, edges=None):
    """Log axis with strong penalties on the left, so that features enter from left to right.

    `zero`: alpha = 0 was fitted too. It has no place on a log axis, and the label says that it is left out. `edges`: what
    else the axis has to reach, as the borders of cells.
    """
    finite = np.asarray(alphas)[np.asarray(alphas) > 0]
    if finite.size == 0:
        raise ValueError("alphas holds no positive value: there is nothing to draw against log alpha")
    reach = finite if edges is None else np.asarray(edges)
    ax.set_xscale("log")
    decades = np.log10(reach.max() / reach.min())
    margin = 10 ** (MARGIN * decades) if decades > 0 else 1.3
    ax.set_xlim(reach.max() * margin, reach.min() / margin)
    _alpha_ticks(ax, finite.min(), finite.max())
    ax.set_xlabel("alpha (log scale, weaker penalty to the right" + "; alpha = 0 is left out" * bool(zero) + ")")


def _alpha_ticks(ax, low, high):
    """Round alphas; where fewer than two of them lie between the smallest and the largest, these and one between."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
    decades = np.log10(high / low)
    steps = (1.0,) if decades > 2.5 else (1.0, 3.0) if decades > 1.4 else (1.0, 2.0, 5.0)
    powers = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    round_alphas = np.outer(powers, steps).ravel()
    if np.count_nonzero((round_alphas >= low) & (round_alphas <= high)) < 2:
        ticks = np.geomspace(low, high, 1 if high <= low * 1.05 else 3)
        ax.set_xticks(ticks, [f"{alpha:.3g}" for alpha in ticks])
        ax.minorticks_off()
        return
    ax.xaxis.set_major_locator(LogLocator(subs=steps))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda alpha, _: f"{alpha:g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())


def title_of(ax, title, default, pad=8):
    """The title that was asked for, or the one that says what is drawn."""
    ax.set_title(default if title is None else verbatim(title), pad=pad)


def count_axis(ax, alphas, counts):
    """Second axis on top: how many coefficients are not zero at some of the alphas."""
    order = np.argsort(alphas)
    alphas, counts = np.asarray(alphas)[order], np.asarray(counts)[order]
    keep = alphas > 0
    alphas, counts = alphas[keep], counts[keep]
    where = np.unique(np.linspace(0, alphas.size - 1, min(9, alphas.size)).round().astype(int))
    top = ax.secondary_xaxis("top")
    top.set_xticks(alphas[where], [str(int(c)) for c in counts[where]])
    top.minorticks_off()
    top.tick_params(length=2.5, labelsize=8, pad=1.5)
    top.spines["top"].set_visible(False)
    top.set_xlabel("non-zero coefficients", fontsize=8.5, labelpad=4)


def mark_alphas(ax, marks, alphas, top):
    """Vertical lines at chosen alphas, named at their upper ends.

    The y axis is raised where a name would stand on what is drawn: `top` (L,) is its upper edge at `alphas`. A name stands
    left of its line, or right of it at the left edge and where another line is close on the left; at the right edge the
    names stand in a row. One line has the names of all marks at its alpha.
    """
    named = {}
    for name, alpha in marks.items():
        named.setdefault(alpha, []).append(name)
    marks = [(", ".join(named[alpha]), alpha) for alpha in sorted(named, reverse=True)]
    at = [_fraction(ax, alpha) for _, alpha in marks]
    scale = ax.yaxis.get_transform()
    low, high = scale.transform(np.array(ax.get_ylim()))
    inches = ax.get_position().height * ax.figure.get_figheight()
    order = np.argsort(-np.asarray(alphas))
    where, edge = _fraction(ax, np.asarray(alphas)[order]), scale.transform(np.asarray(top, float)[order])
    fitted = np.isfinite(edge)
    for (name, _), x in zip(marks, at, strict=True):
        near = np.linspace(x - 2 * NAME_WIDTH, x + NAME_WIDTH * (1 if x > NAME_WIDTH else 2), 25)
        highest = np.interp(near, where[fitted], edge[fitted]).max()
        free = 1 - (5.2 * len(name) + 10) / 72 / inches                  # height below the name, as a fraction
        if free > 0.3:
            high = max(high, low + (highest - low) / free)
    ax.set_ylim(scale.inverted().transform(np.array([low, high])))
    taken = 0.0                                                          # up to here names stand
    for k, (name, alpha) in enumerate(marks):
        ax.axvline(alpha, color=INK, lw=1.0, ls=("--" if name == "1-SE" else "-"), zorder=1.5)
        crowded = k > 0 and at[k] - at[k - 1] < NAME_WIDTH
        right = at[k] < NAME_WIDTH or (crowded and at[k] < 1 - NAME_WIDTH)
        x = max(at[k], taken) if right else at[k]
        if k + 1 < len(at) and at[k + 1] - at[k] < NAME_WIDTH and at[k + 1] >= 1 - NAME_WIDTH:
            x = at[k + 1] - NAME_WIDTH
        taken = x + NAME_WIDTH if right else x
        ax.annotate(name, (x, 0.985), xycoords="axes fraction", xytext=(4 if right else -3, 0), textcoords="offset points",
                    rotation=90, ha="left" if right else "right", va="top", fontsize=8, color=INK,
                    bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.6}, zorder=5)


def _fraction(ax, alpha):
    """Where an alpha stands, as a fraction of the width of the axes."""
    left, right = np.log(ax.get_xlim())
    return (np.log(alpha) - left) / (right - left)


def label_ends(ax, names, alpha, ends):
    """Names beside the right edge, each joined to the end of its line (at `alpha`), never one over another."""
    start_at = _fraction(ax, alpha)
    low, high = ax.get_ylim()
    inches = ax.get_position().height * ax.figure.get_figheight()
    fractions = (np.asarray(ends, float) - low) / (high - low)
    placed = spread(fractions, 8.5 * 1.22 / 72 / inches, 0.01, 0.99)
    for k, (name, start, height) in enumerate(zip(names, fractions, placed, strict=True)):
        colour = PALETTE[k % len(PALETTE)]
        ax.plot([start_at, 1.012, 1.03], [start, height, height], transform=ax.transAxes, color=colour, lw=0.7,
                clip_on=False, zorder=2)
        ax.text(1.037, height, verbatim(name), transform=ax.transAxes, color=colour, fontsize=8.5, ha="left",
                va="center_baseline")
