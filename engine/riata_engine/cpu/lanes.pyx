# Coordinate descent on several problems side by side (see lanes.pxd).
#
# A problem must have the same bits alone and beside others: whatever a lane computes is elementwise, or a sum over features in eight
# parts (feature a goes to part a mod 8), each in the order of the features, so that it does not matter along what a compiler vectorises.
from libc.math cimport fabs, sqrt, INFINITY as inf
from libc.stdlib cimport malloc, free
from libc.string cimport memcpy, memset

include "../formulas/losses.py"
include "../formulas/penalties.py"

cdef extern from "riata_simd.h":
    ctypedef void cloned_void "RIATA_CLONED_VOID"
    int riata_simd_level() nogil

cdef extern from "riata_lanes.h":
    void riata_lanes_move(double* g, const double* row, const double* d, Py_ssize_t m, int level) noexcept nogil
    void riata_lanes_fresh(double* g, const double* c, const double* b, const double* H, Py_ssize_t ld, const Py_ssize_t* a,
                           Py_ssize_t n, Py_ssize_t m, int level) noexcept nogil

ctypedef fused width:           # a tag that makes the number of lanes known to the compiler
    float                       # one
    double                      # eight

cdef double ENTRY_SLACK = 1 + 1e-12   # a feature at rest does not enter for a rounding error at alpha_max


cdef int lanes_open(Lanes* S, int W, Py_ssize_t M, const double* C, Py_ssize_t ldc, const double* f1, const double* f2,
                    const double* lower, const double* upper) noexcept nogil:
    """Room for W problems on C. Non-zero when memory is short."""
    cdef Py_ssize_t a, padded = (M + 7) & ~7, size = padded * W
    cdef bint used
    S.W = W
    S.level = riata_simd_level()
    S.M = M
    S.padded = padded
    S.memory = <char*>malloc(((padded + 7) * padded + 7 * size + 24 * W + padded) * sizeof(double) + padded * sizeof(Py_ssize_t) + 64)
    if S.memory == NULL:
        return 1
    memset(S.memory, 0, ((padded + 7) * padded + 7 * size + 24 * W + padded) * sizeof(double) + 64)
    S.H = <double*>(S.memory + 64 - <size_t>S.memory % 64)
    for a in range(M):
        memcpy(S.H + a * padded, C + a * ldc, M * sizeof(double))
    S.h = S.H + padded * padded
    S.root = S.h + padded
    S.f1 = S.root + padded
    S.f2 = S.f1 + padded
    S.lower = S.f2 + padded
    S.upper = S.lower + padded
    S.t = S.upper + padded
    S.l1 = S.t + padded
    S.l2 = S.l1 + size
    S.c = S.l2 + size
    S.g = S.c + size
    S.b = S.g + size
    S.old_g = S.b + size
    S.old_b = S.old_g + size
    S.sums = S.old_b + size
    S.support = <Py_ssize_t*>(S.sums + 24 * W + padded)
    for a in range(padded):
        used = a < M and C[a * ldc + a] > 0 and (upper[a] > 0 or lower[a] < 0)
        S.h[a] = C[a * ldc + a] if used else 1.0
        S.root[a] = sqrt(S.h[a])
        S.f1[a] = f1[a] if used else 1.0
        S.f2[a] = f2[a] if used else 1.0
        S.lower[a] = lower[a] if used else 0.0
        S.upper[a] = upper[a] if used else 0.0
    for a in range(LANES):
        S.bound_scale[a] = 1
    return 0


cdef void lanes_close(Lanes* S) noexcept nogil:
    free(S.memory)
    S.memory = NULL


cdef cloned_void sweep(Lanes* S, width kind) noexcept nogil:
    cdef Py_ssize_t a, j, m = S.padded
    cdef int k, W
    cdef double x, z, t, u, h, lower, upper, moved
    cdef double d[LANES]
    cdef double scale[LANES]
    cdef double* g = S.g
    cdef double* b = S.b
    cdef const double* row
    if width is float:
        W = 1
    else:
        W = 8
    for k in range(W):
        scale[k] = S.bound_scale[k]
    for a in range(S.M):
        h = S.h[a]
        lower = S.lower[a]
        upper = S.upper[a]
        moved = 0
        for k in range(W):
            x = b[a * W + k]
            z = g[a * W + k] + h * x
            t = S.l1[a * W + k]
            u = elastic_net_step(z, h, t, S.l2[a * W + k], lower * scale[k], upper * scale[k])
            u = 0 if (x == 0) & (fabs(z) <= t * ENTRY_SLACK) else u
            d[k] = x - u
            b[a * W + k] = u
            moved += fabs(d[k])
        if moved == 0:                                       # NaN moves
            continue
        row = S.H + a * m
        if width is float:
            for j in range(m):
                g[j] += d[0] * row[j]
        else:
            riata_lanes_move(g, row, d, m, S.level)


cdef void lanes_sweep(Lanes* S) noexcept nogil:
    """One cycle of coordinate descent of every problem."""
    if S.W == 1:
        sweep(S, <float>0)
    else:
        sweep(S, <double>0)


cdef cloned_void subtract(double* g, const double* row, double b, Py_ssize_t m) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(m):
        g[j] -= b * row[j]


cdef void lanes_refresh(Lanes* S) noexcept nogil:
    """g = c − C b, afresh."""
    cdef Py_ssize_t a, n = 0, m = S.padded
    cdef int k, W = S.W
    cdef double any
    for a in range(S.M):
        any = 0
        for k in range(W):
            any += fabs(S.b[a * W + k])
        if any != 0:
            S.support[n] = a
            n += 1
    if W > 1:
        riata_lanes_fresh(S.g, S.c, S.b, S.H, m, S.support, n, m, S.level)
        return
    memcpy(S.g, S.c, m * sizeof(double))
    for a in range(n):
        subtract(S.g, S.H + S.support[a] * m, S.b[S.support[a]], m)


