from riata_engine.cpu.design cimport Columns

cdef struct SparseModel:
    # the quadratic model of a Newton step on sparse columns: what it is made of, and room
    const Columns* X
    const Py_ssize_t* list      # (m) columns of X
    Py_ssize_t m
    const double* w             # (n) curvatures
    double weight               # their sum, 0 without an intercept
    const double* r             # (n) residuals, and their products with the columns (m)
    const double* g
    double square               # Σ r² / w
    const double* f1            # (m) penalties and bounds
    const double* f2
    const double* lower
    const double* upper
    double* rest                # (n) r − w X d as it goes on
    double* b                   # (m) in: where to start; out: the solution
    double* h                   # (m) curvature along each column, and its product with the weights
    double* xw
    double* slope               # (m) products of the columns with what is left of the residual
    double* start               # (m) b at the start
    double mean                 # weighted mean of X d

cdef bint sparse_model_pays(const Columns* X, const Py_ssize_t* list, Py_ssize_t m) noexcept nogil
cdef void sparse_model_open(SparseModel* M) noexcept nogil
cdef double sparse_model_epoch(SparseModel* M, double l1, double l2, bint support) noexcept nogil
cdef double sparse_model_gap(SparseModel* M, double l1, double l2) noexcept nogil
