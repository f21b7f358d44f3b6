// server/openapi: the table and the document name the same routes and operations.
#include "server/openapi.h"

#include "proto/json_value.h"
#include "server/route.h"
#include "tests/support/check.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

static struct json_value *document(void)
{
    struct buf text;
    struct json_value *root;
    buf_init(&text, 1 << 20);
    assert_int_equal(openapi_write(&text, NULL), STATUS_OK);
    assert_int_equal(json_value_parse(buf_view(&text), &root, NULL), STATUS_OK);
    buf_fini(&text);
    return root;
}

static void test_every_row_is_described_as_it_is(void **state)
{
    (void)state;
    struct json_value *root = document();
    const struct json_value *paths = json_value_get(root, "paths");
    assert_int_equal(json_value_size(paths), ROUTE_COUNT);
    for (size_t i = 0; i < ROUTE_COUNT; i++) {
        const struct route *row = route_at(i);
        const struct json_value *path = json_value_get(paths, row->path);
        assert_int_equal(json_value_size(path), 1);
        const char *method = json_value_key_at(path, 0);
        assert_int_equal(strcasecmp(method, row->method), 0);
        assert_true(islower((unsigned char)method[0]));
        const struct json_value *operation = json_value_at(path, 0);
        assert_true(
            span_is(json_value_text(json_value_get(operation, "operationId")), row->operation));
        assert_int_equal(json_value_get(operation, "security") != NULL, row->auth == ROUTE_GUARDED);
        assert_int_equal(json_value_get(operation, "requestBody") != NULL, route_takes_body(row));
        assert_non_null(json_value_get(json_value_get(operation, "responses"), "200"));
    }
    json_value_free(root);
}

static void test_no_operation_is_left_over(void **state)
{
    (void)state;
    extern const char openapi_text[];
    struct json_value *root;
    assert_int_equal(json_value_parse(span_of(openapi_text), &root, NULL), STATUS_OK);
    const struct json_value *operations = json_value_get(root, "operations");
    for (size_t i = 0; i < json_value_size(operations); i++) {
        size_t row = 0;
        while (row < ROUTE_COUNT &&
               strcmp(route_at(row)->operation, json_value_key_at(operations, i)) != 0)
            row++;
        assert_true(row < ROUTE_COUNT);
    }
    json_value_free(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_row_is_described_as_it_is),
        cmocka_unit_test(test_no_operation_is_left_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
