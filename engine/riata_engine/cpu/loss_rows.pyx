# Sums of a loss over rows: value, gradient and curvature in one sweep, dual values, deviances. A loop is compiled for each loss.
from libc.math cimport INFINITY

include "loss_table.pxi"

cdef extern from "riata_simd.h":
    ctypedef void cloned_void "RIATA_CLONED_VOID"
    ctypedef void inlined_void "RIATA_INLINED_VOID"

cdef double FLAT = 1e-8                 # added to the curvature of a row: the model of a step must have a minimum

#: the names of the losses; their order is the code in ``Rows``
LOSSES = ("squared", "logistic", "poisson", "gamma", "tweedie", "negative_binomial", "huber")


cdef inlined_void sweep(int loss, const Rows* P, const double* eta, double* r, double* w, Sums* out) noexcept nogil:
    cdef Py_ssize_t i
    cdef double a = P.a, f = 0, slope = 0, size = 0, weight = 0, square = 0, v, g, h, flat = FLAT
    cdef const double* y = P.y
    cdef const double* weights = P.v
    for i in range(P.n):
        v = weights[i]
        g = gradient_of(loss, y[i], eta[i], a)
        h = curvature_of(loss, y[i], eta[i], a) + flat
        f += v * value_of(loss, y[i], eta[i], a)
        r[i] = -v * g
        w[i] = v * h
        slope -= v * g
        size += v * fabs(g)
        weight += v * h
        square += v * g * g / h
    out.value, out.slope, out.size, out.weight, out.square = f, slope, size, weight, square


cdef inlined_void moved(int loss, const Rows* P, const double* eta, const double* move, double step, double shift,
                        double* out) noexcept nogil:
    cdef Py_ssize_t i
    cdef double a = P.a, f = 0
    cdef const double* y = P.y
    for i in range(P.n):
        f += P.v[i] * value_of(loss, y[i], eta[i] + step * (move[i] + shift), a)
    out[0] = f


cdef inlined_void duals(int loss, const Rows* P, const double* r, double s, double* out) noexcept nogil:
    cdef Py_ssize_t i
    cdef double a = P.a, f = 0, v
    cdef const double* y = P.y
    for i in range(P.n):
        v = P.v[i]
        f += v * dual_of(loss, y[i], -s * r[i] / v, a) if v > 0 else 0.0
    out[0] = f


cdef cloned_void sweep_any(const Rows* P, const double* eta, double* r, double* w, Sums* out) noexcept nogil:
    if P.loss == LOGISTIC:
        sweep(LOGISTIC, P, eta, r, w, out)
    elif P.loss == POISSON:
        sweep(POISSON, P, eta, r, w, out)
    elif P.loss == GAMMA:
        sweep(GAMMA, P, eta, r, w, out)
    elif P.loss == TWEEDIE:
        sweep(TWEEDIE, P, eta, r, w, out)
    elif P.loss == NEGATIVE_BINOMIAL:
        sweep(NEGATIVE_BINOMIAL, P, eta, r, w, out)
    elif P.loss == HUBER:
        sweep(HUBER, P, eta, r, w, out)


cdef cloned_void moved_any(const Rows* P, const double* eta, const double* move, double step, double shift, double* out) noexcept nogil:
    if P.loss == LOGISTIC:
        moved(LOGISTIC, P, eta, move, step, shift, out)
    elif P.loss == POISSON:
        moved(POISSON, P, eta, move, step, shift, out)
    elif P.loss == GAMMA:
        moved(GAMMA, P, eta, move, step, shift, out)
    elif P.loss == TWEEDIE:
        moved(TWEEDIE, P, eta, move, step, shift, out)
    elif P.loss == NEGATIVE_BINOMIAL:
        moved(NEGATIVE_BINOMIAL, P, eta, move, step, shift, out)
    elif P.loss == HUBER:
        moved(HUBER, P, eta, move, step, shift, out)


