# What the rows of X say in problems with margin losses (formulas/margins.py): slopes, values and conjugates, the exact step along a
# direction, the best intercept without features. A problem's sums run on one thread, row after row: its bits depend neither on the
# number of threads nor on the problems beside it.
import numpy as np
from cython.parallel cimport prange
from libc.math cimport INFINITY, fabs
from riata_engine.cpu.control cimport worth

cdef double inf = INFINITY                # of the formulas

include "riata_engine/formulas/penalties.py"
include "riata_engine/formulas/margins.py"

cdef extern from "riata_simd.h":
    ctypedef void cloned_void "RIATA_CLONED_VOID"

cdef enum:
    LOOKS = 60                             # slopes of a line that a step may ask for
    HALVINGS = 200

cdef double FLAT = 0.02                    # share of a line's first slope at which its search ends


cdef struct Rows:
    # one problem's rows; lo and hi are turned round where the target is negative if ``signed``
    Py_ssize_t n
    const double* y
    const double* c                        # weights
    double eps, lo, hi
    bint signed


cdef inline double low(const Rows* R, Py_ssize_t i) noexcept nogil:
    return -R.hi if R.signed and R.y[i] < 0 else R.lo


cdef inline double high(const Rows* R, Py_ssize_t i) noexcept nogil:
    return -R.lo if R.signed and R.y[i] < 0 else R.hi


cdef cloned_void slopes_of(const Rows* R, const double* eta, const double* kept, double tau, double kappa, double* a, double* u,
                           unsigned char* zone, double* sums) noexcept nogil:
    """Slopes a of the loss with kappa = tau at η + tau·kept, u = c a, the rows with curvature, and Σ c (ℓ, a y + eps|a|, a²), Σ u."""
    cdef Py_ssize_t i
    cdef double v, lo, hi, steep = 1 / tau, loss = 0, linear = 0, square = 0, total = 0
    cdef bint shifted = kept != NULL
    for i in range(R.n):
        lo = low(R, i)
        hi = high(R, i)
        v = eta[i] - R.y[i]
        loss += R.c[i] * margin_loss(v, R.eps, kappa, lo, hi)
        if shifted:
            v += tau * kept[i]
        a[i] = margin_slope(v, R.eps, steep, lo, hi)
        zone[i] = R.c[i] > 0 and margin_curved(v, R.eps, steep, lo, hi)
        u[i] = R.c[i] * a[i]
        total += u[i]
        linear += R.c[i] * margin_conjugate(a[i], R.y[i], R.eps, 0)
        square += u[i] * a[i]
    sums[0] = loss
    sums[1] = linear
    sums[2] = square
    sums[3] = total


cdef cloned_void line_slope(const Rows* R, const double* eta, const double* move, const double* kept, double tau, double t,
                            double* out) noexcept nogil:
    """First and second derivative along the line at t, of the loss alone."""
    cdef Py_ssize_t i
    cdef double v, lo, hi, steep = 1 / tau, first = 0, second = 0
    cdef bint shifted = kept != NULL
    for i in range(R.n):
        lo = low(R, i)
        hi = high(R, i)
        v = eta[i] + t * move[i] - R.y[i]
        if shifted:
            v += tau * kept[i]
        first += R.c[i] * move[i] * margin_slope(v, R.eps, steep, lo, hi)
        if margin_curved(v, R.eps, steep, lo, hi):
            second += R.c[i] * move[i] * move[i] * steep
    out[0] = first
    out[1] = second


cdef void l1_slope(const double* b, const double* d, const double* l1, Py_ssize_t q, double t, double* out) noexcept nogil:
    """Of Σ l1 |b + t d|: the derivative to the right is added to out[0]."""
    cdef Py_ssize_t j
    cdef double x
    for j in range(q):
        if l1[j] != 0 and d[j] != 0:
            x = b[j] + t * d[j]
            if fabs(x) <= 1e-15 * (fabs(b[j]) + fabs(t * d[j])):
                x = d[j]
            out[0] += l1[j] * (d[j] if x > 0 else -d[j])


