// server/head: what the headers say about the body, and which of them are refused.
#include "server/head.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { LIMIT = 1000, MAX_HEADERS = 4 };

struct sample {
    const char *headers[MAX_HEADERS][2];
    enum route_plane plane;
    enum status wanted;
    const char *path; // of the fault
    bool has_body;
};

static const struct sample samples[] = {
    {{{"Host", "x"}}, ROUTE_DATA, STATUS_OK, "", false},
    {{{"Content-Length", "0"}}, ROUTE_DATA, STATUS_OK, "", false},
    {{{"Content-Length", "1000"}}, ROUTE_DATA, STATUS_OK, "", true},
    {{{"content-length", " 7 "}}, ROUTE_DATA, STATUS_OK, "", true},
    {{{"Transfer-Encoding", "Chunked"}}, ROUTE_DATA, STATUS_OK, "", true},
    {{{"Content-Length", "1001"}}, ROUTE_DATA, STATUS_TOO_LARGE, "", true},
    {{{"Content-Length", "1001"}}, ROUTE_OBSERVE, STATUS_TOO_LARGE, "", true},
    {{{"Content-Length", "18446744073709551616"}},
     ROUTE_DATA,
     STATUS_INVALID,
     "Content-Length",
     true},
    {{{"Content-Length", "-1"}}, ROUTE_DATA, STATUS_INVALID, "Content-Length", true},
    {{{"Content-Length", "-0"}}, ROUTE_DATA, STATUS_INVALID, "Content-Length", true},
    {{{"Content-Length", "+1"}}, ROUTE_DATA, STATUS_INVALID, "Content-Length", true},
    {{{"Content-Length", "1, 1"}}, ROUTE_DATA, STATUS_INVALID, "Content-Length", true},
    {{{"Content-Length", "0x1"}}, ROUTE_DATA, STATUS_INVALID, "Content-Length", true},
    {{{"Content-Length", ""}}, ROUTE_DATA, STATUS_INVALID, "Content-Length", true},
    {{{"Content-Length", "5"}, {"Content-Length", "5"}},
     ROUTE_DATA,
     STATUS_INVALID,
     "Content-Length",
     true},
    {{{"Content-Length", "5"}, {"CONTENT-LENGTH", "6"}},
     ROUTE_OBSERVE,
     STATUS_INVALID,
     "Content-Length",
     true},
    {{{"Host", "x"}, {"host", "x"}}, ROUTE_OBSERVE, STATUS_INVALID, "Host", false},
    {{{"Transfer-Encoding", "chunked"}, {"transfer-encoding", "chunked"}},
     ROUTE_DATA,
     STATUS_INVALID,
     "Transfer-Encoding",
     true},
    {{{"Transfer-Encoding", "chunked"}, {"Content-Length", "5"}},
     ROUTE_DATA,
     STATUS_INVALID,
     "Content-Length",
     true},
    {{{"Transfer-Encoding", "gzip, chunked"}},
     ROUTE_DATA,
     STATUS_INVALID,
     "Transfer-Encoding",
     true},
    {{{"Transfer-Encoding", ""}}, ROUTE_DATA, STATUS_INVALID, "Transfer-Encoding", true},
    // A blank in a name, and what the library makes of folded lines.
    {{{"Content-Length ", "5"}}, ROUTE_DATA, STATUS_INVALID, "", false},
    {{{"Transfer-Encoding\t", "chunked"}}, ROUTE_OBSERVE, STATUS_INVALID, "", false},
    {{{" Transfer-Encoding", "chunked"}}, ROUTE_DATA, STATUS_INVALID, "", false},
    {{{"Content-Length5", ""}}, ROUTE_DATA, STATUS_INVALID, "", false},
    {{{"transfer-encodingchunked", ""}, {"Content-Length", "5"}},
     ROUTE_DATA,
     STATUS_INVALID,
     "",
     true},
    {{{"Hosty", ""}}, ROUTE_DATA, STATUS_INVALID, "", false},
    {{{"X-Host", "y"}, {"Content-Lengt", "5"}, {"!#$%&'*+-.^_`|~09azAZ", "z"}},
     ROUTE_DATA,
     STATUS_OK,
     "",
     false},
    {{{"X Y", "z"}}, ROUTE_DATA, STATUS_INVALID, "", false},
    {{{"X\x01", "z"}}, ROUTE_DATA, STATUS_INVALID, "", false},
    {{{"X\xc3\xa4", "z"}}, ROUTE_DATA, STATUS_INVALID, "", false},
    {{{"X(y)", "z"}}, ROUTE_DATA, STATUS_INVALID, "", false},
    {{{"Content-Type", "application/json"}}, ROUTE_DATA, STATUS_OK, "", false},
    {{{"Content-Type", "APPLICATION/JSON ; charset=utf-8"}}, ROUTE_DATA, STATUS_OK, "", false},
    {{{"Content-Type", "text/json"}}, ROUTE_DATA, STATUS_BAD_TYPE, "Content-Type", false},
    {{{"Content-Type", "application/json5"}}, ROUTE_DATA, STATUS_BAD_TYPE, "Content-Type", false},
    {{{"Content-Type", ""}}, ROUTE_DATA, STATUS_BAD_TYPE, "Content-Type", false},
    {{{"Content-Type", "text/plain"}}, ROUTE_OBSERVE, STATUS_OK, "", false},
    {{{"Content-Type", "application/json"}, {"Content-Type", "application/json"}},
     ROUTE_DATA,
     STATUS_INVALID,
     "Content-Type",
     false},
    {{{"X-Request-Timeout-Ms", "0"}}, ROUTE_DATA, STATUS_INVALID, "X-Request-Timeout-Ms", false},
    {{{"X-Request-Timeout-Ms", "3600001"}},
     ROUTE_DATA,
     STATUS_INVALID,
     "X-Request-Timeout-Ms",
     false},
    {{{"X-Request-Timeout-Ms", "5"}, {"X-Request-Timeout-Ms", "5"}},
     ROUTE_DATA,
     STATUS_INVALID,
     "X-Request-Timeout-Ms",
     false},
    {{{"X-Request-Timeout-Ms", "1.5"}}, ROUTE_DATA, STATUS_INVALID, "X-Request-Timeout-Ms", false},
    {{{"Expect", "100-Continue"}}, ROUTE_DATA, STATUS_OK, "", false},
    {{{"Expect", "200-ok"}}, ROUTE_OBSERVE, STATUS_EXPECTATION, "Expect", false},
    {{{"Expect", "100-continue"}, {"Expect", "x"}},
     ROUTE_DATA,
     STATUS_EXPECTATION,
     "Expect",
     false},
    {{{"Content-Encoding", "GZIP"}}, ROUTE_DATA, STATUS_OK, "", false},
    {{{"Content-Encoding", "identity"}}, ROUTE_DATA, STATUS_OK, "", false},
    {{{"Content-Encoding", "br"}}, ROUTE_DATA, STATUS_BAD_TYPE, "Content-Encoding", false},
    {{{"Content-Encoding", "gzip, gzip"}}, ROUTE_ADMIN, STATUS_BAD_TYPE, "Content-Encoding", false},
    {{{"Content-Encoding", "br"}}, ROUTE_OBSERVE, STATUS_OK, "", false},
    {{{"Content-Encoding", "gzip"}, {"Content-Encoding", "gzip"}},
     ROUTE_DATA,
     STATUS_INVALID,
     "Content-Encoding",
     false},
    {{{"Authorization", "Bearer a"}, {"authorization", "Bearer a"}},
     ROUTE_OBSERVE,
     STATUS_INVALID,
     "Authorization",
     false},
    {{{"Content-Type", "text/plain"}}, ROUTE_ADMIN, STATUS_BAD_TYPE, "Content-Type", false},
};

