"""The compiled kernels beside the bare operation that bounds each from below, on one thread.

Gram matrix: BLAS dsyrk. Pass over X for ten residuals (the KKT check): dgemm. Column dots: dgemv. All passes: a copy.
``track_share_of_bare`` is bare seconds / kernel seconds, best of five each, taken in turns: 1 is as fast as BLAS.
"""

import time

import numpy as np
from scipy.linalg import blas
from threadpoolctl import threadpool_limits

from . import datasets
from .measure import size


class _Kernel:
    """A kernel on a design of a given dtype and memory order, in the view that the solvers use (centred, scaled)."""

    params = (("float64", "float32"), ("F", "C"))
    param_names = ("dtype", "order")
    shape = (size(1000, 10_000), size(400, 1000))

    def setup(self, dtype, order):
        from riata_engine.cpu.control import Control
        from riata_engine.cpu.design import Design

        X, y = datasets.dense(*self.shape, dtype=np.dtype(dtype))
        self.X = np.asarray(X, order=order)
        self.y = y.astype(np.float64)
        n, p = X.shape
        self.design = Design(self.X, np.zeros(p), np.ones(p), direct=True)
        self.control = Control()
        self.bare_X = np.asfortranarray(X, dtype=np.float64)   # the bare operation gets the layout it likes best
        self.limits = threadpool_limits(1)
        self.allocate(n, p)

    def teardown(self, dtype, order):
        self.limits.restore_original_limits()

    def allocate(self, n, p):
        raise NotImplementedError

    def kernel(self):
        raise NotImplementedError

    def bare(self):
        raise NotImplementedError

    def time_kernel(self, dtype, order):
        self.kernel()

    def time_bare(self, dtype, order):
        self.bare()

    def track_share_of_bare(self, dtype, order):
        ours, bare = [], []
        for _ in range(5):
            for run, seconds in ((self.kernel, ours), (self.bare, bare)):
                start = time.perf_counter()
                run()
                seconds.append(time.perf_counter() - start)
        return min(bare) / min(ours)

    track_share_of_bare.unit = "of bare speed"


class GramMatrix(_Kernel):
    """Z'Z and Z'y in one pass over blocks of rows, against dsyrk on the whole of X."""

    def allocate(self, n, p):
        self.Y = np.ascontiguousarray(self.y[:, None])
        self.C, self.c = np.zeros((p, p)), np.zeros((p, 1))

    def kernel(self):
        from riata_engine.cpu.gram import accumulate

        self.C[:] = 0
        accumulate(self.design, None, None, self.Y, self.C, self.c, self.control, 1)

    def bare(self):
        return blas.dsyrk(1.0, self.bare_X, trans=True)


class PassOverX(_Kernel):
    """Z'R for ten residuals, the KKT check of a block of alphas, against dgemm."""

    residuals = 10
    shape = (size(400, 1000), size(2000, 10_000))

    def allocate(self, n, p):
        self.R = np.random.default_rng(1).standard_normal((n, self.residuals))
        self.out = np.empty((p, self.residuals))

    def kernel(self):
        self.design.transposed_matvec(self.R, self.out, self.residuals, self.control, 1)

    def bare(self):
        return blas.dgemm(1.0, self.bare_X, self.R, trans_a=True)


class ColumnDots(PassOverX):
    """Z'r for one residual, against dgemv."""

    residuals = 1

    def bare(self):
        return blas.dgemv(1.0, self.bare_X, self.R[:, 0], trans=True)


class CopyOfX(PassOverX):
    """Z'r for one residual against a plain copy of X: what a pass costs in memory traffic alone."""

    residuals = 1

    def allocate(self, n, p):
        super().allocate(n, p)
        self.copy = np.empty_like(self.X)

    def bare(self):
        np.copyto(self.copy, self.X)
