/* Stores past the cache. A store to a line that is not in the cache reads it from memory first; what is larger than the cache need not
 * be read to be overwritten, which is a third of the traffic of a copy. And fetches of what will be read next. */
#ifndef RIATA_STREAM_H
#define RIATA_STREAM_H
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__SSE2__) || defined(_M_X64)
#include <emmintrin.h>
#define RIATA_STREAMS 1
#else
#define RIATA_STREAMS 0
#endif

/* memcpy; on x86 of whole lines past the cache, and seen by other threads when it returns */
static inline void riata_stream(void *target, const void *source, size_t bytes)
{
#if RIATA_STREAMS
    char *to = (char *)target;
    const char *from = (const char *)source;
    size_t head = (size_t)(-(uintptr_t)to & 63), i;
    if (head > bytes)
        head = bytes;
    memcpy(to, from, head);
    to += head;
    from += head;
    bytes -= head;
    for (i = 0; i + 64 <= bytes; i += 64) {
        __m128i a = _mm_loadu_si128((const __m128i *)(from + i)), b = _mm_loadu_si128((const __m128i *)(from + i + 16));
        __m128i c = _mm_loadu_si128((const __m128i *)(from + i + 32)), d = _mm_loadu_si128((const __m128i *)(from + i + 48));
        _mm_stream_si128((__m128i *)(to + i), a);
        _mm_stream_si128((__m128i *)(to + i + 16), b);
        _mm_stream_si128((__m128i *)(to + i + 32), c);
        _mm_stream_si128((__m128i *)(to + i + 48), d);
    }
    memcpy(to + i, from + i, bytes - i);
    _mm_sfence();
#else
    memcpy(target, source, bytes);
#endif
}

static inline void riata_fetch(const void *start, size_t bytes)
{
#if defined(__GNUC__)
    size_t i;
    for (i = 0; i < bytes; i += 64)
        __builtin_prefetch((const char *)start + i);
#else
    (void)start;
    (void)bytes;
#endif
}
#endif
