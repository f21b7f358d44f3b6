// Oracle: values and words stated by hand; the numbers of jansson's tree for the same body.
#include "base/num.h"
#include "proto/json_value.h"
#include "tests/support/check.h"
#include "tests/support/rank_case.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define C1 "{'id':'a','features':{'f':[1,2,3]}}"
#define AROUND(x) "{'user':{'age':1},'candidates':[" x "]}"
#define TOP(x) "{'user':{'age':1},'candidates':[" C1 "]," x "}"
#define ITEM(x) AROUND("{'id':'a','features':{" x "}}")
#define WITH(x) AROUND("{'id':'a','features':{'f':[1,2,3]}," x "}")

struct bad_case {
    const char *body, *path, *words;
};

static const struct bad_case bad_cases[] = {
    {"", "", "the body is not a JSON object"},
    {"  ", "", "the body is not a JSON object"},
    {"[]", "", "the body is not a JSON object"},
    {"7", "", "the body is not a JSON object"},
    {"{", "", "not one JSON object"},
    {"{'id':'a", "", "the body has a text that is not closed"},
    {"{'id':'a\nb'}", "", "a control character that is not escaped"},
    {"{'id':'\xff'}", "", "the body is not valid UTF-8"},
    {"{'id':'\xed\xa0\x80'}", "", "the body is not valid UTF-8"},
    {TOP("'timing':true") " x", "", "not one JSON object"},
    {TOP("'timing':true") " {}", "", "something follows it"},
    {TOP("'timing':true") "}", "", "not one JSON object"},
    {"{'user' {'age':1}}", "", "not valid JSON here"},
    {"{'user':{'age':1} 'id':'a'}", "", "not valid JSON here"},
    {"{'user':{'age':1},}", "", "not valid JSON here"},
    {"{}", "candidates", "missing, at least one"},
    {"{'candidates':null}", "candidates", "missing, at least one"},
    {AROUND(""), "candidates", "empty, at least one"},
    {"{'candidates':{}}", "candidates", "expected a list of candidates, got an object"},
    {AROUND("7"), "candidates[0]", "expected an object, got 7"},
    {AROUND(C1 ",null"), "candidates[1]", "expected an object, got null"},
    {AROUND(C1 "," C1), "candidates[1].id", "\"a\" is the id of candidates[0] already"},
    {AROUND("{'features':{'f':[1,2,3]}}"), "candidates[0].id", "missing"},
    {AROUND("{'id':null,'features':{'f':[1,2,3]}}"), "candidates[0].id", "missing"},
    {AROUND("{'id':7}"), "candidates[0].id", "expected text, got 7"},
    {AROUND("{'id':''}"), "candidates[0].id", "expected text, got \"\""},
    {AROUND("{'id':'a\\u0000'}"), "candidates[0].id", "without U+0000"},
    {AROUND("{'id':'\\ud800'}"), "candidates[0].id", "valid escapes, got \"\\x5cud800\""},
    {AROUND("{'id':'\\q'}"), "candidates[0].id", "expected text with valid escapes"},
    {WITH("'label':1"), "candidates[0].label", "known only after"},
    {WITH("'privileged':{}"), "candidates[0].privileged", "known only after"},
    {WITH("'b':1"), "candidates[0].b", "unknown field"},
    {WITH("'bid':-1"), "candidates[0].bid", "expected a number from 0 to 1e15, got -1"},
    {WITH("'bid':1e16"), "candidates[0].bid", "expected a number from 0 to 1e15, got 1e16"},
    {WITH("'bid':1e999"), "candidates[0].bid", "expected a finite number as JSON writes it"},
    {WITH("'bid':'1'"), "candidates[0].bid", "expected a number, got \"1\""},
    {WITH("'bid':1,'bid':1"), "candidates[0].bid", "stands twice"},
    {AROUND("{'id':'a','bid':1,'features':{'f':[1,2,3]}},"
            "{'id':'b','features':{'f':[1,2,3]}}"),
     "candidates[1].bid", "missing, though 1 of 2 candidates have one"},
    {AROUND("{'id':'a','features':{'f':[1,2,3]}},"
            "{'id':'b','bid':0,'features':{'f':[1,2,3]}}"),
     "candidates[0].bid", "missing, though 1 of 2 candidates have one"},
    {AROUND("{'id':'a'}"), "candidates[0].features.f", "missing, and the schema has no default"},
    {ITEM(""), "candidates[0].features.f", "missing, and the schema has no default"},
    {ITEM("'f':null"), "candidates[0].features.f", "missing, and the schema has no default"},
    {ITEM("'f':[1,2]"), "candidates[0].features.f", "expected 3 values, got 2"},
    {ITEM("'f':[]"), "candidates[0].features.f", "expected 3 values, got 0"},
    {ITEM("'f':[1,2,3,4]"), "candidates[0].features.f", "expected 3 values, got 4"},
    {ITEM("'f':1"), "candidates[0].features.f", "expected a list of numbers, got 1"},
    {ITEM("'f':'abc'"), "candidates[0].features.f", "expected a list of numbers, got \"abc\""},
    {ITEM("'f':[1,'abc',3]"), "candidates[0].features.f[1]", "expected a number, got \"abc\""},
    {ITEM("'f':[1,2,null]"), "candidates[0].features.f[2]", "expected a number, got null"},
    {ITEM("'f':[[1],2,3]"), "candidates[0].features.f[0]", "expected a number, got a list"},
    {ITEM("'f':[1,{},3]"), "candidates[0].features.f[1]", "expected a number, got an object"},
    {ITEM("'f':[1,NaN,3]"), "candidates[0].features.f[1]", "expected a number, got NaN"},
    {ITEM("'f':[1,-Infinity,3]"), "candidates[0].features.f[1]", "finite number as JSON writes"},
    {ITEM("'f':[1,1e999,3]"), "candidates[0].features.f[1]", "writes it, got 1e999"},
    {ITEM("'f':[1,01,3]"), "candidates[0].features.f[1]", "writes it, got 01"},
    {ITEM("'f':[1,1.,3]"), "candidates[0].features.f[1]", "writes it, got 1."},
    {ITEM("'f':[1,+1,3]"), "candidates[0].features.f[1]", "expected a number, got +1"},
    {ITEM("'f':[1,0x1,3]"), "candidates[0].features.f[1]", "writes it, got 0x1"},
    {ITEM("'f':[1,2,3,]"), "candidates[0].features.f[3]", "expected a number, got ]"},
    {ITEM("'f':[1,2 3]"), "candidates[0].features.f", "not valid JSON here"},
    {ITEM("'f':[1,2,3],'f':[1,2,3]"), "candidates[0].features.f", "stands twice"},
    {ITEM("'f':[1,2,3],'\\u0066':[1,2,3]"), "candidates[0].features.f", "stands twice"},
    {ITEM("'f':[1,2,3],'b':[1,2]"), "candidates[0].features.b", "expected 1 value, got 2"},
    {ITEM("'f':[1,2,3],'b':true"), "candidates[0].features.b", "expected a number, got true"},
    {ITEM("'f':[1,2,3],'b':nul"), "candidates[0].features.b", "expected a number, got nul"},
    {ITEM("'f':[1,2,3],'c':1"), "candidates[0].features.c", "unknown feature"},
    {ITEM("'f':[1,2,3],'age':1"), "candidates[0].features.age",
     "unknown feature here, it belongs to user"},
    {ITEM("'f':[1,2,3],'label':1"), "candidates[0].features.label", "known only after"},
    {"{'user':{'f':[1]},'candidates':[" C1 "]}", "user.f",
     "unknown feature here, it belongs to candidates[].features"},
    {"{'candidates':[" C1 "]}", "user.age", "missing, and the schema has no default"},
    {"{'user':null,'candidates':[" C1 "]}", "user.age", "missing"},
    {"{'user':[],'candidates':[" C1 "]}", "user", "expected an object, got a list"},
    {TOP("'context':{'hour':[]}"), "context.hour", "expected 1 value, got 0"},
    {TOP("'user':{'age':1}"), "user", "stands twice"},
    {TOP("'user':null"), "user", "stands twice"},
    {TOP("'label':1"), "label", "known only after"},
    {TOP("'privileged':null"), "privileged", "known only after"},
    {TOP("'Candidates':[]"), "Candidates", "unknown field"},
    {TOP("'\\ud83d\\ude00\\n':1"), "\\xf0\\x9f\\x98\\x80\\x0a", "unknown field"},
    {TOP("'0123456789012345678901234567890123456789012':1"),
     "0123456789012345678901234567890123456789...", "unknown field"},
    {TOP("'slots':-1"), "slots", "expected a whole number that is not negative, got -1"},
    {TOP("'slots':1.0"), "slots", "expected a whole number that is not negative, got 1.0"},
    {TOP("'slots':18446744073709551616"), "slots", "expected a whole number"},
    {TOP("'timeout_us':'5'"), "timeout_us", "expected a whole number"},
    {TOP("'explain':1"), "explain", "expected true or false, got 1"},
    {TOP("'timing':truex"), "timing", "expected true or false, got truex"},
    {TOP("'floors':1"), "floors", "expected an object, got 1"},
    {TOP("'floors':{'bid':-0.5}"), "floors.bid", "expected a number from 0"},
    {TOP("'floors':{'cpc':1}"), "floors.cpc", "unknown field"},
    {TOP("'floors':{'ecpm':1,'ecpm':1}"), "floors.ecpm", "stands twice"},
    {TOP("'id':['a']"), "id", "expected text, got a list"},
};

