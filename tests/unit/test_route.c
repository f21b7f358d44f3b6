// server/route: the table and what is not in it.
#include "server/route.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { ALL = ROUTE_DATA | ROUTE_OBSERVE | ROUTE_ADMIN };

// The template with a model's name in it.
static const char *path_of(const struct route *row, char text[64])
{
    const char *mark = strstr(row->path, "{model}");
    if (mark == NULL)
        return row->path;
    struct buf path;
    buf_over(&path, text, 64);
    buf_append(&path, row->path, (size_t)(mark - row->path));
    buf_printf(&path, "ctr-1.b%s", mark + strlen("{model}"));
    assert_int_equal(buf_status(&path), STATUS_OK);
    return text;
}

static enum status find(unsigned planes, const char *method, const char *path,
                        const struct route **ret_route)
{
    struct span model;
    return route_find(planes, method, path, ret_route, &model);
}

static void test_every_row_is_found_by_itself(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROUTE_COUNT; i++) {
        const struct route *row = route_at(i), *found = NULL;
        char text[64];
        struct span model;
        const char *path = path_of(row, text);
        assert_int_equal(row->id, i);
        assert_int_equal(route_find(ALL, row->method, path, &found, &model), STATUS_OK);
        assert_ptr_equal(found, row);
        assert_true(path == row->path ? model.data == NULL : span_is(model, "ctr-1.b"));
        // By its own plane alone too, and by no other.
        found = NULL;
        assert_int_equal(find((unsigned)row->plane, row->method, path, &found), STATUS_OK);
        assert_int_equal(find(ALL & ~(unsigned)row->plane, row->method, path, &found),
                         STATUS_NOT_FOUND);
    }
}

// A row has the handler of its plane and no other: nothing of the data plane runs on the I/O
// thread.
static void test_every_row_has_the_handler_of_its_plane(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROUTE_COUNT; i++) {
        const struct route *row = route_at(i);
        assert_int_equal(row->serve != NULL, row->plane == ROUTE_DATA);
        assert_int_equal(row->answer != NULL, row->plane == ROUTE_OBSERVE);
        assert_int_equal(row->admin != NULL, row->plane == ROUTE_ADMIN);
        assert_int_equal(row->auth == ROUTE_GUARDED, row->plane == ROUTE_ADMIN);
    }
}

static void test_other_methods_are_405_with_the_right_ones_named(void **state)
{
    (void)state;
    static const char *const methods[] = {"GET",   "HEAD",    "POST",  "PUT", "DELETE",
                                          "PATCH", "OPTIONS", "TRACE", "get", ""};
    for (size_t i = 0; i < ROUTE_COUNT; i++) {
        const struct route *row = route_at(i);
        for (size_t m = 0; m < sizeof(methods) / sizeof(methods[0]); m++) {
            const struct route *found = NULL;
            bool served = strcmp(methods[m], row->method) == 0 ||
                          (strcmp(methods[m], "HEAD") == 0 && strcmp(row->method, "GET") == 0);
            char text[64];
            assert_int_equal(find(ALL, methods[m], path_of(row, text), &found),
                             served ? STATUS_OK : STATUS_BAD_METHOD);
            assert_ptr_equal(found, row);
        }
        assert_non_null(strstr(route_allow(row), row->method));
    }
}

static void test_no_other_spelling_of_a_path_is_served(void **state)
{
    (void)state;
    static const char *const paths[] = {"",
                                        "/",
                                        "/v1",
                                        "/v1/rank/",
                                        "//v1/rank",
                                        "/v1//rank",
                                        "/V1/rank",
                                        "v1/rank",
                                        "/v1/ranks",
                                        "/v1/ran",
                                        "/livez ",
                                        "/livez%20",
                                        "/%6civez",
                                        "/./livez",
                                        "/livez/.",
                                        "/v1/models/",
                                        "/v1/models//load",
                                        "/v1/models/../load",
                                        "/v1/models/a/b/load",
                                        "/v1/models/.a/load",
                                        "/v1/models/a%2fb/load",
                                        "/v1/models/load",
                                        "/v1/models/{model}/load",
                                        "/v1/models/a/loads"};
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        const struct route *found = NULL;
        assert_int_equal(find(ALL, "GET", paths[i], &found), STATUS_NOT_FOUND);
        assert_null(found);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_row_is_found_by_itself),
        cmocka_unit_test(test_every_row_has_the_handler_of_its_plane),
        cmocka_unit_test(test_other_methods_are_405_with_the_right_ones_named),
        cmocka_unit_test(test_no_other_spelling_of_a_path_is_served),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
