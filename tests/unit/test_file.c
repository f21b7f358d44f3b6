#include "base/file.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

static size_t entries(void)
{
    size_t count = 0;
    DIR *folder = opendir(scratch.folder);
    assert_non_null(folder);
    while (readdir(folder) != NULL)
        count++;
    closedir(folder);
    return count - 2; // without . and ..
}

static void check_content(const char *path, const char *content)
{
    struct file_bytes bytes;
    assert_int_equal(file_read(path, 1 << 20, 1, &bytes, NULL), STATUS_OK);
    assert_int_equal(bytes.size, strlen(content));
    assert_string_equal((const char *)bytes.data, content);
    file_free(&bytes);
}

static void test_read(void **state)
{
    (void)state;
    char path[128];
    struct file_bytes bytes;
    struct diag diag;
    scratch_file(&scratch, "f", "12345", 5, path);
    assert_int_equal(file_read(path, 5, 100, &bytes, &diag), STATUS_OK);
    assert_int_equal(bytes.size, 5);
    assert_int_equal((uintptr_t)bytes.data % 64, 0);
    assert_memory_equal(bytes.data, "12345", 5);
    for (size_t i = 5; i < 105; i++)
        assert_int_equal(bytes.data[i], 0);
    file_free(&bytes);
    file_free(&bytes); // is nothing now
    assert_int_equal(file_read(path, 4, 0, &bytes, &diag), STATUS_TOO_LARGE);
    assert_string_equal(diag.file, path);
    assert_int_equal(file_read(path, 5, SIZE_MAX, &bytes, &diag), STATUS_TOO_LARGE);
    scratch_file(&scratch, "empty", "", 0, path);
    assert_int_equal(file_read(path, 0, 0, &bytes, &diag), STATUS_OK);
    assert_int_equal(bytes.size, 0);
    file_free(&bytes);
}

static void test_read_faults(void **state)
{
    (void)state;
    char path[128];
    struct file_bytes bytes;
    struct diag diag;
    assert_int_equal(file_read(scratch_path(&scratch, "no", path), 10, 0, &bytes, &diag),
                     STATUS_NOT_FOUND);
    assert_string_equal(diag.file, path);
    assert_int_equal(file_read(scratch.folder, 10, 0, &bytes, &diag), STATUS_IO);
    assert_string_equal(diag.words, "is not a regular file");
    assert_int_equal(mkfifo(scratch_path(&scratch, "fifo", path), 0600), 0);
    assert_int_equal(file_read(path, 10, 0, &bytes, &diag), STATUS_IO); // and does not wait
}

static void test_read_at(void **state)
{
    (void)state;
    char path[128];
    struct file_bytes bytes;
    scratch_file(&scratch, "f", "x", 1, path);
    assert_int_equal(symlink("/etc/passwd", scratch_path(&scratch, "link", path)), 0);
    int folder = open(scratch.folder, O_RDONLY | O_DIRECTORY);
    assert_true(folder >= 0);
    assert_int_equal(file_read_at(folder, "f", 10, 0, &bytes, NULL), STATUS_OK);
    file_free(&bytes);
    assert_int_equal(file_read_at(folder, "link", 1 << 20, 0, &bytes, NULL), STATUS_IO);
    close(folder);
}

static void test_atomic(void **state)
{
    (void)state;
    char path[128];
    struct diag diag;
    scratch_path(&scratch, "out", path);
    assert_int_equal(file_write_atomic(path, "one", 3, &diag), STATUS_OK);
    check_content(path, "one");
    assert_int_equal(file_write_atomic(path, "", 0, &diag), STATUS_OK);
    check_content(path, "");
    assert_int_equal(entries(), 1); // nothing temporary stays
    assert_int_equal(file_write_atomic(scratch_path(&scratch, "no/out", path), "x", 1, &diag),
                     STATUS_NOT_FOUND);
    assert_string_equal(diag.file, path);
}

