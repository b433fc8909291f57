from riata_engine.cpu.control cimport Signal
from riata_engine.cpu.few_task cimport Rules, Task

cdef int walk_of_loss(Task* P, const Rules* A, Signal* signal, void* control, bint owner) noexcept nogil
