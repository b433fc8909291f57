from riata_engine.cpu.design cimport Design
from riata_engine.cpu.in_play cimport InPlay
from riata_engine.cpu.control cimport Control, Signal

cdef enum:
    BLOCK = 10                  # alphas that one pass over X checks

cdef struct Member:
    # one problem, and where it stands on its path
    InPlay play
    bint intercept
    const double* y             # (n,) centred target
    double yy                   # Σ v y²
    const double* h             # (p,) variances of z; 0: the column is not in the model
    const double* f1            # (p,) penalty factors in units of z
    const double* l1            # (L,) penalties
    const double* l2
    Py_ssize_t L, next, length, reach       # alphas; the first that is not accepted; those of this block; to try in the next
    double tol, inner, current  # certificate to reach; solvers' share of it; the l1 penalty that ``gradient`` stands at
    long max_epochs
    int tries
    bint finished
    double* b                   # (p,) coefficients where the next block begins, by place in play
    double* gradient            # (p,) exact gradient there
    double* path                # (BLOCK, ld) coefficients of the block, by place in play
    Py_ssize_t ld
    double rr[BLOCK]            # Σ v r², Σ v r y and the mean square on held-out rows of the block
    double ry[BLOCK]
    double apart[BLOCK]
    const Py_ssize_t* held      # held-out rows
    Py_ssize_t n_held
    const double* w             # (n,) their weights
    long long taken             # the answer: coefficients are appended, ends[l] closes alpha l
    Py_ssize_t room
    Py_ssize_t* index
    double* value
    Py_ssize_t* ends            # rows of the arrays of the answer
    double* certificate
    double* residual
    double* held_out
    double* curvature
    signed char* status
    int* epochs
    # what a penalty brings: a solver on the columns in play, its certificate over all columns, the choice of columns, a remark on
    # an accepted alpha. ``own`` is its data
    int (*solve)(Member* M, Py_ssize_t l, double* b, double* g, Signal* signal, void* control, bint owner) noexcept nogil
    double (*certify)(Member* M, Py_ssize_t l, const double* b, const double* t, double rr, double ry) noexcept nogil
    int (*admit)(Member* M, const double* t, double violating, double strong, Py_ssize_t cap) noexcept nogil
    int (*remark)(Member* M, Py_ssize_t l, const double* b) noexcept nogil
    void* own

cdef class Rounds:
    cdef Member* members
    cdef Py_ssize_t K
    cdef int n_threads
    cdef Design design
    cdef Control control
    cdef object kept, ends
    cdef Py_ssize_t[::1] who
    cdef Py_ssize_t k
    cdef void prepare(self, Member* M, Py_ssize_t b) noexcept
