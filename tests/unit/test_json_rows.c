// Oracle: rows by row_code of ids that are spelled out here (row_code has its own test); counts,
// paths and words by hand.
#include "base/buf.h"
#include "tests/support/check.h"
#include "tests/support/page_case.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define ROW(x) "{'id':'a','features':{'price':[1,2]" x "}}"
#define USER(x) "{'user':{" x "},'candidates':[" ROW("") "]}"
#define CONTEXT(x) "{'context':{" x "},'candidates':[" ROW("") "]}"
#define ITEM(x) "{'candidates':[" ROW("," x) "]}"

struct bad_case {
    const char *body, *path, *words;
};

static const struct bad_case bad_cases[] = {
    {USER("'user_id':1.5"), "user.user_id",
     "expected an id (text or a whole number of 64 bits), got 1.5"},
    {USER("'user_id':1e3"), "user.user_id", "got 1e3"},
    {USER("'user_id':1.0"), "user.user_id", "got 1.0"},
    {USER("'user_id':07"), "user.user_id", "got 07"},
    {USER("'user_id':-"), "user.user_id", "expected an id"},
    {USER("'user_id':7x"), "user.user_id", "got 7x"},
    {USER("'user_id':9223372036854775808"), "user.user_id", "of 64 bits), got 9223372036854775808"},
    {USER("'user_id':-9223372036854775809"), "user.user_id", "of 64 bits)"},
    {USER("'user_id':true"), "user.user_id", "expected an id (text or a whole number), got true"},
    {USER("'user_id':{}"), "user.user_id",
     "expected an id (text or a whole number), got an object"},
    {USER("'user_id':['7']"), "user.user_id", "got a list"},
    {USER("'user_id':nul"), "user.user_id", "got nul"},
    {USER("'user_id':'\\ud800'"), "user.user_id", "expected text with valid escapes"},
    {USER("'user_id':1,'user_id':1"), "user.user_id", "stands twice"},
    {USER("'hist':'7'"), "user.hist", "expected a list of ids, got \"7\""},
    {USER("'hist':7"), "user.hist", "expected a list of ids, got 7"},
    {USER("'hist':{}"), "user.hist", "expected a list of ids, got an object"},
    {USER("'hist':true"), "user.hist", "expected a list of ids, got true"},
    {USER("'hist':[1,[2]]"), "user.hist[1]", "expected an id (text or a whole number), got a list"},
    {USER("'hist':[1,{}]"), "user.hist[1]", "got an object"},
    {USER("'hist':[1,2,3,4,0.5]"), "user.hist[4]", "got 0.5"},
    {USER("'hist':[0.5,1,2,3,4,5]"), "user.hist[0]", "got 0.5"},
    {USER("'hist':[1,false]"), "user.hist[1]", "got false"},
    {USER("'hist':[1 2]"), "user.hist", "not valid JSON here"},
    {USER("'hist':[1,]"), "user.hist[1]", "expected an id (text or a whole number), got ]"},
    {USER("'age':'7'"), "user.age", "expected a number, got \"7\""},
    {CONTEXT("'hour':24"), "context.hour", "expected a whole number from 0 to 23, got \"24\""},
    {CONTEXT("'hour':-1"), "context.hour", "expected a whole number from 0 to 23, got \"-1\""},
    {CONTEXT("'hour':'07'"), "context.hour", "expected a whole number from 0 to 23, got \"07\""},
    {CONTEXT("'hour':'\\u00e9'"), "context.hour", "got \"\\xc3\\xa9\""},
    // The whole list, though only the last two would be kept.
    {CONTEXT("'tags':[1,10,2,3]"), "context.tags[1]", "expected a whole number from 0 to 9"},
    {CONTEXT("'tags':[null,'',11]"), "context.tags[2]", "expected a whole number from 0 to 9"},
    {ITEM("'brand':false"), "candidates[0].features.brand", "expected an id"},
    {ITEM("'words':'b'"), "candidates[0].features.words", "expected a list of ids, got \"b\""},
    {ITEM("'words':['b',['b']]"), "candidates[0].features.words[1]", "got a list"},
    {ITEM("'label':1"), "candidates[0].features.label", "known only after"},
    {"{'privileged':{},'candidates':[" ROW("") "]}", "privileged", "known only after"},
};

