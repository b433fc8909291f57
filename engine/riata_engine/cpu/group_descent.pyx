# Block coordinate descent on the groups in play.
#
#   P(b) = ½‖y − Σ_g Z_g b_g‖² + alpha Σ_g ( lam_g ‖b_g‖ + l1_g ‖b_g‖₁ + ½ ridge_g ‖b_g‖² ),   b_g (d, T), Frobenius norms
#
# The state is q, which every block step changes by rows of A: in Gram space A = ZᵀZ and q = Zᵀ(y − Zb), else A = Zᵀ and q = y − Zb. It is
# affine in b, so that what Anderson's extrapolation (Bertrand & Massias 2021) mixes of the b it mixes of the q, and costs no product.
#
# Without l1 the columns of a group are principal axes (``principal_axes``): the norm does not see the rotation, its Gram block is
# diagonal, and a block step is exact by Newton on the secular equation. With l1 it takes proximal gradient steps on the block.
import numpy as np
from cython cimport floating
from libc.math cimport fabs, log, sqrt, INFINITY as inf
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset
from scipy.linalg.cython_blas cimport dgemm
from scipy.linalg.cython_lapack cimport dsyev
from riata_engine.cpu.control cimport Control, Signal, poll

include "../formulas/losses.py"
include "../formulas/penalties.py"
include "../formulas/groups.py"

cdef extern from "riata_simd.h":
    ctypedef void cloned_void "RIATA_CLONED_VOID"

cdef enum:
    MEMORY = 5                             # epochs between two extrapolations
    SECULAR = 60                           # Newton steps at most: three or four are usual
    BLOCK_STEPS = 30                       # proximal gradient steps on a block

cdef double SETTLED = 1e-3                 # they end when a step is this part of the first
cdef double EDGE = 1 + 4e-14               # a slope so little beyond what holds a group at zero is rounding

cdef struct Play:
    # the groups in play and the point b at which descent stands
    bint gram
    const double* A                        # m rows of ``length`` numbers, ld apart
    const float* narrow                    # the same in single precision, or NULL
    Py_ssize_t ld, length, m, T, G, widest
    const Py_ssize_t* start                # (G + 1) rows of each group
    const double* h                        # (m) squared norms of the columns; (with l1) largest eigenvalue of the block in all of its places
    const double* blocks                   # with l1: (d, d) Gram blocks one after the other
    const Py_ssize_t* block_at             # (G)
    const double* lam                      # (G) for alpha = 1
    const double* l1
    const double* ridge
    double alpha
    double* b                              # (T, m)
    double* q                              # (T, length)
    double* gradient                       # (T, m): q itself in Gram space
    const double* c                        # (T, m) Zᵀy
    double yy
    double* work                           # 4·T·widest


cdef cloned_void subtract_rows(double* q, Py_ssize_t length, const floating* A, Py_ssize_t ld, const double* step, Py_ssize_t d) noexcept nogil:
    """q −= Σ_k step_k A_k, four rows at a time."""
    cdef Py_ssize_t i, k = 0
    cdef const floating* a
    cdef const floating* a1
    cdef const floating* a2
    cdef const floating* a3
    cdef double s, s1, s2, s3
    while k + 4 <= d:
        a = A + k * ld
        a1 = a + ld
        a2 = a1 + ld
        a3 = a2 + ld
        s = step[k]
        s1 = step[k + 1]
        s2 = step[k + 2]
        s3 = step[k + 3]
        for i in range(length):
            q[i] -= s * a[i] + s1 * a1[i] + s2 * a2[i] + s3 * a3[i]
        k += 4
    while k < d:
        a = A + k * ld
        s = step[k]
        for i in range(length):
            q[i] -= s * a[i]
        k += 1


cdef cloned_void row_products(const double* r, Py_ssize_t length, const floating* A, Py_ssize_t ld, Py_ssize_t d, double* out) noexcept nogil:
    """out[k] = A_k·r, four rows at a time."""
    cdef Py_ssize_t i, k = 0
    cdef const floating* a
    cdef const floating* a1
    cdef const floating* a2
    cdef const floating* a3
    cdef double s, s1, s2, s3
    while k + 4 <= d:
        a = A + k * ld
        a1 = a + ld
        a2 = a1 + ld
        a3 = a2 + ld
        s = s1 = s2 = s3 = 0
        for i in range(length):
            s += a[i] * r[i]
            s1 += a1[i] * r[i]
            s2 += a2[i] * r[i]
            s3 += a3[i] * r[i]
        out[k] = s
        out[k + 1] = s1
        out[k + 2] = s2
        out[k + 3] = s3
        k += 4
    while k < d:
        a = A + k * ld
        s = 0
        for i in range(length):
            s += a[i] * r[i]
        out[k] = s
        k += 1


