# What is known of X before it is a design: the largest entry of every column, its mean and its variance. Columns are shared out
# in tiles of fixed size, and a column's sums run on one thread: the bits do not depend on the number of threads.
import numpy as np
from cython cimport floating
from cython.parallel cimport prange, threadid
from libc.float cimport DBL_MAX, FLT_MAX
from libc.math cimport sqrt
from libc.string cimport memcpy, memset
from riata_engine.cpu.control cimport Control, Signal, poll, worth
from riata_engine.cpu.control import Stopped
from riata_engine.cpu.design cimport entries
from riata_engine.cpu.scale cimport power_below, units_of

cdef extern from "riata_simd.h":
    ctypedef void cloned_void "RIATA_CLONED_VOID"

cdef enum:
    NARROW = 16                            # columns a tile
    WIDE = 256                             # where rows are contiguous: short pieces of rows are read at half the speed

cdef double LARGEST = 1e300
cdef double SCARCE = 1e-3                  # unstored rows of a sparse column of less weight than this are added up one by one

cdef Py_ssize_t tile_width(const Raw* X) noexcept nogil:
    return WIDE if X.row > X.col > 0 else NARROW


cdef object look(X, Raw* raw):
    """Fill ``raw``; returns what must live as long as it is used."""
    cdef const long long[::1] indptr
    cdef const int[::1] indices
    raw.n, raw.p = X.shape
    raw.sparse = not isinstance(X, np.ndarray)
    values = np.ascontiguousarray(X.data) if raw.sparse else X
    raw.single = values.dtype == np.float32
    raw.indptr, raw.indices, keep = NULL, NULL, values
    if raw.sparse:
        keep = np.ascontiguousarray(X.indptr, dtype=np.int64), np.ascontiguousarray(X.indices, dtype=np.int32), values
        indptr, indices = keep[0], keep[1]
        raw.indptr = &indptr[0]
        raw.indices = &indices[0] if indices.shape[0] else NULL
    raw.data = entries(values, &raw.row, &raw.col)
    raw.tile = tile_width(raw)
    return keep


cdef fused bits:                           # of a float and of a double
    int
    long long


cdef cloned_void largest_bits(const bits* x, Py_ssize_t n, bits* out) noexcept nogil:
    """The largest |x| of a column as its bits: without the sign these have the order of the numbers, infinity and then NaN at the end.

    Comparisons of the numbers themselves lose a NaN, and sums such as x·0 do not survive -fassociative-math.
    """
    cdef bits lane[32]
    cdef bits a, mask = ~(<bits>1 << (8 * sizeof(bits) - 1))
    cdef Py_ssize_t i, k, width = 16
    for k in range(32):
        lane[k] = 0
    for i in range(0, n - n % 32, 32):                 # side by side, or each comparison waits for the one before it
        for k in range(32):
            a = x[i + k] & mask
            lane[k] = a if a > lane[k] else lane[k]
    for k in range(n % 32):
        a = x[n - n % 32 + k] & mask
        lane[k] = a if a > lane[k] else lane[k]
    while width > 0:
        for k in range(width):
            lane[k] = lane[k + width] if lane[k + width] > lane[k] else lane[k]
        width //= 2
    out[0] = lane[0]


cdef cloned_void largest_bits_of_rows(const bits* x, Py_ssize_t row, Py_ssize_t n, Py_ssize_t p, bits* largest) noexcept nogil:
    """``largest_bits`` of p columns, whose entries are ``row`` apart, side by side: ``largest`` goes on from what it holds."""
    cdef bits a, mask = ~(<bits>1 << (8 * sizeof(bits) - 1))
    cdef Py_ssize_t i, j
    for i in range(n):
        for j in range(p):
            a = x[i * row + j] & mask
            largest[j] = a if a > largest[j] else largest[j]


cdef inline void judge(const bits* size, Py_ssize_t p, floating top, double* largest, double* bad) noexcept nogil:
    """Sizes from their bits, at most ``top``; what is beyond it is bad."""
    cdef Py_ssize_t j
    cdef floating a
    for j in range(p):
        memcpy(&a, size + j, sizeof(floating))
        bad[j] = 0 if a <= top else 1
        largest[j] = a if a <= top else top


