"""The tables: Markdown for people, JSON for programs."""

import json
import os
import platform
from pathlib import Path

from . import families, kernels

PLAYER = "riata"


def write(result, out, name="peers"):
    """Write ``peers.md`` and ``peers.json`` into ``out``, or those of another name; return the Markdown file's path."""
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    result["machine"] = machine()
    (out / f"{name}.json").write_text(json.dumps(result, indent=1))
    file = out / f"{name}.md"
    file.write_text(markdown(result))
    return file


def best(row, solver, level, measure="gap"):
    """The fastest kept run of a solver with a gap (or excess) of at most ``level``; None if there is none."""
    runs = [run for run in row["runs"] if run["solver"] == solver and run["median"] and run[measure] is not None
            and run[measure] <= level]
    return min(runs, key=lambda run: run["median"], default=None)


def markdown(result):
    """All tables as one Markdown text."""
    solvers = [name for name in result["titles"] if name in result["cold"]]
    levels = sorted({level for row in result["rows"] for level in row["levels"]}, reverse=True)
    parts = ["# riata and its peers", "", about(result), ""]
    for level in levels:
        parts += [f"## Seconds at a certified gap of {level:.0e} or less", "", *level_table(result, solvers, level), ""]
    if levels:
        parts += [f"## Seconds at an objective within {levels[-1]:.0e} of its minimum", "",
                  "The objective against the best lower bound that any run gave, instead of each run's own gap.", "",
                  *level_table(result, solvers, levels[-1], "excess"), ""]
    parts += ["In brackets: how many times riata's seconds. `> N s`: stopped at the time limit short of it.",
              "`no: 2e-05`: the smallest value that its tolerances reached. `–`: the solver has no such method.",
              "In the cross-validation rows the gap is the largest error of a held-out mean squared error, as a share",
              "of the variance of y, against paths certified to 1e-9.", ""]
    parts += ["## All runs", "",
              "| row | solver | tolerance | seconds, median | smallest – largest | runs | gap | excess |",
              "|---|---|---|---|---|---|---|---|", *all_runs(result), ""]
    parts += ["## First calls", "", "Seconds, on a 40 x 60 path. Not part of any number above.", "",
              "| solver | version | import (numpy loaded) | first call | second call |", "|---|---|---|---|---|"]
    for name in solvers:
        cold = result["cold"][name]
        parts.append(f"| {result['titles'][name]} | {cold['version']} | {number(cold['import'])} | "
                     f"{number(cold.get('first'))} | {number(cold.get('second'))} |")
    if result["absent"]:
        parts += ["", "## Not run", "", "| solver | reason |", "|---|---|"]
        parts += [f"| {result['titles'][name]} | {reason} |" for name, reason in result["absent"].items()]
    return "\n".join(parts) + "\n"


def level_table(result, solvers, level, measure="gap"):
    boundless = () if measure == "gap" else ("cv", "many_cv", *families.BY_KKT, *kernels.TASKS)
    rows = [row for row in result["rows"] if level in row["levels"] and row["task"] not in boundless]
    lines = ["| problem | " + " | ".join(result["titles"][name] for name in solvers) + " |",
             "|---" * (len(solvers) + 1) + "|"]
    for row in rows:
        ours = best(row, PLAYER, level, measure)
        cells = [cell(row, name, level, ours, measure) for name in solvers]
        lines.append(f"| {row['title']} | " + " | ".join(cells) + " |")
    return lines


def cell(row, solver, level, ours, measure):
    runs = [run for run in row["runs"] if run["solver"] == solver]
    if not runs:
        return "–"
    run = best(row, solver, level, measure)
    if run:
        ratio = f" ({run['median'] / ours['median']:.1f}x)" if ours and solver != PLAYER else ""
        return f"{number(run['median'])}{ratio}"
    if runs[-1]["status"] == "too slow":
        return runs[-1]["reason"]
    if runs[-1]["status"] == "failed":
        return "failed"
    return f"no: {min(run[measure] for run in runs):.0e}"


def all_runs(result):
    for row in result["rows"]:
        for run in row["runs"]:
            if run["status"] != "ok":
                tol = f"{run['tol']:.0e}" if run["tol"] else ""
                yield f"| {row['name']} | {run['title']} | {tol} | {run['reason']} | | | | |"
            elif run["median"]:
                mark = " (default)" if run["default"] else ""
                yield (f"| {row['name']} | {run['title']} | {run['tol']:.0e}{mark} | {number(run['median'])} | "
                       f"{number(min(run['seconds']))} – {number(max(run['seconds']))} | {len(run['seconds'])} | "
                       f"{run['gap']:.1e} | {'' if run['excess'] is None else format(run['excess'], '.1e')} |")


def number(seconds):
    """Three significant digits, with the unit that suits."""
    if seconds is None:
        return ""
    unit, factor = next((u, f) for u, f in (("s", 1.0), ("ms", 1e3), ("µs", 1e6)) if seconds * f >= 0.9995 or f == 1e6)
    value = seconds * factor
    return f"{value:.0f} {unit}" if value >= 100 else f"{value:.3g} {unit}"


def machine():
    """What the numbers were taken on."""
    cpu = Path("/proc/cpuinfo")
    models = [text.split(":", 1)[1].strip() for text in cpu.read_text().splitlines()
              if text.startswith("model name")] if cpu.exists() else []
    return {"cpu": models[0] if models else platform.processor(), "cores": os.cpu_count(),
            "system": f"{platform.system()} {platform.machine()}", "python": platform.python_version(),
            "load": [round(x, 2) for x in os.getloadavg()] if hasattr(os, "getloadavg") else None}


def about(result):
    where = result["machine"]
    clock = ("Seconds on the wall" if result["clock"] == "wall" else
             "Seconds of CPU, which a busy machine changes less than seconds on the wall; limits are on the wall")
    load = f", load average at the end {where['load'][0]}" if where["load"] else ""
    return (f"{result['started']}, {where['cpu']}, {where['cores']} cores, {result['n_threads']} thread(s) for each "
            f"solver{load}. Sizes: {result['size']}. Same data, same grid; runs of the solvers in turns, medians; gaps "
            f"by a referee in float64. {clock}.")
