# Dropout: elements are kept or not by Philox's words, made a block at a time in the cache and never stored.
# Elements are made by whole words in the cache, and those that are asked for copied out.
from cython.parallel cimport prange
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

cdef extern from "riata_simd.h":
    ctypedef void cloned_void "RIATA_CLONED_VOID"
    ctypedef void inlined_void "RIATA_INLINED_VOID"

cdef extern from "riata_stream.h":
    void riata_stream(void* target, const void* source, size_t bytes) noexcept nogil

include "../formulas/philox.py"
include "../formulas/dropout.py"

cdef enum:
    COUNTERS = 32                  # of a block
    WORDS = 4 * COUNTERS
    CHUNK = 32 * WORDS             # elements made at once: those of as many blocks as an element has bits
    STREAMED = 1 << 24             # bytes of an output from which it is stored past the cache


cdef inlined_void words_of(const Rule* rule, uint64_t block, uint32_t* words) noexcept nogil:
    """Words of the stream in their order, those of one block."""
    cdef int i
    cdef uint32_t a, b, c, d, k0 = <uint32_t>rule.seed, k1 = <uint32_t>(rule.seed >> 32)
    cdef uint32_t high = <uint32_t>(rule.stream >> 32), low = <uint32_t>rule.stream
    cdef uint32_t first = <uint32_t>(block * COUNTERS), above = <uint32_t>(block * COUNTERS >> 32)      # blocks begin at multiples of 32
    for i in range(COUNTERS):
        a, b, c, d = philox4x32(first + <uint32_t>i, above, low, high, k0, k1)
        words[4 * i] = a
        words[4 * i + 1] = b
        words[4 * i + 2] = c
        words[4 * i + 3] = d


cdef inlined_void use(const real* x, const real* sign, const uint32_t* words, int first, int last, int bits, uint32_t threshold,
                      real scale, real* out, uint8_t* kept) noexcept nogil:
    """The elements of words first to last of a block, lane by lane, 32 // bits of each word: those of x multiplied, or where x is
    NULL the mask."""
    cdef int w, place, i
    cdef real zero = 0
    cdef uint16_t lanes[2 * WORDS]
    cdef int lanes_of_word = 32 // bits
    if bits == 16:
        for w in range(first, last):
            for place in range(2):
                lanes[2 * w + place] = <uint16_t>lane_of(words[w], place, 16)
        for i in range(2 * first, 2 * last):
            if x == NULL:
                kept[i] = lanes[i] >= threshold
            elif sign == NULL:
                out[i] = scale * x[i] if lanes[i] >= threshold else zero
            else:
                out[i] = (scale * x[i] if sign[i] > zero else zero) if lanes[i] >= threshold else zero
        return
    for w in range(first, last):
        for place in range(lanes_of_word):
            i = w * lanes_of_word + place
            if x == NULL:
                kept[i] = lane_of(words[w], place, bits) >= threshold
            elif sign == NULL:
                out[i] = scale * x[i] if lane_of(words[w], place, bits) >= threshold else zero
            else:
                out[i] = (scale * x[i] if sign[i] > zero else zero) if lane_of(words[w], place, bits) >= threshold else zero


