from riata_engine.cpu.row_task cimport Task, Tile

ctypedef fused real:
    float
    double

cdef void softmax_tile(const Task* task, Tile* tile, real* scratch) noexcept nogil
cdef void softmax_vjp_tile(const Task* task, Tile* tile, real* scratch) noexcept nogil
cdef void cross_entropy_tile(const Task* task, Tile* tile, real* scratch) noexcept nogil
