// Oracle: the known answers of Random123 (kat_vectors, philox4x32 10); moments of the
// distributions.
#include "base/rng.h"
#include "tests/support/check.h"

#include <math.h>

static void test_known_answers(void **state)
{
    (void)state;
    static const uint32_t cases[][10] = {
        // counter (4), key (2), result (4)
        {0, 0, 0, 0, 0, 0, 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8},
        {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0x408f276d,
         0x41c83b0e, 0xa20bc7c6, 0x6d5451fd},
        {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0, 0xd16cfe09,
         0x94fdcceb, 0x5001e420, 0x24126ea1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const uint32_t *c = cases[i];
        uint32_t words[4];
        rng_words((struct rng_key){c[4], c[5]}, c[0], c[1], c[2], c[3], words);
        assert_memory_equal(words, c + 6, sizeof(words));
    }
}

// The sequence is the blocks (a, b, 0), (a, b, 1), ... in order, and goes on past 32 bits.
static void test_sequence(void **state)
{
    (void)state;
    struct rng rng;
    rng_start(&rng, 7, RNG_TEST, 3, 4);
    for (uint32_t block = 0; block < 3; block++) {
        uint32_t words[4];
        rng_words(rng_key_of(7, RNG_TEST), 3, 4, block, 0, words);
        for (int i = 0; i < 4; i++)
            assert_int_equal(rng_u32(&rng), words[i]);
    }
    rng.next = (uint64_t)1 << 32 | 5;
    uint32_t words[4];
    rng_words(rng_key_of(7, RNG_TEST), 3, 4, 5, 1, words);
    assert_int_equal(rng_u32(&rng), words[0]);
}

static void test_keys_differ(void **state)
{
    (void)state;
    struct rng_key plain = rng_key_of(7, RNG_INIT);
    struct rng_key high = rng_key_of(7 | (uint64_t)1 << 40, RNG_INIT);
    assert_int_equal(plain.seed, 7); // a small seed is itself
    assert_int_not_equal(plain.seed, high.seed);
    assert_int_not_equal(plain.stream, rng_key_of(7, RNG_SHUFFLE).stream);
}

static void test_below(void **state)
{
    (void)state;
    enum { BOUND = 7, DRAWS = 70000 };
    unsigned counts[BOUND] = {0};
    struct rng rng;
    rng_start(&rng, 1, RNG_TEST, 0, 0);
    for (int i = 0; i < DRAWS; i++) {
        uint64_t draw = rng_below(&rng, BOUND);
        assert_true(draw < BOUND);
        counts[draw]++;
    }
    double chi = 0; // 6 degrees of freedom: 22.46 is passed by 99.9 % of fair generators
    for (int i = 0; i < BOUND; i++)
        chi += ((double)counts[i] - 10000) * ((double)counts[i] - 10000) / 10000;
    assert_true(chi < 22.46);
    assert_int_equal(rng_below(&rng, 1), 0);
    uint64_t huge = ((uint64_t)1 << 63) + 1; // nearly half of the draws are thrown away
    for (int i = 0; i < 100; i++)
        assert_true(rng_below(&rng, huge) < huge);
}

static void test_moments(void **state)
{
    (void)state;
    enum { DRAWS = 100000 };
    double sum = 0, square = 0, normal = 0, normal_square = 0, fourth = 0;
    struct rng rng;
    rng_start(&rng, 2, RNG_TEST, 0, 0);
    for (int i = 0; i < DRAWS; i++) {
        double u = rng_uniform(&rng), z = rng_normal(&rng);
        assert_true(u >= 0 && u < 1 && isfinite(z));
        sum += u;
        square += u * u;
        normal += z;
        normal_square += z * z;
        fourth += z * z * z * z;
    }
    // Five standard errors around 1/2, 1/3, 0, 1 and 3.
    assert_true(fabs(sum / DRAWS - 0.5) < 5 * 0.2887 / 316.2);
    assert_true(fabs(square / DRAWS - 1.0 / 3) < 5 * 0.2981 / 316.2);
    assert_true(fabs(normal / DRAWS) < 5 / 316.2);
    assert_true(fabs(normal_square / DRAWS - 1) < 5 * 1.4142 / 316.2);
    assert_true(fabs(fourth / DRAWS - 3) < 5 * 9.798 / 316.2);
}

static void test_shuffle(void **state)
{
    (void)state;
    enum { ROUNDS = 24000 };
    unsigned counts[4][4] = {{0}}; // how often item i stands at place j
    struct rng rng;
    rng_start(&rng, 3, RNG_SHUFFLE, 0, 0);
    for (int round = 0; round < ROUNDS; round++) {
        uint32_t items[4] = {0, 1, 2, 3}, seen = 0;
        rng_shuffle_u32(&rng, items, 4);
        for (int j = 0; j < 4; j++) {
            seen |= 1u << items[j];
            counts[items[j]][j]++;
        }
        assert_int_equal(seen, 15);
    }
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 4; j++) // 6000 expected, deviation 67
            assert_in_range(counts[i][j], 6000 - 335, 6000 + 335);
    uint32_t one = 9;
    rng_shuffle_u32(&rng, &one, 1);
    rng_shuffle_u32(&rng, NULL, 0);
    assert_int_equal(one, 9);
}

// Many counters at a time are the numbers of one at a time, across the end of the counter too.
static void many_are_the_same(void **state)
{
    (void)state;
    static const uint32_t starts[] = {0, 1, 77, UINT32_MAX - 20, UINT32_MAX - 3};
    const struct rng_key key = rng_key_of(0x123456789abcdef, RNG_DROPOUT);
    for (size_t k = 0; k < sizeof(starts) / sizeof(*starts); k++) {
        uint32_t many[4][RNG_MANY], one[4];
        rng_words_many(key, 3, UINT32_MAX, 12, starts[k], many);
        for (uint32_t i = 0; i < RNG_MANY; i++) {
            rng_words(key, 3, UINT32_MAX, 12, starts[k] + i, one);
            for (size_t w = 0; w < 4; w++)
                assert_int_equal(many[w][i], one[w]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_answers), cmocka_unit_test(test_sequence),
        cmocka_unit_test(test_keys_differ),   cmocka_unit_test(test_below),
        cmocka_unit_test(test_moments),       cmocka_unit_test(test_shuffle),
        cmocka_unit_test(many_are_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
