// The set of list names against a plain array of the same names.
#include "model/train/qidset.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

enum { NAMES = 20000 };

static struct span name_of(int i, char text[32])
{
    snprintf(text, 32, "q%d", i * 7919);
    return span_of(text);
}

static void keeps_names_in_order(void **state)
{
    (void)state;
    struct qidset set;
    char text[32];
    qidset_init(&set);
    assert_false(qidset_has(&set, span_of("q0")));
    for (int i = 0; i < NAMES; i++) {
        assert_false(qidset_has(&set, name_of(i, text)));
        assert_int_equal(qidset_add(&set, name_of(i, text)), STATUS_OK);
        assert_true(qidset_has(&set, name_of(i / 2, text)));
    }
    assert_int_equal(set.count, NAMES);
    for (int i = 0; i < NAMES; i++)
        assert_true(span_equal(qidset_name(&set, (size_t)i), name_of(i, text)));
    assert_int_equal(set.offset[0], 0);
    assert_int_equal(set.offset[NAMES], set.text.size);
    qidset_fini(&set);
}

static void names_are_bytes(void **state)
{
    (void)state;
    struct qidset set;
    qidset_init(&set);
    assert_int_equal(qidset_add(&set, (struct span){"a\0b", 3}), STATUS_OK);
    assert_false(qidset_has(&set, (struct span){"a\0c", 3}));
    assert_false(qidset_has(&set, (struct span){"a", 1}));
    assert_true(qidset_has(&set, (struct span){"a\0b", 3}));
    qidset_fini(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(keeps_names_in_order),
                                       cmocka_unit_test(names_are_bytes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
