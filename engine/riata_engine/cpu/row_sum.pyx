# Weighted sums of rows of a Gram matrix (see row_sum.pxd). One row at a time, a coordinate step loads and stores the gradient for
# every row; eight at a time it does so once, and eight streams from memory run side by side. Sums are in float64 for float32 rows too.

cdef extern from "riata_simd.h":
    ctypedef void cloned_void "RIATA_CLONED_VOID"

ctypedef fused real:
    float
    double


cdef cloned_void eight(double* y, const void** row, const double* w, Py_ssize_t n, real kind) noexcept nogil:
    cdef Py_ssize_t i
    cdef const real* r0 = <const real*>row[0]
    cdef const real* r1 = <const real*>row[1]
    cdef const real* r2 = <const real*>row[2]
    cdef const real* r3 = <const real*>row[3]
    cdef const real* r4 = <const real*>row[4]
    cdef const real* r5 = <const real*>row[5]
    cdef const real* r6 = <const real*>row[6]
    cdef const real* r7 = <const real*>row[7]
    cdef double a = w[0], b = w[1], c = w[2], d = w[3], e = w[4], f = w[5], g = w[6], h = w[7]
    for i in range(n):
        y[i] += (a * r0[i] + b * r1[i]) + (c * r2[i] + d * r3[i]) + (e * r4[i] + f * r5[i]) + (g * r6[i] + h * r7[i])


cdef cloned_void two(double* y, const void** row, const double* w, Py_ssize_t n, real kind) noexcept nogil:
    cdef Py_ssize_t i
    cdef const real* r0 = <const real*>row[0]
    cdef const real* r1 = <const real*>row[1]
    cdef double a = w[0], b = w[1]
    for i in range(n):
        y[i] += a * r0[i] + b * r1[i]


cdef cloned_void one(double* y, const void** row, const double* w, Py_ssize_t n, real kind) noexcept nogil:
    cdef Py_ssize_t i
    cdef const real* r0 = <const real*>row[0]
    cdef double a = w[0]
    for i in range(n):
        y[i] += a * r0[i]


cdef void row_sum_open(RowSum* S, double* y, Py_ssize_t n, bint single) noexcept nogil:
    S.y = y
    S.n = n
    S.single = single
    S.pending = 0


cdef void row_sum_add(RowSum* S, const void* row, double weight) noexcept nogil:
    S.row[S.pending] = row
    S.weight[S.pending] = weight
    S.pending += 1
    if S.pending == ROWS:
        if S.single:
            eight(S.y, S.row, S.weight, S.n, <float>0)
        else:
            eight(S.y, S.row, S.weight, S.n, <double>0)
        S.pending = 0


cdef void row_sum_flush(RowSum* S) noexcept nogil:
    """Add what is pending; y is up to date afterwards."""
    if S.single:
        rest(S, <float>0)
    else:
        rest(S, <double>0)
    S.pending = 0


cdef void rest(RowSum* S, real kind) noexcept nogil:
    cdef int k = 0
    while k + 2 <= S.pending:
        two(S.y, S.row + k, S.weight + k, S.n, kind)
        k += 2
    if k < S.pending:
        one(S.y, S.row + k, S.weight + k, S.n, kind)
