cdef struct Columns:
    # X as the kernels see it: z_ij = (x_ij − center_j)·multiplier_j, never stored
    Py_ssize_t n, p
    bint sparse, single                    # single: the values are float32
    const char* data                       # dense: first element; sparse: CSC values
    Py_ssize_t row, col                    # dense strides in elements
    const long long* indptr
    const int* indices
    const double* center
    const double* multiplier

cdef class Design:
    cdef Columns view
    cdef readonly object X, center, multiplier
    cdef object _keep
    cdef readonly bint direct

cdef void pack(const Columns* X, Py_ssize_t r0, Py_ssize_t r1, const Py_ssize_t* columns, Py_ssize_t first, Py_ssize_t m,
               double* out, Py_ssize_t ld) noexcept nogil
cdef const char* entries(values, Py_ssize_t* row, Py_ssize_t* col) except? NULL
cdef bint readable_by_blas(const Columns* X) noexcept nogil
cdef int product_of_one(const Columns* X, const double* r, bint direct, double* out) noexcept nogil
