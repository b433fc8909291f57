# Gram matrices of the rows with curvature, one for each problem: Σ c z zᵀ over a set of rows that changes little from one Newton step to
# the next, so that only rows that enter or leave are added or taken off. Rows are summed in segments of fixed size, each on one thread,
# and segments in their order: the bits do not depend on the number of threads. (Rounding that up- and down-dates leave only makes a
# step a little less exact: gradients never come from here.)
import numpy as np
from cython.parallel cimport prange
from libc.math cimport sqrt
from libc.stdlib cimport malloc, free
from libc.string cimport memset
from riata_engine.cpu.control cimport Control, Signal, poll, worth
from riata_engine.cpu.control import Stopped
from riata_engine.cpu.design cimport Columns, Design, pack
from riata_engine.cpu.gram cimport gram_of_rows, room_for_rows

cdef extern from "riata_simd.h":
    ctypedef void cloned_void "RIATA_CLONED_VOID"

cdef enum:
    SEGMENT = 4096                         # rows of a task
    TILE = 1024                            # rows of a sparse X that are unpacked at a time
    REFRESH = 30                           # times the rows of a matrix that may have come and gone before it is summed afresh


cdef struct Task:
    Py_ssize_t problem, first, count       # rows first … first + count of the list
    double sign


cdef cloned_void add(const double* x, double sign, Py_ssize_t n, double* y) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        y[i] += sign * x[i]


cdef int sparse_gram(const Columns* X, const double* ones, const double* noughts, const Py_ssize_t* rows, Py_ssize_t n,
                     const double* root, double* room, double* C, double* c) noexcept nogil:
    """``gram_of_rows`` of a sparse X, unpacked a tile at a time; rows ascend. Non-zero when memory is short."""
    cdef Py_ssize_t at = 0, end, r0, p = X.p
    cdef Py_ssize_t local[TILE]
    cdef Columns part, target
    cdef double* z = <double*>malloc(TILE * p * sizeof(double))
    if z == NULL:
        return 1
    part.n, part.p, part.sparse, part.single, part.row = TILE, p, False, False, 1
    part.data, part.center, part.multiplier = <const char*>z, noughts, ones
    target.n, target.p, target.sparse, target.single, target.row, target.col = TILE, 1, False, False, 1, TILE
    target.data, target.center, target.multiplier = <const char*>ones, noughts, ones
    while at < n:
        r0 = rows[at]
        end = at
        while end < n and rows[end] < r0 + TILE:
            local[end - at] = rows[end] - r0
            end += 1
        part.col = rows[end - 1] - r0 + 1
        pack(X, r0, r0 + part.col, NULL, 0, p, z, part.col)
        gram_of_rows(&part, &target, local, end - at, root + at, room, C, c)
        at = end
    free(z)
    return 0


