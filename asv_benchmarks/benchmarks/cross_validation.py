"""Cross-validation over l1_ratio, alpha and folds as one batch."""

import time

import riata

from . import datasets
from .measure import CVBenchmark, size, speed_ratio


class TallCV(CVBenchmark):
    """Folds' Gram matrices by subtraction; 5 folds x 5 l1_ratios x 100 alphas."""

    params = (("many_rows", "many_columns"),)
    param_names = ("shape",)

    def data(self, shape):
        return datasets.dense(*(size((10_000, 50), (100_000, 200)) if shape == "many_rows"
                                else size((2000, 150), (10_000, 1000))))


class WideCV(CVBenchmark):
    """Working sets shared by the folds."""

    l1_ratio = (0.5, 1.0)
    n_folds = 5

    def data(self):
        return datasets.dense(size(100, 200), size(1000, 5000))


class SmallCV(CVBenchmark):
    """Overhead: 200 x 50, ten folds, one l1_ratio."""

    l1_ratio = (0.5,)
    n_folds = 10

    def data(self):
        return datasets.dense(200, 50, n_informative=10)


class TwoThreads(TallCV):
    """The same on two threads: seconds on the wall with one, over those with two. Two idle cores are needed for 2."""

    def parameters(self, shape):
        return {"n_threads": 2}

    def track_times_as_fast_as_one_thread(self, shape):
        one = {**self.arguments, "n_threads": 1}
        return speed_ratio(lambda: riata.cross_validate_path(self.X, self.y, **one), self.run, time.perf_counter)

    track_times_as_fast_as_one_thread.unit = "of one thread"
