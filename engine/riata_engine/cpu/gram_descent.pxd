from riata_engine.cpu.active_block cimport Block
from riata_engine.cpu.control cimport Signal

cdef enum:
    NO_MEMORY = 100

cdef struct Problem:
    Py_ssize_t M, L
    const double* C
    Py_ssize_t ldc                            # 0: C is a triangle (gram_entries.pxd)
    const double* c
    double yy, null, scale                    # null objective; the unit of the gap: the same, or 1 where it is 0
    const double* f1
    const double* f2
    const double* lower
    const double* upper
    double bound_scale
    const Py_ssize_t* allowed                 # features that may enter; NULL: all
    Py_ssize_t n_allowed
    const double* l1
    const double* l2
    const double* start                       # coefficients to start from, solved for start_l1
    double start_l1
    Py_ssize_t first                          # alpha to begin with
    double tol, stop_dev_ratio, stop_dev_change
    long max_epochs
    bint by_kkt
    bint counting
    bint few                                  # M is that of the problem alone: it may be small enough for support_path.pyx
    bint ahead                                # alphas behind the first may be solved again: half of max_epochs for each
    double* coef                              # outputs, one row per alpha
    double* gap
    double* residual
    double* length                            # Σ |b_j| √C_jj: what the rounding of the statistics acts on
    signed char* status
    int* epochs                               # these two count on from what they hold
    int* newtons


cdef struct Batch:
    # the arguments of gram_path, from which a Problem is made
    Py_ssize_t M, L, ldc, apart               # ldc 0: triangles, so many numbers apart
    const double* C
    const Py_ssize_t* gram_of
    const double* c
    const double* yy
    const double* scale
    const double* f1
    const double* f2
    Py_ssize_t factor_rows, factor_ld
    const double* lower
    const double* upper
    const double* bound_scale
    const double* l1
    const double* l2
    const Py_ssize_t* lengths
    const Py_ssize_t* allowed_ptr
    const Py_ssize_t* allowed
    const double* start
    const double* start_l1
    const double* tol
    double stop_dev_ratio, stop_dev_change
    long max_epochs
    bint by_kkt, counting, few, ahead
    double* coef
    double* gap
    double* residual
    double* length
    signed char* status
    int* epochs
    int* newtons


cdef struct Scratch:
    Block A
    Py_ssize_t* position                      # of a pool feature in the block, or OUT, or BARRED
    double* g                                 # c − C b over the pool, afresh
    double* b                                 # coefficients over the pool, or of ``support``
    Py_ssize_t* support

cdef void describe(const Batch* A, Py_ssize_t b, Problem* P) noexcept nogil
cdef int solve_alone(const Problem* P, Signal* signal, void* control, bint owner) noexcept nogil
