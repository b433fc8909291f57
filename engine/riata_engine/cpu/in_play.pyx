# The columns that one problem works on, and their Gram matrix: its own, so that its bits are the same alone and beside others.
# Dense rows go through small tiles and BLAS; of sparse X a product costs the stored entries of one column.
from libc.stdlib cimport malloc, free, calloc
from libc.string cimport memcpy
from scipy.linalg.cython_blas cimport dgemm
from cython cimport floating
from riata_engine.cpu.design cimport pack

cdef extern from "riata_simd.h":
    ctypedef void cloned_void "RIATA_CLONED_VOID"

cdef enum:
    ROOM = 64                   # columns that there is memory for at first
    TILE = 1 << 16              # entries of a tile of rows


cdef int open_play(InPlay* P) noexcept nogil:
    """Nothing in play yet. Non-zero when memory is short."""
    P.m, P.done, P.room = 0, 0, min(<Py_ssize_t>ROOM, P.X.p)
    P.columns = <Py_ssize_t*>malloc(P.room * sizeof(Py_ssize_t))
    P.inside = <unsigned char*>calloc(P.X.p, 1)
    P.G = <double*>malloc(P.room * P.room * sizeof(double))
    return P.columns == NULL or P.inside == NULL or P.G == NULL


cdef void close_play(InPlay* P) noexcept nogil:
    free(P.columns)
    free(P.inside)
    free(P.G)
    P.columns, P.inside, P.G = NULL, NULL, NULL


cdef int take_in(InPlay* P, Py_ssize_t j) noexcept nogil:
    """Column j comes into play, unless it is there. Non-zero when memory is short."""
    cdef Py_ssize_t room, i
    cdef Py_ssize_t* columns
    cdef double* G
    if P.inside[j]:
        return 0
    if P.m == P.room:
        room = min(P.X.p, 2 * P.room)
        columns = <Py_ssize_t*>malloc(room * sizeof(Py_ssize_t))
        G = <double*>malloc(room * room * sizeof(double))
        if columns == NULL or G == NULL:
            free(columns)
            free(G)
            return 1
        memcpy(columns, P.columns, P.m * sizeof(Py_ssize_t))
        for i in range(P.done):
            memcpy(G + i * room, P.G + i * P.room, P.done * sizeof(double))
        free(P.columns)
        free(P.G)
        P.columns, P.G, P.room = columns, G, room
    P.inside[j] = 1
    P.columns[P.m] = j
    P.m += 1
    return 0


