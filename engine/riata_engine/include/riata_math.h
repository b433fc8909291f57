/* exp and log without branches or calls, so that loops over rows vectorise.
 *
 * riata_exp: x is held within [-708, 708], and a NaN counts as 708; error below 3 ulp.
 * riata_log: error below 3 ulp for normal x; x ≤ 1e-307 counts as 1e-307, so that x·log(x) is 0 at 0.
 *
 * The reductions are those of Tang (1989), "Table-driven implementation of the exponential function", without the table. Sums may be
 * reordered by the compiler (see CMakeLists.txt): neither function rests on an order. */
#ifndef RIATA_MATH_H
#define RIATA_MATH_H
#include <math.h>
#include <stdint.h>
#include <string.h>

static inline double riata_exp_within(double x, int64_t limit) {
    /* |x| ≤ limit (its bits), by integers: compilers thread branches on floating-point numbers through a loop, and then do not vectorise it */
    int64_t size, sign;
    memcpy(&size, &x, sizeof size);
    sign = size & INT64_MIN;
    size &= INT64_MAX;
    size = size < limit ? size : limit;
    size |= sign;
    memcpy(&x, &size, sizeof x);
    /* the integer next to x / ln 2, halves away from zero */
    double scaled = x * 1.4426950408889634074;
    int32_t n = (int32_t)(scaled + copysign(0.5, scaled));
    double k = (double)n;
    double r = x - k * 6.93147180369123816490e-01;
    double p = 1.0 / 6227020800.0;
    p = p * r + 1.0 / 479001600.0;
    p = p * r + 1.0 / 39916800.0;
    p = p * r + 1.0 / 3628800.0;
    p = p * r + 1.0 / 362880.0;
    p = p * r + 1.0 / 40320.0;
    p = p * r + 1.0 / 5040.0;
    p = p * r + 1.0 / 720.0;
    p = p * r + 1.0 / 120.0;
    p = p * r + 1.0 / 24.0;
    p = p * r + 1.0 / 6.0;
    p = p * r + 0.5;
    p = p * r + 1.0;
    p = p * r + 1.0;
    double rest = k * 1.90821492927058770002e-10;       /* what the short ln 2 left out */
    p -= p * (rest - 0.5 * rest * rest);
    int64_t bits = ((int64_t)n + 1023) << 52;
    double two;
    memcpy(&two, &bits, sizeof two);
    return p * two;
}

static inline double riata_exp(double x) { return riata_exp_within(x, 0x4086200000000000LL); }

static inline double riata_log(double x) {
    int64_t bits;
    double m;
    memcpy(&bits, &x, sizeof bits);
    bits = bits > 0x0031fa182c40c60dLL ? bits : 0x0031fa182c40c60dLL;
    /* x = m·2^e with m in [√½, √2) */
    int32_t e = (int32_t)((bits - 0x3fe6a09e667f3bcdLL) >> 52);
    bits -= (int64_t)e << 52;
    memcpy(&m, &bits, sizeof m);
    double s = (m - 1.0) / (m + 1.0), z = s * s;
    double p = 2.0 / 21.0;
    p = p * z + 2.0 / 19.0;
    p = p * z + 2.0 / 17.0;
    p = p * z + 2.0 / 15.0;
    p = p * z + 2.0 / 13.0;
    p = p * z + 2.0 / 11.0;
    p = p * z + 2.0 / 9.0;
    p = p * z + 2.0 / 7.0;
    p = p * z + 2.0 / 5.0;
    p = p * z + 2.0 / 3.0;
    p = p * z * s + 2.0 * s;
    return (double)e * 6.93147180559945309417e-01 + p;
}

#endif
