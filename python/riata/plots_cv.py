"""Figures for cross-validations, drawn as those of `riata.plots`.

Heat maps use cividis (Nunez, Anderton and Renslow, PLoS ONE 13(7), 2018), which stays readable with every common form of
colour blindness, as the colours of the lines do.
"""

import numpy as np

from .plot_axes import alpha_axis, count_axis, mark_alphas, title_of
from .plot_style import INK, PALETTE, axes_of, ratio_labels, styled

__all__ = ["cv_marks", "plot_cv", "plot_heatmap"]


@styled
def plot_cv(cv, ax=None, *, title=None):
    """Draw the held-out score against log alpha with one standard error to each side.

    The best l1_ratio is drawn with error bars, the others as thin lines. The shaded band reaches from the best mean to one
    standard error on the worse side of it; the 1-SE choice is the largest alpha (at that l1_ratio) whose mean lies in the band
    (Breiman et al., Classification and Regression Trees, 1984, section 3.4.3).

    Parameters
    ----------
    cv : CVResult
        Has ``l1_ratios (R,)``, ``alphas (R, L)``, ``score_mean (R, L)``, ``score_se (R, L)``, ``score_label``,
        ``greater_is_better``, ``index_min``, ``index_1se``, ``paths``.
    ax : matplotlib Axes, optional
        Where to draw; default a new figure of 7.4 × 4.2 inches.
    title : str, optional

    Returns
    -------
    matplotlib Axes
    """
    from matplotlib import colormaps

    ax = axes_of(ax, 7.4, 4.2)
    alphas, mean, se = (np.asarray(a, float) for a in (cv.alphas, cv.score_mean, cv.score_se))
    ratios = np.asarray(cv.l1_ratios, float)
    best, i = cv.index_min
    se = np.nan_to_num(se)                                      # a single fold has no standard error
    towards = -1 if cv.greater_is_better else 1                 # worse
    bottom, band = mean[best, i], mean[best, i] + towards * se[best, i]
    null = _null_error(mean[best], alphas[best])
    chosen = [(name, marker, alphas[index], mean[index]) for name, marker, index in _choices(cv)]
    shown = _drawable(alphas)
    alpha_axis(ax, alphas[:, shown], zero=(alphas == 0).any())
    alphas, mean, se = alphas[:, shown], mean[:, shown], se[:, shown]
    upper = np.where((np.arange(ratios.size) == best)[:, None], mean + se, mean)          # the upper edge of what is drawn
    ax.axhspan(bottom, band, color=PALETTE[5], alpha=0.28, lw=0, zorder=0.5,
               label="maximum to − 1 SE" if towards < 0 else "minimum to + 1 SE")
    shades = colormaps["viridis"](np.linspace(0.0, 0.88, max(ratios.size, 2)))
    texts = ratio_labels(ratios)
    for r in range(ratios.size):
        if r != best:
            ax.plot(alphas[r], mean[r], color=shades[r], lw=1.1, marker="." * (alphas.shape[1] == 1), zorder=2,
                    label=f"l1_ratio {texts[r]}")
    ax.errorbar(alphas[best], mean[best], yerr=se[best], fmt="o", ms=2.6, color=PALETTE[1], ecolor="#E7B08A",
                elinewidth=0.8, capsize=1.3, capthick=0.8, zorder=3,
                label=f"l1_ratio {texts[best]}, the best, ± 1 SE")
    for name, marker, alpha, error in chosen:
        _mark(ax, alpha, error, marker, ms=7, mfc="none", mec=INK, mew=1.3, zorder=4, clip_on=False,
              label=f"{name}: {_alpha_label(alpha)}")
    floor, ceiling = min(np.nanmin(mean[best] - se[best]), np.nanmin(mean), bottom, band), max(np.nanmax(upper), bottom, band)
    _score_axis(ax, floor, ceiling, None if cv.greater_is_better else null, bottom, f"held-out {cv.score_label}")
    count_axis(ax, alphas[best], _selected(cv.paths[best].coef)[shown])
    every = np.unique(alphas)
    edges = [np.interp(np.log(every), np.log(alphas[r, ::-1]), upper[r, ::-1], left=-np.inf, right=-np.inf)
             for r in range(ratios.size)]
    marks = {name: alpha for name, alpha in cv_marks(cv).items() if alpha > 0}
    mark_alphas(ax, marks, every, np.max(edges, axis=0))
    handles, labels = ax.get_legend_handles_labels()
    order = sorted(range(len(labels)), key=lambda k: ("best" not in labels[k], "alpha" not in labels[k],
                                                      "imum to" not in labels[k], k))
    ax.legend([handles[k] for k in order], [labels[k] for k in order], loc="upper left",
              bbox_to_anchor=(1.01, 1.0), handlelength=1.6, labelspacing=0.4, borderaxespad=0.0)
    folds = np.asarray(cv.deviance).shape[-1]
    title_of(ax, title, f"Cross-validation, {folds} folds")
    return ax


