// history.jsonl: a line a call, nothing twice after a resume, nothing lost without a word.
#include "model/train/history.h"

#include "base/file.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

static struct json_value *line_of(int64_t epoch)
{
    struct json_value *line = json_value_new_map();
    json_value_set_int(line, "epoch", epoch);
    return line;
}

static void assert_content(const char *path, const char *wanted)
{
    struct file_bytes bytes;
    assert_int_equal(file_read(path, 1 << 20, 0, &bytes, NULL), STATUS_OK);
    assert_int_equal(bytes.size, strlen(wanted));
    assert_memory_equal(bytes.data, wanted, bytes.size);
    file_free(&bytes);
}

static const char three[] = "{\"epoch\":1}\n{\"epoch\":2}\n{\"epoch\":3}\n";

static void write_three(const char *path, uint64_t ret_bytes[3])
{
    struct history history;
    assert_int_equal(history_open(path, 0, &history, NULL), STATUS_OK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(history_write(&history, line_of(i + 1), NULL), STATUS_OK);
        ret_bytes[i] = history.bytes;
    }
    assert_int_equal(history_sync(&history, NULL), STATUS_OK);
    // On the paper before it is closed: a run that is killed has its lines.
    assert_content(path, three);
    history_close(&history);
    assert_int_equal(history.fd, -1);
}

static void test_a_line_a_call(void **state)
{
    const struct scratch *scratch = *state;
    char path[128];
    uint64_t bytes[3];
    write_three(scratch_path(scratch, "new", path), bytes);
    assert_int_equal(bytes[0], 12);
    assert_int_equal(bytes[1], 24);
    assert_int_equal(bytes[2], strlen(three));
}

static void test_a_resumed_run_writes_nothing_twice(void **state)
{
    const struct scratch *scratch = *state;
    char path[128];
    uint64_t bytes[3];
    struct history history;
    write_three(scratch_path(scratch, "resumed", path), bytes);
    // The state was saved after the first line; the second may be torn.
    assert_int_equal(history_open(path, bytes[0], &history, NULL), STATUS_OK);
    assert_int_equal(history.bytes, bytes[0]);
    assert_int_equal(history_write(&history, line_of(20), NULL), STATUS_OK);
    assert_int_equal(history.bytes, bytes[0] + 13);
    history_close(&history);
    assert_content(path, "{\"epoch\":1}\n{\"epoch\":20}\n");
    // To its whole length: nothing is lost.
    assert_int_equal(history_open(path, bytes[0] + 13, &history, NULL), STATUS_OK);
    history_close(&history);
    assert_content(path, "{\"epoch\":1}\n{\"epoch\":20}\n");
    // Anew.
    assert_int_equal(history_open(path, 0, &history, NULL), STATUS_OK);
    history_close(&history);
    assert_content(path, "");
}

static void test_a_shorter_file_is_another_run(void **state)
{
    const struct scratch *scratch = *state;
    char path[128];
    uint64_t bytes[3];
    struct history history;
    struct diag diag = {0};
    write_three(scratch_path(scratch, "short", path), bytes);
    assert_int_equal(history_open(path, bytes[2] + 1, &history, &diag), STATUS_CORRUPT);
    assert_string_equal(diag.file, path);
    assert_content(path, three); // untouched
}

static void test_what_cannot_be_opened(void **state)
{
    const struct scratch *scratch = *state;
    char path[128];
    struct history history;
    struct diag diag = {0};
    scratch_path(scratch, "nowhere/history.jsonl", path);
    assert_int_equal(history_open(path, 0, &history, &diag), STATUS_NOT_FOUND);
    assert_string_equal(diag.file, path);
    assert_int_equal(history_open(scratch->folder, 0, &history, &diag), STATUS_IO);
    assert_string_equal(diag.file, scratch->folder);
}

static void test_a_line_that_could_not_be_made(void **state)
{
    const struct scratch *scratch = *state;
    char path[128];
    struct history history;
    struct diag diag = {0};
    assert_int_equal(history_open(scratch_path(scratch, "none", path), 0, &history, NULL),
                     STATUS_OK);
    assert_int_equal(history_write(&history, NULL, &diag), STATUS_NO_MEMORY);
    assert_true(diag.words[0] != '\0');
    assert_int_equal(history.bytes, 0);
    assert_int_equal(history_write(&history, line_of(1), NULL), STATUS_OK);
    history_close(&history);
    assert_content(path, "{\"epoch\":1}\n");
}

// A limit on the size of files stands for a disk that is full.
static void test_a_full_disk_is_told(void **state)
{
    const struct scratch *scratch = *state;
    char path[128];
    struct history history;
    struct diag diag = {0};
    struct rlimit old, small;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = old;
    small.rlim_cur = 15; // a line and a piece
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(history_open(scratch_path(scratch, "full", path), 0, &history, NULL),
                     STATUS_OK);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    enum status first = history_write(&history, line_of(1), &diag);
    enum status second = history_write(&history, line_of(2), &diag);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    signal(SIGXFSZ, handler);
    assert_int_equal(first, STATUS_OK);
    assert_int_equal(second, STATUS_IO);
    assert_string_equal(diag.file, path);
    assert_int_equal(history.bytes, 15); // the piece that got there counts
    history_close(&history);
}

static int set_up(void **state)
{
    static struct scratch scratch;
    scratch_make(&scratch);
    *state = &scratch;
    return 0;
}

static int tear_down(void **state)
{
    scratch_remove(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_line_a_call),
        cmocka_unit_test(test_a_resumed_run_writes_nothing_twice),
        cmocka_unit_test(test_a_shorter_file_is_another_run),
        cmocka_unit_test(test_what_cannot_be_opened),
        cmocka_unit_test(test_a_line_that_could_not_be_made),
        cmocka_unit_test(test_a_full_disk_is_told),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
