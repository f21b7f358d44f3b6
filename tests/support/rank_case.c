#include "tests/support/rank_case.h"

#include "tests/support/check.h"

#include <string.h>

#define DENSE(i, text, where, n, at, optional, otherwise)                                          \
    {                                                                                              \
        .name = {text, sizeof(text) - 1}, .scope = where, .kind = ROW_DENSE, .size = n,            \
        .offset = at, .has_default = optional, .fallback = otherwise, .feature = i,                \
        .keep = ROW_KEEP_NONE                                                                      \
    }

static const struct row_field fields[] = {
    DENSE(0, "age", ROW_USER, 1, 0, false, 0),    DENSE(1, "hist", ROW_USER, 3, 1, true, 0.5f),
    DENSE(2, "hour", ROW_CONTEXT, 1, 4, true, 7), DENSE(3, "f", ROW_ITEM, 3, 0, false, 0),
    DENSE(4, "b", ROW_ITEM, 1, 3, true, 2),
};

const struct row_layout rank_case_layout = {
    .fields = fields, .field_count = 5, .feature_count = 5, .shared_width = 5, .item_width = 4};

void rank_case_init(struct rank_case *test)
{
    memset(test, 0, sizeof(*test));
    test->reader = json_read_new(RANK_CASE_BODY);
    assert_non_null(test->reader);
    assert_int_equal(arena_init(&test->arena, 1 << 20), STATUS_OK);
}

void rank_case_fini(struct rank_case *test)
{
    json_read_free(test->reader);
    arena_fini(&test->arena);
}

enum status rank_case_read(struct rank_case *test, bool unknown_ignore, char pad)
{
    struct rank_limits limits = {.max_candidates = RANK_CASE_CANDIDATES,
                                 .unknown_ignore = unknown_ignore};
    memset(test->body + test->size, pad, JSON_READ_PADDING);
    memset(&test->diag, 0, sizeof(test->diag));
    arena_reset(&test->arena);
    return json_read_rank(test->reader, test->body, test->size, &rank_case_layout, &limits,
                          &test->arena, &test->request, &test->diag);
}

enum status rank_case_read_text(struct rank_case *test, const char *quoted, bool unknown_ignore)
{
    test->size = strlen(quoted);
    assert_true(test->size <= RANK_CASE_BODY);
    for (size_t i = 0; i < test->size; i++)
        test->body[i] = quoted[i] == '\'' ? '"' : quoted[i];
    return rank_case_read(test, unknown_ignore, '}');
}
