"""``python -m peers publish``: what peers.json holds, into README.md and docs/performance.md, and the curves as a picture.

The tables stand between ``<!-- peers-table -->`` and ``<!-- /peers-table -->``, the machine between ``<!-- machine -->`` and
``<!-- /machine -->``; what threads.json and scaling.json hold between the same of ``threads-table`` and ``scaling-table``,
in docs/performance.md alone, as do the rows of other losses and penalties (``families-table``), of which README has two as well,
those of gradient descent (``descent-table``) and those of row kernels and networks (``kernels-table``).
The words around them are a person's.
"""

import re
from pathlib import Path

from . import curves, families, kernels, report
from . import scaling as scaling_table

COLUMNS = ("riata", "scikit_learn", "scikit_learn_joblib", "celer", "skglm", "adelie", "glmstar", "glmnet", "glum",
           "glum_categories", "sortedl1", "sgd", "saga", "scipy_numpy", "torch_cpu")
#: rows of families.py that stand in README beside those of the squared loss
IN_README = ("logistic-p5000", "logistic-many")
#: the same method by another of its routes counts for the solver: the faster of the two
ROUTES = {"adelie": ("adelie", "adelie_covariance"), "glmstar": ("glmstar", "glmstar_covariance"),
          "sgd": ("sgd", "sgd_average"), "glmnet": ("glmnet", "glmnet_covariance"),
          "scikit_learn_joblib": ("scikit_learn_joblib", "scikit_learn_threads")}


def publish(result, top):
    """Fill both files and draw the picture; the files must hold the marks."""
    top = Path(top)
    docs = top / "docs" / "performance.md"
    parts = {"families-table": set(families.TASKS) - set(families.DESCENT), "descent-table": set(families.DESCENT),
             "kernels-table": set(kernels.TASKS)}
    rows = {mark: [row for row in result["rows"] if row["task"] in tasks] for mark, tasks in parts.items()}
    for mark, chosen in rows.items():
        if chosen:
            part = {**result, "rows": chosen}
            levels = [None] if mark == "kernels-table" else levels_of(part)
            _fill(docs, mark, "\n\n".join([machine(part), *(table(part, level) for level in levels)]))
    others = {**result, "rows": rows["families-table"]}
    squared = {**result, "rows": [row for row in result["rows"] if not any(row["task"] in tasks for tasks in parts.values())]}
    if squared["rows"]:
        chosen = {**result, "rows": squared["rows"] + [row for row in others["rows"] if row["name"] in IN_README]}
        _fill(top / "README.md", "peers-table", table(chosen, levels_of(chosen)[0], squared))
        _fill(docs, "peers-table", "\n\n".join(table(squared, level) for level in levels_of(squared)))
        _fill(docs, "machine", machine(squared))
        curves.draw(squared, top / "docs" / "images" / "time-against-gap.png")


def levels_of(result):
    """The gaps at which its solvers are compared, the tightest first."""
    return sorted({level for row in result["rows"] for level in row["levels"]})


def publish_batches(top, threads=None, scaling=None):
    """Fill the places of ``python -m peers threads`` and ``scaling`` in docs/performance.md with those that are given."""
    file = Path(top) / "docs" / "performance.md"
    if threads is not None:
        _fill(file, "threads-table", "\n\n".join([machine(threads), *(table(threads, level) for level in levels_of(threads))]))
    if scaling is not None:
        _fill(file, "scaling-table", f"{scaling_table.about(scaling)}\n\n{scaling_table.table(scaling)}")


def merged(results):
    """One result of several runs: rows in the order of first sight, the last run of a row counts."""
    kept = {row["name"]: row for result in results for row in result["rows"]}
    return {**results[-1], "rows": list(kept.values()),
            **{part: {name: value for result in results for name, value in result[part].items()} for part in ("cold", "titles")}}


def table(result, level, columns_of=None):
    """Seconds at a certified gap: a row a problem, a column a solver (of ``columns_of``, if given), the fastest in bold.

    ``level`` None: each row at the tightest of its own.
    """
    columns = [name for name in COLUMNS if any(_runs(row, name) for row in (columns_of or result)["rows"])]
    what = "seconds" if level is None else f"seconds at a certified gap ≤ {level:.0e}".replace("e-0", "e-")
    lines = [f"| {what} | "
             + " | ".join(result["titles"][name] for name in columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for row in result["rows"]:
        if level is not None and level not in row["levels"]:
            continue
        wanted = min(row["levels"]) if level is None else level
        found = {name: _fastest(row, name, wanted) for name in columns}
        ours = found.get(report.PLAYER)
        smallest = min((run["median"] for run in found.values() if run), default=None)
        cells = [_cell(row, name, wanted, run, ours, smallest) for name, run in found.items()]
        lines.append(f"| {row['title'].replace(' x ', ' × ')} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def machine(result):
    """One paragraph: what ran, on what."""
    where, cold = result["machine"], result["cold"]
    versions = ", ".join(f"{result['titles'][name]} {cold[name]['version']}" for name in COLUMNS[1:]
                         if name in cold and any(_runs(row, name) for row in result["rows"]))
    clock = "CPU seconds" if result["clock"] == "cpu" else "seconds on the wall"
    load = f", load average {where['load'][0]} at the end" if where["load"] else ""
    limits = sorted({row["time_limit"] for row in result["rows"]})
    limit = " or ".join(f"{limit:g}" for limit in limits)
    return (f"{result['started'][:10]}: {where['cores']} cores of {where['cpu']}, {where['system']}, "
            f"Python {where['python']}{load}.\n{versions}.\n"
            f"Medians of {clock} with {result['n_threads']} thread(s), solvers in turns, at most {limit} s a run.")


def _runs(row, solver):
    return [run for run in row["runs"] if run["solver"] in ROUTES.get(solver, (solver,))]


def _fastest(row, solver, level):
    found = [run for name in ROUTES.get(solver, (solver,)) if (run := report.best(row, name, level))]
    return min(found, key=lambda run: run["median"], default=None)


def _cell(row, solver, level, run, ours, smallest):
    runs = _runs(row, solver)
    if not runs:
        return "–"
    if run is None:
        late = [r["reason"] for r in runs if r["status"] == "too slow"]
        reached = [r["gap"] for r in runs if r["gap"] is not None]
        return late[-1].removesuffix(" s") if late else f"no: {min(reached):.0e}" if reached else "failed"
    text = _seconds(run["median"])
    if run["median"] == smallest:
        text = f"**{text}**"
    if ours is None or solver == report.PLAYER:
        return text
    ratio = run["median"] / ours["median"]
    return f"{text} ({ratio:.0f}×)" if ratio >= 10 else f"{text} ({ratio:.1f}×)"


def _seconds(value):
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 1 else f"{value:.2g}"


def _fill(file, mark, text):
    """Replace what stands between two marks of a file."""
    old = file.read_text()
    place = re.compile(rf"(<!-- {mark} -->\n).*?(<!-- /{mark} -->)", flags=re.S)
    new, count = place.subn(lambda match: f"{match[1]}{text}\n{match[2]}", old)
    if count != 1:
        raise ValueError(f"{file} has {count} places between <!-- {mark} --> and <!-- /{mark} -->; expected one")
    file.write_text(new)
