cdef class LossOp:
    cdef readonly Py_ssize_t width
    cdef int kind
    cdef double delta, temperature
    cdef bint single
    cdef void* out
    cdef void* dout
    cdef object kept
    cdef double[:, ::1] eta, prob, r
    cdef double[::1] w
    cdef double[:, ::1] y
    cdef int[::1] label
    cdef const int[::1] labels                          # of all rows, or
    cdef const double[:, ::1] targets
    cdef const double[::1] weights
    cdef bint labelled, weighted
    cdef double run(self, const Py_ssize_t* rows, Py_ssize_t first, Py_ssize_t m, bint slope, double* weight) noexcept nogil
    cdef double softmax(self, Py_ssize_t m, bint slope, double total) noexcept nogil
    cdef void turn(self, Py_ssize_t m, double scale) noexcept nogil
