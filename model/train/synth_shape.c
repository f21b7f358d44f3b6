#include "model/train/synth_shape.h"

#include <math.h>

struct synth_shape synth_shape_draw(struct rng *rng, unsigned main, unsigned factors)
{
    struct synth_shape shape = {.kind = (enum synth_shape_kind)rng_below(rng, SYNTH_SHAPE_KINDS)};
    unsigned other = (unsigned)rng_below(rng, factors - 1);
    shape.k[0] = main;
    shape.k[1] = other < main ? other : other + 1; // another one
    shape.w[0] = 0.6 + 0.4 * rng_uniform(rng);
    shape.w[1] = rng_uniform(rng) - 0.5;
    shape.w[2] = 0.3 + 0.9 * rng_uniform(rng);
    double norm = sqrt(shape.w[0] * shape.w[0] + shape.w[1] * shape.w[1] + shape.w[2] * shape.w[2]);
    if (rng_below(rng, 2) == 1)
        norm = -norm;
    for (int i = 0; i < 3; i++)
        shape.w[i] /= norm;
    shape.scale = pow(10, 3 * rng_uniform(rng) - 1);
    return shape;
}

double synth_shape_value(const struct synth_shape *shape, const double *u, struct rng *noise)
{
    double z = shape->w[0] * u[shape->k[0]] + shape->w[1] * u[shape->k[1]] +
               shape->w[2] * rng_normal(noise);
    switch (shape->kind) {
    case SYNTH_SHAPE_HEAVY:
        return shape->scale * exp(1.2 * z);
    case SYNTH_SHAPE_COUNT:
        return floor(exp(1 + z));
    case SYNTH_SHAPE_ZERO_INFLATED:
        return z < 0.3 ? 0 : shape->scale * expm1(1.5 * (z - 0.3));
    case SYNTH_SHAPE_LOG_LIKE:
        return -12 + 3 * z;
    case SYNTH_SHAPE_FRACTION:
        return 1 / (1 + exp(-z));
    case SYNTH_SHAPE_FLAG:
        return z > 0 ? 1 : 0;
    default:
        return floor(shape->scale * exp(2.5 * z));
    }
}

char *synth_shape_print_integer(char *at, uint64_t n)
{
    char digits[20];
    size_t count = 0;
    do
        digits[count++] = (char)('0' + n % 10);
    while ((n /= 10) > 0);
    while (count > 0)
        *at++ = digits[--count];
    return at;
}

char *synth_shape_print(char *at, const struct synth_shape *shape, const double *u,
                        struct rng *noise)
{
    double value = synth_shape_value(shape, u, noise);
    unsigned decimals = shape->kind == SYNTH_SHAPE_HEAVY ? 3 : 6;
    uint64_t one = decimals == 3 ? 1000 : 1000000;
    // A very heavy count beyond 1e11 has no use; the product stays within 64 bits.
    uint64_t scaled = (uint64_t)(fmin(fabs(value), 1e11) * (double)one + 0.5);
    if (value < 0 && scaled > 0)
        *at++ = '-';
    at = synth_shape_print_integer(at, scaled / one);
    uint64_t rest = scaled % one;
    if (rest == 0)
        return at;
    *at++ = '.';
    while (rest > 0) {
        one /= 10;
        *at++ = (char)('0' + rest / one);
        rest %= one;
    }
    return at;
}
