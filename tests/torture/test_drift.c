// Every allocation fails once while drift is fitted and a schema is written: refused with words or
// a code, nothing left behind (the sanitizer counts).
#include "model/train/fit_drift.h"
#include "server/schema_json.h"
#include "tests/support/check.h"
#include "tests/support/failmalloc.h"
#include "tests/support/log_case.h"
#include "tests/support/make_checkpoint_kinds.h"

#include <string.h>

enum { MOST = 20000 };

static void check(unsigned long nth, bool failed, enum status code, const struct diag *diag)
{
    assert_true(nth < MOST);
    if (failed ? code != STATUS_NO_MEMORY || diag->words[0] == '\0' : code != STATUS_OK)
        fail_msg("allocation %lu gave %s: %s", nth, status_label(code), diag->words);
}

static void ranges(void **state)
{
    (void)state;
    static const uint32_t lists[] = {0};
    struct log_case log;
    struct dataset data;
    log_case_init(&log, "- {name: age, scope: user, kind: dense, size: 2}\n"
                        "- {name: x, scope: item, kind: dense, size: 1}\n");
    assert_int_equal(log_case_text(&log,
                                   "{\"user\":{\"age\":[1,5]},\"candidates\":["
                                   "{\"label\":1,\"features\":{\"x\":3}}]}\n",
                                   &(struct dataset_options){0}, &data),
                     STATUS_OK);
    unsigned long nth = 0;
    for (bool failed = true; failed;) {
        struct fit_drift fit = {0};
        struct diag diag = {0};
        failmalloc_arm(++nth, FAILMALLOC_ONCE);
        enum status code = fit_drift_ranges(&data, lists, 1, &log.schema, &fit, &diag);
        failed = failmalloc_disarm();
        check(nth, failed, code, &diag);
        fit_drift_fini(&fit);
    }
    assert_true(nth > 5);
    dataset_close(&data);
    log_case_fini(&log);
}

static void histogram(void **state)
{
    (void)state;
    static const float logit[] = {-1, 0, 2};
    const struct calibrate map = {.kind = CALIBRATE_IDENTITY};
    unsigned long nth = 0;
    for (bool failed = true; failed;) {
        struct drift_histogram bins;
        struct diag diag = {0};
        failmalloc_arm(++nth, FAILMALLOC_ONCE);
        enum status code = fit_drift_histogram(logit, 3, &map, &bins, &diag);
        failed = failmalloc_disarm();
        check(nth, failed, code, &diag);
    }
    assert_true(nth > 1);
}

static void schema(void **state)
{
    (void)state;
    static const float range[] = {0, 1};
    const struct make_checkpoint spec = {
        .yaml = MAKE_CHECKPOINT_KINDS,
        .seed = 1,
        .attention = {.hidden_count = 1, .hidden = {2}, .activation = DIN_PRELU},
        .range = range};
    struct checkpoint made;
    assert_int_equal(make_checkpoint(&spec, &made, NULL), STATUS_OK);
    unsigned long nth = 0;
    for (bool failed = true; failed;) {
        struct buf text;
        buf_init(&text, 1 << 20);
        failmalloc_arm(++nth, FAILMALLOC_ONCE);
        enum status code = schema_json_write(&made, 10, "m", 1, &text);
        failed = failmalloc_disarm();
        assert_true(nth < MOST);
        // A buffer that could not grow says too_large.
        if (failed ? code != STATUS_NO_MEMORY && code != STATUS_TOO_LARGE : code != STATUS_OK)
            fail_msg("allocation %lu gave %s", nth, status_label(code));
        buf_fini(&text);
    }
    assert_true(nth > 100);
    checkpoint_fini(&made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges),
        cmocka_unit_test(histogram),
        cmocka_unit_test(schema),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
