cdef enum:
    ROWS = 8

cdef struct RowSum:
    # y += Σ_k weight_k row_k, gathered eight rows at a time: y is then read and written once for eight rows.
    double* y
    Py_ssize_t n
    int pending
    const double* row[ROWS]
    double weight[ROWS]

cdef void row_sum_open(RowSum* S, double* y, Py_ssize_t n) noexcept nogil
cdef void row_sum_add(RowSum* S, const double* row, double weight) noexcept nogil
cdef void row_sum_flush(RowSum* S) noexcept nogil
