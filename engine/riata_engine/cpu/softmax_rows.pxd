cdef void softmax_rows(const double* eta, const int* y, const double* w, Py_ssize_t n, Py_ssize_t ld, Py_ssize_t K,
                       double* prob, double* r, double* loss) noexcept nogil
cdef void divergence_rows(const double* eta, const double* prob, const int* y, const double* w, Py_ssize_t n, Py_ssize_t ld, Py_ssize_t K,
                          double s, double* total) noexcept nogil
