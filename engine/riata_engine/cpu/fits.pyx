# Residuals of many coefficient vectors: what each fits, column by column, taken off targets a chunk of rows at a time.
from cython cimport floating
from cython.parallel cimport prange
from riata_engine.cpu.control cimport worth
from riata_engine.cpu.design cimport Columns, Design

cdef extern from "riata_simd.h":
    ctypedef void cloned_void "RIATA_CLONED_VOID"

cdef enum:
    CHUNK = 512                            # rows: they stay in the first-level cache


cdef inline void subtract_column(const double* z, Py_ssize_t n, const double* b, Py_ssize_t ldb, Py_ssize_t k, double* R,
                          Py_ssize_t ldr) noexcept nogil:
    """R[a] −= b[a] z for k coefficients of one column."""
    cdef Py_ssize_t a, i
    cdef double v
    cdef double* r
    for a in range(k):
        v = b[a * ldb]
        if v != 0:
            r = R + a * ldr
            for i in range(n):
                r[i] -= v * z[i]


cdef cloned_void fit_rows(const double* vectors, Py_ssize_t ld, const Py_ssize_t* at, const Py_ssize_t* index, Py_ssize_t m,
                          const double* b, Py_ssize_t ldb, Py_ssize_t k, Py_ssize_t r0, Py_ssize_t n, double* R,
                          Py_ssize_t ldr) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(m):
        subtract_column(vectors + index[j] * ld + r0, n, b + at[j], ldb, k, R + r0, ldr)


cdef cloned_void fit_columns(const floating* x, Py_ssize_t col, const double* center, const double* multiplier, const Py_ssize_t* at,
                             const Py_ssize_t* index, Py_ssize_t m, const double* b, Py_ssize_t ldb, Py_ssize_t k, Py_ssize_t r0,
                             Py_ssize_t n, double* R, Py_ssize_t ldr) noexcept nogil:
    """``fit_rows`` of the columns of a design, a chunk of which is brought into standard form at a time."""
    cdef double z[CHUNK]
    cdef Py_ssize_t j, a, i
    cdef const floating* u
    cdef double c, s
    cdef bint any
    for j in range(m):
        any = False
        for a in range(k):
            any = any or b[at[j] + a * ldb] != 0
        if not any:
            continue
        u = x + index[j] * col + r0
        c = center[index[j]]
        s = multiplier[index[j]]
        for i in range(n):
            z[i] = (u[i] - c) * s
        subtract_column(&z[0], n, b + at[j], ldb, k, R + r0, ldr)


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
    cdef Py_ssize_t n = R.shape[2], k = R.shape[0], m = vectors.shape[1], task, i, r0, chunks = (n + CHUNK - 1) // CHUNK
    if n == 0 or k == 0 or m == 0 or at.shape[0] == 0:
        return
    n_threads = worth(2.0 * n * at.shape[0] * R.shape[1], n_threads)
    with nogil:
        for task in prange(k * chunks, num_threads=n_threads, schedule="dynamic"):
            i = task // chunks
            r0 = CHUNK * (task - i * chunks)
            if pointer[i + 1] > pointer[i]:
                fit_rows(&vectors[row[i], 0, 0], n, &at[pointer[i]], &index[pointer[i]], pointer[i + 1] - pointer[i], &b[i, 0, 0],
                         b.shape[2], lengths[i], r0, min(CHUNK, n - r0), &R[i, 0, 0], n)


def subtract_columns(Design design, const Py_ssize_t[::1] pointer, const Py_ssize_t[::1] at, const Py_ssize_t[::1] index,
                     const double[:, :, ::1] b, const Py_ssize_t[::1] lengths, double[:, :, ::1] R, int n_threads=1):
    """``subtract_fits`` of columns ``index`` of a dense design, whose columns are contiguous."""
    cdef Py_ssize_t n = R.shape[2], k = R.shape[0], task, i, m, r0, chunks = (n + CHUNK - 1) // CHUNK
    cdef Columns* X = &design.view
    if X.sparse or X.row != 1:
        raise ValueError("subtract_columns takes a dense design with contiguous columns")
    if n == 0 or k == 0 or at.shape[0] == 0:
        return
    n_threads = worth(2.0 * n * at.shape[0] * R.shape[1], n_threads)
    with nogil:
        for task in prange(k * chunks, num_threads=n_threads, schedule="dynamic"):
            i = task // chunks
            r0 = CHUNK * (task - i * chunks)
            m = pointer[i + 1] - pointer[i]
            if m > 0 and X.single:
                fit_columns[float](<const float*>X.data, X.col, X.center, X.multiplier, &at[pointer[i]], &index[pointer[i]], m, &b[i, 0, 0],
                                   b.shape[2], lengths[i], r0, min(CHUNK, n - r0), &R[i, 0, 0], n)
            elif m > 0:
                fit_columns[double](<const double*>X.data, X.col, X.center, X.multiplier, &at[pointer[i]], &index[pointer[i]], m,
                                    &b[i, 0, 0], b.shape[2], lengths[i], r0, min(CHUNK, n - r0), &R[i, 0, 0], n)
