# Sufficient statistics of a set of rows: the Gram matrix ZᵀVZ, Zᵀ V [1, Y] of packed columns z and row weights v, added up over
# blocks of rows in float64. Two phases a block: pack the rows once, then BLAS on fixed tiles of the output, so that the bits do not
# depend on the number of threads.
import numpy as np
from cython.parallel cimport prange, threadid
from libc.stdlib cimport malloc, free
from scipy.linalg.cython_blas cimport dgemm, dsyrk
from riata_engine.cpu.control cimport Control, Signal, poll, worth
from riata_engine.cpu.design cimport Columns, Design, pack

cdef extern from "riata_simd.h":
    ctypedef void cloned_void "RIATA_CLONED_VOID"


cdef cloned_void weigh(double* z, const double* root, Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t ld) noexcept nogil:
    cdef Py_ssize_t i, j
    for j in range(columns):
        for i in range(rows):
            z[j * ld + i] *= root[i]


cdef cloned_void cross_four(const double* z, const double* y, Py_ssize_t ldy, Py_ssize_t rows, double* out) noexcept nogil:
    """out[t] += Σ_i z_i y[t·ldy + i], t = 0 … 3: always four at once, so that a target's bits do not depend on its neighbours."""
    cdef Py_ssize_t i
    cdef double a = 0, b = 0, c = 0, d = 0
    for i in range(rows):
        a += z[i] * y[i]
        b += z[i] * y[ldy + i]
        c += z[i] * y[2 * ldy + i]
        d += z[i] * y[3 * ldy + i]
    out[0] += a
    out[1] += b
    out[2] += c
    out[3] += d


cdef void one_tile(const double* Z, Py_ssize_t ld, int rows, Py_ssize_t p, Py_ssize_t width, Py_ssize_t tile, double* C, Py_ssize_t ldc,
                   const double* Y, Py_ssize_t ldy, Py_ssize_t T, double* c) noexcept nogil:
    """Tile number ``tile`` of the lower triangle (counted along rows) of C += ZᵀZ; the diagonal tiles also do c += ZᵀY."""
    cdef Py_ssize_t I = 0, J = tile, a, b
    cdef int m, k, lda = <int>ld, ldcc = <int>ldc
    cdef Py_ssize_t i, t
    cdef char upper = b"u", flip = b"t", n = b"n"
    cdef double one = 1
    while J > I:
        J -= I + 1
        I += 1
    a = I * width
    b = J * width
    m = <int>min(width, p - a)
    k = <int>min(width, p - b)
    if I == J:
        # row-major lower is column-major upper
        dsyrk(&upper, &flip, &m, &rows, &one, <double*>Z + a * ld, &lda, &one, C + a * ldc + a, &ldcc)
        for i in range(a, a + m):
            for t in range(0, T, 4):
                cross_four(Z + i * ld, Y + t * ldy, ldy, rows, c + i * T + t)
    else:
        dgemm(&flip, &n, &k, &m, &rows, &one, <double*>Z + b * ld, &lda, <double*>Z + a * ld, &lda, &one, C + a * ldc + b, &ldcc)


