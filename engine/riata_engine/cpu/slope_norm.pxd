cdef struct Ranked:
    double size
    Py_ssize_t at

cdef struct Norm:
    double* lam                 # (p,) the sequence
    Ranked* order               # (p,) room
    double* w                   # (p,)
    double* total               # (p,)
    Py_ssize_t* first           # (p,)

cdef void rank(Ranked* x, Py_ssize_t n) noexcept nogil
cdef void prox(const Norm* F, const double* v, Py_ssize_t n, double t, double* u) noexcept nogil
cdef double gap_of(const Norm* F, const double* u, Py_ssize_t k, const double* c, Py_ssize_t n, double a, double uc,
                   double rr) noexcept nogil
cdef double feasible(const Norm* F, const double* c, Py_ssize_t n, double a) noexcept nogil
