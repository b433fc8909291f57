cdef enum:
    BROUGHT = 1000              # codes from here on are of losses that users bring

cdef struct Rows:
    # the rows of one problem: what its loss is made of
    int loss                    # a code of loss_table.pxi, or of ``register_loss``
    double a                    # the parameter of the loss
    Py_ssize_t n
    const double* y
    const double* v             # (n,) weights, sum one

cdef struct Sums:
    double value                # Σ v ℓ
    double slope                # Σ r
    double size                 # Σ |r|
    double weight               # Σ w
    double square               # Σ r² / w

cdef void evaluate(const Rows* P, const double* eta, double* r, double* w, Sums* out) noexcept nogil
cdef double value_of_rows(const Rows* P, const double* eta, const double* move, double step, double shift) noexcept nogil
cdef double dual_of_rows(const Rows* P, const double* eta, const double* r, double s) noexcept nogil
cdef double saturated_of_rows(const Rows* P) noexcept nogil
cdef double level_of_rows(const Rows* P, int link) noexcept nogil
cdef double value_of_some(const Rows* P, const double* eta, const Py_ssize_t* rows, Py_ssize_t count, const double* w) noexcept nogil
cdef double saturated_of_some(const Rows* P, const Py_ssize_t* rows, Py_ssize_t count, const double* w) noexcept nogil
cdef bint sound(const Sums* sums) noexcept nogil
cdef void find_fault(const Rows* P, const double* eta, const double* r, const double* w, double* fault) noexcept nogil
