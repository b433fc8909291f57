/* Products of rows of X with the coefficients of a few problems, and back: the two halves of a mini-batch gradient.
 *
 * Four rows at a time; a problem's sums run along the features in lanes that do not depend on how many problems go together, so that its
 * bits are the same alone and beside others. Coefficients and gradients are float64, with zeros up to a multiple of RIATA_ROWS_PAD
 * features; rows are float64 or float32. */
#ifndef RIATA_ROW_PRODUCTS_H
#define RIATA_ROW_PRODUCTS_H
#include <stddef.h>
#include <string.h>
#include "riata_gram.h"

#define RIATA_ROWS_PAD 8
#define RIATA_ROWS_TOGETHER 4

#if defined(__GNUC__)
typedef long long riata_rows_i2 __attribute__((vector_size(16), aligned(8), may_alias));
typedef long long riata_rows_i4 __attribute__((vector_size(32), aligned(8), may_alias));
typedef long long riata_rows_i8 __attribute__((vector_size(64), aligned(8), may_alias));
typedef float riata_rows_f2 __attribute__((vector_size(8), aligned(4), may_alias));
typedef float riata_rows_f4 __attribute__((vector_size(16), aligned(4), may_alias));
typedef float riata_rows_f8 __attribute__((vector_size(32), aligned(4), may_alias));
#  define RIATA_ROWS_SAME(vec, narrow, x) (*(const vec*)(x))
#  define RIATA_ROWS_WIDEN(vec, narrow, x) __builtin_convertvector(*(const narrow*)(x), vec)
#  define RIATA_ROWS_KEEP(vec, bits, z, kept) ((vec)((bits)(z) & *(const bits*)(kept)))
#  define RIATA_ROWS_FETCH(x) __builtin_prefetch(x)
#else
typedef long long riata_rows_i2;
typedef float riata_rows_f2;
#  define RIATA_ROWS_SAME(vec, narrow, x) (*(const vec*)(x))
#  define RIATA_ROWS_WIDEN(vec, narrow, x) ((vec)*(const narrow*)(x))
#  define RIATA_ROWS_KEEP(vec, bits, z, kept) (*(kept) ? (z) : 0)
#  define RIATA_ROWS_FETCH(x) ((void)(x))
#endif

/* dots: out[r·NB + b] = Σ_j x[r][j] c[b·ld + j] of four rows and NB problems.
 * adds: c[b·ld + j] += Σ_r g[r·NB + b] x[r][j].
 * tail: the last p % W features of four rows, in the last lanes of the last W, the others zero; where p < W in the first lanes. */