cdef class ZoneGrams:
    """Σ c z zᵀ, Σ c z and Σ c over a set of rows for each of K problems.

    Parameters
    ----------
    design : Design
    c : (1 or K, n) weights
    K : int
    """

    def __init__(self, Design design, c, Py_ssize_t K):
        q, n = design.view.p, design.view.n
        self.design, self.c = design, c
        self.C, self.s, self.total = np.zeros((K, q, q)), np.zeros((K, q)), np.zeros(K)
        self.held = np.zeros((K, n), np.uint8)
        self.moved = np.zeros(K, np.intp)

    def changed(self, const Py_ssize_t[::1] members, zone):
        """How many rows of ``zone`` (K, n) the matrices of the given members lack or have too many."""
        return np.count_nonzero(np.asarray(self.held)[members] != zone[members], axis=1)

    def mean_square(self):
        """(K,) mean of the diagonals."""
        return np.einsum("kjj->k", self.C) / max(1, self.design.view.p)

    def update(self, const Py_ssize_t[::1] members, const unsigned char[:, ::1] zone, Control control, int n_threads=1):
        """Bring the matrices of the given members to the rows of ``zone`` (K, n)."""
        cdef Py_ssize_t n = self.design.view.n, q = self.design.view.p, K = members.shape[0], m, k, i, here, t, w, at = 0
        cdef Py_ssize_t tasks = 0, sign, wave
        cdef unsigned char[:, ::1] held = self.held
        cdef double[:, :, ::1] C = self.C
        cdef double[:, ::1] s = self.s
        cdef double[::1] total = self.total
        cdef const double* c
        cdef Columns* X = &self.design.view
        cdef Columns target
        cdef Signal* signal = &control.signal
        cdef void* handle = <void*>control
        cdef bint fresh
        cdef int failed = 0
        if K == 0 or n == 0 or q == 0:
            return
        changes = self.changed(members, np.asarray(zone))
        sizes = np.count_nonzero(np.asarray(zone)[members], axis=1)
        most = np.where(np.asarray(self.moved)[members] + changes > REFRESH * sizes, sizes, np.minimum(changes, sizes))
        cdef const Py_ssize_t[::1] change = changes, size = sizes
        cdef Py_ssize_t[::1] rows = np.empty(int(np.maximum(most, 1).sum()), np.intp)
        cdef double[::1] root = np.empty(rows.shape[0])
        cdef Py_ssize_t bound = rows.shape[0] // SEGMENT + 2 * K + 1     # a task for each full segment, two that are not
        cdef Task* task = <Task*>malloc(bound * sizeof(Task))
        cdef Py_ssize_t need = max(n, q, <Py_ssize_t>TILE)
        cdef double[::1] one = np.ones(need), nought = np.zeros(need)
        if task == NULL:
            raise MemoryError("update: no room for its tasks")
        target.n, target.p, target.sparse, target.single, target.row, target.col = n, 1, False, False, 1, n
        target.data, target.center, target.multiplier = <const char*>&one[0], &nought[0], &one[0]
        with nogil:
            for m in range(K):
                k = members[m]
                c = &self.c[k if self.c.shape[0] > 1 else 0, 0]
                if change[m] == 0:
                    continue
                fresh = change[m] >= size[m] or self.moved[k] + change[m] > REFRESH * size[m]
                if fresh:
                    memset(&C[k, 0, 0], 0, q * q * sizeof(double))
                    memset(&s[k, 0], 0, q * sizeof(double))
                    total[k] = 0
                    memset(&held[k, 0], 0, n)
                    self.moved[k] = 0
                else:
                    self.moved[k] += change[m]
                for sign in range(2):                            # entering, then leaving
                    here = 0
                    for i in range(n):
                        if zone[k, i] != held[k, i] and (zone[k, i] != 0) == (sign == 0):
                            if here == 0:
                                task[tasks].problem, task[tasks].first, task[tasks].sign = k, at, 1 - 2 * sign
                            rows[at] = i
                            root[at] = sqrt(c[i])
                            total[k] += c[i] * (1 - 2 * sign)
                            at += 1
                            here += 1
                            if here == SEGMENT:
                                task[tasks].count = here
                                tasks += 1
                                here = 0
                    if here:
                        task[tasks].count = here
                        tasks += 1
                for i in range(n):
                    held[k, i] = zone[k, i]
        self.rows_summed += at
        n_threads = <int>min(<double>worth(<double>at * q * q, n_threads), max(<double>tasks, 1.0))
        cdef double[:, ::1] part = np.empty((n_threads, q * q + q))
        cdef Py_ssize_t space = room_for_rows(q, 1)
        cdef double[:, ::1] room = np.empty((n_threads, space))
        with nogil:
            w = 0
            while w < tasks and failed == 0 and signal.stop == 0:
                wave = min(<Py_ssize_t>n_threads, tasks - w)
                for t in prange(wave, num_threads=n_threads, schedule="static"):
                    memset(&part[t, 0], 0, (q * q + q) * sizeof(double))
                    if X.sparse:
                        if sparse_gram(X, &one[0], &nought[0], &rows[task[w + t].first], task[w + t].count, &root[task[w + t].first],
                                       &room[t, 0], &part[t, 0], &part[t, q * q]):
                            failed = 1
                    else:
                        gram_of_rows(X, &target, &rows[task[w + t].first], task[w + t].count, &root[task[w + t].first], &room[t, 0],
                                     &part[t, 0], &part[t, q * q])
                for t in range(wave):
                    k = task[w + t].problem
                    add(&part[t, 0], task[w + t].sign, q * q, &C[k, 0, 0])
                    add(&part[t, q * q], task[w + t].sign, q, &s[k, 0])
                w += n_threads
                poll(signal, handle)
        free(task)
        if failed:
            raise MemoryError("update: no room for a tile")
        if signal.stop:
            raise Stopped
