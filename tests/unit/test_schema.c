// Oracle: design 8, by hand.
#include "model/schema.h"

#include "base/buf.h"
#include "tests/support/check.h"

#include <stdio.h>
#include <string.h>

static enum status from_yaml(const char *yaml, struct schema *schema, struct diag *diag)
{
    struct yamldoc *doc = NULL;
    assert_int_equal(yamldoc_parse(span_of(yaml), "c.yaml", &doc, NULL), STATUS_OK);
    enum status code = schema_from_yaml(yamldoc_root(doc), "c.yaml", schema, diag);
    yamldoc_free(doc);
    return code;
}

static enum status from_json(const char *json, struct schema *schema, struct diag *diag)
{
    struct json_value *root = NULL;
    assert_int_equal(json_value_parse(span_of(json), &root, NULL), STATUS_OK);
    enum status code = schema_from_json(root, schema, diag);
    json_value_free(root);
    return code;
}

static const char sample[] =
    "- {name: price, scope: item, kind: dense, size: 2, transform: log1p, default: -3.5}\n"
    "- {name: spot, scope: item, kind: dense, size: 1, privileged: true}\n"
    "- {name: hour, scope: context, kind: dense, size: 4}\n"
    "- {name: f, scope: item, kind: dense, size: 3}\n"
    "- {name: age, scope: user, kind: dense, size: 1, transform: none, privileged: false}\n";

static void test_columns_stand_by_group(void **state)
{
    (void)state;
    struct schema schema;
    assert_int_equal(from_yaml(sample, &schema, NULL), STATUS_OK);
    static const struct {
        const char *name;
        enum row_scope scope;
        uint32_t offset;
    } wanted[] = {{"age", ROW_USER, 0},
                  {"hour", ROW_CONTEXT, 1},
                  {"price", ROW_ITEM, 0},
                  {"f", ROW_ITEM, 2},
                  {"spot", ROW_ITEM, 5}};
    assert_int_equal(schema.count, 5);
    for (size_t i = 0; i < 5; i++) {
        assert_string_equal(schema.features[i].name, wanted[i].name);
        assert_int_equal(schema.features[i].scope, wanted[i].scope);
        assert_int_equal(schema.features[i].offset, wanted[i].offset);
    }
    assert_int_equal(schema.shared_width, 5);
    assert_int_equal(schema.row_width, 6);
    assert_int_equal(schema.privileged_width, 1);
    assert_true(schema_has_privileged(&schema));
    const struct schema_feature *price = schema_find(&schema, "price");
    assert_true(price->has_default && price->fallback == -3.5f);
    assert_int_equal(price->transform, SCHEMA_LOG1P);
    assert_null(schema_find(&schema, "pric"));
    schema_fini(&schema);
}

static void test_student_has_nothing_privileged(void **state)
{
    (void)state;
    struct schema schema, student;
    struct row_field fields[4];
    struct row_cross crosses[4];
    struct row_layout layout;
    assert_int_equal(from_yaml(sample, &schema, NULL), STATUS_OK);
    assert_int_equal(schema_student(&schema, &student, NULL), STATUS_OK);
    schema_fini(&schema);
    assert_int_equal(student.count, 4);
    assert_int_equal(student.row_width, 5);
    assert_false(schema_has_privileged(&student));
    assert_null(schema_find(&student, "spot"));
    schema_layout(&student, fields, crosses, &layout);
    assert_int_equal(layout.field_count, 4);
    assert_int_equal(layout.shared_width, 5);
    assert_int_equal(layout.item_width, 5);
    assert_true(span_is(fields[3].name, "f"));
    assert_int_equal(fields[3].offset, 2);
    assert_int_equal(fields[3].size, 3);
    assert_false(fields[3].has_default);
    assert_true(fields[2].has_default && fields[2].fallback == -3.5f);
    schema_fini(&student);
}

