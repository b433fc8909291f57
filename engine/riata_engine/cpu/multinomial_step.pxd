from riata_engine.cpu.multinomial_state cimport State

cdef struct Sweep:
    double decrease             # of the quadratic model, at least
    double change               # largest change of a gradient, in units of the penalty factor

cdef void open_model(State* S) noexcept nogil
cdef void list_pairs(State* S, double l1, double l2, double bar) noexcept nogil
cdef void class_sweep(State* S, Py_ssize_t k, double l1, double l2, bint support_only, Sweep* out) noexcept nogil
cdef bint centre(State* S, double* b, double* b0, double l1, double l2) noexcept nogil
cdef void dense_spread(const float* x, const float* v, Py_ssize_t ld, double* xv, double* square) noexcept nogil
cdef void end_class(const float* q, const float* moved, float d, Py_ssize_t ld, float* t, float* mean_t) noexcept nogil
cdef void class_sigma(State* S, Py_ssize_t k, const float* t, const float* mean_t, double* total) noexcept nogil
cdef void class_weights(State* S, Py_ssize_t k, double* total) noexcept nogil
cdef void pair_dot(const State* S, Py_ssize_t s, const float* sigma, double* out) noexcept nogil
cdef void pair_add(const State* S, Py_ssize_t s, double d, float* out) noexcept nogil
