# Means and norms of targets and residuals. Every sum runs down the rows one after the other, whatever stands beside it: a
# problem's numbers are the same bits alone and in a batch.
cdef extern from "riata_simd.h":
    ctypedef void cloned_void "RIATA_CLONED_VOID"


cdef cloned_void means(const double* Y, const double* v, Py_ssize_t n, Py_ssize_t T, double* out) noexcept nogil:
    cdef Py_ssize_t i, t
    for i in range(n):
        for t in range(T):
            out[t] += v[i] * Y[i * T + t]


cdef cloned_void squares(const double* Y, const double* v, const double* center, Py_ssize_t n, Py_ssize_t T, double* out) noexcept nogil:
    cdef Py_ssize_t i, t
    for i in range(n):
        for t in range(T):
            out[t] += v[i] * (Y[i * T + t] - center[t]) * (Y[i * T + t] - center[t])


def weighted_means(const double[:, ::1] Y, const double[::1] v, double[::1] out):
    """out[t] = Σ_i v_i Y_it."""
    out[:] = 0
    if Y.shape[0] and Y.shape[1]:
        means(&Y[0, 0], &v[0], Y.shape[0], Y.shape[1], &out[0])


def weighted_squares(const double[:, ::1] Y, const double[::1] v, const double[::1] center, double[::1] out):
    """out[t] = Σ_i v_i (Y_it − center_t)²."""
    out[:] = 0
    if Y.shape[0] and Y.shape[1]:
        squares(&Y[0, 0], &v[0], &center[0], Y.shape[0], Y.shape[1], &out[0])


cdef cloned_void norms(const double* R, const double* v, const double* y, Py_ssize_t n, Py_ssize_t k, double* rr,
                       double* ry) noexcept nogil:
    cdef Py_ssize_t i, a
    cdef double w
    for i in range(n):
        w = v[i] * y[i]
        for a in range(k):
            rr[a] += v[i] * R[i * k + a] * R[i * k + a]
            ry[a] += w * R[i * k + a]


def residual_norms(const double[:, ::1] R, const double[::1] v, const double[::1] y, double[::1] rr, double[::1] ry):
    """rr[k] = Σ v r², ry[k] = Σ v r y of every column of R (n, k)."""
    rr[:] = 0
    ry[:] = 0
    if R.shape[0] and R.shape[1]:
        norms(&R[0, 0], &v[0], &y[0], R.shape[0], R.shape[1], &rr[0], &ry[0])
