# Coordinate descent on the residual of one problem. A coordinate costs the stored entries of its column, and no Gram matrix is
# ever formed.
#
# Centring is implicit: with ρ the running residual, which lacks the constant, Σ v ρ = S and the true residual is ρ − S, so that
# x̃_jᵀ V r = mult_j (x_jᵀ V ρ − center_j S) where center_j = Σ v x_ij is the group's own mean.
#
# Features in play (the support and what may enter it) are kept as records, and short columns as copies, in the order in which
# they came into play, so that an epoch reads memory forwards. Most epochs visit the support only.
from libc.math cimport fabs, sqrt, INFINITY as inf
from libc.stdlib cimport malloc, free
from libc.string cimport memcpy
from riata_engine.cpu.design cimport Columns
from riata_engine.cpu.residual_state cimport AT_REST, IN_PLAY, LEFT_OUT, Column, State, fill

include "../formulas/penalties.py"
include "residual_columns.pxi"

cdef extern from "riata_gather.h":
    void riata_prefetch(const void* address) nogil
    void riata_column_dots_double(const double* x, const long long* indptr, const int* index, Py_ssize_t first, Py_ssize_t last,
                                  const double* r, double* out) nogil
    void riata_column_dots_float(const float* x, const long long* indptr, const int* index, Py_ssize_t first, Py_ssize_t last,
                                 const double* r, double* out) nogil

cdef enum:
    PREFETCH = 6                # columns between a prefetch and its use


cdef extern from "riata_short.h":
    void riata_short_dots_double(const double* x, Py_ssize_t n, Py_ssize_t ld, const Py_ssize_t* list, Py_ssize_t k,
                                 const double* shift, const double* u, double* out) nogil
    void riata_short_dots_float(const float* x, Py_ssize_t n, Py_ssize_t ld, const Py_ssize_t* list, Py_ssize_t k,
                                const double* shift, const double* u, double* out) nogil

cdef double SLACK = 1e-9                                    # for the rounding of a way, and of the slopes themselves
cdef double SLOPES = 1e-12
cdef double CANCELS = 1e4                                   # fits so many times as long as y together: their rounding is looked at
cdef double ROUNDING = 1e-15


cdef cloned_void descend(const floating* kind, State* S, const Py_ssize_t* order, Py_ssize_t k, double l1, double l2,
                         Epoch* seen) noexcept nogil:
    """One step on each of k features: those at the positions ``order`` in play, or all where it is NULL."""
    cdef Py_ssize_t q
    cdef Column* c
    cdef const Column* later
    cdef double a, curvature, z, u, d, decrease = 0, worst = 0, norm = 0, smooth = 0
    for q in range(k):
        if S.X.sparse and q + PREFETCH < k:
            later = S.play + (order[q + PREFETCH] if order != NULL else q + PREFETCH)
            riata_prefetch(later.x)
            riata_prefetch(later.x + 64)
            riata_prefetch(later.index)
        c = S.play + (order[q] if order != NULL else q)
        a = l1 * c.f1
        z = riata_short_dot(<const double*>c.x, S.u, S.padded) if S.padded else slope(kind, S, c)
        if c.b == 0 and fabs(z) <= a:
            continue
        u = elastic_net_step(z + c.h * c.b, c.h, a, l2 * c.f2, c.lower, c.upper)
        d = u - c.b
        norm += c.f1 * fabs(u)
        if d != 0:
            c.b = u
            if S.padded:                                    # inlined here, for the CPU at hand
                riata_short_move(<const double*>c.x, NULL if S.level > 0 else S.w, d * S.level if S.level > 0 else d, S.u, S.padded)
            else:
                move(kind, S, c, d)
            curvature = c.h + l2 * c.f2
            decrease += curvature * d * d
            z = curvature * fabs(d)                         # by so much the gradient had been off
            worst = max(worst, z / c.f1 if c.f1 > 0 else inf)
            smooth += z * z / (2 * l2 * c.f2) if l2 * c.f2 > 0 else inf
    step_on_free(kind, S)
    seen.decrease = decrease
    # two dual points: the residual scaled back by the worst violation, and (elastic net) the residual as it is
    u = min(worst * norm if l1 > 0 and norm > 0 else inf, smooth)
    seen.gap = decrease + (u if u < inf else 0)


