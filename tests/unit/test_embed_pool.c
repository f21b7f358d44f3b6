// Pooled rows stated by hand; where a list ends; the order of the additions.
#include "model/embed_pool.h"
#include "tests/support/check.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

enum { ROWS = 6, DIM = 3, MAX = 5 };

static const float table[ROWS * DIM] = {0,  0,     0,     // padding
                                        1,  2,     -3,    //
                                        10, 20,    -30,   //
                                        .5, -.25F, 8,     //
                                        1,  1e8F,  -1e8F, //
                                        2,  -1e8F, 1e8F};

typedef void (*pooling)(const float *table, size_t dim, const uint32_t *rows, size_t max,
                        float *out);

static void is(pooling pool, const uint32_t *rows, size_t max, float a, float b, float c)
{
    const float want[DIM] = {a, b, c};
    float got[DIM + 1] = {NAN, NAN, NAN, 17};
    pool(table, DIM, rows, max, got);
    for (size_t j = 0; j < DIM; j++)
        if (got[j] != want[j])
            fail_msg("element %zu: got %.9g, want %.9g", j, (double)got[j], (double)want[j]);
    assert_true(got[DIM] == 17);
}

static void sums_and_means(void **state)
{
    (void)state;
    is(embed_pool_sum, (uint32_t[MAX]){1, 2}, MAX, 11, 22, -33);
    is(embed_pool_mean, (uint32_t[MAX]){1, 2}, MAX, 5.5F, 11, -16.5F);
    is(embed_pool_sum, (uint32_t[MAX]){3}, MAX, .5F, -.25F, 8);
    is(embed_pool_mean, (uint32_t[MAX]){3}, MAX, .5F, -.25F, 8);
    // a third of it is rounded once
    is(embed_pool_mean, (uint32_t[MAX]){1, 1, 2}, MAX, 12.F / 3, 24.F / 3, -36.F / 3);
    is(embed_pool_mean, (uint32_t[MAX]){1, 3, 3}, MAX, 2.F / 3, 1.5F / 3, 13.F / 3);
}

static void twice_counts_twice(void **state)
{
    (void)state;
    is(embed_pool_sum, (uint32_t[MAX]){1, 1, 1, 1, 2}, MAX, 14, 28, -42);
    is(embed_pool_mean, (uint32_t[MAX]){1, 1, 1, 2}, MAX, 3.25F, 6.5F, -9.75F);
}

// At the first 0 or at max. What stands behind is not even a row.
static void where_lists_end(void **state)
{
    (void)state;
    const uint32_t rows[MAX] = {1, 2, 0, UINT32_MAX, 1};
    is(embed_pool_sum, rows, MAX, 11, 22, -33);
    is(embed_pool_mean, rows, MAX, 5.5F, 11, -16.5F);
    is(embed_pool_sum, rows, 1, 1, 2, -3);
    is(embed_pool_mean, rows, 1, 1, 2, -3);
    assert_int_equal(embed_pool_count(rows, MAX), 2);
    assert_int_equal(embed_pool_count(rows, 2), 2);
    assert_int_equal(embed_pool_count(rows, 1), 1);
    assert_int_equal(embed_pool_count((uint32_t[MAX]){1, 1, 1, 1, 1}, MAX), MAX);
}

static void nothing_gives_zeros(void **state)
{
    (void)state;
    const uint32_t rows[MAX] = {0, 1, 2};
    is(embed_pool_sum, rows, MAX, 0, 0, 0);
    is(embed_pool_mean, rows, MAX, 0, 0, 0);
    is(embed_pool_sum, rows + 1, 0, 0, 0, 0);
    is(embed_pool_mean, rows + 1, 0, 0, 0, 0);
    is(embed_pool_mean, NULL, 0, 0, 0, 0);
}

// (1e8 + 1) - 1e8 is 0 in float, and 1 in any other order of these.
static void oldest_first(void **state)
{
    (void)state;
    is(embed_pool_sum, (uint32_t[MAX]){4, 5, 1}, MAX, 4, 2, -3);
    is(embed_pool_sum, (uint32_t[MAX]){4, 1, 5}, MAX, 4, 0, 0);
}

// Whatever the width, an element is a chain of its own: no lane sees another.
static void width_does_not_matter(void **state)
{
    (void)state;
    enum { WIDEST = 40, MANY = 7 };
    float wide[8 * WIDEST], narrow[8], sum[WIDEST], one;
    const uint32_t rows[MANY] = {3, 1, 7, 7, 2, 6, 5};
    for (size_t dim = 1; dim <= WIDEST; dim++) {
        for (size_t i = 0; i < 8 * dim; i++)
            wide[i] = sinf((float)i) * powf(10, (float)(i % 7));
        embed_pool_sum(wide, dim, rows, MANY, sum);
        for (size_t j = 0; j < dim; j++) {
            for (size_t row = 0; row < 8; row++)
                narrow[row] = wide[row * dim + j];
            embed_pool_sum(narrow, 1, rows, MANY, &one);
            assert_memory_equal(&one, &sum[j], sizeof(one));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_and_means),  cmocka_unit_test(twice_counts_twice),
        cmocka_unit_test(where_lists_end), cmocka_unit_test(nothing_gives_zeros),
        cmocka_unit_test(oldest_first),    cmocka_unit_test(width_does_not_matter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
