# What a mini-batch needs of its rows: their order, and values and slopes of the loss, a loop compiled for each.
from cython cimport floating
from libc.math cimport INFINITY as inf
from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memcpy

include "loss_table.pxi"
include "../formulas/penalties.py"
include "../formulas/margins.py"
include "../formulas/philox.py"

cdef extern from "riata_simd.h":
    ctypedef void cloned_void "RIATA_CLONED_VOID"
    ctypedef void inlined_void "RIATA_INLINED_VOID"

cdef enum:
    LANE = 64                           # counters whose words are made side by side

#: the losses that a run of descent may have; their order is the code. The first are those of loss_rows.LOSSES
LOSSES = ("squared", "logistic", "poisson", "gamma", "tweedie", "negative_binomial", "huber", "hinge", "squared_hinge",
          "epsilon_insensitive", "squared_epsilon_insensitive", "modified_huber", "perceptron")


cdef inline double value_at(int loss, double y, double eta, double a) noexcept nogil:
    if loss == SQUARED:
        return (y - eta) * (y - eta) / 2
    if loss == HINGE:
        return margin_loss(eta - y, 0, 0, -1 if y > 0 else 0, 0 if y > 0 else 1)
    if loss == SQUARED_HINGE:
        return margin_loss(eta - y, 0, 0.5, -inf if y > 0 else 0, 0 if y > 0 else inf)
    if loss == EPSILON_INSENSITIVE:
        return margin_loss(eta - y, a, 0, -1, 1)
    if loss == SQUARED_EPSILON_INSENSITIVE:
        return margin_loss(eta - y, a, 0.5, -inf, inf)
    if loss == MODIFIED_HUBER:
        return modified_huber_value(y, eta)
    if loss == PERCEPTRON:
        return perceptron_value(y, eta)
    return value_of(loss, y, eta, a)


cdef inline double slope_at(int loss, double y, double eta, double a) noexcept nogil:
    if loss == SQUARED:
        return eta - y
    if loss == HINGE:
        return margin_slope(eta - y, 0, inf, -1 if y > 0 else 0, 0 if y > 0 else 1) if eta != y else 0.0
    if loss == SQUARED_HINGE:
        return margin_slope(eta - y, 0, 2, -inf if y > 0 else 0, 0 if y > 0 else inf)
    if loss == EPSILON_INSENSITIVE:
        return margin_slope(eta - y, a, inf, -1, 1) if fabs(eta - y) > a else 0.0
    if loss == SQUARED_EPSILON_INSENSITIVE:
        return margin_slope(eta - y, a, 2, -inf, inf)
    if loss == MODIFIED_HUBER:
        return modified_huber_slope(y, eta)
    if loss == PERCEPTRON:
        return perceptron_slope(y, eta)
    return gradient_of(loss, y, eta, a)


cdef inlined_void slopes(int loss, double a, const double* y, const double* w, const double* eta, Py_ssize_t m, double* g,
                         double* value) noexcept nogil:
    cdef Py_ssize_t i
    cdef double f = 0
    if value == NULL:
        for i in range(m):
            g[i] = w[i] * slope_at(loss, y[i], eta[i], a)
        return
    for i in range(m):
        g[i] = w[i] * slope_at(loss, y[i], eta[i], a)
        f += w[i] * value_at(loss, y[i], eta[i], a)
    value[0] = f


cdef inlined_void slopes_of_each(int loss, double a, const double* y, const double* w, const double* eta, Py_ssize_t m, int k,
                                 Py_ssize_t ld, double* g, double* value) noexcept nogil:
    cdef int q
    for q in range(k):
        slopes(loss, a, y + q * ld, w + q * ld, eta + q * ld, m, g + q * ld, value + q if value != NULL else NULL)


cdef cloned_void slopes_any(int loss, double a, const double* y, const double* w, const double* eta, Py_ssize_t m, int k,
                            Py_ssize_t ld, double* g, double* value) noexcept nogil:
    if loss == SQUARED:
        slopes_of_each(SQUARED, a, y, w, eta, m, k, ld, g, value)
    elif loss == LOGISTIC:
        slopes_of_each(LOGISTIC, a, y, w, eta, m, k, ld, g, value)
    elif loss == POISSON:
        slopes_of_each(POISSON, a, y, w, eta, m, k, ld, g, value)
    elif loss == GAMMA:
        slopes_of_each(GAMMA, a, y, w, eta, m, k, ld, g, value)
    elif loss == TWEEDIE:
        slopes_of_each(TWEEDIE, a, y, w, eta, m, k, ld, g, value)
    elif loss == NEGATIVE_BINOMIAL:
        slopes_of_each(NEGATIVE_BINOMIAL, a, y, w, eta, m, k, ld, g, value)
    elif loss == HUBER:
        slopes_of_each(HUBER, a, y, w, eta, m, k, ld, g, value)
    elif loss == HINGE:
        slopes_of_each(HINGE, a, y, w, eta, m, k, ld, g, value)
    elif loss == SQUARED_HINGE:
        slopes_of_each(SQUARED_HINGE, a, y, w, eta, m, k, ld, g, value)
    elif loss == EPSILON_INSENSITIVE:
        slopes_of_each(EPSILON_INSENSITIVE, a, y, w, eta, m, k, ld, g, value)
    elif loss == SQUARED_EPSILON_INSENSITIVE:
        slopes_of_each(SQUARED_EPSILON_INSENSITIVE, a, y, w, eta, m, k, ld, g, value)
    elif loss == MODIFIED_HUBER:
        slopes_of_each(MODIFIED_HUBER, a, y, w, eta, m, k, ld, g, value)
    else:
        slopes_of_each(PERCEPTRON, a, y, w, eta, m, k, ld, g, value)


