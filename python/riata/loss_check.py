"""Whether the functions of a loss belong together: derivatives by differences, convexity, numbers where numbers should be."""

import numpy as np

from riata_engine.custom import least_values, row_values

#: step of the differences, relative to 1 + |η|
STEP = 6e-6
#: what differences may be off by: of a first derivative, and of a second
FIRST, SECOND = 1e-6, 1e-4
#: η so far out that exp overflows: a function may be infinite there, and must not be NaN
FAR = 750.0
REMEDY = "conjugate is the maximum over eta of u·eta - value(y, eta)"
EPSILON = np.finfo(float).eps


def check_derivatives(loss, y=None, eta=None):
    """Check a loss by numbers: that gradient and curvature are the derivatives of its value, and that it is convex.

    `riata.losses.custom` does this on a grid of its own. What holds on a grid need not hold between its points: give the y and
    eta that matter to look closer.

    Parameters
    ----------
    loss : riata.losses.Loss
        One of the library's, or of `riata.losses.custom`.
    y : array_like of shape (k,), optional
        Targets. Default: a few over the range of the loss.
    eta : array_like of shape (m,), optional
        Linear predictors; every y meets every eta. Default: 41 from -6 to 6, about y where the link is the identity, and ±750,
        where no function may be NaN.

    Raises
    ------
    TypeError
        If `loss` is not a loss.
    ValueError
        Naming the function that is wrong, the first y and eta where it is, what it gives and what was expected:

        - a value, gradient or curvature that is NaN, or infinite within the grid of eta;
        - a gradient that is not the slope of the value; a curvature that is not the slope of the gradient (below it, if the loss
          says that its curvature is an upper bound);
        - a gradient that falls: the loss is not convex;
        - a value that falls without end: the loss has no minimum;
        - a conjugate for which the Fenchel–Young (in)equality ℓ(y, η) + ℓ*(y, u) ≥ u η, with equality at u = ℓ'(y, η), fails.
    """
    table = getattr(loss, "engine", None)
    if table is None:
        raise TypeError(f"loss = {loss!r} must be one of riata.losses: Loss('poisson'), huber(delta=1.35), or what custom(value, "
                        "gradient, curvature) returns, which runs this check itself")
    for name, given in (("y", y), ("eta", eta)):
        if given is not None and (np.size(given) == 0 or not np.isfinite(np.asarray(given, float)).all()):
            raise ValueError(f"{name} = {given!r} must hold one finite number or more, or be None for a grid of the check's own")
    y = _targets(table) if y is None else np.atleast_1d(np.asarray(y, float))
    grid = np.linspace(-6.13, 6.29, 41) if eta is None else np.sort(np.atleast_1d(np.asarray(eta, float)))
    center = y if table.link == "identity" and eta is None else np.zeros(len(y))
    Y, E = np.repeat(y[:, None], len(grid), axis=1), center[:, None] + grid
    look = _Look(loss, Y, E)
    look.numbers(infinite=False)
    if eta is None:
        ends = np.array([-FAR, FAR])
        _Look(loss, np.repeat(y[:, None], 2, axis=1), np.repeat(ends[None], len(y), axis=0)).numbers(infinite=True)
    look.gradient()
    look.convex()
    look.curvature()
    look.minimum(y)
    look.conjugate()


def _targets(table):
    """A few y over the range of a loss."""
    if np.isfinite(table.low) and np.isfinite(table.high):
        y = table.low + (table.high - table.low) * np.array([0.0, 0.25, 0.5, 1.0])
    elif np.isfinite(table.low):
        y = table.low + np.array([0.0, 0.5, 1.0, 3.0, 10.0])
    else:
        y = np.array([-3.0, -1.0, 0.0, 0.5, 2.0])
        y = y[y <= table.high] if table.high >= -3 else table.high - 3 + y
    return y[~table.misses(y)]


