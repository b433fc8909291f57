from riata_engine.cpu.support_factor cimport Factor


cdef struct Block:
    # The active block of one problem in Gram space: the features in play, their Gram matrix and all that a coordinate step
    # reads, side by side in memory. Everything is in the order in which the features came in.
    Py_ssize_t m, capacity
    const double* C             # the pool's Gram matrix and its leading dimension, 0 where it is a triangle (gram_entries.pxd)
    Py_ssize_t ldc
    Py_ssize_t* index           # position in the pool
    Py_ssize_t* slot            # where in the factor it was last seen
    Factor factor               # of the support at the last Newton step
    char* memory                # one allocation behind all that follows
    char* H                     # capacity × capacity, H[a, b] = x_aᵀ x_b, float32 if single: what moves of the gradient need
    bint single                 # half the bytes for a block beyond the second cache; the gradient is made afresh from C in float64
    bint may_narrow             # such a block is allowed: not where many digits are asked for, nor once it has failed
    double* h                   # diagonal of H
    double* c                   # x_aᵀ y
    double* g                   # c − H b, kept up to date
    double* b
    double* old                 # b at the previous alpha
    double* f1                  # penalty factors
    double* f2
    double* lower               # bounds, already scaled
    double* upper
    double* work
    long long flops             # spent on epochs since last reset

cdef int block_open(Block* A, Py_ssize_t capacity, const double* C, Py_ssize_t ldc, bint may_narrow) noexcept nogil
cdef int block_widen(Block* A) noexcept nogil
cdef const void* block_row(const Block* A, Py_ssize_t a) noexcept nogil
cdef void block_close(Block* A) noexcept nogil
cdef int block_append(Block* A, Py_ssize_t k, double b, double c, double g, double f1, double f2, double lower,
                      double upper) noexcept nogil
cdef void block_keep_nonzero(Block* A, Py_ssize_t* position) noexcept nogil
cdef void block_extrapolate(Block* A, double t) noexcept nogil
cdef double block_epoch(Block* A, double l1, double l2) noexcept nogil
cdef double block_gap(const Block* A, double l1, double l2, double yy) noexcept nogil
cdef double block_objective(const Block* A, double l1, double l2, double yy) noexcept nogil
