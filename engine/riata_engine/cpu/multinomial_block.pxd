from riata_engine.cpu.multinomial_state cimport State
from riata_engine.cpu.multinomial_step cimport Sweep

cdef struct Block:
    # the weighted Gram matrix of a class's features, the intercept profiled out, at the weights of some earlier point
    Py_ssize_t count, room
    float* C                    # (room, room), both triangles
    Py_ssize_t* slot            # (room,)
    int* position               # of each slot; −1: not here
    Py_ssize_t n_position
    float* v                    # (ld,) those weights
    double sum_v
    double* xv                  # (room,) Σ v x
    bint stale
    double* gradient            # (room,) scratch: single precision does not tell a gradient from its threshold
    Py_ssize_t* visit
    double* move                # (room,)

cdef void close_block(Block* A) noexcept nogil
cdef int open_blocks(State* S, Block* blocks) noexcept nogil
cdef int sweep(State* S, Block* blocks, double l1, double l2, bint support_only, double goal, Sweep* out) noexcept nogil
