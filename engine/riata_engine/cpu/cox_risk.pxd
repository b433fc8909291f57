cdef struct Risk:
    # The risk sets of one problem. Rows stand in the order of strata, then of falling time, deaths behind the others of their time; a
    # group is a time with deaths of positive weight, and its risk set is all rows of its stratum up to ``stop``.
    Py_ssize_t n, groups
    bint efron
    double total                # Σ w
    const double* w             # (n,)
    double* death               # (n,) w where the row is a death, else 0
    Py_ssize_t* enter           # (groups,) first row that came in since the group before
    Py_ssize_t* first           # first death
    Py_ssize_t* stop
    bint* fresh                 # the first of its stratum
    double* count               # deaths of positive weight
    double* mass                # their weight

cdef struct Point:
    # Where a problem stands: exp(η) in units that change from group to group, so that nothing overflows.
    double* eta                 # (n,)
    double* e                   # (n,) w exp(η), in units of the row's group; 0 for rows in no risk set
    double* scale               # (groups,) what a sum up to the group before is multiplied by; 0 at the start of a stratum
    double* S                   # (groups,) Σ e over the risk set
    double* D                   # (groups,) Σ e over the deaths
    double* r                   # (n,) −gradient in η: (deaths − expected deaths) / Σ w
    double* h                   # (n,) expected deaths / Σ w: the diagonal part of the Hessian

cdef class RiskSets:
    cdef Risk* risks
    cdef readonly Py_ssize_t n_problems, n
    cdef object _keep

cdef int point_open(Point* P, Py_ssize_t n) noexcept nogil
cdef void point_close(Point* P) noexcept nogil
cdef void point_copy(const Point* P, Point* Q, const Risk* R) noexcept nogil
cdef double risk_value(const Risk* R, Point* P) noexcept nogil
cdef void risk_residual(const Risk* R, Point* P) noexcept nogil
cdef double risk_distance(const Risk* R, const Point* P, double s) noexcept nogil
cdef int risk_hessian(const Risk* R, const Point* P, const double** columns, Py_ssize_t a, Py_ssize_t done, double* H,
                      Py_ssize_t ld) noexcept nogil
