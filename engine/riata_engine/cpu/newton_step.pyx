# The Newton step that ends coordinate descent's slow tail. On a fixed set of signs the solution is linear:
#
#     (H_SS + l2 F2) b_S = c_S − l1 F1 sign(b_S)
#
# The factor of the matrix is kept in the block and follows the support (support_factor.pxd).
from libc.math cimport fabs
from libc.stdlib cimport malloc, free
from libc.string cimport memcpy, memset
from riata_engine.cpu.active_block cimport Block, block_objective, block_row
from riata_engine.cpu.row_sum cimport RowSum, row_sum_add, row_sum_flush, row_sum_open
from riata_engine.cpu.support_factor cimport Factor, factor_append, factor_cut, factor_reset, factor_solve, multiplier_flops

cdef enum:
    BLAS_3 = 12                 # how many times as fast as an epoch's arithmetic is that of a large factor; of a small one a third
    LARGE_FACTOR = 450          # features from which a factor leaves the second cache: its float64 triangle is read from memory, by each
    TRIANGLE = 6                # of two solves, and to append a few features or hold a few at zero, where BLAS-3 is no faster than that

cdef double RISE = 1e-13        # of the objective, as a share of ‖y‖²
cdef double JITTER = 1e-9       # added to the diagonal, as a share, where the matrix is singular


cdef inline bint known(const Block* A, Py_ssize_t a) noexcept nogil:
    """Whether feature a of the block is in the factor where it was last seen."""
    return A.slot[a] < A.factor.f and A.factor.feature[A.slot[a]] == A.index[a]


cdef inline double rebuild_flops(double first, double rest) noexcept nogil:
    """To append ``rest`` features to a factor of ``first``."""
    return rest * first * (first + rest) + rest * rest * rest / 3


cdef double newton_flops(const Block* A, double l2) noexcept nogil:
    """What a Newton step costs, in flops of an epoch."""
    cdef double s = 0, fresh = 0, f = A.factor.f, whole, cost
    cdef Py_ssize_t a
    for a in range(A.m):
        if A.b[a] != 0:
            s += 1
            fresh += not known(A, a)
    whole = rebuild_flops(0, s)
    cost = whole
    if A.factor.l2 == l2:
        cost = rebuild_flops(f, fresh) + (f + fresh - s) * f * f
        cost = min(cost, whole)
    if A.m < LARGE_FACTOR:
        return cost / (BLAS_3 / 3) + 3 * s * s + 2 * s * A.m + 500
    return cost / BLAS_3 + (4 + TRIANGLE * ((fresh > 0) + (f + fresh > s))) * s * s + 2 * s * A.m


cdef int factorise(Block* A, const Py_ssize_t* S, Py_ssize_t s, double l2, double jitter, Py_ssize_t* work, double* f2,
                   Py_ssize_t* q) noexcept nogil:
    """Bring the factor to hold the features S; ``work`` then begins with the q slots that S has left. Non-zero if that is singular.

    ``work`` has room for all slots and for s more, ``f2`` for s.
    """
    cdef Factor* F = &A.factor
    cdef Py_ssize_t i, k, a, n = 0, first = 0
    cdef Py_ssize_t* enter
    if F.l2 != l2 or F.jitter != jitter or F.single != A.single:
        factor_reset(F, l2, jitter, A.single)
    enter = work + F.f
    for i in range(F.f):
        work[i] = 0
    for k in range(s):
        a = S[k]
        if not known(A, a):                                  # it may have left the block and come back
            for i in range(F.f):
                if F.feature[i] == A.index[a]:
                    A.slot[a] = i
                    break
        if known(A, a):
            work[A.slot[a]] = 1
            n += 1
    q[0] = F.f - n
    if q[0]:
        while work[first]:
            first += 1
        if F.waste + multiplier_flops(F.f - first, q[0]) > rebuild_flops(first, n - first):
            factor_cut(F, first)
            q[0] = 0
    n = 0
    for k in range(s):
        a = S[k]
        if not known(A, a):
            enter[n] = A.index[a]
            f2[n] = A.f2[a]
            A.slot[a] = F.f + n
            n += 1
    if factor_append(F, enter, n, A.C, A.ldc, f2):
        return 1
    k = 0
    for i in range(F.f - n if q[0] else 0):
        if not work[i]:
            work[k] = i
            k += 1
    return 0