cdef void epoch(State* S, bint support_only, double l1, double l2, Epoch* seen) noexcept nogil:
    """One step on every feature in play, or on those of the support."""
    cdef const Py_ssize_t* order = S.support if support_only else NULL
    cdef Py_ssize_t k = S.n_support if support_only else S.m
    if S.X.single:
        descend[float](<const float*>S.X.data, S, order, k, l1, l2, seen)
    else:
        descend[double](<const double*>S.X.data, S, order, k, l1, l2, seen)


cdef void find_support(State* S) noexcept nogil:
    cdef Py_ssize_t q, k = 0
    for q in range(S.m):
        S.support[k] = q
        k += S.play[q].b != 0
    S.n_support = k


cdef void renew(const floating* kind, State* S) noexcept nogil:
    """The residual from y and the coefficients, without the rounding of many small moves."""
    cdef Py_ssize_t i, q
    memcpy(S.r, S.y, S.X.n * sizeof(double))
    S.total = 0
    for q in range(S.m):
        subtract(kind, S, S.play + q)
    for q in range(S.n_free):
        subtract(kind, S, S.free + q)
    for i in range(S.X.n):
        S.u[i] = S.v[i] * S.r[i]


cdef cloned_void bounds(Py_ssize_t p, const double* rest, const double* root, double travel, double* t) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(p):
        t[j] = rest[j] + root[j] * travel


cdef void list_columns(State* S, double threshold) noexcept nogil:
    """Which columns the pass must look at; the others get bounds for slopes.

    |z_jᵀ V r| grows by ‖z_j‖ ‖Δr‖ at the most (Cauchy and Schwarz), so that what was far below the threshold a pass ago is below it still.
    """
    cdef Py_ssize_t j, k = 0, p = S.X.p
    cdef double way = 0, size = 0, d
    if S.lazy:
        for j in range(S.X.n):
            d = S.r[j] - S.before[j]
            way += S.v[j] * d * d
            size += S.v[j] * S.r[j] * S.r[j]
            S.before[j] = S.r[j]
        S.travel += (1 + SLACK) * sqrt(way) + SLOPES * sqrt(size)
        bounds(p, S.rest, S.root, S.travel, S.t)
        for j in range(p):
            S.listed[k] = j
            k += ((S.t[j] >= threshold * S.f1[j]) & (S.place[j] == AT_REST)) | (S.place[j] == IN_PLAY)
    else:
        for j in range(p):
            S.t[j] = 0
            S.listed[k] = j
            k += S.place[j] != LEFT_OUT
    S.n_listed, S.threshold = k, threshold


cdef cloned_void short_gradient(const floating* x, State* S) noexcept nogil:
    """t of the columns in the list, four at a time."""
    if floating is float:
        riata_short_dots_float(x, S.X.n, S.X.col, S.listed, S.n_listed, S.mean, S.u, S.t)
    else:
        riata_short_dots_double(x, S.X.n, S.X.col, S.listed, S.n_listed, S.mean, S.u, S.t)


cdef double full_dot(const floating* x, const int* index, double mean, const double* u, Py_ssize_t first,
                     Py_ssize_t last) noexcept nogil:
    cdef Py_ssize_t a
    cdef double s = 0
    for a in range(first, last):
        s += (x[a] - mean) * u[index[a]]
    return s


cdef void gradient(const floating* x, State* S, double threshold) noexcept nogil:
    """t = Zᵀ V r of every feature of the model: one pass over X."""
    cdef Py_ssize_t j, i
    cdef double s
    cdef const Columns* X = S.X
    if X.sparse:
        if floating is float:
            riata_column_dots_float(x, X.indptr, X.indices, 0, X.p, S.u, S.t)
        else:
            riata_column_dots_double(x, X.indptr, X.indices, 0, X.p, S.u, S.t)
        for j in range(X.p):
            if S.full[j]:
                S.t[j] = full_dot(x, X.indices, S.mean[j], S.u, X.indptr[j], X.indptr[j + 1])
            else:
                S.t[j] -= S.mean[j] * S.total
            S.t[j] = X.multiplier[j] * S.t[j] if S.place[j] else 0.0
    elif S.padded:
        list_columns(S, threshold)
        short_gradient(x, S)
        for i in range(S.n_listed):
            j = S.listed[i]
            S.t[j] *= X.multiplier[j]
            S.rest[j] = fabs(S.t[j]) - S.root[j] * S.travel
    else:
        for j in range(X.p):
            s = 0
            if S.place[j]:
                dense_dot(x + j * X.col, S.mean[j], S.u, X.n, &s)
            S.t[j] = X.multiplier[j] * s