cdef cloned_void dot(const double* x, const double* y, Py_ssize_t m, double* out) noexcept nogil:
    cdef Py_ssize_t i
    cdef double s = 0
    for i in range(m):
        s += x[i] * y[i]
    out[0] = s


cdef cloned_void mix(double* out, const double* x, double weight, Py_ssize_t m) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(m):
        out[i] += weight * x[i]


cdef double principal_step(const double* v, const double* h, double lam, double ridge, Py_ssize_t d, Py_ssize_t T, double before,
                           double* out) noexcept nogil:
    """out (T, d) = argmin ½ Σ (h_k + ridge) b² − v b + lam ‖b‖; returns its length. ``before``: the length it had."""
    cdef Py_ssize_t i, k, steps
    cdef double norm = 0, top = 0, t, following, square, slope, share, u
    for i in range(T * d):
        norm += v[i] * v[i]
    norm = sqrt(norm)
    if norm <= lam * EDGE:
        memset(out, 0, T * d * sizeof(double))
        return 0
    for k in range(d):
        top = max(top, h[k] + ridge)
    if lam <= 0:
        square = 0
        for i in range(T * d):
            u = h[i % d] + ridge
            out[i] = v[i] / u if u > 0 else 0
            square += out[i] * out[i]
        return sqrt(square)
    if top <= 0:                                       # a group without any column that varies
        memset(out, 0, T * d * sizeof(double))
        return 0
    t = (norm - lam) / top                             # never above the root
    if d > 1:
        t = max(t, before)
        for steps in range(SECULAR):
            square = slope = 0
            for i in range(T * d):
                u = h[i % d] + ridge
                share = secular_share(v[i], u, lam, t)
                square += share * share
                slope += share * share * u / (u * t + lam)
            following = max(secular_step(t, square, slope), (norm - lam) / top)
            u = fabs(following - t)
            t = following
            if u <= 1e-15 * t:
                break
    for i in range(T * d):
        out[i] = t * secular_share(v[i], h[i % d] + ridge, lam, t)
    return t


cdef void proximal(double* x, double l1, double lam, Py_ssize_t size) noexcept nogil:
    """x = argmin_b ½ ‖b − x‖² + l1 ‖b‖₁ + lam ‖b‖"""
    cdef Py_ssize_t i
    cdef double square = 0
    for i in range(size):
        x[i] = soft_threshold(x[i], l1)
        square += x[i] * x[i]
    square = group_shrink(sqrt(square), lam)
    for i in range(size):
        x[i] *= square


cdef void sparse_step(const double* v, const double* B, double curvature, double lam, double l1, double ridge, Py_ssize_t d,
                      Py_ssize_t T, double* b, double* point, double* moved) noexcept nogil:
    """Accelerated proximal gradient steps (Beck & Teboulle 2009, restarted) on ½ bᵀBb − vᵀb + g(b) from b (T, d), in place."""
    cdef Py_ssize_t i, k, t, step
    cdef double L = curvature + ridge, s, first = 0, change, uphill, momentum, theta = 1, following
    if L <= 0:
        memset(b, 0, T * d * sizeof(double))
        return
    memcpy(point, b, T * d * sizeof(double))
    for step in range(BLOCK_STEPS):
        for t in range(T):
            for i in range(d):
                s = v[t * d + i] - ridge * point[t * d + i]
                for k in range(d):
                    s -= B[i * d + k] * point[t * d + k]
                moved[t * d + i] = point[t * d + i] + s / L
        proximal(moved, l1 / L, lam / L, T * d)
        change = uphill = 0
        for i in range(T * d):
            s = moved[i] - b[i]
            change += s * s
            uphill += (point[i] - moved[i]) * s
        following = (1 + sqrt(1 + 4 * theta * theta)) / 2
        momentum = (theta - 1) / following
        if uphill > 0:
            momentum, following = 0, 1
        theta = following
        for i in range(T * d):
            point[i] = moved[i] + momentum * (moved[i] - b[i])
            b[i] = moved[i]
        if step == 0:
            first = change
        if change <= SETTLED * SETTLED * first:
            break


