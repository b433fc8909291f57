from riata_engine.cpu.multinomial_state cimport State

cdef struct Sweep:
    double decrease             # of the quadratic model, at least
    double change               # largest change of a gradient, in units of the penalty factor

cdef void open_model(State* S) noexcept nogil
cdef void list_pairs(State* S, double l1, double l2, double bar) noexcept nogil
cdef void sweep(State* S, double l1, double l2, bint support_only, Sweep* out) noexcept nogil
cdef bint centre(State* S, double* b, double* b0, double l1, double l2) noexcept nogil
cdef void single_dot(const float* x, const float* s, Py_ssize_t ld, double* out) noexcept nogil
cdef void class_sigma(State* S, Py_ssize_t k, const float* t, const float* mean_t, double* total) noexcept nogil
cdef void class_weights(State* S, Py_ssize_t k, double* total) noexcept nogil
cdef void pair_dot(const State* S, Py_ssize_t s, const float* sigma, double* out) noexcept nogil
cdef void pair_add(const State* S, Py_ssize_t s, double d, float* out) noexcept nogil