cdef cloned_void duals_any(const Rows* P, const double* r, double s, double* out) noexcept nogil:
    if P.loss == LOGISTIC:
        duals(LOGISTIC, P, r, s, out)
    elif P.loss == POISSON:
        duals(POISSON, P, r, s, out)
    elif P.loss == GAMMA:
        duals(GAMMA, P, r, s, out)
    elif P.loss == TWEEDIE:
        duals(TWEEDIE, P, r, s, out)
    elif P.loss == NEGATIVE_BINOMIAL:
        duals(NEGATIVE_BINOMIAL, P, r, s, out)
    elif P.loss == HUBER:
        duals(HUBER, P, r, s, out)


cdef void evaluate(const Rows* P, const double* eta, double* r, double* w, Sums* out) noexcept nogil:
    """r = −v ℓ'(y, η), w = v ℓ''(y, η), and their sums."""
    sweep_any(P, eta, r, w, out)


cdef double value_of_rows(const Rows* P, const double* eta, const double* move, double step, double shift) noexcept nogil:
    """Σ v ℓ(y, η + step·(move + shift))"""
    cdef double out = 0
    moved_any(P, eta, move, step, shift, &out)
    return out


cdef double dual_of_rows(const Rows* P, const double* r, double s) noexcept nogil:
    """−Σ v ℓ*(−s r / v): the loss part of the dual objective at s times r = −v ℓ'."""
    cdef double out = 0
    duals_any(P, r, s, &out)
    return out


cdef double saturated_of_rows(const Rows* P) noexcept nogil:
    cdef Py_ssize_t i
    cdef double f = 0
    for i in range(P.n):
        if P.v[i] > 0:
            f += P.v[i] * saturated_of(P.loss, P.y[i], P.a)
    return f


cdef double level_of_rows(const Rows* P, int link) noexcept nogil:
    """The linear predictor of the mean of y, where a fit begins; infinite where y is at one end of its range in every row that counts."""
    cdef Py_ssize_t i
    cdef double mean = 0, least = INFINITY, most = -INFINITY
    for i in range(P.n):
        mean += P.v[i] * P.y[i]
        if P.v[i] > 0:
            least, most = min(least, P.y[i]), max(most, P.y[i])
    if link > 0 and most <= 0:
        return -INFINITY
    if link == 2 and least >= 1:
        return INFINITY
    return level_of_mean(link, mean)


cdef double deviance_of(const Rows* P, const double* eta, const Py_ssize_t* rows, Py_ssize_t count, const double* w) noexcept nogil:
    """Mean deviance 2 (ℓ − saturated) of some rows, weighted."""
    cdef Py_ssize_t k, i
    cdef double f = 0, weight = 0
    for k in range(count):
        i = rows[k]
        f += w[i] * 2 * (value_of(P.loss, P.y[i], eta[i], P.a) - saturated_of(P.loss, P.y[i], P.a))
        weight += w[i]
    return f / weight


def deviances_of_rows(int loss, double parameter, const double[::1] y, const double[:, ::1] eta, const double[::1] w, double[::1] out):
    """out[l] = Σ w 2 (ℓ(y, eta[l]) − saturated); w has the sum one."""
    cdef Rows P
    cdef Py_ssize_t l
    cdef double least
    P.loss, P.a, P.n, P.y, P.v = loss, parameter, y.shape[0], &y[0], &w[0]
    with nogil:
        least = saturated_of_rows(&P)
        for l in range(eta.shape[0]):
            out[l] = 2 * (value_of_rows(&P, &eta[l, 0], &eta[l, 0], 0, 0) - least)


def deviances_of_cells(int loss, double parameter, const double[::1] y, const double[:, ::1] eta, double[:, ::1] out):
    """out (n, L) = 2 (ℓ(y, eta) − its least value) of rows y (n,) at linear predictors eta (n, L)."""
    cdef Rows P
    cdef Py_ssize_t i, l
    cdef double least, one = 1
    P.loss, P.a, P.n, P.v = loss, parameter, 1, &one
    with nogil:
        for i in range(y.shape[0]):
            P.y = &y[i]
            least = saturated_of_rows(&P)
            for l in range(eta.shape[1]):
                out[i, l] = 2 * (value_of_rows(&P, &eta[i, l], &eta[i, l], 0, 0) - least)
