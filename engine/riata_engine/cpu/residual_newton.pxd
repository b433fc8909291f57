from riata_engine.cpu.control cimport Signal
from riata_engine.cpu.residual_state cimport State

cdef int newton(State* S, double l1, double l2, double reduction, int most, Signal* signal, void* control, bint owner) noexcept nogil
