#include "model/kernels/sigmoid.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

enum { STEPS = 32 };

// 2^(j/32), and what rounding it to double lost.
static const struct power {
    double value, lost;
} powers[STEPS + 1] = {
    {0x1.0000000000000p+0, 0},
    {0x1.059b0d3158574p+0, 0x1.d73e2a475b465p-55},
    {0x1.0b5586cf9890fp+0, 0x1.8a62e4adc610bp-54},
    {0x1.11301d0125b51p+0, -0x1.6c51039449b3ap-54},
    {0x1.172b83c7d517bp+0, -0x1.19041b9d78a76p-55},
    {0x1.1d4873168b9aap+0, 0x1.e016e00a2643cp-54},
    {0x1.2387a6e756238p+0, 0x1.9b07eb6c70573p-54},
    {0x1.29e9df51fdee1p+0, 0x1.612e8afad1255p-55},
    {0x1.306fe0a31b715p+0, 0x1.6f46ad23182e4p-55},
    {0x1.371a7373aa9cbp+0, -0x1.63aeabf42eae2p-54},
    {0x1.3dea64c123422p+0, 0x1.ada0911f09ebcp-55},
    {0x1.44e086061892dp+0, 0x1.89b7a04ef80d0p-59},
    {0x1.4bfdad5362a27p+0, 0x1.d4397afec42e2p-56},
    {0x1.5342b569d4f82p+0, -0x1.07abe1db13cadp-55},
    {0x1.5ab07dd485429p+0, 0x1.6324c054647adp-54},
    {0x1.6247eb03a5585p+0, -0x1.383c17e40b497p-54},
    {0x1.6a09e667f3bcdp+0, -0x1.bdd3413b26456p-54},
    {0x1.71f75e8ec5f74p+0, -0x1.16e4786887a99p-55},
    {0x1.7a11473eb0187p+0, -0x1.41577ee04992fp-55},
    {0x1.82589994cce13p+0, -0x1.d4c1dd41532d8p-54},
    {0x1.8ace5422aa0dbp+0, 0x1.6e9f156864b27p-54},
    {0x1.93737b0cdc5e5p+0, -0x1.75fc781b57ebcp-57},
    {0x1.9c49182a3f090p+0, 0x1.c7c46b071f2bep-56},
    {0x1.a5503b23e255dp+0, -0x1.d2f6edb8d41e1p-54},
    {0x1.ae89f995ad3adp+0, 0x1.7a1cd345dcc81p-54},
    {0x1.b7f76f2fb5e47p+0, -0x1.5584f7e54ac3bp-56},
    {0x1.c199bdd85529cp+0, 0x1.11065895048ddp-55},
    {0x1.cb720dcef9069p+0, 0x1.503cbd1e949dbp-56},
    {0x1.d5818dcfba487p+0, 0x1.2ed02d75b3707p-55},
    {0x1.dfc97337b9b5fp+0, -0x1.1a5cd4f184b5cp-54},
    {0x1.ea4afa2a490dap+0, -0x1.e9c23179c2893p-54},
    {0x1.f50765b6e4540p+0, 0x1.9d3e12dd8a18bp-54},
    {0x1.0000000000000p+1, 0},
};

// ln2 / 32; the high part has 37 bits, so that its product with every k below is exact.
static const double step_hi = 0x1.62e42fefap-6, step_lo = 0x1.cf79abc9e3b3ap-45;
static const double steps_per_unit = 0x1.71547652b82fep+5;

static double power_of_two(int64_t exponent) // -1022..1023
{
    uint64_t bits = (uint64_t)(exponent + 1023) << 52;
    double value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

// exp(r) - 1 for 0 <= r < 0.022. No coefficient is negative, so that no line can fall where r
// rises. (To r^7: the next term is below 2^-59.)
static double exp_minus_one(double r)
{
    double p = 1.0 / 720 + r * (1.0 / 5040);
    p = 1.0 / 120 + r * p;
    p = 1.0 / 24 + r * p;
    p = 1.0 / 6 + r * p;
    p = 1.0 / 2 + r * p;
    return r + r * r * p;
}

// With exp(-s) = 2^(e + j/32) * exp(r): 1 / (1 + exp(-s)) = 2^-e / (2^(j/32) * exp(r) + 2^-e). The
// sum is rounded once: inside a step (e, j) its larger part is constant, known with what it lost,
// and the rest rises with r. Clamped between the ends of the step, the steps cannot overlap: it
// never falls where -s rises, and the quotient never where s does.
double sigmoid_of(double s)
{
    if (s > 40)
        return 1;
    if (s < -750)
        return 0;
    if (isnan(s))
        return s;
    int64_t k = (int64_t)floor(-s * steps_per_unit);
    double r = -s - (double)k * step_hi - (double)k * step_lo;
    int64_t j = k & (STEPS - 1), e = (k - j) / STEPS;
    double power = powers[j].value;
    double unit = e < 64 ? power_of_two(-e) : 0; // beyond that 1 + exp(-s) is exp(-s)
    double least = power + unit, most = powers[j + 1].value + unit;
    double lost = power < unit ? power - (least - unit) : unit - (least - power);
    double sum = least + (lost + (powers[j].lost + power * exp_minus_one(r > 0 ? r : 0)));
    sum = sum < least ? least : sum;
    sum = sum > most ? most : sum;
    // In two steps, since 2^-e may be too small for a normal number.
    return 1 / sum * power_of_two(-(e / 2)) * power_of_two(-(e - e / 2));
}
