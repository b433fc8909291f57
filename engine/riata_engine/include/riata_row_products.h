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

/* z·y + s, by intrinsics where there are some: a sum that is written out may be taken in another order for one problem than for four. */
static inline riata_v2 riata_rows_fma_plain(riata_v2 z, riata_v2 y, riata_v2 s) { return s + z * y; }
#ifdef RIATA_GRAM_X86
#include <immintrin.h>
__attribute__((target("avx2,fma"))) static inline riata_v4 riata_rows_fma_avx2(riata_v4 z, riata_v4 y, riata_v4 s) {
    return (riata_v4)_mm256_fmadd_pd((__m256d)z, (__m256d)y, (__m256d)s);
}
__attribute__((target("avx512f,fma"))) static inline riata_v8 riata_rows_fma_avx512(riata_v8 z, riata_v8 y, riata_v8 s) {
    return (riata_v8)_mm512_fmadd_pd((__m512d)z, (__m512d)y, (__m512d)s);
}
#endif

/* Sums over the lanes of four vectors, to each of which ``base`` is added: halves onto halves, whatever the instruction set. */
#define RIATA_ROWS_FOLDED(lanes, W) do {                                                                                        \
    for (int half = (W) / 2; half > 0; half /= 2)                                                                                \
        for (int l = 0; l < half; l++) (lanes)[l] += (lanes)[l + half];                                                          \
} while (0)
static inline void riata_rows_sums_plain(double* out, riata_v2 a, riata_v2 b, riata_v2 c, riata_v2 d, double base) {
    riata_v2 all[4] = {a, b, c, d};
    for (int r = 0; r < 4; r++) {
        double lanes[RIATA_LANES];
        memcpy(lanes, &all[r], sizeof lanes);
        RIATA_ROWS_FOLDED(lanes, RIATA_LANES);
        out[r] = base + lanes[0];
    }
}
#ifdef RIATA_GRAM_X86
__attribute__((target("avx2,fma"))) static inline void riata_rows_four(double* out, __m256d a, __m256d b, __m256d c, __m256d d, double base) {
    __m256d ac = _mm256_add_pd(_mm256_permute2f128_pd(a, c, 0x20), _mm256_permute2f128_pd(a, c, 0x31));
    __m256d bd = _mm256_add_pd(_mm256_permute2f128_pd(b, d, 0x20), _mm256_permute2f128_pd(b, d, 0x31));
    __m256d sums = _mm256_add_pd(_mm256_unpacklo_pd(ac, bd), _mm256_unpackhi_pd(ac, bd));
    _mm256_storeu_pd(out, _mm256_add_pd(_mm256_set1_pd(base), sums));
}
__attribute__((target("avx2,fma"))) static inline void riata_rows_sums_avx2(double* out, riata_v4 a, riata_v4 b, riata_v4 c, riata_v4 d, double base) {
    riata_rows_four(out, (__m256d)a, (__m256d)b, (__m256d)c, (__m256d)d, base);
}
__attribute__((target("avx512f"))) static inline __m256d riata_rows_half(riata_v8 z) {
    return _mm256_add_pd(_mm512_castpd512_pd256((__m512d)z), _mm512_extractf64x4_pd((__m512d)z, 1));
}
__attribute__((target("avx512f,fma"))) static inline void riata_rows_sums_avx512(double* out, riata_v8 a, riata_v8 b, riata_v8 c, riata_v8 d, double base) {
    riata_rows_four(out, riata_rows_half(a), riata_rows_half(b), riata_rows_half(c), riata_rows_half(d), base);
}
#endif

/* bits of the last p % W of W lanes: from place p % W on */
static const long long riata_rows_last[16] = {0, 0, 0, 0, 0, 0, 0, 0, -1, -1, -1, -1, -1, -1, -1, -1};

/* dots: out[b·stride + r] = c[b·ld + wide] + Σ_j x[r][j] c[b·ld + j] of four rows and NB problems; wide = p rounded up, where
 *       the intercept is.
 * adds: c[b·ld + j] += Σ_r g[b·stride + r] x[r][j].
 * tail: the last p % W features of four rows, in the last lanes of the last W, the others zero; where p < W in the first lanes. */
