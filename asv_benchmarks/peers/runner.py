"""Run the rows: first find each solver's tolerances for the levels, then time those runs round-robin.

For one row: every solver is warmed up on tiny data of the same kind (so that a JIT compiles outside of the clock) and
climbs its ladder of tolerances, one run each, until the referee certifies the tightest level or the time limit is
passed (with ``slack``, also until a run takes that many times what the first solver's slowest took). Kept are, per
level, the loosest tolerance that reached it, and the solver's default. The kept runs are then repeated in turns, one of
each solver after the other, and the median of each is reported. "Reached" is judged by the gap and, at the tightest
level, by the excess of the objective too (see judge.py).
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path

from . import exchange, judge, rows, solver_table
from .process import Absent, Failed, TooSlow, Worker

LONG = 10.0          # seconds from which a run is not repeated more than once
SHORT = 0.05         # calls shorter than this are repeated inside one timing
BUSY = 3.0           # seconds on the wall for one of the CPU, on a machine that others use


def repeats_for(seconds, most):
    """How many timed runs a run of this length gets."""
    if seconds > LONG:
        return min(most, 2)
    return min(most, 3 if seconds > LONG / 5 else 5)


class Comparison:
    """Workers, kept over the rows, and what they gave."""

    def __init__(self, solvers, build, *, size="full", repeats=5, time_limit=None, n_threads=1,
                 clock="wall", slack=None, log=sys.stderr):
        self.build, self.size, self.repeats, self.time_limit, self.log = Path(build), size, repeats, time_limit, log
        self.clock, self.slack = clock, slack
        self.workers, self.absent, self.cold = {}, {}, {}
        self.solvers = solvers
        for solver in solvers:
            command, reason = solver.command(self.build)
            unsuited = solver.unsuited(n_threads, clock)
            if unsuited:
                command, reason = None, unsuited
            try:
                if command is None:
                    raise Absent(reason)
                worker = Worker(command, n_threads).start()
            except (Absent, Failed, TooSlow) as error:
                self.absent[solver.name] = str(error)
                self.say(f"{solver.title}: skipped, {error}")
                continue
            self.workers[solver.name] = worker
            self.cold[solver.name] = self._first_calls(solver, worker)

    def say(self, text):
        print(text, file=self.log, flush=True)

    def close(self):
        for worker in self.workers.values():
            worker.stop()

    def row(self, row):
        """All runs of one row: a list of dicts."""
        folder = rows.write(row, self.build / "peers-data", size=self.size)
        warm = rows.write(row, self.build / "peers-data", size="warm")
        data = exchange.read_data(folder)
        self.say(f"{row.title}")
        runs = []
        for solver in self.solvers:
            if solver.name in self.workers and solver.takes(row):
                runs += self._ladder(row, solver, data, folder, warm, self._enough(runs))
        kept = self._keep(row, runs)
        for turn in range(self.repeats):
            for run in kept:
                if turn < run["repeats"]:
                    self._time(row, run, folder)
        for run in runs:
            del run["bounds"]
            run["median"] = statistics.median(run["seconds"]) if run["seconds"] else None
        return runs

    def _enough(self, runs):
        """Seconds from which a run is too slow to matter: ``slack`` times the slowest run of the first solver; None: no such."""
        done = [run["first"] for run in runs if run["solver"] == self.solvers[0].name and run["status"] == "ok"]
        return max(SHORT, self.slack * max(done)) if self.slack and done else None

    def _ladder(self, row, solver, data, folder, warm, enough=None):
        worker, runs = self.workers[solver.name], []
        limit = self.time_limit or row.time_limit
        if enough is not None:                       # the limit is on the wall, the runs may be timed by the CPU's clock
            limit = min(limit, BUSY * enough + 1.0)
        try:
            worker.ask(300.0, task=row.task, data=warm, tol=solver.tolerances[0])
        except (Failed, TooSlow) as error:
            return [self._run(solver, None, status="failed", reason=str(error))]
        for tol in solver.tolerances:
            with tempfile.TemporaryDirectory() as scratch:
                run = self._run(solver, tol)
                runs.append(run)
                try:
                    run["first"] = worker.ask(limit, task=row.task, data=folder, tol=tol, clock=self.clock,
                                              save=Path(scratch) / "run")
                    run["gap"], run["bounds"] = judge.judge(row, data, folder, Path(scratch) / "run")
                except TooSlow as error:
                    run |= {"status": "too slow", "reason": str(error)}
                    break
                except (Failed, ValueError) as error:
                    run |= {"status": "failed", "reason": str(error)}
                    break
            self.say(f"  {solver.title:22s} tol {tol:.0e}  {run['first']:9.4f} s  gap {run['gap']:.1e}")
            if run["gap"] <= min(row.levels):
                break
            if enough is not None and run["first"] > enough:
                runs.append(self._run(solver, tol, status="too slow", reason=f"> {run['first']:.2g} s"))
                break
        if runs[-1]["status"] != "ok":
            self.say(f"  {solver.title:22s} tol {runs[-1]['tol']:.0e}  {runs[-1]['reason']}")
        return runs

    def _keep(self, row, runs):
        """Choose the runs that are timed again."""
        for run, excess in zip(runs, judge.excesses([run["bounds"] for run in runs]), strict=True):
            run["excess"] = excess
        kept = []
        for solver in self.solvers:
            done = [run for run in runs if run["solver"] == solver.name and run["status"] == "ok"]
            wanted = [next((run for run in done if run["gap"] <= level), None) for level in row.levels]
            wanted.append(next((run for run in done if run["excess"] is not None
                                and run["excess"] <= min(row.levels)), None))
            for run in done:
                if run["default"] or any(run is best for best in wanted):
                    run["kept"] = True
                    run["repeats"] = repeats_for(run["first"], self.repeats)
                    run["inner"] = max(1, min(200, round(SHORT / max(run["first"], 1e-6))))
                    kept.append(run)
        return kept

    def _time(self, row, run, folder):
        limit = 2 * (self.time_limit or row.time_limit)
        try:
            seconds = self.workers[run["solver"]].ask(limit * run["inner"], task=row.task, data=folder,
                                                      tol=run["tol"], inner=run["inner"], clock=self.clock)
        except (Failed, TooSlow) as error:
            run |= {"status": "failed", "reason": f"in a repetition: {error}", "kept": False}
            return
        run["seconds"].append(seconds)

    def _run(self, solver, tol, **changes):
        return {"solver": solver.name, "title": solver.title, "tol": tol, "status": "ok", "reason": "",
                "default": tol is not None and tol == solver.default, "first": None, "gap": None, "excess": None,
                "bounds": None, "kept": False, "repeats": 0, "inner": 1, "seconds": [], **changes}

    def _first_calls(self, solver, worker):
        """Version, import time, and the first and second call on tiny data: what a JIT or a lazy import costs."""
        row = rows.select(["small-path"])[0]
        folder = rows.write(row, self.build / "peers-data", size="warm")
        out = {"version": worker.greeting["version"], "import": float(worker.greeting["import_seconds"])}
        for name in ("first", "second") if row.task in solver.tasks else ():
            try:
                out[name] = worker.ask(300.0, task="path", data=folder, tol=solver.tolerances[0])
            except (Failed, TooSlow) as error:
                out[name], out["reason"] = None, str(error)
                break
        return out


def compare(chosen_rows, solvers, build, *, after_row=None, **settings):
    """Everything the report needs, as plain data; ``after_row`` gets what there is after each row."""
    comparison = Comparison(solvers, build, **settings)
    result = {"started": time.strftime("%Y-%m-%d %H:%M"), "size": comparison.size, "rows": [],
              "n_threads": settings.get("n_threads", 1), "clock": comparison.clock,
              "cold": comparison.cold, "absent": comparison.absent,
              "titles": {solver.name: solver.title for solver in solver_table.SOLVERS}}
    try:
        for row in chosen_rows:
            result["rows"].append({"name": row.name, "title": row.title, "task": row.task, "levels": list(row.levels),
                                   "time_limit": settings.get("time_limit") or row.time_limit,
                                   "runs": comparison.row(row)})
            if after_row is not None:
                after_row(result)
    finally:
        comparison.close()
    return result
