# One mini-batch of one problem, or of a tile of them: slopes, gradient, step. Taken in by ``include``.
from libc.math cimport INFINITY as inf, NAN as nan, copysign, cos, fabs, isfinite, pow, sqrt

include "../formulas/penalties.py"
include "../formulas/groups.py"
include "../formulas/steps.py"
include "descent_products.pxi"

cdef extern from "riata_simd.h":
    ctypedef void cloned_void "RIATA_CLONED_VOID"

cdef double SMALL = 1e-120                    # a product of shrinkages below this starts again from one


cdef struct Room:
    # scratch of a thread
    int* order                          # (n_rows)
    int* blocks                         # (n_rows + 2)
    double* g                           # (TILE, ld)
    double* trial                       # (ld + 8), the last 8 zero, as in ``spectral``
    double* spectral
    char* dropped
    const void* x[ROWS + 4]
    const void* ahead[ROWS]
    double eta[TILE * ROWS]
    double u[TILE * ROWS]
    double y[TILE * ROWS]
    double w[TILE * ROWS]
    Words words
    uint64_t drop_stream


cdef inline void take_targets(const Run* R, const Problem* P, int k, const int* rows, Py_ssize_t m, double* y, double* w) noexcept nogil:
    """Targets and weights of m rows, (k, ROWS); weights that problems share are taken once for each."""
    cdef Py_ssize_t i
    cdef int q
    cdef const double* target
    for q in range(k):
        target = P[q].y
        for i in range(m):
            y[q * ROWS + i] = target[rows[i]]
        if R.even:
            for i in range(m):
                w[q * ROWS + i] = 1
        elif q and P[q].weight == P[0].weight:
            memcpy(w + q * ROWS, w, m * sizeof(double))
        else:
            for i in range(m):
                w[q * ROWS + i] = P[q].weight[rows[i]]


cdef void mean_losses(const Run* R, const Problem* P, int k, const int* rows, Py_ssize_t n, const double* b, Room* S, bint dropped,
                      double* out) noexcept nogil:
    """Σ w ℓ / Σ w over some rows for k = 1 or TILE problems, b (k, ld)."""
    cdef Py_ssize_t at = 0, i, m
    cdef int q
    cdef double weight[TILE]
    cdef double value[TILE]
    cdef bint level = True                                    # no coefficient other than 0: X need not be looked at
    for q in range(k):
        weight[q] = out[q] = 0
        for i in range(R.p):
            level = level and b[q * R.ld + i] == 0
        for i in range(ROWS):
            S.eta[q * ROWS + i] = b[q * R.ld + R.wide]
    while at < n:
        m = min(<Py_ssize_t>ROWS, n - at)
        if not level:
            take_rows(R, rows + at, m, dropped, S.drop_stream, S.dropped, S.x)
            fits_of_rows(R, rows + at, S.x, S.x, m, b, k, S.eta)
        take_targets(R, P, k, rows + at, m, S.y, S.w)
        slopes_of_rows(R.loss, R.a, S.y, S.w, S.eta, m, k, ROWS, S.u, value)
        for q in range(k):
            for i in range(m):
                weight[q] += S.w[q * ROWS + i]
            out[q] += value[q]
        at += m
    for q in range(k):
        out[q] = out[q] / weight[q] if weight[q] > 0 else 0


cdef double step_size(const Run* R, const Problem* P, long epoch) noexcept nogil:
    if R.schedule == INVERSE_SCALING:
        return inverse_scaling(P.lr, R.s0, P.t)
    if R.schedule == OPTIMAL:
        return optimal_rate(P.alpha, P.t0, P.t)
    if R.schedule == COSINE:
        return P.lr * cosine_share(P.t - 1, R.total, R.s0)
    if R.schedule == ONE_CYCLE:
        return P.lr * one_cycle_share(P.t - 1, R.total, R.s0, R.s1, R.s2)
    if R.schedule == STEPS:
        return P.lr * step_share(epoch, R.s0, R.s1)
    if R.schedule == EXPONENTIAL:
        return P.lr * exponential_share(epoch, R.s0)
    return P.lr


cdef double penalty(const Run* R, const Problem* P, const double* b) noexcept nogil:
    cdef Py_ssize_t j, q
    cdef double total = 0, square
    for j in range(R.p):
        total += elastic_net_value(b[j], P.l1, P.l2)
    for q in range(R.n_groups):
        square = 0
        for j in range(R.group_at[q], R.group_at[q + 1]):
            square += b[R.group[j]] * b[R.group[j]]
        total += P.lam * sqrt(square * (R.group_at[q + 1] - R.group_at[q]))
    return total