static void test_samples(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        const struct sample *sample = &samples[i];
        struct head head;
        head_init(&head);
        for (size_t h = 0; h < MAX_HEADERS && sample->headers[h][0] != NULL; h++)
            head_note(&head, sample->headers[h][0], span_of(sample->headers[h][1]));
        struct diag diag = {0};
        print_message("sample %zu: %s: %s\n", i, sample->headers[0][0], sample->headers[0][1]);
        assert_int_equal(head_check(&head, sample->plane, LIMIT, &diag), sample->wanted);
        if (sample->wanted != STATUS_OK)
            assert_string_equal(diag.path, sample->path);
        assert_int_equal(head_has_body(&head), sample->has_body);
    }
}

static void test_timeout_is_microseconds(void **state)
{
    (void)state;
    struct head head;
    head_init(&head);
    assert_int_equal(head.timeout_us, 0);
    head_note(&head, "x-request-timeout-ms", span_of("25"));
    assert_int_equal(head.timeout_us, 25000);
}

static void test_what_is_wished(void **state)
{
    (void)state;
    struct head head;
    head_init(&head);
    assert_false(head.wants_openmetrics || head.wants_timing || head.gzip);
    assert_null(head.bearer.data);
    head_note(&head, "accept",
              span_of("text/html, APPLICATION/openmetrics-text;version=1.0.0;q=0.5"));
    head_note(&head, "Accept", span_of("*/*"));
    head_note(&head, "x-server-timing", span_of(" 1 "));
    head_note(&head, "AUTHORIZATION", span_of("bearer  secret "));
    head_note(&head, "Traceparent", span_of("00-x"));
    head_note(&head, "TraceState", span_of("a=b"));
    head_note(&head, "X-Request-ID", span_of("r-1"));
    head_note(&head, "content-encoding", span_of("gzip"));
    assert_true(head.wants_openmetrics && head.wants_timing && head.gzip);
    assert_true(span_is(head.bearer, "secret"));
    assert_true(span_is(head.traceparent, "00-x") && span_is(head.tracestate, "a=b"));
    assert_true(span_is(head.request_id, "r-1"));
    struct head other;
    head_init(&other);
    head_note(&other, "Authorization", span_of("Basic c2VjcmV0"));
    assert_null(other.bearer.data);
}

// The last field that may be there, and one more; bytes with the ends of the lines.
static void test_how_large_a_head_may_be(void **state)
{
    (void)state;
    static char value[HEAD_MAX_BYTES];
    struct head head;
    head_init(&head);
    for (int i = 0; i < HEAD_MAX_FIELDS; i++)
        head_note(&head, "A", span_of("b"));
    assert_int_equal(head_check(&head, ROUTE_DATA, LIMIT, NULL), STATUS_OK);
    head_note(&head, "A", span_of("b"));
    assert_int_equal(head_check(&head, ROUTE_DATA, LIMIT, NULL), STATUS_HEAD_TOO_LARGE);
    head_init(&head);
    memset(value, 'b', sizeof(value));
    head_note(&head, "A", (struct span){value, HEAD_MAX_BYTES - 5}); // "A: ", "\r\n"
    assert_int_equal(head_check(&head, ROUTE_DATA, LIMIT, NULL), STATUS_OK);
    head_note(&head, "A", span_of(""));
    assert_int_equal(head_check(&head, ROUTE_DATA, LIMIT, NULL), STATUS_HEAD_TOO_LARGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_samples),
        cmocka_unit_test(test_timeout_is_microseconds),
        cmocka_unit_test(test_what_is_wished),
        cmocka_unit_test(test_how_large_a_head_may_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
