// Oracle: texts written out by hand.
#include "proto/json_fault.h"
#include "tests/support/check.h"

#include <string.h>

static void check_found(const char *token, const char *expected)
{
    char text[JSON_FAULT_TEXT];
    assert_string_equal(json_fault_found(token, token + strlen(token), text, sizeof(text)),
                        expected);
}

static void test_found(void **state)
{
    (void)state;
    check_found("", "the end");
    check_found("[1,2]", "a list");
    check_found("{}", "an object");
    check_found("\"abc\",1", "\"abc\"");
    check_found("\"a\\\"b\" ", "\"a\\x5c\"b\"");
    check_found("\"open", "\"open\"");
    check_found("\"\\", "\"\\x5c\"");
    check_found("12x]", "12x");
    check_found("null}", "null");
    check_found(",1", ",");
    check_found("\"0123456789012345678901234567890123456789\"",
                "\"0123456789012345678901234567890123456789\"");
    check_found("\"01234567890123456789012345678901234567890\"",
                "\"0123456789012345678901234567890123456789...\"");
    check_found("12345678901234567890123456789012345678901 ",
                "1234567890123456789012345678901234567890...");
}

static void test_escape(void **state)
{
    (void)state;
    char text[16];
    assert_string_equal(json_fault_escape((struct span){"a\0\n", 3}, 40, text, sizeof(text)),
                        "a\\x00\\x0a");
    // An escape is whole or not there; the room of the text is a limit too.
    assert_string_equal(json_fault_escape(span_of("ab\xff"), 5, text, sizeof(text)), "ab...");
    assert_string_equal(json_fault_escape(span_of("0123456789abcdef"), 40, text, sizeof(text)),
                        "0123456789ab...");
}

static void test_path(void **state)
{
    (void)state;
    struct json_path path = {.count = 0};
    char text[JSON_FAULT_TEXT];
    assert_string_equal(json_fault_path(&path, text, sizeof(text)), "");
    json_fault_push_key(&path, span_of("candidates"));
    json_fault_push_index(&path, 3);
    json_fault_push_key(&path, span_of("features"));
    json_fault_push_key(&path, span_of("f"));
    json_fault_push_index(&path, 12);
    assert_string_equal(json_fault_path(&path, text, sizeof(text)), "candidates[3].features.f[12]");
    assert_string_equal(json_fault_place(&path, text, sizeof(text)), "candidates[].features.f[]");
    json_fault_pop(&path);
    json_fault_pop(&path);
    json_fault_push_key(&path, span_of("a\nb"));
    assert_string_equal(json_fault_path(&path, text, sizeof(text)),
                        "candidates[3].features.a\\x0ab");
    assert_string_equal(json_fault_path(&path, text, 8), "candida");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_found),
        cmocka_unit_test(test_escape),
        cmocka_unit_test(test_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