static void test_bad_bodies(void **state)
{
    (void)state;
    struct rank_case test;
    rank_case_init(&test);
    for (size_t i = 0; i < sizeof(bad_cases) / sizeof(bad_cases[0]); i++) {
        const struct bad_case *bad = &bad_cases[i];
        enum status code = rank_case_read_text(&test, bad->body, false);
        if (code != STATUS_INVALID || strcmp(test.diag.path, bad->path) != 0 ||
            strstr(test.diag.words, bad->words) == NULL)
            fail_msg("%s: %s at '%s': %s", bad->body, status_label(code), test.diag.path,
                     test.diag.words);
    }
    rank_case_fini(&test);
}

static void test_whole_request(void **state)
{
    (void)state;
    struct rank_case test;
    rank_case_init(&test);
    assert_int_equal(
        rank_case_read_text(
            &test,
            " {'candidates':[{'features':{'b':[5],'f':[-1e300,1e300,0.1]},'bid':-0.0,'id':'x\\n'},"
            "{'bid':1.5,'id':'y','features':{'f':[1,-0,3e-320],'b':null}}],"
            "'id':'r','model':'m','unit':'\\u00e9','slots':4,'timeout_us':5000,"
            "'floors':{'bid':0.25,'ecpm':null},'user':{'\\u0061ge':30},'context':null,"
            "'explain':true,'timing':false}\n",
            false),
        STATUS_OK);
    const struct rank_request *request = &test.request;
    assert_true(span_is(request->id, "r") && span_is(request->model, "m"));
    assert_true(span_is(request->unit, "\xc3\xa9"));
    assert_int_equal(request->slots, 4);
    assert_int_equal(request->timeout_us, 5000);
    assert_true(request->floor_bid == 0.25 && request->floor_ecpm == 0);
    assert_true(request->explain && !request->timing);
    assert_int_equal(request->count, 2);
    assert_true(span_is(request->candidates[0].id, "x\n"));
    assert_true(request->candidates[0].has_bid && !signbit(request->candidates[0].bid));
    assert_true(request->candidates[1].bid == 1.5);
    // Defaults: hist (3), hour, b of the second candidate.
    const float shared[] = {30, 0.5f, 0.5f, 0.5f, 7};
    const float items[] = {-1e38f, 1e6f, 0.1f, 5, 1, -0.0f, (float)3e-320, 2};
    assert_memory_equal(request->shared, shared, sizeof(shared));
    assert_memory_equal(request->items, items, sizeof(items));
    assert_int_equal(request->counts.missing, 5);
    assert_int_equal(request->counts.unknown, 0);
    rank_case_fini(&test);
}

