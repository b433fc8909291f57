/* exp and log for rows of logits and probabilities, float and double, whole range, and the order of floats as integers.
 *
 * The _row_ functions are exact at the ends: exp of -inf is 0, log of 0 is -inf, log of a subnormal number is right. Errors, in
 * units in the last place. Of float they are the largest of all floats, with fused multiply-add and (in brackets) without; the
 * arguments where they fall are in tests/test_row_math.py. Of double they are those of samples.
 *     riata_row_expf   2.1224 at -65.1675415 (2.2836 at -65.4543991), of positive x 1.6578 at 75.541153 (1.8478 at 75.2281723),
 *                      for |x| from 2^-7 on (below, of every 211th float, less) and results from 2^-126 on; smaller ones are 0 or
 *                      have lost digits. x above 88 counts as that.
 *     riata_row_logf   1.5545 at 2886.97461 (2.0320 at 2.14357187e-39, subnormal), for every positive number
 *     riata_row_exp    below 3 for results from 2^-1022 on; x above 709 counts as that
 *     riata_row_log    below 3 for every positive number, subnormal ones included
 * A NaN gives a number without meaning: callers look for NaNs first. */
#ifndef RIATA_ROWS_H
#define RIATA_ROWS_H
#include "riata_math.h"

static inline double riata_row_exp(double x) {
    return riata_exp_within(x, 0x4086280000000000LL);                     /* 709: two to the power of n is 0 from -708.74 down */
}

/* exp of x within [-88, 88] */
static inline float riata_expf_within(float x) {
    float shifted = x * 1.44269504f + 12583039.0f;                        /* 1.5·2^23 + 127: its last bits are n + 127 */
    int32_t bits;
    memcpy(&bits, &shifted, sizeof bits);
    float k = (float)(bits - 0x4b40007f);                                 /* by integers: a compiler may take 12583039 off again as it put it on */
    float r = x - k * 6.93145751953125e-01f;                              /* 15 bits of ln 2: the product is exact */
    float p = 1.3814597e-3f;                                              /* minimax of degree 6 after 1 + r: 3e-9 of exp(r) at most */
    p = p * r + 8.3687169e-3f;
    p = p * r + 4.1668388e-2f;
    p = p * r + 1.6666521e-1f;
    p = p * r + 4.9999993e-1f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    p -= p * (k * 1.42860677e-06f);                                       /* the rest of ln 2; its square is below .2 ulp */
    bits = (int32_t)((uint32_t)bits << 23);
    float two;
    memcpy(&two, &bits, sizeof two);
    return p * two;
}

static inline float riata_row_expf(float x) {
    int32_t size, sign;
    memcpy(&size, &x, sizeof size);
    sign = size & INT32_MIN;
    size &= INT32_MAX;
    size = size < 0x42b00000 ? size : 0x42b00000;                         /* 88: two to the power of n is 0 from -87.68 down */
    size |= sign;
    memcpy(&x, &size, sizeof x);
    return riata_expf_within(x);
}

/* the same bits for x ≤ 0, -inf included, with less to do; of a positive x a number without meaning */
static inline float riata_decay_expf(float x) {
    uint32_t size;
    memcpy(&size, &x, sizeof size);
    size = size < 0xc2b00000u ? size : 0xc2b00000u;
    memcpy(&x, &size, sizeof x);
    return riata_expf_within(x);
}

/* the log of a positive normal number; of anything else a number that is finite */
static inline float riata_normal_logf(float x) {
    int32_t bits;
    float m;
    memcpy(&bits, &x, sizeof bits);
    bits = bits > 0x00800000 ? bits : 0x00800000;
    /* x = m·2^e with m in [√½, √2) */
    int32_t e = (bits - 0x3f3504f3) >> 23;
    bits -= e << 23;
    memcpy(&m, &bits, sizeof m);
    float f = m - 1.0f, z = f * f;
    float p = 7.0376836292e-2f;                                           /* Cephes' logf (Moshier) */
    p = p * f - 1.1514610310e-1f;
    p = p * f + 1.1676998740e-1f;
    p = p * f - 1.2420140846e-1f;
    p = p * f + 1.4249322787e-1f;
    p = p * f - 1.6668057665e-1f;
    p = p * f + 2.0000714765e-1f;
    p = p * f - 2.4999993993e-1f;
    p = p * f + 3.3333331174e-1f;
    return (float)e * 6.93147180559945309417e-01f + (f + z * (p * f - 0.5f));
}

static inline double riata_normal_log(double x) { return riata_log(x); }

static inline float riata_row_logf(float x) {
    int32_t bits, small;
    memcpy(&bits, &x, sizeof bits);
    small = bits < 0x00800000;
    float value = riata_normal_logf(small ? x * 16777216.0f : x) - (small ? 24.0f * 6.93147180559945309417e-01f : 0.0f);
    return bits == 0 || bits == INT32_MIN ? -INFINITY : value;
}

static inline double riata_row_log(double x) {
    int64_t bits, small;
    memcpy(&bits, &x, sizeof bits);
    small = bits < 0x0010000000000000LL + 0x0200000000000000LL;           /* below 2^-990: riata_log's own limit is 1e-307 */
    double value = riata_log(small ? x * 1.8446744073709551616e19 : x) - (small ? 64.0 * 6.93147180559945309417e-01 : 0.0);
    return bits == 0 || bits == INT64_MIN ? -INFINITY : value;
}

/* integers in the order of the numbers: NaNs lie beyond the infinities */
static inline int32_t riata_keyf(float x) {
    int32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits ^ ((bits >> 31) & INT32_MAX);
}

static inline int64_t riata_key(double x) {
    int64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits ^ ((bits >> 63) & INT64_MAX);
}

/* not 0 where p or q has a sign, or q is zero or subnormal while p is not zero */
static inline int32_t riata_odd_pairf(float p, float q) {
    int32_t a, b;
    memcpy(&a, &p, sizeof a);
    memcpy(&b, &q, sizeof b);
    return ((a | b) >> 31) | ((b < 0x00800000) & (a > 0));
}

static inline int64_t riata_odd_pair(double p, double q) {
    int64_t a, b;
    memcpy(&a, &p, sizeof a);
    memcpy(&b, &q, sizeof b);
    return ((a | b) >> 63) | ((b < 0x0010000000000000LL) & (a > 0));
}

/* not 0 where x has a sign, is infinite or a NaN */
static inline int32_t riata_not_withinf(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits >= 0x7f800000u;
}

static inline int64_t riata_not_within(double x) {
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits >= 0x7ff0000000000000ULL;
}

/* not 0 where x is +inf; of a NaN 0 */
static inline int32_t riata_infinitef(float x) {
    int32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits == 0x7f800000;
}

static inline int64_t riata_infinite(double x) {
    int64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits == 0x7ff0000000000000LL;
}

static inline float riata_from_keyf(int32_t key) {
    float x;
    key ^= (key >> 31) & INT32_MAX;
    memcpy(&x, &key, sizeof x);
    return x;
}

static inline double riata_from_key(int64_t key) {
    double x;
    key ^= (key >> 63) & INT64_MAX;
    memcpy(&x, &key, sizeof x);
    return x;
}
#endif
