# Moments of the columns of a CSC matrix; the zeros that are not stored count too.
import numpy as np
from cython cimport floating


def sparse_moments(X, const double[::1] v, const double[::1] factor):
    """Mean and variance of each column of X·factor under weights v (Σ v = 1)."""
    indptr = np.ascontiguousarray(X.indptr, dtype=np.int64)
    indices = np.ascontiguousarray(X.indices, dtype=np.int32)
    mean, variance = np.zeros(X.shape[1]), np.zeros(X.shape[1])
    _moments(np.ascontiguousarray(X.data), indptr, indices, v, factor, mean, variance)
    return mean, variance


def _moments(const floating[::1] values, const long long[::1] indptr, const int[::1] indices, const double[::1] v,
             const double[::1] factor, double[::1] mean, double[::1] variance):
    cdef Py_ssize_t j
    cdef long long a
    cdef double total, stored, d
    with nogil:
        for j in range(mean.shape[0]):
            total = 0
            stored = 0
            for a in range(indptr[j], indptr[j + 1]):
                total += v[indices[a]] * (values[a] * factor[j])
                stored += v[indices[a]]
            mean[j] = total
            # the zeros that are not stored: none in a full column, whose Σ v need not be one to the last bit
            d = (1 - stored) * total * total if stored < 1 and indptr[j + 1] - indptr[j] < v.shape[0] else 0
            for a in range(indptr[j], indptr[j + 1]):
                d += v[indices[a]] * (values[a] * factor[j] - total) * (values[a] * factor[j] - total)
            variance[j] = d
