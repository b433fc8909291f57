from riata_engine.cpu.active_block cimport Block
from riata_engine.cpu.cox_risk cimport Point, Risk

cdef struct Task:
    # one call for one problem
    const Risk* R
    const double* pool           # columns of n rows each, in the order of time
    const Py_ssize_t* at         # the problem's columns in the pool
    Py_ssize_t M, L
    const double* f1
    const double* f2
    const double* offset         # or NULL
    const double* l1
    const double* l2
    const double* start          # (M,)
    double tol, null             # absolute; the null deviance, halved
    long most
    double* coef                 # (L, M) out
    double* eta                  # (L, n) out
    int* steps                   # (L,)
    int* epochs
    int* hessians


cdef struct State:
    # what a problem keeps from one call to the next
    Block A                      # the features that the Hessian has, in its order
    bint open
    Py_ssize_t* active           # (room,) their places in the problem's list
    Py_ssize_t* where            # (listed,) place in the block, or −1
    Py_ssize_t listed, room, capacity
    double* H                    # (capacity, capacity)
    Point now, trial, made       # ``made``: where the Hessian was made

cdef const double* column(const Task* Q, Py_ssize_t w) noexcept nogil
cdef void state_close(State* T) noexcept nogil
cdef int listed(State* T, Py_ssize_t M) noexcept nogil
cdef int extend(State* T, const Task* Q, Py_ssize_t done) noexcept nogil
cdef int renew(State* T, const Task* Q, double* b, const double* t, double l1) noexcept nogil
cdef double quadratic(State* T, const double* t, double l1, double l2, double null, double target, int* epochs,
                      long most) noexcept nogil
