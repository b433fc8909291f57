# What the compiled loops of the residual solver do with one column: taken in by ``include``.
from cython cimport floating

cdef extern from "riata_simd.h":
    ctypedef void cloned_void "RIATA_CLONED_VOID"

cdef extern from "riata_short.h":
    double riata_short_dot(const double* z, const double* u, Py_ssize_t m) nogil
    void riata_short_move(const double* z, const double* v, double a, double* u, Py_ssize_t m) nogil


cdef cloned_void dense_dot(const floating* x, double shift, const double* u, Py_ssize_t n, double* out) noexcept nogil:
    """Σ (x − shift) u: Σ u is zero but for rounding, which a large mean would blow up."""
    cdef Py_ssize_t i
    cdef double s = 0
    for i in range(n):
        s += (x[i] - shift) * u[i]
    out[0] = s


cdef cloned_void dense_axpy(const floating* x, const double* v, double a, double shift, Py_ssize_t n, double* u) noexcept nogil:
    """u -= a·v∘(x − shift)."""
    cdef Py_ssize_t i
    for i in range(n):
        u[i] -= a * v[i] * (x[i] - shift)


cdef cloned_void dense_subtract(const floating* x, double a, double shift, Py_ssize_t n, double* r) noexcept nogil:
    """r -= a·(x − shift)."""
    cdef Py_ssize_t i
    for i in range(n):
        r[i] -= a * (x[i] - shift)


cdef cloned_void padded_dot(const double* z, const double* u, Py_ssize_t m, double* out) noexcept nogil:
    out[0] = riata_short_dot(z, u, m)


cdef cloned_void padded_move(const double* z, const double* v, double a, double* u, Py_ssize_t m) noexcept nogil:
    riata_short_move(z, v, a, u, m)


cdef inline double slope(const floating* kind, const State* S, const Column* c) noexcept nogil:
    """z_jᵀ V r. ``kind`` only tells the type of the entries, here and below."""
    cdef const floating* x = <const floating*>c.x
    cdef const int* index = c.index
    cdef double s = 0, s2 = 0
    cdef Py_ssize_t a
    if S.padded:
        padded_dot(<const double*>c.x, S.u, S.padded, &s)
        return s
    if S.X.sparse:
        for a in range(0, c.length - 1, 2):
            s += (x[a] - c.offset) * S.u[index[a]]
            s2 += (x[a + 1] - c.offset) * S.u[index[a + 1]]
        if c.length % 2:
            s += (x[c.length - 1] - c.offset) * S.u[index[c.length - 1]]
        return c.multiplier * (s + s2 - c.mean * S.total)
    dense_dot(x, c.mean, S.u, c.length, &s)
    return c.multiplier * s


cdef inline void move(const floating* kind, State* S, const Column* c, double d) noexcept nogil:
    """The coefficient of z_j grows by d: r -= d·(z_j − mean)."""
    cdef const floating* x = <const floating*>c.x
    cdef const int* index = c.index
    cdef double step = d * c.multiplier
    cdef Py_ssize_t a
    if S.padded:
        padded_move(<const double*>c.x, NULL if S.level > 0 else S.w, d * S.level if S.level > 0 else d, S.u, S.padded)
    elif S.X.sparse:
        if S.intercept:
            S.total -= step * c.mean
        if S.level > 0:
            step *= S.level
            for a in range(c.length):
                S.u[index[a]] -= step * (x[a] - c.offset)
        else:
            for a in range(c.length):
                S.u[index[a]] -= step * (x[a] - c.offset) * S.v[index[a]]
    else:
        dense_axpy(x, S.v, step, c.mean, c.length, S.u)


cdef void step_on_free(const floating* kind, State* S) noexcept nogil:
    """The exact step on all features without a penalty at once: afterwards r is orthogonal to them.

    δ = K Kᵀ z_Fᵀ V r, where K Kᵀ is the pseudo-inverse of their Gram matrix; steps stay in its range, so that collinear free
    features get their minimum-norm coefficients.
    """
    cdef Py_ssize_t i, j, q = S.n_free
    cdef double d
    for i in range(q):
        S.slopes[i] = slope(kind, S, S.free + i)
        S.slopes[q + i] = 0
    for i in range(q):
        for j in range(q):
            S.slopes[q + j] += S.K[i * q + j] * S.slopes[i]
    for i in range(q):
        d = 0
        for j in range(q):
            d += S.K[i * q + j] * S.slopes[q + j]
        if d != 0:
            S.free[i].b += d
            move(kind, S, S.free + i, d)


cdef void subtract(const floating* kind, State* S, const Column* c) noexcept nogil:
    cdef const floating* x = <const floating*>c.x
    cdef const int* index = c.index
    cdef double step = c.b * c.multiplier
    cdef Py_ssize_t a
    if step == 0:
        return
    if S.padded:
        padded_move(<const double*>c.x, NULL, c.b, S.r, S.padded)
    elif S.X.sparse:
        if c.length < S.X.n and c.offset != 0:              # rows without weight that hold no entry lie at minus the mean
            for a in range(S.X.n):
                S.r[a] += step * c.offset if S.v[a] == 0 else 0.0
            for a in range(c.length):
                S.r[index[a]] -= step * c.offset if S.v[index[a]] == 0 else 0.0
        for a in range(c.length):
            S.r[index[a]] -= step * (x[a] - c.offset)
        if S.intercept:
            S.total -= step * c.mean
    else:
        dense_subtract(x, step, c.mean, c.length, S.r)