cdef bint block_step(Play* S, Py_ssize_t g) noexcept nogil:
    """Minimise over group g; whether anything changed."""
    cdef Py_ssize_t at = S.start[g], d = S.start[g + 1] - at, t, k, T = S.T, i
    cdef double lam = S.alpha * S.lam[g], l1 = S.alpha * S.l1[g], ridge = S.alpha * S.ridge[g], before = 0, square = 0, x
    cdef double* v = S.work
    cdef double* new = v + T * S.widest
    cdef double* old
    cdef const double* B
    cdef bint changed = False
    for t in range(T):
        if not S.gram:
            if S.narrow != NULL:
                row_products(S.q + t * S.length, S.length, S.narrow + at * S.ld, S.ld, d, v + t * d)
            else:
                row_products(S.q + t * S.length, S.length, S.A + at * S.ld, S.ld, d, v + t * d)
        else:
            memcpy(v + t * d, S.q + t * S.length + at, d * sizeof(double))
        for k in range(d):
            x = S.b[t * S.m + at + k]
            before += x * x
    if before == 0:
        for i in range(T * d):
            x = soft_threshold(v[i], l1 * EDGE)
            square += x * x
        if square <= lam * lam * EDGE * EDGE:
            return False
    if S.blocks == NULL:
        for t in range(T):
            for k in range(d):
                v[t * d + k] += S.h[at + k] * S.b[t * S.m + at + k]
        principal_step(v, S.h + at, lam, ridge, d, T, sqrt(before), new)
    else:
        B = S.blocks + S.block_at[g]
        for t in range(T):
            for i in range(d):
                new[t * d + i] = S.b[t * S.m + at + i]
                if before > 0:
                    for k in range(d):
                        v[t * d + i] += B[i * d + k] * S.b[t * S.m + at + k]
        sparse_step(v, B, S.h[at], lam, l1, ridge, d, T, new, new + T * S.widest, new + 2 * T * S.widest)
    for t in range(T):
        old = S.b + t * S.m + at
        for k in range(d):
            x = new[t * d + k]
            v[t * d + k] = x - old[k]
            changed |= x != old[k]
            old[k] = x
        if S.narrow != NULL:
            subtract_rows(S.q + t * S.length, S.length, S.narrow + at * S.ld, S.ld, v + t * d, d)
        else:
            subtract_rows(S.q + t * S.length, S.length, S.A + at * S.ld, S.ld, v + t * d, d)
    return changed


cdef double norm_of(const double* t, Py_ssize_t d, Py_ssize_t T, Py_ssize_t stride, double l1) noexcept nogil:
    """‖S(t, l1)‖ of a block (T, d) whose rows are ``stride`` apart."""
    cdef Py_ssize_t i, k
    cdef double x, square = 0
    for i in range(T):
        for k in range(d):
            x = soft_threshold(t[i * stride + k], l1)
            square += x * x
    return sqrt(square)


cdef double dual_norm(const double* t, Py_ssize_t d, Py_ssize_t T, Py_ssize_t stride, double lam, double l1) noexcept nogil:
    """The least alpha at which alpha (lam ‖·‖ + l1 ‖·‖₁) holds the block at zero against the slope t; infinite if none does."""
    cdef Py_ssize_t i, k, step
    cdef double square = 0, overlap, top = 0, x, a
    for i in range(T):
        for k in range(d):
            a = fabs(t[i * stride + k])
            square += a * a
            top = max(top, a)
    if square == 0:
        return 0
    if lam == inf:
        return 0
    if l1 <= 0:
        return sqrt(square) / lam if lam > 0 else inf
    if lam <= 0:
        return top / l1
    x = max(sqrt(square) / (lam + l1 * sqrt(<double>(d * T))), top / (lam + l1))      # both from the left
    for step in range(SECULAR):
        square = overlap = 0
        for i in range(T):
            for k in range(d):
                a = fabs(t[i * stride + k]) - l1 * x
                if a > 0:
                    square += a * a
                    overlap += a
        a = dual_norm_step(x, square, overlap, lam, l1) if square > 0 else x
        if a - x <= 1e-15 * x:
            break
        x = a
    return x


