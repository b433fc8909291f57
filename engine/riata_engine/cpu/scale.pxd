cdef double power_below(double x) noexcept nogil
cdef bint units_of(Py_ssize_t p, const double* largest, const double* factor, const double* mean, const double* variance, bint centred,
                   double rounding, double* center, double* multiplier, unsigned char* constant) noexcept nogil
