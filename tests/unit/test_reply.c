// server/reply: status, body and headers of an answer.
#include "server/reply.h"

#include "tests/support/check.h"

#include <stdio.h>
#include <string.h>

enum { MOST = 4096 };

struct fixture {
    struct slot_pool *pool;
    struct slot *slot;
    struct admit admit;
    struct reply reply;
};

static int set_up(void **state)
{
    static struct fixture fixture;
    const struct slot_limits limits = {.max_body_bytes = MOST, .max_reply_bytes = MOST};
    fixture.pool = slot_pool_new(1, &limits);
    assert_non_null(fixture.pool);
    fixture.slot = slot_take(fixture.pool);
    strcpy(fixture.slot->trace.request_id, "abc");
    fixture.slot->route = route_at(ROUTE_RANK);
    admit_init(&fixture.admit, SIZE_MAX, 1);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    slot_release(fixture->slot);
    slot_pool_free(fixture->pool);
    admit_fini(&fixture->admit);
    return 0;
}

static void make(struct fixture *fixture, bool closes)
{
    atomic_store(&fixture->slot->state, SLOT_DONE);
    reply_make(&fixture->reply, fixture->slot, &fixture->admit, closes);
}

static const char *header(const struct reply *reply, const char *name)
{
    const char *value = NULL;
    for (size_t i = 0; i < reply->count; i++) {
        if (strcmp(reply->headers[i].name, name) != 0)
            continue;
        assert_null(value); // once
        value = reply->headers[i].value;
    }
    return value;
}

static void check_header(const struct reply *reply, const char *name, const char *value)
{
    const char *found = header(reply, name);
    assert_int_equal(found != NULL, value != NULL);
    if (value != NULL)
        assert_string_equal(found, value);
}

static void test_an_answer_is_the_slot_s_own_text(void **state)
{
    struct fixture *fixture = *state;
    buf_text(&fixture->slot->reply.body, "{\"a\":1}");
    make(fixture, false);
    assert_int_equal(fixture->reply.http_status, 200);
    assert_true(span_is(fixture->reply.body, "{\"a\":1}"));
    assert_ptr_equal(fixture->reply.body.data, fixture->slot->reply.body.data);
    assert_int_equal(fixture->slot->sent_bytes, 7);
    check_header(&fixture->reply, "Content-Type", "application/json");
    check_header(&fixture->reply, "X-Request-Id", "abc");
    assert_int_equal(fixture->reply.count, 2);
}

static void test_every_code_has_its_headers(void **state)
{
    struct fixture *fixture = *state;
    for (int code = STATUS_OK + 1; code < STATUS_COUNT; code++) {
        slot_fail(&fixture->slot->reply, NULL, (enum status)code);
        make(fixture, false);
        int http = fixture->reply.http_status;
        assert_int_equal(http, status_http((enum status)code));
        check_header(&fixture->reply, "Content-Type", "application/json");
        check_header(&fixture->reply, "Allow", http == 405 ? "POST" : NULL);
        check_header(&fixture->reply, "WWW-Authenticate", http == 401 ? "Bearer" : NULL);
        check_header(&fixture->reply, "Retry-After", http == 429 || http == 503 ? "1" : NULL);
        check_header(&fixture->reply, "Connection", NULL);
        char text[256];
        snprintf(text, sizeof(text), "{\"error\":\"%s\"}", status_text((enum status)code));
        assert_true(span_is(fixture->reply.body, text));
    }
}

static void test_a_body_without_memory_is_no_half_of_one(void **state)
{
    struct fixture *fixture = *state;
    char much[MOST + 1] = {0};
    memset(much, 'x', MOST);
    buf_text(&fixture->slot->reply.body, "{\"a\":\"");
    buf_text(&fixture->slot->reply.body, much);
    assert_int_not_equal(buf_status(&fixture->slot->reply.body), STATUS_OK);
    make(fixture, false);
    assert_int_equal(fixture->reply.http_status, 503);
    assert_true(span_is(fixture->reply.body, "{\"error\":\"out of memory\"}"));
    check_header(&fixture->reply, "Retry-After", "1");
}