cdef void find_gradient(Play* S) noexcept nogil:
    cdef Py_ssize_t t
    if not S.gram:
        for t in range(S.T):
            if S.narrow != NULL:
                row_products(S.q + t * S.length, S.length, S.narrow, S.ld, S.m, S.gradient + t * S.m)
            else:
                row_products(S.q + t * S.length, S.length, S.A, S.ld, S.m, S.gradient + t * S.m)


cdef double objective(Play* S, double* rr, double* ry) noexcept nogil:
    """P(b), with ‖r‖² and ⟨r, y⟩."""
    cdef Py_ssize_t g, t, k
    cdef double penalty = 0, cb = 0, qb = 0, square, total, x
    for t in range(S.T):
        dot(S.c + t * S.m, S.b + t * S.m, S.m, &x)
        cb += x
        if S.gram:
            dot(S.q + t * S.length, S.b + t * S.m, S.m, &x)
            qb += x
    ry[0] = S.yy - cb
    if S.gram:
        rr[0] = max(S.yy - cb - qb, 0.0)
    else:
        dot(S.q, S.q, S.T * S.length, rr)
    for g in range(S.G):
        square = total = 0
        for t in range(S.T):
            for k in range(S.start[g], S.start[g + 1]):
                x = S.b[t * S.m + k]
                square += x * x
                total += fabs(x)
        if square > 0:
            penalty += S.alpha * (S.lam[g] * sqrt(square) + S.l1[g] * total + S.ridge[g] * square / 2)
    return rr[0] / 2 + penalty


cdef double gap_in_play(Play* S) noexcept nogil:
    """P − D over the groups in play, of θ = s·r for the best of a few s (see certificate.pyx). Uses ``gradient``."""
    cdef Py_ssize_t g, k
    cdef double rr = 0, ry = 0, primal = objective(S, &rr, &ry), omega = 0, best = -inf, s, dual
    cdef double scales[2]
    cdef bint smooth = False
    for g in range(S.G):
        if S.ridge[g] * S.alpha > 0:
            smooth = True
        else:
            omega = max(omega, dual_norm(S.gradient + S.start[g], S.start[g + 1] - S.start[g], S.T, S.m, S.lam[g], S.l1[g]))
    scales[0] = min(ry / rr if rr > 0 else 1.0, S.alpha / omega if omega > 0 else inf)
    scales[1] = min(1.0, S.alpha / omega if omega > 0 else inf)
    for k in range(2):
        s = max(scales[k], 0.0)
        dual = squared_dual(ry, rr, s)
        if smooth:
            for g in range(S.G):
                if S.ridge[g] > 0:
                    dual -= group_conjugate(s * norm_of(S.gradient + S.start[g], S.start[g + 1] - S.start[g], S.T, S.m,
                                                        S.alpha * S.l1[g] / s if s > 0 else inf),
                                            S.alpha * S.lam[g], S.alpha * S.ridge[g])
        best = max(best, dual)
    return primal - best


cdef bint wake(Play* S, unsigned char* awake) noexcept nogil:
    """Who takes part in the epochs up to the next look: groups with a coefficient, or whose gradient gives them one. Whether any was asleep."""
    cdef Py_ssize_t g, t, k
    cdef bint some = False, before
    for g in range(S.G):
        before = awake[g]
        awake[g] = norm_of(S.gradient + S.start[g], S.start[g + 1] - S.start[g], S.T, S.m, S.alpha * S.l1[g]) > S.alpha * S.lam[g]
        for t in range(S.T):
            for k in range(S.start[g], S.start[g + 1]):
                if S.b[t * S.m + k] != 0:
                    awake[g] = True
        if awake[g] and not before:
            some = True
    return some


cdef void start_afresh(Play* S, const double* base) noexcept nogil:
    """q from b: base − Σ b A, over the rows with a coefficient."""
    cdef Py_ssize_t t, g, k
    cdef bint used
    memcpy(S.q, base, S.T * S.length * sizeof(double))
    for t in range(S.T):
        for g in range(S.G):
            used = False
            for k in range(S.start[g], S.start[g + 1]):
                used |= S.b[t * S.m + k] != 0
            if used:
                subtract_rows(S.q + t * S.length, S.length, S.A + S.start[g] * S.ld, S.ld, S.b + t * S.m + S.start[g],
                              S.start[g + 1] - S.start[g])


