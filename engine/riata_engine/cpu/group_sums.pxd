cdef void about_own_means(Py_ssize_t p, double weight, double total_y, double ybar, const double* raw, double* C, double* c, double* z,
                          const double* zero) noexcept nogil