cdef void doubt(State* S) noexcept nogil:
    """Slopes as large as they may be where rounding counts: fits that all but cancel, means of sparse columns far from zero."""
    cdef Py_ssize_t q, j
    cdef double fits = 0, far, slack
    cdef Column* c
    for q in range(S.m + S.n_free):
        c = S.play + q if q < S.m else S.free + q - S.m
        far = fabs(c.mean) * c.multiplier if S.X.sparse else 0.0
        fits += fabs(c.b) * (sqrt(c.h) + far)
    if fits <= CANCELS * S.length_y:
        return
    slack = ROUNDING * fits
    for j in range(S.X.p):
        if S.place[j] and S.f1[j] + S.f2[j] > 0:
            S.t[j] += slack * sqrt(S.h[j]) if S.t[j] > 0 else -slack * sqrt(S.h[j])


cdef void refresh_typed(const floating* x, State* S, double threshold) noexcept nogil:
    cdef Py_ssize_t q
    renew(x, S)
    if S.n_free:
        step_on_free(x, S)
        renew(x, S)
    gradient(x, S, threshold)
    doubt(S)
    for q in range(S.m):
        S.b[S.play[q].j] = S.play[q].b
    for q in range(S.n_free):
        S.b[S.free[q].j] = S.free[q].b


cdef void refresh(State* S, double threshold) noexcept nogil:
    """r, b and t afresh from the coefficients: what a certificate is made of. Columns whose slope is below ``threshold`` f1 may get
    a bound on it instead."""
    if S.X.single:
        refresh_typed[float](<const float*>S.X.data, S, threshold)
    else:
        refresh_typed[double](<const double*>S.X.data, S, threshold)


cdef double norms(const State* S, double* residual_y) noexcept nogil:
    """‖r‖² and ⟨r, y⟩ as of the last refresh; y is centred."""
    cdef Py_ssize_t i
    cdef double rr = 0, ry = 0, r
    for i in range(S.X.n):
        r = S.r[i] - S.total
        rr += S.v[i] * r * r
        ry += S.v[i] * r * S.y[i]
    residual_y[0] = ry
    return rr


cdef void drop_resting(State* S, double threshold) noexcept nogil:
    """Out of play: features at zero whose gradient is not above the threshold."""
    cdef Py_ssize_t q, kept = 0
    cdef Column* c
    for q in range(S.m):
        c = S.play + q
        if c.b != 0 or fabs(S.t[c.j]) > threshold * c.f1:
            if kept < q:
                S.play[kept] = c[0]
            kept += 1
        else:
            S.place[c.j] = AT_REST
    S.m = kept


cdef Py_ssize_t admit(State* S, double threshold) noexcept nogil:
    """Into play: features whose gradient is above the threshold and points to where their bounds let them go.

    Returns how many there are, or −1 where memory is short.
    """
    cdef Py_ssize_t i, j, before = S.m, room
    cdef bint few = S.padded > 0 and threshold >= S.threshold       # what was left out is below it
    cdef double least = threshold * (1 + 1e-12)
    cdef Column* larger
    cdef Py_ssize_t* support
    for i in range(S.n_listed if few else S.X.p):
        j = S.listed[i] if few else i
        if S.place[j] != AT_REST or fabs(S.t[j]) <= least * S.f1[j] or not (S.upper[j] > 0 if S.t[j] > 0 else S.lower[j] < 0):
            continue
        if S.m == S.capacity:
            room = min(S.X.p, max(2 * S.m, 64))
            larger = <Column*>malloc(room * sizeof(Column))
            support = <Py_ssize_t*>malloc((room + 1) * sizeof(Py_ssize_t))
            if larger == NULL or support == NULL:
                free(larger)
                free(support)
                return -1
            if S.m:
                memcpy(larger, S.play, S.m * sizeof(Column))
            free(S.play)
            free(S.support)
            S.play, S.support, S.capacity = larger, support, room
        if fill(S, S.play + S.m, j):
            return -1
        S.place[j] = IN_PLAY
        S.m += 1
    return S.m - before
