"""The compiled kernels beside the bare operation that bounds each from below, on one thread.

Gram matrix: BLAS dsyrk. Pass over X for ten residuals (the KKT check): dgemm. Column dots: dgemv. All passes: a copy.
``track_share_of_bare`` is bare seconds / kernel seconds, best of five each, taken in turns: 1 is as fast as BLAS.
The kernels are called in the engine's private modules; a commit that moves them fails here and nowhere else.
"""

import time

import numpy as np
from riata_engine.cpu.control import Control
from riata_engine.cpu.design import Design
from riata_engine.cpu.gram import accumulate
from scipy.linalg import blas
from threadpoolctl import threadpool_limits

from . import datasets
from .measure import size, speed_ratio


class _Kernel:
    """A kernel on a design of a given dtype and memory order."""

    params = (("float64 F", "float64 C", "float32 F"),)
    param_names = ("X",)
    shape = (size(1000, 10_000), size(400, 1000))

    def setup(self, layout):
        dtype, order = layout.split()
        X, y = datasets.dense(*self.shape, dtype=np.dtype(dtype))
        self.X = np.asarray(X, order=order)
        self.y = y.astype(np.float64)
        n, p = X.shape
        self.design = Design(self.X, np.zeros(p), np.ones(p), direct=True)
        self.control = Control()
        self.bare_X = np.asfortranarray(X, dtype=np.float64)   # the bare operation gets the layout it likes best
        self.limits = threadpool_limits(1)
        self.allocate(n, p)

    def teardown(self, layout):
        self.limits.restore_original_limits()

    def allocate(self, n, p):
        raise NotImplementedError

    def kernel(self):
        raise NotImplementedError

    def bare(self):
        raise NotImplementedError

    def time_kernel(self, layout):
        self.kernel()

    def track_share_of_bare(self, layout):
        return speed_ratio(self.bare, self.kernel, time.perf_counter, 5)

    track_share_of_bare.unit = "of bare speed"


class GramMatrix(_Kernel):
    """Z'Z and Z'y in one pass over blocks of rows, against dsyrk on the whole of X."""

    def allocate(self, n, p):
        self.Y = np.ascontiguousarray(self.y[:, None])
        self.C, self.c = np.zeros((1, p, p)), np.zeros((1, p, 1))

    def kernel(self):
        self.C[:] = 0
        accumulate(self.design, None, None, self.Y, self.C, self.c, self.control, 1)

    def bare(self):
        return blas.dsyrk(1.0, self.bare_X, trans=True)


class PassOverX(_Kernel):
    """Z'R for ten residuals, the KKT check of a block of alphas, against dgemm."""

    residuals = 10
    shape = (size(400, 1000), size(2000, 10_000))

    def allocate(self, n, p):
        self.R = np.random.default_rng(1).standard_normal((self.residuals, n))

    def kernel(self):
        self.out = self.design.transposed_matvec(self.R, self.residuals, self.control, 1)

    def bare(self):
        return blas.dgemm(1.0, self.bare_X, self.R.T, trans_a=True)


class ColumnDots(PassOverX):
    """Z'r for one residual, against dgemv."""

    residuals = 1

    def allocate(self, n, p):
        super().allocate(n, p)
        self.copy = np.empty_like(self.X)

    def bare(self):
        return blas.dgemv(1.0, self.bare_X, self.R[0], trans=True)

    def track_share_of_copy(self, layout):
        """A plain copy of X instead: what the traffic to and from memory costs."""
        return speed_ratio(lambda: np.copyto(self.copy, self.X), self.kernel, time.perf_counter, 5)

    track_share_of_copy.unit = "of the speed of a copy"
