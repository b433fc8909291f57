/* Products of packed panels: C += BᵀA, the register-blocked inner loop of a Gram matrix.
 *
 * A panel holds eight columns side by side, row after row: z[8 r + k]. An entry of C is one sum down the rows in their order, whatever
 * tile it is computed in: its bits depend neither on the tile, nor on its neighbours, nor on the number of threads.
 * AVX-512 takes 24 × 8 entries in 24 registers, AVX2 8 × 4, everything else 4 × 4. */
#ifndef RIATA_GRAM_H
#define RIATA_GRAM_H
#include <stddef.h>
#include "riata_simd.h"

#define RIATA_PANEL 8

#if defined(__GNUC__)
#  define RIATA_UNROLL _Pragma("GCC unroll 8")
typedef double riata_v2 __attribute__((vector_size(16), aligned(8), may_alias));
typedef double riata_v4 __attribute__((vector_size(32), aligned(8), may_alias));
typedef double riata_v8 __attribute__((vector_size(64), aligned(8), may_alias));
#else
#  define RIATA_UNROLL
typedef double riata_v2;
#endif

/* c[j·ldc + v·next + lane] += Σ_r b[8 r + j] a[v·next_a + 8 r + lane], j < NB, v < NA */
#define RIATA_GRAM_KERNEL(name, attributes, vec, NA, NB)                                                    \
attributes static void name(const double* a, ptrdiff_t next_a, const double* b, ptrdiff_t rows, double* c,  \
                            ptrdiff_t ldc, ptrdiff_t next) {                                                \
    vec s[NB][NA];                                                                                          \
    RIATA_UNROLL                                                                                            \
    for (int j = 0; j < NB; j++) {                                                                          \
        RIATA_UNROLL                                                                                        \
        for (int v = 0; v < NA; v++) s[j][v] = (vec){0};                                                    \
    }                                                                                                       \
    for (ptrdiff_t r = 0; r < rows; r++) {                                                                  \
        vec x[NA];                                                                                          \
        RIATA_UNROLL                                                                                        \
        for (int v = 0; v < NA; v++) x[v] = *(const vec*)(a + v * next_a);                                  \
        RIATA_UNROLL                                                                                        \
        for (int j = 0; j < NB; j++) {                                                                      \
            RIATA_UNROLL                                                                                    \
            for (int v = 0; v < NA; v++) s[j][v] += x[v] * b[j];                                            \
        }                                                                                                   \
        a += RIATA_PANEL;                                                                                   \
        b += RIATA_PANEL;                                                                                   \
    }                                                                                                       \
    RIATA_UNROLL                                                                                            \
    for (int j = 0; j < NB; j++) {                                                                          \
        RIATA_UNROLL                                                                                        \
        for (int v = 0; v < NA; v++) *(vec*)(c + j * ldc + v * next) += s[j][v];                            \
    }                                                                                                       \
}

#if defined(__GNUC__)
#  define RIATA_LANES 2
#else
#  define RIATA_LANES 1
#endif
RIATA_GRAM_KERNEL(riata_gram_plain, , riata_v2, 2, 4)
#if !defined(RIATA_NO_CLONES) && defined(__x86_64__) && defined(__GNUC__)
#  define RIATA_GRAM_X86
RIATA_GRAM_KERNEL(riata_gram_avx2, __attribute__((target("avx2,fma"))), riata_v4, 2, 4)
RIATA_GRAM_KERNEL(riata_gram_avx512_1, __attribute__((target("avx512f"))), riata_v8, 1, 8)
RIATA_GRAM_KERNEL(riata_gram_avx512_2, __attribute__((target("avx512f"))), riata_v8, 2, 8)
RIATA_GRAM_KERNEL(riata_gram_avx512_3, __attribute__((target("avx512f"))), riata_v8, 3, 8)
#endif

/* c (8 × 8 count, rows ldc apart) += BᵀA of one panel b and ``count`` panels a, which are ``next`` apart, over the given rows;
 * count is at most 3. */
static inline void riata_gram_tile(const double* a, ptrdiff_t next, int count, const double* b, ptrdiff_t rows, double* c,
                                   ptrdiff_t ldc, int level) {
#ifdef RIATA_GRAM_X86
    if (level == 4) {
        if (count == 3) riata_gram_avx512_3(a, next, b, rows, c, ldc, RIATA_PANEL);
        else if (count == 2) riata_gram_avx512_2(a, next, b, rows, c, ldc, RIATA_PANEL);
        else riata_gram_avx512_1(a, next, b, rows, c, ldc, RIATA_PANEL);
        return;
    }
    if (level == 3) {
        for (int v = 0; v < count; v++)
            for (int j = 0; j < RIATA_PANEL; j += 4)
                riata_gram_avx2(a + v * next, 4, b + j, rows, c + j * ldc + v * RIATA_PANEL, ldc, 4);
        return;
    }
#endif
    for (int v = 0; v < count; v++)
        for (int j = 0; j < RIATA_PANEL; j += 4)
            for (int k = 0; k < RIATA_PANEL; k += 2 * RIATA_LANES)
                riata_gram_plain(a + v * next + k, RIATA_LANES, b + j, rows, c + j * ldc + v * RIATA_PANEL + k, ldc, RIATA_LANES);
    (void)level;
}

#endif
