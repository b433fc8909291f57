# exp, log and the checks of one row, for float and double. The lines that a kernel of rows takes in.
from libc.math cimport INFINITY as inf, NAN as nan
from libc.math cimport fabs, log
from libc.stdint cimport int32_t, int64_t

cdef extern from "riata_simd.h":
    ctypedef void cloned_void "RIATA_CLONED_VOID"
    ctypedef void inlined_void "RIATA_INLINED_VOID"

cdef extern from "riata_rows.h":
    double riata_row_exp(double x) noexcept nogil
    float riata_row_expf(float x) noexcept nogil
    float riata_decay_expf(float x) noexcept nogil
    double riata_row_log(double x) noexcept nogil
    float riata_row_logf(float x) noexcept nogil
    double riata_normal_log(double x) noexcept nogil
    float riata_normal_logf(float x) noexcept nogil
    int64_t riata_key(double x) noexcept nogil
    int32_t riata_keyf(float x) noexcept nogil
    int64_t riata_odd_pair(double p, double q) noexcept nogil
    int32_t riata_odd_pairf(float p, float q) noexcept nogil
    int64_t riata_not_within(double x) noexcept nogil
    int32_t riata_not_withinf(float x) noexcept nogil
    double riata_from_key(int64_t key) noexcept nogil
    float riata_from_keyf(int32_t key) noexcept nogil

cdef extern from "riata_stream.h":
    void riata_fetch(const void* start, size_t bytes) noexcept nogil

cdef extern from "stdint.h":
    const int32_t INT32_MIN
    const int32_t INT32_MAX
    const int64_t INT64_MIN
    const int64_t INT64_MAX


cdef enum:
    PART = 512                  # numbers summed in their own precision before the sum goes on in double
    FETCHED = 128               # rows from this length on are fetched a row ahead


cdef inline real row_exp(real x) noexcept nogil:
    return riata_row_expf(x) if real is float else riata_row_exp(x)


cdef inline real decay(real x) noexcept nogil:
    """exp of a number that is not positive."""
    return riata_decay_expf(x) if real is float else riata_row_exp(x)


cdef inline real row_log(real x) noexcept nogil:
    return riata_row_logf(x) if real is float else riata_row_log(x)


cdef inline real normal_log(real x) noexcept nogil:
    return riata_normal_logf(x) if real is float else riata_normal_log(x)


cdef inlined_void range_of(const real* x, Py_ssize_t K, real* top, real* bottom, int* code) noexcept nogil:
    """The largest and the smallest number of a row, and BAD_NUMBER where there is a NaN. Integers: compilers do not vectorise
    a maximum of floats."""
    cdef Py_ssize_t k
    cdef int32_t most = INT32_MIN, least = INT32_MAX, key
    cdef int64_t most_wide = INT64_MIN, least_wide = INT64_MAX, wide
    if real is float:
        for k in range(K):
            key = riata_keyf(x[k])
            most = key if key > most else most
            least = key if key < least else least
        top[0], bottom[0] = riata_from_keyf(most), riata_from_keyf(least)
    else:
        for k in range(K):
            wide = riata_key(x[k])
            most_wide = wide if wide > most_wide else most_wide
            least_wide = wide if wide < least_wide else least_wide
        top[0], bottom[0] = riata_from_key(most_wide), riata_from_key(least_wide)
    code[0] = FINE if bottom[0] <= top[0] else BAD_NUMBER      # NaNs lie at the ends


cdef inlined_void total_of(const real* x, Py_ssize_t K, double* total) noexcept nogil:
    cdef Py_ssize_t k, start = 0, stop
    cdef real part
    cdef double out = 0
    while start < K:
        stop = min(start + PART, K)
        part = 0
        for k in range(start, stop):
            part += x[k]
        out += part
        start = stop
    total[0] = out


cdef inlined_void exp_total(const real* x, Py_ssize_t K, real top, real scale, real* out, double* total) noexcept nogil:
    """Σ exp(scale (x − top)), the terms into `out` unless that is NULL. Meanwhile the next row comes into the cache."""
    cdef Py_ssize_t k, start = 0, stop
    cdef real part, e
    cdef double sums = 0
    while start < K:
        stop = min(start + PART, K)
        part = 0
        if K >= FETCHED:
            riata_fetch(x + K + start, (stop - start) * sizeof(real))
        if out != NULL:
            for k in range(start, stop):
                e = decay(scale * (x[k] - top))
                out[k] = e
                part += e
        else:
            for k in range(start, stop):
                part += decay(scale * (x[k] - top))
        sums += part
        start = stop
    total[0] = sums


cdef inlined_void fill_row(real* out, Py_ssize_t K, double value) noexcept nogil:
    cdef Py_ssize_t k
    for k in range(K):
        out[k] = <real>value