static void test_bad_ids(void **state)
{
    (void)state;
    struct page_case test;
    page_case_init(&test);
    for (size_t i = 0; i < sizeof(bad_cases) / sizeof(bad_cases[0]); i++) {
        const struct bad_case *bad = &bad_cases[i];
        enum status code = page_case_request(&test, bad->body);
        if (code != STATUS_INVALID || strcmp(test.diag.path, bad->path) != 0 ||
            strstr(test.diag.words, bad->words) == NULL)
            fail_msg("%s: %s at '%s': %s", bad->body, status_label(code), test.diag.path,
                     test.diag.words);
    }
    page_case_fini(&test);
}

static void check_cells(const union row_cell *cells, const uint32_t *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_int_equal(cells[i].id, rows[i]);
}

static void test_spellings(void **state)
{
    (void)state;
    static const struct {
        const char *json, *bytes;
    } cases[] = {
        {"7", "7"},
        {"'7'", "7"},
        {"0", "0"},
        {"-0", "0"},
        {"'-0'", "-0"},
        {"-12", "-12"},
        {"'007'", "007"},
        {"9223372036854775807", "9223372036854775807"},
        {"-9223372036854775808", "-9223372036854775808"},
        {"'\\u0061\\n'", "a\n"},
        {"'\\\\'", "\\"},
        {"'sm\xc3\xb8rrebr\xc3\xb8'", "sm\xc3\xb8rrebr\xc3\xb8"},
        {"  'a'  ", "a"},
    };
    struct page_case test;
    page_case_init(&test);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char body[512];
        snprintf(body, sizeof(body),
                 "{'user':{'user_id':%s,'hist':[1,%s]},'candidates':[" ROW(",'item_id':%s") "]}",
                 cases[i].json, cases[i].json, cases[i].json);
        assert_int_equal(page_case_request(&test, body), STATUS_OK);
        const char *bytes = cases[i].bytes;
        const struct rank_request *request = &test.request;
        assert_int_equal(request->shared[PAGE_USER_ID].id, page_case_hash("user_id", bytes));
        assert_int_equal(request->shared[PAGE_HIST + 1].id, page_case_hash("item_id", bytes));
        assert_int_equal(request->items[PAGE_ITEM_ID].id, page_case_hash("item_id", bytes));
        assert_int_equal(request->items[PAGE_USER_X_ITEM].id,
                         page_case_pair("user_x_item", bytes, bytes));
    }
    page_case_fini(&test);
}

static void test_long_ids(void **state)
{
    (void)state;
    struct page_case test;
    page_case_init(&test);
    for (size_t length = ROW_MAX_ID_BYTES; length <= ROW_MAX_ID_BYTES + 1; length++) {
        bool fits = length == ROW_MAX_ID_BYTES;
        char body[1024], id[ROW_MAX_ID_BYTES + 2] = "";
        memset(id, 'x', length);
        snprintf(body, sizeof(body), USER("'user_id':'%s'"), id);
        assert_int_equal(page_case_request(&test, body), fits ? STATUS_OK : STATUS_INVALID);
        snprintf(body, sizeof(body), USER("'hist':['%s',1,2,3,4]"), id);
        assert_int_equal(page_case_request(&test, body), fits ? STATUS_OK : STATUS_INVALID);
    }
    assert_string_equal(test.diag.path, "user.hist[0]");
    assert_string_equal(test.diag.words, "expected an id of at most 256 bytes");
    page_case_fini(&test);
}

