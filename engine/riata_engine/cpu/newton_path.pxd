from riata_engine.cpu.active_block cimport Block
from riata_engine.cpu.control cimport Signal
from riata_engine.cpu.design cimport Columns
from riata_engine.cpu.loss_rows cimport Rows, Sums

cdef struct Task:
    # one problem's path on a list of columns: what to solve, when to stop, where the answer goes
    Rows rows
    const Columns* X
    const Py_ssize_t* list      # (m) columns of X
    Py_ssize_t m, L
    const double* offset        # (n) or NULL
    const double* f1            # (p) and so on, of all columns of X
    const double* f2
    const double* lower
    const double* upper
    const double* l1            # (L)
    const double* l2
    double start_l1             # the penalty that the start was solved for
    bint intercept
    double scale                # null objective less its least: the unit of the gap
    double saturated
    double tol
    long max_epochs
    double stop_dev_ratio, stop_dev_change
    const Py_ssize_t* held      # held-out rows and the weights (n) of all
    Py_ssize_t n_held
    const double* held_weight
    double* start               # (m) coefficients to start from, and the intercept
    double* coef                # (L, m), and (L) each of what follows
    double* level
    double* gap
    double* value
    double* held_out
    signed char* status
    int* epochs
    int* newtons
    double* residual            # (L, n) v ℓ' with the sign turned, or NULL
    double* predictor           # (L, n) η, or NULL
    double* fault               # (3) what is not finite, at which y and η (loss_rows.pyx), or NULL
    bint silent                 # its alphas do not count as done
    double* curvature           # (L, m) Σ w (z − z̄)² at the solution, or NULL

cdef struct Walk:
    double* eta                 # (n) each
    double* r
    double* w
    double* old_w               # the weights that the Gram matrix was made with
    double* move
    double* nought
    double* g                   # (m) each: Zᵀ r, local copies of penalties and bounds
    double* f1
    double* f2
    double* lower
    double* upper
    double* b
    double* d
    double* trial               # (m) coefficients that the model asks for
    double* step                # (m) and how far they are
    Py_ssize_t* where           # (m) position in the block, or −1
    Py_ssize_t* pooled          # (m) position in the pool, or −1
    Py_ssize_t* pool            # (m) features whose Gram rows are there, and their columns of X
    Py_ssize_t* columns
    Py_ssize_t* some            # (m) scratch
    Py_ssize_t in_pool
    double* mean                # (m) of the pool's columns, weighted
    double* C                   # triangle of the pool
    Py_ssize_t room             # features that C has room for
    double* work                # room for making Gram rows
    Py_ssize_t work_size
    double old_weight
    double level
    double value
    Sums sums
    Block A
    bint open                   # whether A is
    bint whole                  # whether the last step went all the way to the solution of its model
    bint short                  # columns are sparse and short: models go by the residual, without a Gram matrix
    double* rest                # (n) of such a model

cdef int solve_task(const Task* P, Signal* signal, void* control, bint owner) noexcept nogil
