# Sufficient statistics of a set of rows: the Gram matrix ZᵀVZ, Zᵀ V [1, Y] of packed columns z and row weights v, added up over
# blocks of rows in float64. Two phases a block: pack the rows once, then products of packed panels (riata_gram.h), where every
# entry is a sum down the rows: its bits depend neither on the number of threads nor on the tile it falls into.
import numpy as np
from cython cimport floating
from cython.parallel cimport prange, threadid
from libc.stdlib cimport malloc, free
from libc.math cimport sqrt
from libc.string cimport memset
from scipy.linalg.cython_blas cimport dgemm
from riata_engine.cpu.control cimport Control, Signal, poll, worth
from riata_engine.cpu.control import Stopped
from riata_engine.cpu.design cimport Columns, Design

cdef extern from "riata_simd.h":
    ctypedef void cloned_void "RIATA_CLONED_VOID"
    int riata_simd_level() noexcept nogil

cdef extern from "riata_gram.h":
    void riata_gram_tile(const double* a, Py_ssize_t following, int count, const double* b, Py_ssize_t rows, double* c, Py_ssize_t ldc,
                         int level) noexcept nogil

cdef enum:
    PANEL = 8                              # columns of a packed panel: out[8 i + k]
    TRIPLE = 24                            # columns of three panels, which are multiplied together
    STRETCH = 256                          # rows that are summed in registers
    CHUNK = 8                              # panels packed by one task
    BLOCK = 1 << 21                        # numbers packed at a time: 16 MiB


cdef cloned_void pack_columns(const floating* x, Py_ssize_t col, const Py_ssize_t* rows, Py_ssize_t n, Py_ssize_t m,
                              const double* center, const double* multiplier, double* out) noexcept nogil:
    """One panel from m ≤ 8 columns of contiguous rows, of which the given ones are taken (NULL: 0 … n)."""
    cdef double z[128]                     # sixteen rows, turned in the first-level cache
    cdef Py_ssize_t i, i0, k, here
    cdef const floating* v
    memset(&z[0], 0, sizeof(z))
    for i0 in range(0, n, 16):
        here = min(16, n - i0)
        for k in range(m):
            v = x + k * col
            if rows == NULL:
                for i in range(here):
                    z[16 * k + i] = (v[i0 + i] - center[k]) * multiplier[k]
            else:
                for i in range(here):
                    z[16 * k + i] = (v[rows[i0 + i]] - center[k]) * multiplier[k]
        for i in range(here):
            for k in range(PANEL):
                out[PANEL * (i0 + i) + k] = z[16 * k + i]


cdef cloned_void pack_given(const floating* x, Py_ssize_t row, Py_ssize_t col, const Py_ssize_t* rows, Py_ssize_t n, Py_ssize_t m,
                            const double* center, const double* multiplier, double* out) noexcept nogil:
    """Panels from m columns of the given rows (NULL: 0 … n), for any strides."""
    cdef Py_ssize_t i, k, q, j, panels = (m + PANEL - 1) // PANEL
    cdef const floating* v
    cdef double* z
    for i in range(n):
        v = x + (rows[i] if rows != NULL else i) * row
        for q in range(panels):
            z = out + PANEL * (q * n + i)
            j = PANEL * q
            if j + PANEL <= m:
                for k in range(PANEL):
                    z[k] = (v[(j + k) * col] - center[j + k]) * multiplier[j + k]
            else:
                for k in range(PANEL):
                    z[k] = (v[(j + k) * col] - center[j + k]) * multiplier[j + k] if j + k < m else 0.0


cdef cloned_void weigh(double* z, const double* root, Py_ssize_t rows) noexcept nogil:
    cdef Py_ssize_t i, k
    for i in range(rows):
        for k in range(PANEL):
            z[PANEL * i + k] *= root[i]