static void test_limits(void **state)
{
    (void)state;
    struct rank_case test;
    rank_case_init(&test);
    char body[2048];
    for (size_t n = RANK_CASE_CANDIDATES; n <= RANK_CASE_CANDIDATES + 1; n++) {
        size_t used = (size_t)snprintf(body, sizeof(body), "{'user':{'age':1},'candidates':[");
        for (size_t i = 0; i < n; i++)
            used +=
                (size_t)snprintf(body + used, sizeof(body) - used,
                                 "%s{'id':'%zu','features':{'f':[1,2,3]}}", i == 0 ? "" : ",", i);
        snprintf(body + used, sizeof(body) - used, "]}");
        enum status code = rank_case_read_text(&test, body, false);
        assert_int_equal(code, n == RANK_CASE_CANDIDATES ? STATUS_OK : STATUS_TOO_LARGE);
    }
    assert_string_equal(test.diag.path, "candidates");
    assert_string_equal(test.diag.words, "more than 5 candidates");
    for (size_t length = RANK_MAX_ID_BYTES; length <= RANK_MAX_ID_BYTES + 1; length++) {
        snprintf(body, sizeof(body), AROUND("{'id':'%0*d','features':{'f':[1,2,3]}}"), (int)length,
                 7);
        enum status code = rank_case_read_text(&test, body, false);
        assert_int_equal(code, length == RANK_MAX_ID_BYTES ? STATUS_OK : STATUS_INVALID);
    }
    test.size = RANK_CASE_BODY + 1;
    struct rank_limits limits = {.max_candidates = 1};
    assert_int_equal(json_read_rank(test.reader, test.body, test.size, &rank_case_layout, &limits,
                                    &test.arena, &test.request, &test.diag),
                     STATUS_TOO_LARGE);
    rank_case_fini(&test);
}

