# The certificate of one penalised least-squares problem.
#
#   primal  P(b) = ½‖r‖² + Σ g_j(b_j),   r = y − Xb            (weighted norms, g in formulas/penalties.py)
#   dual    D(θ) = ⟨θ, y⟩ − ½‖θ‖² − Σ g_j*(x_jᵀθ)
#
# taken at θ = s·r. s = 1 is feasible wherever every conjugate is finite; a coefficient with an l1 penalty alone asks for
# s ≤ l1/|x_jᵀr| (Kim et al. 2007, "An interior-point method for large-scale l1-regularized least squares", §III). Every s
# gives a lower bound on the optimum, so the best of a few is taken.
import numpy as np
from libc.float cimport DBL_EPSILON
from cython.parallel cimport parallel
from libc.math cimport copysign, exp, fabs, log, sqrt, INFINITY as inf
from libc.stdlib cimport calloc, free
from riata_engine.cpu.control cimport fetch_add, worth

include "../formulas/losses.py"
include "../formulas/penalties.py"

cdef extern from "riata_simd.h":
    ctypedef void cloned_void "RIATA_CLONED_VOID"


cdef cloned_void ratios(Py_ssize_t m, const double* t, const double* b, double l1, double l2, const double* f1, const double* f2,
                        const double* lower, const double* upper, double* out, double* penalty) noexcept nogil:
    """out[j]: how many times |x_jᵀr| is what the l1 penalty holds. Positive, and one at the least, where the conjugate is finite
    everywhere (the elastic net as a lasso on augmented rows); negative where it is not. One array: compilers give up on two.
    """
    cdef Py_ssize_t j
    cdef double a, q, u, x, lo, hi, edge, ratio, total = 0
    cdef bint smooth
    for j in range(m):
        a = l1 * f1[j]
        q = l2 * f2[j]
        x = b[j]
        lo = lower[j]
        hi = upper[j]
        edge = hi if t[j] > 0 else -lo
        smooth = (q > 0) | (edge < inf)
        u = t[j] - q * x if smooth else t[j]
        u = u if u > 0 else -u
        ratio = u / a if u > 0 else 0
        total += elastic_net_value(x, a, q) if x != 0 else 0
        if smooth:
            ratio = (ratio if ratio > 1 else 1) if (hi > 0) | (lo < 0) else 0      # bounds (0, 0): left out of the model
        else:
            ratio = -ratio
        out[j] = ratio
    penalty[0] += total


cdef void extremes(const double* x, Py_ssize_t m, double* top, double* bottom) noexcept nogil:
    """Two of each: a comparison waits for the one before it."""
    cdef Py_ssize_t j
    cdef double high = top[0], high2 = high, low = bottom[0], low2 = low
    for j in range(0, m - 1, 2):
        high = x[j] if x[j] > high else high
        high2 = x[j + 1] if x[j + 1] > high2 else high2
        low = x[j] if x[j] < low else low
        low2 = x[j + 1] if x[j + 1] < low2 else low2
    if m % 2:
        high = x[m - 1] if x[m - 1] > high else high
        low = x[m - 1] if x[m - 1] < low else low
    top[0] = high if high > high2 else high2
    bottom[0] = low if low < low2 else low2


cdef cloned_void conjugates(Py_ssize_t m, const double* t, double s, double l1, double l2, const double* f1, const double* f2,
                            const double* lower, const double* upper, double bound_scale, double* total) noexcept nogil:
    """Σ g_j*(s t_j) over the features whose conjugate is finite everywhere.

    A coefficient on the boundary s = l1/|t| may be a rounding error outside: only l2 or a bound makes it count.
    """
    cdef Py_ssize_t j
    cdef double q, value, lo, hi, edge, out = 0
    for j in range(m):
        q = l2 * f2[j]
        lo = lower[j]
        hi = upper[j]
        edge = hi if t[j] > 0 else -lo
        value = elastic_net_conjugate(s * t[j], l1 * f1[j], q, lo * bound_scale, hi * bound_scale)
        out += value if (q > 0) | (edge < inf) else 0
    total[0] = out


cdef double duality_gap(Py_ssize_t m, const double* t, const double* b, double l1, double l2, const double* f1, const double* f2,
                        const double* lower, const double* upper, double bound_scale,
                        double residual_norm2, double residual_y, double unit) noexcept nogil:
    """P(b) − max_s D(s·r), from t = Xᵀr, ‖r‖² and ⟨r, y⟩. b must respect the bounds, which are lower·bound_scale …

    ``unit`` is the null objective: what is below zero by 1e-14 of it is rounding.
    """
    cdef Py_ssize_t j, k
    cdef double primal = 0, limit, best = -inf, dual, plain = 0, augmented = 0, total
    cdef double scales[3]
    cdef double ratio[64]
    for j in range(0, m, 64):
        k = min(64, m - j)
        ratios(k, t + j, b + j, l1, l2, f1 + j, f2 + j, lower + j, upper + j, ratio, &primal)
        extremes(ratio, k, &augmented, &plain)
    primal += residual_norm2 / 2
    limit = -1 / plain if plain < 0 else inf               # binds above s = 1 too: scales[0] may be larger
    scales[0] = min(limit, residual_y / residual_norm2 if residual_norm2 > 0 else 1.0)
    scales[1] = min(limit, 1.0)
    scales[2] = min(limit, 1 / augmented) if augmented > 1 else 0
    for k in range(3):
        if k == 2 and augmented <= 1:
            break
        if scales[k] < 0:
            scales[k] = 0
        dual = squared_dual(residual_y, residual_norm2, scales[k])
        if augmented > 0:
            conjugates(m, t, scales[k], l1, l2, f1, f2, lower, upper, bound_scale, &total)
            dual -= total
        best = max(best, dual)
    # a rounding error below zero is zero; far below, or NaN, the numbers are no certificate of anything
    if primal - best >= -1e-10 * (fabs(primal) + 1e-300) - 1e-14 * unit:
        return max(primal - best, 0.0)
    return inf