// Every way in which an id or a list can be missing is the same.
static void test_missing(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        uint64_t missing, empty; // beyond those of the least body
    } cases[] = {
        {"{'candidates':[" ROW("") "]}", 0, 0},
        {USER(""), 0, 0},
        {USER("'user_id':null,'hist':null,'age':null"), 0, 0},
        {USER("'user_id':'','hist':[]"), 0, 0},
        {USER("'hist':[null,'',null,null]"), 4, 0},
        {CONTEXT("'hour':null,'tags':[]"), 0, 0},
        {CONTEXT("'hour':''"), 0, 0},
        {"{'user':null,'context':null,'candidates':[" ROW("") "]}", 0, 0},
        {ITEM("'item_id':null,'brand':'','words':[]"), 0, 0},
        {ITEM("'brand':null,'words':['']"), 1, 0},
    };
    static const uint32_t none[PAGE_ITEM];
    struct page_case test;
    page_case_init(&test);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(page_case_request(&test, cases[i].body), STATUS_OK);
        const struct rank_request *request = &test.request;
        check_cells(request->shared, none, PAGE_AGE);
        assert_true(isnan(request->shared[PAGE_AGE].number));
        check_cells(request->shared + PAGE_HOUR, none, 3);
        assert_int_equal(request->shared[PAGE_USER_X_HOUR].id, 0);
        check_cells(request->items, none, PAGE_PRICE);
        check_cells(request->items + PAGE_WORDS, none, 2);
        assert_int_equal(request->items[PAGE_USER_X_ITEM].id, 0);
        // user_id, age, hour, item_id, brand; hist, tags, words.
        assert_int_equal(request->counts.missing, 5 + cases[i].missing);
        assert_int_equal(request->counts.empty_lists, 3 + cases[i].empty);
        assert_int_equal(request->counts.unknown_ids, 0);
        assert_int_equal(request->counts.cut_lists, 0);
    }
    page_case_fini(&test);
}

static void test_lists(void **state)
{
    (void)state;
    static const struct {
        const char *list;
        const char *kept[3];
        uint64_t missing, empty, cut;
    } cases[] = {
        {"[]", {NULL}, 0, 1, 0},
        {"['a']", {"a"}, 0, 0, 0},
        {"['a',2,'c']", {"a", "2", "c"}, 0, 0, 0},
        {"['a',2,'c',4]", {"2", "c", "4"}, 0, 0, 1},
        {"[1,2,3,4,5,6]", {"4", "5", "6"}, 0, 0, 1},
        {"[1,2,3,4,5,6,7]", {"5", "6", "7"}, 0, 0, 1},
        {"[1,1,1]", {"1", "1", "1"}, 0, 0, 0},
        // Who is nobody takes no place.
        {"[null,1,'',2,null,3,'']", {"1", "2", "3"}, 4, 0, 0},
        {"[1,2,3,null]", {"1", "2", "3"}, 1, 0, 0},
        {"[1,'\\u0062',null,3,4,'']", {"b", "3", "4"}, 2, 0, 1},
        {"[null]", {NULL}, 1, 1, 0},
    };
    struct page_case test;
    page_case_init(&test);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char body[512];
        snprintf(body, sizeof(body), USER("'user_id':1,'age':1,'hist':%s"), cases[i].list);
        assert_int_equal(page_case_request(&test, body), STATUS_OK);
        const struct rank_request *request = &test.request;
        for (size_t k = 0; k < 3; k++) {
            const char *id = cases[i].kept[k];
            assert_int_equal(request->shared[PAGE_HIST + k].id,
                             id == NULL ? 0 : page_case_hash("item_id", id));
        }
        // hour, item_id, brand; tags, words.
        assert_int_equal(request->counts.missing, 3 + cases[i].missing);
        assert_int_equal(request->counts.empty_lists, 2 + cases[i].empty);
        assert_int_equal(request->counts.cut_lists, cases[i].cut);
    }
    page_case_fini(&test);
}