cdef bint weights_of(double* M, double* x, Py_ssize_t k) noexcept nogil:
    """x = M⁻¹1 / 1ᵀM⁻¹1 for a positive semi-definite M (k, k), changed; False where there is none worth having."""
    cdef Py_ssize_t i, j, l
    cdef double s, trace = 0, total = 0
    for i in range(k):
        trace += M[i * k + i]
    if not trace > 0:
        return False
    for i in range(k):
        M[i * k + i] += 1e-12 * trace
    for j in range(k):                                 # Cholesky
        for l in range(j):
            M[j * k + j] -= M[j * k + l] * M[j * k + l]
        if not M[j * k + j] > 0:
            return False
        M[j * k + j] = sqrt(M[j * k + j])
        for i in range(j + 1, k):
            for l in range(j):
                M[i * k + j] -= M[i * k + l] * M[j * k + l]
            M[i * k + j] /= M[j * k + j]
    for i in range(k):
        s = 1
        for l in range(i):
            s -= M[i * k + l] * x[l]
        x[i] = s / M[i * k + i]
    for i in range(k - 1, -1, -1):
        s = x[i]
        for l in range(i + 1, k):
            s -= M[l * k + i] * x[l]
        x[i] = s / M[i * k + i]
        total += x[i]
    if not fabs(total) > 0:
        return False
    for i in range(k):
        x[i] /= total
    return True


cdef void extrapolate(Play* S, double* past_b, double* past_q) noexcept nogil:
    """Put the state at the extrapolation of MEMORY + 1 points, the last of them the present one, if its objective is smaller."""
    cdef Py_ssize_t size = S.T * S.m, long_size = S.T * S.length, i, j
    cdef double M[MEMORY * MEMORY]
    cdef double x[MEMORY]
    cdef double rr, ry, here, there
    cdef double* steps = past_b + (MEMORY + 1) * size
    cdef double* saved_b = S.b
    cdef double* saved_q = S.q
    for i in range(MEMORY):
        memcpy(steps + i * size, past_b + (i + 1) * size, size * sizeof(double))
        mix(steps + i * size, past_b + i * size, -1, size)
    for i in range(MEMORY):
        for j in range(i + 1):
            dot(steps + i * size, steps + j * size, size, &M[i * MEMORY + j])
            M[j * MEMORY + i] = M[i * MEMORY + j]
    if not weights_of(&M[0], &x[0], MEMORY):
        return
    here = objective(S, &rr, &ry)
    S.b = past_b                                       # the oldest point is needed no more
    S.q = past_q
    memset(S.b, 0, size * sizeof(double))
    memset(S.q, 0, long_size * sizeof(double))
    for i in range(MEMORY):
        mix(S.b, past_b + (i + 1) * size, x[i], size)
        mix(S.q, past_q + (i + 1) * long_size, x[i], long_size)
    there = objective(S, &rr, &ry)
    S.b = saved_b
    S.q = saved_q
    if there < here:
        memcpy(S.b, past_b, size * sizeof(double))
        memcpy(S.q, past_q, long_size * sizeof(double))


cdef void foresee(Play* S, const double** points, const double* where, Py_ssize_t known, const double* base, double* saved) noexcept nogil:
    """Go on from the solutions at two or three alphas before, as a polynomial in log alpha, if that lowers the objective.

    The path is smooth where no group comes or goes; one whose coefficients would turn around, or which was not there before, stays.
    """
    cdef double rr, ry, here = objective(S, &rr, &ry), x = log(S.alpha), weight, turn
    cdef double node[3]
    cdef Py_ssize_t i, j, g, t, k
    for i in range(known):
        node[i] = log(where[i])
    memcpy(saved, S.b, S.T * S.m * sizeof(double))
    memset(S.b, 0, S.T * S.m * sizeof(double))
    for i in range(known):
        weight = 1
        for j in range(known):
            if j != i:
                weight *= (x - node[j]) / (node[i] - node[j])
        mix(S.b, points[i], weight, S.T * S.m)
    for g in range(S.G):
        turn = 0
        for t in range(S.T):
            for k in range(t * S.m + S.start[g], t * S.m + S.start[g + 1]):
                turn += S.b[k] * saved[k]
        if turn <= 0:
            for t in range(S.T):
                for k in range(t * S.m + S.start[g], t * S.m + S.start[g + 1]):
                    S.b[k] = saved[k]
    start_afresh(S, base)
    if not objective(S, &rr, &ry) < here:
        memcpy(S.b, saved, S.T * S.m * sizeof(double))
        start_afresh(S, base)


