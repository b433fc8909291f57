cdef struct Factor:
    # Cholesky factor of (C + l2 F2) on the features of ``slots``, grown and cut as the support of a path changes.
    Py_ssize_t f, capacity
    char* L                     # column-major, lower, leading dimension ``capacity``; float32 if single, as its block is
    bint single
    Py_ssize_t* feature         # pool feature of each slot
    double l2, jitter
    double waste                # flops spent on slots that the support has left, since the last clearing out

cdef void factor_open(Factor* F) noexcept nogil
cdef void factor_close(Factor* F) noexcept nogil
cdef void factor_reset(Factor* F, double l2, double jitter, bint single) noexcept nogil
cdef void factor_cut(Factor* F, Py_ssize_t first) noexcept nogil
cdef int factor_append(Factor* F, const Py_ssize_t* features, Py_ssize_t k, const double* C, Py_ssize_t ldc,
                       const double* f2) noexcept nogil
cdef int factor_solve(Factor* F, double* x, const Py_ssize_t* left, Py_ssize_t q) noexcept nogil

cdef inline double multiplier_flops(double tail, double q) noexcept nogil:
    """To hold q slots at zero, the first of which has ``tail`` slots behind it."""
    return q * tail * (tail + q)
