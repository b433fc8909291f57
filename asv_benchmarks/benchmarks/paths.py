"""Coefficient paths on one design."""

from pathlib import Path

import numpy as np

import riata

from . import datasets
from .measure import THREADS, PathBenchmark, peak_beyond, size, speed_ratio


class Wide(PathBenchmark):
    """More features than samples: working sets, cost counted in passes over X."""

    params = ((1.0, 0.5), (0.5, 0.95))
    param_names = ("l1_ratio", "correlation")

    def data(self, l1_ratio, correlation):
        return datasets.dense(size(200, 1000), size(2000, 10_000), rho=correlation)

    def parameters(self, l1_ratio, correlation):
        return {"l1_ratio": l1_ratio}

    def track_passes_over_X(self, l1_ratio, correlation):
        return int(self.run().n_passes)

    track_passes_over_X.unit = "passes"


class VeryWide(PathBenchmark):
    """A hundred times more features than samples."""

    params = ((0.5, 0.95),)
    param_names = ("correlation",)

    def data(self, correlation):
        return datasets.dense(size(100, 500), size(4000, 50_000), rho=correlation)


class WideMemory(PathBenchmark):
    """What a path on Fortran float64 needs beside X, its answer included, as a share of X."""

    params = (("wide", "very wide"), (1.0, 0.5))
    param_names = ("shape", "l1_ratio")

    def data(self, shape, l1_ratio):
        return datasets.dense(size(100, 1000 if shape == "wide" else 500), size(20_000, 10_000 if shape == "wide" else 50_000))

    def parameters(self, shape, l1_ratio):
        return {"l1_ratio": l1_ratio}

    def setup(self, *params):
        if not Path("/proc/self/clear_refs").exists():
            raise NotImplementedError("the high-water mark of memory can only be set back on Linux")
        super().setup(*params)
        riata.fit_path(self.X[:, :20], self.y, alphas=3)           # code and libraries are loaded before the count

    def track_peak_beyond_X(self, *params):
        return peak_beyond(self.run) / self.X.nbytes

    track_peak_beyond_X.unit = "of X"


class Tall(PathBenchmark):
    """More samples than features: one Gram matrix, then everything on it."""

    params = ((1.0, 0.5),)
    param_names = ("l1_ratio",)
    tol = 1e-7

    def data(self, l1_ratio):
        return datasets.dense(size(4000, 10_000), size(200, 1000))

    def parameters(self, l1_ratio):
        return {"l1_ratio": l1_ratio}


class Sparse(PathBenchmark):
    """CSC columns with a handful of non-zeros each."""

    params = (("csc", "csr"),)
    param_names = ("format",)

    def data(self, layout):
        X, y = datasets.sparse_columns(size(2000, 20_000), size(4000, 100_000), density=size(2e-3, 5e-4))
        return X.asformat(layout), y


class Float32(PathBenchmark):
    """Single precision, never converted whole."""

    params = (("wide", "tall"),)
    param_names = ("shape",)
    tol = 1e-5

    def data(self, shape):
        n, p = (size(200, 1000), size(2000, 10_000)) if shape == "wide" else (size(4000, 10_000), size(200, 1000))
        return datasets.dense(n, p, dtype=np.float32)

    def track_times_as_fast_as_float64(self, shape):
        """CPU seconds on the same numbers in double precision, at the same tolerance, over those in single precision."""
        X, y = self.X.astype(np.float64, order="F"), self.y.astype(np.float64)
        return speed_ratio(lambda: riata.fit_path(X, y, **self.arguments), self.run)

    track_times_as_fast_as_float64.unit = "of float64"


class RowMajor(PathBenchmark):
    """C-ordered X."""

    params = (("wide", "tall"),)
    param_names = ("shape",)

    def data(self, shape):
        n, p = (size(200, 1000), size(2000, 10_000)) if shape == "wide" else (size(4000, 10_000), size(200, 1000))
        X, y = datasets.dense(n, p)
        return np.ascontiguousarray(X), y


class Small(PathBenchmark):
    """Dominated by the overhead of a call: one alpha, or a hundred."""

    params = ((1, 100),)
    param_names = ("n_alphas",)
    alpha_min_ratio = 1e-3

    def setup(self, n_alphas):
        self.n_alphas = n_alphas
        super().setup(n_alphas)

    def data(self, n_alphas):
        return datasets.dense(200, 50, n_informative=10)


class Batch:
    """Many targets on one X, one call."""

    timeout = 600

    def setup(self):
        self.X, self.Y = datasets.targets(300, 100, size(100, 1000))

    def run(self):
        return riata.fit_batch(self.X, self.Y, l1_ratio=0.5, alphas=50, alpha_min_ratio=1e-2, intercept=False,
                              n_threads=THREADS)

    def time_batch(self):
        self.run()

    def peakmem_batch(self):
        self.run()


class RidgeBatch:
    """A thousand ridge targets with far more features than samples, one eigen-decomposition for all; one alpha or a few."""

    params = ((1, 5),)
    param_names = ("n_alphas",)
    timeout = 600
    tol = 1e-6

    def setup(self, n_alphas):
        self.X, self.Y = datasets.targets(size(32, 64), size(1500, 6830), 1000)
        self.alphas = np.geomspace(1.0, 0.1, n_alphas)

    def run(self):
        return riata.fit_batch(self.X, self.Y, l1_ratio=0.0, alphas=self.alphas, intercept=False, tol=self.tol,
                              n_threads=THREADS)

    def time_batch(self, n_alphas):
        self.run()

    def peakmem_batch(self, n_alphas):
        self.run()

    def track_largest_gap(self, n_alphas):
        """Of every hundredth target: the objective grows by alpha at least, so |gradient|²/(2 alpha) bounds what is left."""
        largest, coef = 0.0, self.run().coef
        for t in range(0, self.Y.shape[1], 100):
            y = self.Y[:, t, None]
            gradient = self.X.T @ (y - self.X @ coef[t].T) / len(y) - self.alphas * coef[t].T
            largest = max(largest, np.max(np.square(gradient).sum(axis=0) / self.alphas) / np.mean(y**2))
        return float(largest)

    track_largest_gap.unit = "gap"
