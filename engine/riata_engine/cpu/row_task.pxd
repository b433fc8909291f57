# What a kernel of rows is told: the task, and the rows that it shall do now.
from libc.stdint cimport uint8_t

cdef enum Form:
    PROBABILITIES
    LOGITS
    LOG_PROBABILITIES

cdef enum Op:
    SOFTMAX
    LOG_SOFTMAX
    LOGSUMEXP
    LOGSUMEXP_VJP
    SOFTMAX_VJP
    LOG_SOFTMAX_VJP
    CROSS_ENTROPY_OF_LABELS
    CROSS_ENTROPY
    ENTROPY
    KL
    JENSEN_SHANNON

cdef enum Code:
    FINE
    BAD_NUMBER                  # NaN, or an infinity that no convention covers
    NEGATIVE
    BAD_SUM
    NO_SUM                      # nothing to normalise
    BEYOND                      # its sum, or the inverse of that, is beyond the numbers

cdef struct Task:
    int op
    double scale                # 1 / temperature
    int form[2]
    bint normalize
    double tolerance            # of a sum of one
    double smoothing
    const Py_ssize_t* label     # one a row; negative: the row takes no part
    const double* class_weight  # K, and ones up to a multiple of sixteen; or NULL
    const double* upstream      # what the gradient of a row is multiplied by; NULL: one
    double* values              # one a row, or NULL

cdef struct Tile:
    void* x[2]                  # inputs: m rows of K numbers, ld apart
    void* y[2]                  # outputs, likewise; NULL where not asked for
    const uint8_t* empty        # rows of which the mask leaves nothing, or that take no part; NULL: none
    Py_ssize_t first, m, K, ld
    Py_ssize_t bad              # the first row that is refused, and why
    int code, argument          # and in which of the inputs