cdef Py_ssize_t tile_rows(Py_ssize_t n, Py_ssize_t m) noexcept nogil:
    return max(<Py_ssize_t>1, min(n, max(<Py_ssize_t>32, <Py_ssize_t>TILE // max(m, <Py_ssize_t>1))))


cdef cloned_void centre(double* Z, Py_ssize_t rows, Py_ssize_t m, const Py_ssize_t* columns, const double* shift) noexcept nogil:
    cdef Py_ssize_t i, k
    cdef double d
    for k in range(m):
        d = shift[columns[k]]
        for i in range(rows):
            Z[k * rows + i] -= d


cdef cloned_void weigh(const double* Z, const double* v, Py_ssize_t rows, Py_ssize_t k, double* W) noexcept nogil:
    cdef Py_ssize_t i, q
    for q in range(k):
        for i in range(rows):
            W[q * rows + i] = v[i] * Z[q * rows + i]


cdef int dense_gram(InPlay* P) noexcept nogil:
    cdef Py_ssize_t m = P.m, k = P.m - P.done, n = P.X.n, tile = tile_rows(n, m), r0 = 0, r1
    cdef int rows, wide = <int>m, new = <int>k, ld = <int>P.room
    cdef double one = 1, beta = 0
    cdef char plain = b"n", flip = b"t"
    cdef double* Z = <double*>malloc(tile * (m + k) * sizeof(double))
    if Z == NULL:
        return 1
    while r0 < n:
        r1 = min(n, r0 + tile)
        rows = <int>(r1 - r0)
        pack(P.X, r0, r1, P.columns, 0, m, Z, rows)
        centre(Z, rows, m, P.columns, P.shift)
        weigh(Z + rows * P.done, P.v + r0, rows, k, Z + rows * m)
        dgemm(&flip, &plain, &wide, &new, &rows, &one, Z, &rows, Z + rows * m, &rows, &beta, P.G + P.done * P.room, &ld)
        beta = 1
        r0 += tile
    free(Z)
    return 0


cdef void sparse_gram(InPlay* P, const floating* x, double* scattered) noexcept nogil:
    """``scattered`` (n,) holds zeros, and does so again at the end."""
    cdef Py_ssize_t a, q, j, i
    cdef long long e
    cdef double s
    for a in range(P.done, P.m):
        j = P.columns[a]
        for e in range(P.X.indptr[j], P.X.indptr[j + 1]):
            scattered[P.X.indices[e]] = P.v[P.X.indices[e]] * x[e]
        for q in range(a + 1):
            i = P.columns[q]
            s = 0
            for e in range(P.X.indptr[i], P.X.indptr[i + 1]):
                s += x[e] * scattered[P.X.indices[e]]
            P.G[a * P.room + q] = (s - P.mean[i] * P.mean[j]) * P.X.multiplier[i] * P.X.multiplier[j]
        for e in range(P.X.indptr[j], P.X.indptr[j + 1]):
            scattered[P.X.indices[e]] = 0


cdef int extend_gram(InPlay* P) noexcept nogil:
    """The rows of the Gram matrix of columns that came since. Non-zero when memory is short."""
    cdef Py_ssize_t a, q
    cdef double* scattered
    if P.done == P.m:
        return 0
    if not P.X.sparse:
        if dense_gram(P):
            return 1
    else:
        scattered = <double*>calloc(P.X.n, sizeof(double))
        if scattered == NULL:
            return 1
        if P.X.single:
            sparse_gram[float](P, <const float*>P.X.data, scattered)
        else:
            sparse_gram[double](P, <const double*>P.X.data, scattered)
        free(scattered)
    for a in range(P.done, P.m):                             # one triangle stands for both: the matrix is symmetric to the last bit
        for q in range(a + 1):
            P.G[q * P.room + a] = P.G[a * P.room + q]
    P.done = P.m
    return 0


cdef void sparse_fit(const InPlay* P, const floating* x, const double* b, Py_ssize_t ldb, Py_ssize_t L, double* R) noexcept nogil:
    cdef Py_ssize_t l, q, j, i, n = P.X.n
    cdef long long e
    cdef double a, level
    for l in range(L):
        level = 0
        for q in range(P.m):
            if b[l * ldb + q] == 0:
                continue
            j = P.columns[q]
            a = b[l * ldb + q] * P.X.multiplier[j]
            level += a * P.mean[j]
            for e in range(P.X.indptr[j], P.X.indptr[j + 1]):
                R[l * n + P.X.indices[e]] -= a * x[e]
        for i in range(n):
            R[l * n + i] += level


cdef int subtract_fitted(const InPlay* P, const double* b, Py_ssize_t ldb, Py_ssize_t L, double* R) noexcept nogil:
    """R (L, n) −= (Z − d) b of L coefficient vectors b (L, ldb) on the columns in play. Non-zero when memory is short."""
    cdef Py_ssize_t n = P.X.n, u = 0, q, l, tile, r0 = 0, r1
    cdef int rows, used, many = <int>L, ldr = <int>n
    cdef double one = 1, minus = -1
    cdef char plain = b"n", flip = b"t"
    cdef bint counts
    cdef Py_ssize_t* columns
    cdef double* B
    cdef double* Z
    if P.X.sparse:
        if P.X.single:
            sparse_fit[float](P, <const float*>P.X.data, b, ldb, L, R)
        else:
            sparse_fit[double](P, <const double*>P.X.data, b, ldb, L, R)
        return 0
    columns = <Py_ssize_t*>malloc((P.m + 1) * sizeof(Py_ssize_t))
    B = <double*>malloc((P.m * L + 1) * sizeof(double))
    if columns == NULL or B == NULL:
        free(columns)
        free(B)
        return 1
    for q in range(P.m):
        counts = False
        for l in range(L):
            B[u * L + l] = b[l * ldb + q]
            counts = counts or b[l * ldb + q] != 0
        if counts:
            columns[u] = P.columns[q]
            u += 1
    if u == 0:
        free(columns)
        free(B)
        return 0
    tile = tile_rows(n, u)
    Z = <double*>malloc(tile * u * sizeof(double))
    if Z == NULL:
        free(columns)
        free(B)
        return 1
    used = <int>u
    while r0 < n:
        r1 = min(n, r0 + tile)
        rows = <int>(r1 - r0)
        pack(P.X, r0, r1, columns, 0, u, Z, rows)
        centre(Z, rows, u, columns, P.shift)
        dgemm(&plain, &flip, &rows, &many, &used, &minus, Z, &rows, B, &many, &one, R + r0, &ldr)
        r0 += tile
    free(Z)
    free(columns)
    free(B)
    return 0
