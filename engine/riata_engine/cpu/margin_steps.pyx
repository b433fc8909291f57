# Newton directions of problems with margin losses, one problem on one thread: by Cholesky where the penalty is smooth; where it is l1, by
# coordinate descent in Gram space and Newton steps on the support.
import numpy as np
from cython.parallel cimport prange, threadid
from libc.math cimport fabs
from libc.math cimport INFINITY
from libc.string cimport memcpy
from scipy.linalg.cython_lapack cimport dpotrf, dpotrs
from riata_engine.cpu.control cimport Control, Signal, poll, worth
from riata_engine.cpu.control import Stopped
from riata_engine.cpu.margin_grams cimport ZoneGrams

cdef double inf = INFINITY                # of the formulas

include "riata_engine/formulas/penalties.py"

cdef extern from "riata_simd.h":
    ctypedef void cloned_void "RIATA_CLONED_VOID"

cdef enum:
    SWEEPS = 3                             # of descent between two Newton steps on the support
    ROUNDS = 60
    CUTS = 40                              # sign changes that one Newton step may meet

cdef double JITTER = 1e-14                 # of the largest diagonal entry, where a matrix is singular


cdef void curvature(const double* C, const double* s, double total, double steep, const double* diagonal, Py_ssize_t q, Py_ssize_t m,
                    double* H) noexcept nogil:
    """H (m, m) = steep·[[C, s], [sᵀ, total]] + diag; m = q or q + 1."""
    cdef Py_ssize_t i, j
    for i in range(q):
        for j in range(q):
            H[i * m + j] = steep * C[i * q + j]
        if m > q:
            H[i * m + q] = steep * s[i]
            H[q * m + i] = steep * s[i]
    if m > q:
        H[q * m + q] = steep * total
    for i in range(m):
        H[i * m + i] += diagonal[i]


cdef int solve(double* H, Py_ssize_t ld, Py_ssize_t m, double* x) noexcept nogil:
    """x ← H⁻¹x; the factor takes the place of H. Non-zero if H is not positive definite."""
    cdef int size = <int>m, lead = <int>ld, one = 1, info = 0
    cdef char lower = b"l"
    dpotrf(&lower, &size, H, &lead, &info)
    if info == 0:
        dpotrs(&lower, &size, &one, H, &lead, x, &size, &info)
    return info


cdef void smooth_step(const double* C, const double* s, double total, double steep, const double* diagonal, const double* gradient,
                      Py_ssize_t q, Py_ssize_t m, double* H, double* room, double* d) noexcept nogil:
    """d = −H⁻¹ gradient, with more and more on the diagonal where H is singular."""
    cdef Py_ssize_t i
    cdef double top = 0, more = 0
    cdef int _attempt
    for _attempt in range(8):
        curvature(C, s, total, steep, diagonal, q, m, H)
        for i in range(m):
            top = max(top, H[i * m + i])
            room[i] = diagonal[i] + more
        for i in range(m):
            H[i * m + i] += more
            d[i] = -gradient[i]
        if solve(H, m, m, d) == 0:
            return
        more = JITTER * top if more == 0 else 100 * more
    for i in range(m):
        d[i] = -gradient[i] / max(top, 1e-300)


def newton_steps(const Py_ssize_t[::1] members, ZoneGrams grams, const double[::1] steep, const double[:, ::1] diagonal,
                 const double[:, ::1] gradient, double[:, ::1] d, Control control, int n_threads=1):
    """d[k] = −H⁻¹ gradient[k] of the given members; m = diagonal.shape[1] is q, or q + 1 with an intercept."""
    cdef Py_ssize_t i, k, q = grams.design.view.p, m = diagonal.shape[1]
    cdef const double[:, :, ::1] C = grams.C
    cdef const double[:, ::1] s = grams.s
    cdef const double[::1] total = grams.total
    cdef Signal* signal = &control.signal
    cdef void* handle = <void*>control
    if members.shape[0] == 0 or m == 0:
        return
    n_threads = <int>min(<double>worth(<double>members.shape[0] * m * m * m / 3, n_threads), <double>members.shape[0])
    cdef double[:, ::1] H = np.empty((n_threads, m * m)), room = np.empty((n_threads, m))
    for i in prange(members.shape[0], num_threads=n_threads, schedule="static", nogil=True):
        k = members[i]
        if signal.stop == 0:
            smooth_step(&C[k, 0, 0] if q else NULL, &s[k, 0] if q else NULL, total[k], steep[k], &diagonal[k, 0], &gradient[k, 0], q, m,
                        &H[threadid(), 0], &room[threadid(), 0], &d[k, 0])
        if threadid() == 0:
            poll(signal, handle)
    if signal.stop:
        raise Stopped


cdef cloned_void axpy(double a, const double* x, Py_ssize_t n, double* y) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        y[i] += a * x[i]


cdef double sweep(const double* H, Py_ssize_t m, const double* l1, double* x, double* r, bint all_of_them) noexcept nogil:
    """Coordinate descent on ½ xᵀHx + … + Σ l1 |x|, r its gradient without the last part; the largest decrease of a coordinate."""
    cdef Py_ssize_t j
    cdef double h, new, move, most = 0
    for j in range(m):
        if not all_of_them and x[j] == 0 and l1[j] > 0:
            continue
        h = H[j * m + j]
        if h <= 0:
            continue
        new = soft_threshold(h * x[j] - r[j], l1[j]) / h
        move = new - x[j]
        if move != 0:
            axpy(move, H + j * m, m, r)
            x[j] = new
            most = max(most, h * move * move)
    return most


