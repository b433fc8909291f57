cdef void units_of_targets(double* Y, Py_ssize_t n, Py_ssize_t T, const double* v, bint intercept, double rounding, double* mean,
                           double* sigma, double* square, const double* zero) noexcept nogil
cdef void moments_of_targets(const double* Y, Py_ssize_t ldy, const double* v, Py_ssize_t n, Py_ssize_t count, bint intercept,
                             double* mean, double* square) noexcept nogil
cdef double unless_rounding(double square, double mean, double base_mean, double rounding) noexcept nogil
