cdef double duality_gap(Py_ssize_t m, const double* t, const double* b, double l1, double l2, const double* f1, const double* f2,
                        const double* lower, const double* upper, double bound_scale,
                        double residual_norm2, double residual_y, double unit) noexcept nogil
cdef double boxed_gap(Py_ssize_t m, const double* t, const double* b, double l1, double l2, const double* f1, const double* f2,
                      const double* lower, const double* upper, double bound_scale, const double* h, double null_objective) noexcept nogil
cdef double rounding_of_gaps(double longest, double null) noexcept nogil
