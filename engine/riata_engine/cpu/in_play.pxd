from riata_engine.cpu.design cimport Columns

cdef struct InPlay:
    # the columns that one problem works on, with a Gram matrix of their own
    const Columns* X
    const double* v             # (n,) row weights of sum one
    const double* shift         # (p,) means of z in the problem's weight group
    const double* mean          # (p,) means of the raw columns there
    Py_ssize_t m, done, room    # columns, those of them whose Gram rows are there, columns that there is memory for
    Py_ssize_t* columns         # (room,)
    unsigned char* inside       # (p,)
    double* G                   # (room, room), symmetric: rows of ``room`` numbers

cdef int open_play(InPlay* P) noexcept nogil
cdef void close_play(InPlay* P) noexcept nogil
cdef int take_in(InPlay* P, Py_ssize_t j) noexcept nogil
cdef int extend_gram(InPlay* P) noexcept nogil
cdef int subtract_fitted(const InPlay* P, const double* b, Py_ssize_t ldb, Py_ssize_t L, double* R) noexcept nogil
