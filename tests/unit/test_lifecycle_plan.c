// What the option `models` may say, and where its faults are.
#include "server/lifecycle.h"

#include "base/yamldoc.h"
#include "tests/support/check.h"

#include <stddef.h>

static const struct {
    const char *yaml, *fault; // NULL: it is one
} plans[] = {
    {"[{folder: a}, {folder: b, keep: 2, labels: {canary: latest, stable: 41}}]", NULL},
    {"[{name: x, folder: a/b/c, versions: [41, 42]}]", NULL},
    {"{folder: a}", "x:1:1: models: expected a list of 1 to 64 models"},
    {"[]", "x:1:1: models: expected a list of 1 to 64 models"},
    {"[{name: x}]", "x:1:2: models: a model has no folder"},
    {"[{folder: a}, {folder: x/a}]", "x:1:15: models: two models have one name"},
    {"[{folder: a, name: ../x}]",
     "x:1:20: models: expected a name: a letter, digit or _, then up to 63 of these, '.' or '-'"},
    {"[{folder: a, keep: 5}]", "x:1:20: models: keep: expected 1 to 4 versions"},
    {"[{folder: a, keep: 2, versions: [1]}]",
     "x:1:2: models: give either keep or versions, not both"},
    {"[{folder: a, versions: [0]}]", "x:1:25: models: expected a version, a whole number above 0"},
    {"[{folder: a, versions: [2, 1, 2]}]", "x:1:31: models: a version stands there twice"},
    {"[{folder: a, keep: 4, labels: {a: 1, b: 2, c: 3, d: 4, e: 5, f: 6, g: 7, h: 8}}]", NULL},
    {"[{folder: a, versions: [1, 2, 3, 4, 5, 6, 7, 8], labels: {a: 8, b: latest}}]", NULL},
    {"[{folder: a, versions: [1, 2, 3, 4, 5, 6], labels: {a: 9, b: 1, c: 9}}]", NULL},
    {"[{folder: a, versions: [1, 2, 3, 4, 5, 6], labels: {a: 9, b: 10}}]",
     "x:1:2: models: there is no room for more than 8: listed, labelled, and one to which a label "
     "moves"},
    {"[{folder: a}, {folder: b/.x}]",
     "x:1:15: models: the folder's name is no name of a model: give one, name: ..."},
    {"[{folder: a, labels: {latest: 1}}]",
     "x:1:23: models: a label begins with no digit, and is not latest"},
    {"[{folder: a, labels: {7x: latest}}]",
     "x:1:23: models: a label begins with no digit, and is not latest"},
    {"[{folder: a, labels: {x: y}}]",
     "x:1:26: models: expected a version, a whole number above 0, or latest"},
    {"[{folder: a, url: x}]",
     "x:1:14: models: 'url' is none of name, folder, keep, versions and labels"},
};

static void test_plans(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(plans) / sizeof(plans[0]); i++) {
        struct yamldoc *doc;
        struct lifecycle_plan plan;
        struct diag diag = {0};
        char text[1024];
        assert_int_equal(yamldoc_parse(span_of(plans[i].yaml), "x", &doc, NULL), STATUS_OK);
        enum status code = lifecycle_plan_read(yamldoc_root(doc), &plan, &diag);
        assert_int_equal(code, plans[i].fault == NULL ? STATUS_OK : STATUS_CONFIG);
        diag_in_file(&diag, "x"); // as who knows the file does
        if (code == STATUS_OK)
            lifecycle_plan_fini(&plan);
        else
            assert_string_equal(diag_format(&diag, text, sizeof(text)), plans[i].fault);
        yamldoc_free(doc);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_plans)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
