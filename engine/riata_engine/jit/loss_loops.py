"""The loops over rows of a loss that a user brings, compiled by numba: the same sums as cpu/loss_rows.pyx, at addresses.

A loop is one call for all rows of a problem, from a thread that does not hold the GIL. The functions of the user are inlined into
it. Sums may be reordered, as in the loops of the library's own losses; NaN and infinities keep their meaning.

Without a conjugate the dual value of a row, min_x ℓ(y, x) − u x, is found by Newton's method on ℓ'(y, x) = u within a bracket. A
dual point of a path is u = s ℓ'(y, η) with 0 ≤ s ≤ 1, so that the search begins at η, where s = 1 has its answer; s < 1 takes a
few steps. What the last step leaves open is taken off by convexity: ℓ(y, x) − u x − |ℓ'(y, x) − u|·(width of the bracket) lies
below the minimum, so that a gap is not too small.
"""

import numpy as np
from numba import njit, types
from numba.core.ccallback import CFunc

INTP, FLOAT, ARRAY = types.intp, types.float64, types.CPointer(types.float64)
#: the arguments of each loop: ``Loops`` in cpu/loss_rows.pyx
SIGNATURES = {"sweep": (INTP, ARRAY, ARRAY, FLOAT, ARRAY, FLOAT, ARRAY, ARRAY, ARRAY),
              "moved": (INTP, ARRAY, ARRAY, FLOAT, ARRAY, ARRAY, FLOAT, FLOAT, ARRAY),
              "duals": (INTP, ARRAY, ARRAY, FLOAT, ARRAY, ARRAY, FLOAT, ARRAY),
              "saturated": (INTP, ARRAY, ARRAY, FLOAT, ARRAY)}
#: sums may be reordered and multiplications fused; no number is assumed to be finite
OPTIONS = {"nopython": True, "error_model": "numpy", "fastmath": {"reassoc", "contract", "nsz"}}
#: of functions that a loop calls, which would otherwise inherit what the loop is allowed
EXACT = {"error_model": "numpy", "fastmath": False}
#: steps of a search; rounding of a gradient; how far out a minimum may be
STEPS, ROUNDING, FAR = 200, 4 * np.finfo(float).eps, 1e16
#: a minimum that is not attained is reached where a Newton step promises less than this share of the loss
NEGLIGIBLE = 1e-16
#: a search is over where what it leaves open is at most this share of the loss
EXACT_ENOUGH = 1e-13


def loops_of(value, gradient, curvature, conjugate):
    """The four loops, as Python functions, of njit functions (y, η, a), and of a conjugate (y, u, a) or None."""
    least = _search(value, gradient, curvature) if conjugate is None else None

    def sweep(n, y, v, a, eta, flat, r, w, out):
        f, slope, size, weight, square, bad = 0.0, 0.0, 0.0, 0.0, 0.0, 0
        for i in range(n):
            g = gradient(y[i], eta[i], a)
            h = curvature(y[i], eta[i], a) + flat
            used = v[i] > 0                              # a row that is held out may be anywhere
            vg = v[i] * g if used else 0.0
            vh = v[i] * h if used else 0.0
            bad += 1 if used and not h > 0 else 0
            f += v[i] * value(y[i], eta[i], a) if used else 0.0
            r[i] = -vg
            w[i] = vh
            slope -= vg
            size += abs(vg)
            weight += vh
            square += vg * g / h if used else 0.0
        out[0], out[1], out[2], out[3], out[4] = f, slope, size, np.nan if bad else weight, square

    def moved(n, y, v, a, eta, move, step, shift, out):
        f = 0.0
        for i in range(n):
            f += v[i] * value(y[i], eta[i] + step * (move[i] + shift), a) if v[i] > 0 else 0.0
        out[0] = f

    if conjugate is None:
        def duals(n, y, v, a, eta, r, s, out):
            f = 0.0
            for i in range(n):
                if v[i] > 0:
                    f += v[i] * least(y[i], -s * r[i] / v[i], eta[i], a)
            out[0] = f

        def saturated(n, y, v, a, out):
            f = 0.0
            for i in range(n):
                if v[i] > 0:
                    f += v[i] * least(y[i], 0.0, 0.0, a)
            out[0] = f
    else:
        def duals(n, y, v, a, eta, r, s, out):
            f = 0.0
            for i in range(n):
                f -= v[i] * conjugate(y[i], -s * r[i] / v[i], a) if v[i] > 0 else 0.0
            out[0] = f

        def saturated(n, y, v, a, out):
            f = 0.0
            for i in range(n):
                f -= v[i] * conjugate(y[i], 0.0, a) if v[i] > 0 else 0.0
            out[0] = f

    return {"sweep": sweep, "moved": moved, "duals": duals, "saturated": saturated}


def _search(value, gradient, curvature):
    """least(y, u, x, a) = min over x of ℓ(y, x) − u x, or a little below, from a first guess; −inf where there is none."""

    @njit(**EXACT)
    def least(y, u, x, a):
        g = gradient(y, x, a)
        slope = g - u
        f = value(y, x, a)
        if not abs(slope) > ROUNDING * (abs(g) + abs(u)):             # a NaN ends here too
            return f - u * x + 0 * slope
        size, reach, before = abs(f), 0.0, np.inf
        low, high = -np.inf, np.inf
        for _ in range(STEPS):
            if slope > 0:
                high = x
            else:
                low = x
            h = curvature(y, x, a)
            step = abs(slope) / h if h > 0 else np.inf
            closed = np.isfinite(high - low)
            if closed and abs(slope) * (high - low) <= EXACT_ENOUGH * size:
                break
            if not closed:                                            # the minimum lies further out
                if u == 0 and slope * slope <= NEGLIGIBLE * size * h:
                    return f                                          # it goes on falling, by nothing
                if before < np.inf:                                   # far enough to get behind it, or to find out
                    step = min(max(2 * step if abs(slope) < before / 4 else 4 * reach, step), 4 * reach + 1)
                reach = step = min(step, 1 + abs(x))
            to = x - step if slope > 0 else x + step
            if not closed and to == x:                                # a curvature far too large: its step is lost in rounding
                reach = ROUNDING * (1 + abs(x))
                to = x - reach if slope > 0 else x + reach
            if closed and not (low < to and to < high):
                to = low + (high - low) / 2
            if closed and not (low < to and to < high):
                break
            if abs(to) > FAR:
                return -np.inf
            before = abs(slope)
            x = to
            g = gradient(y, x, a)
            f = value(y, x, a)
            slope = g - u
            size = max(size, abs(f))
            if not abs(slope) > ROUNDING * (abs(g) + abs(u)):
                return f - u * x + 0 * slope
        return f - u * x - abs(slope) * (high - low)                      # −inf where the minimum has no bracket

    return least


def address_of(loop, kind, cache):
    """(the address of a compiled loop, what keeps it alive); from the cache on disk where that has it."""
    compiled = CFunc(loop, (SIGNATURES[kind], types.void), {}, OPTIONS)
    if cache is not None:
        compiled._cache = cache
    compiled.compile()
    return compiled.address, compiled
