"""Figures for paths and cross-validations, drawn with matplotlib.

Every function takes an optional matplotlib ``Axes``, draws on it and returns it. Without one, a new pyplot figure with
a constrained layout is made. matplotlib is imported on the first call, not before.

Colours are those of Okabe and Ito (Color Universal Design, 2008) without the yellow, which is too pale on white; heat
maps use cividis (Nunez, Anderton and Renslow, PLoS ONE 13(7), 2018). Both stay readable with every common form of
colour blindness.
"""
from functools import wraps

import numpy as np

from .label_placement import spread

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
GREY = "#9A9A9A"
INK = "#222222"
STYLE = {
    "font.size": 9.0, "axes.titlesize": 10.0, "axes.titleweight": "bold", "axes.titlelocation": "left",
    "axes.labelsize": 9.5, "axes.edgecolor": "#444444", "axes.linewidth": 0.8, "axes.labelcolor": INK,
    "axes.spines.top": False, "axes.spines.right": False, "text.color": INK, "xtick.color": "#444444",
    "ytick.color": "#444444", "xtick.labelsize": 8.5, "ytick.labelsize": 8.5, "legend.frameon": False,
    "legend.fontsize": 8.5, "legend.title_fontsize": 8.5, "lines.solid_capstyle": "round", "axes.axisbelow": True,
    "svg.fonttype": "none", "pdf.fonttype": 42,
}


def _styled(function):
    """Run a plotting function under the style above; say what to install where matplotlib is missing."""
    @wraps(function)
    def drawn(*args, **kwargs):
        try:
            import matplotlib as mpl
        except ImportError as error:
            raise ImportError('plots need matplotlib: pip install "riata[plot]"') from error
        with mpl.rc_context(STYLE):
            return function(*args, **kwargs)
    return drawn


@_styled
def new_axes(width, height):
    """Axes on a styled figure of so many inches that pyplot knows nothing of: nothing to close, no display needed.

    Save it with ``ax.figure.savefig(...)``.
    """
    from matplotlib.figure import Figure
    return Figure(figsize=(width, height), layout="constrained").subplots()


def _axes(ax, width, height):
    if ax is not None:
        return ax
    from matplotlib import pyplot as plt
    return plt.subplots(figsize=(width, height), layout="constrained")[1]


def _names(names, p):
    return [f"x{j}" for j in range(p)] if names is None else [str(name) for name in names]


def _shorten(name, length=22):
    return name if len(name) <= length else name[: length - 1] + "…"


def _alpha_axis(ax, alphas):
    """Log axis with strong penalties on the left, so that features enter from left to right."""
    finite = np.asarray(alphas)[np.asarray(alphas) > 0]
    if finite.size == 0:
        raise ValueError("alphas holds no positive value: there is nothing to draw against log alpha")
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
    low, high = finite.min(), finite.max()
    decades = np.log10(high / low)
    ax.set_xscale("log")
    ax.set_xlim((high * 10 ** (0.015 * decades), low) if high > low else (high * 1.3, low / 1.3))
    steps = (1.0,) if decades > 2.5 else (1.0, 3.0) if decades > 1.4 else (1.0, 2.0, 5.0)
    ax.xaxis.set_major_locator(LogLocator(subs=steps))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda alpha, _: f"{alpha:g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_xlabel("alpha (log scale, weaker penalty to the right)")


def _count_axis(ax, alphas, counts):
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


def _mark_alphas(ax, marks):
    """Vertical lines at chosen alphas, named beside the line; the two names are kept apart."""
    marks = sorted(marks.items(), key=lambda item: -item[1])
    left, right = np.log(ax.get_xlim())
    at = [(np.log(alpha) - left) / (right - left) for _, alpha in marks]       # fractions of the width
    for k, (name, alpha) in enumerate(marks):
        ax.axvline(alpha, color=INK, lw=1.0, ls=("--" if "SE" in name else "-"), zorder=1.5)
        right = k > 0 and at[k] - at[k - 1] < 0.05          # on its left, unless the line before it stands there
        ax.annotate(name, (alpha, 0.985), xycoords=("data", "axes fraction"), xytext=(4 if right else -3, 0),
                    textcoords="offset points", rotation=90, ha="left" if right else "right", va="top", fontsize=8,
                    color=INK, bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.6}, zorder=5)


