// Properties: no line breaks the reader; what is accepted is read to the same again, whatever
// stands behind it; rows are rows of their tables; the arena that record_arena_bytes asks for is
// enough.
#include "proto/row_code.h"
#include "tests/support/page_case.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool held)
{
    if (!held)
        abort();
}

static void check_field(const struct row_field *field, const union row_cell *block)
{
    const union row_cell *cells = block + field->offset;
    bool ended = false;
    for (uint32_t i = 0; i < field->size; i++) {
        if (field->kind == ROW_DENSE) {
            expect(isfinite(cells[i].number) || field->has_default);
            continue;
        }
        expect(cells[i].id < row_code_rows(&field->coding));
        expect(!ended || cells[i].id == 0); // nothing behind the last of a list
        ended = ended || cells[i].id == 0;
    }
}

static void check_cells(const struct page_case *test, const struct record *record)
{
    for (size_t f = 0; f < PAGE_CASE_FIELDS; f++) {
        const struct row_field *field = &test->fields[f];
        if (row_is_shared(field->scope))
            check_field(field, record->shared);
        for (size_t i = 0; !row_is_shared(field->scope) && i < record->count; i++)
            check_field(field, record->items + i * PAGE_ITEM);
    }
    expect(record->shared[PAGE_USER_X_HOUR].id <= PAGE_CASE_BUCKETS);
    for (size_t i = 0; i < record->count; i++) {
        const union row_cell *item = record->items + i * PAGE_ITEM;
        bool both = record->shared[PAGE_USER_ID].id != 0 && item[PAGE_ITEM_ID].id != 0;
        expect((item[PAGE_USER_X_ITEM].id != 0) == both);
        expect(item[PAGE_USER_X_ITEM].id <= PAGE_CASE_BUCKETS);
    }
}

static void check_candidates(const struct record *a, const struct record *b)
{
    bool bids = a->candidates[0].has_bid;
    expect(a->count == b->count && a->count > 0 && a->count <= PAGE_CASE_CANDIDATES);
    for (size_t i = 0; i < a->count; i++) {
        const struct record_candidate *x = &a->candidates[i], *y = &b->candidates[i];
        expect(x->has_label && x->label >= 0 && x->label <= record_max_label);
        expect(x->has_bid == bids && y->has_bid == bids && x->label == y->label);
        expect(!bids || x->bid == y->bid);
        expect(span_equal(x->id, y->id));
    }
}

// Two readings of one line; the cells bit for bit.
static void check_same(const struct record *a, const struct record *b)
{
    expect(span_equal(a->id, b->id) && span_equal(a->group, b->group));
    expect(a->has_ts == b->has_ts && (!a->has_ts || a->ts == b->ts));
    expect(memcmp(&a->counts, &b->counts, sizeof(a->counts)) == 0);
    expect(memcmp(a->shared, b->shared, PAGE_SHARED * sizeof(union row_cell)) == 0);
    expect(memcmp(a->items, b->items, a->count * PAGE_ITEM * sizeof(union row_cell)) == 0);
    check_candidates(a, b);
}

// Both readings stand in memory at once.
static enum status read_again(struct page_case *test, struct arena *arena, struct record *ret)
{
    memset(test->text + test->size, ']', JSON_READ_PADDING);
    arena_reset(arena);
    return json_read_record(test->reader, (struct span){test->text, test->size}, &test->layout,
                            &test->limits, arena, ret, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct page_case test;
    static struct arena second;
    static struct record again;
    if (test.reader == NULL)
        page_case_init(&test);
    if (size > PAGE_CASE_TEXT)
        return 0;
    test.size = size;
    if (size > 0)
        memcpy(test.text, data, size);
    arena_fini(&test.arena);
    expect(arena_init(&test.arena, record_arena_bytes(&test.layout, &test.limits, size)) ==
           STATUS_OK);
    enum status code = page_case_read_record(&test, '}');
    expect(!test.arena.overflowed);
    expect(code == STATUS_OK || test.diag.words[0] != '\0');
    if (second.capacity == 0)
        expect(arena_init(&second, 1 << 20) == STATUS_OK);
    // Of several faults another one may be told (fuzz_rank_body.c).
    expect((read_again(&test, &second, &again) == STATUS_OK) == (code == STATUS_OK));
    if (code == STATUS_OK) {
        check_same(&test.record, &again);
        check_cells(&test, &test.record);
    }
    arena_reset(&test.arena);
    arena_reset(&second);
    return 0;
}
