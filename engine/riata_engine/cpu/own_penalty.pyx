# The terms of a penalty of the user's own, P(b) = alpha Σ f_j g(b_j), of which only g and its proximal operator are known, at
# addresses: its cost, a step along one column, and what a column adds to the gap.
#
# With β the coefficient of z, in units of sigma, b = kβ, k = sigma·unit: the penalty of a column is c g(kβ), c = l1 f1 / k, and
#     argmin_β ½ h β² − z β + c g(kβ)  =  prox(k z / h, c k² / h) / k.
import numpy as np
from libc.math cimport fabs, INFINITY as inf
from libc.stdint cimport uintptr_t
from riata_engine.cpu.rounds cimport Member

cdef double FAR = 1e300
cdef double TIE = 1e-14         # share of an objective that is rounding: zero and a jump away from it are then as good


cdef double prox_of(Penalty* F, double v, double t) noexcept nogil:
    cdef double x = F.prox(v, t, F.a)
    if not fabs(x) <= FAR and F.failure.function == 0 and fabs(v) <= FAR and t <= FAR:
        F.failure.function, F.failure.v, F.failure.t, F.failure.got = 2, v, t, x
    return x


cdef double value_of(Penalty* F, double b) noexcept nogil:
    cdef double g
    if b == 0:
        return 0
    g = F.value(b, F.a)
    if not g >= 0 and F.failure.function == 0 and fabs(b) <= FAR:
        F.failure.function, F.failure.v, F.failure.got = 1, b, g
    return g


cdef double cost(Penalty* F, const Member* M, Py_ssize_t j, double b, double l1) noexcept nogil:
    cdef double k = F.sigma * F.unit[j], g
    if b == 0 or not l1 * M.f1[j] > 0:
        return 0
    g = value_of(F, k * b)
    if g == inf:                                             # by the rounding of k b, beyond a bound that b lies on
        g = value_of(F, k * b * (1 - 4e-16))
    return l1 * M.f1[j] / k * g


cdef double minimum(Penalty* F, const Member* M, Py_ssize_t j, double h, double z, double l1) noexcept nogil:
    """argmin_β ½ h β² − z β + the penalty of column j."""
    cdef double k = F.sigma * F.unit[j], t = l1 * M.f1[j] * k / h
    return prox_of(F, k * z / h, t) / k if t > 0 else z / h


cdef double moved_to(Penalty* F, const Member* M, Py_ssize_t j, double h, double g, double b, double l1) noexcept nogil:
    """Where one step along column j leads from b, whose gradient is g: to the minimum along it, to b itself if that is as good."""
    cdef double z = g + h * b, new = minimum(F, M, j, h, z, l1), here, there
    if F.convex or (b == 0) == (new == 0):
        return new
    here, there = (0.5 * h * b - z) * b, (0.5 * h * new - z) * new
    here, there = here + cost(F, M, j, b, l1), there + cost(F, M, j, new, l1)
    return b if there > here - TIE * fabs(z) * (fabs(b) + fabs(new)) else new


cdef void find_ends(Penalty* F, double level) noexcept nogil:
    """An interval that holds what g does not take above ``level``: where the solution's coefficient must lie."""
    cdef int side, _step
    cdef double low, high, middle
    if fabs(level - F.level) <= 1e-7 * F.level:
        return
    F.level = level
    for side in range(2):
        low, high = 0, 1
        while high < FAR and value_of(F, high if side else -high) <= level * (1 + 1e-6):
            low, high = high, 4 * high
        while low == 0 and high > 1 / FAR and value_of(F, 0.25 * (high if side else -high)) > level * (1 + 1e-6):
            high = 0.25 * high
        for _step in range(24):
            middle = 0.5 * (low + high)
            if value_of(F, middle if side else -middle) <= level * (1 + 1e-6):
                low = middle
            else:
                high = middle
        if high >= FAR:
            high = inf
        F.ends[side] = high if side else -high


cdef double excess(Penalty* F, const Member* M, Py_ssize_t j, double h, double t, double b, double l1,
                   double objective) noexcept nogil:
    """max_x t (x − b) − c (g(kx) − g(kb)), or a little more: what column j adds to the duality gap, g convex.

    x' = the minimum along the column has the subgradient s = t − h (x' − b) of the penalty, which bounds it from below by its
    tangent there; what is left, (t − s)(x − x'), is the larger for an x at one of the ends of where a solution may be.
    """
    cdef double new, rest, k = F.sigma * F.unit[j], c = l1 * M.f1[j] / k
    if not c > 0:
        return fabs(t) * 2 * (fabs(b) + 10)
    new = minimum(F, M, j, h, t + h * b, l1)
    rest = h * (new - b)
    if rest == 0:
        return 0
    find_ends(F, objective / c)
    return max(0.0, rest * (F.ends[rest > 0] / k - new) + t * (new - b) - (cost(F, M, j, new, l1) - cost(F, M, j, b, l1)))


def functions_at(uintptr_t value, uintptr_t prox, double a, const double[::1] v, const double[::1] t):
    """(g(v), prox(v, t)) of the functions at two addresses."""
    cdef Py_ssize_t i
    g, x = np.empty(len(v)), np.empty(len(v))
    cdef double[::1] g_ = g, x_ = x
    for i in range(v.shape[0]):
        g_[i] = (<Value>value)(v[i], a)
        x_[i] = (<Prox>prox)(v[i], t[i], a)
    return g, x


def largest_penalties(uintptr_t value, uintptr_t prox, double a, const double[:, ::1] gradient, const double[:, ::1] h,
                      const double[:, ::1] f1, const double[:, ::1] unit, const double[::1] sigma, const Py_ssize_t[::1] group):
    """(B,) the smallest l1 at which no column would leave zero, from gradients (B, p); infinite where a column always does."""
    cdef Py_ssize_t b, j, g, p = gradient.shape[1]
    cdef double l, low, high, k, z
    cdef int _step
    cdef Prox step = <Prox>prox
    out = np.empty(gradient.shape[0])
    cdef double[::1] found = out
    with nogil:
        for b in range(gradient.shape[0]):
            g, l = group[b], 0
            for j in range(p):
                z = f1[g if f1.shape[0] > 1 else 0, j]
                if not z > 0 or not h[g, j] > 0 or gradient[b, j] == 0:
                    continue
                k = sigma[b] * unit[g if unit.shape[0] > 1 else 0, j]
                high = max(l, fabs(gradient[b, j]) / z)
                low, z = l, z * k / h[g, j]
                if l > 0 and step(k * gradient[b, j] / h[g, j], l * z, a) == 0:
                    continue
                while high < FAR and step(k * gradient[b, j] / h[g, j], high * z, a) != 0:
                    low, high = high, 16 * high
                for _step in range(100):
                    if high >= FAR or high - low <= 1e-15 * high:
                        break
                    if step(k * gradient[b, j] / h[g, j], 0.5 * (low + high) * z, a) == 0:
                        high = 0.5 * (low + high)
                    else:
                        low = 0.5 * (low + high)
                l = high if high < FAR else inf
                if l == inf:
                    break
            found[b] = l
    return out
