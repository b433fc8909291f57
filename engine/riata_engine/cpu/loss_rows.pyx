# Sums of a loss over rows: value, gradient and curvature in one sweep, dual values, deviances. A loop is compiled for each loss; a loss
# that a user brings has loops of its own, compiled elsewhere, whose addresses ``register_loss`` takes.
import numpy as np

from libc.math cimport isfinite, INFINITY, NAN as nan
include "loss_table.pxi"

cdef extern from "riata_simd.h":
    ctypedef void cloned_void "RIATA_CLONED_VOID"
    ctypedef void inlined_void "RIATA_INLINED_VOID"

cdef double FLAT = 1e-8                 # added to the curvature of a row: the model of a step must have a minimum

#: the names of the losses; their order is the code in ``Rows``
LOSSES = ("squared", "logistic", "poisson", "gamma", "tweedie", "negative_binomial", "huber")

cdef enum:
    ROOM = 4096                         # losses that users bring, at a time

cdef struct Loops:
    # the same sums, over the rows of one loss; see riata_engine/jit/loss_loops.py
    void (*sweep)(Py_ssize_t n, const double* y, const double* v, double a, const double* eta, double flat, double* r, double* w,
                  double* out) noexcept nogil
    void (*moved)(Py_ssize_t n, const double* y, const double* v, double a, const double* eta, const double* move, double step,
                  double shift, double* out) noexcept nogil
    void (*duals)(Py_ssize_t n, const double* y, const double* v, double a, const double* eta, const double* r, double s,
                  double* out) noexcept nogil
    void (*saturated)(Py_ssize_t n, const double* y, const double* v, double a, double* out) noexcept nogil

cdef Loops loops[ROOM]                  # in one place for good: compiled loops read it while others are registered
cdef list vacant = list(range(ROOM - 1, -1, -1))


def register_loss(size_t sweep, size_t moved, size_t duals, size_t saturated):
    """The code of a loss by the addresses of its loops (``Loops``), until ``release_loss``. Under a lock of the caller.

    Raises
    ------
    MemoryError
        If too many are registered.
    """
    if not vacant:
        raise MemoryError(f"{ROOM} losses of your own are held at a time: drop some, or let one take a parameter")
    cdef Py_ssize_t k = vacant.pop()
    cdef size_t* L = <size_t*>&loops[k]
    L[0], L[1], L[2], L[3] = sweep, moved, duals, saturated
    return BROUGHT + k


def release_loss(int code):
    """No problem is of this loss any more."""
    vacant.append(code - BROUGHT)


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


cdef inline const Loops* loops_of(const Rows* P) noexcept nogil:
    return &loops[P.loss - BROUGHT]


cdef void evaluate(const Rows* P, const double* eta, double* r, double* w, Sums* out) noexcept nogil:
    """r = −v ℓ'(y, η), w = v ℓ''(y, η), and their sums."""
    cdef double sums[5]
    if P.loss < BROUGHT:
        sweep_any(P, eta, r, w, out)
        return
    sums[0] = nan                       # stays where the loop raises
    loops_of(P).sweep(P.n, P.y, P.v, P.a, eta, FLAT, r, w, sums)
    out.value, out.slope, out.size, out.weight, out.square = sums[0], sums[1], sums[2], sums[3], sums[4]


cdef double value_of_rows(const Rows* P, const double* eta, const double* move, double step, double shift) noexcept nogil:
    """Σ v ℓ(y, η + step·(move + shift))"""
    cdef double out = nan
    if P.loss < BROUGHT:
        moved_any(P, eta, move, step, shift, &out)
    else:
        loops_of(P).moved(P.n, P.y, P.v, P.a, eta, move, step, shift, &out)
    return out


cdef double dual_of_rows(const Rows* P, const double* eta, const double* r, double s) noexcept nogil:
    """−Σ v ℓ*(−s r / v): the loss part of the dual objective at s times r = −v ℓ'(y, η), 0 ≤ s ≤ 1."""
    cdef double out = nan
    if P.loss < BROUGHT:
        duals_any(P, r, s, &out)
    else:
        loops_of(P).duals(P.n, P.y, P.v, P.a, eta, r, s, &out)
    return out


