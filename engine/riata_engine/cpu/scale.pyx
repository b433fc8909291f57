# Units in which no solver meets a scale of 1e300, and the way back: powers of two, so that undoing them costs no digits.
import numpy as np
from libc.float cimport DBL_MAX
from libc.math cimport fabs, frexp, isfinite, isinf, isnan, ldexp, sqrt, NAN

cdef extern from "riata_simd.h":
    ctypedef void cloned_void "RIATA_CLONED_VOID"

cdef enum:
    EXPONENTS = 1000                          # beyond it, squares and products of powers of two are not finite


cdef double power_below(double x) noexcept nogil:
    cdef int exponent = 1
    if x > 0:
        frexp(x, &exponent)
    return ldexp(1.0, max(-EXPONENTS, min(EXPONENTS, exponent - 1)))


cdef bint units_of(Py_ssize_t p, const double* largest, const double* factor, const double* mean, const double* variance, bint centred,
                   double rounding, double* center, double* multiplier, unsigned char* constant) noexcept nogil:
    """(center, multiplier, constant) of columns from their largest value and the mean and variance of column·factor.

    A column is constant (multiplier 0) where its standard deviation, about the mean if ``centred`` and about zero if not, is below
    ``rounding`` times its largest value. Returns whether no column is large, or far from zero in its own units. Outputs come zeroed.
    """
    cdef Py_ssize_t j
    cdef double sd
    cdef bint moderate = True
    for j in range(p):
        if centred:
            center[j] = mean[j] / factor[j]
            sd = sqrt(variance[j])
        else:
            sd = sqrt(variance[j] + mean[j] * mean[j])
        constant[j] = sd <= rounding * largest[j] * factor[j]
        if not constant[j]:
            multiplier[j] = factor[j] / power_below(sd)
        moderate = moderate and largest[j] < 1e100 and fabs(center[j]) * multiplier[j] < 1e3
    return moderate


cdef cloned_void row_to_data(double* b, Py_ssize_t m, const double* mean, const double* multiplier, double sigma, double* dot,
                             double* count, double* lost) noexcept nogil:
    cdef Py_ssize_t j
    cdef double d = 0, k = 0, s = 0, v
    for j in range(m):
        v = b[j]
        d += v * mean[j]
        k += 1 if v != 0 else 0
        v = v * multiplier[j] * sigma
        b[j] = v
        s += 0 if -DBL_MAX <= v <= DBL_MAX else 1
    dot[0] = d
    count[0] = k
    lost[0] = s


def to_data_units(double[:, :, ::1] b, const double[::1] level, const double[:, ::1] mean, const Py_ssize_t[::1] group,
                  const double[::1] multiplier, const double[::1] sigma, bint intercept, double[:, :] level_out,
                  double[:, :] df, unsigned char[:, :] finite):
    """Coefficients of z (k, L, m), in place, to those of the data; their intercepts, their number, and whether all are finite.

    The intercept is sigma·(level − bᵀmean), with ``mean[group]`` what a coefficient takes off it; df counts it if there is one.
    """
    cdef Py_ssize_t i, l, m = b.shape[2]
    with nogil:
        for i in range(b.shape[0]):
            for l in range(b.shape[1]):
                finite[i, l] = to_units_of_data(&b[i, l, 0], m, level[i], &mean[group[i], 0], &multiplier[0], sigma[i], intercept,
                                                &level_out[i, l], &df[i, l])


def levels_to_data(double[:, :, ::1] b, const double[:, ::1] level, const double[::1] mean, const double[::1] multiplier, bint intercept,
                   double[:, ::1] level_out, double[:, ::1] df, unsigned char[:, ::1] finite):
    """``to_data_units`` of problems with a level (k, L) for each alpha, targets in units of the data and one mean (m,)."""
    cdef Py_ssize_t i, l, m = b.shape[2]
    with nogil:
        for i in range(b.shape[0]):
            for l in range(b.shape[1]):
                finite[i, l] = to_units_of_data(&b[i, l, 0] if m else NULL, m, level[i, l], &mean[0] if m else NULL,
                                                &multiplier[0] if m else NULL, 1, intercept, &level_out[i, l], &df[i, l])


cdef bint to_units_of_data(double* b, Py_ssize_t m, double level, const double* mean, const double* multiplier, double sigma,
                           bint intercept, double* level_out, double* df) noexcept nogil:
    """``to_data_units`` of one coefficient vector; whether it is finite."""
    cdef double dot, count, lost
    row_to_data(b, m, mean, multiplier, sigma, &dot, &count, &lost)
    df[0] = count + intercept
    level_out[0] = sigma * (level - dot) if intercept else 0.0
    return lost == 0


