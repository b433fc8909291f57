cdef double power_below(double x) noexcept nogil
cdef bint units_of(Py_ssize_t p, const double* largest, const double* factor, const double* mean, const double* variance, bint centred,
                   double rounding, double* center, double* multiplier, unsigned char* constant) noexcept nogil
cdef double largest_alpha(const double* gradient, const double* f1, Py_ssize_t p, const double* lower, const double* upper, double sigma,
                          double l1_ratio, double least_ratio) noexcept nogil
cdef bint to_units_of_data(double* b, Py_ssize_t m, double level, const double* mean, const double* multiplier, double sigma,
                           bint intercept, double* level_out, double* df) noexcept nogil
