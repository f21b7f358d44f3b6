// Oracle: replies of spec/wire.md 5 written out by hand, read back with json_value.
#include "proto/json_value.h"
#include "proto/rank.h"
#include "tests/support/check.h"

#include <stdio.h>
#include <string.h>

static struct rank_candidate candidates[] = {
    {{"a\"1", 3}, 1.25, true}, {{"b\n", 2}, 2, true}, {{"c", 1}, 0.5, true}};
static const struct rank_request request = {
    .count = 3, .candidates = candidates, .floor_bid = 0.05, .floor_ecpm = 0.2};
// eCPM is 1000 * pCTR * bid.
static const struct rank_result results[] = {
    {1, 0.03125f, 62.5, 1.25}, {0, 0.03125f, 39.0625, 0.1}, {2, 1e-7f, 5e-05, 0.05}};

static struct rank_reply whole_reply(void)
{
    return (struct rank_reply){.id = {"r-17", 4},
                               .model = "student",
                               .version = "42",
                               .arm = "control",
                               .request = &request,
                               .results = results,
                               .count = 3,
                               .below_floor = 12,
                               .gamma = 1,
                               .priced = true};
}

static void check_reply(const struct rank_reply *reply, const char *expected)
{
    struct buf out;
    buf_init(&out, 1 << 12);
    rank_encode(reply, &out);
    assert_int_equal(buf_status(&out), STATUS_OK);
    assert_string_equal(out.data, expected);
    struct json_value *tree;
    assert_int_equal(json_value_parse(buf_view(&out), &tree, NULL), STATUS_OK);
    json_value_free(tree);
    buf_fini(&out);
}

static void test_priced(void **state)
{
    (void)state;
    struct rank_reply reply = whole_reply();
    check_reply(&reply,
                "{\"id\":\"r-17\",\"model\":\"student\",\"version\":\"42\",\"arm\":\"control\","
                "\"ranked\":[{\"id\":\"b\\n\",\"rank\":1,\"pctr\":0.03125,\"ecpm\":62.5,"
                "\"price\":1.25},{\"id\":\"a\\\"1\",\"rank\":2,\"pctr\":0.03125,"
                "\"ecpm\":39.0625,\"price\":0.1},{\"id\":\"c\",\"rank\":3,\"pctr\":1e-07,"
                "\"ecpm\":5e-05,\"price\":0.05}],\"below_floor\":12,\"gamma\":1,"
                "\"floors\":{\"bid\":0.05,\"ecpm\":0.2}}");
}

static void test_cut_at_slots(void **state)
{
    (void)state;
    static const uint64_t timing_ns[RANK_STAGES] = {1000, 110500, 3, 0, 0, 0, 1000000};
    struct rank_reply reply = whole_reply();
    reply.count = 1;
    reply.next = &results[1];
    reply.id.data = NULL;
    reply.timing_ns = timing_ns;
    check_reply(&reply,
                "{\"model\":\"student\",\"version\":\"42\",\"arm\":\"control\","
                "\"ranked\":[{\"id\":\"b\\n\",\"rank\":1,\"pctr\":0.03125,\"ecpm\":62.5,"
                "\"price\":1.25}],\"next\":{\"id\":\"a\\\"1\",\"pctr\":0.03125,"
                "\"ecpm\":39.0625},\"below_floor\":12,\"gamma\":1,"
                "\"floors\":{\"bid\":0.05,\"ecpm\":0.2},\"timing_us\":{\"queue\":1,"
                "\"parse\":110.5,\"featurise\":0.003,\"score\":0,\"calibrate\":0,\"rank\":0,"
                "\"encode\":1000}}");
}

static void test_without_bids(void **state)
{
    (void)state;
    struct rank_reply reply = whole_reply();
    reply.count = 1;
    reply.priced = false;
    reply.gamma = 0.8;
    check_reply(&reply, "{\"id\":\"r-17\",\"model\":\"student\",\"version\":\"42\","
                        "\"arm\":\"control\",\"ranked\":[{\"id\":\"b\\n\",\"rank\":1,"
                        "\"pctr\":0.03125}],\"below_floor\":12,\"gamma\":0.8,"
                        "\"floors\":{\"bid\":0.05,\"ecpm\":0.2}}");
    reply.count = 0;
    check_reply(&reply, "{\"id\":\"r-17\",\"model\":\"student\",\"version\":\"42\","
                        "\"arm\":\"control\",\"ranked\":[],\"below_floor\":12,\"gamma\":0.8,"
                        "\"floors\":{\"bid\":0.05,\"ecpm\":0.2}}");
}

static void check_error(const struct diag *diag, enum status code, const char *expected)
{
    struct buf out;
    buf_init(&out, 1 << 12);
    rank_encode_error(diag, code, &out);
    assert_string_equal(out.data, expected);
    buf_fini(&out);
}

static void test_errors(void **state)
{
    (void)state;
    struct diag diag;
    diag_at_path(&diag, STATUS_INVALID, "user.f[1]", "expected a number, got \"%s\"", "a\tb");
    check_error(&diag, STATUS_INVALID,
                "{\"error\":\"user.f[1]: expected a number, got \\\"a\\tb\\\"\"}");
    diag_set(&diag, STATUS_INVALID, "no place");
    check_error(&diag, STATUS_INVALID, "{\"error\":\"no place\"}");
    // What is our fault is not told outside, least of all with the name of a file.
    diag_at_line(&diag, STATUS_IO, "/models/1/student.safetensors", 1, 1, "secret place");
    check_error(&diag, STATUS_IO, "{\"error\":\"input or output failed\"}");
    diag_at_line(&diag, STATUS_INVALID, "/models/x", 1, 1, "words");
    check_error(&diag, STATUS_INVALID, "{\"error\":\"words\"}");
    check_error(NULL, STATUS_OVERLOADED, "{\"error\":\"too much to do, try again later\"}");
}

static void test_ids(void **state)
{
    (void)state;
    enum { COUNT = 1000 };
    static char names[COUNT][8];
    static struct rank_candidate many[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        int length = snprintf(names[i], sizeof(names[i]), "%zu", i);
        many[i] = (struct rank_candidate){.id = {names[i], (size_t)length}};
    }
    struct arena arena;
    assert_int_equal(arena_init(&arena, 1 << 16), STATUS_OK);
    struct rank_request all = {.count = COUNT, .candidates = many};
    struct diag diag;
    assert_int_equal(rank_check_ids(&all, &arena, &diag), STATUS_OK);
    assert_int_equal(arena_mark(&arena), 0);
    many[COUNT - 1].id = many[17].id;
    assert_int_equal(rank_check_ids(&all, &arena, &diag), STATUS_INVALID);
    assert_string_equal(diag.path, "candidates[999].id");
    assert_string_equal(diag.words, "\"17\" is the id of candidates[17] already");
    arena_fini(&arena);
    assert_int_equal(arena_init(&arena, 64), STATUS_OK);
    assert_int_equal(rank_check_ids(&all, &arena, &diag), STATUS_TOO_LARGE);
    arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_priced),       cmocka_unit_test(test_cut_at_slots),
        cmocka_unit_test(test_without_bids), cmocka_unit_test(test_errors),
        cmocka_unit_test(test_ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