@_styled
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
        If no alpha of the path is positive, or ``scale`` does not have p entries.
    """
    from matplotlib.collections import LineCollection

    ax = _axes(ax, 6.8, 4.4)
    alphas, coef = np.asarray(result.alphas, float), np.asarray(result.coef, float)
    names = _names(result.feature_names, coef.shape[1])
    if scale is not None:
        scale = np.asarray(scale, float)
        if scale.shape != (coef.shape[1],):
            raise ValueError(f"scale has shape {scale.shape}, the path has {coef.shape[1]} features: "
                             "give one factor per feature")
        coef = coef * scale
    solved = np.isfinite(coef).all(axis=1) & (alphas > 0)
    alphas, coef = alphas[solved], coef[solved]
    order = np.argsort(-alphas)
    alphas, coef = alphas[order], coef[order]
    _alpha_axis(ax, alphas)

    chosen = _largest_features(alphas, coef, marks, top)
    others = np.setdiff1d(np.flatnonzero(np.any(coef != 0, axis=0)), chosen)
    ax.add_collection(LineCollection([np.column_stack([alphas, coef[:, j]]) for j in others],
                                     colors=GREY, linewidths=0.6, alpha=0.45, zorder=1))
    ax.axhline(0, color="#444444", lw=0.8, zorder=1.2)
    for k, j in enumerate(chosen):
        ax.plot(alphas, coef[:, j], color=PALETTE[k % len(PALETTE)], lw=1.7, zorder=3,
                ls="-" if k < len(PALETTE) else (0, (4, 1.5)))
    low, high = min(coef.min(initial=0.0), 0.0), max(coef.max(initial=0.0), 0.0)
    pad = 0.05 * (high - low) or 1.0
    ax.set_ylim(low - pad, high + (3 if marks else 1) * pad)          # headroom for the names of the marks
    _label_ends(ax, [_shorten(names[j]) for j in chosen], [coef[-1, j] for j in chosen])
    _count_axis(ax, alphas, (coef != 0).sum(axis=1))
    if marks:
        _mark_alphas(ax, marks)
    ax.set_ylabel("coefficient" if scale is None else "standardised coefficient")
    ax.set_title(f"Elastic-net path, l1_ratio = {result.l1_ratio:g}" if title is None else title, pad=8)
    return ax


def _largest_features(alphas, coef, marks, top):
    at = []
    if marks:
        at = [int(np.argmin(np.abs(np.log(alphas) - np.log(alpha)))) for alpha in marks.values()]
    size = np.max(np.abs(coef), axis=0, initial=0.0)
    leader = next((np.abs(coef[i]) for i in at if np.any(coef[i] != 0)), np.zeros(coef.shape[1]))
    ranked = np.lexsort((np.arange(size.size), -size, -leader))       # by the marked alpha, then by the whole path
    return [int(j) for j in ranked[:top] if size[j] > 0]


def _label_ends(ax, names, ends):
    """Names at the right edge, each joined to the end of its line, never one over another."""
    low, high = ax.get_ylim()
    inches = ax.get_position().height * ax.figure.get_figheight()
    fractions = (np.asarray(ends, float) - low) / (high - low)
    placed = spread(fractions, 8.5 * 1.22 / 72 / inches, 0.01, 0.99)
    for k, (name, start, height) in enumerate(zip(names, fractions, placed, strict=True)):
        colour = PALETTE[k % len(PALETTE)]
        ax.plot([1.0, 1.022, 1.03], [start, height, height], transform=ax.transAxes, color=colour, lw=0.7,
                clip_on=False, zorder=2)
        ax.text(1.037, height, name, transform=ax.transAxes, color=colour, fontsize=8.5, ha="left",
                va="center_baseline")


@_styled
def plot_cv(cv, ax=None, *, title=None):
    """Draw held-out error against log alpha with one standard error to each side.

    The best l1_ratio is drawn with error bars, the others as thin lines. The shaded band reaches from the smallest mean
    to one standard error above it; the 1-SE choice is the largest alpha (at that l1_ratio) whose mean lies in the band
    (Breiman et al., Classification and Regression Trees, 1984, section 3.4.3).

    Parameters
    ----------
    cv : CVResult
        Has ``l1_ratios (R,)``, ``alphas (R, L)``, ``deviance_mean (R, L)``, ``deviance_se (R, L)``, ``index_min``,
        ``index_1se``, ``paths``.
    ax : matplotlib Axes, optional
        Where to draw; default a new figure of 7.4 × 4.2 inches.
    title : str, optional

    Returns
    -------
    matplotlib Axes
    """
    from matplotlib import colormaps

    ax = _axes(ax, 7.4, 4.2)
    alphas, mean, se = (np.asarray(a, float) for a in (cv.alphas, cv.deviance_mean, cv.deviance_se))
    ratios = np.asarray(cv.l1_ratios, float)
    best, i = cv.index_min
    _alpha_axis(ax, alphas[best])
    se = np.nan_to_num(se)                                      # a single fold has no standard error
    bottom, band = mean[best, i], mean[best, i] + se[best, i]
    ax.axhspan(bottom, band, color=PALETTE[5], alpha=0.28, lw=0, zorder=0.5, label="minimum to + 1 SE")
    shades = colormaps["viridis"](np.linspace(0.0, 0.88, max(ratios.size, 2)))
    for r in range(ratios.size):
        if r != best:
            ax.plot(alphas[r], mean[r], color=shades[r], lw=1.1, zorder=2, label=f"l1_ratio {ratios[r]:g}")
    ax.errorbar(alphas[best], mean[best], yerr=se[best], fmt="o", ms=2.6, color=PALETTE[1], ecolor="#E7B08A",
                elinewidth=0.8, capsize=1.3, capthick=0.8, zorder=3,
                label=f"l1_ratio {ratios[best]:g}, the best, ± 1 SE")
    for index, marker, name in ((cv.index_min, "o", "minimum"), (cv.index_1se, "s", "1-SE")):
        ax.plot(alphas[index], mean[index], marker, ms=7, mfc="none", mec=INK, mew=1.3, zorder=4, ls="none",
                label=f"{name}: alpha {alphas[index]:.3g}")
    null = _null_error(mean[best], alphas[best])
    ceiling = min(np.nanmax(mean[best] + se[best]), 1.6 * null)             # an over-fitted tail may leave the frame
    floor = np.nanmin(mean[best] - se[best])
    span = (ceiling - floor) or abs(floor) or 1.0                           # a constant target leaves no spread
    ax.set_ylim(floor - 0.05 * span, ceiling + 0.07 * span)
    _count_axis(ax, alphas[best], (np.nan_to_num(cv.paths[best].coef) != 0).sum(axis=1))
    _mark_alphas(ax, cv_marks(cv))
    ax.set_ylabel("held-out mean squared error")
    handles, labels = ax.get_legend_handles_labels()
    order = sorted(range(len(labels)), key=lambda k: ("best" not in labels[k], "alpha" not in labels[k],
                                                      "to + 1" not in labels[k], k))
    ax.legend([handles[k] for k in order], [labels[k] for k in order], loc="upper left",
              bbox_to_anchor=(1.01, 1.0), handlelength=1.6, labelspacing=0.4, borderaxespad=0.0)
    folds = np.asarray(cv.deviance).shape[-1]
    ax.set_title(f"Cross-validation, {folds} folds" if title is None else title, pad=8)
    return ax


def _null_error(mean, alphas):
    """Held-out error at the largest alpha that was fitted, where (on the usual grid) every coefficient is zero."""
    return mean[int(np.argmax(np.where(np.isfinite(mean), alphas, -np.inf)))]


def cv_marks(cv):
    """Alphas chosen by a cross-validation, by the names that the plots use: ``{"minimum": ..., "1-SE": ...}``."""
    return {"minimum": float(cv.alpha_min), "1-SE": float(cv.alpha_1se)}


@_styled
def plot_heatmap(cv, ax=None, *, title=None):
    """Draw held-out error over (alpha, l1_ratio), the chosen cells marked.

    Each row is one l1_ratio with its own grid of alphas (alpha_max grows as l1_ratio falls), so rows begin and end at
    different alphas. A dot marks the best alpha of each row, a circle the minimum, a square the 1-SE choice. The colour
    scale ends at the error of the null model: cells worse than that share the last colour.

    Parameters
    ----------
    cv : CVResult
        Has ``l1_ratios (R,)``, ``alphas (R, L)``, ``deviance_mean (R, L)``, ``index_min``, ``index_1se``.
    ax : matplotlib Axes, optional
        Where to draw; default a new figure of 6.8 × (2 + 0.38 R) inches.
    title : str, optional

    Returns
    -------
    matplotlib Axes
    """
    from matplotlib.colors import PowerNorm

    ratios, alphas, mean = (np.asarray(a, float) for a in (cv.l1_ratios, cv.alphas, cv.deviance_mean))
    ax = _axes(ax, 6.8, 2.0 + 0.38 * ratios.size)
    rows = np.argsort(ratios, kind="stable")
    floor, null = np.nanmin(mean), _null_error(mean[cv.index_min[0]], alphas[cv.index_min[0]])
    ceiling = max(min(np.nanmax(mean), null * 1.02), floor * (1 + 1e-9) + 1e-300)
    norm = PowerNorm(0.5, vmin=floor, vmax=ceiling)       # most colours go to the flat valley around the minimum
    _alpha_axis(ax, [edge for row in alphas for edge in _log_edges(row)])
    for height, r in enumerate(rows):
        edges = _log_edges(alphas[r])
        mesh = ax.pcolormesh(edges, [height - 0.46, height + 0.46], mean[r][None, :], cmap="cividis", norm=norm,
                             shading="flat", rasterized=True)
        if np.isfinite(mean[r]).any():
            ax.plot(alphas[r, np.nanargmin(mean[r])], height, "o", ms=3.2, color="white", mec="black", mew=0.4)
    place = {int(r): height for height, r in enumerate(rows)}
    for (r, i), marker, name in ((cv.index_min, "o", "minimum"), (cv.index_1se, "s", "1-SE")):
        ax.plot(alphas[r, i], place[r], marker, ms=10, mfc="none", mec="white", mew=3.2, zorder=4)
        ax.plot(alphas[r, i], place[r], marker, ms=10, mfc="none", mec=PALETTE[1], mew=1.8, zorder=5, ls="none",
                label=f"{name}: alpha {alphas[r, i]:.3g}, l1_ratio {ratios[r]:g}")
    ax.plot([], [], "o", ms=3.2, color="white", mec="black", mew=0.6, ls="none", label="best of its row")
    ax.set_yticks(range(ratios.size), [f"{ratios[r]:g}" for r in rows])
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(-0.6, ratios.size - 0.4)
    ax.set_ylabel("l1_ratio")
    ax.spines["left"].set_visible(False)
    bar = ax.figure.colorbar(mesh, ax=ax, pad=0.015, aspect=18,
                             extend="max" if np.nanmax(mean) > ceiling else "neither")
    bar.set_label("held-out mean squared error")
    bar.outline.set_visible(False)
    legend = ax.legend(loc="lower left", bbox_to_anchor=(-0.01, 1.0), ncols=3, columnspacing=1.3, handletextpad=0.4,
                       borderaxespad=0.1)
    legend.set_in_layout(False)        # it may reach over the colour bar; the title's pad keeps its height free
    ax.set_title("Held-out error over (alpha, l1_ratio)" if title is None else title, pad=24)
    return ax


def _log_edges(alphas):
    """Cell borders half-way (in log) between neighbouring alphas."""
    log = np.log(alphas)
    if log.size == 1:
        return np.exp(log[0] + np.array([-0.1, 0.1]))
    middle = (log[1:] + log[:-1]) / 2
    return np.exp(np.concatenate([[2 * log[0] - middle[0]], middle, [2 * log[-1] - middle[-1]]]))


@_styled
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
    names = _names(names, size.size)
    reach = np.abs(size) if other is None else np.maximum(np.abs(size), np.abs(np.asarray(other, float)))
    ranked = np.lexsort((np.arange(size.size), -reach, -np.abs(size)))
    rows = [int(j) for j in ranked[:top] if reach[j] > 0]
    ax = _axes(ax, 5.6, coefficients_height(len(rows)))
    if not rows:
        ax.text(0.5, 0.5, "every coefficient is zero", transform=ax.transAxes, ha="center", va="center")
        ax.set_yticks([])
    positions = np.arange(len(rows))
    values = size[rows]
    for positive, colour, sign in ((True, PALETTE[0], "positive"), (False, PALETTE[1], "negative")):
        shown = values > 0 if positive else values < 0
        if shown.any():
            ax.barh(positions[shown], values[shown], height=0.68, color=colour, label=f"{labels[0]}, {sign}", zorder=2)
    if other is not None and rows:
        second = np.asarray(other, float)[rows]
        ax.plot(second[second != 0], positions[second != 0], "D", ms=4.6, mfc="white", mec=INK, mew=1.1, ls="none",
                label=labels[1], zorder=3)
    ax.axvline(0, color="#444444", lw=0.8, zorder=2.5)
    ax.set_yticks(positions, [_shorten(names[j], 30) for j in rows])
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.grid(axis="x", color="#E3E3E3", lw=0.7, zorder=0)
    ax.set_xlabel(xlabel)
    selected = int(np.count_nonzero(size))
    if title is None:
        more = selected > len(rows)
        title = f"The {len(rows)} largest of {selected} coefficients" if more else f"{selected} coefficients"
    ax.set_title(title, pad=22 if rows else 8)
    if rows:
        handles, texts = ax.get_legend_handles_labels()
        order = sorted(range(len(texts)), key=lambda k: texts[k] == labels[1])
        ax.legend([handles[k] for k in order], [texts[k] for k in order], loc="lower left", bbox_to_anchor=(0.0, 1.0),
                  ncols=3, columnspacing=1.2, handlelength=1.2,
                  handletextpad=0.5, borderaxespad=0.1)
    return ax


def coefficients_height(rows):
    """Height in inches that `plot_coefficients` wants for a number of rows."""
    return 1.35 + 0.2 * max(rows, 3)
