// server/sandbox: what the daemon needs goes on, what it does not is refused; in children.
#include "server/sandbox.h"

#include "tests/support/check.h"
#include "tests/support/forked.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void *nothing(void *argument)
{
    return argument;
}

// What a reload or a request does: files, memory, threads.
static int needs(void *context)
{
    pthread_t thread;
    if (sandbox_enter(*(enum sandbox_mode *)context, NULL) != STATUS_OK)
        return 1;
    int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    char byte;
    if (fd < 0 || read(fd, &byte, 1) != 1 || close(fd) != 0)
        return 2;
    void *memory = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED || munmap(memory, 1 << 20) != 0)
        return 3;
    if (pthread_create(&thread, NULL, nothing, NULL) != 0 || pthread_join(thread, NULL) != 0)
        return 4;
    return inotify_init1(IN_CLOEXEC) < 0 ? 5 : 0;
}

static int forbidden(void *context)
{
    char *const program[] = {"true", NULL};
    if (sandbox_enter(*(enum sandbox_mode *)context, NULL) != STATUS_OK)
        return 1;
    if (socket(AF_INET, SOCK_STREAM, 0) >= 0 || errno != EPERM)
        return 2;
    if (execv("/bin/true", program) != -1 || errno != EPERM)
        return 3;
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != -1 || errno != EPERM)
        return 4;
    return chroot("/") != -1 || errno != EPERM ? 5 : 0;
}

static int open_socket(void *context)
{
    if (sandbox_enter(*(enum sandbox_mode *)context, NULL) != STATUS_OK)
        return 1;
    return socket(AF_INET, SOCK_STREAM, 0) < 0;
}

static void test_what_is_needed_goes_on(void **state)
{
    (void)state;
    for (enum sandbox_mode mode = SANDBOX_OFF; mode <= SANDBOX_ENFORCE; mode++)
        assert_int_equal(forked(needs, &mode), 0);
}

static void test_the_rest_is_refused(void **state)
{
    (void)state;
    enum sandbox_mode mode = SANDBOX_ENFORCE;
    assert_int_equal(forked(forbidden, &mode), 0);
}

static void test_log_lets_through(void **state)
{
    (void)state;
    for (enum sandbox_mode mode = SANDBOX_OFF; mode <= SANDBOX_LOG; mode++)
        assert_int_equal(forked(open_socket, &mode), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_needed_goes_on),
        cmocka_unit_test(test_the_rest_is_refused),
        cmocka_unit_test(test_log_lets_through),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
