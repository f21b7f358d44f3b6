// Oracle: RFC 8259 and the contract of json_value.h, written out by hand.
#include "proto/json_value.h"
#include "tests/support/check.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct json_value *parse(const char *text)
{
    struct json_value *root = NULL;
    struct diag diag;
    if (json_value_parse(span_of(text), &root, &diag) != STATUS_OK)
        fail_msg("%s: %s", text, diag.words);
    return root;
}

static void check_written(const struct json_value *root, unsigned indent, const char *expected)
{
    struct buf out;
    buf_init(&out, 1 << 16);
    assert_int_equal(json_value_write(root, indent, &out), STATUS_OK);
    assert_string_equal(out.data, expected);
    buf_fini(&out);
}

static void test_reading(void **state)
{
    (void)state;
    struct json_value *root = parse("{\"z\":[1,-2.5,true,null,\"a\\u00e9\\n\"],\"a\":{},\"m\":7}");
    assert_int_equal(json_value_kind(root), JSON_VALUE_MAP);
    assert_int_equal(json_value_size(root), 3);
    assert_string_equal(json_value_key_at(root, 0), "a");
    assert_string_equal(json_value_key_at(root, 1), "m");
    assert_string_equal(json_value_key_at(root, 2), "z");
    assert_ptr_equal(json_value_at(root, 2), json_value_get(root, "z"));
    assert_null(json_value_get(root, "b"));
    assert_null(json_value_get(root, ""));
    assert_int_equal(json_value_int(json_value_get(root, "m")), 7);
    const struct json_value *list = json_value_get(root, "z");
    assert_int_equal(json_value_size(list), 5);
    assert_null(json_value_get(list, "z"));
    assert_true(json_value_number(json_value_at(list, 0)) == 1);
    assert_true(json_value_number(json_value_at(list, 1)) == -2.5);
    assert_true(json_value_bool(json_value_at(list, 2)));
    assert_int_equal(json_value_kind(json_value_at(list, 3)), JSON_VALUE_NULL);
    assert_true(span_is(json_value_text(json_value_at(list, 4)), "a\xc3\xa9\n"));
    assert_int_equal(json_value_size(json_value_at(list, 4)), 0);
    json_value_free(root);
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"", "not valid JSON"},
        {"{\"a\":1,\"a\":2}", "duplicate"},
        {"{\"a\":1} x", "end of file expected"},
        {"[1,]", "not valid JSON"},
        {"{\"a\" 1}", "not valid JSON"},
        {"[01]", "not valid JSON"},
        {"[NaN]", "not valid JSON"},
        {"[1e999]", "overflow"},
        {"[9223372036854775808]", "too big"},
        {"[\"\\u0000\"]", "not valid JSON"},
        {"[\"\xff\"]", "unable to decode byte 0xff"},
        {"[\"\\ud800\"]", "not valid JSON"},
        {"[\"a", "not valid JSON"},
        {"\xef\xbb\xbf{}", "not valid JSON"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct json_value *root = NULL;
        struct diag diag;
        assert_int_equal(json_value_parse(span_of(cases[i].text), &root, &diag), STATUS_INVALID);
        assert_null(root);
        if (strstr(diag.words, cases[i].words) == NULL)
            fail_msg("%s: %s", cases[i].text, diag.words);
    }
    struct json_value *root;
    struct diag diag;
    assert_int_equal(json_value_parse(span_of("{\n \"a\":\n  x}"), &root, &diag), STATUS_INVALID);
    assert_int_equal(diag.line, 3);
}

static void test_depth(void **state)
{
    (void)state;
    enum { LEVELS = 100000 };
    char *text = malloc(2 * LEVELS + 1);
    assert_non_null(text);
    static const unsigned levels[] = {1, JSON_VALUE_MAX_DEPTH, JSON_VALUE_MAX_DEPTH + 1, LEVELS};
    for (size_t i = 0; i < 4; i++) {
        memset(text, '[', levels[i]);
        memset(text + levels[i], ']', levels[i]);
        struct json_value *root = NULL;
        struct diag diag = {0};
        enum status code = json_value_parse((struct span){text, 2 * levels[i]}, &root, &diag);
        assert_int_equal(code, levels[i] <= JSON_VALUE_MAX_DEPTH ? STATUS_OK : STATUS_INVALID);
        if (code != STATUS_OK)
            assert_string_equal(diag.words, "nested deeper than 32");
        json_value_free(root);
    }
    free(text);
    // Brackets in text are no depth, also behind an escaped quote.
    char quoted[200];
    snprintf(quoted, sizeof(quoted), "[\"\\\"%.50s\"]",
             "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[");
    json_value_free(parse(quoted));
}

