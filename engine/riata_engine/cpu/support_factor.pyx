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
from scipy.linalg.cython_blas cimport dgemv, dsyrk, dtrsm, dtrsv, sgemv, ssyrk, strsm, strsv
from scipy.linalg.cython_lapack cimport dpotrf, dpotrs, spotrf, spotrs

cdef double SINGULAR = 1e-13            # share of a diagonal entry below which its pivot counts as zero
cdef double SINGULAR_SINGLE = 1e-5      # the same in float32: where it does not do, the block and its factor become float64

ctypedef fused real:
    float
    double


cdef void factor_open(Factor* F) noexcept nogil:
    F.f = 0
    F.capacity = 0
    F.L = NULL
    F.single = False
    F.feature = NULL
    F.l2 = -1
    F.jitter = 0
    F.waste = 0


cdef void factor_close(Factor* F) noexcept nogil:
    riata_pages_free(F.L)
    free(F.feature)
    factor_open(F)


cdef void factor_reset(Factor* F, double l2, double jitter, bint single) noexcept nogil:
    if F.single != single:
        riata_pages_free(F.L)
        F.L = NULL
        F.capacity = 0
    F.single = single
    F.f = 0
    F.l2 = l2
    F.jitter = jitter
    F.waste = 0


cdef void factor_cut(Factor* F, Py_ssize_t first) noexcept nogil:
    F.f = first
    F.waste = 0


