"""What resamples: bootstraps of a path, permutation tests and stability selection, each one batch."""

import numpy as np
from sklearn.linear_model import enet_path

import riata

from . import datasets, referee
from .measure import THREADS, size, speed_ratio


class Bootstraps:
    """Paths of 100 alphas under the counts of bootstrap samples, n=500, p=100 (quick: 100 x 20)."""

    params = ((0.5, 1.0),)
    param_names = ("l1_ratio",)
    timeout = 1800
    loop_of = size(2, 20)

    def setup(self, l1_ratio):
        self.X, self.y, self.counts = datasets.bootstraps(*size((100, 20, 10), (500, 100, 200)))
        self.alphas = datasets.alpha_grid(self.X, self.y, l1_ratio, alpha_min_ratio=1e-3)

    def run(self, l1_ratio, count=None):
        return riata.fit_batch(self.X, self.y, weights=self.counts[:, :count], l1_ratio=l1_ratio, alphas=self.alphas,
                               intercept=False, n_threads=THREADS)

    def loop(self, l1_ratio):
        """The first few by scikit-learn, rows repeated, at the tolerance that gives a gap of about 1e-6."""
        for counts in self.counts.T[:self.loop_of]:
            rows = np.repeat(np.arange(len(counts)), counts)
            enet_path(np.asfortranarray(self.X[rows]), self.y[rows], l1_ratio=l1_ratio, alphas=self.alphas, tol=1e-6,
                      max_iter=100_000)

    def time_paths(self, l1_ratio):
        self.run(l1_ratio)

    def time_bootstrap_path(self, l1_ratio):
        riata.bootstrap_path(self.X, self.y, n_boot=self.counts.shape[1], l1_ratio=l1_ratio, n_threads=THREADS)

    def track_times_as_fast_as_a_loop(self, l1_ratio):
        return speed_ratio(lambda: self.loop(l1_ratio), lambda: self.run(l1_ratio, self.loop_of))

    track_times_as_fast_as_a_loop.unit = "of a loop of enet_path"

    def track_largest_gap(self, l1_ratio):
        found, worst = self.run(l1_ratio), 0.0
        for counts, coef in zip(self.counts.T, found.coef, strict=True):
            rows = np.repeat(np.arange(len(counts)), counts)
            worst = max(worst, referee.gaps(self.X[rows], self.y[rows], coef, np.zeros(len(coef)), self.alphas, l1_ratio).max())
        return float(worst)

    track_largest_gap.unit = "gap"


class Permutations:
    """A permutation test of a 10-fold cross-validation, 200 x 50 (quick: 60 x 10)."""

    timeout = 1800

    def setup(self):
        self.X, self.y = datasets.dense(*size((60, 10), (200, 50)), n_informative=5)

    def time_test(self):
        riata.permutation_test(self.X, self.y, n_perm=size(10, 1000), cv=10, n_threads=THREADS)


class Stability:
    """Half samples of 64 x 6830 (quick: 30 x 200), the first 20 features of each."""

    timeout = 1800

    def setup(self):
        self.X, self.y = datasets.dense(*size((30, 200), (64, 6830)))

    def time_selection(self):
        selection = riata.StabilitySelection(n_subsamples=size(10, 500), q=size(5, 20), pfer=1.0, scheme="half_samples",
                                             n_threads=THREADS)
        selection.fit(self.X, self.y)
