# Residuals times one tile of columns of a design, on one thread. Taken in by design.pyx, whose ``pack`` brings a tile to float64.
from cython cimport floating
from libc.stdlib cimport malloc, free
from libc.string cimport memset
from scipy.linalg.cython_blas cimport dgemm

cdef extern from "riata_dots.h":
    void riata_dots(const float** x, const float** following, const double* center, const double* r, int alone, Py_ssize_t n, double* out,
                    Py_ssize_t ldo, int level) noexcept nogil
    void riata_dots_narrow(const float** x, const float** following, const float* center, const float* r, Py_ssize_t n, double* out,
                           Py_ssize_t ldo, int level) noexcept nogil
    double riata_dots_error(int level) noexcept nogil

cdef enum:
    TILE_COLUMNS = 64
    TILE_ROWS = 1024
    CHUNK = 512                            # RIATA_DOTS_CHUNK
    TOGETHER = 10                          # residuals that meet a column at once: RIATA_DOTS_TOGETHER


cdef cloned_void row_sums(const double* R, Py_ssize_t n, Py_ssize_t k, double* out) noexcept nogil:
    cdef Py_ssize_t i, b
    cdef double s
    for b in range(k):
        s = 0
        for i in range(n):
            s += R[b * n + i]
        out[b] = s


cdef cloned_void sparse_product(const floating* values, const long long* indptr, const int* indices, Py_ssize_t j0, Py_ssize_t j1,
                                Py_ssize_t p, const double* center, const double* multiplier, const double* R, Py_ssize_t k,
                                const double* sums, double* row, double* out) noexcept nogil:
    """Residuals (n, k) row by row: an entry of a column meets all of them side by side."""
    cdef Py_ssize_t j, b
    cdef long long a
    cdef const double* r
    cdef double v
    for j in range(j0, j1):
        for b in range(k):
            row[b] = -center[j] * sums[b]
        for a in range(indptr[j], indptr[j + 1]):
            v = values[a]
            r = R + <Py_ssize_t>indices[a] * k
            for b in range(k):
                row[b] += v * r[b]
        for b in range(k):
            out[b * p + j] = row[b] * multiplier[j]


cdef int sparse_tile(const Columns* X, Py_ssize_t t, const double* R, Py_ssize_t k, const double* sums, double* out) noexcept nogil:
    cdef Py_ssize_t j0 = t * TILE_COLUMNS, j1 = min(X.p, j0 + TILE_COLUMNS)
    cdef double* row = <double*>malloc(k * sizeof(double))
    if row == NULL:
        return 1
    if X.single:
        sparse_product[float](<const float*>X.data, X.indptr, X.indices, j0, j1, X.p, X.center, X.multiplier, R, k, sums, row, out)
    else:
        sparse_product[double](<const double*>X.data, X.indptr, X.indices, j0, j1, X.p, X.center, X.multiplier, R, k, sums, row, out)
    free(row)
    return 0


cdef cloned_void square(double* z, Py_ssize_t m) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(m):
        z[i] *= z[i]


cdef int dense_tile(const Columns* X, Py_ssize_t t, const double* R, Py_ssize_t k, Py_ssize_t block, const double* sums,
                    double* out, bint direct, bint squared) noexcept nogil:
    """out[:, 64 t …] = R Z. In BLAS's eyes, column by column: out (columns × k) = Zᵀ (columns × n) R (n × k)."""
    cdef Py_ssize_t j0 = t * TILE_COLUMNS, j1 = min(X.p, j0 + TILE_COLUMNS), r0 = 0, r1, b, j, q
    cdef int rows, columns = <int>(j1 - j0), width, ldr = <int>X.n, ldx, ldo = <int>X.p
    cdef char plain = b"n", flip = b"t"
    cdef double one = 1, beta = 0
    cdef double* z
    if direct:
        rows = <int>X.n
        b = 0
        while b < k:
            width = <int>min(block, k - b)
            if X.row == 1:
                ldx = <int>max(X.col, X.n)
                dgemm(&flip, &plain, &columns, &width, &rows, &one, <double*>X.data + j0 * X.col, &ldx, <double*>R + b * X.n, &ldr,
                      &beta, out + b * X.p + j0, &ldo)
            else:
                ldx = <int>max(X.row, X.p)
                dgemm(&plain, &plain, &columns, &width, &rows, &one, <double*>X.data + j0, &ldx, <double*>R + b * X.n, &ldr,
                      &beta, out + b * X.p + j0, &ldo)
            b += block
        for q in range(k):
            for j in range(j0, j1):
                out[q * X.p + j] = (out[q * X.p + j] - X.center[j] * sums[q]) * X.multiplier[j]
        return 0
    z = <double*>malloc(TILE_ROWS * TILE_COLUMNS * sizeof(double))
    if z == NULL:
        return 1
    while r0 < X.n:
        r1 = min(X.n, r0 + TILE_ROWS)
        rows = <int>(r1 - r0)
        pack(X, r0, r1, NULL, j0, j1 - j0, z, rows)
        if squared:
            square(z, rows * (j1 - j0))
        b = 0
        while b < k:
            width = <int>min(block, k - b)
            dgemm(&flip, &plain, &columns, &width, &rows, &one, z, &rows, <double*>R + b * X.n + r0, &ldr,
                  &beta, out + b * X.p + j0, &ldo)
            b += block
        beta = 1
        r0 += TILE_ROWS
    free(z)
    return 0


cdef bint widens(const Columns* X) noexcept nogil:
    return X.single and not X.sparse and X.row == 1


