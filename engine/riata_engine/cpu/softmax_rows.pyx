# Rows × classes of the softmax: probabilities, residuals, loss, and the part of the duality gap that is the rows' own. Arrays are
# class by class, (K, ld) with ld ≥ n, so that loops run along the rows side by side.
from libc.math cimport INFINITY as inf

cdef extern from "riata_simd.h":
    ctypedef void cloned_void "RIATA_CLONED_VOID"

cdef extern from "riata_math.h":
    double riata_exp(double x) noexcept nogil
    double riata_log(double x) noexcept nogil

include "../formulas/multinomial.py"

cdef enum:
    BLOCK = 256                           # rows whose sums stay in the cache


cdef cloned_void softmax_rows(const double* eta, const int* y, const double* w, Py_ssize_t n, Py_ssize_t ld, Py_ssize_t K,
                              double* prob, double* r, double* loss) noexcept nogil:
    """prob = softmax(eta), r = w (y − prob) unless r is NULL, loss = Σ w (log Σ e^η − η_y)."""
    cdef double top[BLOCK]
    cdef double total[BLOCK]
    cdef double out = 0
    cdef Py_ssize_t i, k, start = 0, m
    cdef const double* e
    cdef double* q
    while start < n:
        m = min(<Py_ssize_t>BLOCK, n - start)
        for i in range(m):
            top[i] = eta[start + i]
            total[i] = 0
        for k in range(1, K):
            e = eta + k * ld + start
            for i in range(m):
                top[i] = e[i] if e[i] > top[i] else top[i]
        for k in range(K):
            e = eta + k * ld + start
            q = prob + k * ld + start
            for i in range(m):
                q[i] = riata_exp(e[i] - top[i])
                total[i] += q[i]
        for i in range(m):
            out += w[start + i] * (top[i] + riata_log(total[i]))
            total[i] = 1 / total[i]
        for k in range(K):
            q = prob + k * ld + start
            for i in range(m):
                q[i] *= total[i]
        if r != NULL:
            for k in range(K):
                q = prob + k * ld + start
                for i in range(m):
                    r[k * ld + start + i] = -w[start + i] * q[i]
            for i in range(m):
                r[y[start + i] * ld + start + i] += w[start + i]
        for i in range(m):
            out -= w[start + i] * eta[y[start + i] * ld + start + i]
        start += m
    loss[0] = out


cdef cloned_void divergence_rows(const double* eta, const double* prob, const int* y, const double* w, Py_ssize_t n, Py_ssize_t ld,
                                 Py_ssize_t K, double s, double* total) noexcept nogil:
    """Σ w KL(q ‖ p) of the dual points q = y + s (p − y)."""
    cdef double others[BLOCK]
    cdef double chosen[BLOCK]
    cdef double logarithm[BLOCK]
    cdef double out = 0
    cdef Py_ssize_t i, k, start = 0, m
    cdef const double* q
    cdef double top
    while start < n:
        m = min(<Py_ssize_t>BLOCK, n - start)
        for i in range(m):
            others[i] = 0
            chosen[i] = prob[y[start + i] * ld + start + i]
        for k in range(K):
            q = prob + k * ld + start
            for i in range(m):
                others[i] += q[i] if y[start + i] != k else 0.0
        for i in range(m):
            logarithm[i] = riata_log(chosen[i])
        for i in range(m):
            if chosen[i] < 1e-290:               # its logarithm from the linear predictors
                top = eta[start + i]
                for k in range(1, K):
                    top = max(top, eta[k * ld + start + i])
                logarithm[i] = eta[y[start + i] * ld + start + i] - top
                # log Σ e^(η − top) is log(1/p_top)
                for k in range(K):
                    if eta[k * ld + start + i] == top:
                        logarithm[i] += riata_log(prob[k * ld + start + i])
                        break
        for i in range(m):
            out += w[start + i] * shrunk_divergence(chosen[i], others[i], logarithm[i], s)
        start += m
    total[0] = out