cdef double boxed_gap(Py_ssize_t m, const double* t, const double* b, double l1, double l2, const double* f1, const double* f2,
                      const double* lower, const double* upper, double bound_scale, const double* h, double null_objective) noexcept nogil:
    """What a solver goes by where the residual is no dual point (a feature with a bound on one side and no penalty): the violation of
    the KKT conditions in units of the objective.

    Σ_j g_j(b_j) + g_j*(t_j) − t_j b_j is P − D at θ = r; here each conjugate is taken over |b_j| ≤ 2 (|b_j| + √(2·null/h_j)) only.
    It is the gap if the optimum lies in that box, and zero exactly where the KKT conditions hold. No certificate: see half_free.py.
    """
    cdef Py_ssize_t j
    cdef double total = 0, a, q, box, lo, hi
    for j in range(m):
        if h[j] > 0 and (lower[j] < 0 or upper[j] > 0):
            a = l1 * f1[j]
            q = l2 * f2[j]
            box = 2 * (fabs(b[j]) + sqrt(2 * null_objective / h[j]))
            lo = max(lower[j] * bound_scale, -box)
            hi = min(upper[j] * bound_scale, box)
            total += elastic_net_value(b[j], a, q) + elastic_net_conjugate(t[j], a, q, lo, hi) - t[j] * b[j]
    return max(total, 0.0) if total > -inf else inf


def rounding(const double[:, ::1] length, const double[::1] size, const Py_ssize_t[::1] group, const double[::1] null):
    """(B,) bound on the relative error of a problem's gaps that the rounding of its statistics can cause.

    A product of n terms added up in blocks is off by a few eps of Σ|z_ij||z_ik| ≤ √(C_jj C_kk); the quadratic form bᵀC b
    thus by eps·(Σ_j |b_j| √C_jj)². ``length`` (B, L) holds that sum (NaN: not solved), ``size`` (of its weight group) is how many times
    larger the numbers were that C came from, ``null`` (B,) the null objective.
    """
    cdef Py_ssize_t b, l
    cdef double longest
    out = np.zeros(null.shape[0])
    cdef double[::1] bound = out
    for b in range(null.shape[0]):
        longest = 0
        for l in range(length.shape[1]):
            if length[b, l] > longest:
                longest = length[b, l]
        bound[b] = rounding_of_gaps(longest * size[group[b]], null[b])
    return out


cdef double rounding_of_gaps(double longest, double null) noexcept nogil:
    return 4 * DBL_EPSILON * ((longest * longest + 2 * null) / null) if null > 0 else 0


def certify(const double[:, :, ::1] T, const double[:, :, ::1] b, const Py_ssize_t[:, ::1] columns, const Py_ssize_t[::1] column_row,
            const Py_ssize_t[::1] lengths, const double[:, ::1] l1, const double[:, ::1] l2, const double[:, ::1] f1,
            const double[:, ::1] f2, const Py_ssize_t[::1] factor_row, const double[::1] lower, const double[::1] upper,
            const double[::1] bound_scale, const double[:, ::1] residual_norm2, const double[:, ::1] residual_y,
            const double[::1] null_objective, double[:, ::1] out, int n_threads=1):
    """Relative gaps of the coefficients of k problems with gradients ``T`` (k, L, p) = Xᵀr; see the top of the file.

    Parameters
    ----------
    b : (k, L, m)
        Coefficients; those of problem i belong to columns[column_row[i]] (R, m), all others are zero. Entries that are zero may name
        any column. ``columns`` with no rows: all p in their order.
    lengths : (k,)
        The leading alphas of each problem that are looked at.
    residual_norm2, residual_y : (k, L)
        ‖r‖² and ⟨r, y⟩.
    """
    cdef Py_ssize_t k = T.shape[0], L = T.shape[1], p = T.shape[2], m = b.shape[2], i, l, j, task
    cdef bint packed = columns.shape[0] > 0
    cdef double scale
    cdef double* room
    cdef const double* values
    cdef long taken = 0, failed = 0
    n_threads = min(worth(20.0 * k * L * p, n_threads), <int>max(k * L, 1))
    with nogil, parallel(num_threads=n_threads):
        room = <double*>calloc(max(p, 1), sizeof(double))
        if room == NULL:
            fetch_add(&failed, 1)
        while room != NULL:
            task = fetch_add(&taken, 1)
            if task >= k * L:
                break
            i = task // L
            l = task - i * L
            if l >= lengths[i]:
                continue
            values = &b[i, l, 0] if m else room
            if packed:
                for j in range(m):
                    if values[j] != 0:
                        room[columns[column_row[i], j]] = values[j]
            scale = null_objective[i] if null_objective[i] > 0 else 1.0
            out[i, l] = duality_gap(p, &T[i, l, 0], room if packed else values, l1[i, l], l2[i, l], &f1[factor_row[i], 0],
                                    &f2[factor_row[i], 0], &lower[0], &upper[0], bound_scale[i], residual_norm2[i, l],
                                    residual_y[i, l], scale) / scale
            if packed:
                for j in range(m):
                    if values[j] != 0:
                        room[columns[column_row[i], j]] = 0
        free(room)
    if failed:
        raise MemoryError("certify: no room for a row of coefficients")
