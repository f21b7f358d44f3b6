// A table made and a step's rows used with the n-th allocation failing, for every n: an error,
// words where they are told, no leak; a use that failed leaves the step as it was.
#include "model/train/embed_table.h"
#include "tests/support/check.h"
#include "tests/support/failmalloc.h"

enum { ROWS = 20, DIM = 3, MANY = 3000 };

static void making_fails(void **state)
{
    (void)state;
    unsigned long nth = 0;
    for (bool failed = true; failed;) {
        struct embed_table table;
        struct diag diag = {0};
        failmalloc_arm(++nth, FAILMALLOC_ONCE);
        enum status code = embed_table_init(&table, "item", ROWS, DIM, EMBED_ADAM, &diag);
        failed = failmalloc_disarm();
        assert_true(nth < 100);
        assert_int_equal(code, failed ? STATUS_NO_MEMORY : STATUS_OK);
        assert_true((diag.words[0] != '\0') == failed);
        embed_table_fini(&table);
    }
    assert_int_equal(nth, 4 + 1); // values, m, v, slot
}

static void use_fails(void **state)
{
    (void)state;
    static uint32_t rows[MANY];
    for (size_t i = 0; i < MANY; i++)
        rows[i] = (uint32_t)(i % ROWS);
    struct embed_table table;
    struct team *team = team_start(1);
    assert_non_null(team);
    assert_int_equal(embed_table_init(&table, "item", ROWS, DIM, EMBED_ADAM, NULL), STATUS_OK);
    embed_table_begin(&table);
    size_t first;
    assert_int_equal(embed_table_use(&table, (uint32_t[]){7, 2, 7}, 3, &first), STATUS_OK);
    for (size_t i = 0; i < 3 * DIM; i++)
        table.grad[i] = (float)(i + 1);
    unsigned long nth = 0;
    for (bool failed = true; failed;) {
        failmalloc_arm(++nth, FAILMALLOC_ONCE);
        enum status code = embed_table_use(&table, rows, MANY, &first);
        failed = failmalloc_disarm();
        assert_true(nth < 100);
        assert_int_equal(code, failed ? STATUS_NO_MEMORY : STATUS_OK);
        assert_int_equal(table.count, failed ? 3 : 3 + MANY);
        embed_table_collect(&table, team);
        assert_int_equal(table.touched[0], 7);
        assert_int_equal(table.touched[1], 2);
        assert_true(table.sums[0] == 1 + 7 && table.sums[DIM] == 4);
    }
    assert_true(nth > 6); // six arrays
    embed_table_fini(&table);
    team_stop(team);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(making_fails),
        cmocka_unit_test(use_fails),
    };
    return cmocka_run_group_tests_name("embed_table", tests, NULL, NULL);
}
