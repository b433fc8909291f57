from riata_engine.cpu.control cimport Signal
from riata_engine.cpu.gram_descent cimport Problem

cdef bint goes_by_knots(const Problem* P) noexcept nogil
cdef int solve_by_knots(const Problem* P, Signal* signal, void* control, bint owner) noexcept nogil
