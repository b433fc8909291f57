# The design matrix as the solvers see it: z_ij = (x_ij − center_j)·multiplier_j, a view that is packed tile by tile into
# float64 and never stored whole. X stays as it was given: dense with any strides (a memory map too) or CSC, float32 or float64.
#
# Products go through BLAS on tiles of fixed size, each tile on one thread, so that the bits of a result do not depend on the
# number of threads. Contiguous float32 columns go through riata_dots.h instead, on the same tiles: they are widened in registers.
import numpy as np
from cpython.buffer cimport PyBUF_STRIDED_RO, PyBuffer_Release, PyObject_GetBuffer
from cython cimport floating
from cython.parallel cimport prange, threadid
from libc.stdint cimport uintptr_t
from libc.stdlib cimport malloc, free
from riata_engine.cpu.control cimport Control, Signal, poll, worth
from riata_engine.cpu.control import Stopped

cdef extern from "riata_simd.h":
    ctypedef void cloned_void "RIATA_CLONED_VOID"
    int riata_simd_level() noexcept nogil

include "design_tiles.pxi"


cdef cloned_void pack_dense(const floating* x, Py_ssize_t row, Py_ssize_t col, Py_ssize_t n, const Py_ssize_t* columns,
                            Py_ssize_t first, Py_ssize_t m, const double* center, const double* multiplier,
                            double* out, Py_ssize_t ld) noexcept nogil:
    cdef Py_ssize_t i, j, k
    cdef double c, s
    cdef const floating* v
    if row == 1:
        for k in range(m):
            j = columns[k] if columns != NULL else first + k
            v = x + j * col
            c = center[j]
            s = multiplier[j]
            for i in range(n):
                out[k * ld + i] = (v[i] - c) * s
    elif columns == NULL and col == 1:
        for i in range(n):
            v = x + i * row + first
            for k in range(m):
                out[k * ld + i] = (v[k] - center[first + k]) * multiplier[first + k]
    else:
        for k in range(m):
            j = columns[k] if columns != NULL else first + k
            c = center[j]
            s = multiplier[j]
            for i in range(n):
                out[k * ld + i] = (x[i * row + j * col] - c) * s


cdef cloned_void pack_sparse(const floating* values, const long long* indptr, const int* indices, Py_ssize_t r0, Py_ssize_t r1,
                             const Py_ssize_t* columns, Py_ssize_t first, Py_ssize_t m, const double* center,
                             const double* multiplier, double* out, Py_ssize_t ld) noexcept nogil:
    cdef Py_ssize_t i, j, k
    cdef long long a, b, mid, end
    for k in range(m):
        j = columns[k] if columns != NULL else first + k
        for i in range(r1 - r0):
            out[k * ld + i] = -center[j] * multiplier[j]
        a = indptr[j]
        end = indptr[j + 1]
        b = end
        while a < b:                                    # first stored row ≥ r0
            mid = (a + b) // 2
            if indices[mid] < r0:
                a = mid + 1
            else:
                b = mid
        while a < end and indices[a] < r1:
            out[k * ld + indices[a] - r0] += values[a] * multiplier[j]
            a += 1


cdef void pack(const Columns* X, Py_ssize_t r0, Py_ssize_t r1, const Py_ssize_t* columns, Py_ssize_t first, Py_ssize_t m,
               double* out, Py_ssize_t ld) noexcept nogil:
    """out[k·ld + i] = z[r0 + i, columns[k]] (or column first + k where columns is NULL), rows r0 … r1."""
    if X.sparse:
        if X.single:
            pack_sparse[float](<const float*>X.data, X.indptr, X.indices, r0, r1, columns, first, m, X.center, X.multiplier, out, ld)
        else:
            pack_sparse[double](<const double*>X.data, X.indptr, X.indices, r0, r1, columns, first, m, X.center, X.multiplier, out, ld)
    elif X.single:
        pack_dense[float](<const float*>X.data + r0 * X.row, X.row, X.col, r1 - r0, columns, first, m, X.center, X.multiplier, out, ld)
    else:
        pack_dense[double](<const double*>X.data + r0 * X.row, X.row, X.col, r1 - r0, columns, first, m, X.center, X.multiplier, out, ld)


