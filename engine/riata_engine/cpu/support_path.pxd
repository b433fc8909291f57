from riata_engine.cpu.control cimport Signal
from riata_engine.cpu.gram_descent cimport Problem

cdef int solve_problem(const Problem* P, Signal* signal, void* control, bint owner) noexcept nogil
