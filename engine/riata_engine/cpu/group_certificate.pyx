# What the certificate of a path of group penalties takes: dual norms, conjugates and penalties of all groups, from slopes Zᵀr and
# coefficients whose features stand group by group. solvers/group_path.py makes the gap of them.
import numpy as np
from libc.math cimport fabs, sqrt, INFINITY as inf

include "../formulas/penalties.py"
include "../formulas/groups.py"
include "group_norms.pxi"


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
