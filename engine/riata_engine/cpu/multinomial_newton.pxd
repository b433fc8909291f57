from riata_engine.cpu.control cimport Signal
from riata_engine.cpu.multinomial_state cimport State

cdef int newton(State* S, double l1, double l2, bint dry, double rel, int most, double* decrease, Signal* signal, void* control,
                bint owner) noexcept nogil
