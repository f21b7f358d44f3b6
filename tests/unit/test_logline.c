// base/logline: lines whole and in order, what is dropped is counted.
#include "base/logline.h"

#include "tests/support/check.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WRITERS = 4, LINES = 5000, RING = 1 << 20 };

static struct logline *start(int fd, size_t ring, unsigned per_second)
{
    struct logline *lines;
    assert_int_equal(logline_start(fd, ring, per_second, &lines, NULL), STATUS_OK);
    return lines;
}

static int temporary(char *path)
{
    snprintf(path, 64, "/tmp/test_logline.XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    return fd;
}

struct writer {
    struct logline *lines;
    int number;
};

// "writer 2 line 17\n", and nothing else.
static int read_line(const char *text, long *ret_writer)
{
    char *end;
    assert_memory_equal(text, "writer ", 7);
    *ret_writer = strtol(text + 7, &end, 10);
    assert_memory_equal(end, " line ", 6);
    long line = strtol(end + 6, &end, 10);
    assert_string_equal(end, "\n");
    return (int)line;
}

static void *put_lines(void *argument)
{
    const struct writer *writer = argument;
    char text[64];
    for (int i = 0; i < LINES; i++) {
        int size = snprintf(text, sizeof(text), "writer %d line %d\n", writer->number, i);
        logline_put(writer->lines, text, (size_t)size);
    }
    return NULL;
}

static void test_lines_are_whole_and_in_order(void **state)
{
    (void)state;
    char path[64], text[64];
    struct logline *lines = start(temporary(path), RING, 0);
    struct writer writers[WRITERS];
    pthread_t threads[WRITERS];
    for (int i = 0; i < WRITERS; i++) {
        writers[i] = (struct writer){lines, i};
        assert_int_equal(pthread_create(&threads[i], NULL, put_lines, &writers[i]), 0);
    }
    for (int i = 0; i < WRITERS; i++)
        pthread_join(threads[i], NULL);
    uint64_t dropped = logline_dropped(lines);
    logline_stop(lines); // writes what is left
    FILE *file = fopen(path, "re");
    int last[WRITERS] = {-1, -1, -1, -1};
    uint64_t count = 0;
    for (; fgets(text, sizeof(text), file) != NULL; count++) {
        long number;
        int line = read_line(text, &number);
        assert_true(number >= 0 && number < WRITERS && line > last[number]);
        last[number] = line;
    }
    fclose(file);
    unlink(path);
    assert_int_equal(count + dropped, WRITERS * LINES);
}

// Nobody reads the pipe: the writer is never kept waiting, what has no room is dropped and counted.
static void test_a_reader_that_stands_still_keeps_nobody_waiting(void **state)
{
    (void)state;
    int ends[2];
    char text[100];
    memset(text, 'x', sizeof(text));
    text[99] = '\n';
    assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    struct logline *lines = start(ends[1], 4096, 0);
    for (int i = 0; i < 20000; i++) // 2 MB; pipe and ring hold less
        logline_put(lines, text, sizeof(text));
    assert_true(logline_dropped(lines) > 0);
    close(ends[0]); // the rest cannot be written
    logline_stop(lines);
}

// The same with a pipe that blocks, as standard output does: the end does not wait for ever.
static void test_a_pipe_that_blocks_does_not_block_the_end(void **state)
{
    (void)state;
    int ends[2];
    static const char text[] = "a line\n";
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    struct logline *lines = start(ends[1], 1 << 18, 0);
    for (int i = 0; i < 30000; i++) // more than the pipe takes
        logline_put(lines, text, sizeof(text) - 1);
    logline_stop(lines);
    close(ends[0]);
}

static void test_the_rate(void **state)
{
    (void)state;
    char path[64];
    struct logline *lines = start(temporary(path), RING, 10);
    unsigned wanted = 0;
    for (int i = 0; i < 1000; i++) // within one second or, once in a while, two
        wanted += logline_wanted(lines);
    assert_true(wanted == 10 || wanted == 20);
    assert_int_equal(logline_limited(lines), 1000 - wanted);
    logline_rate(lines, 0);
    assert_true(logline_wanted(lines) && logline_wanted(lines));
    logline_stop(lines);
    logline_stop(NULL);
    unlink(path);
}

// Every line is in one file or the other, while one replaces the other again and again.
static void test_files_change_while_lines_are_written(void **state)
{
    (void)state;
    enum { FILES = 50 };
    static char paths[FILES + 1][64];
    struct logline *lines = start(temporary(paths[0]), RING, 0);
    struct writer writer = {lines, 0};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, put_lines, &writer), 0);
    for (int i = 1; i <= FILES; i++)
        logline_reopen(lines, temporary(paths[i]));
    pthread_join(thread, NULL);
    uint64_t dropped = logline_dropped(lines), count = 0;
    logline_stop(lines);
    int next = 0;
    for (int i = 0; i <= FILES; i++) {
        char text[64];
        FILE *file = fopen(paths[i], "re");
        for (long number; fgets(text, sizeof(text), file) != NULL; count++) {
            int line = read_line(text, &number);
            assert_true(line >= next);
            next = line + 1;
        }
        fclose(file);
        unlink(paths[i]);
    }
    assert_int_equal(count + dropped, LINES);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines_are_whole_and_in_order),
        cmocka_unit_test(test_a_reader_that_stands_still_keeps_nobody_waiting),
        cmocka_unit_test(test_a_pipe_that_blocks_does_not_block_the_end),
        cmocka_unit_test(test_the_rate),
        cmocka_unit_test(test_files_change_while_lines_are_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
