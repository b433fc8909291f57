/* Dot products of all columns of a CSC matrix with one vector.
 *
 * Columns of a dozen entries leave a plain loop waiting for its branches; masked gathers take eight entries
 * at once and have no remainder. gcc does not write them by itself (12: a scalar remainder), so they stand
 * here by hand, for AVX-512 only; everything else runs the plain loop. */
#ifndef RIATA_GATHER_H
#define RIATA_GATHER_H
#include <stddef.h>
#include "riata_simd.h"

#if defined(__GNUC__)
#  define riata_prefetch(address) __builtin_prefetch(address)
#else
#  define riata_prefetch(address) ((void)(address))
#endif

#define RIATA_PLAIN_DOTS(name, type)                                                                        \
static void name(const type* x, const long long* indptr, const int* index, ptrdiff_t first, ptrdiff_t last, \
                 const double* r, double* out) {                                                            \
    for (ptrdiff_t j = first; j < last; j++) {                                                              \
        double s = 0;                                                                                       \
        for (long long a = indptr[j]; a < indptr[j + 1]; a++) s += (double)x[a] * r[index[a]];              \
        out[j] = s;                                                                                         \
    }                                                                                                       \
}
RIATA_PLAIN_DOTS(riata_plain_dots_double, double)
RIATA_PLAIN_DOTS(riata_plain_dots_float, float)

#if !defined(RIATA_NO_CLONES) && defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#define RIATA_GATHER_DOTS(name, type, load)                                                                 \
__attribute__((target("avx512f,avx512vl")))                                                                 \
static void name(const type* x, const long long* indptr, const int* index, ptrdiff_t first, ptrdiff_t last, \
                 const double* r, double* out) {                                                            \
    const __m512d zero = _mm512_setzero_pd();                                                               \
    for (ptrdiff_t j = first; j < last; j++) {                                                              \
        __m512d s = zero;                                                                                   \
        long long end = indptr[j + 1];                                                                      \
        for (long long a = indptr[j]; a < end; a += 8) {                                                    \
            __mmask8 m = end - a >= 8 ? 0xff : (__mmask8)((1u << (end - a)) - 1);                           \
            __m256i i = _mm256_maskz_loadu_epi32(m, index + a);                                             \
            s = _mm512_fmadd_pd(load, _mm512_mask_i32gather_pd(zero, m, i, r, 8), s);                       \
        }                                                                                                   \
        out[j] = _mm512_reduce_add_pd(s);                                                                   \
    }                                                                                                       \
}
RIATA_GATHER_DOTS(riata_gather_dots_double, double, _mm512_maskz_loadu_pd(m, x + a))
RIATA_GATHER_DOTS(riata_gather_dots_float, float, _mm512_cvtps_pd(_mm256_maskz_loadu_ps(m, x + a)))
#  define RIATA_PICK_DOTS(gather, plain) (riata_simd_level() == 4 ? gather : plain)
#else
#  define RIATA_PICK_DOTS(gather, plain) plain
#endif

/* out[j] = sum of x[a] r[index[a]] over the entries of column j, first <= j < last */
static inline void riata_column_dots_double(const double* x, const long long* indptr, const int* index, ptrdiff_t first,
                                            ptrdiff_t last, const double* r, double* out) {
    RIATA_PICK_DOTS(riata_gather_dots_double, riata_plain_dots_double)(x, indptr, index, first, last, r, out);
}
static inline void riata_column_dots_float(const float* x, const long long* indptr, const int* index, ptrdiff_t first,
                                           ptrdiff_t last, const double* r, double* out) {
    RIATA_PICK_DOTS(riata_gather_dots_float, riata_plain_dots_float)(x, indptr, index, first, last, r, out);
}
#endif
