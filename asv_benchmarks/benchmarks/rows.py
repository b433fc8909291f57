"""Functions of rows and dropout, 10 000 x 1000 float32 in full, beside a copy of the array and beside scipy."""

import time

import numpy as np
from scipy import special

import riata.functional as F

from .measure import THREADS, size, speed_ratio

shape = (size(1000, 10_000), 1000)


class Rows:
    """``track_share_of_copy`` is the seconds of np.copyto of one array over those of the function: 1 is as fast as memory."""

    params = (("softmax", "log_softmax", "cross_entropy", "kl_divergence", "jensen_shannon",
               "dropout .5", "dropout .3", "softmax first axis"),)
    param_names = ("function",)

    def setup(self, function):
        rng = np.random.default_rng(0)
        self.x = rng.standard_normal(shape).astype(np.float32)
        self.p, self.out = special.softmax(self.x, axis=1), np.empty_like(self.x)
        self.q, self.labels = np.roll(self.p, 1, axis=0), rng.integers(0, shape[1], shape[0])

    def run(self, function):
        x, out = self.x, self.out
        if function.startswith("dropout"):
            F.dropout(x, float(function.split()[1]), seed=0, out=out, n_threads=THREADS)
        elif function == "cross_entropy":
            F.cross_entropy(x, self.labels, return_gradient=True, out=out, n_threads=THREADS)
        elif function == "softmax first axis":
            F.softmax(x, axis=0, out=out, n_threads=THREADS)
        elif function in ("kl_divergence", "jensen_shannon"):
            getattr(F, function)(self.p, self.q, n_threads=THREADS)
        else:
            getattr(F, function)(x, out=out, n_threads=THREADS)

    def time_function(self, function):
        self.run(function)

    def peakmem_function(self, function):
        self.run(function)

    def track_share_of_copy(self, function):
        return speed_ratio(lambda: np.copyto(self.out, self.x), lambda: self.run(function), time.perf_counter, 5)

    track_share_of_copy.unit = "of the speed of a copy"


class BesideScipy(Rows):
    """scipy on the same arrays."""

    params = (("softmax", "log_softmax", "kl_divergence"),)

    def scipy(self, function):
        if function == "kl_divergence":
            special.rel_entr(self.p, self.q).sum(axis=1)
        else:
            getattr(special, function)(self.x, axis=1)

    def track_times_as_fast_as_scipy(self, function):
        return speed_ratio(lambda: self.scipy(function), lambda: self.run(function))

    track_times_as_fast_as_scipy.unit = "of scipy"
