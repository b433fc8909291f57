from riata_engine.cpu.multinomial_state cimport State

cdef double penalty_of(const State* S, const double* b, double l1, double l2) noexcept nogil
cdef double size_of(const State* S) noexcept nogil
cdef double certified_gap(State* S, double l1, double l2, bint everything) noexcept nogil
cdef void refresh(State* S) noexcept nogil
cdef int set_intercepts(State* S) noexcept nogil
