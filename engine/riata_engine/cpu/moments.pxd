cdef struct Raw:
    # X as it was given: dense with any strides (in elements), or CSC
    Py_ssize_t n, p, row, col
    Py_ssize_t tile
    bint sparse, single                    # single: the values are float32
    const char* data
    const long long* indptr
    const int* indices

cdef Py_ssize_t tile_width(const Raw* X) noexcept nogil
cdef void scan_tile(const Raw* X, Py_ssize_t t, double* largest, double* bad) noexcept nogil
cdef void moments_tile(const Raw* X, Py_ssize_t t, const double* v, double* mean, double* variance, const double* factor) noexcept nogil
cdef void units_to_scan(Py_ssize_t p, double* size, double* bad, double* factor) noexcept nogil
cdef bint units_of_columns(Py_ssize_t p, double* size, const double* factor, double* mean, double* deviation, bint centred, double rounding,
                           double* center, double* multiplier, unsigned char* constant) noexcept nogil
