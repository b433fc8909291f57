# Dropout of elements: which are kept is a function of the rule and of their number in its stream.
from libc.stdint cimport uint8_t, uint32_t, uint64_t

ctypedef fused real:
    float
    double

cdef struct Rule:
    uint64_t seed, stream
    uint32_t threshold
    int bits
    double scale

cdef Rule rule_of(uint64_t seed, uint64_t stream, uint32_t threshold, int bits, double scale) noexcept nogil
# out = x times the scale where kept (and sign > 0, unless sign is NULL), else 0; where x is NULL the mask. `out` may be x or sign.
cdef void elements_of(const Rule* rule, uint64_t index, const real* x, const real* sign, real* out, uint8_t* mask, Py_ssize_t n,
                      bint streamed, int n_threads) noexcept nogil
