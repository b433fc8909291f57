"""Whether the functions of a penalty belong together: prox minimises, g is a penalty, numbers where numbers should be."""

import numpy as np

from riata_engine.penalty import penalty_values

#: strengths that prox is tried at, and arguments so far out that a function must not be NaN there
STRENGTHS = (0.01, 0.3, 1.0, 5.0)
FAR = 1e10
#: points of the search for a better x than prox gives, and steps around what it gives, relative to 1 + |v|
DENSE, STEPS = 2001, (1e-6, 1e-5, 1e-4, 1e-3)
#: share of an objective, and of a value, that is rounding
ROUNDING = 1e-14
CONVEX_SLACK = 1e-9


def check_penalty(penalty, v=None, t=None):
    """Check a penalty by numbers: prox(v, t) minimises ½(x − v)² + t·g(x), g(0) = 0 ≤ g(b), g is convex if it says so.

    `riata.penalties.custom` does this on a grid of its own. What holds on a grid need not hold between its points: give the v and
    t that matter to look closer.

    Parameters
    ----------
    penalty : CustomPenalty
        Of `riata.penalties.custom`.
    v : array_like of shape (k,), optional
        Arguments of prox, and coefficients for g. Default: 42 from -6.1 to 6.3, and ±1e10, where no function may be NaN.
    t : array_like of shape (m,), optional
        Strengths above 0; every v meets every t. Default: 0.01, 0.3, 1 and 5.

    Raises
    ------
    TypeError
        If `penalty` is not one of `riata.penalties.custom`.
    ValueError
        Naming the function that is wrong, the first arguments where it is, what it gives and what was expected:

        - a g that is not 0 at 0, negative, or NaN; a prox that is not finite;
        - a prox(v, t) to which some x is to be preferred (of 2001 between v and 0 and beyond, or a small step away);
        - convex: a g that lies above one of its chords, or that does not grow to both sides.
    """
    if getattr(penalty, "engine", None) is None:
        raise TypeError(f"penalty = {penalty!r} must be what riata.penalties.custom(value, prox) returns, which runs this check "
                        "itself")
    for name, given in (("v", v), ("t", t)):
        if given is not None and (np.size(given) == 0 or not np.isfinite(np.asarray(given, float)).all()):
            raise ValueError(f"{name} = {given!r} must hold one finite number or more, or be None for a grid of the check's own")
    grid = np.append(np.linspace(-6.13, 6.29, 41), 0.0) if v is None else np.atleast_1d(np.asarray(v, float))
    strengths = np.asarray(STRENGTHS) if t is None else np.atleast_1d(np.asarray(t, float))
    if not (strengths > 0).all():
        raise ValueError(f"t = {strengths[~(strengths > 0)][0]:g} must be a finite number above 0")
    look = _Look(penalty)
    far = np.array([-FAR, FAR]) if v is None else np.empty(0)
    look.values(np.concatenate([grid, far]))
    look.prox(grid, strengths)
    look.finite(far, strengths)
    if penalty.convex:
        look.convex(np.unique(np.append(grid, 0.0)))


class _Look:
    def __init__(self, penalty):
        self.penalty = penalty

    def at(self, v, t=1.0):
        return penalty_values(self.penalty.engine, v, t)

    def fail(self, said, remedy):
        raise ValueError(f"{self.penalty.name}: {said}: {remedy}")

    def values(self, b):
        """0 at 0, no NaN, never negative."""
        zero = float(self.at(0.0)[0])
        if zero != 0:
            self.fail(f"value(b=0) is {zero:g}, and 0 was expected", f"subtract {zero:g}" if np.isfinite(zero) else
                      "write it so that it is 0 there")
        g = self.at(b)[0]
        wrong = np.flatnonzero(~(g >= 0))
        if len(wrong):
            i = wrong[0]
            remedy = ("write it so that it neither overflows nor divides by 0" if np.isnan(g[i]) else
                      "a penalty is least at b = 0")
            self.fail(f"value(b={b[i]:.6g}) is {g[i]:.6g}, and a number of 0 or more was expected", remedy)

    def finite(self, v, t):
        """Finite proximal steps."""
        V, T = np.broadcast_arrays(np.asarray(v, float)[:, None], t)
        x = self.at(V, T)[1]
        if not np.isfinite(x).all():
            i, k = np.argwhere(~np.isfinite(x))[0]
            self.fail(f"prox(v={V[i, k]:.6g}, t={T[i, k]:g}) is {x[i, k]:g}, and a finite number was expected",
                      "write it so that it neither overflows nor divides by 0")

    def prox(self, grid, strengths):
        """No x is better than what prox gives."""
        self.finite(grid, strengths)
        share = np.linspace(-0.5, 1.5, DENSE)
        for t in strengths:
            x = self.at(grid, t)[1]
            size = 1 + np.abs(grid)
            near = np.concatenate([x[:, None] + sign * size[:, None] * np.array(STEPS) for sign in (-1, 1)], axis=1)
            others = np.concatenate([grid[:, None] * share, near, np.zeros((len(grid), 1))], axis=1)

            def objective(x, t=t):
                return (x - grid[:, None]) ** 2 / 2 + t * self.at(x)[0]

            with np.errstate(invalid="ignore"):
                here, there = objective(x[:, None])[:, 0], objective(others)
            self.values(others[np.isnan(there)])
            best = np.argmin(there, axis=1)
            least = there[np.arange(len(grid)), best]
            wrong = np.flatnonzero(~(here <= least + ROUNDING * (grid**2 + 1 + np.abs(least))))
            if len(wrong):
                i = wrong[0]
                self.fail(f"prox(v={grid[i]:.6g}, t={t:g}) is {x[i]:.7g}, where (x - v)**2 / 2 + t * value(x) is {here[i]:.7g}, "
                          f"and something like {others[i, best[i]]:.7g} was expected, where it is {least[i]:.7g}",
                          "give the x that minimises it over all numbers")

    def convex(self, b):
        """No value above a chord, and some above 0 to both sides."""
        g = self.at(b)[0]
        left, middle, right = g[:-2], g[1:-1], g[2:]
        share = (b[1:-1] - b[:-2]) / (b[2:] - b[:-2])
        with np.errstate(invalid="ignore"):
            chord = np.where(np.isinf(left) | np.isinf(right), np.inf, (1 - share) * left + share * right)
        wrong = np.flatnonzero(middle > chord + CONVEX_SLACK * (1 + np.abs(chord)))
        if len(wrong):
            i = wrong[0]
            self.fail(f"value(b={b[i + 1]:.6g}) is {middle[i]:.6g}, and at most {chord[i]:.6g} was expected, between its values "
                      f"at {b[i]:.6g} and {b[i + 2]:.6g}", "it is not convex: give convex=False")
        for far in (-FAR, FAR):
            g = float(self.at(far)[0])
            if not g > 0:
                self.fail(f"value(b={far:g}) is {g:g}, and more than 0 was expected", "a convex penalty must grow to both sides, "
                          "or nothing bounds the coefficients that a duality gap is taken over: give convex=False")
