# Products with the design for problems with margin losses: fits Zb + b0 of several coefficient vectors, and gradients RZ, in one pass
# over X. The bits of a problem depend on the number of threads no more than on the problems beside it.
import numpy as np
from cython.parallel cimport prange, threadid
from libc.stdlib cimport malloc, free
from scipy.linalg.cython_blas cimport dgemv
from riata_engine.cpu.control cimport Control, Signal, poll, worth
from riata_engine.cpu.control import Stopped
from riata_engine.cpu.design cimport Columns, Design, pack

cdef enum:
    ROWS = 1024                            # of X that are multiplied at a time
    SEGMENT = 8192                         # rows of a task of a gradient


cdef void sparse_fit(const Columns* X, const double* b, double* out) noexcept nogil:
    cdef Py_ssize_t j
    cdef long long e
    cdef double v, shift = 0
    for j in range(X.p):
        if b[j] == 0:
            continue
        v = b[j] * X.multiplier[j]
        shift += v * X.center[j]
        if X.single:
            for e in range(X.indptr[j], X.indptr[j + 1]):
                out[X.indices[e]] += v * (<const float*>X.data)[e]
        else:
            for e in range(X.indptr[j], X.indptr[j + 1]):
                out[X.indices[e]] += v * (<const double*>X.data)[e]
    if shift != 0:
        for j in range(X.n):
            out[j] -= shift


cdef int dense_rows(const Columns* X, bint direct, Py_ssize_t r0, const double* B, Py_ssize_t K, Py_ssize_t ldb, const double* scaled,
                    const double* shift, double* out) noexcept nogil:
    """out[k, r0 …] += Z B[k] of a stretch of rows, for K vectors of the given members."""
    cdef int rows = <int>min(ROWS, X.n - r0), p = <int>X.p, ldx, inc = 1
    cdef Py_ssize_t k, i, j0, m
    cdef double one = 1
    cdef char plain = b"n", flip = b"t"
    cdef double* z
    if direct:
        for k in range(K):
            if X.row == 1:
                ldx = <int>max(X.col, X.n)
                dgemv(&plain, &rows, &p, &one, <double*>X.data + r0, &ldx, <double*>scaled + k * X.p, &inc, &one, out + k * X.n + r0, &inc)
            else:
                ldx = <int>max(X.row, X.p)
                dgemv(&flip, &p, &rows, &one, <double*>X.data + r0 * X.row, &ldx, <double*>scaled + k * X.p, &inc, &one,
                      out + k * X.n + r0, &inc)
            for i in range(r0, r0 + rows):
                out[k * X.n + i] -= shift[k]
        return 0
    z = <double*>malloc(ROWS * 64 * sizeof(double))
    if z == NULL:
        return 1
    j0 = 0
    while j0 < X.p:
        m = min(64, X.p - j0)
        p = <int>m
        pack(X, r0, r0 + rows, NULL, j0, m, z, rows)
        for k in range(K):
            dgemv(&plain, &rows, &p, &one, z, &rows, <double*>B + k * ldb + j0, &inc, &one, out + k * X.n + r0, &inc)
        j0 += 64
    free(z)
    return 0


def fits(Design design, const double[:, ::1] B, const double[::1] b0, Control control, int n_threads=1):
    """(K, n) Z b + b0 of K coefficient vectors, the rows of B (K, ≥ p), in one pass over X."""
    cdef Columns* X = &design.view
    cdef Py_ssize_t K = B.shape[0], n = X.n, p = X.p, k, t, tasks = (n + ROWS - 1) // ROWS
    cdef double[:, ::1] out = np.repeat(np.asarray(b0)[:, None], n, axis=1), scaled
    cdef double[::1] shift
    cdef Signal* signal = &control.signal
    cdef void* handle = <void*>control
    cdef bint direct = design.direct
    cdef int failed = 0
    if K == 0 or p == 0 or n == 0:
        return np.asarray(out)
    n_threads = worth(2.0 * n * p * K, n_threads)
    turned = np.asarray(B)[:, :p] * np.asarray(design.multiplier)
    scaled = np.ascontiguousarray(turned)
    shift = (turned * np.asarray(design.center)).sum(axis=1)
    if X.sparse:
        for k in prange(K, num_threads=n_threads, schedule="dynamic", nogil=True):
            if signal.stop == 0:
                sparse_fit(X, &B[k, 0], &out[k, 0])
            if threadid() == 0:
                poll(signal, handle)
    else:
        for t in prange(tasks, num_threads=n_threads, schedule="dynamic", nogil=True):
            if signal.stop == 0:
                if dense_rows(X, direct, t * ROWS, &B[0, 0], K, B.shape[1], &scaled[0, 0], &shift[0], &out[0, 0]):
                    failed = 1
            if threadid() == 0:
                poll(signal, handle)
    if failed:
        raise MemoryError("fits: no room for a tile")
    if signal.stop:
        raise Stopped
    return np.asarray(out)


def row_major_gradient(Design design, const double[:, ::1] R, Control control, int n_threads=1):
    """R Z as (K, p) of a design that BLAS reads row by row: ``transposed_matvec`` with whole rows in place of tiles of columns, which
    reads such an X once at its full speed. Segments of fixed size are added in their order."""
    cdef Columns* X = &design.view
    cdef Py_ssize_t K = R.shape[0], segments = (X.n + SEGMENT - 1) // SEGMENT, t
    cdef double[:, :, ::1] part = np.zeros((segments, K, X.p))
    cdef Signal* signal = &control.signal
    cdef void* handle = <void*>control
    if not (design.direct and X.col == 1):
        raise ValueError("row_major_gradient takes a design with direct=True and contiguous rows")
    n_threads = worth(2.0 * X.n * X.p * K, n_threads)
    for t in prange(segments, num_threads=n_threads, schedule="dynamic", nogil=True):
        if signal.stop == 0:
            segment_gradient(X, t * SEGMENT, &R[0, 0], K, &part[t, 0, 0])
        if threadid() == 0:
            poll(signal, handle)
    if signal.stop:
        raise Stopped
    return (np.asarray(part).sum(axis=0) - np.asarray(R).sum(axis=1)[:, None] * np.asarray(design.center)) * np.asarray(design.multiplier)


cdef void segment_gradient(const Columns* X, Py_ssize_t first, const double* R, Py_ssize_t K, double* out) noexcept nogil:
    cdef int rows, p = <int>X.p, ldx = <int>max(X.row, X.p), inc = 1
    cdef Py_ssize_t r0 = first, k, last = min(first + SEGMENT, X.n)
    cdef double one = 1
    cdef char plain = b"n"
    while r0 < last:
        rows = <int>min(64, last - r0)
        for k in range(K):
            dgemv(&plain, &p, &rows, &one, <double*>X.data + r0 * X.row, &ldx, <double*>R + k * X.n + r0, &inc, &one, out + k * X.p, &inc)
        r0 += 64
