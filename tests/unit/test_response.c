// loadtest/response: whole responses in pieces of every size, and what is none.
#include "loadtest/response.h"
#include "tests/support/check.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct sample {
    const char *text;
    enum response_state state;
    int status;
    bool closes;
};

static const struct sample samples[] = {
    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", RESPONSE_DONE, 200, false},
    {"HTTP/1.1 429 Too Many Requests\r\ncontent-length:0\r\nConnection: close\r\n\r\n",
     RESPONSE_DONE, 429, true},
    {"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", RESPONSE_DONE, 200, true},
    {"HTTP/1.1 204 No Content\r\n\r\n", RESPONSE_DONE, 204, false},
    {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab", RESPONSE_DONE,
     200, false},
    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", RESPONSE_BODY, 200, false},
    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n", RESPONSE_HEAD, 0, false},
    {"HTTP/1.1 200 OK\r\n\r\n", RESPONSE_MALFORMED, 200, false},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", RESPONSE_MALFORMED, 200, false},
    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", RESPONSE_MALFORMED, 200,
     false},
    {"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", RESPONSE_MALFORMED, 200, false},
    {"HTTP/1.1 20x OK\r\nContent-Length: 5\r\n\r\n", RESPONSE_MALFORMED, 0, false},
    {"HTTP/1.1 200 OK\r\nContent-Length: 5x\r\n\r\n", RESPONSE_MALFORMED, 200, false},
    {"HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551616\r\n\r\n", RESPONSE_MALFORMED, 200,
     false},
    {"HTTP/1.1 099 OK\r\nContent-Length: 5\r\n\r\n", RESPONSE_MALFORMED, 0, false},
    {"\r\n\r\n", RESPONSE_MALFORMED, 0, false},
    {"SSH-2.0-x\r\n\r\n", RESPONSE_MALFORMED, 0, false},
};

static void test_in_pieces_of_every_size(void **state)
{
    (void)state;
    static struct response response;
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        const struct sample *sample = &samples[i];
        size_t size = strlen(sample->text);
        for (size_t piece = 1; piece <= size; piece++) {
            response_start(&response, false);
            for (size_t at = 0; at < size; at += piece) {
                size_t left = size - at < piece ? size - at : piece;
                size_t used = response_take(&response, sample->text + at, left);
                if (response.state == RESPONSE_MALFORMED)
                    break;
                assert_int_equal(used, left);
            }
            assert_int_equal(response.state, sample->state);
            assert_int_equal(response.status, sample->status);
            if (sample->state == RESPONSE_DONE)
                assert_int_equal(response.closes, sample->closes);
            assert_true(response.begun);
        }
    }
}

static void test_what_follows_is_left(void **state)
{
    (void)state;
    static struct response response;
    static const char two[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabHTTP/1.1 200";
    response_start(&response, false);
    assert_false(response.begun);
    assert_int_equal(response_take(&response, two, strlen(two)), strlen(two) - 12);
    assert_int_equal(response.state, RESPONSE_DONE);
}

// The length of an answer to HEAD is that of a body which does not come.
static void test_an_answer_to_head(void **state)
{
    (void)state;
    static struct response response;
    static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n";
    response_start(&response, true);
    assert_int_equal(response_take(&response, text, strlen(text)), strlen(text));
    assert_int_equal(response.state, RESPONSE_DONE);
    response_start(&response, false);
    response_take(&response, text, strlen(text));
    assert_int_equal(response.state, RESPONSE_BODY);
}

static void test_retry_after(void **state)
{
    (void)state;
    static struct response response;
    static const struct {
        const char *line;
        bool wanted;
    } cases[] = {{"Retry-After: 2\r\n", true},
                 {"retry-after:0\r\n", true},
                 {"Retry-After: soon\r\n", false},
                 {"Retry-After:\r\n", false},
                 {"", false}};
    char text[128];
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int size = snprintf(text, sizeof(text), "HTTP/1.1 503 x\r\n%sContent-Length: 0\r\n\r\n",
                            cases[i].line);
        response_start(&response, false);
        response_take(&response, text, (size_t)size);
        assert_int_equal(response.state, RESPONSE_DONE);
        assert_int_equal(response.retry_after, cases[i].wanted);
    }
}

static void test_a_fault_has_words(void **state)
{
    (void)state;
    static struct response response;
    static const char chunked[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    response_start(&response, false);
    response_take(&response, chunked, strlen(chunked));
    assert_non_null(strstr(response.fault, "chunked"));
    response_start(&response, false);
    assert_null(response.fault);
}

static void test_a_head_without_end(void **state)
{
    (void)state;
    static struct response response;
    static char text[2 * RESPONSE_HEAD_BYTES];
    memset(text, 'a', sizeof(text));
    response_start(&response, false);
    response_take(&response, text, sizeof(text));
    assert_int_equal(response.state, RESPONSE_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_pieces_of_every_size), cmocka_unit_test(test_what_follows_is_left),
        cmocka_unit_test(test_an_answer_to_head),       cmocka_unit_test(test_retry_after),
        cmocka_unit_test(test_a_fault_has_words),       cmocka_unit_test(test_a_head_without_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
