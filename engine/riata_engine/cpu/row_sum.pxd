cdef enum:
    ROWS = 8

cdef struct RowSum:
    # y += Σ_k weight_k row_k, gathered eight rows at a time: y is then read and written once for eight rows.
    double* y
    Py_ssize_t n
    int pending
    bint single                 # the rows are float32
    const void* row[ROWS]
    double weight[ROWS]

cdef void row_sum_open(RowSum* S, double* y, Py_ssize_t n, bint single) noexcept nogil
cdef void row_sum_add(RowSum* S, const void* row, double weight) noexcept nogil
cdef void row_sum_flush(RowSum* S) noexcept nogil
