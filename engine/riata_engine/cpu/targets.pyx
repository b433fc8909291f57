# Means and norms of targets and residuals. A sum runs down the rows of one of them, whatever stands beside it: a problem's numbers
# are the same bits alone and in a batch.
import numpy as np
from libc.math cimport sqrt
from riata_engine.cpu.scale cimport power_below

cdef extern from "riata_simd.h":
    ctypedef void cloned_void "RIATA_CLONED_VOID"


cdef cloned_void means(const double* Y, Py_ssize_t ldy, const double* v, Py_ssize_t ldv, Py_ssize_t n, Py_ssize_t T,
                       double* out) noexcept nogil:
    """out[t] += Σ_i v_i Y_it of T targets in rows of length ldy."""
    cdef Py_ssize_t i, t
    for i in range(n):
        for t in range(T):
            out[t] += v[i * ldv] * Y[i * ldy + t]


cdef cloned_void squares(const double* Y, Py_ssize_t ldy, const double* v, Py_ssize_t ldv, const double* center, Py_ssize_t n, Py_ssize_t T,
                         double* out) noexcept nogil:
    """out[t] += Σ_i v_i (Y_it − center_t)²."""
    cdef Py_ssize_t i, t
    for i in range(n):
        for t in range(T):
            out[t] += v[i * ldv] * (Y[i * ldy + t] - center[t]) * (Y[i * ldy + t] - center[t])


cdef cloned_void sizes(const double* Y, Py_ssize_t n, Py_ssize_t T, double* out) noexcept nogil:
    cdef Py_ssize_t i, t
    cdef double a
    for i in range(n):
        for t in range(T):
            a = Y[i * T + t] if Y[i * T + t] >= 0 else -Y[i * T + t]
            out[t] = a if a > out[t] else out[t]


cdef cloned_void shift_and_divide(double* Y, Py_ssize_t n, Py_ssize_t T, const double* shift, const double* unit) noexcept nogil:
    cdef Py_ssize_t i, t
    for i in range(n):
        for t in range(T):
            Y[i * T + t] = (Y[i * T + t] - shift[t]) / unit[t]


cdef void units_of_targets(double* Y, Py_ssize_t n, Py_ssize_t T, const double* v, bint intercept, double rounding, double* mean,
                           double* sigma, double* square, const double* zero) noexcept nogil:
    """``target_units`` in place; all but Y come zeroed."""
    cdef Py_ssize_t i, t
    sizes(Y, n, T, sigma)
    for t in range(T):
        sigma[t] = power_below(sigma[t])
    shift_and_divide(Y, n, T, zero, sigma)
    if intercept:
        means(Y, T, v, 1, n, T, mean)
    for t in range(T):
        square[t] = 1.0
    shift_and_divide(Y, n, T, mean, square)
    for t in range(T):
        square[t] = 0
    squares(Y, T, v, 1, zero, n, T, square)
    for t in range(T):
        if square[t] <= (rounding * mean[t]) ** 2:
            square[t] = 0
            for i in range(n):
                Y[i * T + t] = 0
        square[t] = power_below(sqrt(square[t]))
        mean[t] /= square[t]
        sigma[t] *= square[t]
    shift_and_divide(Y, n, T, zero, square)


def target_units(Y, const double[::1] v, bint intercept, double rounding):
    """Targets Y (n, T) in units of sigma, without their means under weights v (Σ v = 1): (Y, mean in units of sigma, sigma).

    sigma is a power of two at or below the standard deviation (about zero without an intercept). A target whose standard deviation
    is at most ``rounding`` times its mean is constant: zero, with sigma of its size.
    """
    out = np.array(Y, order="C")
    cdef double[:, ::1] y = out
    cdef Py_ssize_t n = y.shape[0], T = y.shape[1]
    rows = np.zeros((4, T))
    cdef double[:, ::1] w = rows
    cdef double* mean = &w[0, 0]
    cdef double* sigma = mean + T
    cdef double* square = mean + 2 * T
    cdef double* zero = mean + 3 * T
    with nogil:
        units_of_targets(&y[0, 0], n, T, &v[0], intercept, rounding, mean, sigma, square, zero)
    return out, rows[0], rows[1]