#define RIATA_ROWS_KERNEL(name, level, attributes, vec, bits, narrow, W, type, load, NB)                                                      \
attributes static inline void name##_tail(const type* const* x, ptrdiff_t p, vec z[4]) {                                          \
    type last[W];                                                                                                                \
    const long long* kept = riata_rows_last + 8 - W + p % W;     /* bits, not factors: a product of three might be reordered */  \
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
attributes static void name##_dots(const type* const* x, const type* const* next, const double* c, ptrdiff_t ld, ptrdiff_t p, double* out, ptrdiff_t stride) { \
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
            for (int r = 0; r < 4; r++) s[r][b] = riata_rows_fma_##level(z[r], y, s[r][b]);                                                                     \
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
            for (int r = 0; r < 4; r++) s[r][b] = riata_rows_fma_##level(z[r], y, s[r][b]);                                                                     \
        }                                                                                                                        \
    }                                                                                                                            \
    RIATA_UNROLL                                                                                                                 \
    for (int b = 0; b < NB; b++)                                                                                                 \
        riata_rows_sums_##level(out + b * stride, s[0][b], s[1][b], s[2][b], s[3][b], c[b * ld + (p + 7) / 8 * 8]);              \
}                                                                                                                                \
attributes static void name##_adds(const type* const* x, const double* g, double* c, ptrdiff_t ld, ptrdiff_t p, ptrdiff_t stride) { \
    const type* const z0 = x[0]; const type* const z1 = x[1];  /* c may be anywhere: read once, not after each store */           \
    const type* const z2 = x[2]; const type* const z3 = x[3];                                                                     \
    vec h[4][NB];                                                                                                                \
    ptrdiff_t j = 0;                                                                                                             \
    RIATA_UNROLL                                                                                                                 \
    for (int r = 0; r < 4; r++) {                                                                                                \
        RIATA_UNROLL                                                                                                             \
        for (int b = 0; b < NB; b++) h[r][b] = (vec){0} + g[b * stride + r];                                                     \
    }                                                                                                                            \
    for (; j + W <= p; j += W) {                                                                                                 \
        vec z[4] = {load(vec, narrow, z0 + j), load(vec, narrow, z1 + j), load(vec, narrow, z2 + j), load(vec, narrow, z3 + j)};  \
        RIATA_UNROLL                                                                                                             \
        for (int b = 0; b < NB; b++) {                                                                                           \
            vec y = *(const vec*)(c + b * ld + j);                                                                               \
            RIATA_UNROLL                                                                                                         \
            for (int r = 0; r < 4; r++) y = riata_rows_fma_##level(z[r], h[r][b], y);                                                                     \
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
            for (int r = 0; r < 4; r++) y = riata_rows_fma_##level(z[r], h[r][b], y);                                                                     \
            *(vec*)(c + b * ld + j) = y;                                                                                         \
        }                                                                                                                        \
    }                                                                                                                            \
}
#define RIATA_ROWS_KERNELS(level, attributes, vec, bits, narrow, W)                                                                    \
RIATA_ROWS_KERNEL(riata_rows_double_1_##level, level, attributes, vec, bits, narrow, W, double, RIATA_ROWS_SAME, 1)                           \
RIATA_ROWS_KERNEL(riata_rows_double_4_##level, level, attributes, vec, bits, narrow, W, double, RIATA_ROWS_SAME, 4)                           \
RIATA_ROWS_KERNEL(riata_rows_float_1_##level, level, attributes, vec, bits, narrow, W, float, RIATA_ROWS_WIDEN, 1)                            \
RIATA_ROWS_KERNEL(riata_rows_float_4_##level, level, attributes, vec, bits, narrow, W, float, RIATA_ROWS_WIDEN, 4)

RIATA_ROWS_KERNELS(plain, , riata_v2, riata_rows_i2, riata_rows_f2, RIATA_LANES)
#ifdef RIATA_GRAM_X86
RIATA_ROWS_KERNELS(avx2, __attribute__((target("avx2,fma"))), riata_v4, riata_rows_i4, riata_rows_f4, 4)
RIATA_ROWS_KERNELS(avx512, __attribute__((target("avx512f,fma"))), riata_v8, riata_rows_i8, riata_rows_f8, 8)
#  define RIATA_ROWS_CALL(kind, what, ...) do {                                                    \
    if (level == 4) riata_rows_##kind##_avx512##what(__VA_ARGS__);                                  \
    else if (level == 3) riata_rows_##kind##_avx2##what(__VA_ARGS__);                               \
    else riata_rows_##kind##_plain##what(__VA_ARGS__);                                              \
} while (0)
#else
#  define RIATA_ROWS_CALL(kind, what, ...) riata_rows_##kind##_plain##what(__VA_ARGS__)
#endif

/* Rows four by four, up to m; all of a last four are read. Problems are 1 or 4; ``next`` are rows that will be wanted soon. */
#define RIATA_ROWS_EACH(type, what, ...) do {                                                                                   \
    const type* const* X = (const type* const*)x;                                                                                \
    for (ptrdiff_t i = 0; i < m; i += 4)                                                                                         \
        if (problems == 1) RIATA_ROWS_CALL(type##_1, what, __VA_ARGS__);                                                         \
        else RIATA_ROWS_CALL(type##_4, what, __VA_ARGS__);                                                                       \
} while (0)

static inline void riata_rows_dots(const void* const* x, const void* const* next, ptrdiff_t m, int single, const double* c, ptrdiff_t ld,
                                   ptrdiff_t p, int problems, double* out, ptrdiff_t stride, int level) {
    if (single) RIATA_ROWS_EACH(float, _dots, X + i, (const float* const*)next + i, c, ld, p, out + i, stride);
    else RIATA_ROWS_EACH(double, _dots, X + i, (const double* const*)next + i, c, ld, p, out + i, stride);
    (void)level;
}

static inline void riata_rows_adds(const void* const* x, ptrdiff_t m, int single, const double* g, double* c, ptrdiff_t ld, ptrdiff_t p,
                                   int problems, ptrdiff_t stride, int level) {
    if (single) RIATA_ROWS_EACH(float, _adds, X + i, g + i, c, ld, p, stride);
    else RIATA_ROWS_EACH(double, _adds, X + i, g + i, c, ld, p, stride);
    (void)level;
}

#endif
