// The functions behind the tables of kernels.c, and what the sets share. For model/kernels alone.
#pragma once

#include "model/kernels/kernels.h"

#include <stdint.h>

#define KERNELS_SET(set, runnable, dense_fn, narrow_fn, log1p_fn, exp_fn, sigmoid_fn, prelu_fn,    \
                    dice_fn, add_row_fn, mul_row_fn, pool_fn)                                      \
    kernels_dense_fn dense_fn;                                                                     \
    kernels_narrow_fn narrow_fn;                                                                   \
    kernels_log1p_fn log1p_fn;                                                                     \
    kernels_exp_fn exp_fn;                                                                         \
    kernels_sigmoid_fn sigmoid_fn;                                                                 \
    kernels_prelu_fn prelu_fn;                                                                     \
    kernels_dice_fn dice_fn;                                                                       \
    kernels_add_row_fn add_row_fn;                                                                 \
    kernels_mul_row_fn mul_row_fn;                                                                 \
    kernels_pool_fn pool_fn;
#include "model/kernels/kernels.def"

// log1p, for a = |x|, each line one rounded fp32 operation per sign, in every set:
//   u = 1 + a, and c what the rounding of u lost: small - (u - big) of the pair (1, a)
//   u = 2^k * m, sqrt(1/2) <= m < sqrt(2);  f = m - 1, c = c / u;  for k = 0: f = a, c = 0
//   s = f / (2 + f), z = s * s;  R = z * (2/3 + z * (2/5 + z * (2/7 + z * 2/9)))
//   k * LN2_HI + (f - (s * (f - R) - (k * LN2_LO + c)))
// since log(1 + f) = 2 atanh(s) and 2 s = f - s f. |s| <= 0.172: the next term is below 2^-28 of
// the sum. LN2_HI has 16 bits, so that its product with k <= 128 is exact. With k = 0 and f tiny
// the last line is f, which is right.
static const float sets_ln2_hi = 0x1.62e4p-1F;
static const float sets_ln2_lo = 0x1.7f7d1cp-20F;
static const float sets_atanh3 = 2.0F / 3, sets_atanh5 = 2.0F / 5, sets_atanh7 = 2.0F / 7,
                   sets_atanh9 = 2.0F / 9;
static const int32_t sets_sqrt_half_bits = 0x3f3504f3, sets_mantissa_bits = 0x7fffff;

// exp for x <= 0, each line one rounded fp32 operation or fma, in every set:
//   t = fma(x, log2(e), ROUND), k = t - ROUND: the integer nearest to x / ln 2, since the sum has
//   no bits for a fraction; its last bits are those of k
//   r = fma(k, -LN2_LO, fma(k, -LN2_HI, x)), |r| <= 0.347; the inner one is exact
//   p = 1 + r + r^2/2 + ... + r^7/5040, from the inside by fma; the next term is below 2^-27
//   p * 2^k, exact
// and 0 for x < EXP_LEAST, the last that gives a normal number (k >= -126).
// sigmoid with e = exp(-|x|): (x < 0 ? e : 1) / (1 + e).
enum { SETS_EXP = 8 };
static const float sets_exp[SETS_EXP] = {1.0F / 5040, 1.0F / 720, 1.0F / 120, 1.0F / 24,
                                         1.0F / 6,    1.0F / 2,   1,          1};
static const float sets_log2_e = 0x1.715476p+0F, sets_round = 0x1.8p23F;
static const float sets_exp_least = -0x1.5d589ep+6F;
static const uint32_t sets_exponent_bias = 127, sets_mantissa_width = 23;
