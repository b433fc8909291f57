/* Products of float32 columns with residuals. Entries are widened in registers, so that memory is read at half the bytes and every sum
 * is one of float64; or, ``narrow``, residuals are float32 too, and so are the sums over at most RIATA_DOTS_CHUNK rows.
 *
 * A product is one sum down the rows, a chunk at a time, in the order of its lanes, whatever columns and residuals stand beside it in
 * the same kernel. AVX-512 takes 2 columns × 10 residuals in 20 registers, AVX2 2 × 5, everything else 1 × 5. */
#ifndef RIATA_DOTS_H
#define RIATA_DOTS_H
#include <stddef.h>
#include <string.h>
#include "riata_simd.h"

#define RIATA_DOTS_TOGETHER 10         /* residuals that meet a column at once */
#define RIATA_DOTS_CHUNK 512           /* rows of ten residuals that stay in the first-level cache */

#if defined(__GNUC__)
#  define RIATA_DOTS_UNROLL _Pragma("GCC unroll 10")
#  define RIATA_DOTS_AHEAD(x) __builtin_prefetch(x)
#  define RIATA_DOTS_WIDTH 2
typedef float riata_dots_f4 __attribute__((vector_size(16), aligned(4), may_alias));
typedef double riata_dots_v2 __attribute__((vector_size(16), aligned(8), may_alias));
static inline riata_dots_v2 riata_dots_widen_2(const float* x) { return (riata_dots_v2){x[0], x[1]}; }
#  define RIATA_DOTS_SUM_2(s) ((s)[0] + (s)[1])
#  define RIATA_DOTS_SUM_4(s) (((s)[0] + (s)[2]) + ((s)[1] + (s)[3]))
#else
#  define RIATA_DOTS_UNROLL
#  define RIATA_DOTS_AHEAD(x)
#  define RIATA_DOTS_WIDTH 1
typedef double riata_dots_v2;
typedef float riata_dots_f4;
static inline riata_dots_v2 riata_dots_widen_2(const float* x) { return x[0]; }
#  define RIATA_DOTS_SUM_2(s) (s)
#  define RIATA_DOTS_SUM_4(s) (s)
#endif
#if !defined(RIATA_NO_CLONES) && defined(__x86_64__) && defined(__GNUC__)
#  define RIATA_DOTS_X86
#  include <immintrin.h>
typedef double riata_dots_v4 __attribute__((vector_size(32), aligned(8), may_alias));
typedef double riata_dots_v8 __attribute__((vector_size(64), aligned(8), may_alias));
typedef float riata_dots_f8 __attribute__((vector_size(32), aligned(4), may_alias));
typedef float riata_dots_f16 __attribute__((vector_size(64), aligned(4), may_alias));
#  define RIATA_DOTS_AVX2 __attribute__((target("avx2,fma")))
#  define RIATA_DOTS_AVX512 __attribute__((target("avx512f")))
#  define RIATA_DOTS_WIDEN_4(x) ((riata_dots_v4)_mm256_cvtps_pd(_mm_loadu_ps(x)))         /* compilers widen a vector in pieces */
#  define RIATA_DOTS_WIDEN_8(x) ((riata_dots_v8)_mm512_cvtps_pd(_mm256_loadu_ps(x)))
RIATA_DOTS_AVX2 static inline double riata_dots_sum_avx2(riata_dots_v4 s) {
    return RIATA_DOTS_SUM_4(s);
}
RIATA_DOTS_AVX2 static inline double riata_dots_narrow_sum_avx2(riata_dots_f8 s) {
    const __m128 half = _mm_add_ps(_mm256_castps256_ps128((__m256)s), _mm256_extractf128_ps((__m256)s, 1));
    const __m128 pair = _mm_add_ps(half, _mm_movehl_ps(half, half));
    return _mm_cvtss_f32(_mm_add_ss(pair, _mm_movehdup_ps(pair)));
}
RIATA_DOTS_AVX512 static inline double riata_dots_sum_avx512(riata_dots_v8 s) {
    return _mm512_reduce_add_pd((__m512d)s);
}
RIATA_DOTS_AVX512 static inline double riata_dots_narrow_sum_avx512(riata_dots_f16 s) {
    return _mm512_reduce_add_ps((__m512)s);
}
#endif
#define RIATA_DOTS_AS_4(x) (*(const riata_dots_f4*)(x))
#define RIATA_DOTS_AS_8(x) (*(const riata_dots_f8*)(x))
#define RIATA_DOTS_AS_16(x) (*(const riata_dots_f16*)(x))