cdef void scan_rows(const floating* x, Py_ssize_t row, Py_ssize_t col, Py_ssize_t n, Py_ssize_t p, double* largest,
                    double* bad) noexcept nogil:
    """``scan_columns`` of at most ``WIDE`` columns where a column is not contiguous."""
    cdef Py_ssize_t i, j
    cdef floating a, top = FLT_MAX if floating is float else DBL_MAX
    cdef long long room[WIDE]                              # of floats half of it
    if col == 1:
        memset(room, 0, sizeof(room))
        if floating is float:
            largest_bits_of_rows(<const int*>x, row, n, p, <int*>room)
            judge(<const int*>room, p, top, largest, bad)
        else:
            largest_bits_of_rows(<const long long*>x, row, n, p, room)
            judge(<const long long*>room, p, top, largest, bad)
        return
    for i in range(n):
        for j in range(p):
            a = x[i * row + j * col]
            largest[j] = max(largest[j], a if a >= 0 else -a)
            bad[j] += 0 if -top <= a <= top else 1


cdef void scan_columns(const floating* x, Py_ssize_t row, Py_ssize_t col, Py_ssize_t n, Py_ssize_t p, double* largest,
                       double* bad) noexcept nogil:
    """largest[j] = max |x_ij|; bad[j] is positive where there are NaNs and infinities."""
    cdef Py_ssize_t j
    cdef floating top = FLT_MAX if floating is float else DBL_MAX
    cdef int single = 0
    cdef long long wide = 0
    if row != 1:
        scan_rows(x, row, col, n, p, largest, bad)
        return
    for j in range(p):
        if floating is float:
            largest_bits(<const int*>(x + j * col), n, &single)
            judge(&single, 1, top, largest + j, bad + j)
        else:
            largest_bits(<const long long*>(x + j * col), n, &wide)
            judge(&wide, 1, top, largest + j, bad + j)


cdef void scan_tile(const Raw* X, Py_ssize_t t, double* largest, double* bad) noexcept nogil:
    cdef Py_ssize_t j0 = t * X.tile, j1 = min(X.p, j0 + X.tile), j
    if X.sparse:
        for j in range(j0, j1):
            if X.single:
                scan_columns[float](<const float*>X.data + X.indptr[j], 1, 0, X.indptr[j + 1] - X.indptr[j], 1, largest + j, bad + j)
            else:
                scan_columns[double](<const double*>X.data + X.indptr[j], 1, 0, X.indptr[j + 1] - X.indptr[j], 1, largest + j, bad + j)
    elif X.single:
        scan_columns[float](<const float*>X.data + j0 * X.col, X.row, X.col, X.n, j1 - j0, largest + j0, bad + j0)
    else:
        scan_columns[double](<const double*>X.data + j0 * X.col, X.row, X.col, X.n, j1 - j0, largest + j0, bad + j0)


def scan(X, Control control, int n_threads=1):
    """(largest |x| of each column, index of the first column with a NaN or an infinity or -1), one pass, no copy.

    Raises
    ------
    Stopped
        If ``control`` was told to stop.
    """
    cdef Raw raw
    cdef Signal* signal = &control.signal
    cdef void* handle = <void*>control
    keep = look(X, &raw)
    cdef Py_ssize_t t, j, tiles = (raw.p + raw.tile - 1) // raw.tile
    rows = np.zeros((2, raw.p))
    if raw.n == 0 or raw.p == 0:
        return rows[0], -1
    cdef double[:, ::1] out = rows
    cdef double* largest = &out[0, 0]
    cdef double* bad = &out[1, 0]
    n_threads = min(worth(<double>raw.n * raw.p, n_threads), <int>min(tiles, <Py_ssize_t>1 << 20))      # a thread without a tile spins
    for t in prange(tiles, num_threads=n_threads, schedule="dynamic", nogil=True):
        if signal.stop == 0:
            scan_tile(&raw, t, largest, bad)
        if threadid() == 0:
            poll(signal, handle)
    del keep
    if signal.stop:
        raise Stopped
    for j in range(raw.p):
        if bad[j] > 0:
            return rows[0], j
    return rows[0], -1