def settle(const double[:, :] alphas, const double[::1] null_deviance, double[:, ::1] intercept, double[:, ::1] gap,
           double[:, ::1] residual, double[:, ::1] held_out, double[:, ::1] df, const unsigned char[:, ::1] finite,
           signed char[:, ::1] status, signed char converged, signed char max_iter, signed char not_finite, signed char degenerate,
           double[:, ::1] dev_ratio):
    """Last look at the answers (B, L), in place; returns whether some alpha was not solved.

    What float64 cannot write gets the status ``not_finite``. A gap of infinity is no certificate, but the answer stands, as
    ``max_iter``. Under an alpha that was not solved all numbers are NaN. dev_ratio = 1 − residual / null_deviance, 0 of nothing.
    """
    cdef Py_ssize_t b, l
    cdef bint some = False
    cdef double null
    with nogil:
        for b in range(status.shape[0]):
            null = null_deviance[b]
            for l in range(status.shape[1]):
                if status[b, l] == converged or status[b, l] == max_iter:
                    if not (isfinite(intercept[b, l]) and isfinite(alphas[b, l]) and not isnan(gap[b, l]) and isfinite(residual[b, l])
                            and finite[b, l]):
                        status[b, l] = not_finite
                    elif isinf(gap[b, l]):
                        status[b, l] = max_iter
                if not (status[b, l] == converged or status[b, l] == max_iter or status[b, l] == degenerate):
                    some = True
                    intercept[b, l] = gap[b, l] = residual[b, l] = held_out[b, l] = df[b, l] = NAN
                if null > 0:
                    dev_ratio[b, l] = 1.0 - residual[b, l] / null
                else:
                    dev_ratio[b, l] = NAN if isnan(residual[b, l]) else 0.0
    return some


def work_on_supports(const double[:, ::1] df, bint intercept, const double[::1] l1_ratio, Py_ssize_t p, const int[:, ::1] epochs,
                     const int[:, ::1] newtons):
    """(Σ epochs · s, Σ epochs · s², Σ newtons · s²) over all answers (B, L), s the features in the support: all p for ridge."""
    cdef Py_ssize_t b, l
    cdef double s, once = 0, twice = 0, steps = 0
    with nogil:
        for b in range(df.shape[0]):
            for l in range(df.shape[1]):
                s = df[b, l] - intercept if l1_ratio[b] > 0 else p
                if s > 0:                                  # of what was not solved it is NaN
                    once += epochs[b, l] * s
                    twice += epochs[b, l] * s * s
                    steps += newtons[b, l] * s * s
    return once, twice, steps


def largest_alphas(const double[:, ::1] gradient, const double[:, ::1] f1, const Py_ssize_t[::1] group, const double[::1] lower,
                   const double[::1] upper, const double[::1] sigma, const Py_ssize_t[::1] target, const double[::1] l1_ratio,
                   double least_ratio):
    """(B,) the smallest alphas at which no penalised coefficient wants to leave zero: max |gradient| / f1 over those that may, in units
    of the data, divided by l1_ratio (``least_ratio`` at the least). NaN where that is below what float64 can write.
    """
    cdef Py_ssize_t b, row
    found = np.empty(gradient.shape[0])
    cdef double[::1] out = found
    with nogil:
        for b in range(gradient.shape[0]):
            row = group[b] if f1.shape[0] > 1 else 0
            out[b] = largest_alpha(&gradient[b, 0], &f1[row, 0], gradient.shape[1], &lower[0], &upper[0], sigma[target[b]], l1_ratio[b],
                                   least_ratio)
    return found


cdef double largest_alpha(const double* gradient, const double* f1, Py_ssize_t p, const double* lower, const double* upper, double sigma,
                          double l1_ratio, double least_ratio) noexcept nogil:
    """``largest_alphas`` of one problem."""
    cdef Py_ssize_t j
    cdef double g, ratio, most = 0
    for j in range(p):
        g = gradient[j]
        if f1[j] > 0 and ((g > 0 and upper[j] > 0) or (g < 0 and lower[j] < 0)):
            ratio = fabs(g) / f1[j]
            most = ratio if ratio > most else most
    ratio = most * sigma / max(l1_ratio, least_ratio)
    return NAN if most > 0 and ratio == 0 else ratio
