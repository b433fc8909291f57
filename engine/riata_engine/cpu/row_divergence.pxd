from riata_engine.cpu.row_task cimport Task, Tile

ctypedef fused real:
    float
    double

cdef void divergence_tile(const Task* task, Tile* tile, real* scratch) noexcept nogil
cdef void pair_tile(const Task* task, Tile* tile, real* scratch) noexcept nogil
cdef void relative_tile(const Task* task, Tile* tile, real* scratch) noexcept nogil
