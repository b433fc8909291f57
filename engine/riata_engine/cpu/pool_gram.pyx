# Gram matrices that grow: of the columns in play of a working set, as they come in. Rows are packed a stretch at a time, the columns
# that are new twice: as rows and as columns of the products (panels.pyx).
from cython.parallel cimport prange, threadid
from libc.math cimport sqrt
from libc.string cimport memcpy
from riata_engine.cpu.control cimport Control, Signal, poll, worth
from riata_engine.cpu.control import Stopped
from riata_engine.cpu.design cimport Columns, Design
from riata_engine.cpu.gram_entries cimport triangle_row
from riata_engine.cpu.pages cimport riata_pages_free, riata_pages_get
from riata_engine.cpu.panels cimport CHUNK, PANEL, STRETCH, TRIPLE, pack_some, tile_at

cdef extern from "riata_simd.h":
    ctypedef void cloned_void "RIATA_CLONED_VOID"
    int riata_simd_level() noexcept nogil

cdef enum:
    HEIGHT = 12 * PANEL                    # of a task in new columns, and its width in all
    WIDTH = 8 * TRIPLE
    SHARE = 32                             # rows of a task without products


def gram_rows(Design design, const Py_ssize_t[::1] columns, rows, v, Py_ssize_t old, double[:, ::1] out, double factor,
              Control control, int n_threads=1):
    """out[i, j] = factor·(Zᵀ V Z)[old + i, j] for j ≤ old + i: the rows of a Gram matrix of m columns behind the first ``old``.

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
    out : (m − old, at least m)
        Comes as zeros; right of what is asked for anything may stand in it.
    """
    cdef Py_ssize_t m = columns.shape[0], new = m - old, ldc = out.shape[1]
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
        raise ValueError("gram_rows takes a dense design with contiguous columns")
    cdef double* A = <double*>riata_pages_get(STRETCH * (room + low + 1) * sizeof(double))
    cdef double* B = A + STRETCH * room
    cdef double* root = B + STRETCH * low if weight is not None else NULL
    cdef const Py_ssize_t* take
    if A == NULL:
        raise MemoryError("gram_rows: no room for the packed columns")
    n_threads = worth(2.0 * count * new * m, n_threads)
    r0 = 0
    while r0 < count and signal.stop == 0:
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
                    multiply(A, B, here, HEIGHT * (task // across), WIDTH * (task % across), old, new, &out[0, 0], ldc, level)
                if threadid() == 0:
                    poll(signal, handle)
        r0 += STRETCH
    riata_pages_free(A)
    if signal.stop:
        raise Stopped
    if factor != 1:
        with nogil:
            for task in prange((new + SHARE - 1) // SHARE, num_threads=n_threads, schedule="dynamic"):
                scale(&out[0, 0], ldc, old, SHARE * task, min(new, SHARE * (task + 1)), factor)


cdef cloned_void scale(double* out, Py_ssize_t ld, Py_ssize_t old, Py_ssize_t i0, Py_ssize_t i1, double factor) noexcept nogil:
    cdef Py_ssize_t i, j
    for i in range(i0, i1):
        for j in range(old + i + 1):
            out[i * ld + j] *= factor


cdef void multiply(const double* A, const double* B, Py_ssize_t rows, Py_ssize_t i0, Py_ssize_t j0, Py_ssize_t old, Py_ssize_t new,
                   double* C, Py_ssize_t ldc, int level) noexcept nogil:
    """C[i, j] += BᵀA for up to HEIGHT new columns i and WIDTH columns j ≤ old + i. Above the diagonal C may be written too."""
    cdef Py_ssize_t i = i0, j, end
    while i < min(new, i0 + HEIGHT):
        end = min(min(old + new, j0 + WIDTH), (old + i + 2 * PANEL - 1) // PANEL * PANEL)
        j = j0
        while j < end:
            tile_at(A + j * rows, PANEL * rows, j, min(TRIPLE, end - j), B + i * rows, i, new, rows, C, ldc, level)
            j += TRIPLE
        i += PANEL


cdef cloned_void fold_rows(double* part, Py_ssize_t ld, const double* whole, double weight, const double* d, Py_ssize_t old,
                           Py_ssize_t i0, Py_ssize_t i1) noexcept nogil:
    cdef Py_ssize_t i, j
    for i in range(i0, i1):
        for j in range(old + i + 1):
            part[i * ld + j] = (part[i * ld + j] + whole[i * ld + j]) / weight - d[old + i] * d[j]


def finish_folds(double[:, :, ::1] parts, const double[:, ::1] whole, const double[::1] weights, const double[:, ::1] d,
                 Py_ssize_t old, int n_threads=1):
    """parts[k, i, j] = (whole + part) / weight − d dᵀ for j ≤ old + i, where parts hold −part: the Gram rows of a fold's training rows."""
    cdef Py_ssize_t k, t, K = parts.shape[0], new = parts.shape[1], tasks = (new + SHARE - 1) // SHARE
    n_threads = worth(10.0 * K * new * parts.shape[2], n_threads)
    with nogil:
        for t in prange(K * tasks, num_threads=n_threads, schedule="static"):
            k = t // tasks
            fold_rows(&parts[k, 0, 0], parts.shape[2], &whole[0, 0], weights[k], &d[k, 0], old, SHARE * (t - k * tasks),
                      min(new, SHARE * (t - k * tasks) + SHARE))


def keep_rows(const double[:, ::1] rows, double[::1] C, Py_ssize_t old):
    """Append rows (new, at least old + new) to a triangle C of ``old`` rows (gram_entries.pxd)."""
    cdef Py_ssize_t i
    if triangle_row(old + rows.shape[0]) > C.shape[0] or rows.shape[1] < old + rows.shape[0]:
        raise ValueError("keep_rows: no room for the rows, or rows without their diagonal")
    with nogil:
        for i in range(rows.shape[0]):
            memcpy(&C[triangle_row(old + i)], &rows[i, 0], (old + i + 1) * sizeof(double))


def triangle_size(Py_ssize_t m):
    """Numbers that a triangle of m rows takes (gram_entries.pxd)."""
    return triangle_row(m)