cdef cloned_void measure(Lanes* S, width kind) noexcept nogil:
    cdef Py_ssize_t a, i, size
    cdef int k, r, W
    cdef double x, t, q, l, lo, hi, edge, value, ratio
    cdef bint smooth
    cdef double* gain
    cdef double* cross
    cdef double* square
    cdef double shrink[8 * LANES]
    if width is float:
        W = 1
    else:
        W = 8
    size = 8 * W
    gain = S.sums
    cross = S.sums + size
    square = S.sums + 2 * size
    for i in range(size):
        gain[i] = 0
        cross[i] = 0
        square[i] = 0
        shrink[i] = 1
    for a in range(0, S.padded, 8):
        for r in range(8):
            for k in range(W):
                x = S.b[(a + r) * W + k]
                t = S.g[(a + r) * W + k]
                l = S.l1[(a + r) * W + k]
                q = S.l2[(a + r) * W + k]
                lo = S.lower[a + r] * S.bound_scale[k]
                hi = S.upper[a + r] * S.bound_scale[k]
                edge = hi if t > 0 else -lo
                smooth = (q > 0) | (edge < inf)
                value = elastic_net_conjugate(t, l, q, lo, hi)
                ratio = fabs(t) / l
                value = (value if smooth else 0) + elastic_net_value(x, l, q)
                ratio = 1 if smooth else ratio
                gain[r * W + k] += value
                cross[r * W + k] += x * S.c[(a + r) * W + k]
                square[r * W + k] += x * t
                shrink[r * W + k] = ratio if ratio > shrink[r * W + k] else shrink[r * W + k]
    for k in range(W):
        ratio = 1
        for r in range(8):
            ratio = max(ratio, shrink[r * W + k])
        S.shrink[k] = ratio


cdef void lanes_measure(Lanes* S) noexcept nogil:
    """The sums behind ``lane_estimate``: Σ g_j(b_j) + g_j*(t_j), Σ b_j c_j, Σ b_j t_j, and the largest |t_j| / (l1 f1_j)."""
    if S.W == 1:
        measure(S, <float>0)
    else:
        measure(S, <double>0)


cdef double total(const double* parts, int W) noexcept nogil:
    return ((parts[0] + parts[W]) + (parts[2 * W] + parts[3 * W])) + ((parts[4 * W] + parts[5 * W]) + (parts[6 * W] + parts[7 * W]))


cdef double lane_estimate(const Lanes* S, int k, double yy) noexcept nogil:
    """A duality gap of problem k, from the scales 1 and 1/shrink of its residual: when to ask for the certificate, which knows more."""
    cdef int W = S.W
    cdef double gain = total(S.sums + k, W), cross = total(S.sums + 8 * W + k, W), square = total(S.sums + 16 * W + k, W)
    cdef double ry = yy - cross, rr = max(ry - square, 0.0), s = 1 / S.shrink[k]
    return rr / 2 + gain - squared_dual(ry, rr, s)


cdef void lane_take(Lanes* S, int k, double* b) noexcept nogil:
    """Problem k by itself: its coefficients, and its gradient in S.t."""
    cdef Py_ssize_t a
    cdef int W = S.W
    for a in range(S.M):
        b[a] = S.b[a * W + k]
        S.t[a] = S.g[a * W + k]


cdef void lane_start(Lanes* S, int k, const double* c, const double* b) noexcept nogil:
    """Problem k begins at b; c may be NULL: none, the lane rests."""
    cdef Py_ssize_t a, j
    cdef int W = S.W
    for a in range(S.M):
        S.c[a * W + k] = c[a] if c != NULL else 0
        S.b[a * W + k] = b[a] if c != NULL else 0
        S.g[a * W + k] = S.c[a * W + k]
    for a in range(S.M):
        if S.b[a * W + k] != 0:
            for j in range(S.M):
                S.g[j * W + k] -= S.b[a * W + k] * S.H[a * S.padded + j]
    for a in range(S.M):
        S.old_b[a * W + k] = S.b[a * W + k]
        S.old_g[a * W + k] = S.g[a * W + k]


cdef void lane_penalise(Lanes* S, int k, double l1, double l2) noexcept nogil:
    """The penalties of problem k from now on."""
    cdef Py_ssize_t a
    for a in range(S.padded):
        S.l1[a * S.W + k] = l1 * S.f1[a]
        S.l2[a * S.W + k] = l2 * S.f2[a]


cdef void lane_extrapolate(Lanes* S, int k, double step) noexcept nogil:
    """Go on along the line through the last two solutions; coefficients that would change their sign or pass a bound stay.

    The gradient lies on a line too, up to the coefficients that stay.
    """
    cdef Py_ssize_t a, i, n = 0
    cdef int W = S.W
    cdef double d, x, y
    cdef double* steps = S.sums + 24 * W                     # not the sums: lanes that come later are still to read them
    for a in range(S.M):
        i = a * W + k
        y = S.g[i]
        S.t[a] = y + step * (y - S.old_g[i])
        S.old_g[i] = y
        x = S.b[i]
        d = step * (x - S.old_b[i])
        S.old_b[i] = x
        y = x + d
        if y * x > 0 and S.lower[a] * S.bound_scale[k] <= y <= S.upper[a] * S.bound_scale[k]:
            S.b[i] = y
        elif d != 0:
            S.support[n] = a
            steps[n] = d
            n += 1
    for i in range(n):
        subtract(S.t, S.H + S.support[i] * S.padded, -steps[i], S.padded)
    for a in range(S.M):
        S.g[a * W + k] = S.t[a]