static void test_writer(void **state)
{
    (void)state;
    enum { LINES = 100000, LINE = 8, LARGE = 300000 };
    char path[128];
    struct file_writer writer;
    scratch_file(&scratch, "out", "old", 3, path);
    assert_int_equal(file_writer_open(&writer, path, NULL), STATUS_OK);
    for (int i = 0; i < LINES; i++)
        file_writer_printf(&writer, "%07d\n", i);
    char *large = malloc(LARGE);
    assert_non_null(large);
    memset(large, 'L', LARGE);
    file_writer_write(&writer, large, LARGE);
    file_writer_write(&writer, "end", 3);
    check_content(path, "old"); // until the commit
    assert_int_equal(file_writer_commit(&writer, NULL), STATUS_OK);
    file_writer_abort(&writer);
    struct file_bytes bytes;
    assert_int_equal(file_read(path, 1 << 24, 1, &bytes, NULL), STATUS_OK);
    assert_int_equal(bytes.size, LINES * LINE + LARGE + 3);
    for (int i = 0; i < LINES; i++)
        assert_int_equal(strtol((const char *)bytes.data + i * LINE, NULL, 10), i);
    assert_memory_equal(bytes.data + LINES * LINE, large, LARGE);
    assert_memory_equal(bytes.data + LINES * LINE + LARGE, "end", 3);
    file_free(&bytes);
    free(large);
}

static void test_abort_and_failure(void **state)
{
    (void)state;
    char path[128];
    struct file_writer writer;
    struct diag diag;
    scratch_file(&scratch, "out", "old", 3, path);
    assert_int_equal(file_writer_open(&writer, path, NULL), STATUS_OK);
    file_writer_write(&writer, "new", 3);
    file_writer_abort(&writer);
    file_writer_abort(&writer);
    check_content(path, "old");
    assert_int_equal(entries(), 1);
    // The device is full at the first write that reaches it; what follows is ignored.
    assert_int_equal(file_writer_open(&writer, path, NULL), STATUS_OK);
    int full = open("/dev/full", O_WRONLY);
    assert_true(full >= 0);
    assert_true(dup2(full, writer.fd) >= 0);
    close(full);
    file_writer_write(&writer, "new", 3);
    assert_int_equal(file_writer_commit(&writer, &diag), STATUS_IO);
    assert_string_equal(diag.words, "cannot write: No space left on device");
    check_content(path, "old");
    assert_int_equal(entries(), 1);
}

static void test_folders(void **state)
{
    (void)state;
    char path[128];
    assert_int_equal(file_make_folder(scratch_path(&scratch, "a/b//c/", path), NULL), STATUS_OK);
    assert_true(file_exists(path));
    assert_int_equal(file_make_folder(path, NULL), STATUS_OK);
    scratch_file(&scratch, "a/file", "", 0, path);
    assert_int_equal(file_make_folder(path, NULL), STATUS_IO);
    assert_int_equal(file_make_folder(scratch_path(&scratch, "a/file/d", path), NULL), STATUS_IO);
    assert_int_equal(file_remove(scratch_path(&scratch, "a/file", path), NULL), STATUS_OK);
    assert_false(file_exists(path));
    assert_int_equal(file_remove(path, NULL), STATUS_OK);
    assert_int_equal(file_remove(scratch_path(&scratch, "a", path), NULL), STATUS_IO);
}

static void test_names(void **state)
{
    (void)state;
    static const struct {
        const char *folder, *name, *path;
    } joins[] = {
        {"a", "b", "a/b"}, {"a/", "b", "a/b"}, {"a", "/b", "/b"}, {"", "b", "b"}, {"/", "b", "/b"}};
    static const char *const folders[][2] = {{"a/b", "a"}, {"b", "."}, {"/b", "/"}, {"/a/b", "/a"}};
    for (size_t i = 0; i < sizeof(joins) / sizeof(*joins); i++) {
        char *path = file_join(joins[i].folder, joins[i].name);
        assert_string_equal(path, joins[i].path);
        free(path);
    }
    for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++) {
        char *folder = file_folder_of(folders[i][0]);
        assert_string_equal(folder, folders[i][1]);
        free(folder);
    }
}

