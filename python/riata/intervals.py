"""Confidence intervals from a bootstrap distribution, and of a share that was counted in it."""

import numpy as np


def percentile_interval(draws, level):
    """Percentile intervals (Efron 1981): quantiles (1 − level)/2 and (1 + level)/2 of the draws.

    Parameters
    ----------
    draws : ndarray of shape (m, p)
        Bootstrap values, all finite.
    level : float in (0, 1)

    Returns
    -------
    ndarray of shape (2, p)
        Quantiles are interpolated linearly; NaN where there are no draws.
    """
    if not len(draws):
        return np.full((2, draws.shape[1]), np.nan)
    return np.quantile(draws, [(1 - level) / 2, (1 + level) / 2], axis=0)


def bca_interval(draws, estimate, acceleration, level):
    """Bias-corrected and accelerated intervals (Efron 1987).

    The quantiles of the draws at the probabilities

        Φ( z0 + (z0 + z) / (1 − a (z0 + z)) ),   z = Φ⁻¹((1 ∓ level)/2),   z0 = Φ⁻¹(share of the draws below the estimate)

    Draws equal to the estimate, as where both are exactly 0, count half as below it. A share of 0 or 1 is taken as half a draw
    from there, so that the correction stays finite. Where the denominator is not positive the probability is its limit.

    Parameters
    ----------
    draws : ndarray of shape (m, p)
    estimate, acceleration : ndarray of shape (p,)
        Values on all rows, and a of `acceleration`.
    level : float in (0, 1)

    Returns
    -------
    ndarray of shape (2, p)
        NaN where there are no draws, or no acceleration.
    """
    from scipy.special import ndtr, ndtri

    m = len(draws)
    if not m:
        return np.full((2, draws.shape[1]), np.nan)
    share = ((draws < estimate).sum(axis=0) + 0.5 * (draws == estimate).sum(axis=0)) / m
    bias = ndtri(np.clip(share, 0.5 / m, 1 - 0.5 / m))
    z = bias + ndtri([[(1 - level) / 2], [(1 + level) / 2]])
    denominator = 1 - acceleration * z
    with np.errstate(divide="ignore", invalid="ignore"):
        shifted = np.where(denominator > 0, z / denominator, np.copysign(np.inf, z))
    return _quantiles(np.sort(draws, axis=0), np.where(np.isnan(acceleration), np.nan, ndtr(bias + shifted)))


def _quantiles(ordered, probabilities):
    """Quantiles (2, p) of ordered columns (m, p), each at probabilities of its own, interpolated as numpy.quantile does."""
    m, known = len(ordered), ~np.isnan(probabilities)
    at = np.where(known, probabilities, 0.0) * (m - 1)
    low = np.clip(np.floor(at).astype(np.intp), 0, m - 1)
    high = np.minimum(low + 1, m - 1)
    below, above = np.take_along_axis(ordered, low, axis=0), np.take_along_axis(ordered, high, axis=0)
    return np.where(known, below + (above - below) * (at - low), np.nan)


def acceleration(jackknife):
    """The acceleration of each statistic from its jackknife values: a sixth of the skewness of their influence.

        a = Σ_i U_i³ / (6 (Σ_i U_i²)^(3/2)),   U_i = mean of the values − value i

    Leaving out blocks of rows in place of single ones estimates the same: cubes and squares of the sums of a block have, for
    independent rows, the expectations of the sums of cubes and squares (Efron and Tibshirani 1993, section 14.3).

    Parameters
    ----------
    jackknife : ndarray of shape (J, ...)
        Values without row (or block) 1, ..., J.

    Returns
    -------
    ndarray of shape (...)
        0 where leaving out makes no difference; NaN where a value is.
    """
    influence = jackknife.mean(axis=0) - jackknife
    size = np.abs(influence).max(axis=0, initial=0.0)
    # a mean of equal numbers differs from them by its rounding, which has a skewness as well
    flat = size <= 8 * np.finfo(np.float64).eps * np.abs(jackknife).max(axis=0, initial=0.0)
    influence /= np.where(flat, 1.0, size)
    square = (influence * influence).sum(axis=0)
    cube = (influence**3).sum(axis=0)
    return np.where(flat, 0.0, cube / (6.0 * np.where(flat, 1.0, square) ** 1.5))


def share_interval(share, draws, level):
    """Wilson's score interval of a share that `draws` independent draws have shown (Wilson 1927).

    Parameters
    ----------
    share : ndarray
    draws : int or ndarray that broadcasts
    level : float in (0, 1)

    Returns
    -------
    ndarray of shape (2, *share.shape)
    """
    from scipy.special import ndtri

    z = ndtri((1 + level) / 2)
    with np.errstate(divide="ignore", invalid="ignore"):          # of no draws nothing is known: NaN
        middle = (share + z * z / (2 * draws)) / (1 + z * z / draws)
        half = z / (1 + z * z / draws) * np.sqrt(share * (1 - share) / draws + z * z / (4.0 * draws * draws))
    return np.clip(np.stack([middle - half, middle + half]), 0.0, 1.0)
