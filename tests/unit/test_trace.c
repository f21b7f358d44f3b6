// server/trace: the rules of W3C Trace Context, level 2, for traceparent; ids of requests.
#include "server/trace.h"

#include "tests/support/check.h"

#include <stdbool.h>
#include <string.h>

#define ID "0af7651916cd43dd8448eb211c80319c"
#define SPAN "b7ad6b7169203331"

static const struct {
    const char *parent;
    bool valid;
    const char *flags; // of what goes on
} parents[] = {
    {"00-" ID "-" SPAN "-01", true, "01"},
    {"00-" ID "-" SPAN "-00", true, "00"},
    {"00-" ID "-" SPAN "-03", true, "01"}, // unknown flags are not passed on
    {"00-" ID "-" SPAN "-fe", true, "00"},
    {"cc-" ID "-" SPAN "-01", true, "01"}, // a later version
    {"cc-" ID "-" SPAN "-01-what-the-future-will-be", true, "01"},
    {"cc-" ID "-" SPAN "-01.what", false, NULL},
    {"00-" ID "-" SPAN "-01-more", false, NULL}, // version 00 has no more
    {"ff-" ID "-" SPAN "-01", false, NULL},
    {"00-00000000000000000000000000000000-" SPAN "-01", false, NULL},
    {"00-" ID "-0000000000000000-01", false, NULL},
    {"00-0AF7651916CD43DD8448EB211C80319C-" SPAN "-01", false, NULL},
    {"00-" ID "-" SPAN "-0g", false, NULL},
    {"00-" ID "-" SPAN "-1", false, NULL},
    {"00_" ID "-" SPAN "-01", false, NULL},
    {"", false, NULL},
};

static struct span text(const char *words)
{
    return words == NULL ? (struct span){NULL, 0} : span_of(words);
}

static void test_parents(void **state)
{
    (void)state;
    struct trace_ids ids;
    trace_ids_init(&ids);
    for (size_t i = 0; i < sizeof(parents) / sizeof(parents[0]); i++) {
        struct trace trace;
        trace_start(&trace, &ids, text(parents[i].parent), text("vendor=1"), text(NULL));
        assert_int_equal(trace.continued, parents[i].valid);
        assert_int_equal(strlen(trace.parent), TRACE_PARENT_BYTES);
        assert_memory_equal(trace.parent, "00-", 3);
        assert_int_equal(memcmp(trace.parent + 3, ID, 32) == 0, parents[i].valid);
        assert_int_not_equal(memcmp(trace.parent + 36, SPAN, 16), 0); // a span of our own
        if (parents[i].valid)
            assert_string_equal(trace.parent + 53, parents[i].flags);
        // A state belongs to a parent.
        assert_string_equal(trace.state, parents[i].valid ? "vendor=1" : "");
    }
}

static void test_a_new_trace_is_a_valid_parent(void **state)
{
    (void)state;
    struct trace_ids ids;
    struct trace first, second, next;
    trace_ids_init(&ids);
    trace_start(&first, &ids, text(NULL), text(NULL), text(NULL));
    trace_start(&second, &ids, text(NULL), text(NULL), text(NULL));
    assert_string_not_equal(first.parent, second.parent);
    trace_start(&next, &ids, text(first.parent), text(NULL), text(NULL));
    assert_true(next.continued);
    assert_memory_equal(next.parent + 3, first.parent + 3, 32);
}

static void test_ids_of_requests(void **state)
{
    (void)state;
    char longest[TRACE_REQUEST_ID_BYTES + 2];
    struct trace_ids ids;
    struct trace trace;
    trace_ids_init(&ids);
    memset(longest, '~', sizeof(longest));
    longest[TRACE_REQUEST_ID_BYTES] = '\0';
    static const char *const good[] = {"r-17", "!", "a=b;c"};
    static const char *const bad[] = {"", "a b", "a\tb", "\x7f", "gr\xc3\xbc", "a\r\nX: y"};
    for (size_t i = 0; i < 3; i++) {
        trace_start(&trace, &ids, text(NULL), text(NULL), text(good[i]));
        assert_string_equal(trace.request_id, good[i]);
    }
    trace_start(&trace, &ids, text(NULL), text(NULL), text(longest));
    assert_string_equal(trace.request_id, longest);
    longest[TRACE_REQUEST_ID_BYTES] = '~';
    trace_start(&trace, &ids, text(NULL), text(NULL),
                (struct span){longest, TRACE_REQUEST_ID_BYTES + 1});
    assert_int_equal(strlen(trace.request_id), 16);
    for (size_t i = 0; i < 6; i++) {
        trace_start(&trace, &ids, text(NULL), text(NULL), text(bad[i]));
        assert_int_equal(strlen(trace.request_id), 16);
        assert_int_equal(strspn(trace.request_id, "0123456789abcdef"), 16);
    }
}

static void test_a_state_that_is_too_long_is_dropped(void **state)
{
    (void)state;
    static char longest[TRACE_STATE_BYTES + 1];
    struct trace_ids ids;
    struct trace trace;
    trace_ids_init(&ids);
    memset(longest, 's', sizeof(longest));
    const char *parent = parents[0].parent;
    trace_start(&trace, &ids, text(parent), (struct span){longest, TRACE_STATE_BYTES}, text(NULL));
    assert_int_equal(strlen(trace.state), TRACE_STATE_BYTES);
    trace_start(&trace, &ids, text(parent), (struct span){longest, TRACE_STATE_BYTES + 1},
                text(NULL));
    assert_string_equal(trace.state, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parents),
        cmocka_unit_test(test_a_new_trace_is_a_valid_parent),
        cmocka_unit_test(test_ids_of_requests),
        cmocka_unit_test(test_a_state_that_is_too_long_is_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