// Two for one path do not meet; killed, they are swept.
static void test_open_beside(void **state)
{
    (void)state;
    char path[128], *names[2] = {NULL};
    int fds[2] = {-1, -1};
    scratch_path(&scratch, "a.ctrcache", path);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(file_open_beside(path, &fds[i], &names[i], NULL), STATUS_OK);
        assert_true(strncmp(names[i], path, strlen(path)) == 0);
        assert_int_equal(write(fds[i], "x", 1), 1);
        close(fds[i]);
    }
    assert_string_not_equal(names[0], names[1]);
    assert_int_equal(rename(names[0], path), 0);
    assert_int_equal(file_sweep(scratch.folder, NULL), STATUS_OK);
    assert_true(file_exists(path));
    assert_false(file_exists(names[1]));
    free(names[0]);
    free(names[1]);
    assert_int_equal(
        file_open_beside(scratch_path(&scratch, "no/file", path), &fds[0], &names[0], NULL),
        STATUS_NOT_FOUND);
}

static void test_sweep(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool stays;
    } files[] = {
        {"a.txt.123.tmp", false}, {"x.7.tmp", false}, {"a.txt", true},    {"a.tmp", true},
        {"a.12b.tmp", true},      {".5.tmp", true},   {"5.tmp", true},    {"a.5.tmp2", true},
        {"a..tmp", true},         {"tmp", true},      {"a.5.tmp.z", true}};
    char path[128];
    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
        scratch_file(&scratch, files[i].name, "x", 1, path);
    assert_int_equal(file_sweep(scratch.folder, NULL), STATUS_OK);
    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
        if (file_exists(scratch_path(&scratch, files[i].name, path)) != files[i].stays)
            fail_msg("%s", files[i].name);
    assert_int_equal(file_sweep(scratch_path(&scratch, "absent", path), NULL), STATUS_OK);
    assert_int_equal(file_sweep(scratch_path(&scratch, "a.txt", path), NULL), STATUS_IO);
}

static void test_read_part(void **state)
{
    (void)state;
    char path[128], part[4] = {0};
    int fd = -1;
    size_t size = 0;
    struct diag diag;
    scratch_file(&scratch, "p", "12345", 5, path);
    assert_int_equal(file_open(path, &fd, &size, &diag), STATUS_OK);
    assert_int_equal(size, 5);
    assert_int_equal(file_read_part(fd, path, 1, part, 3, &diag), STATUS_OK);
    assert_memory_equal(part, "234", 4);
    assert_int_equal(file_read_part(fd, path, 3, part, 3, &diag), STATUS_IO);
    close(fd);
    assert_int_equal(file_open(scratch.folder, &fd, &size, &diag), STATUS_IO);
}

static void test_move(void **state)
{
    (void)state;
    char from[128], to[128];
    struct diag diag;
    scratch_file(&scratch, "from", "new", 3, from);
    scratch_file(&scratch, "to", "older", 5, to);
    size_t before = entries();
    assert_int_equal(file_move(from, to, &diag), STATUS_OK);
    assert_int_equal(entries(), before - 1);
    check_content(to, "new");
    assert_int_equal(file_move(from, to, &diag), STATUS_NOT_FOUND);
    assert_string_equal(diag.file, from);
    check_content(to, "new");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_read, setup, teardown),
        cmocka_unit_test_setup_teardown(test_read_faults, setup, teardown),
        cmocka_unit_test_setup_teardown(test_read_at, setup, teardown),
        cmocka_unit_test_setup_teardown(test_atomic, setup, teardown),
        cmocka_unit_test_setup_teardown(test_writer, setup, teardown),
        cmocka_unit_test_setup_teardown(test_abort_and_failure, setup, teardown),
        cmocka_unit_test_setup_teardown(test_folders, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sweep, setup, teardown),
        cmocka_unit_test_setup_teardown(test_open_beside, setup, teardown),
        cmocka_unit_test_setup_teardown(test_read_part, setup, teardown),
        cmocka_unit_test_setup_teardown(test_move, setup, teardown),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
