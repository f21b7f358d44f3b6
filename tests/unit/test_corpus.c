// loadtest/corpus: the very bytes that are sent, written out by hand, and what is refused.
#include "loadtest/corpus.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

#include <string.h>

static struct scratch scratch;

static int setup(void **state)
{
    (void)state;
    scratch_make(&scratch);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    scratch_remove(&scratch);
    return 0;
}

static void assert_request(const struct corpus *corpus, size_t at, const char *text)
{
    assert_int_equal(corpus->requests[at].size, strlen(text));
    assert_memory_equal(corpus->requests[at].data, text, strlen(text));
}

static void test_a_request_without_body(void **state)
{
    (void)state;
    struct corpus corpus;
    struct diag diag;
    const struct corpus_plan plan = {
        .host = "127.0.0.1", .method = "GET", .path = "/livez", .port = 81, .bodies = ""};
    assert_int_equal(corpus_make(&plan, &corpus, &diag), STATUS_OK);
    assert_int_equal(corpus.count, 1);
    assert_request(&corpus, 0, "GET /livez HTTP/1.1\r\nHost: 127.0.0.1:81\r\n\r\n");
    corpus_fini(&corpus);
}

// The last line has no end, one is empty; headers stand in their order.
static void test_a_request_for_each_line(void **state)
{
    (void)state;
    struct corpus corpus;
    struct diag diag;
    static const char *const headers[] = {"A: 1", "B: x y"};
    char path[128];
    scratch_file(&scratch, "bodies", "{}\n\n[1,2]", 9, path);
    const struct corpus_plan plan = {.host = "::1",
                                     .method = "POST",
                                     .path = "/r",
                                     .port = 80,
                                     .deadline_ms = 40,
                                     .headers = headers,
                                     .header_count = 2,
                                     .bodies = path};
    assert_int_equal(corpus_make(&plan, &corpus, &diag), STATUS_OK);
    assert_int_equal(corpus.count, 2);
#define HEAD                                                                                       \
    "POST /r HTTP/1.1\r\nHost: [::1]:80\r\nA: 1\r\nB: x y\r\nX-Request-Timeout-Ms: 40\r\n"         \
    "Content-Type: application/json\r\n"
    assert_request(&corpus, 0, HEAD "Content-Length: 2\r\n\r\n{}");
    assert_request(&corpus, 1, HEAD "Content-Length: 5\r\n\r\n[1,2]");
#undef HEAD
    corpus_fini(&corpus);
}

static void assert_refused(struct corpus_plan plan, const char *word)
{
    struct corpus corpus;
    struct diag diag = {0};
    assert_int_equal(corpus_make(&plan, &corpus, &diag), STATUS_USAGE);
    if (strstr(diag.words, word) == NULL)
        fail_msg("'%s' without '%s'", diag.words, word);
    corpus_fini(&corpus);
}

static void test_what_would_be_no_request(void **state)
{
    (void)state;
    const struct corpus_plan good = {
        .host = "127.0.0.1", .method = "GET", .path = "/", .port = 81, .bodies = ""};
    static const char *const methods[] = {"", "GET /", "G\xc3\xa4T", "GET:"};
    static const char *const paths[] = {"", "livez", "/a b", "/a\r\nB: c"};
    static const char *const headers[] = {"", "A", ": b", "A b: c", "A: b\r\nC: d", "A: b\n"};
    struct corpus_plan plan;
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        plan = good;
        plan.method = methods[i];
        assert_refused(plan, "--method");
    }
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        plan = good;
        plan.path = paths[i];
        assert_refused(plan, "--path");
    }
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        plan = good;
        plan.headers = &headers[i];
        plan.header_count = 1;
        assert_refused(plan, "--header");
    }
    char path[128];
    scratch_file(&scratch, "empty", "\n\n", 2, path);
    plan = good;
    plan.bodies = path;
    assert_refused(plan, "no body");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_request_without_body),
        cmocka_unit_test(test_a_request_for_each_line),
        cmocka_unit_test(test_what_would_be_no_request),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
