# The sorted l1 norm on coefficients: their order, its proximal operator, its dual ball and the duality gap.
from libc.math cimport fabs

include "../formulas/sorted_l1.py"


cdef inline bint before(const Ranked* x, const Ranked* y) noexcept nogil:
    return x.size > y.size or (x.size == y.size and x.at < y.at)


cdef void rank(Ranked* x, Py_ssize_t n) noexcept nogil:
    """Descending sizes, of equal ones the smaller place first (Hoare's quicksort; runs of sixteen by insertion)."""
    cdef Py_ssize_t i, j
    cdef Ranked pivot, t
    while n > 16:
        pivot = x[n // 2]
        i = 0
        j = n - 1
        while i <= j:
            while before(&x[i], &pivot):
                i += 1
            while before(&pivot, &x[j]):
                j -= 1
            if i <= j:
                t = x[i]
                x[i] = x[j]
                x[j] = t
                i += 1
                j -= 1
        if j + 1 < n - i:                                    # the shorter part by recursion
            rank(x, j + 1)
            x += i
            n -= i
        else:
            rank(x + i, n - i)
            n = j + 1
    for i in range(1, n):
        t = x[i]
        j = i
        while j > 0 and before(&t, &x[j - 1]):
            x[j] = x[j - 1]
            j -= 1
        x[j] = t


cdef void prox(const Norm* F, const double* v, Py_ssize_t n, double t, double* u) noexcept nogil:
    """u = argmin ½‖u − v‖² + t J(u)"""
    cdef Py_ssize_t i
    for i in range(n):
        F.order[i].size, F.order[i].at = fabs(v[i]), i
    rank(F.order, n)
    for i in range(n):
        F.w[i] = F.order[i].size
    pooled(F.w, F.lam, t, n, F.first, F.total)
    for i in range(n):
        u[F.order[i].at] = F.w[i] if v[F.order[i].at] >= 0 else -F.w[i]


cdef double gap_of(const Norm* F, const double* u, Py_ssize_t k, const double* c, Py_ssize_t n, double a, double uc,
                   double rr) noexcept nogil:
    """The duality gap at coefficients u (k,), the others zero, with gradient c (n,), from ⟨u, c⟩ and Σ v r². u may be ``F.w``, c
    ``F.total``."""
    cdef Py_ssize_t i
    cdef double s, J = 0
    for i in range(k):
        F.order[i].size, F.order[i].at = fabs(u[i]), i
    rank(F.order, k)
    for i in range(k):
        J += F.lam[i] * F.order[i].size
    s = feasible(F, c, n, a)
    return a * J - s * uc + 0.5 * (1 - s) * (1 - s) * rr


cdef double feasible(const Norm* F, const double* c, Py_ssize_t n, double a) noexcept nogil:
    """The largest share of the gradient c (n,), at most one, that the dual ball of radius a holds."""
    cdef Py_ssize_t i
    cdef double norm
    for i in range(n):
        F.order[i].size, F.order[i].at = fabs(c[i]), i
    rank(F.order, n)
    for i in range(n):
        F.w[i] = F.order[i].size
    norm = sorted_dual_norm(F.w, F.lam, n)
    return 1.0 if norm <= a else a / norm
