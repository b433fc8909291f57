# Matrix products of C-ordered arrays by BLAS, in either precision.
from cython cimport floating
from scipy.linalg.cython_blas cimport dgemm, sgemm


cdef inline void product(const floating* A, bint flip_a, const floating* B, bint flip_b, Py_ssize_t m, Py_ssize_t n, Py_ssize_t k,
                         floating beta, floating* C) noexcept nogil:
    """C (m, n) = A B + beta C, all C-ordered; A is stored (m, k), or (k, m) if flipped, B (k, n), or (n, k)."""
    cdef int rows = <int>n, columns = <int>m, depth = <int>k          # BLAS sees the transposes: Cᵀ = Bᵀ Aᵀ
    cdef int lda = <int>(m if flip_a else k), ldb = <int>(k if flip_b else n)
    cdef char ta = b"t" if flip_a else b"n"
    cdef char tb = b"t" if flip_b else b"n"
    cdef floating one = 1
    if floating is float:
        sgemm(&tb, &ta, &rows, &columns, &depth, &one, <float*>B, &ldb, <float*>A, &lda, &beta, C, &rows)
    else:
        dgemm(&tb, &ta, &rows, &columns, &depth, &one, <double*>B, &ldb, <double*>A, &lda, &beta, C, &rows)
