# Gram matrices of problems that each have columns of their own: what working sets of few rows live on. The weighted, centred columns
# are packed into tiles of fixed size on the fly, so that an entry's bits depend on its two columns alone.
from cython.parallel cimport prange, threadid
from libc.stdlib cimport malloc, free
from libc.string cimport memset
from scipy.linalg.cython_blas cimport dgemm
from riata_engine.cpu.control cimport Control, Signal, poll, worth
from riata_engine.cpu.control import Stopped

cdef extern from "riata_simd.h":
    ctypedef void cloned_void "RIATA_CLONED_VOID"

cdef enum:
    TILE = 64


cdef cloned_void pack(const double* Z, Py_ssize_t n, const Py_ssize_t* index, const double* d, Py_ssize_t m, const Py_ssize_t* rows,
                      const double* root, Py_ssize_t count, double* out) noexcept nogil:
    """out[i] = √v (z_i − d_i) on the given rows, of m ≤ 64 columns; the rest of the tile is zero."""
    cdef Py_ssize_t i, r
    cdef const double* z
    for i in range(m):
        z = Z + index[i] * n
        if rows == NULL:
            for r in range(count):
                out[i * count + r] = root[r] * (z[r] - d[i])
        else:
            for r in range(count):
                out[i * count + r] = root[r] * (z[rows[r]] - d[i])
    memset(out + m * count, 0, (TILE - m) * count * sizeof(double))


cdef void project(double* tile, Py_ssize_t i0, Py_ssize_t j0, Py_ssize_t old, Py_ssize_t new, const double* H, Py_ssize_t q,
                  Py_ssize_t p, const Py_ssize_t* columns) noexcept nogil:
    cdef Py_ssize_t i, j, a
    for i in range(max(i0, old), min(i0 + TILE, new)):
        for a in range(q):
            for j in range(j0, min(j0 + TILE, i + 1)):
                tile[(i - i0) * TILE + j - j0] -= H[a * p + columns[i]] * H[a * p + columns[j]]


cdef void scatter(const double* tile, Py_ssize_t i0, Py_ssize_t j0, Py_ssize_t old, Py_ssize_t new, double* C,
                  Py_ssize_t ld) noexcept nogil:
    """C and its mirror, each along its rows: down the columns of a matrix as wide as a power of two all stores meet in one set of the
    cache."""
    cdef Py_ssize_t i, j
    for i in range(max(i0, old), min(i0 + TILE, new)):
        for j in range(j0, min(j0 + TILE, i + 1)):
            C[i * ld + j] = tile[(i - i0) * TILE + j - j0]
    for j in range(j0, min(j0 + TILE, new)):
        for i in range(max(max(i0, old), j), min(i0 + TILE, new)):
            C[j * ld + i] = tile[(i - i0) * TILE + j - j0]


cdef int tile_row(const double* Z, Py_ssize_t n, const Py_ssize_t* index, const double* d, const Py_ssize_t* rows, const double* root,
                  Py_ssize_t count, Py_ssize_t I, Py_ssize_t old, Py_ssize_t new, const double* H, Py_ssize_t q, Py_ssize_t p,
                  const Py_ssize_t* columns, double* C, Py_ssize_t ld, double* variance) noexcept nogil:
    """The tiles (I, 0) … (I, I) of one Gram matrix."""
    cdef Py_ssize_t J, j0, i, i0 = I * TILE
    cdef int side = TILE, rows_here = <int>count
    cdef char t = b"t", plain = b"n"
    cdef double one = 1, zero = 0
    cdef double* left = <double*>malloc((2 * TILE * count + TILE * TILE) * sizeof(double))
    cdef double* right = left + TILE * count
    cdef double* tile = right + TILE * count
    if left == NULL:
        return 1
    pack(Z, n, index + i0, d + i0, min(<Py_ssize_t>TILE, new - i0), rows, root, count, left)
    for J in range(I + 1):
        j0 = J * TILE
        if J < I:
            pack(Z, n, index + j0, d + j0, TILE, rows, root, count, right)
        # column-major (j, i): tile[i·64 + j] = Σ_r left[r, i] right[r, j]
        dgemm(&t, &plain, &side, &side, &rows_here, &one, right if J < I else left, &rows_here, left, &rows_here, &zero, tile, &side)
        if J == I:
            for i in range(max(i0, old), min(i0 + TILE, new)):
                variance[i] = tile[(i - i0) * (TILE + 1)]
        if q > 0:
            project(tile, i0, j0, old, new, H, q, p, columns)
        scatter(tile, i0, j0, old, new, C, ld)
    free(left)
    return 0


def extend_own(const double[:, ::1] Z, const Py_ssize_t[:, ::1] index, const Py_ssize_t[:, ::1] columns, const double[:, ::1] d,
               const Py_ssize_t[::1] old, const Py_ssize_t[::1] new, const Py_ssize_t[::1] group, const Py_ssize_t[::1] pointer,
               const Py_ssize_t[::1] rows, const double[::1] root, const double[:, :, ::1] H, const Py_ssize_t[::1] slot,
               double[:, :, ::1] C, double[:, ::1] variance, Control control, int n_threads=1):
    """Columns old[i] … new[i] of the Gram matrices C[slot[i]] of k problems, and their mirror.

    Parameters
    ----------
    Z : (cap, n)
        Columns of z, one a row; problem i uses those of ``index`` (k, m), in this order.
    columns, d : (k, m)
        Their numbers in the design, and their means in the weight group of the problem.
    group : (k,), ``pointer`` (G + 1,), ``rows``, ``root``
        Rows of positive weight of each weight group, and the square roots of their weights.
    H : (G, q, p)
        Projected out: C − HᵀH on the columns; q may be 0.
    C : (slots, cap, cap), variance : (k, m)
        Outputs; ``variance`` is the diagonal before the projection. C has room for the next multiple of 64.
    """
    cdef Py_ssize_t k = old.shape[0], n = Z.shape[1], p = H.shape[2], q = H.shape[1], i, task, I, r0, count, most = 0
    cdef double work = 0
    cdef Signal* signal = &control.signal
    cdef void* handle = <void*>control
    cdef int failed = 0
    for i in range(k):
        if new[i] > old[i]:
            most = max(most, (new[i] + TILE - 1) // TILE)
        work += 2.0 * n * (new[i] - old[i]) * new[i]
    n_threads = worth(work, n_threads)
    with nogil:
        for task in prange(k * most, num_threads=n_threads, schedule="dynamic"):
            i = task // most
            I = most - 1 - task % most                   # the longest first
            r0 = pointer[group[i]]
            count = pointer[group[i] + 1] - r0
            if new[i] > old[i] and I >= old[i] // TILE and I * TILE < new[i] and signal.stop == 0:
                if tile_row(&Z[0, 0], n, &index[i, 0], &d[i, 0], NULL if count == n else &rows[r0], &root[r0], count, I, old[i], new[i],
                            &H[group[i], 0, 0] if q else NULL, q, p, &columns[i, 0], &C[slot[i], 0, 0], C.shape[1], &variance[i, 0]):
                    failed = 1
            if threadid() == 0:
                poll(signal, handle)
    if failed:
        raise MemoryError("extend_own: no room for a tile")
    if signal.stop:
        raise Stopped
