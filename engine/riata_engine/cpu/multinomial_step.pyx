# The quadratic model of a Newton step of the softmax loss, and coordinate descent on it.
#
# With p the probabilities at the point, a change t of the linear predictors changes the residuals of class k by
#     −w p_k (t_k − Σ_l p_l t_l),
# the whole Hessian at the price of one class. A sweep takes one class after another. Within a class the residuals change with
# weights v = w p_k (1 − p_k), and its intercept is profiled out; between classes only Σ_l p_l t_l is brought up to date.
# Gradients are the exact ones of the point plus what the change adds, so that single precision does for the change.
from libc.math cimport INFINITY as inf
from libc.string cimport memset
from riata_engine.cpu.multinomial_state cimport State

cdef extern from "riata_simd.h":
    ctypedef void cloned_void "RIATA_CLONED_VOID"

include "../formulas/penalties.py"
include "../formulas/multinomial_shift.py"

cdef double FLAT = 1e-6           # share of Σ v x² below which the spread of a column within a class is rounding


cdef cloned_void single_dot(const float* x, const float* s, Py_ssize_t ld, double* out) noexcept nogil:
    """Σ x s over ld entries, a multiple of 64: four sums beside each other."""
    cdef Py_ssize_t i, m = ld // 4
    cdef float a = 0, b = 0, c = 0, d = 0
    for i in range(m):
        a += x[i] * s[i]
        b += x[m + i] * s[m + i]
        c += x[2 * m + i] * s[2 * m + i]
        d += x[3 * m + i] * s[3 * m + i]
    out[0] = <double>a + <double>b + (<double>c + <double>d)


cdef cloned_void dense_move(const float* x, const float* v, float d, Py_ssize_t ld, float* sigma, float* moved) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(ld):
        sigma[i] -= d * v[i] * x[i]
        moved[i] += d * x[i]


cdef cloned_void dense_add(const float* x, float d, Py_ssize_t ld, float* out) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(ld):
        out[i] += d * x[i]


cdef cloned_void dense_spread(const float* x, const float* v, Py_ssize_t ld, double* xv, double* square) noexcept nogil:
    cdef Py_ssize_t i
    cdef float a = 0, b = 0, vx
    for i in range(ld):
        vx = v[i] * x[i]
        a += vx
        b += vx * x[i]
    xv[0] = a
    square[0] = b


cdef cloned_void start_class(const float* w, const float* q, const float* t, const float* mean_t, Py_ssize_t ld, float* sigma,
                             double* total) noexcept nogil:
    cdef Py_ssize_t i
    cdef float s = 0
    for i in range(ld):
        sigma[i] = w[i] * q[i] * (mean_t[i] - t[i])
        s += sigma[i]
    total[0] = s


cdef cloned_void fill_weights(const double* w, const double* p, Py_ssize_t n, float* v, double* total) noexcept nogil:
    cdef Py_ssize_t i
    cdef double s = 0, a
    for i in range(n):
        a = w[i] * p[i] * (1 - p[i])
        s += a
        v[i] = <float>a
    total[0] = s


cdef cloned_void end_class(const float* q, const float* moved, float d, Py_ssize_t ld, float* t, float* mean_t) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(ld):
        t[i] += moved[i] + d
        mean_t[i] += q[i] * (moved[i] + d)


cdef cloned_void narrow(const double* x, Py_ssize_t n, float* out) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        out[i] = <float>x[i]


cdef void class_weights(State* S, Py_ssize_t k, double* total) noexcept nogil:
    fill_weights(S.w, S.prob + k * S.ld, S.n, S.v, total)


cdef void class_sigma(State* S, Py_ssize_t k, const float* t, const float* mean_t, double* total) noexcept nogil:
    start_class(S.w32, S.q + k * S.ld, t, mean_t, S.ld, S.sigma, total)


cdef void pair_dot(const State* S, Py_ssize_t s, const float* sigma, double* out) noexcept nogil:
    """Σ x sigma of the feature in slot s."""
    cdef Py_ssize_t j = S.work[s]
    cdef long long a
    cdef double total = 0
    if not S.X.sparse:
        single_dot(S.x32 + s * S.ld, sigma, S.ld, out)
        return
    if S.X.single:
        for a in range(S.X.indptr[j], S.X.indptr[j + 1]):
            total += (<const float*>S.X.data)[a] * sigma[S.X.indices[a]]
    else:
        for a in range(S.X.indptr[j], S.X.indptr[j + 1]):
            total += (<const double*>S.X.data)[a] * sigma[S.X.indices[a]]
    out[0] = total * S.X.multiplier[j]


cdef void pair_add(const State* S, Py_ssize_t s, double d, float* out) noexcept nogil:
    """out += d x."""
    cdef Py_ssize_t j = S.work[s]
    cdef long long a
    if not S.X.sparse:
        dense_add(S.x32 + s * S.ld, <float>d, S.ld, out)
        return
    d *= S.X.multiplier[j]
    for a in range(S.X.indptr[j], S.X.indptr[j + 1]):
        out[S.X.indices[a]] += <float>(d * sparse_entry(S, a))


cdef inline double sparse_entry(const State* S, long long a) noexcept nogil:
    return (<const float*>S.X.data)[a] if S.X.single else (<const double*>S.X.data)[a]


cdef void pair_move(State* S, Py_ssize_t s, double d) noexcept nogil:
    """The coefficient of the feature in slot s has moved by d, for the class at hand."""
    cdef Py_ssize_t j = S.work[s], i
    cdef long long a
    cdef float move
    if not S.X.sparse:
        dense_move(S.x32 + s * S.ld, S.v, <float>d, S.ld, S.sigma, S.moved)
        return
    d *= S.X.multiplier[j]
    for a in range(S.X.indptr[j], S.X.indptr[j + 1]):
        i = S.X.indices[a]
        move = <float>(d * sparse_entry(S, a))
        S.sigma[i] -= move * S.v[i]
        S.moved[i] += move


