# A Newton step on the support of the residual solver. On a fixed set of signs the solution is linear: conjugate gradients find it
# with one product by Z and one by Zᵀ an iteration, each over the entries of the support, and no Gram matrix.
#
# Hestenes & Stiefel (1952), "Methods of conjugate gradients for solving linear systems", with the diagonal as preconditioner.
from libc.math cimport INFINITY as inf
from libc.stdlib cimport malloc, free
from libc.string cimport memset
from riata_engine.cpu.control cimport Signal, attend
from riata_engine.cpu.residual_state cimport Column, State

include "../formulas/penalties.py"
include "residual_columns.pxi"


cdef void swap(State* S, double* total) noexcept nogil:
    """The direction takes the place of the residual, so that the same column operations serve both; and back."""
    S.u, S.direction = S.direction, S.u
    S.total, total[0] = total[0], S.total


cdef void product(const floating* kind, State* S, const Py_ssize_t* moving, Py_ssize_t k, const double* d, double* out) noexcept nogil:
    """out = Z_Mᵀ V Z_M d, all free of the features without a penalty. The direction holds V Z d on return; the residual must be
    swapped out."""
    cdef Py_ssize_t i
    memset(S.u, 0, S.X.n * sizeof(double))
    S.total = 0
    for i in range(k):
        if d[i] != 0:
            move(kind, S, S.play + moving[i], -d[i])
    step_on_free(kind, S)
    for i in range(k):
        out[i] = slope(kind, S, S.play + moving[i])


cdef double gain(const State* S, const Py_ssize_t* moving, Py_ssize_t k, const double* c, const double* d, const double* Hd,
                 double l1, double l2) noexcept nogil:
    """By how much the step d lowers the objective; c is the gradient Zᵀ V r before it."""
    cdef Py_ssize_t i
    cdef const Column* f
    cdef double total = 0
    for i in range(k):
        f = S.play + moving[i]
        total += d[i] * (c[i] - Hd[i] / 2)
        total += elastic_net_value(f.b, l1 * f.f1, l2 * f.f2) - elastic_net_value(f.b + d[i], l1 * f.f1, l2 * f.f2)
    return total


cdef int step(const floating* kind, State* S, double l1, double l2, double reduction, int most, Py_ssize_t* moving,
              double* work, Signal* signal, void* control, bint owner) noexcept nogil:
    cdef Py_ssize_t i, k = 0, room = S.n_support
    cdef double* c = work                   # gradient before the step
    cdef double* d = work + room            # the step
    cdef double* rest = work + 2 * room     # what the linear system leaves open
    cdef double* way = work + 3 * room      # direction of conjugate gradients
    cdef double* H = work + 4 * room        # its product
    cdef Column* f
    cdef double total = 0, size = 0, first, before, curvature, a, b, longest = 1
    cdef int iterations = 0
    for i in range(room):
        f = S.play + S.support[i]
        if f.b != 0 and f.lower < f.b < f.upper:
            moving[k] = S.support[i]
            k += 1
    for i in range(k):
        f = S.play + moving[i]
        c[i] = slope(kind, S, f)
        d[i] = 0
        rest[i] = c[i] - (l1 * f.f1 if f.b > 0 else -l1 * f.f1) - l2 * f.f2 * f.b
        way[i] = rest[i] / (f.h + l2 * f.f2)
        size += rest[i] * way[i]
    first = size
    for i in range(S.n_free):
        S.slopes[2 * S.n_free + i] = S.free[i].b
    swap(S, &total)
    while iterations < most and size > reduction * reduction * first and not attend(signal, control, owner):
        iterations += 1
        product(kind, S, moving, k, way, H)
        curvature = 0
        for i in range(k):
            f = S.play + moving[i]
            H[i] += l2 * f.f2 * way[i]
            curvature += way[i] * H[i]
        if not curvature > 0:
            break
        a = size / curvature
        before = size
        size = 0
        for i in range(k):
            f = S.play + moving[i]
            d[i] += a * way[i]
            rest[i] -= a * H[i]
            size += rest[i] * rest[i] / (f.h + l2 * f.f2)
        for i in range(k):
            f = S.play + moving[i]
            way[i] = rest[i] / (f.h + l2 * f.f2) + size / before * way[i]
    for i in range(k):                      # a coefficient that would change its sign stops at zero, or at its bound
        f = S.play + moving[i]
        b = f.b + d[i]
        way[i] = min(max(0.0 if b * f.b <= 0 else b, f.lower), f.upper) - f.b
        if way[i] != d[i]:
            longest = min(longest, way[i] / d[i])
    _restore_free(S)
    product(kind, S, moving, k, way, H)
    if not gain(S, moving, k, c, way, H, l1, l2) > 0:
        for i in range(k):                  # on one set of signs the objective is a parabola: a shorter step lowers it
            way[i] = longest * d[i]
        _restore_free(S)
        product(kind, S, moving, k, way, H)
        if not gain(S, moving, k, c, way, H, l1, l2) > 0:
            _restore_free(S)
            swap(S, &total)
            return iterations
    for i in range(k):
        f = S.play + moving[i]
        b = f.b + way[i]
        f.b = 0.0 if b * f.b <= 0 else b
    for i in range(S.n_free):               # the product has moved them by what the step takes off
        S.free[i].b = 2 * S.slopes[2 * S.n_free + i] - S.free[i].b
    swap(S, &total)
    for i in range(S.X.n):
        S.u[i] -= S.direction[i]
    S.total -= total
    return iterations


cdef void _restore_free(State* S) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(S.n_free):
        S.free[i].b = S.slopes[2 * S.n_free + i]


cdef int newton(State* S, double l1, double l2, double reduction, int most, Signal* signal, void* control, bint owner) noexcept nogil:
    """Towards the solution on the signs of the support, until its gradient is ``reduction`` times as large or after ``most`` products.

    The objective never grows. Returns the number of products, or −1 where memory is short.
    """
    cdef Py_ssize_t* moving = <Py_ssize_t*>malloc((S.n_support + 1) * sizeof(Py_ssize_t))
    cdef double* work = <double*>malloc((5 * S.n_support + 1) * sizeof(double))
    cdef int done = -1
    if moving != NULL and work != NULL:
        if S.X.single:
            done = step[float](<const float*>S.X.data, S, l1, l2, reduction, most, moving, work, signal, control, owner)
        else:
            done = step[double](<const double*>S.X.data, S, l1, l2, reduction, most, moving, work, signal, control, owner)
    free(moving)
    free(work)
    return done
