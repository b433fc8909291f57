"""The certificate of problems with margin losses: a duality gap of the true loss, at slopes that are a dual point.

    primal  Σ c ℓ(η) + Σ l1 |b| + ½ l2 b²        dual at θ a:  −Σ c (θ a y + eps |θ a| + ½ kappa θ² a²) − P*(−θ Zᵀ(c a))

Slopes a lie within their bounds, and so does θ a for θ ≤ 1; where the bounds are infinite θ may be anything ≥ 0.
"""

import numpy as np

from riata_engine.cpu.margin_fits import fits, row_major_gradient


def relative_gap(form, l1, l2, b, sums, gradient, null):
    """(k,) gaps, over the null objective, of k problems.

    Parameters
    ----------
    l1, l2, b : (k, m)
    sums : (k, 4) of ``Problems.slopes``
    gradient : (k, m)
        Zᵀ(c a), and Σ c a for the intercept. Where a coefficient has no penalty a dual point has 0 there: what is left counts
        for coefficients up to 2 (|b_j| + 1), in units of the standard deviation of column and target.
    """
    size = np.abs(gradient)
    primal = sums[:, 0] + (l1 * np.abs(b)).sum(axis=1) + 0.5 * (l2 * b * b).sum(axis=1)
    linear, square = sums[:, 1], form.problems.kappa * sums[:, 2]
    open_ended = np.isinf(form.problems.lo)
    used = (l1 > 0) | (l2 > 0)
    hard = used & (l2 == 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        most = np.where(hard & (size > 0), l1 / size, np.inf).min(axis=1, initial=np.inf)
    most = most if open_ended else np.minimum(most, 1.0)
    smooth = used & (l2 > 0)
    curved = np.where(smooth, l2, 1.0)
    if not l1.any():                                            # quadratic in θ: the best one is known
        square = square + np.where(smooth, gradient**2 / curved, 0.0).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        theta = np.where(square > 0, -linear / square, np.where(linear < 0, np.inf, 0.0))
    theta = np.clip(theta, 0.0, most)
    theta = np.where(np.isfinite(theta), theta, 0.0)
    dual = -theta * linear - 0.5 * theta**2 * square
    if l1.any() and smooth.any():                               # elastic net: θ of a lasso's dual point, and 1
        best = np.full(len(b), -np.inf)
        for at in (np.minimum(most, 1.0), 0.999 * np.minimum(most, 1.0), theta):
            over = np.maximum(at[:, None] * size - l1, 0.0)
            best = np.maximum(best, -at * linear - 0.5 * at**2 * square - np.where(smooth, over**2 / (2 * curved),
            0.0).sum(axis=1))
        dual = best
    bare = np.where(used, 0.0, 2 * size * (np.abs(b) + 1)).sum(axis=1)        # no penalty: what is left of its gradient
    return (primal - dual + bare) / np.where(null > 0, null, 1.0)


class Certificates:
    """Gaps computed afresh from coefficients, for problems on a design."""

    def __init__(self, form, control, n_threads):
        self.form, self.control, self.n_threads = form, control, n_threads
        self.n_passes = 0

    def gradient(self, members, u, total):
        """(k, m) Zᵀu, and Σ u where there is an intercept."""
        form = self.form
        rows = np.ascontiguousarray(u[members])
        design = form.design
        by_rows = design.direct and design.X.flags.c_contiguous and min(design.X.shape) > 1
        if by_rows:
            g = row_major_gradient(design, rows, self.control, self.n_threads)
        else:
            g = design.transposed_matvec(rows, 1, self.control, self.n_threads)
        self.n_passes += 1
        return np.concatenate([g, total[members, None]], axis=1) if form.intercept else g

    def fitted(self, b):
        """(k, n) of k coefficient vectors (k, m)."""
        q = self.form.design.X.shape[1]
        b0 = np.ascontiguousarray(b[:, q]) if self.form.intercept else np.zeros(len(b))
        self.n_passes += 1
        return fits(self.form.design, np.ascontiguousarray(b), b0, self.control, self.n_threads)

    def afresh(self, members, b, kept, tau, l1, l2, room):
        """Gaps (k,), fits (k, n) and gradients (k, m) at b: nothing here comes from a running update."""
        form = self.form
        eta, a, u, zone, sums = room
        eta[members] = self.fitted(b[members])
        form.problems.slopes(members, eta, kept, tau, a, u, zone, sums, self.n_threads)
        if form.free_intercept:
            form.problems.balance(members, a, u, sums)
        gradient = self.gradient(members, u, sums[:, 3])
        if form.free_intercept:
            gradient[:, -1] = 0.0
        return relative_gap(form, l1[members], l2[members], b[members], sums[members], gradient, form.null[members]), gradient
