from riata_engine.cpu.residual_state cimport State

cdef struct Epoch:
    double decrease             # at least so much of twice the objective
    double gap                  # estimate of the duality gap over the features in play, from the steps taken

cdef void drop_resting(State* S, double threshold) noexcept nogil
cdef Py_ssize_t admit(State* S, double threshold) noexcept nogil
cdef void find_support(State* S) noexcept nogil
cdef void epoch(State* S, bint support_only, double l1, double l2, Epoch* seen) noexcept nogil
cdef void refresh(State* S, double threshold) noexcept nogil
cdef double norms(const State* S, double* residual_y) noexcept nogil
