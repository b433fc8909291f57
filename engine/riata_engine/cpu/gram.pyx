# Sufficient statistics of a set of rows: the Gram matrix ZᵀVZ, Zᵀ V [1, Y] of packed columns z and row weights v, added up over
# blocks of rows in float64. Two phases a block: pack the rows once, then products of packed panels (riata_gram.h), where every
# entry is a sum down the rows: its bits depend neither on the number of threads nor on the tile it falls into.
import numpy as np
from cython.parallel cimport prange, threadid
from libc.math cimport sqrt
from libc.string cimport memset
from riata_engine.cpu.control cimport Control, Signal, poll, worth
from riata_engine.cpu.control import Stopped
from riata_engine.cpu.design cimport Columns, Design
from riata_engine.cpu.panels cimport CHUNK, PANEL, STRETCH, TRIPLE, pack_some, tile_at

cdef extern from "riata_simd.h":
    ctypedef void cloned_void "RIATA_CLONED_VOID"
    int riata_simd_level() noexcept nogil

cdef enum:
    BLOCK = 1 << 21                        # numbers packed at a time: 16 MiB


cdef Py_ssize_t tile_side(Py_ssize_t p) noexcept nogil:
    return 4 * TRIPLE if p <= 512 else 8 * TRIPLE


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


cdef Py_ssize_t room_for_rows(Py_ssize_t p, Py_ssize_t T) noexcept nogil:
    """Numbers of ``room`` that ``gram_of_rows`` needs."""
    return STRETCH * ((p + PANEL - 1) // PANEL * PANEL + (T + PANEL - 1) // PANEL * PANEL)


cdef void gram_of_rows(const Columns* X, const Columns* targets, const Py_ssize_t* rows, Py_ssize_t n, const double* root, double* room,
                       double* C, double* c) noexcept nogil:
    """``accumulate`` of the n given rows (NULL: of the first n) on the calling thread: C (p, p) += ZᵀVZ, c (p, T) += ZᵀVY, to the same
    bits. ``root`` (n,) has the roots of their weights; NULL: ones.
    """
    cdef Py_ssize_t p = X.p, T = targets.p, width = tile_side(p), side = (p + width - 1) // width, r0, tile
    cdef const double* own
    cdef const Py_ssize_t* take
    cdef Py_ssize_t cut[2]
    cdef double* y = room + STRETCH * ((p + PANEL - 1) // PANEL * PANEL)
    cdef int level = riata_simd_level()
    cut[0] = 0
    r0 = 0
    while r0 < n:
        cut[1] = min(STRETCH, n - r0)
        own = root + r0 if root != NULL else NULL
        take = rows + r0 if rows != NULL else NULL
        pack_some(X, NULL, take, r0, cut[1], 0, p, room, own)
        pack_some(targets, NULL, take, r0, cut[1], 0, T, y, own)
        for tile in range(side * (side + 1) // 2):
            one_tile(room, y, &cut[0], 1, p, T, width, tile, C, c, level)
        r0 += STRETCH
    mirror(C, p, p)


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
    cdef Py_ssize_t width = tile_side(p), side = (p + width - 1) // width, tiles = side * (side + 1) // 2
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
                pack_some(X, NULL, take + cut[s] if take != NULL else NULL, r0 + cut[s], cut[s + 1] - cut[s], j, min(p, j + PANEL * CHUNK),
                          Z + cut[s] * room, root + cut[s] if root != NULL else NULL)
                if j == 0:
                    pack_some(&targets, NULL, take + cut[s] if take != NULL else NULL, r0 + cut[s], cut[s + 1] - cut[s], 0, T,
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