// A required value of many numbers bounds how many candidates a text can hold; if it is not read,
// it need not be there.
static void test_bids_only(void **state)
{
    (void)state;
    static const struct row_field wide = {
        .name = {"f", 1}, .scope = ROW_ITEM, .kind = ROW_DENSE, .size = 512, .keep = ROW_KEEP_NONE};
    static const struct row_layout layout = {
        .fields = &wide, .field_count = 1, .feature_count = 1, .item_width = 512};
    struct rank_case test;
    rank_case_init(&test);
    for (size_t n = 1; n <= RANK_CASE_CANDIDATES + 1; n++) {
        struct rank_limits limits = {.max_candidates = RANK_CASE_CANDIDATES, .bids_only = true};
        char *end = stpcpy(test.body, "{\"candidates\":[");
        for (size_t i = 0; i < n; i++)
            end += sprintf(end, "%s{\"id\":\"%zu\",\"bid\":%zu}", i == 0 ? "" : ",", i, i);
        end = stpcpy(end, "]}");
        test.size = (size_t)(end - test.body);
        memset(end, '}', JSON_READ_PADDING);
        arena_reset(&test.arena);
        enum status code = json_read_rank(test.reader, test.body, test.size, &layout, &limits,
                                          &test.arena, &test.request, &test.diag);
        assert_int_equal(code, n <= RANK_CASE_CANDIDATES ? STATUS_OK : STATUS_TOO_LARGE);
        for (size_t i = 0; code == STATUS_OK && i < n; i++)
            assert_true(test.request.candidates[i].bid == (double)i);
        limits.bids_only = false;
        arena_reset(&test.arena);
        assert_int_not_equal(json_read_rank(test.reader, test.body, test.size, &layout, &limits,
                                            &test.arena, &test.request, &test.diag),
                             STATUS_OK); // "f" is missing
    }
    rank_case_fini(&test);
}

static void test_small_arena(void **state)
{
    (void)state;
    struct rank_case test;
    rank_case_init(&test);
    arena_fini(&test.arena);
    for (size_t bytes = 0; bytes < 512; bytes += ARENA_ALIGN) {
        assert_int_equal(arena_init(&test.arena, bytes), STATUS_OK);
        assert_int_equal(rank_case_read_text(&test, AROUND(C1), false), STATUS_TOO_LARGE);
        arena_fini(&test.arena);
    }
    assert_int_equal(arena_init(&test.arena, 4096), STATUS_OK);
    assert_int_equal(rank_case_read_text(&test, AROUND(C1), false), STATUS_OK);
    rank_case_fini(&test);
}

