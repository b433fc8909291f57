from riata_engine.cpu.active_block cimport Block

cdef int newton_step(Block* A, double l1, double l2, double yy) noexcept nogil
cdef double newton_flops(const Block* A, double l2) noexcept nogil
