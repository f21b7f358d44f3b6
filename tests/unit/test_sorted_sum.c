// The sum of the same terms in any order: the same bits.
#include "base/rng.h"
#include "model/train/sorted_sum.h"
#include "tests/support/check.h"

#include <math.h>

static void test_values(void **state)
{
    (void)state;
    double values[] = {3, -1, 2, 0.5};
    assert_true(sorted_sum(values, 4) == 4.5);
    assert_true(values[0] == -1 && values[3] == 3);
    assert_true(sorted_sum(values, 1) == -1);
    assert_true(sorted_sum(NULL, 0) == 0);
}

static void test_any_order(void **state)
{
    (void)state;
    enum { TERMS = 500 };
    double terms[TERMS], mixed[TERMS], first = 0;
    uint32_t order[TERMS];
    struct rng rng;
    rng_start(&rng, 1, RNG_TEST, 0, 0);
    for (uint32_t i = 0; i < TERMS; i++) {
        terms[i] = exp(20 * rng_normal(&rng));
        order[i] = i;
    }
    for (int round = 0; round < 20; round++) {
        rng_shuffle_u32(&rng, order, TERMS);
        for (size_t i = 0; i < TERMS; i++)
            mixed[i] = terms[order[i]];
        double sum = sorted_sum(mixed, TERMS);
        if (round == 0)
            first = sum;
        assert_true(sum == first);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_any_order),
    };
    return cmocka_run_group_tests_name("sorted_sum", tests, NULL, NULL);
}