cdef void pack_some(const Columns* X, const Py_ssize_t* rows, Py_ssize_t r0, Py_ssize_t n, Py_ssize_t j0, Py_ssize_t j1, double* Z,
                    const double* root) noexcept nogil:
    """The panels of columns j0 … j1 (j0 a multiple of 8) of the n given rows (NULL: from row r0 on), weighted."""
    cdef Py_ssize_t j = j0, m, at = 0 if rows != NULL else r0 * X.row
    if X.row != 1:                                                       # a row at a time
        if X.single:
            pack_given[float](<const float*>X.data + at + j0 * X.col, X.row, X.col, rows, n, j1 - j0, X.center + j0, X.multiplier + j0,
                              Z + j0 * n)
        else:
            pack_given[double](<const double*>X.data + at + j0 * X.col, X.row, X.col, rows, n, j1 - j0, X.center + j0,
                               X.multiplier + j0, Z + j0 * n)
    while X.row == 1 and j < j1:
        m = min(PANEL, j1 - j)
        if X.single:
            pack_columns[float](<const float*>X.data + at + j * X.col, X.col, rows, n, m, X.center + j, X.multiplier + j, Z + j * n)
        else:
            pack_columns[double](<const double*>X.data + at + j * X.col, X.col, rows, n, m, X.center + j, X.multiplier + j, Z + j * n)
        j += PANEL
    if root != NULL:
        for j in range((j1 - j0 + PANEL - 1) // PANEL):
            weigh(Z + (j0 + PANEL * j) * n, root, n)


cdef void tile_at(const double* A, Py_ssize_t following, Py_ssize_t j, Py_ssize_t columns, const double* B, Py_ssize_t i,
                  Py_ssize_t height, Py_ssize_t rows, double* C, Py_ssize_t ldc, int level) noexcept nogil:
    """C[i:i + 8, j:j + columns] += BᵀA, where only the first ``height`` rows of C exist and ``columns`` is at most 24."""
    cdef double side[PANEL * TRIPLE]
    cdef Py_ssize_t a, b
    cdef int count = <int>((columns + PANEL - 1) // PANEL)
    if count * PANEL == columns and i + PANEL <= height:
        riata_gram_tile(A, following, count, B, rows, C + i * ldc + j, ldc, level)
        return
    memset(&side[0], 0, sizeof(side))
    riata_gram_tile(A, following, count, B, rows, &side[0], TRIPLE, level)
    for a in range(min(PANEL, height - i)):
        for b in range(columns):
            C[(i + a) * ldc + j + b] += side[TRIPLE * a + b]


cdef void one_tile(const double* Z, const double* Y, const Py_ssize_t* cut, Py_ssize_t stretches, Py_ssize_t p, Py_ssize_t T,
                   Py_ssize_t width, Py_ssize_t tile, double* C, double* c, int level) noexcept nogil:
    """Tile number ``tile`` of the lower triangle (counted along rows) of C += ZᵀZ; the diagonal tiles also do c += ZᵀY.

    Z and Y hold stretches of rows cut[s] … cut[s + 1], in each all panels one after the other. Above the diagonal C may be written too.
    """
    cdef Py_ssize_t I = 0, J = tile, i, j, s, m, bottom, end, z_room = (p + PANEL - 1) // PANEL * PANEL
    cdef Py_ssize_t y_room = (T + PANEL - 1) // PANEL * PANEL
    cdef const double* z
    cdef const double* y
    while J > I:
        J -= I + 1
        I += 1
    bottom = min(p, (I + 1) * width)
    for s in range(stretches):
        m = cut[s + 1] - cut[s]
        z = Z + cut[s] * z_room
        y = Y + cut[s] * y_room
        i = I * width
        while i < bottom:
            j = J * width
            end = min(p, min(j + width, i + PANEL))
            while j < end:
                tile_at(z + j * m, PANEL * m, j, min(TRIPLE, end - j), z + i * m, i, p, m, C, p, level)
                j += TRIPLE
            j = 0
            while I == J and j < T:
                tile_at(y + j * m, PANEL * m, j, min(TRIPLE, T - j), z + i * m, i, p, m, c, T, level)
                j += TRIPLE
            i += PANEL


cdef cloned_void mirror(double* C, Py_ssize_t p, Py_ssize_t ld) noexcept nogil:
    cdef Py_ssize_t i, j, I, J
    for I in range((p + 31) // 32):                         # in blocks that stay in cache
        for J in range(I + 1):
            for i in range(32 * I, min(32 * I + 32, p)):
                for j in range(32 * J, min(32 * J + 32, i)):
                    C[j * ld + i] = C[i * ld + j]


cdef void arrange(const Py_ssize_t* part, Py_ssize_t r0, Py_ssize_t rows, Py_ssize_t K, Py_ssize_t* order, Py_ssize_t* end,
                  Py_ssize_t* first, Py_ssize_t* cut) noexcept nogil:
    """Rows r0 … r0 + rows in the ``order`` of their parts (NULL: all are of part 0 and stay in place), cut into stretches of rows
    that are summed in registers: part k has the stretches first[k] … first[k + 1], stretch s the rows order[cut[s]] … order[cut[s + 1]].
    """
    cdef Py_ssize_t i, k, s = 0
    memset(end, 0, (K + 1) * sizeof(Py_ssize_t))
    if part == NULL:
        end[1] = rows
    else:
        for i in range(rows):
            if 0 <= part[r0 + i] < K:
                end[part[r0 + i] + 1] += 1
    for k in range(K):
        first[k] = s
        i = end[k]
        end[k + 1] += i
        while i < end[k + 1]:
            cut[s] = i
            i += STRETCH
            s += 1
    first[K] = s
    cut[s] = end[K]
    for i in range(rows if part != NULL else 0):
        k = part[r0 + i]
        if 0 <= k < K:
            order[end[k]] = r0 + i                      # end[k]: where the next row of part k goes
            end[k] += 1


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
    cdef Py_ssize_t n = design.view.n, p = design.view.p, T = Y.shape[1], K = C.shape[0]
    cdef Py_ssize_t width = 4 * TRIPLE if p <= 512 else 8 * TRIPLE, side = (p + width - 1) // width, tiles = side * (side + 1) // 2
    cdef Py_ssize_t chunks = (p + PANEL * CHUNK - 1) // (PANEL * CHUNK), room = (p + PANEL - 1) // PANEL * PANEL
    cdef Py_ssize_t y_room = (T + PANEL - 1) // PANEL * PANEL
    cdef Py_ssize_t block = min(n, max(2 * STRETCH, BLOCK // room // STRETCH * STRETCH)), r0, rows, s, j, k, task
    cdef const Py_ssize_t[::1] part = parts
    cdef const double[::1] weight = v
    cdef Columns* X = &design.view
    cdef Columns targets                       # as a design of their own
    cdef Signal* signal = &control.signal
    cdef void* handle = <void*>control
    cdef int level = riata_simd_level()
    if p == 0 or n == 0:
        return
    # a buffer of numbers: packed X, packed targets, their centers and multipliers, roots of weights; and one of indices
    cdef double[::1] numbers = np.empty(block * (room + y_room + 1) + 2 * T + 1)
    cdef Py_ssize_t[::1] indices = np.empty(block + block // STRETCH + 3 * (K + 1), dtype=np.intp)
    cdef double* Z = &numbers[0]
    cdef double* y = Z + block * room
    cdef double* nought = y + block * y_room
    cdef double* one = nought + T
    cdef double* root = one + T if weight is not None else NULL
    cdef Py_ssize_t* order = &indices[0]
    cdef Py_ssize_t* first = order + block
    cdef Py_ssize_t* cut = first + 2 * (K + 1)
    cdef const Py_ssize_t* take = order if part is not None else NULL
    for j in range(T):
        nought[j] = 0
        one[j] = 1
    targets.n, targets.p, targets.row, targets.col, targets.single = n, T, T, 1, False
    targets.data, targets.center, targets.multiplier = <const char*>(&Y[0, 0] if T else NULL), nought, one
    n_threads = worth(<double>n * p * p, n_threads)
    for r0 in range(0, n, block):
        rows = min(n - r0, block)
        with nogil:
            arrange(&part[0] if take != NULL else NULL, r0, rows, K, order, first + K + 1, first, cut)
            for s in range(cut[first[K]] if root != NULL else 0):
                root[s] = sqrt(weight[order[s] if take != NULL else r0 + s])
            for task in prange(first[K] * chunks, num_threads=n_threads, schedule="static"):
                s = task // chunks
                j = PANEL * CHUNK * (task - s * chunks)
                pack_some(X, take + cut[s] if take != NULL else NULL, r0 + cut[s], cut[s + 1] - cut[s], j, min(p, j + PANEL * CHUNK),
                          Z + cut[s] * room, root + cut[s] if root != NULL else NULL)
                if j == 0:
                    pack_some(&targets, take + cut[s] if take != NULL else NULL, r0 + cut[s], cut[s + 1] - cut[s], 0, T,
                              y + cut[s] * y_room, root + cut[s] if root != NULL else NULL)
            for task in prange(K * tiles, num_threads=n_threads, schedule="dynamic"):
                k = task // tiles
                if signal.stop == 0 and first[k + 1] > first[k]:
                    one_tile(Z, y, cut + first[k], first[k + 1] - first[k], p, T, width, task - k * tiles, &C[k, 0, 0], &c[k, 0, 0], level)
                if threadid() == 0:
                    poll(signal, handle)
        if signal.stop:
            raise Stopped
    with nogil:
        for k in range(K):
            if poll(signal, handle):
                break
            mirror(&C[k, 0, 0], p, p)
    if signal.stop:
        raise Stopped


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
    cdef double[::1] root
    cdef const double* weigh_by = NULL
    cdef Py_ssize_t j0 = first * POOL_TILE, j1 = last * POOL_TILE, tiles
    cdef Signal* signal = &control.signal
    cdef void* handle = <void*>control
    cdef double* left
    cdef Py_ssize_t ldw
    cdef int failed = 0
    if rows <= 0 or new <= old:
        return
    if v is not None:
        root = np.sqrt(np.asarray(v)[r0:r1])             # on both sides: a product of two columns is the same in either order
        weigh_by = &root[0]
        W = np.asfortranarray(np.asarray(Z)[r0:r1, j0:j1] * np.asarray(root)[:, None])
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
                if pool_tile(left + (I - first) * POOL_TILE * ldw, ldw, &Z[r0, J * POOL_TILE], ld, weigh_by, <int>rows, factor,
                             &C[0, 0], ldc, I * POOL_TILE, J * POOL_TILE, old, new):
                    failed = 1
            if threadid() == 0:
                poll(signal, handle)
    if failed:
        raise MemoryError("extend: no room for a tile")
    if signal.stop:
        raise Stopped


cdef int pool_tile(const double* left, Py_ssize_t ldw, const double* right, Py_ssize_t ldz, const double* root, int rows,
                   double factor, double* C, Py_ssize_t ldc, Py_ssize_t i0, Py_ssize_t j0, Py_ssize_t old, Py_ssize_t new) noexcept nogil:
    cdef int side = POOL_TILE, lda = <int>ldw, ldb = <int>ldz
    cdef char t = b"t", n = b"n"
    cdef double zero = 0
    cdef Py_ssize_t i, j
    cdef double* tile = <double*>malloc((POOL_TILE * POOL_TILE + (POOL_TILE * rows if root != NULL else 0)) * sizeof(double))
    cdef double* weighted = tile + POOL_TILE * POOL_TILE
    if tile == NULL:
        return 1
    if root != NULL:
        for j in range(POOL_TILE):
            for i in range(rows):
                weighted[j * rows + i] = root[i] * right[j * ldz + i]
        right = weighted
        ldb = rows
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


cdef cloned_void fit_rows(const double* vectors, Py_ssize_t ld, const Py_ssize_t* at, const Py_ssize_t* index, Py_ssize_t m,
                          const double* b, Py_ssize_t ldb, Py_ssize_t k, Py_ssize_t r0, Py_ssize_t r1, double* R,
                          Py_ssize_t ldr) noexcept nogil:
    cdef Py_ssize_t a, j, i
    cdef double v
    cdef const double* z
    cdef double* r
    for j in range(m):
        z = vectors + index[j] * ld
        for a in range(k):
            v = b[a * ldb + at[j]]
            if v != 0:
                r = R + a * ldr
                for i in range(r0, r1):                      # R[a] -= b[a, j] z_j
                    r[i] -= v * z[i]


def subtract_fits(const double[:, :, ::1] vectors, const Py_ssize_t[::1] row, const Py_ssize_t[::1] pointer, const Py_ssize_t[::1] at,
                  const Py_ssize_t[::1] index, const double[:, :, ::1] b, const Py_ssize_t[::1] lengths, double[:, :, ::1] R,
                  int n_threads=1):
    """R[i, l] −= Σ_j b[i, l, at_j] vectors[row[i], index_j] of k problems, for the first lengths[i] of their alphas.

    Problem i has the entries pointer[i] … pointer[i + 1] of ``at`` and ``index``. They are summed one after the other in the given order:
    the bits depend neither on what else stands in ``b`` and ``vectors`` nor on the number of threads.

    Parameters
    ----------
    vectors : (1 or G, m, n), row : (k,)
    b : (k, L, M)
    R : (k, L, n)
    """
    cdef Py_ssize_t n = R.shape[2], k = R.shape[0], m = vectors.shape[1], task, i, chunk, chunks = (n + 511) // 512
    if n == 0 or k == 0 or m == 0 or at.shape[0] == 0:
        return
    n_threads = worth(2.0 * n * at.shape[0] * R.shape[1], n_threads)
    with nogil:
        for task in prange(k * chunks, num_threads=n_threads, schedule="dynamic"):
            i = task // chunks
            chunk = task - i * chunks
            if pointer[i + 1] > pointer[i]:
                fit_rows(&vectors[row[i], 0, 0], n, &at[pointer[i]], &index[pointer[i]], pointer[i + 1] - pointer[i], &b[i, 0, 0],
                         b.shape[2], lengths[i], chunk * 512, min(n, chunk * 512 + 512), &R[i, 0, 0], n)


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
