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
from libc.math cimport copysign, exp, fabs, log, sqrt, INFINITY as inf
from libc.string cimport memcpy, memset
from riata_engine.cpu.control cimport Control, Signal, poll

include "../formulas/losses.py"
include "../formulas/penalties.py"
include "../formulas/groups.py"

cdef extern from "riata_simd.h":
    ctypedef void cloned_void "RIATA_CLONED_VOID"

include "group_blocks.pxi"
include "group_norms.pxi"

cdef struct Play:
    # the groups in play and the point b at which descent stands
    bint gram
    const double* A                        # m rows of ``length`` numbers, ld apart
    const float* narrow                    # the same in single precision, or NULL
    Py_ssize_t ld, length, m, T, G, widest
    const Py_ssize_t* start                # (G + 1) rows of each group
    const double* h                        # (m) squared norms of the columns; with l1 the largest eigenvalue of the block
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
    """Who takes part in the epochs up to the next look: groups with a coefficient, or whose gradient gives them one.

    Returns whether any of them was asleep.
    """
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


include "group_leaps.pxi"


def descend(const double[:, ::1] A, narrow, Py_ssize_t m, bint gram, const Py_ssize_t[::1] start, const double[::1] h,
            blocks, const Py_ssize_t[::1] block_at, const double[::1] lam, const double[::1] l1,
            const double[::1] ridge, const double[:, ::1] base, const double[:, ::1] c,
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
    cdef long _
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
            for _ in range(max_epochs):
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