cdef void shrink_groups(const Run* R, double lam, double h, double* b) noexcept nogil:
    """The proximal step of h·lam·Σ_g √|g|·‖b_g‖."""
    cdef Py_ssize_t j, q
    cdef double square, factor
    for q in range(R.n_groups):
        square = 0
        for j in range(R.group_at[q], R.group_at[q + 1]):
            square += b[R.group[j]] * b[R.group[j]]
        factor = group_shrink(sqrt(square), h * lam * sqrt(<double>(R.group_at[q + 1] - R.group_at[q])))
        for j in range(R.group_at[q], R.group_at[q + 1]):
            b[R.group[j]] *= factor


cdef double least_subgradient(const Run* R, const Problem* P, const double* g, double unit) noexcept nogil:
    """Norm of the element of least norm of unit·g + ∂ penalty."""
    cdef Py_ssize_t j, q
    cdef double total = 0, z, size, square, lam
    for j in range(R.p):
        z = g[j] * unit + P.l2 * P.b[j]
        if R.n_groups == 0:
            z = soft_threshold(z, P.l1) if P.b[j] == 0 else z + (P.l1 if P.b[j] > 0 else -P.l1)
            total += z * z
    for q in range(R.n_groups):
        size = square = 0
        lam = P.lam * sqrt(<double>(R.group_at[q + 1] - R.group_at[q]))
        for j in range(R.group_at[q], R.group_at[q + 1]):
            size += P.b[R.group[j]] * P.b[R.group[j]]
        size = sqrt(size)
        for j in range(R.group_at[q], R.group_at[q + 1]):
            z = g[R.group[j]] * unit + P.l2 * P.b[R.group[j]] + (lam * P.b[R.group[j]] / size if size > 0 else 0.0)
            square += z * z
        if size == 0:
            square = max(sqrt(square) - lam, 0.0) ** 2
        total += square
    if R.intercept:
        total += (g[R.wide] * unit) ** 2
    return sqrt(total)


cdef void line_search(const Run* R, Problem* P, const double* g, double value, Room* S) noexcept nogil:
    """The proximal gradient step whose length satisfies the quadratic upper bound (Beck & Teboulle 2009), found by halving."""
    cdef Py_ssize_t j
    cdef int k
    cdef double slope, square, d, loss
    P.lr *= 2
    for k in range(100):
        slope = square = 0
        memcpy(S.trial, P.b, R.ld * sizeof(double))
        for j in range(R.p):
            S.trial[j] = elastic_net_prox(P.b[j] - P.lr * g[j], P.lr, P.l1, P.l2)
        if R.intercept:
            S.trial[R.wide] = P.b[R.wide] - P.lr * g[R.wide]
        shrink_groups(R, P.lam, P.lr, S.trial)
        for j in range(R.ld):
            d = S.trial[j] - P.b[j]
            slope += g[j] * d
            square += d * d
        mean_losses(R, P, 1, R.rows, R.n_rows, S.trial, S, True, &loss)
        if loss <= value + slope + square / (2 * P.lr) + 1e-13 * fabs(value):
            break
        P.lr /= 2
    memcpy(P.b, S.trial, R.ld * sizeof(double))
    P.step = P.lr


cdef void passive_aggressive(const Run* R, Problem* P, const double* g, double value, double u, double w) noexcept nogil:
    """The step sizes of Crammer et al. (2006), where P.lr is their C: for mini-batches of one row."""
    cdef double square = 0
    cdef Py_ssize_t j
    for j in range(R.p):
        square += g[j] * g[j]
    P.step = 0
    if u != 0 and w > 0:
        square *= w * w / (u * u)
        if R.schedule == PA1:
            P.step = min(P.lr, value / w / square) if square > 0 else 0
        else:
            P.step = value / w / (square + 0.5 / P.lr)


cdef cloned_void watched_gradient(double* g, double unit, double l2, const double* b, double* drift, double* last, Py_ssize_t d,
                                  double* square, double* product) noexcept nogil:
    """g times unit, added to the sum of the epoch; its square with that of the ridge penalty, and the product with the last one."""
    cdef Py_ssize_t j
    cdef double z, s = 0, t = 0
    for j in range(d):
        g[j] *= unit
        drift[j] += g[j]
        z = g[j] + l2 * b[j]
        s += z * z
        t += z * last[j]
        last[j] = z
    g[d] *= unit                                              # the intercept
    drift[d] += g[d]
    square[0] = s + g[d] * g[d]
    product[0] = t + g[d] * last[d]
    last[d] = g[d]


include "descent_reduced.pxi"


