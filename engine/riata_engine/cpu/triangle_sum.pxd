cdef enum:
    TOGETHER = 8

cdef struct TriangleSum:
    # y += Σ_k weight_k C[k] for rows of a symmetric matrix of which the lower triangle is kept (gram_entries.pxd), to the bits of a
    # RowSum of whole rows: the n entries of y are whole stretches of 64.
    double* y
    Py_ssize_t n
    const double* C
    int pending
    Py_ssize_t index[TOGETHER]
    double weight[TOGETHER]

cdef void triangle_sum_open(TriangleSum* S, double* y, Py_ssize_t n, const double* C) noexcept nogil
cdef void triangle_sum_add(TriangleSum* S, Py_ssize_t index, double weight) noexcept nogil
cdef void triangle_sum_flush(TriangleSum* S) noexcept nogil
