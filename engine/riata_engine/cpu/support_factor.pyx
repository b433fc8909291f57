# The Cholesky factor of the Gram matrix on a support, kept from one Newton step to the next (see support_factor.pxd).
#
# New features are appended in one block:     L_N = C_NF L⁻ᵀ,   L_NN L_NNᵀ = C_NN − L_N L_Nᵀ.
# Features D that left the support stay in the factor and are held at zero by multipliers: with W = L⁻¹E_D and t = L⁻¹r,
#     x = L⁻ᵀ (t + W μ),   WᵀW μ = −Wᵀt   so that   x_D = 0.
# Both are BLAS-3 with as many columns as features changed: k f² flops beside the f³/3 of a new factor. Once the multipliers have
# cost as much as a clearing out, the factor is cut at the first slot that was left, and what follows is appended anew.
from libc.stdlib cimport malloc, realloc, free
from libc.string cimport memset, memcpy
from riata_engine.cpu.gram_entries cimport gram_entry
from riata_engine.cpu.pages cimport riata_pages_free, riata_pages_get
from scipy.linalg.cython_blas cimport dgemv, dsyrk, dtrsm, dtrsv
from scipy.linalg.cython_lapack cimport dpotrf, dpotrs

cdef double SINGULAR = 1e-13    # share of a diagonal entry below which its pivot counts as zero


cdef void factor_open(Factor* F) noexcept nogil:
    F.f = 0
    F.capacity = 0
    F.L = NULL
    F.feature = NULL
    F.l2 = -1
    F.jitter = 0
    F.waste = 0


cdef void factor_close(Factor* F) noexcept nogil:
    riata_pages_free(F.L)
    free(F.feature)
    factor_open(F)


cdef void factor_reset(Factor* F, double l2, double jitter) noexcept nogil:
    F.f = 0
    F.l2 = l2
    F.jitter = jitter
    F.waste = 0


cdef void factor_cut(Factor* F, Py_ssize_t first) noexcept nogil:
    F.f = first
    F.waste = 0


cdef int make_room(Factor* F, Py_ssize_t f) noexcept nogil:
    cdef Py_ssize_t capacity = f + f // 2 + 16, j          # what nothing is written to takes no memory
    cdef Py_ssize_t* feature
    cdef double* L
    if f <= F.capacity:
        return 0
    L = <double*>riata_pages_get(capacity * capacity * sizeof(double))
    if L == NULL:
        return 1
    feature = <Py_ssize_t*>realloc(F.feature, capacity * sizeof(Py_ssize_t))
    if feature == NULL:
        riata_pages_free(L)
        return 1
    F.feature = feature
    for j in range(F.f):
        memcpy(L + j * capacity + j, F.L + j * F.capacity + j, (F.f - j) * sizeof(double))
    riata_pages_free(F.L)
    F.L = L
    F.capacity = capacity
    return 0


cdef int factor_append(Factor* F, const Py_ssize_t* features, Py_ssize_t k, const double* C, Py_ssize_t ldc,
                       const double* f2) noexcept nogil:
    """Append pool features; f2 belongs to them. Non-zero (and the factor as it was) if they make the matrix singular or memory is short."""
    cdef Py_ssize_t f = F.f, i, j
    cdef double diagonal
    cdef int m = <int>k, n = <int>f, ld, info
    cdef char right = b"R", lower = b"L", flip = b"T", plain = b"N"
    cdef double one = 1, minus = -1
    if k == 0:
        return 0
    if make_room(F, f + k):
        return 1
    ld = <int>F.capacity
    for i in range(k):
        for j in range(f):
            F.L[j * ld + f + i] = gram_entry(C, ldc, features[i], F.feature[j])
        for j in range(i + 1):
            F.L[(f + j) * ld + f + i] = gram_entry(C, ldc, features[i], features[j])
        diagonal = gram_entry(C, ldc, features[i], features[i]) + F.l2 * f2[i]
        F.L[(f + i) * ld + f + i] = diagonal * (1 + F.jitter)
        F.feature[f + i] = features[i]
    if f:
        dtrsm(&right, &lower, &flip, &plain, &m, &n, &one, F.L, &ld, F.L + f, &ld)
        dsyrk(&lower, &plain, &m, &n, &minus, F.L + f, &ld, &one, F.L + f * ld + f, &ld)
    dpotrf(&lower, &m, F.L + f * ld + f, &ld, &info)
    if info != 0:
        return 1
    for i in range(k):                                       # a pivot that cancellation has left no digits of
        diagonal = F.L[(f + i) * ld + f + i]
        if diagonal * diagonal < SINGULAR * (gram_entry(C, ldc, features[i], features[i]) + F.l2 * f2[i]):
            return 1
    F.f = f + k
    return 0


cdef int factor_solve(Factor* F, double* x, const Py_ssize_t* left, Py_ssize_t q) noexcept nogil:
    """Overwrite x (f,) with the solution that is zero at the slots ``left`` (ascending); non-zero if there is none."""
    cdef int f = <int>F.f, ld = <int>F.capacity, tail, count = <int>q, unit = 1, info = 0
    cdef char side = b"L", lower = b"L", flip = b"T", plain = b"N"
    cdef double one = 1, zero = 0, minus = -1
    cdef Py_ssize_t first, k
    cdef double* W
    cdef double* M
    cdef double* mu
    for k in range(q):
        x[left[k]] = 0
    dtrsv(&lower, &plain, &plain, &f, F.L, &ld, x, &unit)
    if q:
        first = left[0]
        tail = <int>(F.f - first)
        W = <double*>malloc((q * tail + q * q + q) * sizeof(double))
        if W == NULL:
            return 1
        M = W + q * tail
        mu = M + q * q
        memset(W, 0, q * tail * sizeof(double))
        for k in range(q):
            W[k * tail + left[k] - first] = 1
        dtrsm(&side, &lower, &plain, &plain, &tail, &count, &one, F.L + first * ld + first, &ld, W, &tail)
        dsyrk(&lower, &flip, &count, &tail, &one, W, &tail, &zero, M, &count)
        dgemv(&flip, &tail, &count, &minus, W, &tail, x + first, &unit, &zero, mu, &unit)
        dpotrf(&lower, &count, M, &count, &info)
        if info == 0:
            dpotrs(&lower, &count, &unit, M, &count, mu, &count, &info)
            dgemv(&plain, &tail, &count, &one, W, &tail, mu, &unit, &one, x + first, &unit)
        free(W)
        if info != 0:
            return 1
        F.waste += multiplier_flops(tail, q)
    dtrsv(&lower, &flip, &plain, &f, F.L, &ld, x, &unit)
    for k in range(q):
        x[left[k]] = 0
    return 0
