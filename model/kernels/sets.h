// The functions behind the tables of kernels.c, and what the sets share. For model/kernels alone.
#pragma once

#include "model/kernels/kernels.h"

#include <stdint.h>

#define KERNELS_SET(set, runnable, dense_fn, narrow_fn, log1p_fn)                                  \
    kernels_dense_fn dense_fn;                                                                     \
    kernels_narrow_fn narrow_fn;                                                                   \
    kernels_log1p_fn log1p_fn;
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