#define RIATA_ROWS_KERNEL(name, attributes, vec, bits, narrow, W, type, load, NB)                                                      \
attributes static inline void name##_tail(const type* const* x, ptrdiff_t p, vec z[4]) {                                          \
    type last[W];                                                                                                                \
    long long kept[W];                         /* bits, not factors: a product of three might be taken in another order */       \
    for (int l = 0; l < W; l++) kept[l] = l >= W - p % W ? -1 : 0;                                                               \
    for (int r = 0; r < 4; r++) {                                                                                                \
        if (p >= W) {                                                                                                            \
            z[r] = load(vec, narrow, x[r] + p - W);                                                                              \
            z[r] = RIATA_ROWS_KEEP(vec, bits, z[r], kept);                                                                       \
        } else {                                                                                                                 \
            memset(last, 0, sizeof last);                                                                                        \
            memcpy(last, x[r], p * sizeof(type));                                                                                \
            z[r] = load(vec, narrow, last);                                                                                      \
        }                                                                                                                        \
    }                                                                                                                            \
}                                                                                                                                \
attributes static void name##_dots(const type* const* x, const type* const* next, const double* c, ptrdiff_t ld, ptrdiff_t p, double* out) {               \
    vec s[4][NB];                                                                                                                \
    ptrdiff_t j = 0;                                                                                                             \
    RIATA_UNROLL                                                                                                                 \
    for (int r = 0; r < 4; r++) {                                                                                                \
        RIATA_UNROLL                                                                                                             \
        for (int b = 0; b < NB; b++) s[r][b] = (vec){0};                                                                         \
    }                                                                                                                            \
    for (; j + W <= p; j += W) {                                                                                                 \
        vec z[4];                                                                                                                \
        RIATA_UNROLL                                                                                                             \
        for (int r = 0; r < 4; r++) {                                                                                            \
            z[r] = load(vec, narrow, x[r] + j);                                                                                  \
            RIATA_ROWS_FETCH(next[r] + j);                                                                                       \
        }                                                                                                                        \
        RIATA_UNROLL                                                                                                             \
        for (int b = 0; b < NB; b++) {                                                                                           \
            vec y = *(const vec*)(c + b * ld + j);                                                                               \
            RIATA_UNROLL                                                                                                         \
            for (int r = 0; r < 4; r++) s[r][b] += z[r] * y;                                                                     \
        }                                                                                                                        \
    }                                                                                                                            \
    if (j < p) {                                                                                                                 \
        vec z[4];                                                                                                                \
        name##_tail(x, p, z);                                                                                                    \
        j = p < W ? 0 : p - W;                                                                                                   \
        RIATA_UNROLL                                                                                                             \
        for (int b = 0; b < NB; b++) {                                                                                           \
            vec y = *(const vec*)(c + b * ld + j);                                                                               \
            RIATA_UNROLL                                                                                                         \
            for (int r = 0; r < 4; r++) s[r][b] += z[r] * y;                                                                     \
        }                                                                                                                        \
    }                                                                                                                            \
    for (int r = 0; r < 4; r++)                                                                                                  \
        for (int b = 0; b < NB; b++) {                                                                                           \
            double lanes[W], *t = lanes;                                                                                         \
            memcpy(lanes, &s[r][b], sizeof lanes);                                                                               \
            for (int half = W / 2; half > 0; half /= 2)                                                                          \
                for (int l = 0; l < half; l++) t[l] += t[l + half];                                                              \
            out[r * NB + b] = t[0];                                                                                              \
        }                                                                                                                        \
}                                                                                                                                \
attributes static void name##_adds(const type* const* x, const double* g, double* c, ptrdiff_t ld, ptrdiff_t p) {                \
    ptrdiff_t j = 0;                                                                                                             \
    for (; j + W <= p; j += W) {                                                                                                 \
        vec z[4];                                                                                                                \
        RIATA_UNROLL                                                                                                             \
        for (int r = 0; r < 4; r++) z[r] = load(vec, narrow, x[r] + j);                                                          \
        RIATA_UNROLL                                                                                                             \
        for (int b = 0; b < NB; b++) {                                                                                           \
            vec y = *(const vec*)(c + b * ld + j);                                                                               \
            RIATA_UNROLL                                                                                                         \
            for (int r = 0; r < 4; r++) y += z[r] * g[r * NB + b];                                                               \
            *(vec*)(c + b * ld + j) = y;                                                                                         \
        }                                                                                                                        \
    }                                                                                                                            \
    if (j < p) {                                                                                                                 \
        vec z[4];                                                                                                                \
        name##_tail(x, p, z);                                                                                                    \
        j = p < W ? 0 : p - W;                                                                                                   \
        RIATA_UNROLL                                                                                                             \
        for (int b = 0; b < NB; b++) {                                                                                           \
            vec y = *(const vec*)(c + b * ld + j);                                                                               \
            RIATA_UNROLL                                                                                                         \
            for (int r = 0; r < 4; r++) y += z[r] * g[r * NB + b];                                                               \
            *(vec*)(c + b * ld + j) = y;                                                                                         \
        }                                                                                                                        \
    }                                                                                                                            \
}
#define RIATA_ROWS_KERNELS(level, attributes, vec, bits, narrow, W)                                                                    \
RIATA_ROWS_KERNEL(riata_rows_double_1_##level, attributes, vec, bits, narrow, W, double, RIATA_ROWS_SAME, 1)                           \
RIATA_ROWS_KERNEL(riata_rows_double_4_##level, attributes, vec, bits, narrow, W, double, RIATA_ROWS_SAME, 4)                           \
RIATA_ROWS_KERNEL(riata_rows_float_1_##level, attributes, vec, bits, narrow, W, float, RIATA_ROWS_WIDEN, 1)                            \
RIATA_ROWS_KERNEL(riata_rows_float_4_##level, attributes, vec, bits, narrow, W, float, RIATA_ROWS_WIDEN, 4)

RIATA_ROWS_KERNELS(plain, , riata_v2, riata_rows_i2, riata_rows_f2, RIATA_LANES)
#ifdef RIATA_GRAM_X86
RIATA_ROWS_KERNELS(avx2, __attribute__((target("avx2,fma"))), riata_v4, riata_rows_i4, riata_rows_f4, 4)
RIATA_ROWS_KERNELS(avx512, __attribute__((target("avx512f"))), riata_v8, riata_rows_i8, riata_rows_f8, 8)
#  define RIATA_ROWS_CALL(what, ...) do {                                                    \
    if (level == 4) riata_rows_##what##_avx512##__VA_ARGS__;                                  \
    else if (level == 3) riata_rows_##what##_avx2##__VA_ARGS__;                               \
    else riata_rows_##what##_plain##__VA_ARGS__;                                              \
} while (0)
#else
#  define RIATA_ROWS_CALL(what, ...) riata_rows_##what##_plain##__VA_ARGS__
#endif

/* Four rows with 1 or 4 problems; ``next`` are four rows that will be wanted soon. */
static inline void riata_rows_dots(const void* const* x, const void* const* next, int single, const double* c, ptrdiff_t ld, ptrdiff_t p, int problems,
                                   double* out, int level) {
    const double* const* d = (const double* const*)x;
    const float* const* f = (const float* const*)x;
    const double* const* dn = (const double* const*)next;
    const float* const* fn = (const float* const*)next;
    if (single) {
        if (problems == 1) RIATA_ROWS_CALL(float_1, _dots(f, fn, c, ld, p, out));
        else RIATA_ROWS_CALL(float_4, _dots(f, fn, c, ld, p, out));
    } else {
        if (problems == 1) RIATA_ROWS_CALL(double_1, _dots(d, dn, c, ld, p, out));
        else RIATA_ROWS_CALL(double_4, _dots(d, dn, c, ld, p, out));
    }
    (void)level;
}

static inline void riata_rows_adds(const void* const* x, int single, const double* g, double* c, ptrdiff_t ld, ptrdiff_t p, int problems,
                                   int level) {
    const double* const* d = (const double* const*)x;
    const float* const* f = (const float* const*)x;
    if (single) {
        if (problems == 1) RIATA_ROWS_CALL(float_1, _adds(f, g, c, ld, p));
        else RIATA_ROWS_CALL(float_4, _adds(f, g, c, ld, p));
    } else {
        if (problems == 1) RIATA_ROWS_CALL(double_1, _adds(d, g, c, ld, p));
        else RIATA_ROWS_CALL(double_4, _adds(d, g, c, ld, p));
    }
    (void)level;
}

#endif
