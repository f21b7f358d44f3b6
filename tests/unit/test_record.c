// Oracle: values, paths and words by hand; rows by row_code of ids that are spelled out here; of
// real data, the tree of jansson and the figures of its README.
#include "tests/support/check.h"
#include "tests/support/page_case.h"

#include <stdio.h>
#include <string.h>

#define ROW(x) "{'features':{'price':[1,2]},'label':0" x "}"
#define LINE(x) "{'candidates':[" x "]}"
#define TOP(x) "{'candidates':[" ROW("") "]," x "}"

struct bad_case {
    const char *line, *path, *words;
};

static const struct bad_case bad_cases[] = {
    {"", "", "the line is not a JSON object"},
    {"[]", "", "the line is not a JSON object"},
    {"{", "", "the line is not one JSON object"},
    {"{'id':'\xff'}", "", "the line is not valid UTF-8"},
    {TOP("'ts':1") "{}", "", "something follows it"},
    {"{}", "candidates", "missing, at least one candidate"},
    {"{'candidates':null}", "candidates", "missing, at least one candidate"},
    {LINE(""), "candidates", "empty, at least one"},
    {LINE("7"), "candidates[0]", "expected an object, got 7"},
    {LINE("{}"), "candidates[0].features.price", "missing, and the schema has no default"},
    {LINE("{'features':null,'label':1}"), "candidates[0].features.price", "missing"},
    {LINE("{'features':{'price':[1,2]}}"), "candidates[0].label",
     "missing, every candidate of training data needs one"},
    {LINE("{'features':{'price':[1,2]},'label':null}"), "candidates[0].label", "missing"},
    {LINE(ROW(",'label':1")), "candidates[0].label", "stands twice"},
    {LINE("{'label':-1}"), "candidates[0].label", "expected a number from 0 to 512, got -1"},
    {LINE("{'label':512.5}"), "candidates[0].label", "expected a number from 0 to 512"},
    {LINE("{'label':1e999}"), "candidates[0].label", "expected a finite number"},
    {LINE("{'label':'1'}"), "candidates[0].label", "expected a number, got \"1\""},
    {LINE("{'label':true}"), "candidates[0].label", "expected a number, got true"},
    {LINE(ROW(",'id':1.5")), "candidates[0].id", "expected an id"},
    {LINE(ROW(",'bid':-1")), "candidates[0].bid", "expected a number from 0 to 1e15"},
    {LINE(ROW(",'bid':1") "," ROW("")), "candidates[1].bid",
     "missing, though 1 of 2 candidates have one"},
    {LINE(ROW("") "," ROW(",'bid':1") "," ROW(",'bid':null")), "candidates[0].bid",
     "missing, though 1 of 3 candidates have one"},
    {LINE(ROW(",'privileged':7")), "candidates[0].privileged", "expected an object, got 7"},
    {LINE(ROW(",'privileged':{'position':50}")), "candidates[0].privileged.position",
     "expected a whole number from 0 to 49, got \"50\""},
    {LINE(ROW(",'privileged':{'seen':'x'}")), "candidates[0].privileged.seen", "expected a number"},
    {TOP("'privileged':[]"), "privileged", "expected an object, got a list"},
    {TOP("'privileged':{'dwell':{}}"), "privileged.dwell", "expected a number, got an object"},
    {TOP("'privileged':{},'privileged':{}"), "privileged", "stands twice"},
    {TOP("'ts':1.5"), "ts", "expected a whole number, got 1.5"},
    {TOP("'ts':'1'"), "ts", "expected a whole number, got \"1\""},
    {TOP("'id':[]"), "id", "expected an id (text or a whole number), got a list"},
    {TOP("'user':7"), "user", "expected an object, got 7"},
    {TOP("'user':{'hist':'7'}"), "user.hist", "expected a list of ids"},
    {TOP("'odd':[1,,2]"), "odd", "expected a value, got ,"},
    {LINE(ROW(",'odd':1e999")), "candidates[0].odd", "finite number"},
    {TOP("'user':{'odd':'\\x'}"), "user.odd", "valid escapes"},
};

static void test_bad_lines(void **state)
{
    (void)state;
    struct page_case test;
    page_case_init(&test);
    for (size_t i = 0; i < sizeof(bad_cases) / sizeof(bad_cases[0]); i++) {
        const struct bad_case *bad = &bad_cases[i];
        enum status code = page_case_record(&test, bad->line);
        if (code != STATUS_INVALID || strcmp(test.diag.path, bad->path) != 0 ||
            strstr(test.diag.words, bad->words) == NULL)
            fail_msg("%s: %s at '%s': %s", bad->line, status_label(code), test.diag.path,
                     test.diag.words);
    }
    page_case_fini(&test);
}

