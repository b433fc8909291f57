from riata_engine.cpu.in_play cimport InPlay

cdef struct Listed:
    # the columns that descent visits, with a Gram matrix side by side
    Py_ssize_t a, ld
    Py_ssize_t* at              # (ld,) places in play
    Py_ssize_t* used            # (ld,) room
    double* C                   # (ld, ld)
    double* c                   # (ld,) gradient
    double* u                   # (ld,) coefficients
    double* room                # (ld + 3, ld)

cdef void drop_list(Listed* S) noexcept nogil
cdef int enlist(Listed* S, const InPlay* P, Py_ssize_t q, double b, double g) noexcept nogil
cdef void subtract_row(double* g, const double* row, double d, Py_ssize_t m) noexcept nogil
