# What a certificate of gradient descent needs of the rows: slopes at the intercept's optimum, values, and the dual of the loss.
from libc.math cimport INFINITY as inf, fabs, isfinite, nextafter
from riata_engine.cpu.descent_rows cimport (
    EPSILON_INSENSITIVE, HINGE, MODIFIED_HUBER, PERCEPTRON, SQUARED_EPSILON_INSENSITIVE, SQUARED_HINGE, slopes_of_rows,
)

include "loss_table.pxi"
include "../formulas/penalties.py"
include "../formulas/margins.py"

cdef extern from "riata_simd.h":
    ctypedef void cloned_void "RIATA_CLONED_VOID"
    ctypedef void inlined_void "RIATA_INLINED_VOID"

cdef enum:
    CHUNK = 256                         # rows whose linear predictors are moved at a time

#: share of Σ|slope| that their sum may be before one sign is scaled down
cdef double BALANCED = 1e-13


def losses_of_problems(int loss, double a, const double[:, ::1] y, const Py_ssize_t[::1] target, const double[:, ::1] w,
                       const double[:, ::1] eta, double[:, ::1] slope, double[::1] value):
    """value (B,) = Σ w ℓ(y, η), slope (B, n) = w ℓ'(y, η), at eta (B, n) and the rows ``target`` (B,) of y; w (1 or B, n)."""
    cdef Py_ssize_t b
    with nogil:
        for b in range(eta.shape[0]):
            slopes_of_rows(loss, a, &y[target[b], 0], &w[b if w.shape[0] > 1 else 0, 0], &eta[b, 0], eta.shape[1], 1, 0,
                           &slope[b, 0], &value[b])


cdef cloned_void moved(const double* eta, double move, Py_ssize_t m, double* out) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(m):
        out[i] = eta[i] + move


cdef cloned_void sums(const double* u, Py_ssize_t m, double* total, double* size) noexcept nogil:
    cdef Py_ssize_t i
    cdef double s = 0, t = 0
    for i in range(m):
        s += u[i]
        t += fabs(u[i])
    total[0] += s
    size[0] += t


cdef double sum_at(int loss, double a, const double* y, const double* w, const double* eta, double move, Py_ssize_t n, double* slope,
                   double* size, double* value) noexcept nogil:
    """Σ of the slopes at linear predictors that are moved by a number; Σ of their sizes, and of the loss if ``value`` is not NULL."""
    cdef double room[CHUNK]
    cdef double total = 0, part = 0
    cdef Py_ssize_t at = 0, m
    size[0] = 0
    if value != NULL:
        value[0] = 0
    while at < n:
        m = min(<Py_ssize_t>CHUNK, n - at)
        moved(eta + at, move, m, room)
        slopes_of_rows(loss, a, y + at, w + at, room, m, 1, 0, slope + at, &part if value != NULL else NULL)
        if value != NULL:
            value[0] += part
        sums(slope + at, m, &total, size)
        at += m
    return total


cdef void even_out(double* slope, Py_ssize_t n) noexcept nogil:
    """The heavier sign is scaled down until the sum is zero."""
    cdef double up = 0, down = 0, least, rise, fall
    cdef Py_ssize_t i
    for i in range(n):
        up += max(slope[i], 0.0)
        down -= min(slope[i], 0.0)
    least = min(up, down)
    rise, fall = least / up if up > 0 else 1, least / down if down > 0 else 1
    if rise == 1 and fall == 1:
        return
    for i in range(n):
        slope[i] *= rise if slope[i] > 0 else fall


cdef double optimal_move(int loss, double a, const double* y, const double* w, const double* eta, Py_ssize_t n, double total, double size,
                         double* slope) noexcept nogil:
    """The change of the intercept at which the slopes sum to zero; the sum grows with it. ``slope`` is left as it is there."""
    cdef double width, low = 0, high = 0, below, above, move, beyond = total, side = 0
    cdef int k
    if fabs(total) <= BALANCED * size or not isfinite(total):
        return 0
    width = -8 * total                                        # of a sum of weights one and a curvature of an eighth: the optimum
    for k in range(1100):                                     # a bracket
        beyond = sum_at(loss, a, y, w, eta, width, n, slope, &size, NULL)
        if (beyond > 0) == (width > 0) or fabs(beyond) <= BALANCED * size:
            break
        if fabs(width) > 1e300:
            return width
        width *= 2 if k < 60 else 1e6
    if fabs(beyond) <= BALANCED * size:
        return width
    if width > 0:
        high, below, above = width, total, beyond
    else:
        low, below, above = width, beyond, total
    move = width
    for k in range(200):                                      # false position (Illinois); where that takes long, each third time halves
        move = low + (high - low) * (below / (below - above)) if below != above else low
        if not (move > low and move < high) or (k > 8 and k % 3 == 2):
            move = (low + high) / 2
        total = sum_at(loss, a, y, w, eta, move, n, slope, &size, NULL)
        if fabs(total) <= BALANCED * size or nextafter(low, high) >= high:
            break
        if total > 0:
            below = below / 2 if side > 0 else below
            high, above, side = move, total, 1
        else:
            above = above / 2 if side < 0 else above
            low, below, side = move, total, -1
    return move