static void check_whole(const struct page_case *test)
{
    const struct record *record = &test->record;
    const struct record_candidate *first = &record->candidates[0], *second = first + 1;
    assert_true(span_is(record->id, "9773") && span_is(record->group, "u1"));
    assert_true(record->has_ts && record->ts == 1677138340);
    assert_int_equal(record->count, 2);
    assert_true(span_is(first->id, "a\n") && span_is(second->id, "7"));
    assert_true(first->has_label && first->label == 1 && first->has_bid && first->bid == 1.5);
    assert_true(second->has_label && second->label == 0.5f && second->has_bid && second->bid == 0);
    const union row_cell *shared = record->shared;
    assert_int_equal(shared[PAGE_USER_ID].id, page_case_hash("user_id", "u1"));
    assert_int_equal(shared[PAGE_HIST].id, page_case_hash("item_id", "x"));
    assert_int_equal(shared[PAGE_HIST + 1].id, 0);
    assert_true(shared[PAGE_AGE].number == 30 && shared[PAGE_DWELL].number == 2.5f);
    assert_int_equal(shared[PAGE_HOUR].id, 8);
    assert_int_equal(shared[PAGE_TAGS].id, 4);
    assert_int_equal(shared[PAGE_TAGS + 1].id, 1);
    assert_int_equal(shared[PAGE_USER_X_HOUR].id, page_case_pair("user_x_hour", "u1", "7"));
    const union row_cell *item = record->items;
    assert_int_equal(item[PAGE_ITEM_ID].id, page_case_hash("item_id", "i"));
    assert_int_equal(item[PAGE_BRAND].id, PAGE_BRAND_E);
    assert_true(item[PAGE_PRICE].number == 1 && item[PAGE_PRICE + 1].number == 1e6f);
    assert_int_equal(item[PAGE_WORDS].id, PAGE_BRAND_B);
    assert_int_equal(item[PAGE_POSITION].id, 4);
    assert_true(item[PAGE_SEEN].number == 0);
    assert_int_equal(item[PAGE_USER_X_ITEM].id, page_case_pair("user_x_item", "u1", "i"));
    item += PAGE_ITEM;
    assert_int_equal(item[PAGE_ITEM_ID].id, 0);
    assert_int_equal(item[PAGE_BRAND].id, VOCAB_UNKNOWN);
    assert_int_equal(item[PAGE_POSITION].id, 0);
    assert_true(item[PAGE_SEEN].number == -1);
    assert_int_equal(item[PAGE_USER_X_ITEM].id, 0);
    // Of the second: item_id, position, seen; words.
    assert_int_equal(record->counts.missing, 3);
    assert_int_equal(record->counts.empty_lists, 1);
    assert_int_equal(record->counts.unknown_ids, 1);
    assert_int_equal(record->counts.unknown, 0);
}

#define WHOLE_USER "'user':{'user_id':'u\\u0031','hist':['x'],'age':30}"
#define WHOLE_CONTEXT "'context':{'tags':['3',0],'hour':'7'}"
#define WHOLE_FIRST                                                                                \
    "'privileged':{'seen':0,'position':3},'bid':1.5,'label':1,'id':'a\\n',"                        \
    "'features':{'price':[1,1e300],'item_id':'i','words':['b'],'brand':'\\u00e9'}"
#define WHOLE_SECOND "'features':{'price':[3,4],'brand':'x'},'label':0.5,'bid':-0.0,'id':7"

static void test_whole_record(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "{'id':'9773','ts':1677138340," WHOLE_USER "," WHOLE_CONTEXT ",'privileged':{'dwell':2.5},"
        "'candidates':[{" WHOLE_FIRST "},{" WHOLE_SECOND ",'privileged':{}}]}",
        " {'candidates':[{" WHOLE_FIRST "},{" WHOLE_SECOND ",'privileged':null}],"
        "'privileged':{'dwell':[2.5]}," WHOLE_CONTEXT "," WHOLE_USER
        ",'ts':1677138340,'id':9773}\r",
    };
    struct page_case test;
    page_case_init(&test);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(page_case_record(&test, lines[i]), STATUS_OK);
        check_whole(&test);
    }
    page_case_fini(&test);
}

