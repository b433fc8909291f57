from riata_engine.cpu.row_task cimport Task, Tile

ctypedef fused real:
    float
    double

cdef bint by_columns(const Task* task) noexcept nogil
cdef Py_ssize_t columns_at_once(Py_ssize_t K, Py_ssize_t columns, size_t size, int n_threads) noexcept nogil
cdef int columns_tile(const Task* task, Tile* tile, bint streamed, real* kind) noexcept nogil
