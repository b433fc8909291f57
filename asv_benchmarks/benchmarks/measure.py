"""What every path and CV benchmark measures: time, peak memory, and the largest gap, by the referee, beside them.

A benchmark class states its data, its solver and its parameters. ``RIATA_BENCH=full`` in the environment takes the
large sizes of the comparison with peers, not the small ones that CI runs; ``RIATA_BENCH_THREADS`` sets the threads (1).
"""

import os
import time
from abc import ABC, abstractmethod
from pathlib import Path

import numpy as np

import riata

from . import datasets, referee

FULL = os.environ.get("RIATA_BENCH", "") == "full"
THREADS = int(os.environ.get("RIATA_BENCH_THREADS", "1"))


def size(small, full):
    """The size for this run."""
    return full if FULL else small


def speed_ratio(slow, fast, clock=time.process_time, turns=3):
    """Seconds of one function over those of another, best of some turns each."""
    best = [float("inf")] * 2
    for _ in range(turns):
        for k, run in enumerate((slow, fast)):
            start = clock()
            run()
            best[k] = min(best[k], clock() - start)
    return best[0] / best[1]


def peak_beyond(run):
    """Bytes that ``run`` needs at its peak beyond what is resident before it: Linux's high-water mark, set back first."""
    Path("/proc/self/clear_refs").write_text("5")
    before = _resident("VmRSS")
    run()
    return max(_resident("VmHWM") - before, 0)


def _resident(name):
    text = Path("/proc/self/status").read_text()
    return 1024 * int(text.split(f"{name}:")[1].split()[0])


class PathBenchmark(ABC):
    """A coefficient path by ``riata.fit_path``. Subclasses give ``data``; ``parameters`` adds arguments of fit_path."""

    timeout = 600
    l1_ratio = 1.0
    n_alphas = 100
    alpha_min_ratio = 1e-2
    tol = 1e-6

    @abstractmethod
    def data(self, *params):
        """X and y."""

    def parameters(self, *params):
        return {}

    def setup(self, *params):
        self.X, self.y = self.data(*params)
        self.arguments = {"l1_ratio": self.l1_ratio, "intercept": False, "tol": self.tol, "n_threads": THREADS,
                          **self.parameters(*params)}
        self.arguments["alphas"] = datasets.alpha_grid(self.X, np.asarray(self.y, np.float64),
                                                       self.arguments["l1_ratio"], self.n_alphas, self.alpha_min_ratio)

    def run(self):
        return riata.fit_path(self.X, self.y, **self.arguments)

    def time_path(self, *params):
        self.run()

    def peakmem_path(self, *params):
        self.run()

    def track_largest_gap(self, *params):
        path = self.run()
        return float(referee.gaps(self.X, self.y, path.coef, path.intercept, self.arguments["alphas"],
                                  self.arguments["l1_ratio"]).max())

    track_largest_gap.unit = "gap"


class CVBenchmark(ABC):
    """Cross-validation by ``riata.cross_validate_path``; the gap is that of the paths on all rows."""

    timeout = 600
    l1_ratio = (0.1, 0.5, 0.7, 0.9, 1.0)
    n_alphas = 100
    n_folds = 5
    tol = 1e-6

    @abstractmethod
    def data(self, *params):
        """X and y."""

    def parameters(self, *params):
        return {}

    def setup(self, *params):
        self.X, self.y = self.data(*params)
        self.arguments = {"l1_ratio": list(self.l1_ratio), "alphas": self.n_alphas, "tol": self.tol,
                          "cv": datasets.fold_ids(len(self.y), self.n_folds), "n_threads": THREADS,
                          **self.parameters(*params)}

    def run(self):
        return riata.cross_validate_path(self.X, self.y, **self.arguments)

    def time_cv(self, *params):
        self.run()

    def peakmem_cv(self, *params):
        self.run()

    def track_largest_gap(self, *params):
        paths = self.run().paths
        return float(max(referee.gaps(self.X, self.y, path.coef, path.intercept, path.alphas, path.l1_ratio,
                                      fit_intercept=True).max() for path in paths))

    track_largest_gap.unit = "gap"
