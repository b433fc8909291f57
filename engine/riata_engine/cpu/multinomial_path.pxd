from riata_engine.cpu.control cimport Signal
from riata_engine.cpu.multinomial_state cimport State

cdef struct Task:
    # one path
    Py_ssize_t L
    const double* alphas
    double l1_ratio
    double tol
    long max_epochs
    bint start_only
    bint free_features
    double* alpha_max            # out
    double* null_loss
    double* coef                 # (L, K, p)
    double* intercept            # (L, K)
    double* gap
    double* loss
    signed char* status
    int* epochs
    int* steps

cdef int path_with_blocks(State* S, const Task* T, Signal* signal, void* control, bint owner) noexcept nogil