class _Look:
    """The functions at a grid (k, m) of y and eta, and a step to its left and right."""

    def __init__(self, loss, y, eta):
        self.loss, self.y, self.eta = loss, y, eta
        self.h = STEP * (1 + np.abs(eta))
        self.f, self.g, self.c, self.d = self.at(eta)

    def at(self, eta, share=1.0):
        """(4, k, m): value, gradient, curvature, dual value at the gradient times ``share``."""
        return row_values(self.loss.engine, self.loss.parameter, self.y, eta, share).reshape(4, *self.y.shape)

    def fail(self, wrong, function, got, expected, remedy):
        i, j = np.argwhere(wrong)[0]
        said = expected if isinstance(expected, str) else f"and {expected[i, j]:.6g} was expected"
        where = f"y={self.y[i, j]:g}, eta={self.eta[i, j]:.6g}"
        raise ValueError(f"{self.loss.name}: {function}({where}) is {got[i, j]:.6g}, {said}: {remedy}")

    def numbers(self, infinite):
        """No NaN, and no infinity unless it may be."""
        for name, got in (("value", self.f), ("gradient", self.g), ("curvature", self.c)):
            wrong = np.isnan(got) if infinite else ~np.isfinite(got)
            if wrong.any():
                self.fail(wrong, name, got, "where a number must be", "write it so that it neither overflows nor divides by 0, "
                          "1 / (1 + exp(-eta)) for exp(eta) / (1 + exp(eta)), say")

    def gradient(self):
        """The gradient is the slope of the value: of a convex loss, it lies between the gradients a step away."""
        left, right = self.at(self.eta - self.h), self.at(self.eta + self.h)
        expected = (right[0] - left[0]) / (2 * self.h)
        rounding = 4 * EPSILON * np.maximum(np.abs(right[0]), np.abs(left[0])) / self.h
        slack = np.abs(right[1] - left[1]) + FIRST * (np.abs(self.g) + np.abs(expected)) + rounding
        wrong = ~(np.abs(self.g - expected) <= slack)
        if wrong.any():
            self.fail(wrong, "gradient", self.g, expected, "give the derivative of value with respect to eta")
        self.left, self.right = left, right

    def convex(self):
        """The gradient does not fall."""
        for eta, g in ((self.eta + self.h, self.right[1]), (np.roll(self.eta, -1, axis=1), np.roll(self.g, -1, axis=1))):
            ahead = eta > self.eta
            rounding = 16 * EPSILON * (1 + np.abs(self.eta)) * (np.abs(self.g) + np.abs(g) + np.abs(self.y))
            wrong = ahead & (g < self.g - rounding)
            if wrong.any():
                i, j = np.argwhere(wrong)[0]
                raise ValueError(f"{self.loss.name} is not convex: at y={self.y[i, j]:g} its gradient falls from "
                                 f"{self.g[i, j]:.6g} at eta={self.eta[i, j]:.6g} to {g[i, j]:.6g} at eta={eta[i, j]:.6g}. "
                                 "Paths, and their certificates, are for convex losses: give one, or another link")

    def curvature(self):
        """The curvature is the slope of the gradient, to one side at least where it jumps."""
        sides = (self.g - self.left[1]) / self.h, (self.right[1] - self.g) / self.h
        low, high = np.minimum(*sides), np.maximum(*sides)
        slack = SECOND * (np.abs(low) + np.abs(high)) + 8 * EPSILON * (np.abs(self.g) + np.abs(self.y) + 1) / self.h
        below, above = ~(self.c >= low - slack), ~(self.c <= high + slack)
        if self.loss.curvature_is_bound:
            if below.any():
                self.fail(below, "curvature", self.c, low, "give an upper bound of the second derivative of value")
        elif (below | above).any():
            self.fail(below | above, "curvature", self.c, np.where(below, low, high), "give the second derivative of value with "
                      "respect to eta (an upper bound of it is allowed with curvature_is_bound=True)")

    def minimum(self, y):
        """There is one."""
        least = least_values(self.loss.engine, self.loss.parameter, y)
        bad = np.flatnonzero(~np.isfinite(least))
        if len(bad):
            raise ValueError(f"{self.loss.name} has no minimum over eta at y={y[bad[0]]:g} (it came to {least[bad[0]]:g}): a "
                             "penalised fit may run away. Give a loss that is bounded below, or the range of y (low, high)")

    def conjugate(self):
        """Fenchel and Young: −ℓ*(u) = min ℓ − u η, which the value at any η is no less than."""
        size = 1e-8 * (1 + np.abs(self.f) + np.abs(self.g * self.eta))
        expected = self.f - self.g * self.eta
        wrong = ~(np.abs(self.d - expected) <= size)
        if wrong.any():
            self.fail(wrong, "-conjugate(y, u) at u = gradient", self.d, expected, REMEDY)
        for share in (0.5, 0.0):
            u, dual = share * self.g, self.at(self.eta, share)[3]
            some = (self.f[:, None, :] - u[:, :, None] * self.eta[:, None, :]).min(axis=2)
            wrong = ~(dual <= some + size)
            if wrong.any():
                self.fail(wrong, f"-conjugate(y, u) at u = {share:g}·gradient", dual,
                          "above value(y, eta) - u·eta at another eta", REMEDY)
