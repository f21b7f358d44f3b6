// Real impression logs. Oracle: the tree of jansson for every line, the figures of the data's
// README.
#include "base/file.h"
#include "proto/json_value.h"
#include "proto/row_code.h"
#include "tests/support/check.h"
#include "tests/support/page_case.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// user: user_id, history (50); context: hour; the list: next_read_time; items: article_id.
static void news_layout(struct page_case *test)
{
    struct row_coding articles = {
        .encode = ROW_HASH, .buckets = 20000, .seed = row_code_seed(span_of("article_id"))};
    struct row_coding hours = {.encode = ROW_IDENTITY, .buckets = 24};
    const struct row_field fields[] = {
        {.name = span_of("history"),
         .scope = ROW_USER,
         .kind = ROW_IDS,
         .size = 50,
         .coding = articles,
         .keep = ROW_KEEP_NONE},
        {.name = span_of("hour"),
         .scope = ROW_CONTEXT,
         .kind = ROW_ID,
         .size = 1,
         .offset = 50,
         .coding = hours,
         .keep = ROW_KEEP_NONE},
        {.name = span_of("next_read_time"),
         .scope = ROW_LIST_PRIVILEGED,
         .kind = ROW_DENSE,
         .size = 1,
         .offset = 51,
         .has_default = true,
         .fallback = -1,
         .keep = ROW_KEEP_NONE},
        {.name = span_of("article_id"),
         .scope = ROW_ITEM,
         .kind = ROW_ID,
         .size = 1,
         .coding = articles,
         .keep = ROW_KEEP_NONE},
    };
    memcpy(test->fields, fields, sizeof(fields));
    for (uint16_t i = 0; i < 4; i++)
        test->fields[i].feature = i;
    test->layout = (struct row_layout){.fields = test->fields,
                                       .field_count = 4,
                                       .feature_count = 4,
                                       .shared_width = 52,
                                       .item_width = 1};
    test->limits.max_candidates = 100;
}

static const struct json_value *member(const struct json_value *map, const char *key)
{
    const struct json_value *value = json_value_get(map, key);
    assert_non_null(value);
    return value;
}

static uint32_t article(const struct page_case *test, const struct json_value *text)
{
    uint32_t row;
    assert_true(row_code(&test->fields[0].coding, json_value_text(text), &row));
    return row;
}

static void check_news(const struct page_case *test, const struct json_value *tree)
{
    const struct record *record = &test->record;
    const struct json_value *user = member(tree, "user"), *items = member(tree, "candidates");
    const struct json_value *history = member(user, "history");
    const struct json_value *time = json_value_get(member(tree, "privileged"), "next_read_time");
    assert_true(span_equal(record->group, json_value_text(member(user, "user_id"))));
    assert_true(span_equal(record->id, json_value_text(member(tree, "id"))));
    assert_int_equal(record->ts, json_value_int(member(tree, "ts")));
    for (size_t i = 0; i < 50; i++)
        assert_int_equal(record->shared[i].id, i < json_value_size(history)
                                                   ? article(test, json_value_at(history, i))
                                                   : 0);
    assert_int_equal(record->shared[50].id,
                     1 + json_value_int(member(member(tree, "context"), "hour")));
    assert_true(record->shared[51].number == (time == NULL ? -1 : (float)json_value_number(time)));
    assert_int_equal(record->count, json_value_size(items));
    for (size_t i = 0; i < record->count; i++) {
        const struct json_value *item = json_value_at(items, i);
        const struct json_value *id = member(member(item, "features"), "article_id");
        assert_int_equal(record->items[i].id, article(test, id));
        assert_true(record->candidates[i].label == json_value_number(member(item, "label")));
        assert_true(span_equal(record->candidates[i].id, json_value_text(member(item, "id"))));
    }
}

struct news_sums {
    size_t lists, items, clicks, told;
};

static void read_news(struct page_case *test, const char *path, struct news_sums *sums)
{
    struct file_bytes bytes;
    assert_int_equal(file_read(path, 1 << 24, JSON_READ_PADDING, &bytes, NULL), STATUS_OK);
    const char *at = (const char *)bytes.data, *end = at + bytes.size;
    while (at < end) {
        struct span line = {at, (size_t)((const char *)memchr(at, '\n', (size_t)(end - at)) - at)};
        struct json_value *tree;
        arena_reset(&test->arena);
        assert_int_equal(json_read_record(test->reader, line, &test->layout, &test->limits,
                                          &test->arena, &test->record, &test->diag),
                         STATUS_OK);
        assert_int_equal(json_value_parse(line, &tree, NULL), STATUS_OK);
        check_news(test, tree);
        json_value_free(tree);
        sums->lists++;
        sums->items += test->record.count;
        for (size_t i = 0; i < test->record.count; i++)
            sums->clicks += test->record.candidates[i].label == 1;
        at += line.size + 1;
    }
    file_free(&bytes);
}

static void count_told(void *context, const char *path)
{
    (void)path;
    ++*(size_t *)context;
}

static char *news_folder(void)
{
    const char *shared = getenv("SHARED_DATA_DIR");
    return file_join(shared == NULL ? "absent" : shared, "ebnerd_tiny");
}

static void test_real_data(void **state)
{
    (void)state;
    static const char *const names[] = {"train.jsonl", "valid.jsonl", "test.jsonl"};
    static const size_t lists[] = {732, 157, 157};
    char *folder = news_folder();
    struct page_case test;
    struct news_sums sums = {0};
    page_case_init(&test);
    news_layout(&test);
    test.limits.unknown = count_told;
    test.limits.unknown_context = &sums.told;
    for (size_t i = 0; i < 3; i++) {
        size_t before = sums.lists;
        char *path = file_join(folder, names[i]);
        read_news(&test, path, &sums);
        assert_int_equal(sums.lists - before, lists[i]);
        free(path);
    }
    assert_int_equal(sums.items, 10848);
    assert_true(sums.clicks >= sums.lists); // every page has one
    // subscriber, device, weekday, from_article, next_scroll.
    assert_int_equal(sums.told, 5);
    page_case_fini(&test);
    free(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_real_data)};
    char *folder = news_folder();
    bool present = folder != NULL && file_exists(folder);
    free(folder);
    if (!present) {
        puts("SKIPPED real_data: SHARED_DATA_DIR has no folder ebnerd_tiny");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