cdef cloned_void dense_moments(const floating* x, Py_ssize_t row, Py_ssize_t col, Py_ssize_t n, Py_ssize_t p, const double* v,
                               double* mean, double* variance, const double* factor) noexcept nogil:
    cdef Py_ssize_t i, j
    cdef double a, d
    cdef const floating* u
    if row == 1:
        for j in range(p):
            u = x + j * col
            a = 0
            for i in range(n):
                a += v[i] * (u[i] * factor[j])
            mean[j] = a
            d = 0
            for i in range(n):
                d += v[i] * (u[i] * factor[j] - a) * (u[i] * factor[j] - a)
            variance[j] = d
    else:
        for i in range(n):
            for j in range(p):
                mean[j] += v[i] * (x[i * row + j * col] * factor[j])
        for i in range(n):
            for j in range(p):
                d = x[i * row + j * col] * factor[j] - mean[j]
                variance[j] += v[i] * d * d


cdef void sparse_moments(const floating* values, const long long* indptr, const int* indices, Py_ssize_t n, Py_ssize_t j0,
                         Py_ssize_t j1, const double* v, double* mean, double* variance, const double* factor) noexcept nogil:
    """The same of the columns of a CSC matrix; the zeros that are not stored count too."""
    cdef Py_ssize_t j
    cdef Py_ssize_t i
    cdef long long a
    cdef double total, stored, rest, d
    for j in range(j0, j1):
        total = 0
        stored = 0
        for a in range(indptr[j], indptr[j + 1]):
            total += v[indices[a]] * (values[a] * factor[j])
            stored += v[indices[a]]
        mean[j] = total
        d = 0
        for a in range(indptr[j], indptr[j + 1]):
            d += v[indices[a]] * (values[a] * factor[j] - total) * (values[a] * factor[j] - total)
        # the zeros that are not stored: 1 − stored is rounding where they have next to no weight, and may be more than d
        rest = 1 - stored
        if rest < SCARCE:
            rest = 0
            a = indptr[j]
            for i in range(n if indptr[j + 1] - indptr[j] < n else 0):
                if a < indptr[j + 1] and indices[a] == i:
                    a += 1
                else:
                    rest += v[i]
        variance[j] = d + rest * total * total


cdef void moments_tile(const Raw* X, Py_ssize_t t, const double* v, double* mean, double* variance, const double* factor) noexcept nogil:
    cdef Py_ssize_t j0 = t * X.tile, j1 = min(X.p, j0 + X.tile)
    if X.sparse:
        if X.single:
            sparse_moments[float](<const float*>X.data, X.indptr, X.indices, X.n, j0, j1, v, mean, variance, factor)
        else:
            sparse_moments[double](<const double*>X.data, X.indptr, X.indices, X.n, j0, j1, v, mean, variance, factor)
    elif X.single:
        dense_moments[float](<const float*>X.data + j0 * X.col, X.row, X.col, X.n, j1 - j0, v, mean + j0, variance + j0, factor + j0)
    else:
        dense_moments[double](<const double*>X.data + j0 * X.col, X.row, X.col, X.n, j1 - j0, v, mean + j0, variance + j0, factor + j0)


cdef void moments_of_groups(const Raw* raw, const double[:, ::1] V, double[:, ::1] mean, double[:, ::1] variance,
                            const double[:, ::1] factor, Signal* signal, void* handle, int n_threads) noexcept nogil:
    """Of every tile under every weights: a task each."""
    cdef Py_ssize_t task, g, tiles = (raw.p + raw.tile - 1) // raw.tile
    for task in prange(V.shape[0] * tiles, num_threads=n_threads, schedule="dynamic"):
        if signal.stop == 0:
            g = task // tiles
            moments_tile(raw, task % tiles, &V[g, 0], &mean[g, 0], &variance[g, 0], &factor[g if factor.shape[0] > 1 else 0, 0])
        if threadid() == 0:
            poll(signal, handle)


def moments(X, const double[:, ::1] V, const double[:, ::1] factor, Control control, int n_threads=1):
    """Means and variances (G, p) of the columns of X·factor under each of G weights, the rows of V, of sum one.

    ``factor`` is (1 or G, p). Two passes over X for each (the second from cache for columns).

    Raises
    ------
    Stopped
        If ``control`` was told to stop.
    """
    cdef Raw raw
    keep = look(X, &raw)
    found = np.zeros((2, V.shape[0], raw.p))
    cdef double[:, :, ::1] out = found
    if found.size and raw.n:
        n_threads = worth(4.0 * raw.n * raw.p * V.shape[0], n_threads)
        with nogil:
            moments_of_groups(&raw, V, out[0], out[1], factor, &control.signal, <void*>control, n_threads)
    del keep
    if control.signal.stop:
        raise Stopped
    return found[0], found[1]


