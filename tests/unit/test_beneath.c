// Oracle: where each path leads, by hand; both ways of walking must agree on every case.
#include "base/beneath.h"

#include "tests/support/check.h"
#include "tests/support/scratch.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct {
    const char *path;
    char content; // 0: refused
    enum status code;
} cases[] = {
    {"root/1/file", 0, STATUS_NOT_FOUND}, // the root is the folder itself
    {"1/file", 'a', STATUS_OK},
    {"./1//./file", 'a', STATUS_OK},
    {"1/../1/file", 'a', STATUS_OK},
    {"2/file", 'b', STATUS_OK}, // a link to ..data/2, as Kubernetes makes them
    {"3/file", 'b', STATUS_OK}, // a link in a link, with ..
    {"4", 'b', STATUS_OK},      // a link to a file
    {"nowhere/file", 0, STATUS_NOT_FOUND},
    {"1/file/x", 0, STATUS_NOT_FOUND},
    {"broken", 0, STATUS_NOT_FOUND},
    {"../secret", 0, STATUS_IO},
    {"1/../../secret", 0, STATUS_IO},
    {"out", 0, STATUS_IO},          // a link to ../secret
    {"outer/secret", 0, STATUS_IO}, // a link to ..
    {"absolute", 0, STATUS_IO},     // a link to /etc/hostname
    {"/etc/hostname", 0, STATUS_IO},
    {"loop", 0, STATUS_IO},
    {"", 0, STATUS_NOT_FOUND},
};

static int root;

static void make(const struct scratch *scratch, const char *name, const char *content)
{
    char path[128];
    scratch_file(scratch, name, content, 1, path);
}

static void folder(const struct scratch *scratch, const char *name)
{
    char path[128];
    assert_int_equal(mkdir(scratch_path(scratch, name, path), 0777), 0);
}

static void link_to(const struct scratch *scratch, const char *name, const char *target)
{
    char path[128];
    assert_int_equal(symlink(target, scratch_path(scratch, name, path)), 0);
}

static int setup(void **state)
{
    static struct scratch scratch;
    char path[128];
    scratch_make(&scratch);
    make(&scratch, "secret", "s");
    folder(&scratch, "root");
    folder(&scratch, "root/1");
    make(&scratch, "root/1/file", "a");
    folder(&scratch, "root/..2026");
    folder(&scratch, "root/..2026/2");
    make(&scratch, "root/..2026/2/file", "b");
    link_to(&scratch, "root/..data", "..2026");
    link_to(&scratch, "root/2", "..data/2");
    link_to(&scratch, "root/3", "1/../2");
    link_to(&scratch, "root/4", "3/file");
    link_to(&scratch, "root/broken", "7/file");
    link_to(&scratch, "root/out", "../secret");
    link_to(&scratch, "root/outer", "..");
    link_to(&scratch, "root/absolute", "/etc/hostname");
    link_to(&scratch, "root/loop", "loop");
    root = open(scratch_path(&scratch, "root", path), O_RDONLY | O_DIRECTORY);
    *state = &scratch;
    return root < 0;
}

static int teardown(void **state)
{
    close(root);
    scratch_remove(*state);
    return 0;
}

typedef enum status (*opener)(int, const char *, int, int *, struct diag *);

static void check(opener way)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int fd = -1;
        char content = 0;
        struct diag diag = {0};
        enum status code = way(root, cases[i].path, O_RDONLY, &fd, &diag);
        if (code != cases[i].code)
            fail_msg("\"%s\": %s, %s", cases[i].path, status_label(code), diag.words);
        if (code != STATUS_OK) {
            assert_int_equal(fd, -1);
            assert_true(diag.words[0] != '\0');
            continue;
        }
        assert_int_equal(read(fd, &content, 1), 1);
        assert_int_equal(content, cases[i].content);
        assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
        close(fd);
    }
}

static void test_open(void **state)
{
    (void)state;
    check(beneath_open);
}

static void test_walk(void **state)
{
    (void)state;
    check(beneath_walk);
}

static void test_folders_and_lengths(void **state)
{
    (void)state;
    static const opener ways[] = {beneath_open, beneath_walk};
    char longest[5000];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    for (size_t w = 0; w < 2; w++) {
        int fd = -1;
        assert_int_equal(ways[w](root, "2", O_RDONLY | O_DIRECTORY, &fd, NULL), STATUS_OK);
        close(fd);
        assert_int_equal(ways[w](root, "2/..", O_RDONLY | O_DIRECTORY, &fd, NULL), STATUS_OK);
        close(fd);
        assert_int_equal(ways[w](root, ".", O_RDONLY | O_DIRECTORY, &fd, NULL), STATUS_OK);
        close(fd);
        assert_int_equal(ways[w](root, longest, O_RDONLY, &fd, NULL), STATUS_IO);
        assert_int_equal(ways[w](root, longest + 4000, O_RDONLY, &fd, NULL), STATUS_IO);
    }
}

// Descriptors of the folders on the way are given back, on success and failure.
static void test_walk_leaks_nothing(void **state)
{
    (void)state;
    int before = dup(root), fd = -1;
    close(before);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (beneath_walk(root, cases[i].path, O_RDONLY, &fd, NULL) == STATUS_OK)
            close(fd);
    int after = dup(root);
    close(after);
    assert_int_equal(before, after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_open),
        cmocka_unit_test(test_walk),
        cmocka_unit_test(test_folders_and_lengths),
        cmocka_unit_test(test_walk_leaks_nothing),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