static void test_long_history(void **state)
{
    (void)state;
    enum { LENGTH = 10000 };
    static char body[PAGE_CASE_TEXT];
    struct page_case test;
    page_case_init(&test);
    size_t used = (size_t)snprintf(body, sizeof(body),
                                   "{'candidates':[" ROW("") "],'user':"
                                                             "{'hist':[");
    for (unsigned i = 0; i < LENGTH; i++)
        used += (size_t)snprintf(body + used, sizeof(body) - used, "%s'\\u0069%u'",
                                 i == 0 ? "" : ",", i);
    snprintf(body + used, sizeof(body) - used, "]}}");
    assert_int_equal(page_case_request(&test, body), STATUS_OK);
    assert_int_equal(test.request.counts.cut_lists, 1);
    const uint32_t rows[] = {page_case_hash("item_id", "i9997"), page_case_hash("item_id", "i9998"),
                             page_case_hash("item_id", "i9999")};
    check_cells(test.request.shared + PAGE_HIST, rows, 3);
    // What the list is long takes no memory.
    size_t used_bytes = test.arena.used;
    assert_int_equal(page_case_request(&test, USER("'hist':[]")), STATUS_OK);
    assert_true(used_bytes <= test.arena.used + PAGE_CASE_CANDIDATES * 256);
    page_case_fini(&test);
}

static void test_vocabulary(void **state)
{
    (void)state;
    static const uint32_t words[] = {PAGE_BRAND_E, VOCAB_UNKNOWN};
    struct page_case test;
    page_case_init(&test);
    assert_int_equal(page_case_request(&test, ITEM("'brand':'b','words':[7,'\\u00e9','Acme']")),
                     STATUS_OK);
    assert_int_equal(test.request.items[PAGE_BRAND].id, PAGE_BRAND_B);
    check_cells(test.request.items + PAGE_WORDS, words, 2);
    // 7 is unknown too, but it is not kept.
    assert_int_equal(test.request.counts.unknown_ids, 1);
    assert_int_equal(page_case_request(&test, ITEM("'brand':7,'words':['acme']")), STATUS_OK);
    assert_int_equal(test.request.items[PAGE_BRAND].id, VOCAB_UNKNOWN);
    assert_int_equal(test.request.items[PAGE_WORDS].id, PAGE_BRAND_ACME);
    assert_int_equal(test.request.counts.unknown_ids, 1);
    page_case_fini(&test);
}

// User and context may come behind the candidates.
static void test_crosses(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "{'user':{'user_id':'u\\u0031'},'context':{'hour':5},'candidates':["
        "{'id':'a','features':{'item_id':'\\u0069','price':[1,2]}},"
        "{'id':'b','features':{'price':[1,2]}},"
        "{'id':'c','features':{'item_id':7,'price':[1,2]}}]}",
        "{'candidates':[{'features':{'price':[1,2],'item_id':'i'},'id':'a'},"
        "{'features':{'price':[1,2],'item_id':null},'id':'b'},"
        "{'features':{'price':[1,2],'item_id':'7'},'id':'c'}],"
        "'context':{'hour':'5'},'user':{'user_id':'u1'}}",
    };
    struct page_case test;
    page_case_init(&test);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(page_case_request(&test, bodies[i]), STATUS_OK);
        const struct rank_request *request = &test.request;
        assert_int_equal(request->count, 3);
        assert_int_equal(request->shared[PAGE_HOUR].id, 6);
        assert_int_equal(request->shared[PAGE_USER_X_HOUR].id,
                         page_case_pair("user_x_hour", "u1", "5"));
        const union row_cell *items = request->items + PAGE_USER_X_ITEM;
        assert_int_equal(items[0].id, page_case_pair("user_x_item", "u1", "i"));
        assert_int_equal(items[PAGE_ITEM].id, 0);
        assert_int_equal(items[(size_t)2 * PAGE_ITEM].id, page_case_pair("user_x_item", "u1", "7"));
        // age, an item_id, three brands.
        assert_int_equal(request->counts.missing, 5);
    }
    page_case_fini(&test);
}