cdef double saturated_of_rows(const Rows* P) noexcept nogil:
    cdef Py_ssize_t i
    cdef double f = 0
    if P.loss >= BROUGHT:
        f = nan
        loops_of(P).saturated(P.n, P.y, P.v, P.a, &f)
        return f
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


cdef double value_of_some(const Rows* P, const double* eta, const Py_ssize_t* rows, Py_ssize_t count, const double* w) noexcept nogil:
    """Mean of ℓ over some rows, weighted."""
    cdef Py_ssize_t k, i
    cdef double f = 0, weight = 0, one, nought = 0
    for k in range(count):
        i = rows[k]
        if P.loss < BROUGHT:
            f += w[i] * value_of(P.loss, P.y[i], eta[i], P.a)
        else:
            one = nan
            loops_of(P).moved(1, &P.y[i], &w[i], P.a, &eta[i], &nought, 0, 0, &one)
            f += one
        weight += w[i]
    return f / weight


cdef double saturated_of_some(const Rows* P, const Py_ssize_t* rows, Py_ssize_t count, const double* w) noexcept nogil:
    """Mean of the least values of some rows, weighted."""
    cdef Py_ssize_t k, i
    cdef double f = 0, weight = 0, one
    for k in range(count):
        i = rows[k]
        if P.loss < BROUGHT:
            f += w[i] * saturated_of(P.loss, P.y[i], P.a)
        else:
            one = nan
            loops_of(P).saturated(1, &P.y[i], &w[i], P.a, &one)
            f += one
        weight += w[i]
    return f / weight


cdef bint sound(const Sums* sums) noexcept nogil:
    """Whether value, gradients and curvatures are numbers, and no curvature is below 0."""
    return isfinite(sums.value + sums.size + sums.weight)


cdef void find_fault(const Rows* P, const double* eta, const double* r, const double* w, double* fault) noexcept nogil:
    """The first row at fault where sums are not ``sound``: fault[0] is 1 for its value, 2 its gradient, 3 its curvature; y and η."""
    cdef Py_ssize_t i
    cdef int kind
    cdef double one, v = 1, nought = 0
    for i in range(P.n):
        if not P.v[i] > 0:
            continue
        one = nan
        loops_of(P).moved(1, &P.y[i], &v, P.a, &eta[i], &nought, 0, 0, &one)
        kind = 1 if not isfinite(one) else 2 if not isfinite(r[i]) else 3 if not (isfinite(w[i]) and w[i] > 0) else 0
        if kind:
            fault[0], fault[1], fault[2] = kind, P.y[i], eta[i]
            return


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


def rows_of_loss(int loss, double parameter, const double[::1] y, const double[::1] eta, const double[::1] s):
    """(4, k): value, gradient and curvature of each row, and its dual value at the gradient times s."""
    out = np.empty((4, y.shape[0]))
    cdef double[:, ::1] F = out
    cdef Rows P
    cdef Sums sums
    cdef Py_ssize_t i
    cdef double one = 1, r, w
    P.loss, P.a, P.n, P.v = loss, parameter, 1, &one
    for i in range(y.shape[0]):
        P.y, r, w = &y[i], nan, nan
        evaluate(&P, &eta[i], &r, &w, &sums)
        F[0, i], F[1, i], F[2, i], F[3, i] = sums.value, -r, w - FLAT, dual_of_rows(&P, &eta[i], &r, s[i])
    return out


def least_of_rows(int loss, double parameter, const double[::1] y):
    """(k,) min_η ℓ(y, η)"""
    out = np.empty(y.shape[0])
    cdef double[::1] f = out
    cdef Rows P
    cdef Py_ssize_t i
    cdef double one = 1
    P.loss, P.a, P.n, P.v = loss, parameter, 1, &one
    for i in range(y.shape[0]):
        P.y = &y[i]
        f[i] = saturated_of_rows(&P)
    return out


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
