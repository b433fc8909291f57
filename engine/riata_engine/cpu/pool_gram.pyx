# Gram matrices that grow: of the columns in play of a working set, as they come in. Rows are packed a stretch at a time, the columns
# that are new twice: as rows and as columns of the products (panels.pyx).
import numpy as np
from cython.parallel cimport prange, threadid
from libc.math cimport sqrt
from riata_engine.cpu.control cimport Control, Signal, poll, worth
from riata_engine.cpu.control import Stopped
from riata_engine.cpu.design cimport Columns, Design
from riata_engine.cpu.panels cimport CHUNK, PANEL, STRETCH, TRIPLE, pack_some, tile_at

cdef extern from "riata_simd.h":
    ctypedef void cloned_void "RIATA_CLONED_VOID"
    int riata_simd_level() noexcept nogil

cdef enum:
    HEIGHT = 12 * PANEL                    # of a task in new columns, and its width in all
    WIDTH = 8 * TRIPLE
    SQUARE = 32                            # of C that is turned at a time


cdef cloned_void scale_and_mirror(double* C, Py_ssize_t ld, Py_ssize_t i0, Py_ssize_t i1, double factor) noexcept nogil:
    cdef Py_ssize_t i, j, J
    for J in range((i1 + SQUARE - 1) // SQUARE):
        for i in range(i0, i1):
            for j in range(SQUARE * J, min(SQUARE * J + SQUARE, i + 1)):
                C[i * ld + j] *= factor
                C[j * ld + i] = C[i * ld + j]


def extend(Design design, const Py_ssize_t[::1] columns, rows, v, Py_ssize_t old, double[:, ::1] C, double factor, Control control,
           int n_threads=1):
    """C[old:m, :m] and its mirror = factor·Zᵀ V Z of m columns, where those of the first ``old`` are in C already and the rest is 0.

    An entry is a sum down the rows, a stretch at a time: its bits do not depend on when its columns came in.

    Parameters
    ----------
    design : Design
        Dense, with contiguous columns.
    columns : (m,)
    rows : int array or None
        The rows of the sum (None: all).
    v : (n,) array or None
        Row weights ≥ 0 (None: ones).
    C : (room, room), room ≥ m
    """
    cdef Py_ssize_t m = columns.shape[0], new = m - old, ldc = C.shape[1]
    cdef Py_ssize_t count = design.view.n if rows is None else len(rows), r0, here, i, task
    cdef Py_ssize_t room = (m + PANEL - 1) // PANEL * PANEL, low = (new + PANEL - 1) // PANEL * PANEL
    cdef Py_ssize_t wide = (m + PANEL * CHUNK - 1) // (PANEL * CHUNK), narrow = (new + PANEL * CHUNK - 1) // (PANEL * CHUNK)
    cdef Py_ssize_t down = (new + HEIGHT - 1) // HEIGHT, across = (m + WIDTH - 1) // WIDTH
    cdef Columns* X = &design.view
    cdef Signal* signal = &control.signal
    cdef void* handle = <void*>control
    cdef int level = riata_simd_level()
    cdef const Py_ssize_t[::1] chosen = rows
    cdef const double[::1] weight = v
    if new <= 0:
        return
    if X.sparse or X.row != 1:
        raise ValueError("extend takes a dense design with contiguous columns")
    cdef double[::1] numbers = np.empty(STRETCH * (room + low + 1))
    cdef double* A = &numbers[0]
    cdef double* B = A + STRETCH * room
    cdef double* root = B + STRETCH * low if weight is not None else NULL
    cdef const Py_ssize_t* take
    n_threads = worth(2.0 * count * new * m, n_threads)
    for r0 in range(0, count, STRETCH):
        here = min(STRETCH, count - r0)
        take = &chosen[r0] if chosen is not None else NULL
        with nogil:
            for i in range(here if root != NULL else 0):         # on both sides: a product of two columns is the same in either order
                root[i] = sqrt(weight[take[i] if take != NULL else r0 + i])
            for task in prange(wide + narrow, num_threads=n_threads, schedule="static"):
                if task < wide:
                    pack_some(X, &columns[0], take, r0, here, PANEL * CHUNK * task, min(m, PANEL * CHUNK * (task + 1)), A, root)
                else:
                    pack_some(X, &columns[old], take, r0, here, PANEL * CHUNK * (task - wide), min(new, PANEL * CHUNK * (task - wide + 1)),
                              B, root)
            for task in prange(down * across, num_threads=n_threads, schedule="dynamic"):
                if signal.stop == 0:
                    multiply(A, B, here, HEIGHT * (task // across), WIDTH * (task % across), old, new, &C[0, 0], ldc, level)
                if threadid() == 0:
                    poll(signal, handle)
        if signal.stop:
            raise Stopped
    with nogil:
        for task in prange((new + SQUARE - 1) // SQUARE, num_threads=n_threads, schedule="dynamic"):
            scale_and_mirror(&C[0, 0], ldc, old + SQUARE * task, min(m, old + SQUARE * (task + 1)), factor)


cdef void multiply(const double* A, const double* B, Py_ssize_t rows, Py_ssize_t i0, Py_ssize_t j0, Py_ssize_t old, Py_ssize_t new,
                   double* C, Py_ssize_t ldc, int level) noexcept nogil:
    """C[old + i, j] += BᵀA for up to HEIGHT new columns i and WIDTH columns j ≤ old + i. Above the diagonal C may be written too."""
    cdef Py_ssize_t i = i0, j, end
    while i < min(new, i0 + HEIGHT):
        end = min(min(old + new, j0 + WIDTH), (old + i + 2 * PANEL - 1) // PANEL * PANEL)
        j = j0
        while j < end:
            tile_at(A + j * rows, PANEL * rows, j, min(TRIPLE, end - j), B + i * rows, i, new, rows, C + old * ldc, ldc, level)
            j += TRIPLE
        i += PANEL


cdef cloned_void fold_rows(double* C, Py_ssize_t ld, const double* whole, double weight, const double* d, Py_ssize_t old,
                           Py_ssize_t i0, Py_ssize_t i1, Py_ssize_t m) noexcept nogil:
    cdef Py_ssize_t i, j, j0
    cdef double v
    for j0 in range((m + SQUARE - 1) // SQUARE):                         # in blocks, for the sake of the mirror image
        for i in range(i0, i1):
            for j in range(SQUARE * j0, min(SQUARE * j0 + SQUARE, i + 1)):
                v = (C[i * ld + j] + whole[(i - old) * m + j]) / weight - d[i] * d[j]
                C[i * ld + j] = v
                C[j * ld + i] = v


def finish_folds(double[:, :, ::1] C, const double[:, ::1] whole, const double[::1] weights, const double[:, ::1] d, Py_ssize_t old,
                 Py_ssize_t m, int n_threads=1):
    """C[k, old:m, :m] = (whole − part) / weight − d dᵀ and its mirror, where C holds −part: the Gram matrix of a fold's training rows."""
    cdef Py_ssize_t k, t, K = C.shape[0], tiles = (m - old + SQUARE - 1) // SQUARE
    n_threads = worth(10.0 * K * (m - old) * m, n_threads)
    with nogil:
        for t in prange(K * tiles, num_threads=n_threads, schedule="static"):
            k = t // tiles
            fold_rows(&C[k, 0, 0], C.shape[1], &whole[0, 0], weights[k], &d[k, 0], old, old + SQUARE * (t - k * tiles),
                      min(m, old + SQUARE * (t - k * tiles) + SQUARE), m)
