from riata_engine.cpu.design cimport Columns

cdef enum:
    PANEL = 8                              # columns of a packed panel: out[8 i + k]
    TRIPLE = 24                            # columns of three panels, which are multiplied together
    STRETCH = 256                          # rows that are summed in registers
    CHUNK = 8                              # panels packed by one task

cdef void pack_some(const Columns* X, const Py_ssize_t* columns, const Py_ssize_t* rows, Py_ssize_t r0, Py_ssize_t n, Py_ssize_t j0,
                    Py_ssize_t j1, double* Z, const double* root) noexcept nogil
cdef void tile_at(const double* A, Py_ssize_t following, Py_ssize_t j, Py_ssize_t columns, const double* B, Py_ssize_t i,
                  Py_ssize_t height, Py_ssize_t rows, double* C, Py_ssize_t ldc, int level) noexcept nogil