cdef inlined_void each_block(const Rule* rule, uint64_t chunk, int bits, int first, int last, const real* x, const real* sign, real* out,
                             uint8_t* kept) noexcept nogil:
    """Words first to last of a chunk. `out` lies on no input: compilers take no vectors where it might."""
    cdef uint32_t words[WORDS]
    cdef int part, size = CHUNK // bits, at, low, high
    for part in range(first // WORDS, (last + WORDS - 1) // WORDS):
        at = part * size
        low, high = max(first - part * WORDS, 0), min(last - part * WORDS, <int>WORDS)
        words_of(rule, chunk * <uint64_t>bits + <uint64_t>part, words)
        if x == NULL:
            use(x, NULL, words, low, high, bits, rule.threshold, <real>0, NULL, kept + at)
        elif sign == NULL:
            use(x + at, NULL, words, low, high, bits, rule.threshold, <real>rule.scale, out + at, NULL)
        else:
            use(x + at, sign + at, words, low, high, bits, rule.threshold, <real>rule.scale, out + at, NULL)


cdef inline const real* staged(const real* x, Py_ssize_t first, Py_ssize_t skip, Py_ssize_t n, Py_ssize_t last, real* room) noexcept nogil:
    """Elements of x at their places in a chunk, and nothing beside them up to whole words."""
    memset(&room[first], 0, (skip - first) * sizeof(real))
    memcpy(&room[skip], x, n * sizeof(real))
    memset(&room[skip + n], 0, (last - skip - n) * sizeof(real))
    return room


cdef cloned_void chunk_of(const Rule* rule, uint64_t chunk, const real* x, const real* sign, real* out, uint8_t* mask, Py_ssize_t skip,
                          Py_ssize_t n, bint streamed) noexcept nogil:
    """Elements skip to skip + n of a chunk."""
    cdef real done[CHUNK]
    cdef real own_x[CHUNK]
    cdef real own_sign[CHUNK]
    cdef uint8_t kept[CHUNK]
    cdef int lanes = 32 // rule.bits
    cdef int first = <int>skip // lanes, last = (<int>(skip + n) + lanes - 1) // lanes
    if x != NULL and n < CHUNK:                  # whole words only
        x = staged(x, first * lanes, skip, n, last * lanes, own_x)
        if sign != NULL:
            sign = staged(sign, first * lanes, skip, n, last * lanes, own_sign)
    if rule.bits == 1:
        each_block(rule, chunk, 1, first, last, x, sign, done, kept)
    elif rule.bits == 16:
        each_block(rule, chunk, 16, first, last, x, sign, done, kept)
    else:
        each_block(rule, chunk, 32, first, last, x, sign, done, kept)
    if x == NULL:
        memcpy(mask, &kept[skip], n)
    elif streamed:
        riata_stream(out, &done[skip], n * sizeof(real))
    else:
        memcpy(out, &done[skip], n * sizeof(real))


cdef inline void nth_chunk(const Rule* rule, uint64_t index, Py_ssize_t t, const real* x, const real* sign, real* out, uint8_t* mask,
                           Py_ssize_t n, bint streamed) noexcept nogil:
    cdef Py_ssize_t skip = <Py_ssize_t>(index % CHUNK)
    cdef Py_ssize_t first = max(t * CHUNK - skip, 0), last = min((t + 1) * CHUNK - skip, n)
    chunk_of(rule, index // CHUNK + <uint64_t>t, x + first if x != NULL else NULL, sign + first if sign != NULL else NULL,
             out + first if out != NULL else NULL, mask + first if mask != NULL else NULL,
             skip if t == 0 else 0, last - first, streamed)


cdef void elements_of(const Rule* rule, uint64_t index, const real* x, const real* sign, real* out, uint8_t* mask, Py_ssize_t n,
                      bint streamed, int n_threads) noexcept nogil:
    cdef Py_ssize_t t, chunks = (<Py_ssize_t>(index % CHUNK) + n + CHUNK - 1) // CHUNK
    streamed = streamed and x != out and sign != out and n * <Py_ssize_t>sizeof(real) >= STREAMED
    if n_threads == 1:                           # a row of a design is done sooner than a team is put together
        for t in range(chunks):
            nth_chunk(rule, index, t, x, sign, out, mask, n, streamed)
        return
    for t in prange(chunks, num_threads=n_threads, schedule="static"):
        nth_chunk(rule, index, t, x, sign, out, mask, n, streamed)


cdef inlined_void apart(const uint8_t* kept, const real* x, const real* sign, real scale, Py_ssize_t n, real* out) noexcept nogil:
    cdef Py_ssize_t i
    cdef real zero = 0
    if sign != NULL:
        for i in range(n):
            out[i] = (scale * x[i] if sign[i] > zero else zero) if kept[i] else zero
    else:
        for i in range(n):
            out[i] = scale * x[i] if kept[i] else zero


cdef cloned_void shared_of(const uint8_t* kept, const real* x, const real* sign, real* out, Py_ssize_t shared, Py_ssize_t inner,
                           real scale) noexcept nogil:
    """One decision for `shared` elements that lie `inner` apart."""
    cdef Py_ssize_t s, i
    cdef real zero = 0
    if inner > 1:
        for s in range(shared):
            i = s * inner
            apart(kept, x + i, sign + i if sign != NULL else NULL, scale, inner, out + i)
    elif kept[0] == 0:
        memset(out, 0, shared * sizeof(real))
    elif sign == NULL:
        for s in range(shared):
            out[s] = scale * x[s]
    else:
        for s in range(shared):
            out[s] = scale * x[s] if sign[s] > zero else zero


cdef Rule rule_of(uint64_t seed, uint64_t stream, uint32_t threshold, int bits, double scale) noexcept nogil:
    cdef Rule rule
    rule.seed, rule.stream, rule.threshold, rule.bits, rule.scale = seed, stream, threshold, bits, scale
    return rule


def keep(uint8_t[::1] mask, uint64_t seed, uint64_t stream, uint64_t index, uint32_t threshold, int bits, int n_threads):
    """mask[e] = 1 where element index + e is kept."""
    cdef Rule rule = rule_of(seed, stream, threshold, bits, 1)
    if mask.shape[0]:
        with nogil:
            elements_of[double](&rule, index, NULL, NULL, NULL, &mask[0], mask.shape[0], False, n_threads)


def multiply(const real[::1] x, const real[::1] sign, real[::1] out, uint64_t seed, uint64_t stream, uint64_t index, uint32_t threshold,
             int bits, double scale, bint streamed, int n_threads):
    """out = scale·x where kept and, if `sign` is given, sign > 0; else 0. `out` may be x or sign; if it is large, `streamed` stores it
    past the cache."""
    cdef Rule rule = rule_of(seed, stream, threshold, bits, scale)
    cdef const real* positive = &sign[0] if sign is not None and x.shape[0] else NULL
    if x.shape[0]:
        with nogil:
            elements_of(&rule, index, &x[0], positive, &out[0], NULL, x.shape[0], streamed, n_threads)


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
