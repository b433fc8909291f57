cdef enum:
    SGD = 0
    MOMENTUM = 1
    NESTEROV = 2
    ADAGRAD = 3
    RMSPROP = 4
    ADAM = 5
    ADAMW = 6

cdef struct Optimiser:
    # an optimiser at step t: beta1 is momentum or the mean of gradients, beta2 that of squares
    int kind
    double lr, beta1, beta2, eps, decay, correct1, correct2

cdef void optimiser_at(Optimiser* O, double lr, double t) noexcept nogil
cdef void advance(const Optimiser* O, double* b, const double* g, double* v, double* s, Py_ssize_t n, double l1, double l2) noexcept nogil