cdef void slopes_of_rows(int loss, double a, const double* y, const double* w, const double* eta, Py_ssize_t m, int k, Py_ssize_t ld,
                         double* g, double* value) noexcept nogil:
    """g = w ℓ'(y, η), and Σ w ℓ(y, η) if ``value`` is not NULL, of m rows of k problems, ld apart."""
    slopes_any(loss, a, y, w, eta, m, k, ld, g, value)


cdef cloned_void squares_of_rows(const floating* x, Py_ssize_t n, Py_ssize_t p, double* out, double* column) noexcept nogil:
    cdef Py_ssize_t i, j
    cdef double s, square
    for i in range(n):
        s = 0
        for j in range(p):
            square = <double>x[i * p + j] * <double>x[i * p + j]
            s += square
            column[j] += square
        out[i] = s


def squared_norms(const floating[::1] x, Py_ssize_t p):
    """(n,) Σ_j x_ij² of the rows of X, its entries row by row, and (p,) Σ_i x_ij² of its columns: one pass."""
    import numpy as np

    cdef double[::1] out = np.empty(x.shape[0] // p), column = np.zeros(p)
    if out.shape[0]:
        with nogil:
            squares_of_rows(&x[0], out.shape[0], p, &out[0], &column[0])
    return np.asarray(out), np.asarray(column)


cdef cloned_void words(uint64_t first, uint64_t stream, uint64_t seed, uint32_t* out) noexcept nogil:
    cdef int i
    cdef uint32_t a, b, c, d
    for i in range(LANE):
        a, b = <uint32_t>(first + <uint64_t>i), <uint32_t>((first + <uint64_t>i) >> 32)
        c, d = <uint32_t>stream, <uint32_t>(stream >> 32)
        a, b, c, d = philox4x32(a, b, c, d, <uint32_t>seed, <uint32_t>(seed >> 32))
        out[i] = a
        out[LANE + i] = b
        out[2 * LANE + i] = c
        out[3 * LANE + i] = d


cdef void open_words(Words* R, uint64_t seed, uint64_t stream) noexcept nogil:
    R.seed, R.stream, R.counter, R.at = seed, stream, 0, WORDS


cdef inline Py_ssize_t below(Words* R, Py_ssize_t bound) noexcept nogil:
    """A number in [0, bound), bound ≤ 2³¹; off from uniform by less than bound / 2³² (Lemire 2019)."""
    if R.at == WORDS:
        words(R.counter, R.stream, R.seed, R.word)
        R.counter += LANE
        R.at = 0
    R.at += 1
    return <Py_ssize_t>((<uint64_t>R.word[R.at - 1] * <uint64_t>bound) >> 32)


cdef inline void shuffle(int* a, Py_ssize_t n, Words* R) noexcept nogil:
    """Fisher and Yates, by Durstenfeld (1964)."""
    cdef Py_ssize_t i = n - 1, j
    cdef int kept
    while i > 0:
        j = below(R, i + 1)
        kept = a[i]
        a[i] = a[j]
        a[j] = kept
        i -= 1


cdef void shuffle_rows(const int* rows, Py_ssize_t n, Py_ssize_t block, bint inside, Words* R, int* room, int* out) noexcept nogil:
    """out = rows in random order: blocks of neighbours, their borders at random, in random order, and shuffled ``inside``.

    block = 1 is a full shuffle. ``room`` has n + 2 places. Rows of a mini-batch may be in any order: where it holds many blocks,
    those in the order of memory are read faster.
    """
    cdef Py_ssize_t shift, count, k, begin, end, at = 0
    if block <= 1:
        memcpy(out, rows, n * sizeof(int))
        shuffle(out, n, R)
        return
    shift = below(R, block)
    count = (n + block - 1 + block - shift) // block        # the first block begins ``block − shift`` before the first row
    for k in range(count):
        room[k] = <int>k
    shuffle(room, count, R)
    for k in range(count):
        begin = room[k] * block - (block - shift)
        end = min(begin + block, n)
        begin = max(begin, 0)
        if end > begin:
            memcpy(out + at, rows + begin, (end - begin) * sizeof(int))
            if inside:
                shuffle(out + at, end - begin, R)
            at += end - begin


def row_order(const int[::1] rows, Py_ssize_t block, uint64_t seed, uint64_t stream, bint inside=True):
    """The rows in the order of an epoch, as an array of int32."""
    import numpy as np

    cdef Words R
    cdef int[::1] out = np.empty(rows.shape[0], np.int32)
    cdef int[::1] room = np.empty(rows.shape[0] + 2, np.int32)
    open_words(&R, seed, stream)
    if rows.shape[0]:
        shuffle_rows(&rows[0], rows.shape[0], block, inside, &R, &room[0], &out[0])
    return np.asarray(out)
