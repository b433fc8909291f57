"""Functions of rows and dropout on a GPU, 10 000 x 1000 float32 in full, beside the CPU; skipped without a GPU."""

import time

import numpy as np
from scipy import special

import riata.functional as F
from riata_engine.backend import devices, simulated

from .measure import THREADS, size, speed_ratio

shape = (size(1000, 10_000), 1000)


class RowsOnGPU:
    """Arrays lie on the device before and after; the time is that of the kernel and its launch."""

    params = (("softmax", "log_softmax", "cross_entropy", "kl_divergence", "dropout .5", "dropout .3"),)
    param_names = ("function",)

    def setup(self, function):
        if devices() == 0 or simulated():
            raise NotImplementedError("no GPU")
        from numba import cuda

        rng = np.random.default_rng(0)
        x = rng.standard_normal(shape).astype(np.float32)
        p = special.softmax(x, axis=1)
        self.labels, self.wait = rng.integers(0, shape[1], shape[0]), cuda.synchronize
        self.host = {"x": x, "p": p, "q": np.roll(p, 1, axis=0), "out": np.empty_like(x)}
        self.device = {name: cuda.to_device(array) for name, array in self.host.items()}
        self.run(function, self.device)                # compiles
        self.wait()

    def run(self, function, given):
        x, out = given["x"], given["out"]
        if function.startswith("dropout"):
            F.dropout(x, float(function.split()[1]), seed=0, out=out, n_threads=THREADS)
        elif function == "cross_entropy":
            F.cross_entropy(x, self.labels, return_gradient=True, out=out, n_threads=THREADS)
        elif function == "kl_divergence":
            F.kl_divergence(given["p"], given["q"], n_threads=THREADS)
        else:
            getattr(F, function)(x, out=out, n_threads=THREADS)

    def on_device(self, function):
        self.run(function, self.device)
        self.wait()

    def time_function(self, function):
        self.on_device(function)

    def track_speed_over_cpu(self, function):
        return speed_ratio(lambda: self.run(function, self.host), lambda: self.on_device(function), time.perf_counter, 5)

    track_speed_over_cpu.unit = "times as fast as the CPU"

    def track_bytes_a_second(self, function):
        """One read of each array and one write."""
        start = time.perf_counter()
        for _ in range(10):
            self.run(function, self.device)
        self.wait()
        return 2 * self.host["x"].nbytes * 10 / (time.perf_counter() - start)

    track_bytes_a_second.unit = "B/s"
