# Which columns come in, and which alphas are accepted: the two decisions of a round of working sets, for many problems a call.
from cython.parallel cimport prange
from libc.math cimport fabs
from libc.stdlib cimport malloc, free
from riata_engine.cpu.control cimport worth

include "../formulas/early_stop.py"

cdef extern from "riata_simd.h":
    ctypedef void cloned_void "RIATA_CLONED_VOID"

cdef double SMALL = 1e-300


cdef double kth_largest(double* x, Py_ssize_t n, Py_ssize_t k) noexcept nogil:
    """The k-th largest of n numbers, k from 1 to n, which are put in another order (Hoare 1961, "Algorithm 65: find")."""
    cdef Py_ssize_t left = 0, right = n - 1, i, j, at = k - 1
    cdef double pivot, t
    while left < right:
        pivot = x[(left + right) // 2]
        i = left
        j = right
        while i <= j:
            while x[i] > pivot:
                i += 1
            while x[j] < pivot:
                j -= 1
            if i <= j:
                t = x[i]
                x[i] = x[j]
                x[j] = t
                i += 1
                j -= 1
        if at <= j:
            right = j
        elif at >= i:
            left = i
        else:
            break
    return x[at]


cdef int screen_one(Py_ssize_t p, const double* g, const double* f1, const unsigned char* rises, const unsigned char* falls,
                    const unsigned char* inside, double strong, double violating, Py_ssize_t cap, unsigned char* wish,
                    Py_ssize_t* violators) noexcept nogil:
    cdef Py_ssize_t j, m = 0, tied
    cdef double size, edge
    cdef double* score
    violators[0] = 0
    for j in range(p):
        size = fabs(g[j])
        wish[j] = (inside[j] == 0) & ((rises[j] if g[j] > 0 else falls[j]) != 0) & (size > 0) & (size >= f1[j] * strong)
        m += wish[j]
        violators[0] += wish[j] & (size > f1[j] * violating)
    if m <= cap:
        return 0
    score = <double*>malloc(m * sizeof(double))
    if score == NULL:
        return 1
    m = 0
    for j in range(p):
        if wish[j]:
            score[m] = fabs(g[j]) / max(f1[j], SMALL)
            m += 1
    edge = kth_largest(score, m, cap)
    tied = cap                                           # places left at the edge
    for j in range(m):
        tied -= score[j] > edge
    free(score)
    for j in range(p):
        if wish[j]:
            size = fabs(g[j]) / max(f1[j], SMALL)
            if size == edge and tied > 0:
                tied -= 1
            elif size <= edge and fabs(g[j]) <= f1[j] * violating:
                wish[j] = 0
    return 0


def screen(const double[:, ::1] gradient, const double[:, ::1] f1, const Py_ssize_t[::1] factor_row,
           const unsigned char[::1] rises, const unsigned char[::1] falls, const unsigned char[:, ::1] inside,
           const double[::1] strong, const double[::1] violating, const Py_ssize_t[::1] cap, const Py_ssize_t[::1] who,
           unsigned char[:, ::1] wish, Py_ssize_t[::1] violators, int n_threads=1):
    """The columns that the problems ``who`` bring in.

    Parameters
    ----------
    gradient : (K, p)
    f1 : (1 or G, p), ``factor_row`` (k,)
        Penalty factors; problem who[i] has row factor_row[i].
    rises, falls : (p,) bytes
        Whether a coefficient may be positive, negative: a bound may hold a feature at zero whatever its gradient.
    inside : (K, p) bytes
        The columns that a problem has already.
    strong, violating : (k,)
        l1 penalties: a column may come in where |g| ≥ strong·f1, and is a violator where |g| > violating·f1, which is no lower.
    cap : (k,)
        Of more columns than this, those of the largest |g|/f1 come in, and all violators.
    wish : (K, p) bytes, violators : (K,)
        Outputs: the columns, and how many of those outside are violators.
    """
    cdef Py_ssize_t i, p = gradient.shape[1]
    cdef int failed = 0
    if p == 0 or who.shape[0] == 0:
        return
    n_threads = worth(8.0 * who.shape[0] * p, n_threads)
    with nogil:
        for i in prange(who.shape[0], num_threads=n_threads, schedule="dynamic"):
            if screen_one(p, &gradient[who[i], 0], &f1[factor_row[i], 0], &rises[0], &falls[0], &inside[who[i], 0], strong[i],
                          violating[i], cap[i], &wish[who[i], 0], &violators[who[i]]):
                failed = 1
    if failed:
        raise MemoryError("screen: no room for the scores of a problem")


cdef cloned_void move_out(double* t, const double* slack, double size, double l1, const double* f1, Py_ssize_t p,
                          unsigned char* doubtful) noexcept nogil:
    cdef Py_ssize_t j
    cdef double a
    for j in range(p):
        a = fabs(t[j]) + slack[j] * size
        doubtful[j] |= 0 if a < l1 * f1[j] else 1
        t[j] = a if t[j] > 0 else -a


def bound_gradients(double[:, :, ::1] T, const double[::1] slack, const double[:, ::1] size, const double[:, ::1] l1,
                    const double[:, ::1] f1, const Py_ssize_t[::1] factor_row, const Py_ssize_t[::1] lengths,
                    unsigned char[:, ::1] doubtful, int n_threads=1):
    """Move gradients T (k, L, p) that are off by slack[j]·size[i, l] at most away from zero by as much.

    ``doubtful`` (k, p) is set where what comes out is not below l1[i, l]·f1 at some alpha of problem i: no bound will do there. Of a
    column whose coefficient is zero all else is a bound that a certificate can be made of.
    """
    cdef Py_ssize_t i, l, p = T.shape[2]
    if T.shape[0] == 0 or p == 0:
        return
    n_threads = worth(4.0 * T.shape[0] * T.shape[1] * p, n_threads)
    with nogil:
        for i in prange(T.shape[0], num_threads=n_threads, schedule="dynamic"):
            for l in range(lengths[i]):
                move_out(&T[i, l, 0], &slack[0], size[i, l], l1[i, l], &f1[factor_row[i], 0], p, &doubtful[i, 0])


def accept(const double[:, ::1] gap, const double[:, ::1] square, const Py_ssize_t[::1] lengths, const Py_ssize_t[::1] first,
           const double[::1] null, double tol, double highest, double smallest_gain, const unsigned char[::1] surrender,
           double[::1] dev, Py_ssize_t[::1] good, unsigned char[::1] done):
    """good[i] leading alphas of the ``lengths[i]`` of a block are accepted: those whose gap is at most ``tol``, one where the problem has
    to ``surrender``, and none behind an early stop (``done``; ``first[i]`` is the number of the block's first alpha on the path).

    ``square`` is ‖r‖², ``null`` ‖y‖², ``dev`` the share of deviance explained at the last accepted alpha, which is brought up to date.
    """
    cdef Py_ssize_t i, l
    cdef double before
    with nogil:
        for i in range(gap.shape[0]):
            done[i] = False
            l = 0
            while l < lengths[i] and not done[i] and (gap[i, l] <= tol or (surrender[i] and l == 0)):
                before = dev[i]
                dev[i] = 1 - square[i, l] / null[i] if null[i] > 0 else 0
                done[i] = path_is_done(dev[i], before, first[i] + l, highest, smallest_gain)
                l += 1
                if surrender[i]:
                    break
            good[i] = l
