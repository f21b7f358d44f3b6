#include "base/buf.h"
#include "tests/support/check.h"

#include <stdlib.h>

static void test_append(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 1 << 20);
    assert_int_equal(buf_view(&buf).size, 0);
    assert_string_equal(buf_view(&buf).data, "");
    buf_text(&buf, "ab");
    buf_char(&buf, 'c');
    buf_append(&buf, "d\0e", 3);
    buf_append(&buf, NULL, 0);
    buf_span(&buf, (struct span){"fgh", 2});
    buf_printf(&buf, "%d-%s", 42, "x");
    assert_int_equal(buf.size, 12);
    assert_memory_equal(buf.data, "abcd\0efg42-x", 13); // with the terminator
    buf_clear(&buf);
    assert_string_equal(buf.data, "");
    assert_int_equal(buf_status(&buf), STATUS_OK);
    buf_fini(&buf);
    assert_int_equal(buf.limit, 1 << 20);
}

static void test_growth(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 100000);
    for (int i = 0; i < 25000; i++)
        buf_printf(&buf, "%04d", i % 10000);
    assert_int_equal(buf_status(&buf), STATUS_OK);
    assert_int_equal(buf.size, 100000);
    for (int i = 0; i < 25000; i++)
        assert_int_equal(strtol((char[5]){buf.data[4 * i], buf.data[4 * i + 1], buf.data[4 * i + 2],
                                          buf.data[4 * i + 3], 0},
                                NULL, 10),
                         i % 10000);
    buf_fini(&buf);
}

static void test_ceiling(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 5);
    buf_text(&buf, "1234");
    buf_text(&buf, "56"); // does not fit: nothing of it is kept
    assert_int_equal(buf_status(&buf), STATUS_TOO_LARGE);
    buf_char(&buf, '5'); // would fit, but the failure is sticky
    assert_string_equal(buf.data, "1234");
    assert_null(buf_detach(&buf));
    buf_clear(&buf);
    buf_printf(&buf, "%s", "12345"); // exactly the limit
    assert_int_equal(buf_status(&buf), STATUS_OK);
    assert_string_equal(buf.data, "12345");
    buf_printf(&buf, "%d", 6);
    assert_int_equal(buf_status(&buf), STATUS_TOO_LARGE);
    assert_string_equal(buf.data, "12345");
    buf_clear(&buf);
    assert_int_equal(buf_reserve(&buf, 6), STATUS_TOO_LARGE);
    assert_int_equal(buf_reserve(&buf, SIZE_MAX), STATUS_TOO_LARGE);
    assert_int_equal(buf_reserve(&buf, 5), STATUS_OK);
    buf_fini(&buf);
    buf_init(&buf, 0);
    buf_text(&buf, "");
    assert_int_equal(buf_status(&buf), STATUS_OK);
    buf_char(&buf, 'x');
    assert_int_equal(buf_status(&buf), STATUS_TOO_LARGE);
    buf_fini(&buf);
}

static void test_detach(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 100);
    char *empty = buf_detach(&buf);
    assert_string_equal(empty, "");
    free(empty);
    buf_text(&buf, "mine");
    char *text = buf_detach(&buf);
    buf_text(&buf, "other");
    assert_string_equal(text, "mine");
    assert_string_equal(buf.data, "other");
    free(text);
    buf_fini(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_append),
        cmocka_unit_test(test_growth),
        cmocka_unit_test(test_ceiling),
        cmocka_unit_test(test_detach),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
