cdef enum:
    LANES = 8

cdef struct Lanes:
    # Up to eight problems on one small Gram matrix, side by side: entry [a·W + k] belongs to feature a of problem k. One coordinate step
    # then serves all of them with one load of a row of C, and arithmetic runs across problems, where nothing waits for anything else.
    int W                       # lanes: 8, or 1 for a problem alone. Each does the same arithmetic in the same order.
    Py_ssize_t M, padded        # features; a multiple of eight that holds them
    int level                   # of the CPU
    char* memory
    double* H                   # (padded, padded) Gram matrix, zero beyond M
    double* h                   # diagonal, penalty factors and bounds; a feature that is left out has bounds of zero
    double* root                # √h
    double* f1
    double* f2
    double* lower
    double* upper
    double* l1                  # from here on (padded · W): l1 f1 and l2 f2, products that no compiler may fuse with what follows
    double* l2
    double* c
    double* g                   # c − C b
    double* b
    double* old_g               # of the alpha before
    double* old_b
    double* sums                # (3 · 8 · W) partial sums; or (padded)
    double bound_scale[LANES]
    double shrink[LANES]        # see lanes_measure
    double* t                   # gradient of one problem
    Py_ssize_t* support         # scratch of lanes_refresh

cdef int lanes_open(Lanes* S, int W, Py_ssize_t M, const double* C, Py_ssize_t ldc, const double* f1, const double* f2,
                    const double* lower, const double* upper) noexcept nogil
cdef void lanes_close(Lanes* S) noexcept nogil
cdef void lanes_sweep(Lanes* S) noexcept nogil
cdef void lanes_refresh(Lanes* S) noexcept nogil
cdef void lanes_measure(Lanes* S) noexcept nogil
cdef double lane_estimate(const Lanes* S, int k, double yy) noexcept nogil
cdef void lane_take(Lanes* S, int k, double* b) noexcept nogil
cdef void lane_start(Lanes* S, int k, const double* c, const double* b) noexcept nogil
cdef void lane_penalise(Lanes* S, int k, double l1, double l2) noexcept nogil
cdef void lane_extrapolate(Lanes* S, int k, double step) noexcept nogil
