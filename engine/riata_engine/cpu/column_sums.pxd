from riata_engine.cpu.design cimport Columns

cdef void dot_columns(const Columns* X, const Py_ssize_t* list, Py_ssize_t k, const double* u, double* out) noexcept nogil
cdef void add_columns(const Columns* X, const Py_ssize_t* list, Py_ssize_t k, const double* d, double* out) noexcept nogil
cdef int gram_of_columns(const Columns* X, const Py_ssize_t* list, Py_ssize_t m, Py_ssize_t old, const double* w, double weight,
                         double* mean, double* room, double* C) noexcept nogil
cdef Py_ssize_t room_for_columns(const Columns* X, Py_ssize_t m, Py_ssize_t fresh) noexcept nogil
