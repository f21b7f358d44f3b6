// Counting of ids: against a plain list, and the order.
#include "model/train/idcount.h"

#include "tests/support/check.h"

#include <stdio.h>
#include <string.h>

static void test_counts_and_order(void **state)
{
    (void)state;
    enum { IDS = 5000 };
    struct idcount ids;
    char text[16];
    idcount_init(&ids);
    // Id i comes 1 + i % 7 times, in turns, so the table grows while counts do.
    for (unsigned round = 0; round < 7; round++)
        for (unsigned i = 0; i < IDS; i++)
            if (i % 7 >= round)
                idcount_add(&ids, (struct span){text, (size_t)snprintf(text, sizeof text, "%u", i)},
                            1);
    assert_int_equal(ids.count, IDS);
    assert_int_equal(idcount_sort(&ids), STATUS_OK);
    for (size_t k = 0; k < IDS; k++) {
        const struct span id = idcount_id(&ids, k);
        unsigned number = 0;
        for (size_t i = 0; i < id.size; i++)
            number = number * 10 + (unsigned)(id.data[i] - '0');
        assert_int_equal(ids.entries[k].count, 1 + number % 7);
        if (k == 0)
            continue;
        assert_true(ids.entries[k - 1].count >= ids.entries[k].count);
        if (ids.entries[k - 1].count == ids.entries[k].count)
            assert_true(span_compare(idcount_id(&ids, k - 1), id) < 0);
    }
    idcount_fini(&ids);
}

// The empty id and ids with a 0 inside are ids like others.
static void test_any_bytes(void **state)
{
    (void)state;
    struct idcount ids;
    idcount_init(&ids);
    assert_int_equal(idcount_sort(&ids), STATUS_OK);
    idcount_add(&ids, (struct span){"", 0}, 3);
    idcount_add(&ids, (struct span){"a\0b", 3}, 2);
    idcount_add(&ids, (struct span){"a", 1}, 2);
    idcount_add(&ids, (struct span){"a\0b", 3}, 4);
    assert_int_equal(ids.count, 3);
    assert_int_equal(idcount_sort(&ids), STATUS_OK);
    assert_int_equal(idcount_id(&ids, 0).size, 3);
    assert_int_equal(ids.entries[0].count, 6);
    assert_int_equal(idcount_id(&ids, 1).size, 0);
    idcount_fini(&ids);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts_and_order),
        cmocka_unit_test(test_any_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
