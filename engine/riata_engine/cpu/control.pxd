cdef struct Signal:
    volatile int stop       # 0 go on, 1 interrupted, 2 out of time
    double deadline         # seconds of the monotonic clock
    double next_poll
    long done               # (problem, alpha) pairs finished

cdef class Control:
    cdef Signal signal
    cdef public object progress
    cdef public object total
    cdef public object error
    cdef double started
    cdef void attend(self) noexcept

cdef int poll(Signal* signal, void* control) noexcept nogil
cdef double monotonic() noexcept nogil
cdef int worth(double flops, int n_threads) noexcept nogil
cdef int overdue(Signal* signal) noexcept nogil
cdef int attend(Signal* signal, void* control, bint owner) noexcept nogil
cdef long fetch_add(long* counter, long value) noexcept nogil
cdef void wait_for_others(long* finished, long total, Signal* signal, void* control) noexcept nogil
