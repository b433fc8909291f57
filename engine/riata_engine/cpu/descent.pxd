from libc.stdint cimport uint64_t
from riata_engine.cpu.dropout cimport Rule
from riata_engine.cpu.steps cimport Optimiser

cdef enum:
    TILE = 4                            # problems that share a look at a row
    ROWS = 32                           # rows whose products stay in the cache

cdef enum:                              # schedules
    FIXED = 0
    INVERSE_SCALING = 1
    OPTIMAL = 2
    COSINE = 3
    ONE_CYCLE = 4
    STEPS = 5
    EXPONENTIAL = 6
    ADAPTIVE = 7
    ARMIJO = 8
    PA1 = 9
    PA2 = 10

cdef enum:                              # reductions of variance
    PLAIN = 0
    SAG = 1
    SAGA = 2
    SVRG = 3
    CENTRAL = 4

cdef enum:                              # how a run ended
    MAX_EPOCHS = 0
    NO_IMPROVEMENT = 1
    DIVERGED = 2
    STOPPED = 3

cdef struct Run:
    # the data, and what all problems have in common
    const void* x
    bint single, sparse
    Py_ssize_t n, p, wide, ld           # wide: p rounded up, where the intercept is; ld: length of a vector of parameters
    const long long* indptr
    const int* indices
    const int* rows
    Py_ssize_t n_rows
    const int* held                     # rows of validation
    Py_ssize_t n_held
    int loss
    double a
    Py_ssize_t batch
    long epochs
    bint shuffle, intercept, lazy, validate
    bint even, scattered                # weights are one; numbers of rows do not stay in the cache
    Py_ssize_t block
    uint64_t seed
    Optimiser optimiser
    int schedule, reduction
    const void** turn                   # rows of the basis in which steps are divided by ``spectrum``, and of the one back
    const void** turn_back
    const double* spectrum
    long tail_from                      # steps of an epoch before its tail; −1: none
    double s0, s1, s2, total
    double clip, tol
    Rule dropout                        # but for its stream; a threshold of 0: none
    void* asked                         # a Python function that measures all problems after an epoch, or NULL
    double* averaged
    long patience, average_from
    const int* group                    # features group by group, and where each begins
    const int* group_at
    Py_ssize_t n_groups
    int level

cdef struct Problem:
    # one problem: what it is, where its state is, where its history goes
    const double* y                     # (n)
    const double* weight                # (n)
    double l1, l2, lam, lr, alpha, t0
    double* b                           # (ld) each, or NULL
    double* v
    double* s
    double* average
    double* best
    double* begin
    double* last                        # the gradient before this one
    double* drift                       # sum of the gradients of an epoch
    double* mean                        # of the gradients in memory
    double* gathered                    # what an epoch changes of ``mean``, which learns it at its end
    double* tail                        # sum of the points of an epoch, before their proximal steps
    long n_tail
    bint turned                         # whether steps go by the basis
    double* memory                      # (n) slopes in memory
    double* record                      # (epochs, RECORD)
    signed char* status
    long* done                          # epochs
    double t, averaged, best_value, start_value, before, answer
    long idle, rises
    double loss, square, product, lengths, step, previous
    long n_steps
    bint ended
