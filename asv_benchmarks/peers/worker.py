"""A long-lived process that runs one solver: jobs come in on standard input, answers go out on standard output.

It is started as ``python worker.py SOLVER`` by the interpreter of the environment that has the solver; each solver is a
module in solvers/. Only the call of the solver is timed: data are loaded and results stored outside of the clock.
"""

import importlib
import os
import sys
import time
import traceback
import warnings
from pathlib import Path

HERE = Path(__file__).resolve().parent


def answer(stream, fields):
    stream.write(exchange.MARK + exchange.line(fields) + "\n")
    stream.flush()


def run(solver, job, cache):
    """One job: ``inner`` calls in a row, the mean time of one; the last result is stored under ``save``, if given."""
    folder = job["data"]
    if folder not in cache:
        cache.clear()
        data = exchange.read_data(folder)
        cache[folder] = solver.prepare(data) if hasattr(solver, "prepare") else data
    task = getattr(solver, job["task"])
    inner = int(job.get("inner", 1))
    data, tol = cache[folder], float(job["tol"])
    clock = time.process_time if job.get("clock") == "cpu" else time.perf_counter
    start = clock()
    for _ in range(inner):
        result = task(data, tol)
    seconds = (clock() - start) / inner
    if job.get("save"):
        if job["task"] in ("cv", "many_cv"):
            mse, result = result
            mse = mse() if callable(mse) else mse
            mse.astype("float64").tofile(job["save"] + ".mse")
        if hasattr(result, "shape"):
            exchange.write_array(job["save"], result)
        elif result is not None:
            exchange.write_coefficients(job["save"], *result)
    return {"status": "ok", "seconds": repr(seconds)}


def main():
    # solvers may print: their standard output becomes standard error, ours is kept for answers
    stream = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    warnings.simplefilter("ignore")   # convergence is the referee's business
    start = time.perf_counter()
    try:
        solver = importlib.import_module(f"solvers.{sys.argv[1]}")
    except ImportError as error:
        answer(stream, {"status": "absent", "reason": error})
        return
    answer(stream, {"status": "ready", "version": solver.VERSION, "import_seconds": time.perf_counter() - start})
    cache = {}
    for text in sys.stdin:
        try:
            answer(stream, run(solver, exchange.parse(text), cache))
        except Exception as error:
            traceback.print_exc()
            answer(stream, {"status": "error", "reason": f"{type(error).__name__}: {error}"})


if __name__ == "__main__":
    sys.path.insert(0, str(HERE))
    import exchange  # found beside this file; numpy is loaded with it, so import_seconds does not count numpy

    main()