cdef void take_step(const Run* R, Problem* P, double* g, Py_ssize_t m, double value, long epoch, Room* S) noexcept nogil:
    """One step of the optimiser from the sum g of the gradients of m rows."""
    cdef Py_ssize_t j, d = R.wide + 1
    cdef double unit = 1.0 / m, square = 0, product = 0, share = <double>m / R.n_rows, shrink, old
    cdef Optimiser O = R.optimiser
    if not R.intercept:
        g[R.wide] = 0
    if R.reduction == PLAIN:
        watched_gradient(g, unit, P.l2, P.b, P.drift, P.last, R.wide, &square, &product)
    else:
        for j in range(d):
            g[j] *= unit
            old = P.mean[j]
            if R.reduction == CENTRAL:
                P.gathered[j] += g[j] * share
            elif R.reduction != SVRG:
                P.mean[j] += g[j] * share
            g[j] = P.mean[j] if R.reduction == SAG else g[j] + old
        watched_gradient(g, 1, P.l2, P.b, P.drift, P.last, R.wide, &square, &product)
    P.square += square
    if P.previous > 0:
        P.product += product
        P.lengths += sqrt(square) * P.previous
    P.previous = sqrt(square)
    P.n_steps += 1
    if R.clip > 0:
        square = 0                                            # of the loss alone: the penalty's step is not clipped
        for j in range(d):
            square += g[j] * g[j]
        if square > R.clip * R.clip:
            shrink = R.clip / sqrt(square)
            for j in range(d):
                g[j] *= shrink
    P.t += 1
    if R.schedule == ARMIJO:
        line_search(R, P, g, value, S)
    elif P.turned:
        P.step = P.lr
        turned_step(R, P, g, S)
    else:
        if R.schedule == PA1 or R.schedule == PA2:
            passive_aggressive(R, P, g, value, S.u[0], S.w[0])
        else:
            P.step = step_size(R, P, epoch)
        if R.tail_from >= 0 and P.n_steps > R.tail_from:
            P.n_tail += 1
            for j in range(d):
                P.tail[j] += P.b[j] - P.step * g[j]
        optimiser_at(&O, P.step, P.t)
        advance(&O, P.b, g, P.v, P.s, R.wide, P.l1, P.l2)
        if R.intercept:
            O.decay = 0
            advance(&O, P.b + R.wide, g + R.wide, P.v + R.wide if P.v != NULL else NULL, P.s + R.wide if P.s != NULL else NULL, 1, 0, 0)
        if R.n_groups:
            shrink_groups(R, P.lam, P.step if O.kind == SGD else momentum_reach(P.step, O.beta1), P.b)
    if R.average_from >= 0 and P.t > R.average_from:
        P.averaged += 1
        for j in range(d):
            P.average[j] += (P.b[j] - P.average[j]) / P.averaged


cdef inline double caught_up(double b, double last_inverse, double last_sum, double product, double total) noexcept nogil:
    """b after the proximal steps since it was last looked at: the products of 1/(1 + h l2), and the sums of h l1 over them."""
    return copysign(max(product * (fabs(b) * last_inverse - (total - last_sum)), 0.0), b) + 0.0


cdef void catch_up_rows(const Run* R, Problem* P, const int* rows, Py_ssize_t m) noexcept nogil:
    """The coefficients of some rows' entries, brought up to date."""
    cdef Py_ssize_t i, a, j
    cdef double product = P.v[R.wide], total = P.s[R.wide], inverse = 1 / P.v[R.wide]
    for i in range(m):
        for a in range(R.indptr[rows[i]], R.indptr[rows[i] + 1]):
            j = R.indices[a]
            P.b[j] = caught_up(P.b[j], P.v[j], P.s[j], product, total)
            P.v[j], P.s[j] = inverse, total


cdef void catch_up_all(const Run* R, Problem* P) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(R.p):
        P.b[j] = caught_up(P.b[j], P.v[j], P.s[j], P.v[R.wide], P.s[R.wide])
        P.v[j], P.s[j] = 1, 0
    P.v[R.wide], P.s[R.wide] = 1, 0


cdef double lazy_rate(const Run* R, Problem* P, double square, double on_intercept, double value, long epoch, Room* S) noexcept nogil:
    """Step size, of which ``square`` is the squared norm of the gradient and ``on_intercept`` the intercept's part of it."""
    cdef double h
    if R.schedule != PA1 and R.schedule != PA2:
        return step_size(R, P, epoch)
    h = S.w[0] / S.u[0] if S.u[0] != 0 else 0
    square = (square - on_intercept) * h * h
    if h == 0:
        return 0
    if R.schedule == PA1:
        return min(P.lr, value / S.w[0] / square) if square > 0 else 0
    return value / S.w[0] / (square + 0.5 / P.lr)


