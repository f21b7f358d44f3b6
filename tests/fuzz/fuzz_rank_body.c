// Property: what is accepted is JSON for the tree parser too, with the same candidates and values;
// of a layout with ids, that its rows are rows of their tables.
#include "proto/json_value.h"
#include "proto/row_code.h"
#include "tests/support/page_case.h"
#include "tests/support/rank_case.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool held)
{
    if (!held)
        abort();
}

// `value` NULL or null: the default.
static void check_field(const struct row_field *field, const struct json_value *value,
                        const union row_cell *block)
{
    for (uint32_t i = 0; i < field->size; i++) {
        float want = field->fallback;
        if (value != NULL && json_value_kind(value) == JSON_VALUE_LIST)
            want = row_value(json_value_number(json_value_at(value, i)));
        else if (value != NULL && json_value_kind(value) != JSON_VALUE_NULL)
            want = row_value(json_value_number(value));
        // By value: the tree has no negative zero among its integers.
        expect(want == block[field->offset + i].number);
    }
}

static void check_scope(enum row_scope scope, const struct json_value *map,
                        const union row_cell *block)
{
    for (size_t i = 0; i < rank_case_layout.field_count; i++) {
        const struct row_field *field = &rank_case_layout.fields[i];
        char name[16] = {0};
        memcpy(name, field->name.data, field->name.size);
        if (field->scope == scope)
            check_field(field, map == NULL ? NULL : json_value_get(map, name), block);
    }
}

static void check_tree(const struct rank_request *request, const struct json_value *tree)
{
    const struct json_value *list = json_value_get(tree, "candidates");
    expect(list != NULL && json_value_size(list) == request->count);
    check_scope(ROW_USER, json_value_get(tree, "user"), request->shared);
    check_scope(ROW_CONTEXT, json_value_get(tree, "context"), request->shared);
    for (size_t i = 0; i < request->count; i++) {
        const struct json_value *item = json_value_at(list, i);
        const struct rank_candidate *candidate = &request->candidates[i];
        const struct json_value *bid = json_value_get(item, "bid");
        expect(span_equal(json_value_text(json_value_get(item, "id")), candidate->id));
        bool has_bid = bid != NULL && json_value_kind(bid) != JSON_VALUE_NULL;
        expect(has_bid == candidate->has_bid);
        expect(!has_bid || json_value_number(bid) == candidate->bid);
        check_scope(ROW_ITEM, json_value_get(item, "features"),
                    request->items + i * rank_case_layout.item_width);
    }
}

static void check_rows(const struct page_case *test)
{
    const struct row_layout *layout = &test->request_layout;
    for (size_t f = 0; f < layout->field_count; f++) {
        const struct row_field *field = &layout->fields[f];
        bool shared = row_is_shared(field->scope);
        for (size_t i = 0; i < (shared ? 1 : test->request.count); i++) {
            const union row_cell *cells =
                (shared ? test->request.shared : test->request.items + i * PAGE_ITEM) +
                field->offset;
            for (uint32_t k = 0; field->kind != ROW_DENSE && k < field->size; k++)
                expect(cells[k].id < row_code_rows(&field->coding));
        }
    }
}

static void read_page(const uint8_t *data, size_t size)
{
    static struct page_case test;
    if (test.reader == NULL)
        page_case_init(&test);
    test.size = size;
    if (size > 0)
        memcpy(test.text, data, size);
    enum status code = page_case_read_request(&test, ',');
    // Of a text that has several faults, which is told may depend on what stands behind it: the
    // parser counts brackets only if that is one.
    expect((page_case_read_request(&test, '}') == STATUS_OK) == (code == STATUS_OK));
    expect(code == STATUS_OK || test.diag.words[0] != '\0');
    if (code == STATUS_OK)
        check_rows(&test);
    arena_reset(&test.arena);
}

// Without features: what is right with them has the same candidates, for a model that asks for far
// more than the body has, too.
static void read_bids(struct rank_case *test, enum status whole)
{
    static const struct row_field wide = {
        .name = {"f", 1}, .scope = ROW_ITEM, .kind = ROW_DENSE, .size = 512, .keep = ROW_KEEP_NONE};
    static const struct row_layout layout = {
        .fields = &wide, .field_count = 1, .feature_count = 1, .item_width = 512};
    static const struct row_layout *const both[] = {&rank_case_layout, &layout};
    struct rank_limits limits = {.max_candidates = RANK_CASE_CANDIDATES, .bids_only = true};
    for (size_t i = 0; i < 2; i++) {
        struct rank_request bids;
        enum status code = json_read_rank(test->reader, test->body, test->size, both[i], &limits,
                                          &test->arena, &bids, &test->diag);
        expect(code == STATUS_OK || test->diag.words[0] != '\0');
        expect(whole != STATUS_OK || (code == STATUS_OK && bids.count == test->request.count));
        for (size_t k = 0; whole == STATUS_OK && k < bids.count; k++)
            expect(bids.candidates[k].bid == test->request.candidates[k].bid &&
                   span_equal(bids.candidates[k].id, test->request.candidates[k].id));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct rank_case test;
    if (test.reader == NULL) {
        test.reader = json_read_new(RANK_CASE_BODY);
        expect(test.reader != NULL && arena_init(&test.arena, 1 << 20) == STATUS_OK);
    }
    if (size > RANK_CASE_BODY)
        return 0;
    read_page(data, size);
    test.size = size;
    if (size > 0)
        memcpy(test.body, data, size);
    // Whatever stands behind the body must not matter.
    enum status ignoring = rank_case_read(&test, true, ']');
    enum status strict = rank_case_read(&test, false, '}');
    expect(strict != STATUS_OK || ignoring == STATUS_OK);
    expect(strict == STATUS_OK || test.diag.words[0] != '\0');
    if (strict == STATUS_OK) {
        struct json_value *tree;
        struct diag diag;
        enum status code = json_value_parse((struct span){test.body, size}, &tree, &diag);
        // The tree keeps integers, in 64 bits; a request has doubles only.
        expect(code == STATUS_OK || strstr(diag.words, "too big") != NULL ||
               strstr(diag.words, "too small") != NULL);
        if (code == STATUS_OK) {
            check_tree(&test.request, tree);
            json_value_free(tree);
        }
    }
    read_bids(&test, strict);
    arena_reset(&test.arena);
    return 0;
}
