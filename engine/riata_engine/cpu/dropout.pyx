# Dropout: elements are kept or not by Philox's words, made a block at a time in the cache and never stored.
from cython.parallel cimport prange
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

cdef extern from "riata_simd.h":
    ctypedef void cloned_void "RIATA_CLONED_VOID"
    ctypedef void inlined_void "RIATA_INLINED_VOID"

include "../formulas/philox.py"
include "../formulas/dropout.py"

ctypedef fused real:
    float
    double

cdef enum:
    COUNTERS = 64                  # of a block
    WORDS = 4 * COUNTERS
    MOST = 32 * WORDS              # elements of a block, one bit each


cdef struct Rule:
    uint64_t seed, stream
    uint32_t threshold
    int bits
    double scale


cdef inlined_void words_of(const Rule* rule, uint64_t block, uint32_t* words) noexcept nogil:
    """Words of the stream in their order, those of one block."""
    cdef int i
    cdef uint32_t a, b, c, d, k0 = <uint32_t>rule.seed, k1 = <uint32_t>(rule.seed >> 32)
    cdef uint32_t high = <uint32_t>(rule.stream >> 32), low = <uint32_t>rule.stream
    cdef uint32_t first = <uint32_t>(block * COUNTERS), above = <uint32_t>(block * COUNTERS >> 32)      # blocks begin at multiples of 64
    for i in range(COUNTERS):
        a, b, c, d = philox4x32(first + <uint32_t>i, above, low, high, k0, k1)
        words[4 * i] = a
        words[4 * i + 1] = b
        words[4 * i + 2] = c
        words[4 * i + 3] = d


cdef inlined_void kept_in_words(int bits, const uint32_t* words, uint32_t threshold, uint8_t* kept) noexcept nogil:
    """Lane by lane, 32 // bits of each word."""
    cdef int w, place
    if bits == 1:
        for w in range(WORDS):
            for place in range(32):
                kept[w * 32 + place] = lane_of(words[w], place, 1) >= threshold
    elif bits == 16:
        for w in range(WORDS):
            for place in range(2):
                kept[w * 2 + place] = lane_of(words[w], place, 16) >= threshold
    else:
        for w in range(WORDS):
            kept[w] = words[w] >= threshold


cdef inlined_void use(const real* x, const real* sign, const uint8_t* kept, Py_ssize_t n, real scale, real* out) noexcept nogil:
    cdef Py_ssize_t i
    cdef real zero = 0
    if sign != NULL:
        for i in range(n):
            out[i] = (scale * x[i] if sign[i] > zero else zero) if kept[i] else zero
    else:
        for i in range(n):
            out[i] = scale * x[i] if kept[i] else zero


cdef cloned_void block_of(const Rule* rule, uint64_t block, const real* x, const real* sign, real* out, uint8_t* mask, Py_ssize_t skip,
                          Py_ssize_t n) noexcept nogil:
    """Elements skip to skip + n of a block: those of x multiplied, or where x is NULL the mask."""
    cdef uint32_t words[WORDS]
    cdef uint8_t kept[MOST]
    cdef real done[MOST]
    words_of(rule, block, words)
    if rule.bits == 1:
        kept_in_words(1, words, rule.threshold, kept)
    elif rule.bits == 16:
        kept_in_words(16, words, rule.threshold, kept)
    else:
        kept_in_words(32, words, rule.threshold, kept)
    if x == NULL:
        memcpy(mask, &kept[skip], n)
    elif x == out or sign == out:                # compilers take no vectors where an output is an input
        use(x, sign, &kept[skip], n, <real>rule.scale, done)
        memcpy(out, done, n * sizeof(real))
    else:
        use(x, sign, &kept[skip], n, <real>rule.scale, out)


cdef void blocks_of(const Rule* rule, uint64_t index, const real* x, const real* sign, real* out, uint8_t* mask, Py_ssize_t n,
                    int n_threads) noexcept nogil:
    cdef Py_ssize_t size = WORDS * 32 // rule.bits, skip = <Py_ssize_t>(index % <uint64_t>size), t, first, last
    cdef uint64_t block = index // <uint64_t>size
    cdef Py_ssize_t blocks = (skip + n + size - 1) // size
    for t in prange(blocks, num_threads=n_threads, schedule="static"):
        first = max(t * size - skip, 0)
        last = min((t + 1) * size - skip, n)
        block_of(rule, block + <uint64_t>t, x + first if x != NULL else NULL, sign + first if sign != NULL else NULL,
                 out + first if out != NULL else NULL, mask + first if mask != NULL else NULL,
                 skip if t == 0 else 0, last - first)


cdef cloned_void shared_of(const uint8_t* kept, const real* x, const real* sign, real* out, Py_ssize_t shared, Py_ssize_t inner,
                           real scale) noexcept nogil:
    """One decision for `shared` elements that lie `inner` apart."""
    cdef Py_ssize_t s, i
    cdef real zero = 0
    if inner > 1:
        for s in range(shared):
            i = s * inner
            use(x + i, sign + i if sign != NULL else NULL, kept, inner, scale, out + i)
    elif kept[0] == 0:
        memset(out, 0, shared * sizeof(real))
    elif sign == NULL:
        for s in range(shared):
            out[s] = scale * x[s]
    else:
        for s in range(shared):
            out[s] = scale * x[s] if sign[s] > zero else zero


cdef Rule rule_of(uint64_t seed, uint64_t stream, uint32_t threshold, int bits, double scale):
    cdef Rule rule
    rule.seed, rule.stream, rule.threshold, rule.bits, rule.scale = seed, stream, threshold, bits, scale
    return rule


def keep(uint8_t[::1] mask, uint64_t seed, uint64_t stream, uint64_t index, uint32_t threshold, int bits, int n_threads):
    """mask[e] = 1 where element index + e is kept."""
    cdef Rule rule = rule_of(seed, stream, threshold, bits, 1)
    if mask.shape[0]:
        with nogil:
            blocks_of[double](&rule, index, NULL, NULL, NULL, &mask[0], mask.shape[0], n_threads)


def multiply(const real[::1] x, const real[::1] sign, real[::1] out, uint64_t seed, uint64_t stream, uint64_t index, uint32_t threshold,
             int bits, double scale, int n_threads):
    """out = scale·x where kept and, if `sign` is given, sign > 0; else 0. `out` may be x or sign."""
    cdef Rule rule = rule_of(seed, stream, threshold, bits, scale)
    cdef const real* positive = &sign[0] if sign is not None and x.shape[0] else NULL
    if x.shape[0]:
        with nogil:
            blocks_of(&rule, index, &x[0], positive, &out[0], NULL, x.shape[0], n_threads)


def multiply_shared(const uint8_t[::1] kept, const real[::1] x, const real[::1] sign, real[::1] out, Py_ssize_t shared, Py_ssize_t inner,
                    double scale, int n_threads):
    """The same for x (outer, shared, inner) and decisions (outer, inner)."""
    cdef Py_ssize_t o, outer = kept.shape[0] // inner if inner else 0, size = shared * inner
    cdef const real* positive = &sign[0] if sign is not None and x.shape[0] else NULL
    cdef const real* from_x
    cdef const uint8_t* decisions
    if x.shape[0]:
        from_x, decisions = &x[0], &kept[0]
        with nogil:
            for o in prange(outer, num_threads=n_threads, schedule="static"):
                shared_of(decisions + o * inner, from_x + o * size, positive + o * size if positive != NULL else NULL,
                          &out[0] + o * size, shared, inner, <real>scale)
