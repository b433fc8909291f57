/* The two inner loops of several small problems side by side (cpu/lanes.pxd): eight numbers, one of each problem, stand next to each other.
 * Left to itself a compiler vectorises along the features and shuffles the eights to and fro. Each number is one sum in the order of
 * the features: its bits are those of a problem alone, on every level. */
#ifndef RIATA_LANES_H
#define RIATA_LANES_H
#include <stddef.h>
#include "riata_simd.h"

#if defined(__GNUC__)
#  define RIATA_LANES_UNROLL _Pragma("GCC unroll 8")
typedef double riata_lane2 __attribute__((vector_size(16), aligned(8), may_alias));
typedef double riata_lane4 __attribute__((vector_size(32), aligned(8), may_alias));
typedef double riata_lane8 __attribute__((vector_size(64), aligned(8), may_alias));
#  define RIATA_LANE_WIDTH 2
#else
#  define RIATA_LANES_UNROLL
typedef double riata_lane2;
#  define RIATA_LANE_WIDTH 1
#endif

/* name_move: g[8 j + k] += row[j] d[k] for j < m, a multiple of eight.
 * name_fresh: g[8 j + k] = c[8 j + k] − Σ_i H[a_i ld + j] b[8 a_i + k] over the n features a; m is a multiple of eight. */
#define RIATA_LANES_KERNEL(name, attributes, vec, NV, NJ)                                                   \
attributes static void name##_move(double* g, const double* row, const double* d, ptrdiff_t m) {            \
    vec x[NV];                                                                                              \
    RIATA_LANES_UNROLL                                                                                      \
    for (int v = 0; v < NV; v++) x[v] = ((const vec*)d)[v];                                                 \
    for (ptrdiff_t j = 0; j < m; j += 4) {                                                                  \
        RIATA_LANES_UNROLL                                                                                  \
        for (int u = 0; u < 4; u++) {                                                                       \
            RIATA_LANES_UNROLL                                                                              \
            for (int v = 0; v < NV; v++) ((vec*)(g + 8 * (j + u)))[v] += x[v] * row[j + u];                 \
        }                                                                                                   \
    }                                                                                                       \
}                                                                                                           \
attributes static void name##_fresh(double* g, const double* c, const double* b, const double* H, ptrdiff_t ld,                     \
                                    const ptrdiff_t* a, ptrdiff_t n, ptrdiff_t m) {                         \
    for (ptrdiff_t j = 0; j < m; j += NJ) {                                                                 \
        vec s[NJ][NV];                                                                                      \
        RIATA_LANES_UNROLL                                                                                  \
        for (int u = 0; u < NJ; u++) {                                                                      \
            RIATA_LANES_UNROLL                                                                              \
            for (int v = 0; v < NV; v++) s[u][v] = ((const vec*)(c + 8 * (j + u)))[v];                      \
        }                                                                                                   \
        for (ptrdiff_t i = 0; i < n; i++) {                                                                 \
            const double* row = H + a[i] * ld + j;                                                          \
            vec x[NV];                                                                                      \
            RIATA_LANES_UNROLL                                                                              \
            for (int v = 0; v < NV; v++) x[v] = ((const vec*)(b + 8 * a[i]))[v];                            \
            RIATA_LANES_UNROLL                                                                              \
            for (int u = 0; u < NJ; u++) {                                                                  \
                RIATA_LANES_UNROLL                                                                          \
                for (int v = 0; v < NV; v++) s[u][v] -= x[v] * row[u];                                      \
            }                                                                                               \
        }                                                                                                   \
        RIATA_LANES_UNROLL                                                                                  \
        for (int u = 0; u < NJ; u++) {                                                                      \
            RIATA_LANES_UNROLL                                                                              \
            for (int v = 0; v < NV; v++) ((vec*)(g + 8 * (j + u)))[v] = s[u][v];                            \
        }                                                                                                   \
    }                                                                                                       \
}

RIATA_LANES_KERNEL(riata_lanes_plain, , riata_lane2, 8 / RIATA_LANE_WIDTH, 2)
#if !defined(RIATA_NO_CLONES) && defined(__x86_64__) && defined(__GNUC__)
#  define RIATA_LANES_X86
RIATA_LANES_KERNEL(riata_lanes_avx2, __attribute__((target("avx2,fma"))), riata_lane4, 2, 4)
RIATA_LANES_KERNEL(riata_lanes_avx512, __attribute__((target("avx512f"))), riata_lane8, 1, 8)
#endif

static inline void riata_lanes_move(double* g, const double* row, const double* d, ptrdiff_t m, int level) {
#ifdef RIATA_LANES_X86
    if (level == 4) { riata_lanes_avx512_move(g, row, d, m); return; }
    if (level == 3) { riata_lanes_avx2_move(g, row, d, m); return; }
#endif
    riata_lanes_plain_move(g, row, d, m);
    (void)level;
}

static inline void riata_lanes_fresh(double* g, const double* c, const double* b, const double* H, ptrdiff_t ld, const ptrdiff_t* a,
                                     ptrdiff_t n, ptrdiff_t m, int level) {
#ifdef RIATA_LANES_X86
    if (level == 4) { riata_lanes_avx512_fresh(g, c, b, H, ld, a, n, m); return; }
    if (level == 3) { riata_lanes_avx2_fresh(g, c, b, H, ld, a, n, m); return; }
#endif
    riata_lanes_plain_fresh(g, c, b, H, ld, a, n, m);
    (void)level;
}

#endif