def _selected(coef):
    """Features with a coefficient other than 0 (for any class), of coefficients (L, p) or (L, K, p)."""
    used = np.nan_to_num(coef) != 0
    return (used if used.ndim == 2 else used.any(axis=1)).sum(axis=1)


def _score_axis(ax, floor, ceiling, null, smallest, label):
    """Limits that take in every curve; a log axis where an error climbs beyond four times that of the null model."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
    if null is not None and ceiling > 4 * null and smallest > 0:
        ax.set_yscale("log")
        floor = floor if floor > smallest / 4 else smallest / 4         # an error bar may reach below 0
        ax.set_ylim(floor / (ceiling / floor) ** 0.05, ceiling * (ceiling / floor) ** 0.07)
        ax.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if ceiling < 100 * floor else (1.0,)))
        ax.yaxis.set_major_formatter(FuncFormatter(lambda error, _: f"{error:g}"))
        ax.yaxis.set_minor_formatter(NullFormatter())
        label += " (log scale)"
    else:
        span = (ceiling - floor) or abs(floor) or 1.0                   # a constant target leaves no spread
        ax.set_ylim(floor - 0.05 * span, ceiling + 0.07 * span)
    ax.set_ylabel(label)


def _drawable(alphas):
    """Positions along the grids (R, L) that a log axis can show, strongest penalty first: alpha = 0 has no place there.

    One order serves all rows: derived grids descend, and given alphas are the same for every l1_ratio.
    """
    order = np.argsort(-alphas[0], kind="stable")
    return order[alphas[0, order] > 0]


def _choices(cv):
    """(name, marker, index) of what the two rules choose."""
    return (_best_name(cv), "o", cv.index_min), ("1-SE", "s", cv.index_1se)


def _mark(ax, alpha, height, marker, **style):
    """One marker on a log axis. alpha = 0 has no place there: a line of the legend without a marker."""
    at, marker = (([alpha], [height]), marker) if alpha > 0 else (([], []), "")
    ax.plot(*at, marker=marker, ls="none", **style)


def _alpha_label(alpha):
    return f"alpha {alpha:.3g}{' (beyond the axis)' if alpha == 0 else ''}"


def _null_error(mean, alphas):
    """Held-out error at the largest alpha that was fitted, where (on the usual grid) every coefficient is zero."""
    return mean[int(np.argmax(np.where(np.isfinite(mean), alphas, -np.inf)))]


def cv_marks(cv):
    """Alphas chosen by a cross-validation, by the names that the plots use: ``{"minimum": ..., "1-SE": ...}``."""
    return {_best_name(cv): float(cv.alpha_min), "1-SE": float(cv.alpha_1se)}


def _best_name(cv):
    return "maximum" if getattr(cv, "greater_is_better", False) else "minimum"


@styled
def plot_heatmap(cv, ax=None, *, title=None):
    """Draw the held-out score over (alpha, l1_ratio), the chosen cells marked.

    Each row is one l1_ratio with its own grid of alphas (alpha_max grows as l1_ratio falls), so rows begin and end at
    different alphas. A dot marks the best alpha of each row, a circle the best of all, a square the 1-SE choice. The colour
    scale ends at the score of the null model, or two standard errors from the best where that is worse: cells worse than that
    share the last colour.

    Parameters
    ----------
    cv : CVResult
        Has ``l1_ratios (R,)``, ``alphas (R, L)``, ``score_mean (R, L)``, ``score_label``, ``greater_is_better``, ``index_min``,
        ``index_1se``.
    ax : matplotlib Axes, optional
        Where to draw; default a new figure of 6.8 × (2 + 0.38 R) inches.
    title : str, optional

    Returns
    -------
    matplotlib Axes
    """
    from matplotlib.colors import PowerNorm
    from matplotlib.ticker import FuncFormatter

    ratios, alphas, mean = (np.asarray(a, float) for a in (cv.l1_ratios, cv.alphas, cv.loss_mean))
    ax = axes_of(ax, 6.8, 2.0 + 0.38 * ratios.size)
    rows = np.argsort(ratios, kind="stable")
    floor, null = np.nanmin(mean), _null_error(mean[cv.index_min[0]], alphas[cv.index_min[0]])
    end = max(null + 0.02 * abs(null), floor + 2 * np.nan_to_num(np.asarray(cv.score_se, float)[cv.index_min]))
    ceiling = max(min(np.nanmax(mean), end), floor + 1e-9 * abs(floor) + 1e-300)
    norm = PowerNorm(0.5, vmin=floor, vmax=ceiling)       # most colours go to the flat valley around the minimum
    shown = _drawable(alphas)
    alpha_axis(ax, alphas[:, shown], zero=(alphas == 0).any(),
               edges=[edge for row in alphas[:, shown] for edge in _log_edges(row)])
    for height, r in enumerate(rows):
        edges = _log_edges(alphas[r, shown])
        mesh = ax.pcolormesh(edges, [height - 0.46, height + 0.46], mean[r, shown][None, :], cmap="cividis", norm=norm,
                             shading="flat", rasterized=True)
        if np.isfinite(mean[r]).any():
            _mark(ax, alphas[r, np.nanargmin(mean[r])], height, "o", ms=3.2, color="white", mec="black", mew=0.4)
    place = {int(r): height for height, r in enumerate(rows)}
    texts = ratio_labels(ratios)
    for (name, marker, (r, i)), size in zip(_choices(cv), (8, 12), strict=True):          # one inside the other where both are
        point = alphas[r, i], place[r], marker
        _mark(ax, *point, ms=size, mfc="none", mec="white", mew=3.2, zorder=4, clip_on=False)
        _mark(ax, *point, ms=size, mfc="none", mec=PALETTE[1], mew=1.8, zorder=5, clip_on=False,
              label=f"{name}: {_alpha_label(alphas[r, i])}, l1_ratio {texts[r]}")
    ax.plot([], [], "o", ms=3.2, color="white", mec="black", mew=0.6, ls="none", label="best of its row")
    ax.set_yticks(range(ratios.size), [texts[r] for r in rows])
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(-0.6, ratios.size - 0.4)
    ax.set_ylabel("l1_ratio")
    ax.spines["left"].set_visible(False)
    bar = ax.figure.colorbar(mesh, ax=ax, pad=0.015, aspect=18,
                             extend="max" if np.nanmax(mean) > ceiling else "neither")
    bar.set_label(f"held-out {cv.score_label}")
    if cv.greater_is_better:                              # drawn with its sign turned, so that the best has the first colour
        bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda loss, _: f"{-loss:g}"))
    bar.outline.set_visible(False)
    legend = ax.legend(loc="lower left", bbox_to_anchor=(-0.01, 1.0), ncols=3, columnspacing=1.3, handletextpad=0.4,
                       borderaxespad=0.1)
    legend.set_in_layout(False)        # it may reach over the colour bar; the title's pad keeps its height free
    what = "score" if cv.greater_is_better else "error"
    title_of(ax, title, f"Held-out {what} over (alpha, l1_ratio)", pad=24)
    return ax


def _log_edges(alphas):
    """Cell borders half-way (in log) between neighbouring alphas."""
    log = np.log(alphas)
    if log.size == 0:                      # alpha = 0 alone: `alpha_axis` says that there is nothing to draw
        return log
    if log.size == 1:
        return np.exp(log[0] + np.array([-0.1, 0.1]))
    middle = (log[1:] + log[:-1]) / 2
    return np.exp(np.concatenate([[2 * log[0] - middle[0]], middle, [2 * log[-1] - middle[-1]]]))