// A value of `levels` nested lists.
static void nest(char *body, size_t size, const char *before, unsigned levels, const char *after)
{
    size_t used = (size_t)snprintf(body, size, "%s", before);
    for (unsigned i = 0; i < levels; i++)
        body[used++] = '[';
    for (unsigned i = 0; i < levels; i++)
        body[used++] = ']';
    snprintf(body + used, size - used, "%s", after);
}

static void test_unknown_ignored(void **state)
{
    (void)state;
    static const char before[] = "{'candidates':[" C1 "],'user':{'age':1,'odd':";
    struct rank_case test;
    rank_case_init(&test);
    assert_int_equal(rank_case_read_text(&test,
                                         "{'candidates':[" C1 "],'user':{'x':{'y':[1,'\\u00e9',"
                                         "{'z':null}],'w':true},'age':1,'q':-1.5e3}}",
                                         true),
                     STATUS_OK);
    assert_int_equal(test.request.counts.unknown, 2);
    // What is skipped is read all the same.
    static const struct bad_case skipped[] = {
        {"1e999}}", "user.odd", "finite number"},
        {"[1,,2]}}", "user.odd", "expected a value, got ,"},
        {"[1 2]}}", "user.odd", "not valid JSON"},
        {"{'a' 1}}}", "user.odd", "not valid JSON"},
        {"{1:2}}}", "user.odd", "not valid JSON"},
        {"tru}}", "user.odd", "expected true or false, got tru"},
        {"nullx}}", "user.odd", "expected a value, got nullx"},
        {"'\\x'}}", "user.odd", "valid escapes"},
        {"{'\\x':1}}}", "user.odd", "not valid JSON"},
        {"[1}}}", "user.odd", "not valid JSON"},
    };
    char body[512];
    for (size_t i = 0; i < sizeof(skipped) / sizeof(skipped[0]); i++) {
        snprintf(body, sizeof(body), "%s%s", before, skipped[i].body);
        assert_int_equal(rank_case_read_text(&test, body, true), STATUS_INVALID);
        assert_string_equal(test.diag.path, skipped[i].path);
        if (strstr(test.diag.words, skipped[i].words) == NULL)
            fail_msg("%s: %s", skipped[i].body, test.diag.words);
    }
    // The request is level 1, `user` is level 2.
    nest(body, sizeof(body), before, RANK_MAX_DEPTH - 2, "}}");
    assert_int_equal(rank_case_read_text(&test, body, true), STATUS_OK);
    nest(body, sizeof(body), before, RANK_MAX_DEPTH - 1, "}}");
    assert_int_equal(rank_case_read_text(&test, body, true), STATUS_INVALID);
    assert_string_equal(test.diag.words, "nested deeper than 32");
    assert_int_equal(rank_case_read_text(&test, TOP("'odd':1"), true), STATUS_INVALID);
    rank_case_fini(&test);
}

static const char damaged[] =
    "{'id':'r-1','slots':2,'floors':{'bid':0.5},'user':{'age':1,'hist':[1,2,3]},"
    "'candidates':[{'id':'a\\n','bid':1,'features':{'f':[1,-2.5e3,3],'b':null}},"
    "{'id':'b','bid':2,'features':{'b':[4],'f':[0.1,2,3]}}],'context':{'hour':13}}";

// A fault always has words; jansson's tree is the judge of what may pass.
static void check_damaged(struct rank_case *test, char pad)
{
    enum status code = rank_case_read(test, false, pad);
    if (code != STATUS_OK) {
        assert_int_equal(code, STATUS_INVALID);
        assert_true(test->diag.words[0] != '\0');
        return;
    }
    struct json_value *tree;
    assert_int_equal(json_value_parse((struct span){test->body, test->size}, &tree, NULL),
                     STATUS_OK);
    json_value_free(tree);
}

