// Pooled lists of an embedding table: L = sum u * y^2 in double, and its central differences in the
// table, against what collect makes of the gradients of the occurrences.
#include "model/embed_pool.h"
#include "model/train/embed_table.h"
#include "tests/support/check.h"
#include "tests/support/numeric.h"

#include <stdlib.h>

enum { ROWS = 9, DIM = 5, LISTS = 6, MAX = 5 };

// Lists with duplicates, of one table; full, partly filled, empty; rows 4 and 8 are in none.
static const uint32_t lists[LISTS][MAX] = {{1, 2, 3}, {2, 2, 2, 7, 1}, {0}, {5, 6, 5, 6},
                                           {7},       {3, 3}};

struct reference {
    const double *upstream; // (LISTS, DIM)
    bool mean;
};

static double loss(void *context, const double *table)
{
    const struct reference *r = context;
    double sum = 0;
    for (size_t i = 0; i < LISTS; i++) {
        size_t count = 0;
        while (count < MAX && lists[i][count] != 0)
            count++;
        for (size_t j = 0; count > 0 && j < DIM; j++) {
            double y = 0;
            for (size_t k = 0; k < count; k++)
                y += table[lists[i][k] * DIM + j];
            y = r->mean ? y / (double)count : y;
            sum += r->upstream[i * DIM + j] * y * y;
        }
    }
    return sum;
}

static void backward(struct embed_table *table, const float *upstream, bool mean)
{
    embed_table_begin(table);
    for (size_t i = 0; i < LISTS; i++) {
        float y[DIM];
        size_t first, count = embed_pool_count(lists[i], MAX);
        (mean ? embed_pool_mean : embed_pool_sum)(table->values, DIM, lists[i], MAX, y);
        // Padding may be used as well: its gradient, here of the last list's, counts nowhere.
        assert_int_equal(embed_table_use(table, lists[i], MAX, &first), STATUS_OK);
        for (size_t k = 0; k < MAX; k++)
            for (size_t j = 0; j < DIM; j++)
                table->grad[(first + k) * DIM + j] =
                    2 * upstream[i * DIM + j] * y[j] / (mean && count > 0 ? (float)count : 1);
    }
}

static void check(bool mean)
{
    float upstream[LISTS * DIM], start[ROWS * DIM], got[ROWS * DIM] = {0};
    double wide_upstream[LISTS * DIM], wide[ROWS * DIM], want[ROWS * DIM];
    numeric_fill(1, 1, upstream, wide_upstream, LISTS * DIM);
    numeric_fill(2, 1, start, wide, ROWS * DIM);
    struct reference r = {wide_upstream, mean};
    struct team *team = team_start(2);
    struct embed_table table;
    assert_non_null(team);
    assert_int_equal(embed_table_init(&table, "item", ROWS, DIM, EMBED_ADAM, NULL), STATUS_OK);
    for (size_t i = DIM; i < ROWS * DIM; i++)
        table.values[i] = start[i];

    backward(&table, upstream, mean);
    embed_table_collect(&table, team);
    assert_int_equal(table.touched_count, 6);
    for (size_t k = 0; k < table.touched_count; k++)
        for (size_t j = 0; j < DIM; j++)
            got[table.touched[k] * DIM + j] = table.sums[k * DIM + j];
    numeric_gradient(loss, &r, wide, ROWS * DIM, want);
    numeric_is_close(mean ? "mean" : "sum", got, want, ROWS * DIM, 1e-6);
    embed_table_fini(&table);
    team_stop(team);
}

static void of_a_sum(void **state)
{
    (void)state;
    check(false);
}

static void of_a_mean(void **state)
{
    (void)state;
    check(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_a_sum),
        cmocka_unit_test(of_a_mean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
