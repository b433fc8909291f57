# Memory of a multinomial problem, and its products with X: gradients of K residuals in one pass, linear predictors of K classes.
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memset
from riata_engine.cpu.design cimport pack
from scipy.linalg.cython_blas cimport dgemm

cdef extern from "riata_simd.h":
    ctypedef void cloned_void "RIATA_CLONED_VOID"

cdef enum:
    LINE = 64                             # floats: rows come in whole multiples
    TILE_COLUMNS = 64
    TILE_ROWS = 1024


cdef int open_state(State* S) noexcept nogil:
    """Room for a problem whose data fields are set. Non-zero when memory is short."""
    cdef Py_ssize_t K = S.K, p = S.p, ld = (S.n + LINE - 1) // LINE * LINE, i
    S.ld = ld
    S.room = 0
    S.n_work = 0
    S.b = <double*>calloc(p * K + 1, sizeof(double))
    S.b0 = <double*>calloc(K, sizeof(double))
    S.eta = <double*>calloc(K * ld, sizeof(double))
    S.prob = <double*>calloc(K * ld, sizeof(double))
    S.r = <double*>calloc(K * ld, sizeof(double))
    S.G = <double*>calloc(K * p + 1, sizeof(double))
    S.in_work = <unsigned char*>calloc(p + 1, 1)
    S.n_pairs = <Py_ssize_t*>calloc(K, sizeof(Py_ssize_t))
    S.trial = <double*>calloc(p * K + 1, sizeof(double))
    S.trial0 = <double*>calloc(K, sizeof(double))
    S.sum_v = <double*>calloc(K, sizeof(double))
    S.g0 = <double*>calloc(K, sizeof(double))
    S.q = <float*>calloc(K * ld, sizeof(float))
    S.t = <float*>calloc(K * ld, sizeof(float))
    S.mean_t = <float*>calloc(ld, sizeof(float))
    S.w32 = <float*>calloc(ld, sizeof(float))
    S.v = <float*>calloc(ld, sizeof(float))
    S.sigma = <float*>calloc(ld, sizeof(float))
    S.moved = <float*>calloc(ld, sizeof(float))
    S.eta_new = <double*>calloc(K * ld, sizeof(double))
    S.prob_new = <double*>calloc(K * ld, sizeof(double))
    S.tile = <double*>malloc((TILE_ROWS * TILE_COLUMNS + TILE_COLUMNS * K) * sizeof(double))
    S.turned = <double*>malloc(S.n * K * sizeof(double)) if S.X.sparse else NULL
    if (S.b == NULL or S.b0 == NULL or S.eta == NULL or S.prob == NULL or S.r == NULL or S.G == NULL or S.in_work == NULL
            or S.n_pairs == NULL or S.trial == NULL or S.trial0 == NULL or S.sum_v == NULL or S.g0 == NULL or S.q == NULL
            or S.t == NULL or S.mean_t == NULL or S.w32 == NULL or S.v == NULL or S.sigma == NULL or S.moved == NULL
            or S.eta_new == NULL or S.prob_new == NULL or S.tile == NULL or (S.X.sparse and S.turned == NULL)):
        return 1
    for i in range(S.n):
        S.w32[i] = <float>S.w[i]
    return 0


cdef void close_state(State* S) noexcept nogil:
    free(S.b)
    free(S.b0)
    free(S.eta)
    free(S.prob)
    free(S.r)
    free(S.G)
    free(S.in_work)
    free(S.n_pairs)
    free(S.trial)
    free(S.trial0)
    free(S.sum_v)
    free(S.g0)
    free(S.q)
    free(S.t)
    free(S.mean_t)
    free(S.w32)
    free(S.v)
    free(S.sigma)
    free(S.moved)
    free(S.eta_new)
    free(S.prob_new)
    free(S.tile)
    free(S.turned)
    free(S.work)
    free(S.x32)
    free(S.pairs)
    free(S.h)
    free(S.xv)


cdef int more_room(State* S) noexcept nogil:
    """Twice the features in play. The lists of pairs are made anew for every step, so that they need not be moved."""
    cdef Py_ssize_t room = min(S.p, max(<Py_ssize_t>64, 2 * S.room))
    cdef Py_ssize_t* work = <Py_ssize_t*>realloc(S.work, room * sizeof(Py_ssize_t))
    cdef float* x32
    if work == NULL:
        return 1
    S.work = work
    if not S.X.sparse:
        x32 = <float*>realloc(S.x32, room * S.ld * sizeof(float))
        if x32 == NULL:
            return 1
        S.x32 = x32
    free(S.pairs)
    free(S.h)
    free(S.xv)
    S.pairs = <Py_ssize_t*>malloc(S.K * room * sizeof(Py_ssize_t))
    S.h = <double*>malloc(S.K * room * sizeof(double))
    S.xv = <double*>malloc(S.K * room * sizeof(double))
    S.room = room
    return S.pairs == NULL or S.h == NULL or S.xv == NULL


cdef cloned_void to_single(const double* x, Py_ssize_t n, float* out) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        out[i] = <float>x[i]


cdef int add_work(State* S, Py_ssize_t j) noexcept nogil:
    """Feature j comes into play. Non-zero when memory is short."""
    cdef Py_ssize_t start = 0, m
    cdef float* x
    if S.in_work[j]:
        return 0
    if S.n_work == S.room and more_room(S):
        return 1
    S.work[S.n_work] = j
    if not S.X.sparse:
        x = S.x32 + S.n_work * S.ld
        memset(x + S.n, 0, (S.ld - S.n) * sizeof(float))
        while start < S.n:
            m = min(<Py_ssize_t>(TILE_ROWS * TILE_COLUMNS), S.n - start)
            pack(S.X, start, start + m, &j, 0, 1, S.tile, m)
            to_single(S.tile, m, x + start)
            start += m
    S.in_work[j] = 1
    S.n_work += 1
    return 0


