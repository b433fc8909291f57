from riata_engine.cpu.control cimport Signal
from riata_engine.cpu.design cimport Columns
from riata_engine.cpu.few_task cimport Room, Rules, Task

cdef double* take(double** at, Py_ssize_t count) noexcept nogil
cdef void lay_out_columns(Room* R, const Task* P, double** at) noexcept nogil
cdef void lap(Task* P, int phase, double* start) noexcept nogil
cdef int units(Task* P, const Rules* A, Room* R, bint* moderate) noexcept nogil
cdef int derived_alphas(Task* P, const Rules* A, Room* R, const Columns* X, const double* r, double size, double sigma,
                        bint moderate) noexcept nogil
cdef int walk(Task* P, const Rules* A, Signal* signal, void* control, bint owner) noexcept nogil