static void test_least_record(void **state)
{
    (void)state;
    struct page_case test;
    page_case_init(&test);
    test.limits.need_label = false;
    assert_int_equal(page_case_record(&test, LINE("{'features':{'price':[1,2]},'id':''},"
                                                  "{'features':{'price':[1,2]},'id':'a'},"
                                                  "{'features':{'price':[1,2]},'id':'a'}")),
                     STATUS_OK);
    const struct record *record = &test.record;
    assert_true(record->id.data == NULL && record->group.data == NULL && !record->has_ts);
    assert_int_equal(record->count, 3);
    assert_null(record->candidates[0].id.data);
    assert_true(span_is(record->candidates[2].id, "a")); // twice on a page is no fault
    assert_false(record->candidates[0].has_label || record->candidates[0].has_bid);
    // user_id, age, hour, dwell; three times item_id, brand, position, seen.
    assert_int_equal(record->counts.missing, 4 + 3 * 4);
    assert_int_equal(record->counts.empty_lists, 2 + 3);
    assert_int_equal(page_case_record(&test, TOP("'id':null,'ts':null,'user':null,"
                                                 "'context':null,'privileged':null")),
                     STATUS_OK);
    assert_true(record->id.data == NULL && !record->has_ts);
    page_case_fini(&test);
}

static void test_group(void **state)
{
    (void)state;
    static const struct {
        const char *user, *field, *group; // NULL: none
        uint64_t unknown;
    } cases[] = {
        {"'user_id':'u1'", "user_id", "u1", 0},
        {"'user_id':-0", "user_id", "0", 0},
        {"'user_id':123", "user_id", "123", 0},
        {"'user_id':'a\\\"b'", "user_id", "a\"b", 0},
        {"'user_id':null", "user_id", NULL, 0},
        {"'user_id':''", "user_id", NULL, 0},
        {"'user_id':'u1'", NULL, NULL, 0},
        // No feature of the layout, and not ignored either.
        {"'session':'s','user_id':1", "session", "s", 0},
        {"'user_id':1,'\\u0073ession':77", "session", "77", 0},
        {"'session':null", "session", NULL, 0},
        {"'session':'s'", "user_id", NULL, 1},
        {"'age':30", "age", "30", 0},
        {"'age':null", "age", NULL, 0},
        {"'hist':['u1']", "hist", NULL, 0},
    };
    struct page_case test;
    page_case_init(&test);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char line[512];
        snprintf(line, sizeof(line), TOP("'user':{%s}"), cases[i].user);
        test.limits.group_name = span_of(cases[i].field);
        assert_int_equal(page_case_record(&test, line), STATUS_OK);
        if (cases[i].group == NULL)
            assert_null(test.record.group.data);
        else if (!span_is(test.record.group, cases[i].group))
            fail_msg("%s: %.*s", line, (int)test.record.group.size, test.record.group.data);
        assert_int_equal(test.record.counts.unknown, cases[i].unknown);
    }
    test.limits.group_name = span_of("session");
    assert_int_equal(page_case_record(&test, TOP("'user':{'session':1,'session':2}")),
                     STATUS_INVALID);
    assert_string_equal(test.diag.words, "stands twice in one object");
    assert_int_equal(page_case_record(&test, TOP("'user':{'session':{}}")), STATUS_INVALID);
    assert_string_equal(test.diag.path, "user.session");
    // Only of the user.
    assert_int_equal(page_case_record(&test, TOP("'context':{'session':1}")), STATUS_OK);
    assert_null(test.record.group.data);
    page_case_fini(&test);
}

static void tell(void *context, const char *path)
{
    char *told = context;
    size_t used = strlen(told);
    snprintf(told + used, 1024 - used, "%s ", path);
}

static void test_unknown(void **state)
{
    (void)state;
    static const char line[] =
        "{'odd':1,'odd':2,'user':{'odd':[1],'hour':1},'context':{'odd':{}},"
        "'privileged':{'odd':null},'candidates':["
        "{'features':{'price':[1,2],'odd':1,'o\\u0064d':1,'label':1},'label':0,'odd':0},"
        "{'features':{'price':[1,2],'odd':1},'label':0,'privileged':{'odd':1,'a\\tb':1}}]}";
    static const char paths[] =
        "odd user.odd user.hour context.odd privileged.odd candidates[].features.odd "
        "candidates[].features.label candidates[].odd candidates[].privileged.odd "
        "candidates[].privileged.a\\x09b ";
    char told[1024] = "";
    struct page_case test;
    page_case_init(&test);
    assert_int_equal(page_case_record(&test, line), STATUS_OK); // nobody listens
    assert_int_equal(test.record.counts.unknown, 13);
    test.limits.unknown = tell;
    test.limits.unknown_context = told;
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(page_case_record(&test, line), STATUS_OK);
        assert_int_equal(test.record.counts.unknown, 13);
        assert_string_equal(told, paths);
    }
    page_case_fini(&test);
}

static void count_told(void *context, const char *path)
{
    (void)path;
    ++*(size_t *)context;
}