static void test_who_is_expired_gets_the_other_answer(void **state)
{
    struct fixture *fixture = *state;
    buf_text(&fixture->slot->reply.body, "half of wh");
    slot_fail(&fixture->slot->fallback, NULL, STATUS_DEADLINE);
    atomic_store(&fixture->slot->state, SLOT_EXPIRED);
    reply_make(&fixture->reply, fixture->slot, &fixture->admit, false);
    assert_int_equal(fixture->reply.http_status, 504);
    assert_true(span_is(fixture->reply.body, "{\"error\":\"the deadline has passed\"}"));
}

static void test_timing_when_asked_of_what_is_scored(void **state)
{
    struct fixture *fixture = *state;
    buf_text(&fixture->slot->reply.body, "{}");
    for (unsigned i = 0; i < RANK_STAGES; i++)
        fixture->slot->reply.facts.stage_ns[i] = 1500 + 1000000 * i;
    fixture->slot->wants_timing = true;
    make(fixture, false);
    check_header(&fixture->reply, "Server-Timing",
                 "queue;dur=0.002, parse;dur=1.002, featurise;dur=2.002, score;dur=3.002, "
                 "calibrate;dur=4.002, rank;dur=5.002, encode;dur=6.002");
    for (unsigned i = 0; i < RANK_STAGES; i++) // as long as it can be
        fixture->slot->reply.facts.stage_ns[i] = UINT64_MAX;
    make(fixture, false);
    assert_non_null(strstr(header(&fixture->reply, "Server-Timing"), "encode;dur=1844674407"));
    fixture->slot->route = route_at(ROUTE_LIVEZ);
    make(fixture, false);
    check_header(&fixture->reply, "Server-Timing", NULL);
}

static void test_a_trace_goes_back_if_one_came(void **state)
{
    struct fixture *fixture = *state;
    strcpy(fixture->slot->trace.parent, "00-1-2-01");
    make(fixture, false);
    check_header(&fixture->reply, "Traceparent", NULL);
    fixture->slot->trace.continued = true;
    make(fixture, false);
    check_header(&fixture->reply, "Traceparent", "00-1-2-01");
}

static void test_the_last_reply_says_so(void **state)
{
    struct fixture *fixture = *state;
    make(fixture, true);
    check_header(&fixture->reply, "Connection", "close");
    fixture->slot->closes = true;
    make(fixture, false);
    check_header(&fixture->reply, "Connection", "close");
}

static void test_types(void **state)
{
    struct fixture *fixture = *state;
    fixture->slot->route = route_at(ROUTE_METRICS);
    make(fixture, false);
    check_header(&fixture->reply, "Content-Type", "text/plain; version=0.0.4; charset=utf-8");
    fixture->slot->openmetrics = true;
    make(fixture, false);
    check_header(&fixture->reply, "Content-Type",
                 "application/openmetrics-text; version=1.0.0; charset=utf-8");
    fixture->slot->route = route_at(ROUTE_SCHEMA);
    make(fixture, false);
    check_header(&fixture->reply, "Content-Type", "application/schema+json");
    slot_fail(&fixture->slot->reply, NULL, STATUS_NOT_FOUND);
    make(fixture, false);
    check_header(&fixture->reply, "Content-Type", "application/json");
    fixture->slot->route = NULL; // an unknown path
    make(fixture, false);
    check_header(&fixture->reply, "Content-Type", "application/json");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_an_answer_is_the_slot_s_own_text),
        TEST(test_every_code_has_its_headers),
        TEST(test_a_body_without_memory_is_no_half_of_one),
        TEST(test_who_is_expired_gets_the_other_answer),
        TEST(test_timing_when_asked_of_what_is_scored),
        TEST(test_a_trace_goes_back_if_one_came),
        TEST(test_the_last_reply_says_so),
        TEST(test_types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
