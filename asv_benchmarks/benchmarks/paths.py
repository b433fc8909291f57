"""Coefficient paths on one design."""

import numpy as np

import riata

from . import datasets
from .measure import THREADS, PathBenchmark, size


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

    def data(self):
        return datasets.dense(size(100, 500), size(4000, 50_000))


class Tall(PathBenchmark):
    """More samples than features: one Gram matrix, then everything on it."""

    params = ((1.0, 0.5),)
    param_names = ("l1_ratio",)

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