cdef const char* entries(values, Py_ssize_t* row, Py_ssize_t* col) except? NULL:
    """The first entry of an array that its owner keeps alive, and the strides of its axes in entries (of one axis: 1 and 0)."""
    cdef Py_buffer view
    PyObject_GetBuffer(values, &view, PyBUF_STRIDED_RO)
    row[0] = view.strides[0] // view.itemsize
    col[0] = view.strides[1] // view.itemsize if view.ndim == 2 else 0
    PyBuffer_Release(&view)
    return <const char*>view.buf


cdef bint readable_by_blas(const Columns* X) noexcept nogil:
    return not X.single and ((X.row == 1 and X.col >= X.n) or (X.col == 1 and X.row >= X.p))


cdef class Design:
    """z_ij = (x_ij − center_j)·multiplier_j over a dense array or a CSC matrix.

    Parameters
    ----------
    X : ndarray (n, p) of float32 or float64, any strides that are multiples of the item size; or scipy.sparse CSC
    center, multiplier : (p,) float64
    direct : bool
        Let BLAS read X itself and put centre and multiplier right afterwards (float64, moderate means).
    """

    def __init__(self, X, double[::1] center, double[::1] multiplier, bint direct=False):
        cdef long long[::1] indptr
        cdef int[::1] indices
        if max(X.shape) >= 2**31:
            raise ValueError(f"X has shape {X.shape}; BLAS takes fewer than 2**31 rows and columns: split the rows")
        self.X = X
        self.center, self.multiplier = center.base, multiplier.base
        self.view.n, self.view.p = X.shape
        self.view.center = &center[0] if self.view.p else NULL
        self.view.multiplier = &multiplier[0] if self.view.p else NULL
        self.view.sparse = not isinstance(X, np.ndarray)
        values = X.data if self.view.sparse else X
        self.view.single = values.dtype == np.float32
        if self.view.sparse:
            index = np.ascontiguousarray(X.indptr, dtype=np.int64), np.ascontiguousarray(X.indices, dtype=np.int32)
            values = np.ascontiguousarray(values)
            indptr, indices = index
            self.view.indptr = &indptr[0]
            self.view.indices = &indices[0] if indices.shape[0] else NULL
            self.view.data = entries(values, &self.view.row, &self.view.col)
            self._keep = (center, multiplier, index, values)
            self.direct = False
        else:
            self.view.data = entries(values, &self.view.row, &self.view.col)
            if self.view.p == 1 and self.view.row == 1:     # one column: numpy's stride to the next one means nothing
                self.view.col = max(1, self.view.n)
            self._keep = (center, multiplier)
            self.direct = direct and readable_by_blas(&self.view)

    @property
    def narrow_error(self):
        """Of a ``narrow`` product, in units of what ``transposed_matvec`` says; infinite where columns are not contiguous float32."""
        return riata_dots_error(riata_simd_level()) if widens(&self.view) else np.inf

    def gather(self, const Py_ssize_t[::1] columns, double[::1, :] out, Py_ssize_t at=0):
        """out[:, at + k] = z[:, columns[k]] (out Fortran-ordered, n rows)."""
        if columns.shape[0]:
            with nogil:
                pack(&self.view, 0, self.view.n, &columns[0], 0, columns.shape[0], &out[0, at], self.view.n)

    def transposed_matvec(self, const double[:, ::1] R, Py_ssize_t block, Control control, int n_threads=1, bint squared=False,
                          bint narrow=False):
        """R Z, or R (Z∘Z), as (k, p): k residuals, one a row of R (k, n), in one pass over X.

        Each group of ``block`` residuals goes through a product of its own, so that its bits do not depend on its neighbours.
        ``narrow``: in float32, where ``narrow_error`` is finite. An entry is then off by that times multiplier_j Σ |x_ij − c_j| |r_i| at
        most, where c is the center in float32.
        """
        cdef Py_ssize_t t, tiles = (self.view.p + TILE_COLUMNS - 1) // TILE_COLUMNS, k = R.shape[0], n = self.view.n
        cdef Signal* signal = &control.signal
        cdef void* handle = <void*>control
        cdef Columns* X = &self.view
        cdef bint direct = self.direct and not squared, by_rows = X.sparse and not squared
        cdef double[::1] sums = np.zeros(k)
        cdef double[:, ::1] out = np.zeros((k, self.view.p)), turned
        cdef double* wide = NULL
        cdef double* wide_lines = NULL
        cdef float* thin = NULL
        cdef float* thin_lines = NULL
        cdef int failed = 0, level = riata_simd_level()
        if R.shape[1] != n:
            raise ValueError(f"R has {R.shape[1]} columns, X has {n} rows")
        if k == 0 or tiles == 0 or n == 0:
            return np.asarray(out)
        n_threads = worth(2.0 * n * self.view.p * k, n_threads)
        turned = np.ascontiguousarray(np.asarray(R).T) if by_rows else np.empty((1, 1))
        if widens(X) and not squared:
            if narrow:
                thin_lines = side_by_side[float](&R[0, 0], n, k, block, &thin)
            else:
                wide_lines = side_by_side[double](&R[0, 0], n, k, block, &wide)
            if wide_lines == NULL and thin_lines == NULL:
                raise MemoryError("transposed_matvec: no room for the residuals")
        with nogil:
            row_sums(&R[0, 0], n, k, &sums[0])
            for t in prange(tiles, num_threads=n_threads, schedule="dynamic"):
                if signal.stop == 0:
                    if by_rows:
                        if sparse_tile(X, t, &turned[0, 0], k, &sums[0], &out[0, 0]):
                            failed = 1
                    elif thin_lines != NULL:
                        single_tile[float](X, t, thin_lines, k, block, &sums[0], &out[0, 0], level)
                    elif wide_lines != NULL:
                        single_tile[double](X, t, wide_lines, k, block, &sums[0], &out[0, 0], level)
                    elif dense_tile(X, t, &R[0, 0], k, block, &sums[0], &out[0, 0], direct, squared):
                        failed = 1
                if threadid() == 0:
                    poll(signal, handle)
        free(thin)
        free(wide)
        if failed:
            raise MemoryError("transposed_matvec: no room for a tile")
        if signal.stop:
            raise Stopped
        return np.asarray(out)


