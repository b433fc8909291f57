"""How the figures look: colours, fonts, and axes to draw on. matplotlib is imported on the first call, not before.

Colours are those of Okabe and Ito (Color Universal Design, 2008) without the yellow, which is too pale on white. They
stay readable with every common form of colour blindness.
"""
from functools import wraps

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


def styled(function):
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


@styled
def new_axes(width, height):
    """Axes on a styled figure of so many inches that pyplot knows nothing of: nothing to close, no display needed.

    Save it with ``ax.figure.savefig(...)``.
    """
    from matplotlib.figure import Figure
    return Figure(figsize=(width, height), layout="constrained").subplots()


def axes_of(ax, width, height):
    if ax is not None:
        if not hasattr(ax, "set_xscale"):
            raise TypeError(f"ax = {ax!r} must be matplotlib Axes, or None for a new figure")
        return ax
    from matplotlib import pyplot as plt
    return plt.subplots(figsize=(width, height), layout="constrained")[1]


def names_of(names, p):
    return [f"x{j}" for j in range(p)] if names is None else [str(name) for name in names]


def shorten(names, length=22):
    """Names of at most `length` characters, cut so that they stay different where that can be."""
    def head(name):
        return name[:length - 1] + "…"

    def both_ends(name):
        return name[:(length - 1) // 2] + "…" + name[-(length // 2):]

    long = [name for name in names if len(name) > length]
    same = next((i for i, letters in enumerate(zip(*long, strict=False)) if len(set(letters)) > 1), 0)

    def where_they_part(name):
        return "…" + name[max(same - length // 2, 0):][:length - 2] + "…"

    for cut in (head, both_ends, where_they_part):
        short = [name if len(name) <= length else cut(name) for name in names]
        if len(set(short)) == len(set(names)):
            break
    return short


def verbatim(text):
    """A text that matplotlib shows as it is, its dollar signs too: two of them would make a formula of what is between."""
    return text.replace("$", r"\$")


def ratio_labels(ratios):
    """l1_ratios with three significant digits, or with the few more that tell them apart."""
    for digits in range(3, 18):
        labels = [f"{ratio:.{digits}g}" for ratio in ratios]
        if len(set(labels)) == len(set(ratios)):
            break
    return labels