static void test_many_unknown(void **state)
{
    (void)state;
    enum { COUNT = 3 * RECORD_MOST_TOLD };
    static char line[PAGE_CASE_TEXT];
    struct page_case test;
    page_case_init(&test);
    size_t told = 0, used = (size_t)snprintf(line, sizeof(line), "{'candidates':[" ROW("") "]");
    for (unsigned i = 0; i < COUNT; i++)
        used += (size_t)snprintf(line + used, sizeof(line) - used, ",'n%u':0", i);
    snprintf(line + used, sizeof(line) - used, "}");
    test.limits.unknown = count_told;
    test.limits.unknown_context = &told;
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(page_case_record(&test, line), STATUS_OK);
        assert_int_equal(test.record.counts.unknown, COUNT);
        assert_int_equal(told, RECORD_MOST_TOLD);
    }
    page_case_fini(&test);
}

static void test_limits(void **state)
{
    (void)state;
    struct page_case test;
    page_case_init(&test);
    test.limits.max_candidates = 2;
    assert_int_equal(page_case_record(&test, LINE(ROW("") "," ROW(""))), STATUS_OK);
    assert_int_equal(page_case_record(&test, LINE(ROW("") "," ROW("") "," ROW(""))),
                     STATUS_TOO_LARGE);
    assert_string_equal(test.diag.path, "candidates");
    assert_int_equal(json_read_record(test.reader, (struct span){test.text, PAGE_CASE_TEXT + 1},
                                      &test.layout, &test.limits, &test.arena, &test.record,
                                      &test.diag),
                     STATUS_TOO_LARGE);
    char line[512];
    // The record is level 1, its member level 2.
    for (unsigned levels = 31; levels <= 32; levels++) {
        snprintf(line, sizeof(line), TOP("'odd':%.*s%.*s"), (int)levels,
                 "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", (int)levels,
                 "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]");
        assert_int_equal(page_case_record(&test, line), levels == 31 ? STATUS_OK : STATUS_INVALID);
    }
    assert_string_equal(test.diag.words, "nested deeper than 32");
    page_case_fini(&test);
}

// A line in the middle of a block: what follows is never read as its content.
static void test_next_line(void **state)
{
    (void)state;
    static const char first[] = "{'candidates':[{'features':{'price':[1,2]},'label':1}],'id':'a'}";
    static const char rest[] = "\n{'candidates':[],'id':'b'}\n";
    struct page_case test;
    page_case_init(&test);
    char both[sizeof(first) + sizeof(rest)];
    snprintf(both, sizeof(both), "%s%s", first, rest);
    page_case_write(&test, both);
    struct arena *arena = &test.arena;
    struct span line = {test.text, sizeof(first) - 1};
    assert_int_equal(json_read_record(test.reader, line, &test.layout, &test.limits, arena,
                                      &test.record, &test.diag),
                     STATUS_OK);
    assert_true(span_is(test.record.id, "a"));
    // Cut anywhere, the rest of the line is what follows.
    for (line.size = 0; line.size < sizeof(first) - 1; line.size++) {
        arena_reset(arena);
        assert_int_equal(json_read_record(test.reader, line, &test.layout, &test.limits, arena,
                                          &test.record, &test.diag),
                         STATUS_INVALID);
    }
    page_case_fini(&test);
}

// Nothing more than record_arena_bytes is taken, and less is told.
static void test_arena(void **state)
{
    (void)state;
    static const char line[] = "{'id':'\\n','user':{'user_id':'\\n'},'candidates':["
                               "{'features':{'price':[1,2]},'label':0,'id':'\\n'},"
                               "{'features':{'price':[1,2]},'label':0,'id':'\\n'}]}";
    struct page_case test;
    page_case_init(&test);
    for (unsigned i = 0; i < 2; i++) {
        test.limits.need_label = i == 0;
        size_t enough = record_arena_bytes(&test.layout, &test.limits, sizeof(line) - 1);
        arena_fini(&test.arena);
        assert_int_equal(arena_init(&test.arena, enough), STATUS_OK);
        assert_int_equal(page_case_record(&test, line), STATUS_OK);
        size_t need = test.arena.peak;
        for (size_t bytes = 0; bytes < need; bytes += ARENA_ALIGN) {
            arena_fini(&test.arena);
            assert_int_equal(arena_init(&test.arena, bytes), STATUS_OK);
            assert_int_equal(page_case_record(&test, line), STATUS_TOO_LARGE);
            assert_string_equal(test.diag.words, "the record needs more memory than one may have");
        }
    }
    page_case_fini(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_lines),    cmocka_unit_test(test_whole_record),
        cmocka_unit_test(test_least_record), cmocka_unit_test(test_group),
        cmocka_unit_test(test_unknown),      cmocka_unit_test(test_many_unknown),
        cmocka_unit_test(test_limits),       cmocka_unit_test(test_next_line),
        cmocka_unit_test(test_arena),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
