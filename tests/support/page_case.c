#include "tests/support/page_case.h"

#include "proto/row_code.h"
#include "tests/support/check.h"

#include <math.h>
#include <string.h>

static const uint64_t brand_offsets[] = {0, 4, 5, 7};

static struct row_coding hash_of(const char *table)
{
    return (struct row_coding){
        .encode = ROW_HASH, .buckets = PAGE_CASE_BUCKETS, .seed = row_code_seed(span_of(table))};
}

static struct row_field id_field(const char *name, enum row_scope scope, uint32_t offset,
                                 struct row_coding coding, uint16_t keep)
{
    return (struct row_field){.name = span_of(name),
                              .scope = scope,
                              .kind = ROW_ID,
                              .size = 1,
                              .offset = offset,
                              .coding = coding,
                              .keep = keep};
}

static struct row_field list_field(const char *name, enum row_scope scope, uint32_t size,
                                   uint32_t offset, struct row_coding coding)
{
    struct row_field field = id_field(name, scope, offset, coding, ROW_KEEP_NONE);
    field.kind = ROW_IDS;
    field.size = size;
    return field;
}

static struct row_field dense_field(const char *name, enum row_scope scope, uint32_t size,
                                    uint32_t offset, bool optional, float fallback)
{
    return (struct row_field){.name = span_of(name),
                              .scope = scope,
                              .kind = ROW_DENSE,
                              .size = size,
                              .offset = offset,
                              .has_default = optional,
                              .fallback = fallback,
                              .keep = ROW_KEEP_NONE};
}

// The last three are privileged.
static void make_fields(struct page_case *test)
{
    struct row_coding hours = {.encode = ROW_IDENTITY, .buckets = 24};
    struct row_coding tags = {.encode = ROW_IDENTITY, .buckets = 10};
    struct row_coding places = {.encode = ROW_IDENTITY, .buckets = 50};
    struct row_coding brands = {.encode = ROW_VOCAB, .vocab = test->brands};
    const struct row_field fields[] = {
        id_field("user_id", ROW_USER, PAGE_USER_ID, hash_of("user_id"), 0),
        list_field("hist", ROW_USER, 3, PAGE_HIST, hash_of("item_id")),
        dense_field("age", ROW_USER, 1, PAGE_AGE, true, NAN),
        id_field("hour", ROW_CONTEXT, PAGE_HOUR, hours, 1),
        list_field("tags", ROW_CONTEXT, 2, PAGE_TAGS, tags),
        id_field("item_id", ROW_ITEM, PAGE_ITEM_ID, hash_of("item_id"), 0),
        id_field("brand", ROW_ITEM, PAGE_BRAND, brands, ROW_KEEP_NONE),
        dense_field("price", ROW_ITEM, 2, PAGE_PRICE, false, 0),
        list_field("words", ROW_ITEM, 2, PAGE_WORDS, brands),
        dense_field("dwell", ROW_LIST_PRIVILEGED, 1, PAGE_DWELL, true, 0),
        id_field("position", ROW_ITEM_PRIVILEGED, PAGE_POSITION, places, ROW_KEEP_NONE),
        dense_field("seen", ROW_ITEM_PRIVILEGED, 1, PAGE_SEEN, true, -1),
    };
    _Static_assert(sizeof(fields) == sizeof(test->fields), "room for every field");
    memcpy(test->fields, fields, sizeof(fields));
    for (size_t i = 0; i < PAGE_CASE_FIELDS; i++)
        test->fields[i].feature = (uint16_t)i;
}

void page_case_init(struct page_case *test)
{
    memset(test, 0, sizeof(*test));
    test->reader = json_read_new(PAGE_CASE_TEXT);
    assert_non_null(test->reader);
    assert_int_equal(arena_init(&test->arena, 1 << 20), STATUS_OK);
    assert_int_equal(vocab_new("acmeb\xc3\xa9", brand_offsets, 3, &test->brands, NULL), STATUS_OK);
    make_fields(test);
    test->crosses[0] = (struct row_cross){
        .offset = PAGE_USER_X_HOUR, .a_keep = 0, .b_keep = 1, .coding = hash_of("user_x_hour")};
    test->crosses[1] = (struct row_cross){
        .item = true, .offset = PAGE_USER_X_ITEM, .b_item = true, .coding = hash_of("user_x_item")};
    test->layout = (struct row_layout){.fields = test->fields,
                                       .field_count = PAGE_CASE_FIELDS,
                                       .feature_count = PAGE_CASE_FIELDS,
                                       .crosses = test->crosses,
                                       .cross_count = 2,
                                       .shared_width = PAGE_SHARED,
                                       .item_width = PAGE_ITEM,
                                       .shared_keeps = 2,
                                       .item_keeps = 1};
    test->request_layout = test->layout;
    test->request_layout.field_count -= 3;
    test->limits = (struct record_limits){.max_candidates = PAGE_CASE_CANDIDATES,
                                          .need_label = true,
                                          .group_name = span_of(record_group_field)};
}

void page_case_fini(struct page_case *test)
{
    json_read_free(test->reader);
    arena_fini(&test->arena);
    vocab_free(test->brands);
}

void page_case_write(struct page_case *test, const char *quoted)
{
    test->size = strlen(quoted);
    assert_true(test->size <= PAGE_CASE_TEXT);
    for (size_t i = 0; i < test->size; i++)
        test->text[i] = quoted[i] == '\'' ? '"' : quoted[i];
}

static void make_ready(struct page_case *test, char pad)
{
    memset(test->text + test->size, pad, JSON_READ_PADDING);
    memset(&test->diag, 0, sizeof(test->diag));
    arena_reset(&test->arena);
}

enum status page_case_read_request(struct page_case *test, char pad)
{
    struct rank_limits limits = {.max_candidates = PAGE_CASE_CANDIDATES, .unknown_ignore = true};
    make_ready(test, pad);
    return json_read_rank(test->reader, test->text, test->size, &test->request_layout, &limits,
                          &test->arena, &test->request, &test->diag);
}

enum status page_case_read_record(struct page_case *test, char pad)
{
    make_ready(test, pad);
    return json_read_record(test->reader, (struct span){test->text, test->size}, &test->layout,
                            &test->limits, &test->arena, &test->record, &test->diag);
}

enum status page_case_request(struct page_case *test, const char *quoted)
{
    page_case_write(test, quoted);
    return page_case_read_request(test, '}');
}

enum status page_case_record(struct page_case *test, const char *quoted)
{
    page_case_write(test, quoted);
    return page_case_read_record(test, '}');
}

uint32_t page_case_hash(const char *table, const char *id)
{
    struct row_coding coding = hash_of(table);
    uint32_t row;
    assert_true(row_code(&coding, span_of(id), &row));
    return row;
}

uint32_t page_case_pair(const char *table, const char *a, const char *b)
{
    struct row_coding coding = hash_of(table);
    return row_code_cross(&coding, span_of(a), span_of(b));
}