def group_moments(const double[:, ::1] Y, const double[:, ::1] V, const double[::1] base_mean, used, bint intercept, double rounding):
    """(G, T) means of targets under the weights V (G, n), and sums of squares about them.

    ``used`` (G, T) bytes, or None for all: the pairs that are asked for.

    A sum of squares of at most (``rounding`` · size of the means)² is zero.
    """
    cdef Py_ssize_t T = Y.shape[1], G = V.shape[0], g, t
    means_out, squares_out = np.zeros((G, T)), np.zeros((G, T))
    cdef double[:, ::1] ybar = means_out, yy = squares_out
    cdef const unsigned char[:, ::1] wanted = None
    cdef bint some = used is not None
    if some:
        wanted = used
    with nogil:
        for g in range(G):
            if not some:
                moments_of_targets(&Y[0, 0], T, &V[g, 0], Y.shape[0], T, intercept, &ybar[g, 0], &yy[g, 0])
            else:
                for t in range(T):
                    if wanted[g, t]:
                        moments_of_targets(&Y[0, t], T, &V[g, 0], Y.shape[0], 1, intercept, &ybar[g, t], &yy[g, t])
            for t in range(T):
                yy[g, t] = unless_rounding(yy[g, t], ybar[g, t], base_mean[t], rounding)
    return means_out, squares_out


cdef double unless_rounding(double square, double mean, double base_mean, double rounding) noexcept nogil:
    """A sum of squares about the mean, or zero if it is no more than rounding of numbers of the size of the means."""
    return 0 if square <= rounding ** 2 * (mean ** 2 + base_mean ** 2) else square


cdef void moments_of_targets(const double* Y, Py_ssize_t ldy, const double* v, Py_ssize_t n, Py_ssize_t count, bint intercept,
                             double* mean, double* square) noexcept nogil:
    """Add the means of ``count`` targets, if there is an intercept, and the sums of squares about ``mean``."""
    if intercept:
        means(Y, ldy, v, 1, n, count, mean)
    squares(Y, ldy, v, 1, mean, n, count, square)


cdef cloned_void add_row(const double* y, Py_ssize_t T, double w, double* total, double* square) noexcept nogil:
    cdef Py_ssize_t t
    for t in range(T):
        total[t] += w * y[t]
        square[t] += w * y[t] * y[t]


def part_sums(const double[:, ::1] Y, v, label, double[::1] weight, double[:, ::1] total, double[:, ::1] square):
    """Σ v, Σ v y and Σ v y² over the rows of each part; ``v`` None: ones; ``label`` (n,) negative for no part, None: all are part 0."""
    cdef Py_ssize_t n = Y.shape[0], T = Y.shape[1], i, k
    cdef const double[::1] weights = None
    cdef const Py_ssize_t[::1] part = None
    cdef bint weighted = v is not None, labelled = label is not None
    cdef double one = 1
    cdef const double* w
    if weighted:
        weights = v
    if labelled:
        part = label
    with nogil:
        for i in range(n):
            k = part[i] if labelled else 0
            if k >= 0:
                w = &weights[i] if weighted else &one
                weight[k] += w[0]
                add_row(&Y[i, 0], T, w[0], &total[k, 0], &square[k, 0])


cdef cloned_void norms(const double* r, const double* v, const double* y, Py_ssize_t n, double* rr, double* ry) noexcept nogil:
    cdef Py_ssize_t i
    cdef double square = 0, product = 0
    for i in range(n):
        square += v[i] * r[i] * r[i]
        product += v[i] * y[i] * r[i]
    rr[0] = square
    ry[0] = product


def residual_norms(const double[:, :, ::1] R, const double[:, ::1] V, const Py_ssize_t[::1] group, const double[:, ::1] Y,
                   double[:, ::1] rr, double[:, ::1] ry):
    """Σ v r² and Σ v r y of L residuals of each of k problems: R (k, L, n), weights V[group] (G, n), targets Y (k, n)."""
    cdef Py_ssize_t i, l
    if R.shape[2] == 0:
        rr[:] = 0
        ry[:] = 0
        return
    with nogil:
        for i in range(R.shape[0]):
            for l in range(R.shape[1]):
                norms(&R[i, l, 0], &V[group[i], 0], &Y[i, 0], R.shape[2], &rr[i, l], &ry[i, l])
