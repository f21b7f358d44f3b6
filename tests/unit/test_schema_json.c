// What a client must know of a model, by hand; whether bodies pass, tests/it/test_schema.py asks
// the daemon.
#include "server/schema_json.h"

#include "proto/json_value.h"
#include "tests/support/check.h"
#include "tests/support/make_checkpoint_kinds.h"

#include <string.h>

static const struct make_checkpoint spec = {
    .yaml = MAKE_CHECKPOINT_KINDS,
    .seed = 1,
    .attention = {.hidden_count = 1, .hidden = {2}, .activation = DIN_PRELU},
};

static const struct json_value *member(const struct json_value *map, const char *path)
{
    char copy[200];
    assert_true(strlen(path) < sizeof copy);
    memcpy(copy, path, strlen(path) + 1);
    for (char *name = copy, *next; name != NULL; name = next) {
        next = strchr(name, '.');
        if (next != NULL)
            *next++ = '\0';
        map = json_value_get(map, name);
        if (map == NULL)
            fail_msg("%s: no %s", path, name);
    }
    return map;
}

static void is_text(const struct json_value *root, const char *path, const char *text)
{
    assert_true(span_is(json_value_text(member(root, path)), text));
}

#define ITEM "properties.candidates.items.properties.features."

static void features_stand_where_they_are_sent(void **state)
{
    (void)state;
    struct checkpoint made;
    struct json_value *root = NULL;
    struct buf text;
    buf_init(&text, 1 << 20);
    assert_int_equal(make_checkpoint(&spec, &made, NULL), STATUS_OK);
    assert_int_equal(schema_json_write(&made, 77, "ads", 9007199254740993, &text), STATUS_OK);
    assert_int_equal(json_value_parse(buf_view(&text), &root, NULL), STATUS_OK);
    is_text(root, "title", "POST /v1/rank for version 9007199254740993 of ads");
    assert_int_equal(json_value_int(member(root, "properties.candidates.maxItems")), 77);
    const struct json_value *version = json_value_at(
        member(json_value_at(member(root, "properties.version.anyOf"), 0), "enum"), 0);
    assert_true(json_value_int(version) == 9007199254740993);
    is_text(root, "properties.user.properties.history.x-kind", "id_list");
    assert_int_equal(json_value_int(member(root, "properties.user.properties.history.x-keeps")), 4);
    is_text(root, "properties.user.properties.age.x-missing", "unknown");
    is_text(root, "properties.context.properties.hour.x-kind", "id");
    is_text(root, ITEM "properties.price.x-missing", "error");
    // item_id, brand, words, price, f; the cross is made, not sent.
    assert_int_equal(json_value_size(member(root, ITEM "properties")), 5);
    assert_int_equal(json_value_size(member(root, ITEM "required")), 2); // f, price
    assert_null(json_value_get(member(root, ITEM "properties.f"), "x-training-range"));
    assert_int_equal(json_value_size(member(root, "required")), 1); // candidates
    json_value_free(root);
    buf_fini(&text);

    buf_init(&text, 100);
    assert_int_equal(schema_json_write(&made, 77, "ads", 1, &text), STATUS_TOO_LARGE);
    buf_fini(&text);
    checkpoint_fini(&made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(features_stand_where_they_are_sent)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