cdef void units_to_scan(Py_ssize_t p, double* size, double* bad, double* factor) noexcept nogil:
    """After a scan: the powers of two in whose units moments are taken; ``bad``, which nobody asks for here, becomes zero."""
    cdef Py_ssize_t j
    for j in range(p):
        bad[j] = 0
        factor[j] = 1.0 / power_below(size[j])


cdef bint units_of_columns(Py_ssize_t p, double* size, const double* factor, double* mean, double* deviation, bint centred, double rounding,
                           double* center, double* multiplier, unsigned char* constant) noexcept nogil:
    """``units_of``, after which variances are deviations, sizes in units of ``factor``, and means the factors of the l2 penalty in z."""
    cdef Py_ssize_t j
    cdef bint moderate = units_of(p, size, factor, mean, deviation, centred, rounding, center, multiplier, constant)
    for j in range(p):
        deviation[j] = sqrt(deviation[j])
        size[j] *= factor[j]
        mean[j] = min(multiplier[j] * multiplier[j], LARGEST)
    return moderate


def standard_columns(X, const double[::1] v, bint centred, double rounding, Control control, int n_threads=1):
    """``standard_columns_of_groups`` of a single group: arrays (p,), and its moderate a bool."""
    center, multiplier, constant, moderate, deviation, size, square = standard_columns_of_groups(
        X, np.asarray(v)[None], centred, rounding, control, n_threads)
    return center[0], multiplier[0], constant[0], bool(moderate[0]), deviation[0], size[0], square[0]


def standard_columns_of_groups(X, const double[:, ::1] V, bint centred, double rounding, Control control, int n_threads=1):
    """The units of the columns of X under each of G weights, the rows of V, of sum one: a pass over X, and two for each of them (the
    second from cache for columns).

    Returns
    -------
    center, multiplier : (G, p)
        What makes z = (x − center)·multiplier; see ``units_of`` in scale.pyx.
    constant : (G, p) bool
    moderate : (G,) bool
    deviation, size : (G, p)
        Standard deviation about the mean, and the largest value, of x in units in which the latter is about one.
    square : (G, p)
        multiplier², at most 1e300: the factor of the l2 penalty in z.

    Raises
    ------
    Stopped
        If ``control`` was told to stop.
    """
    cdef Raw raw
    cdef Signal* signal = &control.signal
    cdef void* handle = <void*>control
    keep = look(X, &raw)
    cdef Py_ssize_t t, g, G = V.shape[0], p = raw.p, tiles = (raw.p + raw.tile - 1) // raw.tile
    rows, constants, moderates = np.zeros((6, G, p)), np.zeros((G, p), bool), np.zeros(G, bool)
    cdef double[:, :, ::1] out = rows
    cdef unsigned char[:, ::1] constant = constants.view(np.uint8)
    cdef unsigned char[::1] moderate = moderates.view(np.uint8)
    cdef double* size = &out[3, 0, 0]
    n_threads = worth(5.0 * raw.n * raw.p * G, n_threads)
    for t in prange(tiles, num_threads=n_threads, schedule="dynamic", nogil=True):
        if signal.stop == 0:
            scan_tile(&raw, t, size, &out[5, 0, 0])
        if threadid() == 0:
            poll(signal, handle)
    units_to_scan(p, size, &out[5, 0, 0], &out[4, 0, 0])
    rows[3:5, 1:] = rows[3:5, :1]                # the same for every group
    with nogil:
        moments_of_groups(&raw, V, out[5], out[2], out[4], signal, handle, n_threads)
    del keep
    if signal.stop:
        raise Stopped
    for g in range(G):
        moderate[g] = units_of_columns(p, &out[3, g, 0], &out[4, g, 0], &out[5, g, 0], &out[2, g, 0], centred, rounding, &out[0, g, 0],
                                       &out[1, g, 0], &constant[g, 0])
    return rows[0], rows[1], constants, moderates, rows[2], rows[3], rows[5]
