#include "base/status.h"
#include "tests/support/check.h"

#include <errno.h>
#include <string.h>

// Every code has an HTTP status, a label fit for a metric, a text, and no label stands twice.
static void test_table(void **state)
{
    (void)state;
    for (int i = 0; i < STATUS_COUNT; i++) {
        enum status code = (enum status)i;
        assert_in_range(status_http(code), 200, 599);
        assert_int_equal(strspn(status_label(code), "abcdefghijklmnopqrstuvwxyz_"),
                         strlen(status_label(code)));
        assert_true(strlen(status_text(code)) > 0);
        for (int j = 0; j < i; j++)
            assert_string_not_equal(status_label(code), status_label((enum status)j));
    }
    assert_int_equal(status_http(STATUS_OVERLOADED), 429);
    assert_int_equal(status_http(STATUS_DEADLINE), 504);
    assert_string_equal(status_label(STATUS_NOT_FINITE), "not_finite");
    assert_int_equal(status_exit(STATUS_OK), 0);
    assert_int_equal(status_exit(STATUS_IO), 1);
    assert_int_equal(status_exit(STATUS_USAGE), 2);
    assert_int_equal(status_exit(STATUS_CONFIG), 78);
}

static void test_format(void **state)
{
    (void)state;
    struct diag diag;
    char text[1024];
    assert_int_equal(diag_at_line(&diag, STATUS_INVALID, "a.yaml", 3, 7, "bad %s", "value"),
                     STATUS_INVALID);
    assert_string_equal(diag_format(&diag, text, sizeof(text)), "a.yaml:3:7: bad value");
    (void)diag_at_line(&diag, STATUS_INVALID, "a.txt", 3, 0, "bad");
    assert_string_equal(diag_format(&diag, text, sizeof(text)), "a.txt:3: bad");
    (void)diag_at_path(&diag, STATUS_INVALID, "candidates[2].id", "twice");
    assert_string_equal(diag_format(&diag, text, sizeof(text)), "candidates[2].id: twice");
    diag_in_file(&diag, "r.json");
    diag_in_file(&diag, "other"); // has one already
    assert_string_equal(diag_format(&diag, text, sizeof(text)), "r.json: candidates[2].id: twice");
    (void)diag_set(&diag, STATUS_INVALID, "%s", "a\n\x1b[0m\x7f\xC3\xA9");
    assert_string_equal(diag_format(&diag, text, sizeof(text)), "a\\x0a\\x1b[0m\\x7f\xC3\xA9");
    assert_string_equal(diag_format(&diag, text, 6), "a\\x0a"); // no half of an escape
    assert_string_equal(diag_format(&diag, text, 5), "a");
    assert_string_equal(diag_format(&diag, text, 1), "");
}

static void test_errno_and_null(void **state)
{
    (void)state;
    struct diag diag;
    char text[1024];
    errno = ENOENT;
    assert_int_equal(diag_errno(&diag, "f", "cannot open"), STATUS_NOT_FOUND);
    assert_string_equal(diag_format(&diag, text, sizeof(text)),
                        "f: cannot open: No such file or directory");
    errno = EACCES;
    assert_int_equal(diag_errno(&diag, "f", "x"), STATUS_IO);
    errno = ENOMEM;
    assert_int_equal(diag_errno(NULL, "f", "x"), STATUS_NO_MEMORY);
    assert_int_equal(diag_set(NULL, STATUS_IO, "x"), STATUS_IO);
    assert_int_equal(diag_at_path(NULL, STATUS_IO, "p", "x"), STATUS_IO);
    assert_int_equal(diag_at_line(NULL, STATUS_IO, "f", 1, 1, "x"), STATUS_IO);
    diag_in_file(NULL, "f");
}

static void test_cut(void **state)
{
    (void)state;
    struct diag diag;
    char large[1000];
    memset(large, 'x', sizeof(large) - 1);
    large[sizeof(large) - 1] = '\0';
    memcpy(large + sizeof(large) - 5, "tail", 4);
    (void)diag_at_line(&diag, STATUS_IO, large, 1, 1, "%s", large);
    assert_int_equal(strlen(diag.file), sizeof(diag.file) - 1);
    assert_memory_equal(diag.file, "...x", 4);
    assert_string_equal(diag.file + sizeof(diag.file) - 5, "tail");
    assert_int_equal(strlen(diag.words), sizeof(diag.words) - 1);
    assert_string_equal(diag.words + sizeof(diag.words) - 5, "x...");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_format),
        cmocka_unit_test(test_errno_and_null),
        cmocka_unit_test(test_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