cdef void lazy_end(const Run* R, Problem* P, double h) noexcept nogil:
    """What a step of length h makes of the penalty."""
    P.s[R.wide] += h * P.l1 / P.v[R.wide]                        # the sum first: it is over the product before this step
    P.v[R.wide] /= 1 + h * P.l2
    if P.v[R.wide] < SMALL:
        catch_up_all(R, P)


cdef void lazy_row(const Run* R, Problem* P, const int* rows, Py_ssize_t left, long epoch, Room* S) noexcept nogil:
    """A whole step of one sparse row: its entries are looked at twice."""
    cdef Py_ssize_t a, j, begin = R.indptr[rows[0]], length = R.indptr[rows[0] + 1] - R.indptr[rows[0]]
    cdef Py_ssize_t ahead = R.indptr[rows[min(<Py_ssize_t>2, left - 1)]]
    cdef const int* index = R.indices + begin
    cdef double product = P.v[R.wide], total = P.s[R.wide], inverse = 1 / P.v[R.wide], eta = P.b[R.wide], z, b, u, value
    cdef double norm = 0, square, on_intercept, shrink = 1
    cdef const double* x
    cdef const float* f
    take_rows(R, rows, 1, True, S.drop_stream, S.dropped, S.x)
    x, f = <const double*>S.x[0], <const float*>S.x[0]
    for a in range(0, length, 8):
        riata_prefetch(<const char*>R.x + (ahead + a) * entry_size(R))
    for a in range(0, length, 16):
        riata_prefetch(<const char*>(R.indices + ahead + a))
    for a in range(length):
        j = index[a]
        z = f[a] if R.single else x[a]
        b = caught_up(P.b[j], P.v[j], P.s[j], product, total)
        P.b[j], P.v[j], P.s[j] = b, inverse, total
        eta += z * b
        norm += z * z
    S.y[0], S.w[0] = P.y[rows[0]], P.weight[rows[0]]
    slopes_of_rows(R.loss, R.a, S.y, S.w, &eta, 1, 1, ROWS, S.u, &value)
    u = S.u[0]
    P.loss += value
    on_intercept = u * u if R.intercept else 0
    square = u * u * norm + on_intercept
    P.square += square
    P.n_steps += 1
    P.t += 1
    if R.clip > 0 and square > R.clip * R.clip:
        shrink = R.clip / sqrt(square)
    P.step = lazy_rate(R, P, square, on_intercept, value, epoch, S)
    if u != 0:
        for a in range(length):
            j = index[a]
            z = u * (f[a] if R.single else x[a])
            P.drift[j] += z
            P.b[j] -= P.step * shrink * z
        if R.intercept:
            P.drift[R.wide] += u
            P.b[R.wide] -= P.step * shrink * u
    lazy_end(R, P, P.step)


cdef void lazy_step(const Run* R, Problem* P, const int* rows, Py_ssize_t m, double* g, double value, long epoch, Room* S) noexcept nogil:
    """As ``take_step`` for "sgd" on sparse rows, in time of their entries: v and s hold what a coefficient has seen of the penalty."""
    cdef Py_ssize_t i, a, j
    cdef double unit = 1.0 / m, square = 0, shrink = 1, h
    for i in range(m):
        for a in range(R.indptr[rows[i]], R.indptr[rows[i] + 1]):
            j = R.indices[a]
            if g[j] != 0:
                P.drift[j] += g[j] * unit
                square += (g[j] * unit) ** 2
                S.trial[j] = g[j]
                g[j] = 0
    if R.intercept:
        P.drift[R.wide] += g[R.wide] * unit
        square += (g[R.wide] * unit) ** 2
    P.square += square
    P.n_steps += 1
    P.t += 1
    if R.clip > 0 and square > R.clip * R.clip:
        shrink = R.clip / sqrt(square)
    P.step = lazy_rate(R, P, square, (g[R.wide] * unit) ** 2 if R.intercept else 0, value, epoch, S)
    h = P.step
    for i in range(m):
        for a in range(R.indptr[rows[i]], R.indptr[rows[i] + 1]):
            j = R.indices[a]
            if S.trial[j] != 0:
                P.b[j] -= h * shrink * unit * S.trial[j]
                S.trial[j] = 0
    if R.intercept:
        P.b[R.wide] -= h * shrink * unit * g[R.wide]
    g[R.wide] = 0
    lazy_end(R, P, h)
