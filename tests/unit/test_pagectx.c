// Context features of a page by hand.
#include "base/rng.h"
#include "model/train/pagectx.h"
#include "tests/support/check.h"
#include "tests/support/near.h"

#include <math.h>

static void test_by_hand(void **state)
{
    (void)state;
    // (3, 2) with a stride of 3; column 0: 1, 2, 6; column 1: constant
    const float g[] = {1, 5, -9, 2, 5, -9, 6, 5, -9};
    float c[3][7];
    double scratch[4];
    for (size_t i = 0; i < 3; i++)
        for (size_t k = 0; k < 7; k++)
            c[i][k] = -1;
    assert_int_equal(pagectx_width(2), 5);
    pagectx_fill(g, 3, 2, 3, c[0], 7, scratch);
    const float others[] = {4, 3.5F, 1.5F};
    for (size_t i = 0; i < 3; i++) {
        assert_true(c[i][0] == others[i] && c[i][1] == 5);
        assert_true(c[i][2] == (float)sqrt(14.0 / 3)); // 4 + 1 + 9 about the mean 3
        assert_true(c[i][3] == 0);
        assert_true(c[i][4] == (float)log(4));
        assert_true(c[i][5] == -1 && c[i][6] == -1); // beyond the row
    }
}

static void test_alone(void **state)
{
    (void)state;
    const float g[] = {3, -7};
    float c[5];
    double scratch[4];
    pagectx_fill(g, 1, 2, 2, c, 5, scratch);
    for (size_t i = 0; i < 4; i++)
        assert_true(c[i] == 0);
    assert_true(c[4] == (float)log(2));
}

// A large mean must not swallow a small spread.
static void test_small_spread(void **state)
{
    (void)state;
    const float g[] = {1000000, 1000000.0625F};
    float c[2][3];
    double scratch[2];
    pagectx_fill(g, 2, 1, 1, c[0], 3, scratch);
    assert_true(c[0][1] == 0.03125F && c[1][1] == 0.03125F);
    assert_true(c[0][0] == g[1] && c[1][0] == g[0]);
}

// Documents in another order: their rows in that order.
static void test_permuted(void **state)
{
    (void)state;
    enum { N = 50, F = 3, C = 2 * F + 1 };
    float g[N][F], mixed[N][F], c[N][C], mixed_c[N][C];
    double scratch[2 * F];
    uint32_t order[N];
    struct rng rng;
    rng_start(&rng, 6, RNG_TEST, 0, 0);
    for (uint32_t i = 0; i < N; i++) {
        order[i] = i;
        for (size_t f = 0; f < F; f++)
            g[i][f] = (float)(4 * rng_normal(&rng));
    }
    rng_shuffle_u32(&rng, order, N);
    for (size_t i = 0; i < N; i++)
        for (size_t f = 0; f < F; f++)
            mixed[i][f] = g[order[i]][f];
    pagectx_fill(g[0], N, F, F, c[0], C, scratch);
    pagectx_fill(mixed[0], N, F, F, mixed_c[0], C, scratch);
    for (size_t i = 0; i < N; i++)
        for (size_t k = 0; k < C; k++)
            near_is((double)mixed_c[i][k], (double)c[order[i]][k], 1e-6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_hand),
        cmocka_unit_test(test_alone),
        cmocka_unit_test(test_small_spread),
        cmocka_unit_test(test_permuted),
    };
    return cmocka_run_group_tests_name("pagectx", tests, NULL, NULL);
}
