# The certificate of penalised Cox models: the scaled gradient as a dual point, and Fenchel–Young of the penalty.
import numpy as np
from libc.math cimport fabs, sqrt, INFINITY as inf
from libc.string cimport memcpy
from riata_engine.cpu.cox_risk cimport Point, Risk, RiskSets, point_close, point_open, risk_distance, risk_value

include "../formulas/penalties.py"


cdef double penalty_gap(Py_ssize_t m, const double* t, const double* b, double s, double l1, double l2, const double* f1, const double* f2,
                        double null) noexcept nogil:
    """Σ g(b_j) + g*(s t_j) − s t_j b_j. A coefficient without any penalty has a conjugate of a box: see ``certify``."""
    cdef Py_ssize_t j
    cdef double a, q, total = 0, box, x
    for j in range(m):
        a = l1 * f1[j]
        q = l2 * f2[j]
        x = s * t[j]
        if a == 0 and q == 0:
            box = 2 * (fabs(b[j]) + sqrt(2 * null))
            total += fabs(t[j]) * box - t[j] * b[j]
        elif q > 0:
            total += elastic_net_value(b[j], a, q) + elastic_net_conjugate(x, a, q, -inf, inf) - x * b[j]
        elif b[j] != 0:
            total += a * fabs(b[j]) - x * b[j]
    return total


cdef void limits(Py_ssize_t m, const double* t, const double* b, double l1, double l2, const double* f1, const double* f2, double* plain,
                 double* augmented) noexcept nogil:
    """The largest |t_j| / l1 where the conjugate of the penalty is infinite beyond it, and elsewhere of |t_j − l2 b_j|."""
    cdef Py_ssize_t j
    cdef double a, q
    for j in range(m):
        a = l1 * f1[j]
        q = l2 * f2[j]
        if a > 0 and q > 0:
            augmented[0] = max(augmented[0], fabs(t[j] - q * b[j]) / a)
        elif a > 0:
            plain[0] = max(plain[0], fabs(t[j]) / a)


cdef double cox_gap(const Risk* R, const Point* P, Py_ssize_t m, const double* t, const double* b, double l1, double l2, const double* f1,
                    const double* f2, double null) noexcept nogil:
    """P(b) − max_s D(s ∇F): the distance of the scaled gradient on the loss, and Fenchel–Young of the penalty."""
    cdef double plain = 0, augmented = 0, s, best
    limits(m, t, b, l1, l2, f1, f2, &plain, &augmented)
    s = min(1.0, 1 / plain) if plain > 0 else 1.0
    best = risk_distance(R, P, s) + penalty_gap(m, t, b, s, l1, l2, f1, f2, null)
    if augmented * s > 1:
        s = 1 / augmented
        best = min(best, risk_distance(R, P, s) + penalty_gap(m, t, b, s, l1, l2, f1, f2, null))
    return max(best, 0.0) if best > -1e-8 * null else inf  # NaN, or far below nought: no certificate of anything


def certify(RiskSets sets, RiskSets full, const Py_ssize_t[::1] who, const double[:, :, ::1] eta, const double[:, :, ::1] T,
            const double[:, :, ::1] coef, const Py_ssize_t[::1] pointer, const Py_ssize_t[::1] columns, const double[:, ::1] l1,
            const double[:, ::1] l2, const double[:, ::1] f1, const double[:, ::1] f2, const Py_ssize_t[::1] factor_row,
            const unsigned char[::1] barred, const Py_ssize_t[::1] lengths, const double[::1] null):
    """Relative gaps (k, L) of what ``CoxPaths.solve`` gave, from the gradients T (k, L, p) over all columns; F (k, L) of each problem, and
    of problem 0 of ``full`` (or None) at the same linear predictors.

    A coefficient without any penalty (f1 = f2 = 0, or alpha = 0) has a conjugate that is infinite but at 0: there the conjugate over
    the box |b_j| ≤ 2 (|b_j| + √(2·null)) is taken, columns being of size one, so that the number is a KKT violation in units of the
    objective, and zero exactly where the KKT conditions hold.
    """
    cdef Py_ssize_t k = eta.shape[0], L = eta.shape[1], n = eta.shape[2], p = T.shape[2], i, l, j
    cdef Point P
    cdef double[:, ::1] gap = np.full((k, L), np.nan), value = np.full((k, L), np.nan), other = np.full((k, L), np.nan)
    cdef double[::1] b = np.zeros(max(p, 1)), g1 = np.zeros(max(p, 1)), g2 = np.zeros(max(p, 1)), t = np.zeros(max(p, 1))
    cdef const Risk* R
    if point_open(&P, n):
        raise MemoryError("certify: no room for a point")
    with nogil:
        for i in range(k):
            R = &sets.risks[who[i]]
            for j in range(p):                              # what is left out costs nothing and violates nothing
                g1[j] = 1.0 if barred[j] else f1[factor_row[i], j]
                g2[j] = f2[factor_row[i], j]
            for l in range(lengths[i]):
                memcpy(P.eta, &eta[i, l, 0], n * sizeof(double))
                if full is not None:
                    other[i, l] = risk_value(&full.risks[0], &P)
                value[i, l] = risk_value(R, &P)
                for j in range(p):
                    t[j] = 0 if barred[j] else T[i, l, j]
                for j in range(pointer[i], pointer[i + 1]):
                    b[columns[j]] = coef[i, l, j - pointer[i]]
                gap[i, l] = cox_gap(R, &P, p, &t[0], &b[0], l1[i, l], l2[i, l], &g1[0], &g2[0], null[i]) / null[i]
                if not value[i, l] - value[i, l] == 0:
                    gap[i, l] = inf
                for j in range(pointer[i], pointer[i + 1]):
                    b[columns[j]] = 0
        point_close(&P)
    return np.asarray(gap), np.asarray(value), np.asarray(other)
