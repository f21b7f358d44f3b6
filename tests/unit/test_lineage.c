// What a lineage says of data files, and how it grows.
#include "model/train/lineage.h"
#include "tests/support/check.h"

#include <stdlib.h>
#include <string.h>

static void test_roles(void **state)
{
    (void)state;
    static const char both[] =
        "{\"data\":{\"train_lists\":\"00000000000000ff\",\"valid_lists\":\"0123456789abcdef\"}}";
    assert_int_equal(lineage_role_of(both, 0xff), LINEAGE_TRAINING);
    assert_int_equal(lineage_role_of(both, 0x0123456789abcdef), LINEAGE_VALIDATION);
    assert_int_equal(lineage_role_of(both, 0xfe), LINEAGE_UNSEEN);
    static const char one[] = "{\"data\":{\"train_lists\":\"00000000000000ff\"}}";
    assert_int_equal(lineage_role_of(one, 0xff), LINEAGE_TRAINING);
    assert_int_equal(lineage_role_of(one, 0), LINEAGE_UNSEEN);
    const char *const silent[] = {NULL, "{}", "{\"data\":{\"train_lists\":255}}", "{\"data\":[]}",
                                  "["};
    for (size_t i = 0; i < sizeof(silent) / sizeof(*silent); i++)
        assert_int_equal(lineage_role_of(silent[i], 0xff), LINEAGE_UNKNOWN);
}

static void test_hash(void **state)
{
    (void)state;
    char text[LINEAGE_HASH_TEXT];
    assert_string_equal(lineage_hash(0, text), "0000000000000000");
    assert_string_equal(lineage_hash(UINT64_MAX, text), "ffffffffffffffff");
    assert_string_equal(lineage_hash(0xabc, text), "0000000000000abc");
}

static void test_extend(void **state)
{
    (void)state;
    char *first = NULL, *second = NULL;
    struct json_value *child = json_value_new_map();
    json_value_set_int(child, "n", 1);
    assert_int_equal(lineage_extend("{\"z\":1,\"a\":2}", "m", child, &first, NULL), STATUS_OK);
    assert_string_equal(first, "{\"a\":2,\"m\":{\"n\":1},\"z\":1}");
    // Again: replaced, not repeated.
    assert_int_equal(lineage_extend(first, "m", json_value_new_list(), &second, NULL), STATUS_OK);
    assert_string_equal(second, "{\"a\":2,\"m\":[],\"z\":1}");
    free(first);
    free(second);
    assert_int_equal(lineage_extend(NULL, "m", json_value_new_list(), &first, NULL), STATUS_OK);
    assert_string_equal(first, "{\"m\":[]}");
    free(first);
    assert_int_equal(lineage_extend("{", "m", json_value_new_list(), &first, NULL), STATUS_INVALID);
    assert_int_equal(lineage_extend("{}", "m", NULL, &first, NULL), STATUS_NO_MEMORY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_roles),
        cmocka_unit_test(test_hash),
        cmocka_unit_test(test_extend),
    };
    return cmocka_run_group_tests_name("lineage", tests, NULL, NULL);
}
