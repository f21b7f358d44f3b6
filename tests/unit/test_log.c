// Oracle: the lines, written out by hand but for their time stamp.
#include "base/log.h"
#include "base/log_limit.h"
#include "tests/support/check.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { STAMP = 24 }; // "2026-01-31T23:59:59.999Z"

static int log_fd, read_fd;

static void setup(enum log_level level, enum log_format format)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    read_fd = ends[0];
    log_fd = ends[1];
    log_setup(level, format, log_fd);
}

// All that was logged; the caller frees.
static char *logged(void)
{
    size_t size = 0, capacity = 1 << 20;
    char *text = malloc(capacity + 1);
    assert_non_null(text);
    close(log_fd);
    log_setup(LOG_INFO, LOG_TEXT, STDERR_FILENO);
    for (ssize_t got; (got = read(read_fd, text + size, capacity - size)) > 0;)
        size += (size_t)got;
    close(read_fd);
    text[size] = '\0';
    return text;
}

static void check_stamp(const char *text)
{
    static const char shape[] = "0000-00-00T00:00:00.000Z";
    for (size_t i = 0; i < STAMP; i++) {
        if (shape[i] == '0')
            assert_in_range(text[i], '0', '9');
        else
            assert_int_equal(text[i], shape[i]);
    }
}

static void test_text(void **state)
{
    (void)state;
    setup(LOG_INFO, LOG_TEXT);
    LOG_EVENT(LOG_DEBUG, "not shown", LOG_I("n", 1));
    LOG_EVENT(LOG_INFO, "model loaded", LOG_S("name", "a b"), LOG_S("version", "12"),
              LOG_S("none", ""), LOG_I("bytes", -5), LOG_F("seconds", 0.25), LOG_F("bad", NAN),
              LOG_S("odd", "x=\"1\"\n\x1b[31m"), LOG_S("utf8", "\xC3\xA9"));
    log_write(LOG_ERROR, "bare", NULL, 0);
    char *text = logged();
    check_stamp(text);
    char *line = strchr(text, '\n');
    assert_non_null(line);
    *line = '\0';
    assert_string_equal(text + STAMP,
                        " info model loaded name=\"a b\" version=12 none=\"\" bytes=-5 "
                        "seconds=0.25 bad=nan odd=\"x=\\\"1\\\"\\n\\u001b[31m\" "
                        "utf8=\"\xC3\xA9\"");
    check_stamp(line + 1);
    assert_string_equal(line + 1 + STAMP, " error bare\n");
    free(text);
}

static void test_json(void **state)
{
    (void)state;
    setup(LOG_DEBUG, LOG_JSON);
    LOG_EVENT(LOG_WARN, "request \"refused\"", LOG_S("path", "a\\b\n\t\xC2\x9B"),
              LOG_S("bytes", "\xFFx\xC3"), LOG_I("n", INT64_MIN), LOG_F("x", 1e22),
              LOG_F("inf", -INFINITY));
    LOG_EVENT(LOG_DEBUG, "d", LOG_I("n", INT64_MAX));
    char *text = logged();
    static const char head[] = "{\"time\":\"";
    assert_memory_equal(text, head, sizeof(head) - 1);
    check_stamp(text + sizeof(head) - 1);
    char *line = strchr(text, '\n');
    assert_non_null(line);
    *line = '\0';
    assert_string_equal(
        text + sizeof(head) - 1 + STAMP,
        "\",\"level\":\"warn\",\"event\":\"request \\\"refused\\\"\","
        "\"path\":\"a\\\\b\\n\\u0009\\u009b\",\"bytes\":\"\xEF\xBF\xBDx\xEF\xBF\xBD\","
        "\"n\":-9223372036854775808,\"x\":1e+22,\"inf\":\"-inf\"}");
    assert_string_equal(line + 1 + sizeof(head) - 1 + STAMP,
                        "\",\"level\":\"debug\",\"event\":\"d\",\"n\":9223372036854775807}\n");
    free(text);
}

