# Harrell's concordance index in O(n log n): rows come in by falling time, each death asks a tree of partial sums (Fenwick 1994, "A new
# data structure for cumulative frequency tables") how much weight stands below and above its score.
import numpy as np
from cython.parallel cimport prange
from libc.stdlib cimport calloc, free


cdef inline double weight_below(const double* tree, Py_ssize_t at) noexcept nogil:
    """Weight of ranks 0 … at − 1."""
    cdef double total = 0
    while at > 0:
        total += tree[at]
        at -= at & -at
    return total


cdef inline void put(double* tree, Py_ssize_t ranks, Py_ssize_t rank, double weight) noexcept nogil:
    rank += 1
    while rank <= ranks:
        tree[rank] += weight
        rank += rank & -rank


cdef int count_one(const double* time, const unsigned char* death, const Py_ssize_t* stratum, const double* w, const Py_ssize_t* rank,
                   Py_ssize_t n, double* tree, double* concordant, double* discordant, double* tied) noexcept nogil:
    cdef Py_ssize_t i = 0, j, k, came = 0
    cdef double present = 0, low, upto
    concordant[0] = discordant[0] = tied[0] = 0
    while i < n:
        if i > 0 and stratum[i] != stratum[i - 1]:
            for k in range(came, i):
                put(tree, n, rank[k], -w[k])
            came, present = i, 0
        j = i
        while j < n and time[j] == time[i] and stratum[j] == stratum[i]:
            if not death[j]:                                # outlives the deaths of its time
                put(tree, n, rank[j], w[j])
                present += w[j]
            j += 1
        for k in range(i, j):
            if death[k] and w[k] > 0:
                low = weight_below(tree, rank[k])
                upto = weight_below(tree, rank[k] + 1)
                concordant[0] += w[k] * low
                tied[0] += w[k] * (upto - low)
                discordant[0] += w[k] * (present - upto)
        for k in range(i, j):
            if death[k]:
                put(tree, n, rank[k], w[k])
                present += w[k]
        i = j
    return 0


def concordance_counts(const double[::1] time, const unsigned char[::1] death, const Py_ssize_t[::1] stratum,
                       const double[:, ::1] weights, const Py_ssize_t[:, ::1] rank, int n_threads=1):
    """(k, 3) weights of concordant, discordant and tied pairs of k scores with weights (k, n).

    Rows in the order of strata, then of falling time; ``rank`` (k, n) are ranks of the scores from 0, equal for equal scores. A pair
    counts w_i w_j where the one with the shorter time, or of equal times the one of two, is a death.
    """
    cdef Py_ssize_t k = rank.shape[0], n = rank.shape[1], i
    cdef double[:, ::1] out = np.zeros((k, 3))
    cdef double* tree
    cdef int failed = 0
    for i in prange(k, nogil=True, num_threads=max(1, n_threads), schedule="dynamic"):
        tree = <double*>calloc(n + 1, sizeof(double))
        if tree == NULL:
            failed = 1
        else:
            count_one(&time[0], &death[0], &stratum[0], &weights[i, 0], &rank[i, 0], n, tree, &out[i, 0], &out[i, 1], &out[i, 2])
            free(tree)
    if failed:
        raise MemoryError("concordance: no room for the ranks")
    return np.asarray(out)