def squares_in_units(Design design, const double[:, ::1] V, double[:, ::1] center, double[:, ::1] multiplier, Control control,
                     int n_threads=1):
    """(G, p) V_g (Z_g∘Z_g) of dense X, Z_g its columns with the center and multiplier of group g: ``transposed_matvec`` squared of
    G designs, each with a residual of its own."""
    cdef Py_ssize_t task, g, tiles = (design.view.p + TILE_COLUMNS - 1) // TILE_COLUMNS, G = V.shape[0]
    cdef Signal* signal = &control.signal
    cdef void* handle = <void*>control
    cdef double[:, ::1] out = np.zeros((G, design.view.p))
    cdef Columns* views = <Columns*>malloc((G + 1) * sizeof(Columns))
    cdef int failed = views == NULL
    for g in range(0 if failed else G):
        views[g] = design.view
        views[g].center, views[g].multiplier = &center[g, 0], &multiplier[g, 0]
    if not failed and design.view.n:
        n_threads = worth(2.0 * design.view.n * design.view.p * G, n_threads)
        for task in prange(G * tiles, num_threads=n_threads, schedule="dynamic", nogil=True):
            if signal.stop == 0:
                g = task // tiles
                if dense_tile(views + g, task % tiles, &V[g, 0], 1, 1, NULL, &out[g, 0], False, True):
                    failed = 1
            if threadid() == 0:
                poll(signal, handle)
    free(views)
    if failed:
        raise MemoryError("squares_in_units: no room for a tile")
    if signal.stop:
        raise Stopped
    return np.asarray(out)
