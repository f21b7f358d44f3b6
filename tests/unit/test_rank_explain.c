// proto/rank_explain: Oracle: the reply written out by hand (spec/wire.md 5), read back as JSON.
#include "proto/rank_explain.h"

#include "proto/json_value.h"
#include "tests/support/check.h"

static struct rank_candidate candidates[] = {
    {{"a\"", 2}, 1.25, true}, {{"b", 1}, 2, true}, {{"c", 1}, 0.01, true}};
static const struct rank_request request = {
    .count = 3, .candidates = candidates, .floor_bid = 0.05, .floor_ecpm = 0.2};
static const struct rank_explained all[] = {
    {.logit = -3.5f,
     .pctr = 0.03125f,
     .ecpm = 39.0625,
     .rank = 2,
     .price = 0.05,
     .binding = RANK_BINDING_BID},
    {.logit = 0,
     .pctr = 0.5f,
     .ecpm = 1000,
     .rank = 1,
     .price = 0.078125,
     .has_next = true,
     .next = 0,
     .binding = RANK_BINDING_NEXT},
    {.logit = 1e-7f, .pctr = 0.5f, .ecpm = 5},
};

static void check(const struct rank_reply *reply, const char *wanted)
{
    struct buf out;
    struct json_value *tree;
    buf_init(&out, 1 << 12);
    rank_explain_encode(reply, all, &out);
    assert_string_equal(out.data, wanted);
    assert_int_equal(json_value_parse(buf_view(&out), &tree, NULL), STATUS_OK);
    json_value_free(tree);
    buf_fini(&out);
}

static void test_with_money(void **state)
{
    (void)state;
    const struct rank_reply reply = {.id = {"r", 1},
                                     .model = "m",
                                     .version = "7",
                                     .arm = "control",
                                     .request = &request,
                                     .below_floor = 1,
                                     .gamma = 1,
                                     .priced = true};
    check(
        &reply,
        "{\"id\":\"r\",\"model\":\"m\",\"version\":\"7\",\"arm\":\"control\",\"candidates\":["
        "{\"id\":\"a\\\"\",\"logit\":-3.5,\"pctr\":0.03125,\"bid\":1.25,\"ecpm\":39.0625,"
        "\"rank\":2,\"price\":0.05,\"floor_binding\":\"floors.bid\"},"
        "{\"id\":\"b\",\"logit\":0,\"pctr\":0.5,\"bid\":2,\"ecpm\":1000,\"rank\":1,"
        "\"next_best\":{\"id\":\"a\\\"\",\"ecpm\":39.0625},\"price\":0.078125,"
        "\"floor_binding\":\"next\"},"
        "{\"id\":\"c\",\"logit\":1e-07,\"pctr\":0.5,\"bid\":0.01,\"ecpm\":5,\"below_floor\":true}],"
        "\"below_floor\":1,\"gamma\":1,\"floors\":{\"bid\":0.05,\"ecpm\":0.2}}");
}

static void test_without_money(void **state)
{
    (void)state;
    const struct rank_reply reply = {
        .model = "m", .version = "7", .arm = "control", .request = &request, .gamma = 1};
    check(&reply, "{\"model\":\"m\",\"version\":\"7\",\"arm\":\"control\",\"candidates\":["
                  "{\"id\":\"a\\\"\",\"logit\":-3.5,\"pctr\":0.03125,\"rank\":2},"
                  "{\"id\":\"b\",\"logit\":0,\"pctr\":0.5,\"rank\":1,"
                  "\"next_best\":{\"id\":\"a\\\"\"}},"
                  "{\"id\":\"c\",\"logit\":1e-07,\"pctr\":0.5,\"below_floor\":true}],"
                  "\"below_floor\":0,\"gamma\":1,\"floors\":{\"bid\":0.05,\"ecpm\":0.2}}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_with_money),
        cmocka_unit_test(test_without_money),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