def descend(const double[:, ::1] A, narrow, Py_ssize_t m, bint gram, const Py_ssize_t[::1] start, const double[::1] h, blocks, const Py_ssize_t[::1] block_at,
            const double[::1] lam, const double[::1] l1, const double[::1] ridge, const double[:, ::1] base, const double[:, ::1] c,
            double yy, const double[::1] alphas, double[:, :, ::1] out, const double[:, :, ::1] past, const double[::1] past_alphas,
            double tol, long max_epochs, int[::1] epochs, double[::1] gaps, Control control):
    """Solve K alphas, one after the other, on the groups in play.

    Parameters
    ----------
    A : (at least m, room)
        In Gram space ZᵀZ, else Zᵀ (m, n).
    narrow : None or float32 array of A's shape
        A rounded: where it is given descent reads it, at half the traffic, from a state that A itself gave. What rounding does to the
        answer is for the certificate to say.
    start : (G + 1,)
        Rows of the groups.
    h : (m,)
        Squared norms of the columns; with ``blocks`` the largest eigenvalue of the group's block.
    blocks : None or 1-D array
        With an l1 penalty: Gram blocks (d, d), that of group g from ``block_at[g]`` on.
    lam, l1, ridge : (G,)
        Penalties at alpha = 1.
    base : (T, m or n)
        Zᵀy in Gram space, else y.
    c : (T, m)
        Zᵀy.
    out : (K, T, m)
        Solutions.
    past : (at least 1, T, m)
        Solutions at the alphas ``past_alphas`` before, the last of them where to begin.
    tol : float
        The gap over the groups in play, in units of the objective, at which an alpha is left.
    epochs : (K,)
        Added to.
    gaps : (K,)
        Those reached.

    Returns
    -------
    int
        How many alphas were solved; fewer than K only when ``control`` says stop.
    """
    cdef Play S
    cdef Py_ssize_t K = alphas.shape[0], G = lam.shape[0], T = c.shape[0], k, g, i, size, long_size, filled
    cdef const double[::1] block_values
    cdef const float[:, ::1] rounded
    cdef Signal* signal = &control.signal
    cdef void* handle = <void*>control
    cdef long epoch
    cdef bint changed
    cdef double gap
    awake_groups = np.ones(G, np.uint8)
    cdef unsigned char[::1] awake = awake_groups
    S.gram = gram
    S.A = &A[0, 0]
    S.ld = A.shape[1]
    S.narrow = NULL
    if narrow is not None:
        rounded = narrow
        S.narrow = &rounded[0, 0]
    S.length = base.shape[1]
    S.m, S.T, S.G = m, T, G
    S.start, S.h, S.lam, S.l1, S.ridge = &start[0], &h[0], &lam[0], &l1[0], &ridge[0]
    S.blocks = NULL
    S.block_at = NULL
    if blocks is not None:
        block_values = blocks
        S.blocks, S.block_at = &block_values[0], &block_at[0]
    S.c, S.yy = &c[0, 0], yy
    S.widest = 0
    for g in range(G):
        S.widest = max(S.widest, start[g + 1] - start[g])
    size, long_size = T * m, T * S.length
    # b and MEMORY + 1 points before it with their differences; the same of q; the gradient; a block's work
    numbers = np.empty(size * (2 * MEMORY + 2) + long_size * (MEMORY + 2) + (0 if gram else size) + 4 * T * S.widest)
    cdef double[::1] memory = numbers
    cdef double* past_b = &memory[0]
    cdef double* past_q = past_b + size * (2 * MEMORY + 1)
    S.q = past_q + long_size * (MEMORY + 1)
    S.b = S.q + long_size
    S.work = S.b + size
    S.gradient = S.q if gram else S.work + 4 * T * S.widest
    cdef const double* points[3]
    cdef double where[3]
    cdef Py_ssize_t known
    with nogil:
        memcpy(S.b, &past[past.shape[0] - 1, 0, 0], size * sizeof(double))
        for k in range(K):
            S.alpha = alphas[k]
            known = 0
            for i in range(3):                         # the latest first
                if i < k:
                    points[known], where[known] = &out[k - 1 - i, 0, 0], alphas[k - 1 - i]
                elif i - k < past.shape[0]:
                    points[known], where[known] = &past[past.shape[0] - 1 - (i - k), 0, 0], past_alphas[past.shape[0] - 1 - (i - k)]
                else:
                    break
                known += 1
            start_afresh(&S, &base[0, 0])
            if known > 1:
                foresee(&S, &points[0], &where[0], known, &base[0, 0], past_b)
            if not gram:
                find_gradient(&S)
                wake(&S, &awake[0])
            filled = 0
            gap = inf
            for epoch in range(max_epochs):
                memcpy(past_b + filled * size, S.b, size * sizeof(double))
                memcpy(past_q + filled * long_size, S.q, long_size * sizeof(double))
                filled += 1
                changed = False
                for g in range(G):
                    if (gram or awake[g]) and block_step(&S, g):
                        changed = True
                        if poll(signal, handle):
                            break
                epochs[k] += 1
                if signal.stop:
                    break
                if filled == MEMORY:
                    memcpy(past_b + MEMORY * size, S.b, size * sizeof(double))
                    memcpy(past_q + MEMORY * long_size, S.q, long_size * sizeof(double))
                    extrapolate(&S, past_b, past_q)
                    filled = 0
                if gram or filled == 0 or not changed:
                    find_gradient(&S)
                    gap = gap_in_play(&S)
                    if gap <= tol or gap != gap:
                        break
                    if not wake(&S, &awake[0]) and not changed:
                        break
                if poll(signal, handle):
                    break
            gaps[k] = gap
            if signal.stop:
                break
            memcpy(&out[k, 0, 0], S.b, size * sizeof(double))
        else:
            k = K
    return k