cdef cloned_void sparse_gradient(const char* data, bint single, const int* indices, long long a, long long end, const double* turned,
                                 Py_ssize_t K, double* out) noexcept nogil:
    """out (K,) = Σ x_i r_i over the stored entries of a column."""
    cdef Py_ssize_t k
    cdef double x
    cdef const double* r
    for k in range(K):
        out[k] = 0
    while a < end:
        x = (<const float*>data)[a] if single else (<const double*>data)[a]
        r = turned + indices[a] * K
        for k in range(K):
            out[k] += x * r[k]
        a += 1


cdef int gradients(State* S, bint everything) noexcept nogil:
    """G of the features in play, or of all, from r: one pass over their columns."""
    cdef const Columns* X = S.X
    cdef Py_ssize_t K = S.K, count = S.p if everything else S.n_work, first, m, start, i, j, k
    cdef int rows, columns, classes = <int>K, ldr = <int>S.ld, ldx, width = TILE_COLUMNS
    cdef char plain = b"n", flip = b"t"
    cdef double one = 1, beta
    cdef double* out = S.tile + TILE_ROWS * TILE_COLUMNS
    cdef double total
    cdef bint direct = everything and S.direct and X.row == 1
    if everything:
        S.passes += 1
    if X.sparse:
        for i in range(S.n):
            for k in range(K):
                S.turned[i * K + k] = S.r[k * S.ld + i]
        for first in range(count):
            j = first if everything else S.work[first]
            sparse_gradient(X.data, X.single, X.indices, X.indptr[j], X.indptr[j + 1], S.turned, K, out)
            for k in range(K):
                S.G[k * S.p + j] = out[k] * X.multiplier[j]
        return 0
    first = 0
    while first < count:
        m = min(<Py_ssize_t>TILE_COLUMNS, count - first)
        columns = <int>m
        if direct:
            rows = <int>X.n
            ldx = <int>max(X.col, X.n)
            beta = 0
            dgemm(&flip, &plain, &columns, &classes, &rows, &one, <double*>X.data + first * X.col, &ldx, S.r, &ldr, &beta, out, &width)
        else:
            start = 0
            beta = 0
            while start < S.n:
                rows = <int>min(<Py_ssize_t>TILE_ROWS, S.n - start)
                pack(X, start, start + rows, NULL if everything else S.work + first, first, m, S.tile, rows)
                dgemm(&flip, &plain, &columns, &classes, &rows, &one, S.tile, &rows, S.r + start, &ldr, &beta, out, &width)
                beta = 1
                start += rows
        for k in range(K):
            total = 0
            if direct:
                for i in range(S.n):
                    total += S.r[k * S.ld + i]
            for i in range(m):
                j = first + i if everything else S.work[first + i]
                S.G[k * S.p + j] = (out[k * TILE_COLUMNS + i] - X.center[j] * total) * X.multiplier[j] if direct \
                    else out[k * TILE_COLUMNS + i]
        first += m
    return 0


cdef int predictors(State* S, const double* b, const double* b0, double* eta) noexcept nogil:
    """eta = offset + b0 + Z b: the features with a coefficient."""
    cdef const Columns* X = S.X
    cdef Py_ssize_t K = S.K, i, j, k, m = 0, s = 0, start
    cdef Py_ssize_t chosen[TILE_COLUMNS]
    cdef int rows, columns, classes = <int>K, lde = <int>S.ld, width = TILE_COLUMNS
    cdef char plain = b"n"
    cdef double one = 1, d
    cdef double* coef = S.tile + TILE_ROWS * TILE_COLUMNS
    cdef long long a
    for k in range(K):
        for i in range(S.n):
            eta[k * S.ld + i] = b0[k]
        if S.offset != NULL:
            for i in range(S.n):
                eta[k * S.ld + i] += S.offset[k * S.n + i]
    if X.sparse:
        for s in range(S.n_work):
            j = S.work[s]
            for k in range(K):
                d = b[j * K + k] * X.multiplier[j]
                if d != 0:
                    if X.single:
                        for a in range(X.indptr[j], X.indptr[j + 1]):
                            eta[k * S.ld + X.indices[a]] += (<const float*>X.data)[a] * d
                    else:
                        for a in range(X.indptr[j], X.indptr[j + 1]):
                            eta[k * S.ld + X.indices[a]] += (<const double*>X.data)[a] * d
        return 0
    while s < S.n_work:
        m = 0
        while m < TILE_COLUMNS and s < S.n_work:
            j = S.work[s]
            s += 1
            for k in range(K):
                if b[j * K + k] != 0:
                    chosen[m] = j
                    m += 1
                    break
        if m == 0:
            break
        for k in range(K):
            for i in range(m):
                coef[k * TILE_COLUMNS + i] = b[chosen[i] * K + k]
        columns = <int>m
        start = 0
        while start < S.n:
            rows = <int>min(<Py_ssize_t>TILE_ROWS, S.n - start)
            pack(X, start, start + rows, chosen, 0, m, S.tile, rows)
            dgemm(&plain, &plain, &rows, &classes, &columns, &one, S.tile, &rows, coef, &width, &one, eta + start, &lde)
            start += rows
    return 0