// By feature, over three candidates; sums are the totals.
static void test_tally(void **state)
{
    (void)state;
    static const struct row_tally expected[PAGE_CASE_FIELDS] = {
        {.missing = 1},                       // user_id is null
        {.missing = 2},                       // hist has two empty ids
        {.missing = 1},                       // age is absent
        {0},                                  // hour
        {.empty_lists = 1},                   // tags is absent
        {.missing = 2},                       // item_id of b and c
        {.missing = 1, .unknown_ids = 1},     // brand of a, of b
        {0},                                  // price
        {.unknown_ids = 2, .empty_lists = 2}, // words of a; of b and c
    };
    struct row_counts sum = {0};
    struct page_case test;
    page_case_init(&test);
    for (unsigned turn = 0; turn < 2; turn++) { // a request does not see the one before
        assert_int_equal(
            page_case_request(&test,
                              "{'user':{'user_id':null,'hist':['',3,null]},'context':{'hour':3},"
                              "'candidates':[{'id':'a','features':{'item_id':1,'price':[1,2],"
                              "'words':['b','x','y']}},"
                              "{'id':'b','features':{'price':[1,2],'brand':'z','words':[]}},"
                              "{'id':'c','features':{'item_id':'','brand':'b','price':[1,2]}}]}"),
            STATUS_OK);
        assert_memory_equal(test.request.tally, expected, sizeof expected);
    }
    for (size_t i = 0; i < PAGE_CASE_FIELDS; i++) {
        sum.missing += expected[i].missing;
        sum.unknown_ids += expected[i].unknown_ids;
        sum.empty_lists += expected[i].empty_lists;
    }
    assert_int_equal(test.request.counts.missing, sum.missing);
    assert_int_equal(test.request.counts.unknown_ids, sum.unknown_ids);
    assert_int_equal(test.request.counts.empty_lists, sum.empty_lists);
    page_case_fini(&test);
}

static void write_seen(void *context, struct span bytes)
{
    struct buf *text = context;
    buf_span(text, bytes);
    buf_char(text, ' ');
}

static void test_seen(void **state)
{
    (void)state;
    struct buf text;
    buf_init(&text, 1024);
    struct page_case test;
    page_case_init(&test);
    for (size_t i = 0; i < PAGE_CASE_FIELDS; i++) {
        if (test.fields[i].kind != ROW_DENSE) {
            test.fields[i].coding.seen = write_seen;
            test.fields[i].coding.seen_context = &text;
        }
    }
    assert_int_equal(page_case_request(&test,
                                       "{'user':{'user_id':3,'hist':[1,'',2,null,3,4]},"
                                       "'candidates':[" ROW(",'brand':'x','item_id':''") "]}"),
                     STATUS_OK);
    assert_string_equal(text.data, "3 2 3 4 x "); // those that are kept
    // Before there is a vocabulary, nobody is in it.
    test.fields[PAGE_CASE_BRAND].coding.vocab = NULL;
    assert_int_equal(page_case_request(&test, ITEM("'brand':'b'")), STATUS_OK);
    assert_int_equal(test.request.items[PAGE_BRAND].id, VOCAB_UNKNOWN);
    assert_int_equal(test.request.counts.unknown_ids, 1);
    assert_string_equal(text.data, "3 2 3 4 x b ");
    buf_fini(&text);
    page_case_fini(&test);
}

// Whatever runs out first, it is told; nothing is written behind the arena (the sanitizer sees).
static void test_small_arena(void **state)
{
    (void)state;
    static const char body[] = "{'id':'\\u0061','user':{'user_id':'\\u0061','hist':[1,2,3,4]},"
                               "'candidates':[" ROW(",'item_id':7") "]}";
    struct page_case test;
    page_case_init(&test);
    assert_int_equal(page_case_request(&test, body), STATUS_OK);
    size_t need = test.arena.peak;
    for (size_t bytes = 0; bytes <= need; bytes += ARENA_ALIGN) {
        arena_fini(&test.arena);
        assert_int_equal(arena_init(&test.arena, bytes), STATUS_OK);
        enum status code = page_case_request(&test, body);
        assert_int_equal(code, bytes < need ? STATUS_TOO_LARGE : STATUS_OK);
    }
    page_case_fini(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_ids),     cmocka_unit_test(test_spellings),
        cmocka_unit_test(test_long_ids),    cmocka_unit_test(test_missing),
        cmocka_unit_test(test_lists),       cmocka_unit_test(test_long_history),
        cmocka_unit_test(test_vocabulary),  cmocka_unit_test(test_crosses),
        cmocka_unit_test(test_tally),       cmocka_unit_test(test_seen),
        cmocka_unit_test(test_small_arena),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
