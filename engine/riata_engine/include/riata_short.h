/* Loops over dense columns of few rows. A column of fifty entries leaves a plain loop with a remainder, and with one sum that
 * waits for itself: here copies are padded with zeros to whole eights, and a pass over X takes four columns at a time, whose last
 * eight rows overlap those before them (``last`` is zero where a row has had its turn).
 *
 * All of it is inlined into functions that are compiled for several levels (riata_simd.h). */
#ifndef RIATA_SHORT_H
#define RIATA_SHORT_H
#include <stddef.h>
#include <string.h>

#if defined(__GNUC__)
#  define RIATA_SHORT static inline __attribute__((always_inline))
typedef double riata_row4 __attribute__((vector_size(32), aligned(8), may_alias));
typedef double riata_row8 __attribute__((vector_size(64), aligned(8), may_alias));
typedef float riata_row8f __attribute__((vector_size(32), aligned(4), may_alias));
#  if defined(__has_builtin)
#    if __has_builtin(__builtin_shufflevector)
#      define RIATA_HALF(s, a, b, c, d) __builtin_shufflevector(s, s, a, b, c, d)
#    endif
#  endif
#  ifndef RIATA_HALF
#    define RIATA_HALF(s, a, b, c, d) ((riata_row4){s[a], s[b], s[c], s[d]})
#  endif
#  define RIATA_SUM(s, out) do {                                                          \
    riata_row4 half_ = RIATA_HALF(s, 0, 1, 2, 3) + RIATA_HALF(s, 4, 5, 6, 7);             \
    out = (half_[0] + half_[2]) + (half_[1] + half_[3]);                                  \
} while (0)

/* Σ z u over m entries, a multiple of eight */
RIATA_SHORT double riata_short_dot(const double* z, const double* u, ptrdiff_t m) {
    riata_row8 s = {0}, s2 = {0};
    ptrdiff_t i = 0;
    double out;
    for (; i + 16 <= m; i += 16) {
        s += *(const riata_row8*)(z + i) * *(const riata_row8*)(u + i);
        s2 += *(const riata_row8*)(z + i + 8) * *(const riata_row8*)(u + i + 8);
    }
    if (i < m) s += *(const riata_row8*)(z + i) * *(const riata_row8*)(u + i);
    s += s2;
    RIATA_SUM(s, out);
    return out;
}

/* u −= a z, or a v∘z where v is given; m is a multiple of eight */
RIATA_SHORT void riata_short_move(const double* z, const double* v, double a, double* u, ptrdiff_t m) {
    ptrdiff_t i;
    if (v == NULL) for (i = 0; i < m; i += 8) *(riata_row8*)(u + i) -= a * *(const riata_row8*)(z + i);
    else for (i = 0; i < m; i += 8) *(riata_row8*)(u + i) -= a * *(const riata_row8*)(v + i) * *(const riata_row8*)(z + i);
}

#  define RIATA_AS_IS(x) (x)
#  define RIATA_WIDER(x) __builtin_convertvector(x, riata_row8)
#  define RIATA_FOUR_ROWS(vec, AS, at, weights) do {                                                                        \
    const riata_row8 r_ = *(const riata_row8*)(weights);                                                                    \
    s0 += (AS(*(const vec*)(x0 + (at))) - d0) * r_;                                                                         \
    s1 += (AS(*(const vec*)(x1 + (at))) - d1) * r_;                                                                         \
    s2 += (AS(*(const vec*)(x2 + (at))) - d2) * r_;                                                                         \
    s3 += (AS(*(const vec*)(x3 + (at))) - d3) * r_;                                                                         \
} while (0)
/* out[j] = Σ (x_j − shift_j) u for the k columns j of a list */
#  define RIATA_SHORT_DOTS(name, type, vec, AS)                                                                             \
RIATA_SHORT void name(const type* x, ptrdiff_t n, ptrdiff_t ld, const ptrdiff_t* list, ptrdiff_t k, const double* shift,    \
                      const double* u, double* out) {                                                                       \
    double last[8] = {0};                                                                                                   \
    ptrdiff_t i, q;                                                                                                         \
    for (i = 0; n >= 8 && i < n % 8; i++) last[8 - n % 8 + i] = u[n - n % 8 + i];                                           \
    for (q = 0; n >= 8 && q < k; q += 4) {      /* the last column again where four are not left */                         \
        const ptrdiff_t j0 = list[q], j1 = list[q + 1 < k ? q + 1 : q], j2 = list[q + 2 < k ? q + 2 : q],                   \
                        j3 = list[q + 3 < k ? q + 3 : q];                                                                   \
        const type *x0 = x + j0 * ld, *x1 = x + j1 * ld, *x2 = x + j2 * ld, *x3 = x + j3 * ld;                              \
        const double d0 = shift[j0], d1 = shift[j1], d2 = shift[j2], d3 = shift[j3];                                        \
        riata_row8 s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0};                                                                  \
        for (i = 0; i + 8 <= n; i += 8) RIATA_FOUR_ROWS(vec, AS, i, u + i);                                                 \
        if (i < n) RIATA_FOUR_ROWS(vec, AS, n - 8, last);                                                                   \
        RIATA_SUM(s0, out[j0]);                                                                                             \
        RIATA_SUM(s1, out[j1]);                                                                                             \
        RIATA_SUM(s2, out[j2]);                                                                                             \
        RIATA_SUM(s3, out[j3]);                                                                                             \
    }                                                                                                                       \
    for (q = 0; n < 8 && q < k; q++) {                                                                                      \
        double s = 0;                                                                                                       \
        for (i = 0; i < n; i++) s += ((double)x[list[q] * ld + i] - shift[list[q]]) * u[i];                                 \
        out[list[q]] = s;                                                                                                   \
    }                                                                                                                       \
}
RIATA_SHORT_DOTS(riata_short_dots_double, double, riata_row8, RIATA_AS_IS)
RIATA_SHORT_DOTS(riata_short_dots_float, float, riata_row8f, RIATA_WIDER)
#else
static inline double riata_short_dot(const double* z, const double* u, ptrdiff_t m) {
    double s = 0;
    for (ptrdiff_t i = 0; i < m; i++) s += z[i] * u[i];
    return s;
}
static inline void riata_short_move(const double* z, const double* v, double a, double* u, ptrdiff_t m) {
    for (ptrdiff_t i = 0; i < m; i++) u[i] -= v == NULL ? a * z[i] : a * v[i] * z[i];
}
#  define RIATA_SHORT_DOTS(name, type)                                                                                      \
static inline void name(const type* x, ptrdiff_t n, ptrdiff_t ld, const ptrdiff_t* list, ptrdiff_t k, const double* shift,  \
                        const double* u, double* out) {                                                                     \
    for (ptrdiff_t q = 0; q < k; q++) {                                                                                     \
        double s = 0;                                                                                                       \
        for (ptrdiff_t i = 0; i < n; i++) s += ((double)x[list[q] * ld + i] - shift[list[q]]) * u[i];                       \
        out[list[q]] = s;                                                                                                   \
    }                                                                                                                       \
}
RIATA_SHORT_DOTS(riata_short_dots_double, double)
RIATA_SHORT_DOTS(riata_short_dots_float, float)
#endif
#endif
