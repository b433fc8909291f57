# One multinomial problem while its path is solved. Arrays over rows are class by class, (K, ld): ld is n, filled up to whole lines.
from riata_engine.cpu.design cimport Columns

cdef struct State:
    # the problem
    const Columns* X
    bint direct                 # BLAS may read X itself
    Py_ssize_t n, ld, p, K
    const int* y                # (n,) classes
    const double* w             # (n,) weights, sum one
    const double* offset        # (K, n), or NULL
    const double* f1            # (p,) factors of the penalty in units of z; infinite: left out
    const double* f2
    Py_ssize_t reference        # the class whose coefficients are 0; −1: none
    bint intercept
    # the point, and what is exact there
    double* b                   # (p, K) coefficients of z
    double* b0                  # (K,)
    double* eta                 # (K, ld)
    double* prob
    double* r                   # w (y − prob)
    double loss
    double* G                   # (K, p) gradients Zᵀr: of the features in play, of all after a full pass
    # features in play, and their columns in single precision
    Py_ssize_t n_work, room
    Py_ssize_t* work            # features
    unsigned char* in_work      # (p,)
    float* x32                  # (room, ld) columns z of dense X
    # the quadratic model of a step
    Py_ssize_t* pairs           # (K, room) slots of the features that class k has in the model
    Py_ssize_t* n_pairs         # (K,)
    double* trial               # (p, K)
    double* trial0              # (K,)
    double* h                   # (K, room) curvature along one coordinate, the intercept profiled out
    double* xv                  # (K, room) Σ v x
    double* sum_v               # (K,) Σ v, v = w p (1 − p)
    double* g0                  # (K,) Σ r
    float* q                    # (K, ld) prob
    float* t                    # (K, ld) change of the linear predictors
    float* mean_t               # (ld,) Σ_k prob t
    float* w32
    float* v                    # (ld,) of the class at hand
    float* sigma                # (ld,) change of r of the class at hand
    float* moved                # (ld,) change of t within a sweep
    # scratch
    double* eta_new
    double* prob_new
    double* tile
    double* turned              # (n, K) residuals row by row, for sparse columns
    # what it took
    long long passes
    long epochs
    long steps

cdef int open_state(State* S) noexcept nogil
cdef void close_state(State* S) noexcept nogil
cdef int add_work(State* S, Py_ssize_t j) noexcept nogil
cdef int gradients(State* S, bint everything) noexcept nogil
cdef int predictors(State* S, const double* b, const double* b0, double* eta) noexcept nogil