static void test_yaml_faults_have_a_place(void **state)
{
    (void)state;
    static const struct {
        const char *yaml, *words;
        unsigned line, column;
    } cases[] = {
        {"f: 1", "not a list", 1, 1},
        {"[]", "not a list", 1, 1},
        {"- 7", "is a map", 1, 3},
        {"- {scope: item, kind: dense, size: 1}", "no name", 1, 3},
        {"- {name: 1f, scope: item, kind: dense, size: 1}", "\"1f\"", 1, 10},
        {"- {name: a b, scope: item, kind: dense, size: 1}", "\"a b\"", 1, 10},
        {"- name: a\n  scop: item\n", "\"scop\" of a feature (did you mean \"scope\"?)", 2, 3},
        {"- name: a\n  scope: itme\n  kind: dense\n  size: 1",
         "feature \"a\": scope \"itme\" is not one of user, context, item (did you mean \"item\"?)",
         2, 10},
        {"- name: a\n  scope: item\n  kind: idd\n  size: 1",
         "kind \"idd\" is not one of dense, id, id_list, cross", 3, 9},
        {"- {name: a, scope: item, kind: cross, size: 1}", "size means nothing for kind cross", 1,
         45},
        {"- {name: a, scope: item, kind: dense}", "feature \"a\" has no size", 1, 3},
        {"- {name: a, scope: item, kind: dense, size: 0}", "size 0 is not in 1..65536", 1, 45},
        {"- {name: a, scope: item, kind: dense, size: 65537}", "size 65537", 1, 45},
        {"- {name: a, scope: item, kind: dense, size: -1}", "size -1", 1, 45},
        {"- {name: a, scope: item, kind: dense, size: 1.5}", "not an integer", 1, 45},
        {"- {name: a, scope: item, kind: dense, size: '1'}", "not a plain value", 1, 45},
        {"- {name: a, scope: item, kind: dense, size: [1]}", "not a plain value", 1, 45},
        {"- {name: a, scope: item, kind: dense, size: 1, transform: log}", "transform \"log\"", 1,
         59},
        {"- {name: a, scope: item, kind: dense, size: 1, privileged: yes}", "true or false", 1, 60},
        {"- {name: a, scope: item, kind: dense, size: 1, default: nan}", "not a number", 1, 57},
        {"- {name: a, scope: item, kind: dense, size: 1, default: 1e999}", "not a number", 1, 57},
        {"- {name: a, scope: user, kind: dense, size: 1, privileged: true}",
         "scope user cannot be privileged", 1, 3},
        {"- {name: a, scope: item, kind: dense, size: 1}\n"
         "- {name: a, scope: user, kind: dense, size: 1}",
         "feature \"a\" is there twice", 2, 3},
        {"- {name: a, scope: item, kind: dense, size: 65536}\n"
         "- {name: b, scope: user, kind: dense, size: 1}",
         "more than 65536 columns", 1, 1},
        {"- {name: a, scope: item, kind: dense, size: 1, privileged: true}", "nothing is left", 1,
         1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct schema schema;
        struct diag diag = {0};
        assert_int_equal(from_yaml(cases[i].yaml, &schema, &diag), STATUS_CONFIG);
        if (strstr(diag.words, cases[i].words) == NULL || diag.line != cases[i].line ||
            diag.column != cases[i].column || strcmp(diag.file, "c.yaml") != 0)
            fail_msg("%s\n gave %s:%u:%u: %s", cases[i].yaml, diag.file, diag.line, diag.column,
                     diag.words);
    }
}

static void test_json_round_trip(void **state)
{
    (void)state;
    struct schema schema, again;
    struct buf first, second;
    buf_init(&first, 4096);
    buf_init(&second, 4096);
    const uint32_t privileged[] = {2, 5};
    assert_int_equal(schema_letor(6, privileged, 2, true, SCHEMA_LOG1P, &schema, NULL), STATUS_OK);
    struct json_value *json = schema_to_json(&schema);
    assert_int_equal(json_value_write(json, 0, &first), STATUS_OK);
    assert_int_equal(schema_from_json(json, &again, NULL), STATUS_OK);
    json_value_free(json);
    json = schema_to_json(&again);
    assert_int_equal(json_value_write(json, 0, &second), STATUS_OK);
    json_value_free(json);
    assert_string_equal(first.data, second.data);
    assert_non_null(strstr(first.data, "\"columns\":[1,3,4,6]"));
    assert_int_equal(again.row_width, 4 + 2 + 9);
    schema_fini(&schema);
    schema_fini(&again);
    buf_fini(&first);
    buf_fini(&second);
}

#define JSON(more)                                                                                 \
    "{\"kind\":\"dense\",\"name\":\"a\",\"privileged\":false,\"scope\":\"item\",\"size\":2,"       \
    "\"source\":\"sent\",\"transform\":\"none\"" more "}"

static void test_json_faults(void **state)
{
    (void)state;
    static const struct {
        const char *json, *words;
    } cases[] = {
        {"{}", "not a list"},
        {"[]", "not a list"},
        {"[7]", "is an object"},
        {"[" JSON(",\"sizes\":1") "]", "unknown key \"sizes\""},
        {"[" JSON(",\"columns\":[1]") "]", "columns is not a list of 2 feature numbers"},
        {"[" JSON(",\"columns\":[2,2]") "]", "not ascending"},
        {"[" JSON(",\"columns\":[0,2]") "]", "not a feature number"},
        {"[" JSON(",\"columns\":[1,4294967296]") "]", "not a feature number"},
        {"[" JSON(",\"default\":\"0\"") "]", "not a number"},
        {"[" JSON() "," JSON() "]", "twice"},
        {"[{\"name\":\"a\"}]", "feature \"a\" has no kind"},
        {"[{\"kind\":\"dense\",\"name\":\"a\",\"privileged\":false,\"scope\":\"item\",\"size\":2.0,"
         "\"source\":\"sent\",\"transform\":\"none\"}]",
         "size is not an integer"},
        {"[{\"kind\":\"dense\",\"name\":\"a\",\"privileged\":false,\"scope\":\"item\",\"size\":2,"
         "\"source\":\"page\",\"transform\":\"none\"}]",
         "must be privileged"},
        {"[" JSON() ",{\"kind\":\"dense\",\"name\":\"u\",\"privileged\":false,\"scope\":\"user\","
                    "\"size\":2,\"source\":\"sent\",\"transform\":\"none\"}]",
         "out of the order"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct schema schema;
        struct diag diag = {0};
        assert_int_equal(from_json(cases[i].json, &schema, &diag), STATUS_CORRUPT);
        if (strstr(diag.words, cases[i].words) == NULL)
            fail_msg("%s\n gave %s", cases[i].json, diag.words);
    }
}

static void test_letor(void **state)
{
    (void)state;
    struct schema schema;
    struct diag diag = {0};
    const uint32_t privileged[] = {5, 2}, beyond[] = {7}, all[] = {1, 2};
    assert_int_equal(schema_letor(6, privileged, 2, false, SCHEMA_NONE, &schema, NULL), STATUS_OK);
    assert_int_equal(schema.count, 2);
    assert_int_equal(schema.features[0].size, 4);
    assert_int_equal(schema.features[0].columns[1], 3);
    assert_string_equal(schema.features[1].name, "f_priv");
    assert_int_equal(schema.features[1].columns[0], 2);
    assert_int_equal(schema.features[1].columns[1], 5);
    assert_int_equal(schema.features[1].offset, 4);
    assert_true(schema.features[0].has_default && schema.features[0].fallback == 0.0f);
    schema_fini(&schema);
    assert_int_equal(schema_letor(6, NULL, 0, true, SCHEMA_LOG1P, &schema, NULL), STATUS_OK);
    assert_string_equal(schema.features[1].name, "page");
    assert_int_equal(schema.features[1].size, 13);
    assert_int_equal(schema.features[1].source, SCHEMA_PAGE);
    assert_int_equal(schema.features[1].transform, SCHEMA_NONE);
    schema_fini(&schema);
    assert_int_equal(schema_letor(6, beyond, 1, false, SCHEMA_NONE, &schema, &diag), STATUS_CONFIG);
    assert_non_null(strstr(diag.words, "column 7"));
    assert_int_equal(schema_letor(2, all, 2, false, SCHEMA_NONE, &schema, &diag), STATUS_CONFIG);
    assert_int_equal(schema_letor(0, NULL, 0, false, SCHEMA_NONE, &schema, &diag), STATUS_CONFIG);
    assert_int_equal(schema_letor(40000, NULL, 0, true, SCHEMA_NONE, &schema, &diag),
                     STATUS_CONFIG);
    assert_non_null(strstr(diag.words, "more than 65536 columns or values"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_columns_stand_by_group),
        cmocka_unit_test(test_student_has_nothing_privileged),
        cmocka_unit_test(test_yaml_faults_have_a_place),
        cmocka_unit_test(test_json_round_trip),
        cmocka_unit_test(test_json_faults),
        cmocka_unit_test(test_letor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
