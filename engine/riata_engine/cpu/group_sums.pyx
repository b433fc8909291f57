# From raw sums over parts of the rows to the statistics of weight groups: their difference from the whole, about the group's means;
# and from these to the errors of coefficients on the rows that a group holds out.
import numpy as np
from cython.parallel cimport prange, threadid
from libc.math cimport isnan, NAN
from libc.stdlib cimport malloc, free
from libc.string cimport memset
from scipy.linalg.cython_blas cimport dgemm
from riata_engine.cpu.control cimport Control, Signal, monotonic, poll, worth
from riata_engine.cpu.control import Stopped

cdef extern from "riata_simd.h":
    ctypedef void cloned_void "RIATA_CLONED_VOID"

cdef double GRACE = 0.5                  # seconds that a stopped call may take for the errors of what is solved


cdef cloned_void centre_row(const double* whole, const double* part, Py_ssize_t m, double weight, double zi, double di, const double* z,
                            const double* d, double* out) noexcept nogil:
    """out[j] = (whole − part)[j] / weight − z_i d_j − d_i z_j + d_i d_j."""
    cdef Py_ssize_t j
    for j in range(m):
        out[j] = (whole[j] - part[j]) / weight - zi * d[j] - di * z[j] + di * d[j]


cdef cloned_void scale_row(const double* part, Py_ssize_t m, double weight, double zi, double di, const double* z, const double* d,
                           double* out) noexcept nogil:
    """The same with the part in place of the difference."""
    cdef Py_ssize_t j
    for j in range(m):
        out[j] = part[j] / weight - zi * d[j] - di * z[j] + di * d[j]


cdef double centred_product(double raw, double z, double ybar, double shift, double b) noexcept nogil:
    """Σ v (x − d)(y − ȳ) from Σ v x y, the means z and b, and what d and ȳ are about them."""
    return raw - z * ybar + shift * (ybar - b)


cdef void about_own_means(Py_ssize_t p, double weight, double total_y, double ybar, const double* raw, double* C, double* c, double* z,
                          const double* zero) noexcept nogil:
    """``about_means`` of one group that is the whole, whose columns have been centred: C (p, p) in place, and c (p,) from ``raw`` (p, 2).

    ``z`` (p,) is room, ``zero`` (p,) zeros. Columns whose variance is not positive become exactly constant.
    """
    cdef Py_ssize_t i
    cdef double b = total_y / weight
    for i in range(p):
        z[i] = raw[2 * i] / weight
        c[i] = centred_product(raw[2 * i + 1] / weight, z[i], ybar, zero[i], b)
    for i in range(p):
        scale_row(C + i * p, p, weight, z[i], zero[i], z, zero, C + i * p)
    for i in range(p):
        if C[i * p + i] <= 0:
            clear(C, p, i)


cdef void clear(double* C, Py_ssize_t p, Py_ssize_t j) noexcept nogil:
    cdef Py_ssize_t i
    memset(C + j * p, 0, p * sizeof(double))
    for i in range(p):
        C[i * p + j] = 0


