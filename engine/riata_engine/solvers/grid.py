"""The grid of alphas: from the smallest alpha whose solution is zero, down a geometric sequence."""

from functools import lru_cache

import numpy as np

from riata_engine.cpu.scale import largest_alphas

#: l1_ratio below this counts as this when the largest alpha is sought (glmnet's rule; a ridge has no largest alpha)
SMALLEST_L1_RATIO = 1e-3


def alpha_max(form, gradient, l1_ratio):
    """(B,) the smallest alpha at which every penalised coefficient is zero, from Zᵀ V (y − ȳ) (B, p); NaN: status not_finite."""
    return largest_alphas(gradient, form.f1, form.group, form.lower, form.upper, form.sigma, form.target, l1_ratio,
                          SMALLEST_L1_RATIO)


def geometric(largest, n_alphas, ratio):
    """(B, n_alphas) geometric sequences; a problem whose solution is zero at every alpha gets one that starts at 1."""
    largest = np.where(largest == 0, 1.0, largest)
    return largest[:, None] * ratios_of(n_alphas, ratio)


@lru_cache(maxsize=16)
def ratios_of(n_alphas, ratio):
    """(n_alphas,) from 1 down to ``ratio``. Computed once: it takes as long as a tenth of a small path."""
    return np.geomspace(1.0, ratio, n_alphas) if n_alphas > 1 else np.ones(n_alphas)


def min_ratio(batch, group=None):
    """Last alpha of a derived grid divided by the first: 1e-3 where there are more rows than columns, else 1e-2."""
    if batch.alpha_min_ratio is not None:
        return batch.alpha_min_ratio
    n, p = batch.X.shape
    if batch.weights is not None:                      # a row of weight 0 is none; of several groups the longest counts
        weights = batch.weights if batch.weights.ndim == 1 or group is None else batch.weights[:, group]
        n = np.count_nonzero(weights, axis=0).max()
    return ratio_of_shape(n, p)


def ratio_of_shape(n, p):
    """``min_ratio`` of n rows that count and p columns."""
    return 1e-3 if n > p else 1e-2