/* out[b·ldo + v] += Σ_i (x[v][i] − center[v]) r_b[i] over n rows, v < NX, b < NR. H rows of a residual stand side by side, 64 bytes, then
 * those of the next: r[step·(i / H) + H b + i % H], with zeros behind the last row. ``next`` are the columns to come. */
#define RIATA_DOTS_KERNEL(name, attributes, number, H, load, sum, vec, W, NX, NR)                           \
attributes static inline void name##_line(vec s[NX][NR], const float* const* x, const number* center, const number* r) {           \
    RIATA_DOTS_UNROLL                                                                                       \
    for (int h = 0; h < H; h += W) {                                                                        \
        vec z[NX];                                                                                          \
        RIATA_DOTS_UNROLL                                                                                   \
        for (int v = 0; v < NX; v++) z[v] = load(x[v] + h) - center[v];                                     \
        RIATA_DOTS_UNROLL                                                                                   \
        for (int b = 0; b < NR; b++) {                                                                      \
            vec y = *(const vec*)(r + H * b + h);                                                           \
            RIATA_DOTS_UNROLL                                                                               \
            for (int v = 0; v < NX; v++) s[v][b] += z[v] * y;                                               \
        }                                                                                                   \
    }                                                                                                       \
}                                                                                                           \
attributes static void name(const float* const* x, const float* const* next, const number* center, const number* r, ptrdiff_t step, \
                            ptrdiff_t n, double* out, ptrdiff_t ldo) {                                      \
    vec s[NX][NR];                                                                                          \
    const float* here[NX];                                                                                  \
    float last[NX][H];                                                                                      \
    ptrdiff_t i = 0;                                                                                        \
    RIATA_DOTS_UNROLL                                                                                       \
    for (int v = 0; v < NX; v++) {                                                                          \
        RIATA_DOTS_UNROLL                                                                                   \
        for (int b = 0; b < NR; b++) s[v][b] = (vec){0};                                                    \
    }                                                                                                       \
    for (; i + H <= n; i += H, r += step) {                                                                 \
        RIATA_DOTS_UNROLL                                                                                   \
        for (int v = 0; v < NX; v++) {                                                                      \
            here[v] = x[v] + i;                                                                             \
            RIATA_DOTS_AHEAD(next[v] + i);                                                                  \
        }                                                                                                   \
        name##_line(s, here, center, r);                                                                    \
    }                                                                                                       \
    if (i < n) {                                                                                            \
        memset(last, 0, sizeof last);                                                                       \
        for (int v = 0; v < NX; v++) {                                                                      \
            memcpy(last[v], x[v] + i, (n - i) * sizeof(float));                                             \
            here[v] = last[v];                                                                              \
        }                                                                                                   \
        name##_line(s, here, center, r);                                                                    \
    }                                                                                                       \
    RIATA_DOTS_UNROLL                                                                                       \
    for (int b = 0; b < NR; b++) {                                                                          \
        RIATA_DOTS_UNROLL                                                                                   \
        for (int v = 0; v < NX; v++) {                                                                      \
            out[b * ldo + v] += sum(s[v][b]);                                                               \
        }                                                                                                   \
    }                                                                                                       \
}

