"""Run benchmarks in one or two interpreters, in turns."""

import contextlib
import json
import os
import statistics
import subprocess
from pathlib import Path

WORKER = Path(__file__).resolve().parent / "worker.py"
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
#: a change of the median beyond this is a loss (or a gain), if the middle halves of the timings do not overlap either
TOLERATED = 1.10


class _Worker:
    def __init__(self, python, name):
        self.process = subprocess.Popen([python, str(WORKER), name], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True, env=os.environ | dict.fromkeys(THREADS, "1"))
        self.answer()

    def answer(self):
        text = self.process.stdout.readline()
        found = json.loads(text) if text else {"error": "the process ended"}
        if "error" in found:
            raise RuntimeError(found["error"])
        return found

    def ask(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        found = self.answer()
        return found.get("seconds", found.get("value"))

    def close(self):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def measure(pythons, name, rounds):
    """One list of numbers per interpreter, taken in turns; an error message where one cannot run the benchmark."""
    workers, out = [], []
    try:
        for python in pythons:
            try:
                workers.append(_Worker(python, name))
                out.append([])
            except RuntimeError as error:
                workers.append(None)
                out.append(str(error))
        for turn in range(rounds):
            for k in (range(len(workers)) if turn % 2 == 0 else reversed(range(len(workers)))):
                if workers[k] is not None:
                    out[k].append(workers[k].ask())
        return out
    finally:
        for worker in workers:
            if worker is not None:
                worker.close()


def verdict(before, after):
    """(ratio of medians, "loss" / "gain" / "unsure" / ""): after over before."""
    ratio = statistics.median(after) / statistics.median(before)
    if 1 / TOLERATED <= ratio <= TOLERATED:
        return ratio, ""
    low, high = (before, after) if ratio > 1 else (after, before)
    apart = _quartiles(high)[0] > _quartiles(low)[1]
    return ratio, ("loss" if ratio > 1 else "gain") if apart else "unsure"


def _quartiles(values):
    cut = statistics.quantiles(values, n=4, method="inclusive")
    return cut[0], cut[2]