cdef double step_of(const Rows* R, const double* eta, const double* move, const double* kept, double tau, const double* b,
                    const double* d, const double* l1, Py_ssize_t q, double first, double second, double* start) noexcept nogil:
    """The t where the objective along b + t d has (nearly) no slope; the quadratic penalty adds first + t second."""
    cdef double at[2]
    cdef double t = 1, left = 0, right = INFINITY, s0, s, t_new
    cdef int look
    line_slope(R, eta, move, kept, tau, 0, &at[0])
    l1_slope(b, d, l1, q, 0, &at[0])
    s0 = at[0] + first
    start[0] = s0
    if not s0 < 0:
        return 0
    for look in range(LOOKS):
        line_slope(R, eta, move, kept, tau, t, &at[0])
        l1_slope(b, d, l1, q, t, &at[0])
        s = at[0] + first + t * second
        if fabs(s) <= FLAT * -s0:
            return t
        if s < 0:
            left = t
        else:
            right = t
        if right - left <= 1e-12 * right:
            return left if left > 0 else t
        t_new = t - s / (at[1] + second) if at[1] + second > 0 else INFINITY
        if right == INFINITY:
            t = min(t_new, 8 * t) if t_new > t else 2 * t
        elif left < t_new < right and look % 3 != 2:
            t = t_new
        else:
            t = (left + right) / 2
    return left if left > 0 else t


cdef class Problems:
    """The rows of K problems on one X.

    Parameters
    ----------
    Y : (K, n) targets
    c : (1 or K, n) weights of sum one
    eps, lo, hi : slopes of the loss; see formulas/margins.py
    kappa : 0 or ½, of the loss itself
    signed : lo and hi are those of targets 1; those of −1 are −hi and −lo
    """
    cdef readonly double eps, lo, hi, kappa
    cdef readonly bint signed
    cdef const double[:, ::1] Y, c

    def __init__(self, Y, c, double eps, double lo, double hi, double kappa, bint signed):
        self.Y, self.c = Y, c
        self.eps, self.lo, self.hi, self.kappa, self.signed = eps, lo, hi, kappa, signed

    cdef Rows rows(self, Py_ssize_t k) noexcept nogil:
        cdef Rows R
        R.n = self.Y.shape[1]
        R.y = &self.Y[k, 0]
        R.c = &self.c[k if self.c.shape[0] > 1 else 0, 0]
        R.eps, R.lo, R.hi, R.signed = self.eps, self.lo, self.hi, self.signed
        return R

    def slopes(self, const Py_ssize_t[::1] members, const double[:, ::1] eta, kept, const double[::1] tau, double[:, ::1] a,
               double[:, ::1] u, unsigned char[:, ::1] zone, double[:, ::1] sums, int n_threads=1):
        """Fill a, u = c a, zone and sums (K, 4) of the given members; ``kept`` (K, n) or None are the multipliers."""
        cdef Py_ssize_t m, k, n = self.Y.shape[1]
        cdef const double[:, ::1] multipliers = kept
        cdef bint shifted = kept is not None
        n_threads = worth(20.0 * n * members.shape[0], n_threads)
        for m in prange(members.shape[0], num_threads=n_threads, schedule="static", nogil=True):
            k = members[m]
            one_slopes(self, k, &eta[k, 0], &multipliers[k, 0] if shifted else NULL, tau[k], &a[k, 0], &u[k, 0], &zone[k, 0], &sums[k, 0])

    def steps(self, const Py_ssize_t[::1] members, const double[:, ::1] eta, const double[:, ::1] move, kept, const double[::1] tau,
              const double[:, ::1] b, const double[:, ::1] d, const double[:, ::1] l1, const double[:, ::1] quadratic,
              double[:, ::1] out, int n_threads=1):
        """out[k] = (step along d, slope at its start) of the given members; the quadratic penalty has slope
        quadratic[k, 0] + t quadratic[k, 1]."""
        cdef Py_ssize_t m, k, n = self.Y.shape[1]
        cdef const double[:, ::1] multipliers = kept
        cdef bint shifted = kept is not None
        n_threads = worth(60.0 * n * members.shape[0], n_threads)
        for m in prange(members.shape[0], num_threads=n_threads, schedule="static", nogil=True):
            k = members[m]
            one_step(self, k, &eta[k, 0], &move[k, 0], &multipliers[k, 0] if shifted else NULL, tau[k], &b[k, 0], &d[k, 0],
                     &l1[k, 0], d.shape[1], quadratic[k, 0], quadratic[k, 1], &out[k, 0])

    def null_intercepts(self):
        """(K, 2): the intercept that minimises the loss without features, by halving, and that loss."""
        cdef Py_ssize_t k, K = self.Y.shape[0]
        cdef double[:, ::1] out = np.zeros((K, 2))
        with nogil:
            for k in range(K):
                null_of(self, k, &out[k, 0])
        return np.asarray(out)

    def balance(self, const Py_ssize_t[::1] members, double[:, ::1] a, double[:, ::1] u, double[:, ::1] sums):
        """Shift slopes, within their bounds, to Σ c a = 0, where an intercept without penalty makes that a condition of a dual point."""
        cdef Py_ssize_t m
        with nogil:
            for m in range(members.shape[0]):
                balance_one(self, members[m], &a[members[m], 0], &u[members[m], 0], &sums[members[m], 0])


