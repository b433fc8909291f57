cdef void triangle_sum(double* y, Py_ssize_t n, const double* C, const Py_ssize_t* index, const double* weight,
                       Py_ssize_t count) noexcept nogil