cdef int newton_step(Block* A, double l1, double l2, double yy) noexcept nogil:
    """Go to the minimiser for the present support and signs, or as far as the signs and bounds allow.

    First the whole step with crossing coefficients set to zero, which is kept if the objective does not rise; else the step
    up to the first crossing, where it surely falls. Returns 0 if it moved the whole way (the block is solved for these signs),
    1 if it was cut, 2 if it could not be taken.
    """
    cdef Py_ssize_t s = 0, a, m = A.m, most
    cdef int outcome
    cdef Py_ssize_t* S
    cdef double* x
    for a in range(m):
        s += A.b[a] != 0 and A.lower[a] < A.b[a] < A.upper[a]
    if s == 0:
        return 2
    most = A.factor.f + s
    S = <Py_ssize_t*>malloc((s + most) * sizeof(Py_ssize_t))
    x = <double*>malloc((most + 2 * s + 2 * m) * sizeof(double))         # solution; step and new values; b and g before
    if S == NULL or x == NULL:
        free(S)
        free(x)
        return 2
    s = 0
    for a in range(m):
        if A.b[a] != 0 and A.lower[a] < A.b[a] < A.upper[a]:
            S[s] = a
            s += 1
    outcome = step(A, S, s, l1, l2, yy, S + s, x, x + most, x + most + s, x + most + 2 * s)
    A.flops = 0
    free(S)
    free(x)
    return outcome


cdef int step(Block* A, const Py_ssize_t* S, Py_ssize_t s, double l1, double l2, double yy, Py_ssize_t* work, double* x, double* d,
              double* u, double* kept) noexcept nogil:
    cdef Py_ssize_t a, k, q, m = A.m
    cdef int cut = 0
    cdef double before = block_objective(A, l1, l2, yy), t = 1, after
    if factorise(A, S, s, l2, 0, work, d, &q) and (A.single or factorise(A, S, s, l2, JITTER, work, d, &q)):
        factor_reset(&A.factor, -1, 0, A.single)
        return 2
    memset(x, 0, A.factor.f * sizeof(double))
    for k in range(s):
        a = S[k]
        x[A.slot[a]] = A.g[a] - (l1 * A.f1[a] if A.b[a] > 0 else -l1 * A.f1[a]) - l2 * A.f2[a] * A.b[a]
    if factor_solve(&A.factor, x, work, q):
        factor_reset(&A.factor, -1, 0, A.single)             # the next step starts from a new factor
        return 2
    memcpy(kept, A.b, m * sizeof(double))
    memcpy(kept + m, A.g, m * sizeof(double))
    for k in range(s):
        a = S[k]
        d[k] = x[A.slot[a]]
        u[k] = A.b[a] + d[k]
        if l1 * A.f1[a] > 0 and u[k] * A.b[a] < 0:
            t = min(t, -A.b[a] / d[k])
            cut = 1
            u[k] = 0
        elif u[k] > A.upper[a]:
            t = min(t, (A.upper[a] - A.b[a]) / d[k])
            cut = 1
            u[k] = A.upper[a]
        elif u[k] < A.lower[a]:
            t = min(t, (A.lower[a] - A.b[a]) / d[k])
            cut = 1
            u[k] = A.lower[a]
    move(A, S, s, u)
    after = block_objective(A, l1, l2, yy)
    if not after <= before + (0 if cut else RISE * yy):
        memcpy(A.b, kept, m * sizeof(double))
        memcpy(A.g, kept + m, m * sizeof(double))
        if not cut:
            return 2
        for k in range(s):
            a = S[k]
            u[k] = A.b[a] + t * d[k]
            if l1 * A.f1[a] > 0 and (u[k] * A.b[a] < 0 or fabs(u[k]) <= 1e-14 * fabs(A.b[a])):
                u[k] = 0
            u[k] = min(max(u[k], A.lower[a]), A.upper[a])
        move(A, S, s, u)
    return 1 if cut or A.factor.jitter > 0 else 0


cdef void move(Block* A, const Py_ssize_t* S, Py_ssize_t s, const double* u) noexcept nogil:
    """b_S = u, and the gradient with it."""
    cdef Py_ssize_t k, a
    cdef RowSum G
    row_sum_open(&G, A.g, A.m, A.single)
    for k in range(s):
        a = S[k]
        if u[k] != A.b[a]:
            row_sum_add(&G, block_row(A, a), A.b[a] - u[k])
            A.b[a] = u[k]
    row_sum_flush(&G)