cdef double violation(Py_ssize_t m, const double* H, const double* l1, const double* x, const double* r) noexcept nogil:
    """The largest decrease that a step of one coordinate promises: (distance of −r from the subgradient)² / h."""
    cdef Py_ssize_t j
    cdef double v, most = 0
    for j in range(m):
        if x[j] > 0:
            v = fabs(r[j] + l1[j])
        elif x[j] < 0:
            v = fabs(r[j] - l1[j])
        else:
            v = max(fabs(r[j]) - l1[j], 0.0)
        if H[j * m + j] > 0:
            most = max(most, v * v / H[j * m + j])
    return most


cdef int support_step(const double* H, Py_ssize_t m, const double* l1, double* x, double* r, double* F, Py_ssize_t* S,
                      double* e) noexcept nogil:
    """To the minimum on the support with its signs; coefficients that reach zero on the way leave it. Non-zero: nothing could be done."""
    cdef Py_ssize_t n, j, a, b, _cut, first
    cdef double t, reach
    for _cut in range(CUTS):
        n = 0
        for j in range(m):
            if x[j] != 0 or l1[j] == 0:
                S[n] = j
                n += 1
        if n == 0:
            return 0
        for a in range(n):
            for b in range(a, n):                           # column-major, lower triangle
                F[a * n + b] = H[S[a] * m + S[b]]
            e[a] = -(r[S[a]] + (l1[S[a]] if x[S[a]] > 0 else (-l1[S[a]] if x[S[a]] < 0 else 0)))
        if solve(F, n, n, e) != 0:
            return 1
        t = 1
        first = -1
        for a in range(n):
            j = S[a]
            if l1[j] > 0 and x[j] * (x[j] + e[a]) < 0:
                reach = -x[j] / e[a]
                if reach < t:
                    t = reach
                    first = a
        for a in range(n):
            j = S[a]
            axpy(t * e[a], H + j * m, m, r)
            x[j] = 0.0 if a == first else x[j] + t * e[a]
        if first < 0:
            return 0
    return 0


cdef void lasso_step(const double* H, Py_ssize_t m, const double* l1, const double* gradient, const double* b, double accuracy, double* F,
                     Py_ssize_t* S, double* e, double* x, double* r, long* epochs) noexcept nogil:
    """x = argmin ½ (x − b)ᵀH(x − b) + gradientᵀ(x − b) + Σ l1 |x|, to a share ``accuracy`` of the first violation."""
    cdef Py_ssize_t _round, _i
    cdef double start, left
    memcpy(x, b, m * sizeof(double))
    memcpy(r, gradient, m * sizeof(double))
    start = violation(m, H, l1, x, r)
    if start == 0:
        return
    for _round in range(ROUNDS):
        sweep(H, m, l1, x, r, True)
        for _i in range(SWEEPS):
            sweep(H, m, l1, x, r, False)
        epochs[0] += 1 + SWEEPS
        left = violation(m, H, l1, x, r)
        if left <= accuracy * start:
            return
        if support_step(H, m, l1, x, r, F, S, e) == 0:
            left = violation(m, H, l1, x, r)
            if left <= accuracy * start:
                return


def lasso_steps(const Py_ssize_t[::1] members, ZoneGrams grams, const double[::1] steep, const double[:, ::1] diagonal,
                const double[:, ::1] l1, const double[:, ::1] gradient, const double[:, ::1] b, const double[::1] accuracy,
                double[:, ::1] d, long[::1] epochs, Control control, int n_threads=1):
    """d[k] = x − b[k], x the minimiser of the quadratic model with Σ l1 |x|; the rest as in ``newton_steps``."""
    cdef Py_ssize_t i, j, k, t, q = grams.design.view.p, m = diagonal.shape[1]
    cdef const double[:, :, ::1] C = grams.C
    cdef const double[:, ::1] s = grams.s
    cdef const double[::1] total = grams.total
    cdef Signal* signal = &control.signal
    cdef void* handle = <void*>control
    if members.shape[0] == 0 or m == 0:
        return
    n_threads = <int>min(<double>worth(<double>members.shape[0] * m * m * m / 3, n_threads), <double>members.shape[0])
    cdef double[:, ::1] H = np.empty((n_threads, m * m)), F = np.empty((n_threads, m * m)), room = np.empty((n_threads, 3 * m))
    cdef Py_ssize_t[:, ::1] S = np.empty((n_threads, m), np.intp)
    for i in prange(members.shape[0], num_threads=n_threads, schedule="static", nogil=True):
        k = members[i]
        t = threadid()
        if signal.stop == 0:
            curvature(&C[k, 0, 0] if q else NULL, &s[k, 0] if q else NULL, total[k], steep[k], &diagonal[k, 0], q, m, &H[t, 0])
            lasso_step(&H[t, 0], m, &l1[k, 0], &gradient[k, 0], &b[k, 0], accuracy[k], &F[t, 0], &S[t, 0], &room[t, 0], &room[t, m],
                       &room[t, 2 * m], &epochs[k])
            for j in range(m):
                d[k, j] = room[t, m + j] - b[k, j]
        if t == 0:
            poll(signal, handle)
    if signal.stop:
        raise Stopped
