// Property: a glance at a body that the parser accepts, or at any beginning of it, says what the
// parser says, or nothing.
#include "proto/rank_peek.h"
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

static void check(const struct rank_peek *seen, const struct rank_request *request)
{
    expect(seen->timeout_us == 0 || seen->timeout_us == request->timeout_us);
    expect(seen->version == 0 || seen->version == request->version);
    expect(seen->model.data == NULL || span_equal(seen->model, request->model));
    expect(seen->label.data == NULL || span_equal(seen->label, request->label));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct rank_case test;
    static bool ready;
    if (size >= RANK_CASE_BODY)
        return 0;
    if (!ready)
        rank_case_init(&test);
    ready = true;
    char *exact = malloc(size > 0 ? size : 1); // a sanitizer sees a step too far
    if (exact == NULL)
        return 0;
    memcpy(exact, data, size);
    memcpy(test.body, data, size);
    test.size = size;
    bool accepted = rank_case_read(&test, true, '\0') == STATUS_OK;
    for (size_t cut = size; cut > 0; cut -= 1 + cut / 16) {
        struct rank_peek seen;
        rank_peek(exact, cut, RANK_PEEK_TIMEOUT | RANK_PEEK_NAMES, &seen);
        if (accepted)
            check(&seen, &test.request);
    }
    free(exact);
    return 0;
}
