cdef void about_own_means(Py_ssize_t p, double weight, double total_y, double ybar, const double* raw, double* C, double* c, double* z,
                          const double* zero) noexcept nogil
cdef void centre_row(const double* whole, const double* part, Py_ssize_t m, double weight, double zi, double di, const double* z,
                     const double* d, double* out) noexcept nogil
cdef void scale_row(const double* part, Py_ssize_t m, double weight, double zi, double di, const double* z, const double* d,
                    double* out) noexcept nogil
cdef double centred_product(double raw, double z, double ybar, double shift, double b) noexcept nogil
cdef void clear(double* C, Py_ssize_t p, Py_ssize_t j) noexcept nogil