cdef void spread(State* S, Py_ssize_t s, double* xv, double* square) noexcept nogil:
    cdef Py_ssize_t j = S.work[s]
    cdef long long a
    cdef double x, vx
    if not S.X.sparse:
        dense_spread(S.x32 + s * S.ld, S.v, S.ld, xv, square)
        return
    xv[0] = 0
    square[0] = 0
    for a in range(S.X.indptr[j], S.X.indptr[j + 1]):
        x = sparse_entry(S, a) * S.X.multiplier[j]
        vx = x * S.v[S.X.indices[a]]
        xv[0] += vx
        square[0] += vx * x


cdef void open_model(State* S) noexcept nogil:
    """The model at the point: probabilities in single precision, sums of residuals, no change yet."""
    cdef Py_ssize_t k, i, j, s
    for k in range(S.K):
        narrow(S.prob + k * S.ld, S.n, S.q + k * S.ld)
        S.g0[k] = 0
        for i in range(S.n):
            S.g0[k] += S.r[k * S.ld + i]
        S.trial0[k] = S.b0[k]
    memset(S.t, 0, S.K * S.ld * sizeof(float))
    memset(S.mean_t, 0, S.ld * sizeof(float))
    for s in range(S.n_work):
        j = S.work[s]
        for k in range(S.K):
            S.trial[j * S.K + k] = S.b[j * S.K + k]


cdef void list_pairs(State* S, double l1, double l2, double bar) noexcept nogil:
    """The (feature, class) that a step may move: a coefficient, or a gradient beyond ``bar`` times its threshold; and their h."""
    cdef Py_ssize_t k, s, j, m
    cdef double square, h
    for k in range(S.K):
        m = 0
        if k != S.reference:
            class_weights(S, k, &S.sum_v[k])
            for s in range(S.n_work):
                j = S.work[s]
                if S.b[j * S.K + k] == 0 and not (S.G[k * S.p + j] > bar * l1 * S.f1[j] or -S.G[k * S.p + j] > bar * l1 * S.f1[j]):
                    if l1 * S.f1[j] > 0:
                        continue
                spread(S, s, &S.xv[k * S.room + m], &square)
                h = square
                if S.intercept and S.sum_v[k] > 0:
                    h -= S.xv[k * S.room + m] * S.xv[k * S.room + m] / S.sum_v[k]
                if not h > FLAT * square:
                    h = 0                          # nothing to be gained; with an l2 penalty it shrinks
                if not h + l2 * S.f2[j] > 0:
                    continue
                S.h[k * S.room + m] = h
                S.pairs[k * S.room + m] = s
                m += 1
        S.n_pairs[k] = m


cdef void class_sweep(State* S, Py_ssize_t k, double l1, double l2, bint support_only, Sweep* out) noexcept nogil:
    """One epoch of coordinate descent on class k: over its pairs, or over those that have a coefficient."""
    cdef Py_ssize_t m, s, j
    cdef double total, shift, product, b, new, d, h, xv, inverse, unused
    cdef bint moved
    class_weights(S, k, &unused)
    class_sigma(S, k, S.t + k * S.ld, S.mean_t, &total)
    memset(S.moved, 0, S.ld * sizeof(float))
    inverse = 1 / S.sum_v[k] if S.intercept and S.sum_v[k] > 1e-30 else 0
    shift = (S.g0[k] + total) * inverse
    out.decrease += 0.5 * S.sum_v[k] * shift * shift
    moved = shift != 0
    for m in range(S.n_pairs[k]):
        s = S.pairs[k * S.room + m]
        j = S.work[s]
        b = S.trial[j * S.K + k]
        if support_only and b == 0:
            continue
        pair_dot(S, s, S.sigma, &product)
        h = S.h[k * S.room + m]
        xv = S.xv[k * S.room + m]
        new = elastic_net_step(S.G[k * S.p + j] + product - xv * shift + h * b, h, l1 * S.f1[j], l2 * S.f2[j], -inf, inf)
        d = new - b
        if d == 0:
            continue
        moved = True
        S.trial[j * S.K + k] = new
        pair_move(S, s, d)
        shift -= d * xv * inverse
        h += l2 * S.f2[j]
        out.decrease += 0.5 * h * d * d
        out.change = max(out.change, h * (d if d > 0 else -d) / (S.f1[j] if S.f1[j] > 0 else 1.0))
    if moved:
        S.trial0[k] += shift
        end_class(S.q + k * S.ld, S.moved, <float>shift, S.ld, S.t + k * S.ld, S.mean_t)


cdef bint centre(State* S, double* b, double* b0, double l1, double l2) noexcept nogil:
    """The softmax does not see a shift common to all classes: the one that the penalty likes best (zero mean where it has no say)."""
    cdef Py_ssize_t s, j, k, K = S.K
    cdef double t
    cdef bint moved = False
    if S.reference >= 0:
        return False
    for s in range(S.n_work):
        j = S.work[s]
        t = best_shift(b + j * K, K, l1 * S.f1[j], l2 * S.f2[j])
        if t != 0:
            moved = True
            for k in range(K):
                b[j * K + k] -= t
    if S.intercept and b0 != NULL:
        t = 0
        for k in range(K):
            t += b0[k]
        for k in range(K):
            b0[k] -= t / K
    return moved
