"""``python -m peers scaling``: from one problem to 100 000 of 40 x 5 with 20 alphas, problems a second and bytes a problem.

Each number of problems and each task is a process of its own, so that the peak of its memory is nobody else's. Seconds are
the CPU's on one thread, the best of some turns; the peak is what is resident beyond the data, the answers included.
"""

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from . import report
from .process import pinned

TOP = Path(__file__).resolve().parents[1]
SIZES = (1, 10, 100, 1000, 10_000, 100_000)
SHAPE, ALPHAS, FOLDS, L1_RATIO, TOL = (40, 5), 20, 5, 0.5, 1e-6
#: what riata.fit_batch is asked for, by the name of the column
TASKS = {"paths": {}, "models by BIC": {"select": "bic"}, f"{FOLDS}-fold CV": {"cv": FOLDS}}
TURNS, ENOUGH = 2, 1.0          # turns at least, and CPU seconds after which no more are begun
PEAK = 2**20                    # bytes below which a peak is what the allocator happened to have
LOOP = 200                      # problems of scikit-learn's loop, which takes as long for each of more


def problems(count, seed=0):
    """Data of ``count`` problems: lists of X in Fortran order and of y."""
    rng = np.random.default_rng([seed, count])
    n, p = SHAPE
    X = rng.standard_normal((count, p, n)).transpose(0, 2, 1)
    coef = rng.standard_normal((count, p)) * (np.arange(p) < 3)
    y = (X @ coef[:, :, None])[:, :, 0] + rng.standard_normal((count, n))
    return list(X), list(y)


def best_turn(run, turns=TURNS, enough=ENOUGH):
    """CPU seconds of the fastest of some turns of ``run``: ``turns`` at least, and more until ``enough`` seconds are spent."""
    found = []
    while len(found) < turns or sum(found) < enough:
        start = time.process_time()
        run()
        found.append(time.process_time() - start)
    return min(found)


def measure(task, count):
    """Seconds and peak bytes of one call of ``riata.fit_batch``; the peak is None where the system does not tell it."""
    import riata
    from benchmarks.measure import peak_beyond

    X, y = problems(count)

    def run(number=None):
        return riata.fit_batch(X[:number], y[:number], l1_ratio=L1_RATIO, alphas=ALPHAS, tol=TOL, n_threads=1, **TASKS[task])

    run(2)                                         # what is imported and allocated once is not a problem's
    try:
        peak = peak_beyond(run)
    except OSError:
        peak = None
    return {"seconds": best_turn(run), "peak": peak}


def loop(task, count=LOOP):
    """Seconds of scikit-learn's functions, one problem after the other; None where it has no such function."""
    from sklearn.linear_model import ElasticNetCV, enet_path

    X, y = problems(count)

    def run():
        for one, target in zip(X, y, strict=True):
            if "cv" in TASKS[task]:
                ElasticNetCV(l1_ratio=L1_RATIO, alphas=ALPHAS, cv=FOLDS, tol=TOL, max_iter=100_000).fit(one, target)
            else:
                enet_path(one - one.mean(axis=0), target - target.mean(), l1_ratio=L1_RATIO, alphas=ALPHAS, tol=TOL)

    return None if "select" in TASKS[task] else {"seconds": best_turn(run)}


def compare(sizes=SIZES, log=sys.stderr):
    """Everything that the table says, as plain data."""
    result = {"started": time.strftime("%Y-%m-%d %H:%M"), "shape": SHAPE, "alphas": ALPHAS, "sizes": list(sizes), "tasks": {}}
    for task in TASKS:
        runs = [_in_a_process("measure", task, count) for count in sizes]
        result["tasks"][task] = {"runs": runs, "loop": _in_a_process("loop", task, LOOP), "loop_problems": LOOP}
        for count, run in zip(sizes, runs, strict=True):
            print(f"{task:15s} {count:7d}  {run['seconds']:9.4f} s  {_megabytes(run['peak'])} MB", file=log, flush=True)
    return result


def table(result):
    """A row a number of problems, three columns a task."""
    tasks = result["tasks"]
    lines = ["| problems | " + " | ".join(f"{task} a second | peak, MB | bytes a problem" for task in tasks) + " |",
             "|---" * (1 + 3 * len(tasks)) + "|"]
    for k, count in enumerate(result["sizes"]):
        cells = [_cells(count, tasks[task]["runs"][k]) for task in tasks]
        lines.append(f"| {grouped(count)} | " + " | ".join(cells) + " |")
    rates = [f"{grouped(part['loop_problems'] / part['loop']['seconds'])} | | " if part["loop"] else "– | | "
             for part in tasks.values()]
    return "\n".join([*lines, "| *scikit-learn, one by one* | " + "| ".join(rates) + "|"])


def about(result):
    """What ran, and on what, in a paragraph."""
    where, (n, p) = result["machine"], result["shape"]
    load = f", load average {where['load'][0]} at the end" if where["load"] else ""
    return (f"{result['started'][:10]}, {where['cpu']}, one of {where['cores']} cores{load}. Problems of {n} × {p}, "
            f"{result['alphas']} alphas, all different, {8 * n * (p + 1)} bytes of data each. CPU seconds, the best of some "
            "turns; the peak is what is resident beyond the data, answers included; below 1 MB it is what the allocator "
            "happened to have.")


def grouped(value):
    """A number of two significant digits or a whole one, thousands apart."""
    whole = round(value) if isinstance(value, int) else float(f"{value:.2g}")
    return f"{whole:,.0f}".replace(",", " ") if whole >= 10 else f"{whole:g}"


def write(result, out):
    """Write ``scaling.md`` and ``scaling.json`` into ``out``; return the Markdown file's path."""
    out.mkdir(parents=True, exist_ok=True)
    result["machine"] = report.machine()
    (out / "scaling.json").write_text(json.dumps(result, indent=1))
    file = out / "scaling.md"
    file.write_text(f"# Problems a second, bytes a problem\n\n{about(result)}\n\n{table(result)}\n")
    return file


def _cells(count, run):
    a_problem = "–" if run["peak"] is None or run["peak"] < PEAK else grouped(run["peak"] / count)
    return f"{grouped(count / run['seconds'])} | {_megabytes(run['peak'])} | {a_problem}"


def _megabytes(count):
    return "–" if count is None else f"{count / 2**20:.1f}"


def _in_a_process(function, task, count):
    code = f"import json; from peers import scaling; print(json.dumps(scaling.{function}({task!r}, {count})))"
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], cwd=TOP, env=pinned(1), capture_output=True, text=True,
                          check=False)
    if done.returncode:
        raise RuntimeError(f"{task}, {count} problems: {(done.stderr.strip().splitlines() or [done.returncode])[-1]}")
    return json.loads(done.stdout.splitlines()[-1])