static void test_too_long(void **state)
{
    (void)state;
    static char large[9000];
    memset(large, 'x', sizeof(large) - 1);
    setup(LOG_INFO, LOG_JSON);
    LOG_EVENT(LOG_INFO, "long", LOG_I("before", 1), LOG_S("large", large), LOG_I("after", 2));
    char *text = logged();
    assert_non_null(strstr(text, "\"event\":\"long\",\"before\":1,\"truncated\":true}\n"));
    free(text);
}

static void test_limit(void **state)
{
    (void)state;
    static struct log_limit limit;
    const uint64_t second = 1000000000, start = 5 * second;
    uint64_t repeated = 99;
    for (int i = 0; i < 10; i++) {
        assert_true(log_limit_pass(&limit, LOG_WARN, "full", start + (uint64_t)i, &repeated));
        assert_int_equal(repeated, 0);
    }
    for (int i = 0; i < 7; i++)
        assert_false(log_limit_pass(&limit, LOG_WARN, "full", start + second - 1, &repeated));
    // Another level or event has its own count.
    assert_true(log_limit_pass(&limit, LOG_ERROR, "full", start + second - 1, &repeated));
    assert_true(log_limit_pass(&limit, LOG_WARN, "other", start + second - 1, &repeated));
    assert_int_equal(repeated, 0);
    assert_true(log_limit_pass(&limit, LOG_WARN, "full", start + second, &repeated));
    assert_int_equal(repeated, 7);
    assert_true(log_limit_pass(&limit, LOG_WARN, "full", start + second, &repeated));
    assert_int_equal(repeated, 0);
}

static void test_limit_table_full(void **state)
{
    (void)state;
    static struct log_limit limit;
    static char names[LOG_LIMIT_EVENTS + 1][32];
    uint64_t repeated;
    for (int i = 0; i <= LOG_LIMIT_EVENTS; i++) {
        snprintf(names[i], sizeof(names[i]), "event %d", i);
        assert_true(log_limit_pass(&limit, 0, names[i], 1, &repeated));
    }
    for (int i = 0; i < 3 * LOG_LIMIT_LINES; i++) // the one that found no room
        assert_true(log_limit_pass(&limit, 0, names[LOG_LIMIT_EVENTS], 1, &repeated));
    for (int i = 1; i < LOG_LIMIT_LINES; i++)
        assert_true(log_limit_pass(&limit, 0, names[0], 1, &repeated));
    assert_false(log_limit_pass(&limit, 0, names[0], 1, &repeated));
}

// The logger asks the limiter: of many lines at once few come out, and none is lost to the count.
static void test_limited_lines(void **state)
{
    (void)state;
    setup(LOG_INFO, LOG_TEXT);
    uint64_t lines = 0, repeated = 0;
    enum { CALLS = 1000 };
    for (int i = 0; i < CALLS; i++)
        LOG_EVENT(LOG_INFO, "again", LOG_I("i", i));
    char *text = logged();
    for (const char *at = text; (at = strchr(at, '\n')) != NULL; at++)
        lines++;
    for (const char *at = text; (at = strstr(at, "repeated=")) != NULL; at++)
        repeated += strtoull(at + 9, NULL, 10);
    assert_true(lines >= 10 && lines < CALLS / 2);
    assert_true(lines + repeated <= CALLS);
    free(text);
}

static void *write_lines(void *arg)
{
    static const char *const events[] = {"thread zero", "thread one", "thread two"};
    for (int i = 0; i < 10; i++)
        LOG_EVENT(LOG_INFO, events[*(int *)arg], LOG_I("i", i));
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    pthread_t threads[3];
    int indices[3] = {0, 1, 2}, lines = 0;
    setup(LOG_INFO, LOG_TEXT);
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_lines, &indices[i]), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    char *text = logged();
    for (char *line = text, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        check_stamp(line);
        assert_memory_equal(line + STAMP, " info thread ", 13);
        lines++;
    }
    assert_int_equal(lines, 30);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_limit_table_full),
        cmocka_unit_test(test_limited_lines),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