def about_means(const double[:, :, ::1] C, const double[:, :, ::1] c, const double[::1] weight, const double[:, ::1] y,
                const double[:, ::1] yy, whole, const Py_ssize_t[::1] part, const double[:, ::1] shift, const double[:, ::1] ybar,
                double[:, :, ::1] C_out, double[:, :, ::1] c_out, double[:, ::1] yy_out, double[:, ::1] z, Control control,
                int n_threads=1):
    """Statistics (G, …) about given means, divided by their weight, from raw sums (K, …) over parts.

    Parameters
    ----------
    C, c, weight, y, yy : (K, p, p), (K, p, 1 + T), (K,), (K, T), (K, T)
        Σ v zzᵀ, Σ v z [1, y], Σ v, Σ v y, Σ v y² of each part.
    whole : None, or the same five sums over all rows
        None: the sums of part[g] itself (a negative part[g] is skipped); else the whole's less those of part[g] (negative: nothing).
    shift, ybar : (G, p), (G, T)
        The means that things are about.
    C_out, c_out, yy_out : (G, p, p), (G, p, T), (G, T)
    z : (G, p)
        Room for the means of z.

    Raises
    ------
    Stopped
    """
    cdef Signal* signal = &control.signal
    cdef void* handle = <void*>control
    cdef const double[:, ::1] WC = None, Wc = None
    cdef const double[::1] Wy = None, Wyy = None
    cdef double Ww = 0, w, b
    cdef Py_ssize_t G = shift.shape[0], p = shift.shape[1], T = ybar.shape[1], g, k, i, t, row
    cdef bint less = whole is not None
    if less:
        WC, Wc, Ww, Wy, Wyy = whole
    n_threads = worth(4.0 * G * p * (p + T), n_threads)
    with nogil:
        for g in range(G):
            k = part[g]
            if k < 0 and not less:
                continue
            w = Ww - (weight[k] if k >= 0 else 0) if less else weight[k]
            for i in range(p):
                z[g, i] = (Wc[i, 0] - (c[k, i, 0] if k >= 0 else 0) if less else c[k, i, 0]) / w
            for t in range(T):
                b = (Wy[t] - (y[k, t] if k >= 0 else 0) if less else y[k, t]) / w
                yy_out[g, t] = (Wyy[t] - (yy[k, t] if k >= 0 else 0) if less else yy[k, t]) / w - 2 * b * ybar[g, t] + ybar[g, t] ** 2
                for i in range(p):
                    c_out[g, i, t] = centred_product((Wc[i, 1 + t] - (c[k, i, 1 + t] if k >= 0 else 0) if less else c[k, i, 1 + t]) / w,
                                                     z[g, i], ybar[g, t], shift[g, i], b)
        for row in prange(G * p, num_threads=n_threads, schedule="static"):
            if signal.stop == 0:
                centre(row // p, row % p, C, weight, less, WC, Ww, part, shift, z, C_out)
            if threadid() == 0:
                poll(signal, handle)
    if signal.stop:
        raise Stopped


cdef void centre(Py_ssize_t g, Py_ssize_t i, const double[:, :, ::1] C, const double[::1] weight, bint less, const double[:, ::1] WC,
                 double Ww, const Py_ssize_t[::1] part, const double[:, ::1] shift, const double[:, ::1] z,
                 double[:, :, ::1] out) noexcept nogil:
    cdef Py_ssize_t k = part[g], p = shift.shape[1]
    if less and k >= 0:
        centre_row(&WC[i, 0], &C[k, i, 0], p, Ww - weight[k], z[g, i], shift[g, i], &z[g, 0], &shift[g, 0], &out[g, i, 0])
    elif less:
        scale_row(&WC[i, 0], p, Ww, z[g, i], shift[g, i], &z[g, 0], &shift[g, 0], &out[g, i, 0])
    elif k >= 0:
        scale_row(&C[k, i, 0], p, weight[k], z[g, i], shift[g, i], &z[g, 0], &shift[g, 0], &out[g, i, 0])


def clear_constant(double[:, :, ::1] C, floor=None):
    """Columns whose variance C[g, j, j] is at most ``floor`` (p,), or zero, become exactly constant: row and column zero."""
    cdef const double[::1] least = floor
    cdef Py_ssize_t g, j, p = C.shape[1]
    with nogil:
        for g in range(C.shape[0]):
            for j in range(p):
                if C[g, j, j] <= (least[j] if least is not None else 0):
                    clear(&C[g, 0, 0], p, j)


cdef cloned_void fold_errors(const double* b, const double* Cb, const double* c, Py_ssize_t T, double yy, Py_ssize_t L, Py_ssize_t p,
                             double* out) noexcept nogil:
    """out[l] = yy − 2 bᵀc + bᵀCb of L coefficient vectors."""
    cdef Py_ssize_t l, j
    cdef double cross, quadratic
    for l in range(L):
        cross = 0
        quadratic = 0
        for j in range(p):
            cross += b[l * p + j] * c[j * T]
            quadratic += b[l * p + j] * Cb[l * p + j]
        quadratic = yy - 2 * cross + quadratic
        out[l] = 0 if quadratic < 0 else quadratic


cdef int errors_of(const double* b, Py_ssize_t L, Py_ssize_t p, const double* C, const double* c, Py_ssize_t T, double yy,
                   double* out) noexcept nogil:
    cdef char plain = b"n"
    cdef int rows = <int>p, columns = <int>L
    cdef double one = 1, nought = 0
    cdef double* Cb = <double*>malloc(L * p * sizeof(double))
    if Cb == NULL:
        return 1
    # column-major (p, L): C is symmetric
    dgemm(&plain, &plain, &rows, &columns, &rows, &one, <double*>C, &rows, <double*>b, &rows, &nought, Cb, &rows)
    fold_errors(b, Cb, c, T, yy, L, p, out)
    free(Cb)
    return 0


def held_out_errors(const double[:, :, ::1] b, const double[:, :, ::1] C, const double[:, :, ::1] c, const double[:, ::1] yy,
                    const Py_ssize_t[::1] group, const Py_ssize_t[::1] target, double[:, :] out, Control control, int n_threads=1):
    """Mean squared errors (k, L) of the coefficients b (k, L, p) on the rows that the group of each problem holds out.

    From the sums C (G, p, p), c (G, p, T), yy (G, T) over those rows about the training means. Where yy is NaN, nothing is held out,
    and so is the error. One product a problem, whatever stands beside it.

    Returns
    -------
    (k,) bool
        False for the problems that were not looked at, because the call was stopped and half a second has passed since.
    """
    cdef Signal* signal = &control.signal
    cdef void* handle = <void*>control
    looked = np.ones(b.shape[0], dtype=bool)
    cdef unsigned char[::1] mark = looked.view(np.uint8)
    cdef double[::1] until = np.full(1, monotonic() + GRACE)
    cdef Py_ssize_t k, g, t, K = b.shape[0], L = b.shape[1], p = b.shape[2]
    cdef int failed = 0
    if K == 0 or L == 0 or p == 0:
        return looked
    n_threads = worth(2.0 * K * L * p * p, n_threads)
    for k in prange(K, num_threads=n_threads, schedule="dynamic", nogil=True):
        g = group[k]
        t = target[k]
        if threadid() == 0 and poll(signal, handle) == 0:
            until[0] = monotonic() + GRACE
        if isnan(yy[g, t]):
            out[k, :] = NAN
        elif signal.stop != 0 and monotonic() > until[0]:
            out[k, :] = NAN
            mark[k] = 0
        elif errors_of(&b[k, 0, 0], L, p, &C[g, 0, 0], &c[g, 0, t], c.shape[2], yy[g, t], &out[k, 0]):
            failed = 1
    if failed:
        raise MemoryError("held_out_errors: no room for the products of a problem")
    return looked