static void test_damaged_bodies(void **state)
{
    (void)state;
    static const char pads[] = {0, '}', ']', '"', ',', ' ', '1'};
    struct rank_case test;
    rank_case_init(&test);
    assert_int_equal(rank_case_read_text(&test, damaged, false), STATUS_OK);
    char whole[sizeof(damaged)];
    memcpy(whole, test.body, sizeof(whole));
    size_t size = test.size, passed = 0;
    for (size_t p = 0; p < sizeof(pads); p++) {
        for (size_t cut = 0; cut < size; cut++) {
            test.size = cut;
            memcpy(test.body, whole, cut);
            assert_int_equal(rank_case_read(&test, false, pads[p]), STATUS_INVALID);
        }
        for (size_t gone = 0; gone < size; gone++) {
            test.size = size - 1;
            memcpy(test.body, whole, gone);
            memcpy(test.body + gone, whole + gone + 1, size - gone - 1);
            check_damaged(&test, pads[p]);
            passed += test.diag.words[0] == '\0';
        }
    }
    assert_true(passed > 0);
    rank_case_fini(&test);
}

static void test_same_numbers_as_tree(void **state)
{
    (void)state;
    static const char *const numbers[] = {"0",
                                          "-0",
                                          "1e-5",
                                          "123456789012345678901234567890",
                                          "0.1",
                                          "3.4028235677973366e38",
                                          "-1e38",
                                          "1.0000000596046448",
                                          "1e6",
                                          "999999.96875",
                                          "2.2250738585072011e-308",
                                          "5e-324",
                                          "1E+2",
                                          "16777217",
                                          "1.00000005960464477540",
                                          "0.5555555555555555555",
                                          "0.55555555555555555555",
                                          "0.99999999999999999999999999999999999999999999 ",
                                          "-0.0001234567890123456789012345678",
                                          "12345678901234567890.5",
                                          "99999999999999999999e-19",
                                          "18446744073709551616.0",
                                          "0.000000000000000000000000000000000000011754943508"};
    struct rank_case test;
    rank_case_init(&test);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        char body[512];
        snprintf(body, sizeof(body), ITEM("'f':[1,%s,3]"), numbers[i]);
        assert_int_equal(rank_case_read_text(&test, body, false), STATUS_OK);
        double expected;
        struct span text = span_trim(span_of(numbers[i]));
        assert_int_equal(num_parse_double(text, &expected), STATUS_OK);
        float want = row_value(expected);
        assert_memory_equal(&test.request.items[1].number, &want, sizeof(want));
    }
    rank_case_fini(&test);
}

static void test_print(void **state)
{
    (void)state;
    static const struct {
        float x;
        const char *text;
    } floats[] = {
        {0.1f, "0.1"},          {1, "1"},      {-0.0f, "-0"},    {1e-7f, "1e-07"},
        {16777216, "16777216"}, {0.5f, "0.5"}, {1e20f, "1e+20"}, {FLT_MIN, "1.1754944e-38"}};
    char text[32];
    for (size_t i = 0; i < sizeof(floats) / sizeof(floats[0]); i++) {
        *json_read_print_float(text, floats[i].x) = '\0';
        assert_string_equal(text, floats[i].text);
    }
    *json_read_print_double(text, 0.1) = '\0';
    assert_string_equal(text, "0.1");
    // The longest there is; and what is printed reads back.
    *json_read_print_double(text, -DBL_MIN) = '\0';
    assert_string_equal(text, "-2.2250738585072014e-308");
    for (double x = 1; x < 1e300; x *= -1.37e3 / 3) {
        *json_read_print_double(text, x) = '\0';
        assert_true(strtod(text, NULL) == x);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_bodies),      cmocka_unit_test(test_whole_request),
        cmocka_unit_test(test_limits),          cmocka_unit_test(test_small_arena),
        cmocka_unit_test(test_unknown_ignored), cmocka_unit_test(test_damaged_bodies),
        cmocka_unit_test(test_print),           cmocka_unit_test(test_same_numbers_as_tree),
        cmocka_unit_test(test_bids_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
