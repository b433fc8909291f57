"""Many problems that have nothing in common in one call: paths, cross-validations, the cost of a call beside them, resuming."""

import shutil
import tempfile
import time

import numpy as np
from sklearn.linear_model import ElasticNetCV, enet_path
from sklearn.model_selection import PredefinedSplit

import riata

from . import datasets
from .measure import THREADS, peak_beyond, size, speed_ratio

#: problems, and how many of them the loop of scikit-learn's functions solves for a ratio
PROBLEMS, LOOP = size(100, 10_000), size(4, 100)


class Ragged:
    """Paths of 100 alphas, or 10-fold cross-validations of such paths, of problems with rows and columns of their own."""

    params = (("path", "cv"),)
    param_names = ("task",)
    timeout = 1800
    l1_ratio, folds, tol = 0.5, 10, 1e-6

    def setup(self, task):
        self.X, self.y = datasets.many(PROBLEMS, (100, 400), (20, 100))
        self.options = {"cv": self.folds} if task == "cv" else {}

    def run(self, count=None):
        return riata.fit_batch(self.X[:count], self.y[:count], l1_ratio=self.l1_ratio, alphas=100, n_threads=THREADS,
                               **self.options)

    def loop(self):
        """The first few by scikit-learn, one by one, at the tolerance that gives a gap of about 1e-6."""
        for X, y in zip(self.X[:LOOP], self.y[:LOOP], strict=True):
            if self.options:
                folds = PredefinedSplit(datasets.fold_ids(len(y), self.folds))
                ElasticNetCV(l1_ratio=self.l1_ratio, alphas=100, cv=folds, tol=1e-6, max_iter=100_000, n_jobs=1).fit(X, y)
            else:
                enet_path(X, y, l1_ratio=self.l1_ratio, alphas=100, eps=1e-3, tol=1e-6, max_iter=100_000)

    def time_batch(self, task):
        self.run()

    def peakmem_batch(self, task):
        self.run()

    def track_problems_per_second(self, task):
        start = time.process_time()
        self.run()
        return PROBLEMS / (time.process_time() - start)

    track_problems_per_second.unit = "problems/s"

    def track_times_as_fast_as_a_loop_of_scikit_learn(self, task):
        return speed_ratio(self.loop, lambda: self.run(LOOP))

    track_times_as_fast_as_a_loop_of_scikit_learn.unit = "of scikit-learn"

    def track_largest_gap(self, task):
        return float(np.nanmax(self.run().gap))

    track_largest_gap.unit = "gap"


class Overhead:
    """What a problem costs beside the arithmetic: tiny ones, in microseconds."""

    params = ((2, 100),)
    param_names = ("n_alphas",)

    def setup(self, n_alphas):
        self.X, self.y = datasets.many(size(2000, 10_000), (20, 60), (3, 4))

    def track_microseconds_beside_the_engine(self, n_alphas):
        """CPU time of the call less that of the engine's part of it, per problem."""
        from riata import many_solve

        engine, inside = many_solve.solve_ragged, [0.0]

        def timed(*arguments, **options):
            start = time.process_time()
            try:
                return engine(*arguments, **options)
            finally:
                inside[0] += time.process_time() - start

        best = np.inf
        many_solve.solve_ragged = timed
        try:
            for _ in range(3):
                inside[0], start = 0.0, time.process_time()
                riata.fit_batch(self.X, self.y, alphas=n_alphas, n_threads=1)
                best = min(best, time.process_time() - start - inside[0])
        finally:
            many_solve.solve_ragged = engine
        return 1e6 * best / len(self.X)

    track_microseconds_beside_the_engine.unit = "us"


class Resume:
    """A batch that finds all its chunks finished, as a share of solving them."""

    timeout = 600

    def setup(self):
        self.X, self.y = datasets.many(PROBLEMS, (100, 400), (20, 100))
        self.folder = tempfile.mkdtemp()
        self.run(self.folder)

    def teardown(self):
        shutil.rmtree(self.folder)

    def run(self, folder=None):
        return riata.fit_batch(self.X, self.y, cv=10, n_threads=THREADS, checkpoint=folder)

    def time_resume(self):
        self.run(self.folder)

    def track_share_of_solving(self):
        return 1 / speed_ratio(self.run, lambda: self.run(self.folder), turns=1)

    track_share_of_solving.unit = "of solving"


class Scaling:
    """Microseconds for each of B problems (40 x 5, 20 alphas): what is paid once a call, and what for each."""

    params = ((1, 100, size(1000, 100_000)),)
    param_names = ("n_problems",)
    timeout = 1800

    def setup(self, n_problems):
        (X,), (y,) = datasets.many(1, (40, 40), (5, 5), n_informative=3)
        self.X, self.y = [X] * n_problems, [y] * n_problems

    def track_microseconds_a_problem(self, n_problems):
        best = np.inf
        for _ in range(3):
            start = time.process_time()
            riata.fit_batch(self.X, self.y, alphas=20, select="bic", n_threads=1)
            best = min(best, time.process_time() - start)
        return 1e6 * best / n_problems

    track_microseconds_a_problem.unit = "us"


class TwoThreads:
    """Seconds on the wall with one thread, over those with two. Two idle cores are needed for 2."""

    def setup(self):
        self.X, self.y = datasets.many(PROBLEMS, (100, 400), (20, 100))

    def run(self, n_threads):
        return riata.fit_batch(self.X, self.y, cv=10, n_threads=n_threads)

    def track_times_as_fast_as_one_thread(self):
        return speed_ratio(lambda: self.run(1), lambda: self.run(2), time.perf_counter)

    track_times_as_fast_as_one_thread.unit = "of one thread"


class MemoryCeiling:
    """Peak beyond X and the models, as a share of ``max_memory``."""

    limit = 2**23

    def setup(self):
        self.X, self.y = datasets.many(PROBLEMS, (100, 400), (20, 100))

    def track_share_of_max_memory(self):
        return peak_beyond(lambda: riata.fit_batch(self.X, self.y, cv=5, max_memory=self.limit, n_threads=1)) / self.limit
