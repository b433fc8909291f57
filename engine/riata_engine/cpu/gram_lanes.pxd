from riata_engine.cpu.control cimport Signal
from riata_engine.cpu.gram_descent cimport Batch

cdef struct Queue:
    # problems of a batch on one Gram matrix
    const Batch* batch
    const Py_ssize_t* order
    Py_ssize_t next, end

cdef bint goes_small(const Batch* batch) noexcept nogil
cdef int solve_small(Queue* queue, Signal* signal, void* control, bint owner) noexcept nogil
