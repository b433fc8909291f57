"""Time against certified gap: one curve a solver, one point a tolerance, from what peers.json holds."""

from . import report

PANELS = ("lasso-p10000", "enet-p10000-rho95", "enet-n10000", "lasso-sparse")
#: colours that the colour-blind tell apart (Okabe and Ito 2008), with a marker each for print in grey
STYLE = {"riata": ("#D55E00", "o"), "scikit_learn": ("#0072B2", "s"), "celer": ("#009E73", "^"), "skglm": ("#F0E442", "v"),
         "adelie": ("#CC79A7", "D"), "glmstar": ("#56B4E9", "P"), "glmnet": ("#000000", "X")}


def points(row, solver):
    """(gaps, seconds) over the tolerances of a solver, loosest first: the median where a run was repeated, else its one run."""
    runs = [run for run in row["runs"] if run["solver"] == solver and run["status"] == "ok" and run["gap"] and run["gap"] > 0]
    return [run["gap"] for run in runs], [run["median"] or run["first"] for run in runs]


def draw(result, file, panels=PANELS):
    """Write the picture: up to four rows of the comparison, on common axes of gap."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt
    from matplotlib.ticker import FuncFormatter

    plain = FuncFormatter(lambda value, _: f"{value:g}" if f"{value:.0e}"[0] in "1235" else "")      # no powers of ten

    rows = [row for name in panels for row in result["rows"] if row["name"] == name]
    rows += [row for row in result["rows"] if row["task"] == "path" and row not in rows][:max(0, len(panels) - len(rows))]
    if not rows:
        raise ValueError("the results hold no path to draw: run `make peers` with one, for instance --rows lasso-p10000")
    across = min(2, len(rows))
    down = -(-len(rows) // across)
    figure, axes = plt.subplots(down, across, figsize=(5.0 * across, 3.6 * down + 0.5), sharex=True, squeeze=False,
                                layout="constrained")
    shown = {}
    for ax, row in zip(axes.flat, rows, strict=False):
        for solver, (colour, marker) in STYLE.items():
            gaps, seconds = points(row, solver)
            if gaps:
                ours = solver == report.PLAYER
                shown[solver], = ax.loglog(gaps, seconds, color=colour, marker=marker, markersize=6 if ours else 4.5,
                                           linewidth=2.4 if ours else 1.2, zorder=3 if ours else 2)
        ax.set_title(row["title"].replace(" x ", " × "), fontsize=10)
        ax.yaxis.set_major_formatter(plain)
        ax.yaxis.set_minor_formatter(plain)
        ax.axvline(1e-6, color="0.8", linewidth=0.8, zorder=1)
        ax.grid(axis="y", color="0.92", linewidth=0.6)
        ax.spines[["top", "right"]].set_visible(False)
        ax.set_xlim(2e-2, 1e-8)                      # tighter to the right
    for ax in axes.flat[len(rows):]:
        ax.set_axis_off()
    for ax in axes[-1]:
        ax.set_xlabel("largest certified gap of the path (tighter to the right)")
    for ax in axes[:, 0]:
        ax.set_ylabel("CPU seconds" if result["clock"] == "cpu" else "seconds")
    order = [name for name in STYLE if name in shown]
    figure.legend([shown[name] for name in order], [result["titles"][name] for name in order], loc="outside lower center",
                  ncols=len(order), frameon=False, fontsize=9)
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=160)
    plt.close(figure)
