from riata_engine.cpu.design cimport Columns

cdef Py_ssize_t room_for_rows(Py_ssize_t p, Py_ssize_t T) noexcept nogil
cdef void gram_of_rows(const Columns* X, const Columns* targets, const Py_ssize_t* rows, Py_ssize_t n, const double* root, double* room,
                       double* C, double* c) noexcept nogil