static void test_need(void **state)
{
    (void)state;
    struct json_value *root = parse("{\"n\":1,\"x\":1.5,\"s\":\"t\",\"l\":[]}");
    const struct json_value *value = NULL;
    struct diag diag;
    assert_int_equal(json_value_need(root, "x", JSON_VALUE_REAL, &value, &diag), STATUS_OK);
    assert_int_equal(json_value_need(root, "n", JSON_VALUE_REAL, &value, &diag), STATUS_OK);
    assert_true(json_value_number(value) == 1);
    assert_int_equal(json_value_need(root, "x", JSON_VALUE_INT, &value, &diag), STATUS_INVALID);
    assert_string_equal(diag.path, "x");
    assert_string_equal(diag.words, "expected an integer, got a number");
    assert_int_equal(json_value_need(root, "s", JSON_VALUE_LIST, &value, &diag), STATUS_INVALID);
    assert_string_equal(diag.words, "expected a list, got a text");
    assert_int_equal(json_value_need(root, "q", JSON_VALUE_MAP, &value, &diag), STATUS_INVALID);
    assert_string_equal(diag.words, "missing, expected an object");
    const struct json_value *list = json_value_get(root, "l");
    assert_int_equal(json_value_need(list, "q", JSON_VALUE_MAP, &value, &diag), STATUS_INVALID);
    assert_true(json_value_number(value) == 1);
    json_value_free(root);
}

static void test_writing(void **state)
{
    (void)state;
    struct json_value *root = json_value_new_map(), *list = json_value_new_list();
    json_value_set_text(root, "t", "a\"\\\n\x01\x7f\xc3\xa9/");
    json_value_set(root, "l", list);
    json_value_set_bool(root, "b", true);
    json_value_set_int(root, "i", INT64_MIN);
    json_value_set_number(root, "n", NAN);
    json_value_set_number(root, "b", 1); // again: replaced
    json_value_push_number(list, 0.1);
    json_value_push_number(list, 1e22);
    json_value_push_number(list, -0.0);
    json_value_push_int(list, 5);
    json_value_push_text(list, "");
    json_value_push(list, json_value_new_map());
    check_written(root, 0,
                  "{\"b\":1.0,\"i\":-9223372036854775808,\"l\":[0.1,1e+22,-0.0,5,\"\",{}],"
                  "\"n\":null,\"t\":\"a\\\"\\\\\\n\\u0001\x7f\xc3\xa9/\"}");
    json_value_free(root);
    root = parse("{\"b\":[1,2],\"a\":[],\"c\":{\"d\":false}}");
    check_written(root, 2,
                  "{\n  \"a\": [],\n  \"b\": [\n    1,\n    2\n  ],\n"
                  "  \"c\": {\n    \"d\": false\n  }\n}");
    json_value_free(root);
}

static void test_equal_trees_equal_bytes(void **state)
{
    (void)state;
    struct json_value *one = parse("{\"b\":1.50,\"a\":{\"y\":1e2,\"x\":0.1}}");
    struct json_value *two =
        parse(" { \"a\" : {\"x\":0.10000000000000001,\"y\":100.0}, \"b\":1.5}");
    check_written(one, 0, "{\"a\":{\"x\":0.1,\"y\":100.0},\"b\":1.5}");
    check_written(two, 0, "{\"a\":{\"x\":0.1,\"y\":100.0},\"b\":1.5}");
    json_value_free(one);
    json_value_free(two);
    // Added in falling order, still in rising order.
    struct json_value *map = json_value_new_map();
    char key[16];
    for (int i = 99; i >= 0; i--) {
        snprintf(key, sizeof(key), "k%02d", i);
        json_value_set_int(map, key, i);
    }
    assert_int_equal(json_value_size(map), 100);
    for (size_t i = 0; i < 100; i++) {
        assert_int_equal(json_value_int(json_value_at(map, i)), i);
        snprintf(key, sizeof(key), "k%02zu", i);
        assert_string_equal(json_value_key_at(map, i), key);
    }
    json_value_free(map);
}

static void test_broken_trees(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 1 << 10);
    assert_int_equal(json_value_write(NULL, 0, &out), STATUS_NO_MEMORY);
    struct json_value *root = json_value_new_map(), *list = json_value_new_list();
    json_value_set(root, "l", list);
    json_value_push(list, NULL);
    assert_int_equal(json_value_write(root, 0, &out), STATUS_NO_MEMORY);
    json_value_free(root);
    root = json_value_new_map();
    json_value_set_text(root, "t", "\xc3");
    assert_int_equal(json_value_write(root, 0, &out), STATUS_NO_MEMORY);
    json_value_free(root);
    json_value_set_int(NULL, "a", 1);
    json_value_push(NULL, json_value_new_map());
    buf_fini(&out);
    buf_init(&out, 4);
    root = parse("[1,2,3]");
    assert_int_equal(json_value_write(root, 0, &out), STATUS_TOO_LARGE);
    json_value_free(root);
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reading),      cmocka_unit_test(test_refused),
        cmocka_unit_test(test_depth),        cmocka_unit_test(test_need),
        cmocka_unit_test(test_writing),      cmocka_unit_test(test_equal_trees_equal_bytes),
        cmocka_unit_test(test_broken_trees),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
