"""Where to put labels that would overlap."""
import numpy as np


def spread(heights, gap, low, high):
    """Move label heights apart by at least ``gap`` within [low, high], changing them as little as possible.

    Least squares under order constraints: with z_i = h_(i) − i·gap the constraint is monotonicity, which isotonic
    regression solves exactly; clipping its answer to the range keeps it optimal.
    """
    from scipy.optimize import isotonic_regression
    heights = np.asarray(heights, dtype=float)
    k = heights.size
    if k == 0:
        return heights
    gap = min(gap, (high - low) / max(k - 1, 1))
    order = np.argsort(heights, kind="stable")
    steps = gap * np.arange(k)
    z = isotonic_regression(heights[order] - steps).x
    placed = np.empty(k)
    placed[order] = np.clip(z, low, high - steps[-1]) + steps
    return placed
