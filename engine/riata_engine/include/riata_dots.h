/* Products of float32 columns with float64 residuals: entries are widened in registers, so that memory is read at half the bytes and
 * every sum is one of float64.
 *
 * A product is one sum down the rows, a chunk at a time, in the order of its lanes, whatever columns and residuals stand beside it in
 * the same kernel. AVX-512 takes 2 columns × 10 residuals in 20 registers, AVX2 2 × 5, everything else 1 × 5. */
#ifndef RIATA_DOTS_H
#define RIATA_DOTS_H
#include <stddef.h>
#include <string.h>
#include "riata_simd.h"

#define RIATA_DOTS_TOGETHER 10         /* residuals that meet a column at once */

#if defined(__GNUC__)
#  define RIATA_DOTS_UNROLL _Pragma("GCC unroll 10")
#  define RIATA_DOTS_LANE(x, i) ((x)[i])
#  define RIATA_DOTS_AHEAD(x) __builtin_prefetch(x)
#  define RIATA_DOTS_WIDTH 2
typedef double riata_dots_v2 __attribute__((vector_size(16), aligned(8), may_alias));
static inline riata_dots_v2 riata_dots_widen_2(const float* x) { return (riata_dots_v2){x[0], x[1]}; }
#else
#  define RIATA_DOTS_UNROLL
#  define RIATA_DOTS_LANE(x, i) (x)
#  define RIATA_DOTS_AHEAD(x)
#  define RIATA_DOTS_WIDTH 1
typedef double riata_dots_v2;
static inline riata_dots_v2 riata_dots_widen_2(const float* x) { return x[0]; }
#endif
#if !defined(RIATA_NO_CLONES) && defined(__x86_64__) && defined(__GNUC__)
#  define RIATA_DOTS_X86
#  include <immintrin.h>
typedef double riata_dots_v4 __attribute__((vector_size(32), aligned(8), may_alias));
typedef double riata_dots_v8 __attribute__((vector_size(64), aligned(8), may_alias));
#  define RIATA_DOTS_WIDEN_4(x) ((riata_dots_v4)_mm256_cvtps_pd(_mm_loadu_ps(x)))         /* compilers widen a vector in pieces */
#  define RIATA_DOTS_WIDEN_8(x) ((riata_dots_v8)_mm512_cvtps_pd(_mm256_loadu_ps(x)))
#endif

/* out[b·ldo + v] += Σ_i (x[v][i] − center[v]) r_b[i] over n rows, v < NX, b < NR. Eight rows of a residual stand side by side, then those
 * of the next: r[step·(i / 8) + 8 b + i % 8], with zeros behind the last row. ``next`` are the columns to come. */
#define RIATA_DOTS_KERNEL(name, attributes, widen, vec, W, NX, NR)                                          \
attributes static inline void name##_eight(vec s[NX][NR], const float* const* x, const double* center, const double* r) {          \
    RIATA_DOTS_UNROLL                                                                                       \
    for (int h = 0; h < 8; h += W) {                                                                        \
        vec z[NX];                                                                                          \
        RIATA_DOTS_UNROLL                                                                                   \
        for (int v = 0; v < NX; v++) z[v] = widen(x[v] + h) - center[v];                                    \
        RIATA_DOTS_UNROLL                                                                                   \
        for (int b = 0; b < NR; b++) {                                                                      \
            vec y = *(const vec*)(r + 8 * b + h);                                                           \
            RIATA_DOTS_UNROLL                                                                               \
            for (int v = 0; v < NX; v++) s[v][b] += z[v] * y;                                               \
        }                                                                                                   \
    }                                                                                                       \
}                                                                                                           \
attributes static void name(const float* const* x, const float* const* next, const double* center, const double* r, ptrdiff_t step, \
                            ptrdiff_t n, double* out, ptrdiff_t ldo) {                                      \
    vec s[NX][NR];                                                                                          \
    const float* here[NX];                                                                                  \
    float last[NX][8];                                                                                      \
    ptrdiff_t i = 0;                                                                                        \
    RIATA_DOTS_UNROLL                                                                                       \
    for (int v = 0; v < NX; v++) {                                                                          \
        RIATA_DOTS_UNROLL                                                                                   \
        for (int b = 0; b < NR; b++) s[v][b] = (vec){0};                                                    \
    }                                                                                                       \
    for (; i + 8 <= n; i += 8, r += step) {                                                                 \
        RIATA_DOTS_UNROLL                                                                                   \
        for (int v = 0; v < NX; v++) {                                                                      \
            here[v] = x[v] + i;                                                                             \
            RIATA_DOTS_AHEAD(next[v] + i);                                                                  \
        }                                                                                                   \
        name##_eight(s, here, center, r);                                                                   \
    }                                                                                                       \
    if (i < n) {                                                                                            \
        memset(last, 0, sizeof last);                                                                       \
        for (int v = 0; v < NX; v++) {                                                                      \
            memcpy(last[v], x[v] + i, (n - i) * sizeof(float));                                             \
            here[v] = last[v];                                                                              \
        }                                                                                                   \
        name##_eight(s, here, center, r);                                                                   \
    }                                                                                                       \
    RIATA_DOTS_UNROLL                                                                                       \
    for (int b = 0; b < NR; b++) {                                                                          \
        RIATA_DOTS_UNROLL                                                                                   \
        for (int v = 0; v < NX; v++) {                                                                      \
            double total = 0;                                                                               \
            for (int w = 0; w < W; w++) total += RIATA_DOTS_LANE(s[v][b], w);                               \
            out[b * ldo + v] += total;                                                                      \
        }                                                                                                   \
    }                                                                                                       \
}

RIATA_DOTS_KERNEL(riata_dots_plain, , riata_dots_widen_2, riata_dots_v2, RIATA_DOTS_WIDTH, 1, 5)
RIATA_DOTS_KERNEL(riata_dots_plain_1, , riata_dots_widen_2, riata_dots_v2, RIATA_DOTS_WIDTH, 2, 1)
#ifdef RIATA_DOTS_X86
RIATA_DOTS_KERNEL(riata_dots_avx2, __attribute__((target("avx2,fma"))), RIATA_DOTS_WIDEN_4, riata_dots_v4, 4, 2, 5)
RIATA_DOTS_KERNEL(riata_dots_avx2_1, __attribute__((target("avx2,fma"))), RIATA_DOTS_WIDEN_4, riata_dots_v4, 4, 2, 1)
RIATA_DOTS_KERNEL(riata_dots_avx512, __attribute__((target("avx512f"))), RIATA_DOTS_WIDEN_8, riata_dots_v8, 8, 2, 10)
RIATA_DOTS_KERNEL(riata_dots_avx512_1, __attribute__((target("avx512f"))), RIATA_DOTS_WIDEN_8, riata_dots_v8, 8, 2, 1)
#endif

/* Two columns with ten residuals (step 80), or with one (step 8): ``alone``. */
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

#endif
