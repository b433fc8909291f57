"""One benchmark in one interpreter: ``python worker.py NAME`` sets it up; then each line on standard input is a timed call.

NAME is ``module.Class.method`` or ``module.function``, then a colon and the indices of its parameters, if it has any:
``paths.Wide.time_path:0,1``.
Answers are lines of JSON on standard output: {"seconds": …} or {"value": …} or {"error": …}.
"""

import importlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

SHORTEST = 0.02      # CPU seconds of one timing; shorter calls are repeated inside it
FRESH = """
import time
{setup}
start = time.process_time()
{statement}
print(time.process_time() - start)
"""


def find(name):
    """(callable, teardown) of a benchmark, set up."""
    path, _, indices = name.partition(":")
    module, *rest = path.split(".")
    found = importlib.import_module(f"benchmarks.{module}")
    if len(rest) == 1:
        return getattr(found, rest[0])
    bench = getattr(found, rest[0])()
    values = [bench.params[axis][int(at)] for axis, at in enumerate(indices.split(",") if indices else [])]
    if hasattr(bench, "setup"):
        bench.setup(*values)
    method = getattr(bench, rest[1])
    return lambda: method(*values)


def timed(run, count):
    start = time.process_time()
    for _ in range(count):
        run()
    return (time.process_time() - start) / count


def fresh(snippets):
    """CPU seconds of a statement in an interpreter of its own."""
    statement, setup = snippets
    done = subprocess.run([sys.executable, "-c", FRESH.format(setup=setup, statement=statement)], capture_output=True, text=True,
                          check=True)
    return float(done.stdout)


def main():
    stream = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)                           # what a benchmark prints is no answer

    def answer(**fields):
        stream.write(json.dumps(fields) + "\n")
        stream.flush()

    kind = sys.argv[1].partition(":")[0].split(".")[-1].partition("_")[0]
    try:
        run, count = find(sys.argv[1]), 1
        if kind == "time":
            count = max(1, round(SHORTEST / max(min(timed(run, 1) for _ in range(2)), 1e-7)))
        answer(ready=True)
        for _ in sys.stdin:
            if kind == "time":
                answer(seconds=timed(run, count))
            elif kind == "timeraw":
                answer(seconds=fresh(run()))
            else:
                answer(value=float(run()))
    except Exception as error:
        answer(error=f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[1])
    main()
