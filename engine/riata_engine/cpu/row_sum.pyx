# Weighted sums of rows of a Gram matrix (see row_sum.pxd). One row at a time, a coordinate step loads and stores the gradient for
# every row; eight at a time it does so once, and eight streams from memory run side by side.

cdef extern from "riata_simd.h":
    ctypedef void cloned_void "RIATA_CLONED_VOID"


cdef cloned_void eight(double* y, const double** row, const double* w, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    cdef const double* r0 = row[0]
    cdef const double* r1 = row[1]
    cdef const double* r2 = row[2]
    cdef const double* r3 = row[3]
    cdef const double* r4 = row[4]
    cdef const double* r5 = row[5]
    cdef const double* r6 = row[6]
    cdef const double* r7 = row[7]
    cdef double a = w[0], b = w[1], c = w[2], d = w[3], e = w[4], f = w[5], g = w[6], h = w[7]
    for i in range(n):
        y[i] += (a * r0[i] + b * r1[i]) + (c * r2[i] + d * r3[i]) + (e * r4[i] + f * r5[i]) + (g * r6[i] + h * r7[i])


cdef cloned_void two(double* y, const double** row, const double* w, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    cdef const double* r0 = row[0]
    cdef const double* r1 = row[1]
    cdef double a = w[0], b = w[1]
    for i in range(n):
        y[i] += a * r0[i] + b * r1[i]


cdef cloned_void one(double* y, const double** row, const double* w, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    cdef const double* r0 = row[0]
    cdef double a = w[0]
    for i in range(n):
        y[i] += a * r0[i]


cdef void row_sum_open(RowSum* S, double* y, Py_ssize_t n) noexcept nogil:
    S.y = y
    S.n = n
    S.pending = 0


cdef void row_sum_add(RowSum* S, const double* row, double weight) noexcept nogil:
    S.row[S.pending] = row
    S.weight[S.pending] = weight
    S.pending += 1
    if S.pending == ROWS:
        eight(S.y, S.row, S.weight, S.n)
        S.pending = 0


cdef void row_sum_flush(RowSum* S) noexcept nogil:
    """Add what is pending; y is up to date afterwards."""
    cdef int k = 0
    while k + 2 <= S.pending:
        two(S.y, S.row + k, S.weight + k, S.n)
        k += 2
    if k < S.pending:
        one(S.y, S.row + k, S.weight + k, S.n)
    S.pending = 0