cdef Py_ssize_t together(Py_ssize_t m, bint narrow) noexcept nogil:
    """Residuals side by side where m are left: ten, or one that is alone."""
    return <Py_ssize_t>1 if m == 1 and not narrow else <Py_ssize_t>TOGETHER


cdef Py_ssize_t room_for_lines(Py_ssize_t n, Py_ssize_t k, bint narrow) noexcept nogil:
    """Numbers that a product of k residuals reads: whole lines of 64 bytes."""
    cdef Py_ssize_t line = 16 if narrow else 8, rest = k % TOGETHER
    return (n + line - 1) // line * line * (k - rest + (together(rest, narrow) if rest > 0 else 0))


cdef floating* side_by_side(const double* R, Py_ssize_t n, Py_ssize_t k, Py_ssize_t block, floating** memory) noexcept nogil:
    """The residuals R (k, n) as riata_dots.h reads them, each block by itself; NULL when ``memory``, which is to be freed, is short."""
    cdef bint narrow = floating is float
    cdef Py_ssize_t line = 16 if narrow else 8, a, b, g, h, i, q, width, beside, room
    cdef floating* r
    cdef floating* start
    room = room_for_lines(n, block, narrow) * (k // block) + room_for_lines(n, k % block, narrow)
    memory[0] = <floating*>malloc(room * sizeof(floating) + 64)
    if memory[0] == NULL:
        return NULL
    start = memory[0] + (64 - (<uintptr_t>memory[0]) % 64) // sizeof(floating)
    memset(start, 0, room * sizeof(floating))
    for a in range((k + block - 1) // block):
        b = a * block
        width = min(block, k - b)
        r = start + a * room_for_lines(n, block, narrow)
        for h in range((width + TOGETHER - 1) // TOGETHER):
            g = h * TOGETHER
            beside = together(width - g, narrow)
            for q in range(min(beside, width - g)):
                for i in range(n):
                    r[beside * (i // line * line) + line * q + i % line] = <floating>R[(b + g + q) * n + i]
            r += (n + line - 1) // line * line * beside
    return start


cdef void single_tile(const Columns* X, Py_ssize_t t, const floating* lines, Py_ssize_t k, Py_ssize_t block, const double* sums,
                      double* out, int level) noexcept nogil:
    """``dense_tile`` of contiguous float32 columns and the residuals ``side_by_side``; ``out`` holds zeros."""
    cdef bint narrow = floating is float
    cdef Py_ssize_t j0 = t * TILE_COLUMNS, j1 = min(X.p, j0 + TILE_COLUMNS), n = X.n, line = 16 if narrow else 8
    cdef Py_ssize_t chunk, r0, here, a, b, g, h, j, q, v, width, beside
    cdef const float* x[2]
    cdef const float* following[2]
    cdef const floating* r
    cdef floating center[2]
    cdef double part[TOGETHER * TILE_COLUMNS]
    for chunk in range((n + CHUNK - 1) // CHUNK):
        r0 = chunk * CHUNK
        here = min(<Py_ssize_t>CHUNK, n - r0)
        for a in range((k + block - 1) // block):
            b = a * block
            width = min(block, k - b)
            r = lines + a * room_for_lines(n, block, narrow)
            for h in range((width + TOGETHER - 1) // TOGETHER):
                g = h * TOGETHER
                beside = together(width - g, narrow)
                memset(&part[0], 0, sizeof(part))
                for j in range(j0, j1, 2):
                    for v in range(2):
                        q = min(j + v, j1 - 1)                   # the last of an odd number goes twice
                        center[v] = <floating>X.center[q]
                        x[v] = <const float*>X.data + q * X.col + r0
                        following[v] = <const float*>X.data + min(q + 2, X.p - 1) * X.col + r0
                    if floating is float:
                        riata_dots_narrow(x, following, &center[0], r + r0 * beside, here, &part[j - j0], TILE_COLUMNS, level)
                    else:
                        riata_dots(x, following, &center[0], r + r0 * beside, beside == 1, here, &part[j - j0], TILE_COLUMNS, level)
                for q in range(min(beside, width - g)):
                    for j in range(j0, j1):
                        if floating is float:
                            if chunk == 0:                       # what the rounding of the center leaves
                                part[q * TILE_COLUMNS + j - j0] += (<double><float>X.center[j] - X.center[j]) * sums[b + g + q]
                        out[(b + g + q) * X.p + j] += part[q * TILE_COLUMNS + j - j0] * X.multiplier[j]
                r += (n + line - 1) // line * line * beside


cdef int product_of_one(const Columns* X, const double* r, bint direct, double* out) noexcept nogil:
    """Zᵀr of a dense design, as ``transposed_matvec`` of one residual on one thread. Non-zero when memory is short."""
    cdef Py_ssize_t t
    cdef double total = 0
    cdef double* memory = NULL
    cdef double* lines = NULL
    cdef int level = riata_simd_level()
    row_sums(r, X.n, 1, &total)
    if widens(X):
        lines = side_by_side[double](r, X.n, 1, 1, &memory)
        if lines == NULL:
            return 1
        memset(out, 0, X.p * sizeof(double))
    for t in range((X.p + TILE_COLUMNS - 1) // TILE_COLUMNS):
        if lines != NULL:
            single_tile[double](X, t, lines, 1, 1, &total, out, level)
        elif dense_tile(X, t, r, 1, 1, &total, out, direct, False):
            free(memory)
            return 1
    free(memory)
    return 0