def dual_norms(const double[:, :, ::1] slopes, const Py_ssize_t[::1] start, const double[::1] lam, const double[::1] l1):
    """(K, G) least alphas at which the penalties of alpha = 1, lam ‖·‖ + l1 ‖·‖₁, hold each group at zero against slopes (K, T, p).

    Features stand group by group, ``start`` (G + 1) tells where; lam = inf leaves a group out: 0.
    """
    cdef Py_ssize_t K = slopes.shape[0], T = slopes.shape[1], p = slopes.shape[2], G = lam.shape[0], k, g
    cdef double[:, ::1] out = np.empty((K, G))
    with nogil:
        for k in range(K):
            for g in range(G):
                out[k, g] = dual_norm(&slopes[k, 0, start[g]], start[g + 1] - start[g], T, p, lam[g], l1[g])
    return np.asarray(out)


def conjugates(const double[:, :, ::1] slopes, const double[::1] scales, const double[::1] alphas, const Py_ssize_t[::1] start,
               const double[::1] lam, const double[::1] l1, const double[::1] ridge):
    """(K,) Σ_g g*(s_k·slopes) over the groups with a ridge penalty."""
    cdef Py_ssize_t K = slopes.shape[0], T = slopes.shape[1], p = slopes.shape[2], G = lam.shape[0], k, g
    cdef double s, a
    cdef double[::1] out = np.zeros(K)
    with nogil:
        for k in range(K):
            s, a = scales[k], alphas[k]
            for g in range(G):
                if ridge[g] > 0 and lam[g] < inf and s > 0:
                    out[k] += group_conjugate(s * norm_of(&slopes[k, 0, start[g]], start[g + 1] - start[g], T, p, a * l1[g] / s),
                                              a * lam[g], a * ridge[g])
    return np.asarray(out)


def penalties(const double[:, :, ::1] b, const double[::1] alphas, const Py_ssize_t[::1] start, const double[::1] lam,
              const double[::1] l1, const double[::1] ridge):
    """(K,) penalties of coefficients b (K, T, p), features group by group; and (K, G) whether a group has any."""
    cdef Py_ssize_t K = b.shape[0], T = b.shape[1], G = lam.shape[0], k, g, t, j
    cdef double square, total, x
    cdef double[::1] out = np.zeros(K)
    used = np.zeros((K, G), bool)
    cdef unsigned char[:, ::1] in_use = used.view(np.uint8)
    with nogil:
        for k in range(K):
            for g in range(G):
                square = total = 0
                for t in range(T):
                    for j in range(start[g], start[g + 1]):
                        x = b[k, t, j]
                        square += x * x
                        total += fabs(x)
                if square > 0:
                    in_use[k, g] = 1
                    out[k] += alphas[k] * (lam[g] * sqrt(square) + l1[g] * total + ridge[g] * square / 2)
    return np.asarray(out), used