def balanced_slopes(int loss, double a, const double[:, ::1] y, const Py_ssize_t[::1] target, const double[:, ::1] w,
                    const double[:, ::1] eta, bint intercept, double[:, ::1] slope, double[::1] value, double[::1] least):
    """value (B,) = Σ w ℓ(y, η); slope (B, n) = w ℓ'(y, η) and ``least`` (B,) = Σ w ℓ at the intercept's optimum.

    The heavier sign of the slopes is scaled down until their sum is zero. Without ``intercept`` all is at eta, as it is.
    """
    cdef Py_ssize_t b, n = eta.shape[1]
    cdef double total, size = 0, move
    cdef const double* Y
    cdef const double* W
    with nogil:
        for b in range(eta.shape[0]):
            Y, W = &y[target[b], 0], &w[b if w.shape[0] > 1 else 0, 0]
            total = sum_at(loss, a, Y, W, &eta[b, 0], 0, n, &slope[b, 0], &size, &value[b])
            least[b] = value[b]
            if not intercept:
                continue
            move = optimal_move(loss, a, Y, W, &eta[b, 0], n, total, size, &slope[b, 0])
            if move != 0:
                sum_at(loss, a, Y, W, &eta[b, 0], move, n, &slope[b, 0], &size, &least[b])
            even_out(&slope[b, 0], n)


cdef inline double dual_at(int loss, double y, double u, double a) noexcept nogil:
    """−ℓ*(u) of a slope u that the loss can have."""
    if loss == SQUARED:
        return -u * y - u * u / 2
    if loss == HINGE:
        return -margin_conjugate(u, y, 0, 0)
    if loss == SQUARED_HINGE or loss == MODIFIED_HUBER:      # one parabola, of which the second keeps slopes up to 4
        return -margin_conjugate(u, y, 0, 0.5)
    if loss == EPSILON_INSENSITIVE:
        return -margin_conjugate(u, y, a, 0)
    if loss == SQUARED_EPSILON_INSENSITIVE:
        return -margin_conjugate(u, y, a, 0.5)
    if loss == PERCEPTRON:
        return 0
    return dual_of(loss, y, u, a)


cdef inlined_void duals(int loss, double a, const double* y, const double* w, const double* u, double s, Py_ssize_t n,
                        double* out) noexcept nogil:
    cdef Py_ssize_t i
    cdef double f = 0, safe
    for i in range(n):
        safe = w[i] if w[i] > 0 else 1.0
        f += w[i] * dual_at(loss, y[i], s * u[i] / safe, a)
    out[0] = f


cdef cloned_void duals_any(int loss, double a, const double* y, const double* w, const double* u, double s, Py_ssize_t n,
                           double* out) noexcept nogil:
    if loss == SQUARED:
        duals(SQUARED, a, y, w, u, s, n, out)
    elif loss == LOGISTIC:
        duals(LOGISTIC, a, y, w, u, s, n, out)
    elif loss == POISSON:
        duals(POISSON, a, y, w, u, s, n, out)
    else:
        duals(loss, a, y, w, u, s, n, out)


def duals_of_problems(int loss, double a, const double[:, ::1] y, const Py_ssize_t[::1] target, const double[:, ::1] w,
                      const double[:, ::1] slope, const double[::1] s, double[::1] out):
    """out (B,) = −Σ w ℓ*(s·slope / w): the loss part of the dual objective at s (B,) times slopes (B, n) of ``balanced_slopes``."""
    cdef Py_ssize_t b
    with nogil:
        for b in range(slope.shape[0]):
            duals_any(loss, a, &y[target[b], 0], &w[b if w.shape[0] > 1 else 0, 0], &slope[b, 0], s[b], slope.shape[1], &out[b])