cdef cloned_void mirror(double* C, Py_ssize_t p, Py_ssize_t ld) noexcept nogil:
    cdef Py_ssize_t i, j, I, J
    for I in range((p + 31) // 32):                         # in blocks that stay in cache
        for J in range(I + 1):
            for i in range(32 * I, min(32 * I + 32, p)):
                for j in range(32 * J, min(32 * J + 32, i)):
                    C[j * ld + i] = C[i * ld + j]


def accumulate(Design design, parts, v, const double[:, ::1] Y, double[:, :, ::1] C, double[:, :, ::1] c, Control control,
               int n_threads=1):
    """C[k] (p, p) += Zᵀ V Z and c[k] (p, T) += Zᵀ V Y over the rows of each part k: one pass over X for all parts.

    Parameters
    ----------
    parts : (n,) int array or None
        The part that a row belongs to, negative for none (None: all rows are part 0).
    v : (n,) array or None
        Row weights ≥ 0 (None: ones).
    Y : (n, T), C : (K, p, p), c : (K, p, T)
    """
    cdef Py_ssize_t n = design.view.n, p = design.view.p, T = (Y.shape[1] + 3) // 4 * 4, K = C.shape[0]
    cdef Py_ssize_t r0, m, width = 64 if p <= 256 else 128 if p <= 1024 else 256
    cdef Py_ssize_t side = (p + width - 1) // width, tile, tiles = side * (side + 1) // 2, chunk, k
    cdef Py_ssize_t block = 4096 if p <= 512 else 1024 if p <= 2048 else 512
    cdef const Py_ssize_t[::1] order
    cdef const Py_ssize_t[::1] ends = np.array([0, 0], dtype=np.intp)
    cdef const Py_ssize_t* take = NULL
    cdef double[::1] root
    cdef double[::1, :] y
    cdef double[:, :, ::1] cross_out
    cdef double[::1] Z
    cdef Columns* X = &design.view
    cdef Signal* signal = &control.signal
    cdef void* handle = <void*>control
    cdef bint weighted = v is not None
    if p == 0 or n == 0:
        return
    Z = np.empty(min(block, n) * p)
    cross = np.zeros((K, p, T))                # Zᵀ V Y, padded to a multiple of four targets
    cross_out = cross
    n_threads = worth(<double>n * p * p, n_threads)
    r0 = 0
    while r0 < n:
        if parts is None:
            rows = slice(r0, min(n, r0 + block))
            m = rows.stop - r0
            ends = np.array([0, m], dtype=np.intp)
        else:                                  # rows of a block sorted by part: X is still read once, from top to bottom
            label = np.asarray(parts[r0:r0 + block])
            rows = np.argsort(label, kind="stable")[np.count_nonzero(label < 0):] + r0
            order = np.ascontiguousarray(rows, dtype=np.intp)
            take = &order[0] if len(rows) else NULL
            m = len(rows)
            ends = np.searchsorted(np.asarray(parts)[rows], np.arange(K + 1)).astype(np.intp)
        y_part = np.asarray(Y)[rows]
        if weighted:
            root_part = np.sqrt(np.asarray(v)[rows])
            root = root_part
            y_part = y_part * root_part[:, None]
        padded = np.zeros((m, T), order="F")
        padded[:, :Y.shape[1]] = y_part
        y = padded
        if m:
            with nogil:
                for chunk in prange((p + 15) // 16, num_threads=n_threads, schedule="static"):
                    pack_some(X, take, r0, m, chunk * 16, min(p, chunk * 16 + 16), &Z[0], &root[0] if weighted else NULL)
                for tile in prange(K * tiles, num_threads=n_threads, schedule="dynamic"):
                    k = tile // tiles
                    if signal.stop == 0 and ends[k + 1] > ends[k]:
                        one_tile(&Z[0] + ends[k], m, <int>(ends[k + 1] - ends[k]), p, width, tile - k * tiles, &C[k, 0, 0], p,
                                 &y[0, 0] + ends[k] if T else NULL, m, T, &cross_out[k, 0, 0] if T else NULL)
                    if threadid() == 0:
                        poll(signal, handle)
        if signal.stop:
            return
        r0 += block
    for k in range(K):
        mirror(&C[k, 0, 0], p, p)
    np.asarray(c)[...] += cross[:, :, :Y.shape[1]]


cdef void pack_some(const Columns* X, const Py_ssize_t* rows, Py_ssize_t r0, Py_ssize_t ld, Py_ssize_t j0, Py_ssize_t j1,
                    double* Z, const double* root) noexcept nogil:
    """Columns j0 … j1 of the ld given rows (NULL: from row r0 on)."""
    if rows == NULL:
        pack(X, r0, r0 + ld, NULL, j0, j1 - j0, Z + j0 * ld, ld)
    else:
        pack_rows(X, rows, ld, j0, j1 - j0, Z + j0 * ld, ld)
    if root != NULL:
        weigh(Z + j0 * ld, root, ld, j1 - j0, ld)


cdef void pack_rows(const Columns* X, const Py_ssize_t* rows, Py_ssize_t n, Py_ssize_t first, Py_ssize_t m, double* out,
                    Py_ssize_t ld) noexcept nogil:
    """out[k·ld + i] = z[rows[i], first + k] of a dense X."""
    cdef Py_ssize_t i, k
    cdef const float* xf = <const float*>X.data
    cdef const double* xd = <const double*>X.data
    if X.row == 1:
        for k in range(first, first + m):
            if X.single:
                for i in range(n):
                    out[(k - first) * ld + i] = (xf[rows[i] + k * X.col] - X.center[k]) * X.multiplier[k]
            else:
                for i in range(n):
                    out[(k - first) * ld + i] = (xd[rows[i] + k * X.col] - X.center[k]) * X.multiplier[k]
    else:
        for i in range(n):
            if X.single:
                for k in range(first, first + m):
                    out[(k - first) * ld + i] = (xf[rows[i] * X.row + k * X.col] - X.center[k]) * X.multiplier[k]
            else:
                for k in range(first, first + m):
                    out[(k - first) * ld + i] = (xd[rows[i] * X.row + k * X.col] - X.center[k]) * X.multiplier[k]


cdef enum:
    POOL_TILE = 64


def extend(double[::1, :] Z, Py_ssize_t r0, Py_ssize_t r1, v, Py_ssize_t old, Py_ssize_t new, double[:, ::1] C, double factor,
           Control control, int n_threads=1):
    """C[:, old:new] and its mirror += factor·Zᵀ V Z over rows r0 … r1, where the first ``old`` features are in C already.

    Every product is a 64 × 64 tile of the same shape, padded with what stands in Z beyond ``new``: an entry's bits then do not depend on
    when its column came in. Z and C have room for the next multiple of 64.
    """
    cdef Py_ssize_t rows = r1 - r0, ld = Z.shape[0], ldc = C.shape[1]
    cdef Py_ssize_t first = old // POOL_TILE, last = (new + POOL_TILE - 1) // POOL_TILE, I, J, tile
    cdef double[::1, :] W
    cdef Py_ssize_t j0 = first * POOL_TILE, j1 = last * POOL_TILE, tiles
    cdef Signal* signal = &control.signal
    cdef void* handle = <void*>control
    cdef double* left
    cdef Py_ssize_t ldw
    cdef int failed = 0
    if rows <= 0 or new <= old:
        return
    if v is not None:
        W = np.asfortranarray(np.asarray(Z)[r0:r1, j0:j1] * np.asarray(v)[r0:r1, None])
        left = &W[0, 0]
        ldw = rows
    else:
        left = &Z[r0, j0]
        ldw = ld
    tiles = (last - first) * last
    n_threads = worth(2.0 * rows * (new - old) * new, n_threads)
    with nogil:
        for tile in prange(tiles, num_threads=n_threads, schedule="dynamic"):
            I = first + tile // last
            J = tile % last
            if J <= I and signal.stop == 0:
                if pool_tile(left + (I - first) * POOL_TILE * ldw, ldw, &Z[r0, J * POOL_TILE], ld, <int>rows, factor, &C[0, 0], ldc,
                             I * POOL_TILE, J * POOL_TILE, old, new):
                    failed = 1
            if threadid() == 0:
                poll(signal, handle)
    if failed:
        raise MemoryError("extend: no room for a tile")


cdef int pool_tile(const double* left, Py_ssize_t ldw, const double* right, Py_ssize_t ldz, int rows, double factor, double* C,
                   Py_ssize_t ldc, Py_ssize_t i0, Py_ssize_t j0, Py_ssize_t old, Py_ssize_t new) noexcept nogil:
    cdef int side = POOL_TILE, lda = <int>ldw, ldb = <int>ldz
    cdef char t = b"t", n = b"n"
    cdef double zero = 0
    cdef Py_ssize_t i, j
    cdef double* tile = <double*>malloc(POOL_TILE * POOL_TILE * sizeof(double))
    if tile == NULL:
        return 1
    # column-major (j, i): tile[i·64 + j] = Σ_r left[r, i] right[r, j]
    dgemm(&t, &n, &side, &side, &rows, &factor, <double*>right, &ldb, <double*>left, &lda, &zero, tile, &side)
    for i in range(i0, min(i0 + POOL_TILE, new)):
        for j in range(j0, min(j0 + POOL_TILE, new)):
            if (i >= old or j >= old) and j <= i:
                C[i * ldc + j] += tile[(i - i0) * POOL_TILE + j - j0]
                if i != j:
                    C[j * ldc + i] += tile[(i - i0) * POOL_TILE + j - j0]
    free(tile)
    return 0


cdef cloned_void fit_rows(const double* Z, Py_ssize_t ld, const Py_ssize_t* columns, Py_ssize_t m, const double* b, Py_ssize_t k,
                          Py_ssize_t r0, Py_ssize_t r1, double* R, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t a, j, i
    cdef double v
    cdef const double* z
    cdef double* r
    for j in range(m):
        z = Z + columns[j] * ld
        for a in range(k):
            v = b[a * m + j]
            if v != 0:
                r = R + a * n
                for i in range(r0, r1):                      # R[a] -= b[a, j] z_j
                    r[i] -= v * z[i]


def subtract_fits(const double[::1, :] Z, const Py_ssize_t[::1] columns, const double[:, ::1] b, double[:, ::1] R, int n_threads=1):
    """R (k, n) -= b (k, m) Z[:, columns]ᵀ, column after column in the given order, so that the bits do not depend on the pool."""
    cdef Py_ssize_t n = R.shape[1], k = R.shape[0], m = columns.shape[0], chunk
    if n == 0 or k == 0 or m == 0:
        return
    n_threads = worth(2.0 * n * m * k, n_threads)
    with nogil:
        for chunk in prange((n + 511) // 512, num_threads=n_threads, schedule="static"):
            fit_rows(&Z[0, 0], Z.shape[0], &columns[0], m, &b[0, 0], k, chunk * 512, min(n, chunk * 512 + 512), &R[0, 0], n)


cdef cloned_void fold_rows(double* C, Py_ssize_t ld, const double* whole, double weight, const double* d, Py_ssize_t old,
                           Py_ssize_t i0, Py_ssize_t i1, Py_ssize_t m) noexcept nogil:
    cdef Py_ssize_t i, j, j0
    cdef double v
    for j0 in range((m + 31) // 32):                         # in blocks, for the sake of the mirror image
        for i in range(i0, i1):
            for j in range(32 * j0, min(32 * j0 + 32, i + 1)):
                v = (C[i * ld + j] + whole[(i - old) * m + j]) / weight - d[i] * d[j]
                C[i * ld + j] = v
                C[j * ld + i] = v


def finish_folds(double[:, :, ::1] C, const double[:, ::1] whole, const double[::1] weights, const double[:, ::1] d, Py_ssize_t old,
                 Py_ssize_t m, int n_threads=1):
    """C[k, old:m, :m] = (whole − part) / weight − d dᵀ and its mirror, where C holds −part: the Gram matrix of a fold's training rows."""
    cdef Py_ssize_t k, t, K = C.shape[0], tiles = (m - old + 31) // 32
    n_threads = worth(10.0 * K * (m - old) * m, n_threads)
    with nogil:
        for t in prange(K * tiles, num_threads=n_threads, schedule="static"):
            k = t // tiles
            fold_rows(&C[k, 0, 0], C.shape[1], &whole[0, 0], weights[k], &d[k, 0], old, old + 32 * (t - k * tiles),
                      min(m, old + 32 * (t - k * tiles) + 32), m)
