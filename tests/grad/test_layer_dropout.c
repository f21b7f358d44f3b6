// Dropout: gradient of a given mask against central differences; the drawn mask against Philox by
// its stated counter, its rate, and its independence of the order in which rows are drawn.
#include "base/rng.h"
#include "model/layer_dropout.h"
#include "tests/support/numeric.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { COUNT = 37 };

struct reference {
    const double *upstream;
    const uint8_t *mask;
};

static double loss(void *context, const double *x)
{
    const struct reference *r = context;
    double sum = 0;
    for (size_t i = 0; i < COUNT; i++)
        sum += r->mask[i] ? r->upstream[i] * x[i] / (1 - .3) : 0;
    return sum;
}

static void gradient(void **state)
{
    (void)state;
    float x[COUNT], g[COUNT];
    double wide[COUNT], upstream[COUNT], want[COUNT];
    uint8_t mask[COUNT];
    numeric_fill(1, 1, x, wide, COUNT);
    numeric_fill(2, 1, g, upstream, COUNT);
    for (size_t i = 0; i < COUNT; i++)
        mask[i] = i % 3 != 0;
    struct reference r = {upstream, mask};
    layer_dropout_forward(x, mask, COUNT, .3);
    for (size_t i = 0; i < COUNT; i++)
        want[i] = mask[i] ? wide[i] / (1 - .3) : 0;
    numeric_is_close("y", x, want, COUNT, 1e-6);
    layer_dropout_backward(g, mask, COUNT, .3);
    numeric_gradient(loss, &r, wide, COUNT, want);
    numeric_is_close("grad_x", g, want, COUNT, 1e-6);
}

static void mask_is_the_stated_word(void **state)
{
    (void)state;
    struct layer_dropout_draw draw = {0x123456789ULL, 3, 11, .25};
    uint8_t mask[COUNT];
    layer_dropout_mask(&draw, 5, 40, COUNT, mask);
    for (uint32_t u = 0; u < COUNT; u++) {
        uint32_t words[4];
        rng_words(rng_key_of(0x123456789ULL, RNG_DROPOUT), 3, 11, 5, 40 + u / 4, words);
        assert_int_equal(mask[u], words[u % 4] >= 0x40000000U);
    }
    assert_int_equal(layer_dropout_blocks(0), 0);
    assert_int_equal(layer_dropout_blocks(1), 1);
    assert_int_equal(layer_dropout_blocks(4), 1);
    assert_int_equal(layer_dropout_blocks(5), 2);
}

static void every_part_of_the_counter_counts(void **state)
{
    (void)state;
    enum { UNITS = 128 }; // equal by chance: 2^-128
    uint8_t first[UNITS], other[UNITS];
    struct layer_dropout_draw draw = {1, 2, 3, .5};
    layer_dropout_mask(&draw, 4, 5, UNITS, first);
    layer_dropout_mask(&draw, 4, 5, UNITS, other);
    assert_memory_equal(first, other, UNITS);
    struct layer_dropout_draw others[] = {{2, 2, 3, .5}, {1, 1, 3, .5}, {1, 2, 4, .5}};
    for (size_t i = 0; i < 3; i++) {
        layer_dropout_mask(&others[i], 4, 5, UNITS, other);
        assert_memory_not_equal(first, other, UNITS);
    }
    layer_dropout_mask(&draw, 3, 5, UNITS, other);
    assert_memory_not_equal(first, other, UNITS);
    layer_dropout_mask(&draw, 4, 5 + UNITS / 4, UNITS, other);
    assert_memory_not_equal(first, other, UNITS);
}

static void rate(void **state)
{
    (void)state;
    enum { UNITS = 1000, ROWS = 100 };
    static const double rates[] = {0, .1, .5, .9};
    for (size_t k = 0; k < 4; k++) {
        struct layer_dropout_draw draw = {1, 0, 0, rates[k]};
        size_t dropped = 0;
        for (uint32_t row = 0; row < ROWS; row++) {
            uint8_t mask[UNITS];
            layer_dropout_mask(&draw, row, 0, UNITS, mask);
            for (size_t u = 0; u < UNITS; u++)
                dropped += mask[u] == 0;
        }
        // Five standard deviations of a binomial count.
        double count = UNITS * ROWS, deviation = sqrt(count * rates[k] * (1 - rates[k]));
        assert_true(fabs((double)dropped - count * rates[k]) <= 5 * deviation);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradient),
        cmocka_unit_test(mask_is_the_stated_word),
        cmocka_unit_test(every_part_of_the_counter_counts),
        cmocka_unit_test(rate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
