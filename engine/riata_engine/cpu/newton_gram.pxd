from riata_engine.cpu.newton_path cimport Task, Walk

cdef enum:
    SHORT_OF_MEMORY = 1

cdef int take_in(const Task* P, Walk* W, double threshold) noexcept nogil
cdef void begin(const Task* P, Walk* W) noexcept nogil
cdef int renew(const Task* P, Walk* W) noexcept nogil