RIATA_DOTS_KERNEL(riata_dots_plain, , double, 8, riata_dots_widen_2, RIATA_DOTS_SUM_2, riata_dots_v2, RIATA_DOTS_WIDTH, 1, 5)
RIATA_DOTS_KERNEL(riata_dots_plain_1, , double, 8, riata_dots_widen_2, RIATA_DOTS_SUM_2, riata_dots_v2, RIATA_DOTS_WIDTH, 2, 1)
RIATA_DOTS_KERNEL(riata_dots_narrow_plain, , float, 16, RIATA_DOTS_AS_4, RIATA_DOTS_SUM_4, riata_dots_f4, RIATA_DOTS_WIDTH * RIATA_DOTS_WIDTH, 1, 5)
#ifdef RIATA_DOTS_X86
RIATA_DOTS_KERNEL(riata_dots_avx2, RIATA_DOTS_AVX2, double, 8, RIATA_DOTS_WIDEN_4, riata_dots_sum_avx2, riata_dots_v4, 4, 2, 5)
RIATA_DOTS_KERNEL(riata_dots_avx2_1, RIATA_DOTS_AVX2, double, 8, RIATA_DOTS_WIDEN_4, riata_dots_sum_avx2, riata_dots_v4, 4, 2, 1)
RIATA_DOTS_KERNEL(riata_dots_narrow_avx2, RIATA_DOTS_AVX2, float, 16, RIATA_DOTS_AS_8, riata_dots_narrow_sum_avx2, riata_dots_f8, 8, 2, 5)
RIATA_DOTS_KERNEL(riata_dots_avx512, RIATA_DOTS_AVX512, double, 8, RIATA_DOTS_WIDEN_8, riata_dots_sum_avx512, riata_dots_v8, 8, 2, 10)
RIATA_DOTS_KERNEL(riata_dots_avx512_1, RIATA_DOTS_AVX512, double, 8, RIATA_DOTS_WIDEN_8, riata_dots_sum_avx512, riata_dots_v8, 8, 2, 1)
RIATA_DOTS_KERNEL(riata_dots_narrow_avx512, RIATA_DOTS_AVX512, float, 16, RIATA_DOTS_AS_16, riata_dots_narrow_sum_avx512, riata_dots_f16, 16, 2, 10)
#endif

/* Two columns with ten residuals, or with one (``alone``), in float64. */
static inline void riata_dots(const float* const* x, const float* const* next, const double* center, const double* r, int alone,
                              ptrdiff_t n, double* out, ptrdiff_t ldo, int level) {
    const ptrdiff_t step = alone ? 8 : 8 * RIATA_DOTS_TOGETHER;
#ifdef RIATA_DOTS_X86
    if (level == 4) {
        if (alone) riata_dots_avx512_1(x, next, center, r, step, n, out, ldo);
        else riata_dots_avx512(x, next, center, r, step, n, out, ldo);
        return;
    }
    if (level == 3) {
        if (alone) riata_dots_avx2_1(x, next, center, r, step, n, out, ldo);
        else
            for (int b = 0; b < RIATA_DOTS_TOGETHER; b += 5) riata_dots_avx2(x, next, center, r + 8 * b, step, n, out + b * ldo, ldo);
        return;
    }
#endif
    if (alone) riata_dots_plain_1(x, next, center, r, step, n, out, ldo);
    else
        for (int v = 0; v < 2; v++)
            for (int b = 0; b < RIATA_DOTS_TOGETHER; b += 5)
                riata_dots_plain(x + v, next + v, center + v, r + 8 * b, step, n, out + b * ldo + v, ldo);
    (void)level;
}

/* Two columns with ten residuals in float32, the sums of chunks added up in float64. */
static inline void riata_dots_narrow(const float* const* x, const float* const* next, const float* center, const float* r, ptrdiff_t n,
                                     double* out, ptrdiff_t ldo, int level) {
    const ptrdiff_t step = 16 * RIATA_DOTS_TOGETHER;
#ifdef RIATA_DOTS_X86
    if (level == 4) {
        riata_dots_narrow_avx512(x, next, center, r, step, n, out, ldo);
        return;
    }
    if (level == 3) {
        for (int b = 0; b < RIATA_DOTS_TOGETHER; b += 5)
            riata_dots_narrow_avx2(x, next, center, r + 16 * b, step, n, out + b * ldo, ldo);
        return;
    }
#endif
    for (int v = 0; v < 2; v++)
        for (int b = 0; b < RIATA_DOTS_TOGETHER; b += 5)
            riata_dots_narrow_plain(x + v, next + v, center + v, r + 16 * b, step, n, out + b * ldo + v, ldo);
    (void)level;
}

/* What a narrow product is off by, at most, in units of Σ |x − center| |r|: entries, residuals and products are rounded, and so is each
 * sum of a lane and of up to 16 lanes, in four steps (Higham 2002, Accuracy and Stability of Numerical Algorithms, §3.1 and §4.2); one
 * part in a hundred for the terms of second order and the sums in float64. */
static inline double riata_dots_error(int level) {
    int lanes = RIATA_DOTS_WIDTH * RIATA_DOTS_WIDTH;
#ifdef RIATA_DOTS_X86
    if (level >= 3) lanes = level == 4 ? 16 : 8;
#endif
    (void)level;
    return 1.01 * (RIATA_DOTS_CHUNK / lanes + 7) * 0x1p-24;
}

#endif