cdef void one_slopes(Problems P, Py_ssize_t k, const double* eta, const double* kept, double tau, double* a, double* u,
                     unsigned char* zone, double* sums) noexcept nogil:
    cdef Rows R = P.rows(k)
    slopes_of(&R, eta, kept, tau, P.kappa, a, u, zone, sums)


cdef void one_step(Problems P, Py_ssize_t k, const double* eta, const double* move, const double* kept, double tau, const double* b,
                   const double* d, const double* l1, Py_ssize_t q, double first, double second, double* out) noexcept nogil:
    cdef Rows R = P.rows(k)
    out[0] = step_of(&R, eta, move, kept, tau, b, d, l1, q, first, second, out + 1)


cdef cloned_void constant_fit(const Rows* R, double at, double kappa, double* out) noexcept nogil:
    """Slope and value of the loss where every fit is ``at``; where it has a kink, the slope to the right."""
    cdef Py_ssize_t i
    cdef double e, lo, hi, slope = 0, value = 0
    for i in range(R.n):
        lo = low(R, i)
        hi = high(R, i)
        e = at - R.y[i]
        value += R.c[i] * margin_loss(e, R.eps, kappa, lo, hi)
        if kappa > 0:
            slope += R.c[i] * margin_slope(e, R.eps, 1 / kappa, lo, hi)
        elif e >= R.eps:
            slope += R.c[i] * hi
        elif e < -R.eps:
            slope += R.c[i] * lo
    out[0] = slope
    out[1] = value


cdef void null_of(Problems P, Py_ssize_t k, double* out) noexcept nogil:
    cdef Rows R = P.rows(k)
    cdef double at[2]
    cdef double left = INFINITY, right = -INFINITY, middle
    cdef Py_ssize_t i, _look
    for i in range(R.n):
        if R.c[i] > 0:
            left = min(left, R.y[i])
            right = max(right, R.y[i])
    left -= R.eps
    right += R.eps
    for _look in range(HALVINGS):
        middle = left + (right - left) / 2
        if not left < middle < right:
            break
        constant_fit(&R, middle, P.kappa, &at[0])
        if at[0] >= 0:
            right = middle
        else:
            left = middle
    constant_fit(&R, right, P.kappa, &at[0])
    out[0] = right
    out[1] = at[1]


cdef cloned_void shifted_total(const Rows* R, const double* a, double shift, double* out) noexcept nogil:
    cdef Py_ssize_t i
    cdef double s = 0
    for i in range(R.n):
        s += R.c[i] * min(max(a[i] - shift, low(R, i)), high(R, i))
    out[0] = s


cdef void balance_one(Problems P, Py_ssize_t k, double* a, double* u, double* sums) noexcept nogil:
    cdef Rows R = P.rows(k)
    cdef double total, left = 0, right = 0, middle, reach, first
    cdef Py_ssize_t i, _look
    shifted_total(&R, a, 0, &total)
    first = total
    if first == 0:
        return
    reach = fabs(first)
    for _look in range(HALVINGS):                                # a bracket
        if first > 0:
            right = reach
        else:
            left = -reach
        shifted_total(&R, a, right if first > 0 else left, &total)
        if (total <= 0) == (first > 0):
            break
        reach *= 4
    for _look in range(HALVINGS):
        middle = left + (right - left) / 2
        if not left < middle < right:
            break
        shifted_total(&R, a, middle, &total)
        if total > 0:
            left = middle
        else:
            right = middle
    sums[1] = 0
    sums[2] = 0
    sums[3] = 0
    for i in range(R.n):
        a[i] = min(max(a[i] - right, low(&R, i)), high(&R, i))
        u[i] = R.c[i] * a[i]
        sums[1] += R.c[i] * margin_conjugate(a[i], R.y[i], R.eps, 0)
        sums[2] += u[i] * a[i]
        sums[3] += u[i]
