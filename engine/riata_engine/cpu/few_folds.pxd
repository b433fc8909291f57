from riata_engine.cpu.design cimport Columns
from riata_engine.cpu.few_task cimport Room, Rules, Task

cdef void as_columns(const double* one_y, Py_ssize_t n, Columns* out) noexcept nogil
cdef void sums_of_parts(Task* P, Room* R) noexcept nogil
cdef int fold_statistics(Task* P, const Rules* A, Room* R, double base_mean) noexcept nogil
cdef void errors_of_folds(Task* P, Room* R, double level, double sigma) noexcept nogil
