# The certificate of a multinomial fit, the objective, and intercepts at their exact optimum.
from libc.math cimport INFINITY as inf, fabs, log
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy
from riata_engine.cpu.multinomial_state cimport State
from riata_engine.cpu.softmax_rows cimport divergence_rows, softmax_rows
from scipy.linalg.cython_lapack cimport dposv

cdef extern from "riata_simd.h":
    ctypedef void cloned_void "RIATA_CLONED_VOID"

cdef extern from "riata_math.h":
    double riata_log(double x) noexcept nogil

include "../formulas/penalties.py"
include "../formulas/multinomial.py"

cdef enum:
    STEPS = 50                     # of the intercepts


cdef double penalty_of(const State* S, const double* b, double l1, double l2) noexcept nogil:
    cdef Py_ssize_t s, j, k
    cdef double total = 0
    for s in range(S.n_work):
        j = S.work[s]
        for k in range(S.K):
            if b[j * S.K + k] != 0:
                total += elastic_net_value[double](b[j * S.K + k], l1 * S.f1[j], l2 * S.f2[j])
    return total


cdef double size_of(const State* S) noexcept nogil:
    """Σ f1 |b|"""
    cdef Py_ssize_t s, j, k
    cdef double total = 0
    for s in range(S.n_work):
        j = S.work[s]
        for k in range(S.K):
            if S.b[j * S.K + k] != 0:
                total += S.f1[j] * fabs(S.b[j * S.K + k])
    return total


cdef double gap_at(State* S, double l1, double l2, double s, bint everything) noexcept nogil:
    """The gap at the dual point y + s (p − y); features without any penalty are not in it."""
    cdef Py_ssize_t i, j, k, count = S.p if everything else S.n_work
    cdef double total
    divergence_rows(S.eta, S.prob, S.y, S.w, S.n, S.ld, S.K, s, &total)
    for i in range(count):
        j = i if everything else S.work[i]
        if S.f1[j] == inf or (l1 * S.f1[j] == 0 and l2 * S.f2[j] == 0):
            continue
        for k in range(S.K):
            if k != S.reference:
                total += fenchel_young(S.b[j * S.K + k], s * S.G[k * S.p + j], l1 * S.f1[j], l2 * S.f2[j])
    return total


cdef double certified_gap(State* S, double l1, double l2, bint everything) noexcept nogil:
    """Primal less dual objective, from eta, prob and G; the best of the shrunk dual point and, if allowed, that of the residuals."""
    cdef Py_ssize_t i, j, k, count = S.p if everything else S.n_work
    cdef double s = 1, size, gap
    cdef bint hard = False
    for i in range(count):
        j = i if everything else S.work[i]
        if S.f1[j] == inf or l1 * S.f1[j] == 0:
            continue
        if l2 * S.f2[j] == 0:
            hard = True
        for k in range(S.K):
            if k != S.reference:
                size = fabs(S.G[k * S.p + j])
                if size * s > l1 * S.f1[j]:
                    s = l1 * S.f1[j] / size
    gap = gap_at(S, l1, l2, s, everything)
    if not hard and s < 1:
        gap = min(gap, gap_at(S, l1, l2, 1, everything))
    return gap


cdef cloned_void weighted_products(const double* w, const double* a, const double* b, Py_ssize_t n, double* out) noexcept nogil:
    cdef Py_ssize_t i
    cdef double total = 0
    for i in range(n):
        total += w[i] * a[i] * b[i]
    out[0] = total


cdef cloned_void add_to_rows(double d, Py_ssize_t n, double* out) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        out[i] += d


cdef cloned_void sums(const double* r, const double* w, const double* p, Py_ssize_t n, double* residual, double* mass) noexcept nogil:
    cdef Py_ssize_t i
    cdef double a = 0, b = 0
    for i in range(n):
        a += r[i]
        b += w[i] * p[i]
    residual[0] = a
    mass[0] = b


cdef void refresh(State* S) noexcept nogil:
    """prob, r and loss from eta."""
    softmax_rows(S.eta, S.y, S.w, S.n, S.ld, S.K, S.prob, S.r, &S.loss)


cdef int set_intercepts(State* S) noexcept nogil:
    """Intercepts at their optimum for the predictors as they stand; prob, r and loss there. Non-zero when memory is short.

    Newton's method on K numbers, a few steps of iterative scaling first where they are far off.
    """
    cdef Py_ssize_t K = S.K, k, l, _
    cdef int order = <int>K, one = 1, info
    cdef char lower = b"l"
    cdef double* H
    cdef double* d
    cdef double* mass
    cdef double worst, largest, before = inf, trace
    refresh(S)
    if not S.intercept:
        return 0
    H = <double*>malloc((K * K + 2 * K) * sizeof(double))
    if H == NULL:
        return 1
    d = H + K * K
    mass = d + K
    for _ in range(STEPS):
        worst = 0
        largest = 0
        for k in range(K):
            sums(S.r + k * S.ld, S.w, S.prob + k * S.ld, S.n, &d[k], &mass[k])
            if k == S.reference:
                d[k] = 0
            if mass[k] > 0:
                largest = max(largest, fabs(d[k]) / mass[k])
            worst = max(worst, fabs(d[k]))
        if worst <= 1e-15 or (worst >= 0.5 * before and worst <= 1e-13):
            break
        before = worst
        info = 1
        if largest < 0.5:
            trace = 0
            for k in range(K):
                for l in range(k, K):
                    weighted_products(S.w, S.prob + k * S.ld, S.prob + l * S.ld, S.n, &H[k * K + l])
                    H[k * K + l] = mass[k] - H[k * K + l] if k == l else -H[k * K + l]
                trace += H[k * K + k]
            if S.reference < 0:
                for k in range(K):
                    for l in range(k, K):
                        H[k * K + l] += trace / (K * K)       # the direction that the softmax does not see
            else:
                for k in range(K):
                    H[min(k, S.reference) * K + max(k, S.reference)] = 1.0 if k == S.reference else 0.0
            memcpy(mass, d, K * sizeof(double))
            dposv(&lower, &order, &one, H, &order, mass, &order, &info)
            if info == 0:
                memcpy(d, mass, K * sizeof(double))
        if info != 0:
            for k in range(K):
                d[k] = log((mass[k] + d[k]) / mass[k]) if k != S.reference and mass[k] > 0 and mass[k] + d[k] > 0 else 0.0
        for k in range(K):
            if d[k] != 0:
                S.b0[k] += d[k]
                add_to_rows(d[k], S.n, S.eta + k * S.ld)
        refresh(S)
    free(H)
    return 0