def principal_axes(double[:, ::1] Z, const Py_ssize_t[::1] start, double[::1] h, double[::1] axes, const Py_ssize_t[::1] axes_at, bint rotate):
    """Turn the rows of Z (m, n) of each group to its principal axes, in place.

    h (m,) gets the eigenvalues of the Gram block and ``axes`` from ``axes_at[g]`` on its eigenvectors U (d, d), one a row: Z_g becomes
    U Z_g, and coefficients b of it are Uᵀb of what it was. With ``rotate=False`` Z stays, ``axes`` gets the Gram blocks and h the
    largest eigenvalue in all places of the group. Directions within rounding of nothing become zero.
    """
    cdef Py_ssize_t G = start.shape[0] - 1, n = Z.shape[1], g, i, k, d, widest = 0
    cdef int size, rows = <int>n, info = 0, work_size, ld = <int>n
    cdef char flip = b"t", plain = b"n", vectors = b"v", values = b"n", lower = b"l"
    cdef double one = 1, zero = 0, top
    cdef double* U
    for g in range(G):
        widest = max(widest, start[g + 1] - start[g])
    cdef double[::1] turned = np.empty(widest * n if rotate else 1)
    work_size = <int>max(1, 66 * widest)
    cdef double[::1] work = np.empty(work_size), block = np.empty(widest * widest), found = np.empty(widest)
    with nogil:
        for g in range(G):
            d = start[g + 1] - start[g]
            size = <int>d
            if d == 1:
                dot(&Z[start[g], 0], &Z[start[g], 0], n, &h[start[g]])
                axes[axes_at[g]] = 1 if rotate else h[start[g]]
                continue
            dgemm(&flip, &plain, &size, &size, &rows, &one, &Z[start[g], 0], &ld, &Z[start[g], 0], &ld, &zero, &block[0], &size)
            if rotate:
                U = &axes[axes_at[g]]
                memcpy(U, &block[0], d * d * sizeof(double))
                dsyev(&vectors, &lower, &size, U, &size, &found[0], &work[0], &work_size, &info)
            else:
                memcpy(&axes[axes_at[g]], &block[0], d * d * sizeof(double))
                dsyev(&values, &lower, &size, &block[0], &size, &found[0], &work[0], &work_size, &info)
            if info != 0:
                break
            top = max(found[d - 1], 0.0)
            for k in range(d):
                h[start[g] + k] = found[k] if rotate else top
            if rotate:
                # columns of Fortran's U are eigenvectors: rows here
                dgemm(&plain, &plain, &rows, &size, &size, &one, &Z[start[g], 0], &ld, U, &size, &zero, &turned[0], &ld)
                memcpy(&Z[start[g], 0], &turned[0], d * n * sizeof(double))
                for k in range(d):
                    if found[k] <= 4e-16 * d * top:
                        h[start[g] + k] = 0
                        memset(&Z[start[g] + k, 0], 0, n * sizeof(double))
    if info != 0:
        raise np.linalg.LinAlgError(f"principal_axes: the eigenvalues of a group of {d} features did not converge")


def turned_back(const double[:, :, ::1] b, const Py_ssize_t[::1] start, const double[::1] axes, const Py_ssize_t[::1] axes_at, bint rotated,
                const Py_ssize_t[::1] at, Py_ssize_t p):
    """(K, T, p) coefficients of the columns as they were, of b (K, T, m) on the groups in play; group g goes to ``at[g]`` on."""
    cdef Py_ssize_t K = b.shape[0], T = b.shape[1], G = start.shape[0] - 1, g, k, t, i, j, d
    cdef const double* U
    cdef double[:, :, ::1] out = np.zeros((K, T, p))
    cdef double x
    with nogil:
        for k in range(K):
            for t in range(T):
                for g in range(G):
                    d = start[g + 1] - start[g]
                    U = &axes[axes_at[g]]
                    for i in range(d):
                        x = b[k, t, start[g] + i]
                        if x == 0:
                            continue
                        if rotated:
                            for j in range(d):
                                out[k, t, at[g] + j] += x * U[i * d + j]
                        else:
                            out[k, t, at[g] + i] = x
    return np.asarray(out)
