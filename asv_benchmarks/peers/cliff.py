"""Is there a shape where a peer is faster? Paths over a grid of (n, p) and correlations, riata first.

A peer that is slower than riata says all that is asked, so that its runs may take ``SLACK`` times riata's slowest run and no
more: the whole grid then takes about as long as riata itself times the number of peers.
"""

import json

from . import report
from .rows import Row

SIDES = (50, 500, 5000, 50_000)
LARGEST = 25_000_000             # entries of X
CORRELATIONS = (0.0, 0.5, 0.95)
SLACK = 3.0
L1_RATIOS = {"lasso": 1.0, "enet": 0.5}


def rows(time_limit=60.0):
    """One row per (n, p, correlation, penalty), small ones first."""
    shapes = sorted(((n, p) for n in SIDES for p in SIDES if n * p <= LARGEST), key=lambda shape: shape[0] * shape[1])
    return [_row(name, n, p, rho, time_limit) for n, p in shapes for rho in CORRELATIONS for name in L1_RATIOS]


def _row(name, n, p, rho, time_limit):
    data = {"n": n, "p": p, "rho": rho, "n_informative": max(5, min(50, n // 5, p // 5))}
    quick = data | {"n": min(n, 60), "p": min(p, 40), "n_informative": 5}
    return Row(f"{name}-{n}x{p}-rho{rho:g}", f"{name}, n={n}, p={p}, correlation {rho:g}", "path", data, quick,
               l1_ratio=L1_RATIOS[name], time_limit=time_limit)


def cases(result):
    """(row, level, riata's run, fastest peer's run) for every case where both reached the level, and one without riata's."""
    for row in result["rows"]:
        for level in row["levels"]:
            ours = report.best(row, report.PLAYER, level)
            peers = [run for name in result["cold"] if name != report.PLAYER
                     if (run := report.best(row, name, level)) is not None]
            if ours is not None or peers:
                yield row, level, ours, min(peers, key=lambda run: run["median"], default=None)


def lost(result):
    """The cases where a peer was faster, the worst first."""
    found = [case for case in cases(result) if case[3] and (case[2] is None or case[3]["median"] < case[2]["median"])]
    return sorted(found, key=lambda case: 0.0 if case[2] is None else case[3]["median"] / case[2]["median"])


def markdown(result):
    """The cliffs, then every case."""
    head = ["| problem | gap at most | riata | fastest peer | its seconds / riata's |", "|---|---|---|---|---|"]
    cliffs = lost(result)
    parts = ["# Shapes at which a peer is faster", "", report.about(result), "",
             f"A peer's run may take {SLACK:g} times riata's slowest run; what did not end by then is slower (`–`: all of them).",
             "", f"{len(cliffs)} of {len(list(cases(result)))} cases.", ""]
    if cliffs:
        parts += [*head, *map(_line, cliffs), ""]
    return "\n".join([*parts, "## All cases", "", *head, *map(_line, cases(result))]) + "\n"


def _line(case):
    row, level, ours, peer = case
    seconds = "not reached" if ours is None else report.number(ours["median"])
    theirs = "–" if peer is None else f"{peer['title']}, {report.number(peer['median'])}"
    ratio = f"{peer['median'] / ours['median']:.2f}" if ours and peer else "–"
    return f"| {row['title']} | {level:.0e} | {seconds} | {theirs} | {ratio} |"


def write(result, out):
    """Write ``cliff.md`` and ``cliff.json`` into ``out``; return the Markdown file's path."""
    out.mkdir(parents=True, exist_ok=True)
    result["machine"] = report.machine()
    (out / "cliff.json").write_text(json.dumps(result, indent=1))
    file = out / "cliff.md"
    file.write_text(markdown(result))
    return file