cdef int make_room(Factor* F, Py_ssize_t f) noexcept nogil:
    # what nothing is written to takes no memory; where a column is less than a page, only the columns to come are such
    cdef Py_ssize_t capacity = f + (64 if F.single else f // 2) + 16, j, size = 4 if F.single else 8
    cdef Py_ssize_t* feature
    cdef char* L
    if f <= F.capacity:
        return 0
    L = <char*>riata_pages_get(capacity * capacity * size)
    if L == NULL:
        return 1
    feature = <Py_ssize_t*>realloc(F.feature, capacity * sizeof(Py_ssize_t))
    if feature == NULL:
        riata_pages_free(L)
        return 1
    F.feature = feature
    for j in range(F.f):
        memcpy(L + (j * capacity + j) * size, F.L + (j * F.capacity + j) * size, (F.f - j) * size)
    riata_pages_free(F.L)
    F.L = L
    F.capacity = capacity
    return 0


cdef int factor_append(Factor* F, const Py_ssize_t* features, Py_ssize_t k, const double* C, Py_ssize_t ldc,
                       const double* f2) noexcept nogil:
    """Append pool features; f2 belongs to them. Non-zero (and the factor as it was) if they make the matrix singular or memory is short."""
    if k == 0:
        return 0
    if make_room(F, F.f + k):
        return 1
    if F.single:
        return append(F, <float*>F.L, features, k, C, ldc, f2)
    return append(F, <double*>F.L, features, k, C, ldc, f2)


cdef int append(Factor* F, real* L, const Py_ssize_t* features, Py_ssize_t k, const double* C, Py_ssize_t ldc,
                const double* f2) noexcept nogil:
    cdef Py_ssize_t f = F.f, i, j
    cdef double diagonal, least = SINGULAR_SINGLE if real is float else SINGULAR
    cdef int m = <int>k, n = <int>f, ld, info
    cdef char right = b"R", lower = b"L", flip = b"T", plain = b"N"
    cdef real one = 1, minus = -1
    ld = <int>F.capacity
    for i in range(k):
        for j in range(f):
            L[j * ld + f + i] = <real>gram_entry(C, ldc, features[i], F.feature[j])
        for j in range(i + 1):
            L[(f + j) * ld + f + i] = <real>gram_entry(C, ldc, features[i], features[j])
        diagonal = gram_entry(C, ldc, features[i], features[i]) + F.l2 * f2[i]
        L[(f + i) * ld + f + i] = <real>(diagonal * (1 + F.jitter))
        F.feature[f + i] = features[i]
    if real is float:
        if f:
            strsm(&right, &lower, &flip, &plain, &m, &n, &one, L, &ld, L + f, &ld)
            ssyrk(&lower, &plain, &m, &n, &minus, L + f, &ld, &one, L + f * ld + f, &ld)
        spotrf(&lower, &m, L + f * ld + f, &ld, &info)
    else:
        if f:
            dtrsm(&right, &lower, &flip, &plain, &m, &n, &one, L, &ld, L + f, &ld)
            dsyrk(&lower, &plain, &m, &n, &minus, L + f, &ld, &one, L + f * ld + f, &ld)
        dpotrf(&lower, &m, L + f * ld + f, &ld, &info)
    if info != 0:
        return 1
    for i in range(k):                                       # a pivot that cancellation has left no digits of
        diagonal = L[(f + i) * ld + f + i]
        if not diagonal * diagonal >= least * (gram_entry(C, ldc, features[i], features[i]) + F.l2 * f2[i]):
            return 1
    F.f = f + k
    return 0


cdef int factor_solve(Factor* F, double* x, const Py_ssize_t* left, Py_ssize_t q) noexcept nogil:
    """Overwrite x (f,) with the solution that is zero at the slots ``left`` (ascending); non-zero if there is none."""
    cdef float* narrow
    cdef Py_ssize_t i
    cdef int code
    if not F.single:
        return solve(F, <double*>F.L, x, left, q)
    narrow = <float*>malloc(F.f * sizeof(float))
    if narrow == NULL:
        return 1
    for i in range(F.f):
        narrow[i] = <float>x[i]
    code = solve(F, <float*>F.L, narrow, left, q)
    for i in range(F.f):
        x[i] = narrow[i]
    free(narrow)
    return code


cdef int solve(Factor* F, real* L, real* x, const Py_ssize_t* left, Py_ssize_t q) noexcept nogil:
    cdef int f = <int>F.f, ld = <int>F.capacity, tail, count = <int>q, unit = 1, info = 0
    cdef char side = b"L", lower = b"L", flip = b"T", plain = b"N"
    cdef real one = 1, zero = 0, minus = -1
    cdef Py_ssize_t first, k
    cdef real* W
    cdef real* M
    cdef real* mu
    for k in range(q):
        x[left[k]] = 0
    if real is float:
        strsv(&lower, &plain, &plain, &f, L, &ld, x, &unit)
    else:
        dtrsv(&lower, &plain, &plain, &f, L, &ld, x, &unit)
    if q:
        first = left[0]
        tail = <int>(F.f - first)
        W = <real*>riata_pages_get((q * tail + q * q + q) * sizeof(real))
        if W == NULL:
            return 1
        M = W + q * tail
        mu = M + q * q
        memset(W, 0, q * tail * sizeof(real))
        for k in range(q):
            W[k * tail + left[k] - first] = 1
        if real is float:
            strsm(&side, &lower, &plain, &plain, &tail, &count, &one, L + first * ld + first, &ld, W, &tail)
            ssyrk(&lower, &flip, &count, &tail, &one, W, &tail, &zero, M, &count)
            sgemv(&flip, &tail, &count, &minus, W, &tail, x + first, &unit, &zero, mu, &unit)
            spotrf(&lower, &count, M, &count, &info)
            if info == 0:
                spotrs(&lower, &count, &unit, M, &count, mu, &count, &info)
                sgemv(&plain, &tail, &count, &one, W, &tail, mu, &unit, &one, x + first, &unit)
        else:
            dtrsm(&side, &lower, &plain, &plain, &tail, &count, &one, L + first * ld + first, &ld, W, &tail)
            dsyrk(&lower, &flip, &count, &tail, &one, W, &tail, &zero, M, &count)
            dgemv(&flip, &tail, &count, &minus, W, &tail, x + first, &unit, &zero, mu, &unit)
            dpotrf(&lower, &count, M, &count, &info)
            if info == 0:
                dpotrs(&lower, &count, &unit, M, &count, mu, &count, &info)
                dgemv(&plain, &tail, &count, &one, W, &tail, mu, &unit, &one, x + first, &unit)
        riata_pages_free(W)
        if info != 0:
            return 1
        F.waste += multiplier_flops(tail, q)
    if real is float:
        strsv(&lower, &flip, &plain, &f, L, &ld, x, &unit)
    else:
        dtrsv(&lower, &flip, &plain, &f, L, &ld, x, &unit)
    for k in range(q):
        x[left[k]] = 0
    return 0
