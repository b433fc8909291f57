# A penalty of the user's own, and its terms.
from riata_engine.cpu.rounds cimport Member

ctypedef double (*Value)(double b, double a) noexcept nogil
ctypedef double (*Prox)(double v, double t, double a) noexcept nogil

cdef struct Failure:
    # the first call that gave no number
    int function                # 1 value, 2 prox
    double v
    double t
    double got

cdef struct Penalty:
    Value value
    Prox prox
    double a
    bint convex
    double sigma
    const double* unit          # (p,) what a coefficient of z is multiplied by before the penalty sees it, but for sigma
    double* score               # (p,) room
    Failure failure
    double level                # ends[0] ≤ 0 ≤ ends[1] hold all b with g(b) ≤ level
    double ends[2]

cdef double prox_of(Penalty* F, double v, double t) noexcept nogil
cdef double cost(Penalty* F, const Member* M, Py_ssize_t j, double b, double l1) noexcept nogil
cdef double minimum(Penalty* F, const Member* M, Py_ssize_t j, double h, double z, double l1) noexcept nogil
cdef double moved_to(Penalty* F, const Member* M, Py_ssize_t j, double h, double g, double b, double l1) noexcept nogil
cdef double excess(Penalty* F, const Member* M, Py_ssize_t j, double h, double t, double b, double l1,
                   double objective) noexcept nogil
