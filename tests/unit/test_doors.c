// The parts that ctrd opens: the token, the UNIX socket, sockets that come from outside, log files.
#include "server/doors.h"

#include "base/log.h"
#include "server/listener.h"
#include "server/peer.h"
#include "tests/support/check.h"
#include "tests/support/forked.h"
#include "tests/support/scratch.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static struct scratch scratch;

static int set_up(void **state)
{
    (void)state;
    scratch_make(&scratch);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    scratch_remove(&scratch);
    return 0;
}

// ---- the token -------------------------------------------------------------------------------

static void test_a_token_is_its_owners_alone(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        mode_t mode;
        enum status wanted;
    } files[] = {
        {"0123456789abcdef\n", 0600, STATUS_OK},
        {"0123456789abcdef", 0400, STATUS_OK},
        {"0123456789abcde\n", 0600, STATUS_CONFIG}, // 15 bytes
        {"0123456789abcdef", 0640, STATUS_CONFIG},
        {"0123456789abcdef", 0602, STATUS_CONFIG},
        {"", 0600, STATUS_CONFIG},
    };
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        char path[128];
        struct secret secret;
        scratch_file(&scratch, "token", files[i].text, strlen(files[i].text), path);
        assert_int_equal(chmod(path, files[i].mode), 0);
        assert_int_equal(secret_load(path, &secret, NULL), files[i].wanted);
        unlink(path);
        if (files[i].wanted != STATUS_OK)
            continue;
        assert_true(secret_matches(&secret, span_of("0123456789abcdef")));
        assert_false(secret_matches(&secret, span_of("0123456789abcdeF")));
        assert_false(secret_matches(&secret, span_of("0123456789abcdef ")));
        assert_false(secret_matches(&secret, span_of("")));
        secret_fini(&secret);
        assert_false(secret_matches(&secret, span_of("0123456789abcdef")));
    }
    struct secret secret;
    assert_int_equal(secret_load("", &secret, NULL), STATUS_CONFIG);
    assert_int_equal(secret_load(scratch.folder, &secret, NULL), STATUS_CONFIG);
    assert_int_equal(secret_load("/nonexistent/token", &secret, NULL), STATUS_CONFIG);
}

// ---- the UNIX socket -------------------------------------------------------------------------

static int connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    assert_true(strlen(path) < sizeof(address.sun_path));
    memcpy(address.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    close(fd);
    return -1;
}

static void test_a_socket_file(void **state)
{
    (void)state;
    char path[128];
    struct socketfile first, second;
    struct stat state_of;
    struct diag diag;
    scratch_path(&scratch, "admin.sock", path);
    umask(0); // the mode does not depend on it
    assert_int_equal(socketfile_open(path, (uid_t)-1, (gid_t)-1, &first, &diag), STATUS_OK);
    umask(022);
    assert_int_equal(lstat(path, &state_of), 0);
    assert_true(S_ISSOCK(state_of.st_mode) && (state_of.st_mode & 0777) == 0600);
    int client = connect_to(path), server = accept(first.fd, NULL, NULL);
    assert_true(client >= 0 && server >= 0);
    assert_true(peer_allowed(server));
    close(client);
    close(server);
    assert_int_equal(socketfile_open(path, (uid_t)-1, (gid_t)-1, &second, &diag), STATUS_CONFIG);
    assert_string_equal(diag.path, "admin.socket");
    close(first.fd); // as if the process had died: the file stays, nobody listens
    assert_int_equal(socketfile_open(path, (uid_t)-1, (gid_t)-1, &second, &diag), STATUS_OK);
    first.fd = dup(second.fd);
    socketfile_close(&first); // the file is another's by now
    assert_int_equal(lstat(path, &state_of), 0);
    socketfile_close(&second);
    assert_int_not_equal(lstat(path, &state_of), 0);
    socketfile_close(&second); // nothing
}

static void test_a_link_to_a_socket_is_not_followed(void **state)
{
    (void)state;
    char path[128], link[128];
    struct socketfile live, file;
    scratch_path(&scratch, "live.sock", path);
    scratch_path(&scratch, "to-live.sock", link);
    assert_int_equal(socketfile_open(path, (uid_t)-1, (gid_t)-1, &live, NULL), STATUS_OK);
    assert_int_equal(symlink(path, link), 0);
    assert_int_equal(socketfile_open(link, (uid_t)-1, (gid_t)-1, &file, NULL), STATUS_CONFIG);
    int client = connect_to(path);
    assert_true(client >= 0); // untouched
    close(client);
    socketfile_close(&live);
}

static void test_what_is_no_socket_is_left_alone(void **state)
{
    (void)state;
    char path[128], link[128];
    struct socketfile file;
    scratch_file(&scratch, "precious", "data", 4, path);
    assert_int_equal(socketfile_open(path, (uid_t)-1, (gid_t)-1, &file, NULL), STATUS_CONFIG);
    scratch_path(&scratch, "link.sock", link);
    assert_int_equal(symlink(path, link), 0);
    assert_int_equal(socketfile_open(link, (uid_t)-1, (gid_t)-1, &file, NULL), STATUS_CONFIG);
    assert_int_equal(access(path, F_OK), 0);
    static char longest[200];
    memset(longest, 'a', sizeof(longest) - 1);
    assert_int_equal(socketfile_open(longest, (uid_t)-1, (gid_t)-1, &file, NULL), STATUS_CONFIG);
    struct diag diag;
    assert_int_equal(socketfile_check("/nonexistent/a.sock", &diag), STATUS_CONFIG);
    assert_string_equal(diag.words, "/nonexistent/: No such file or directory");
    assert_int_equal(socketfile_check(path, &diag), STATUS_CONFIG);
    assert_non_null(strstr(diag.words, "is there and is no socket"));
    assert_int_equal(socketfile_check("", NULL), STATUS_OK);
    assert_int_equal(socketfile_check("beside-us.sock", NULL), STATUS_OK);
}

static void test_peers(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    assert_true(peer_allowed(ends[0]));
    close(ends[0]);
    close(ends[1]);
    assert_false(peer_allowed(-1));
    int tcp = socket(AF_INET, SOCK_STREAM, 0);
    assert_false(peer_allowed(tcp));
    close(tcp);
}

// ---- sockets from outside --------------------------------------------------------------------

struct handed {
    const char *count, *names;
    const char *kinds; // of two sockets: see hand
    bool for_us;
    enum status wanted;
    int http, admin; // descriptors
};

// T: TCP that listens, t: TCP that does not, U: UNIX that listens, d: UDP, 0: no socket at all.
static int hand(char kind)
{
    uint16_t port;
    int fd = -1;
    if (kind == '0')
        return open("/dev/null", O_RDONLY);
    if (kind == 'd')
        return socket(AF_INET, SOCK_DGRAM, 0);
    if (kind == 'U') { // bound to a name of the kernel's choice
        const struct sockaddr_un any = {.sun_family = AF_UNIX};
        fd = socket(AF_UNIX, SOCK_STREAM, 0);
        return bind(fd, (const struct sockaddr *)&any, sizeof(sa_family_t)) == 0 &&
                       listen(fd, 4) == 0
                   ? fd
                   : -1;
    }
    return listener_bind("127.0.0.1", 0, "http.listen", &fd, &port, NULL) == STATUS_OK &&
                   (kind == 't' || listen(fd, 4) == 0)
               ? fd
               : -1;
}

// In a child: puts sockets at 3 and 4, as whoever starts a service does.
static int take(void *context)
{
    const struct handed *handed = context;
    char pid[24];
    for (int i = 0; i < 2; i++) {
        int fd = hand(handed->kinds[i]);
        if (fd < 0)
            return 1;
        if (dup2(fd, 10 + i) != 10 + i)
            return 3;
        close(fd);
    }
    if (dup2(10, 3) != 3 || dup2(11, 4) != 4)
        return 4;
    snprintf(pid, sizeof(pid), "%ld", (long)getpid() + !handed->for_us);
    setenv("LISTEN_PID", pid, 1);
    setenv("LISTEN_FDS", handed->count, 1);
    if (handed->names != NULL)
        setenv("LISTEN_FDNAMES", handed->names, 1);
    int http, admin;
    if (listener_inherited(&http, &admin, NULL) != handed->wanted)
        return 5;
    if (getenv("LISTEN_PID") != NULL || getenv("LISTEN_FDS") != NULL ||
        getenv("LISTEN_FDNAMES") != NULL)
        return 6;
    if (handed->wanted != STATUS_OK)
        return 0;
    if (http != handed->http || admin != handed->admin)
        return 7;
    return http == LISTENER_NONE ||
                   ((fcntl(http, F_GETFD) & FD_CLOEXEC) != 0 &&
                    (fcntl(http, F_GETFL) & O_NONBLOCK) != 0 && listener_port(http) != 0)
               ? 0
               : 8;
}

static void test_inherited_sockets(void **state)
{
    (void)state;
    static struct handed cases[] = {
        {"1", NULL, "TT", true, STATUS_OK, 3, LISTENER_NONE},
        {"2", "admin:http", "UT", true, STATUS_OK, 4, 3},
        {"1", "unknown", "TT", true, STATUS_OK, 3, LISTENER_NONE},
        {"1", NULL, "TT", false, STATUS_OK, LISTENER_NONE, LISTENER_NONE},
        {"0", NULL, "TT", true, STATUS_OK, LISTENER_NONE, LISTENER_NONE},
        {"2", "http:http", "TT", true, STATUS_CONFIG, 0, 0},
        {"1", "metrics", "TT", true, STATUS_CONFIG, 0, 0},
        {"1", NULL, "tT", true, STATUS_CONFIG, 0, 0},
        {"1", NULL, "dT", true, STATUS_CONFIG, 0, 0},
        {"1", NULL, "0T", true, STATUS_CONFIG, 0, 0},
        {"1", NULL, "UT", true, STATUS_CONFIG, 0, 0},         // rank requests come by TCP
        {"2", "http:admin", "TT", true, STATUS_CONFIG, 0, 0}, // and tell nobody who asks
        {"3", NULL, "TT", true, STATUS_CONFIG, 0, 0},
        {"x", NULL, "TT", true, STATUS_CONFIG, 0, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(forked(take, &cases[i]), 0);
}

// ---- logs ------------------------------------------------------------------------------------

static size_t lines_of(const char *path)
{
    FILE *file = fopen(path, "re");
    size_t count = 0;
    for (int c; file != NULL && (c = fgetc(file)) != EOF;)
        count += c == '\n';
    if (file != NULL)
        fclose(file);
    return count;
}

static void test_a_log_file_is_opened_anew(void **state)
{
    (void)state;
    char path[128], old[128], link[128];
    scratch_path(&scratch, "ctrd.log", path);
    scratch_path(&scratch, "ctrd.log.1", old);
    scratch_path(&scratch, "link.log", link);
    assert_int_equal(log_open(path, NULL), STATUS_OK);
    LOG_EVENT(LOG_ERROR, "one", LOG_I("n", 1));
    assert_int_equal(rename(path, old), 0);
    LOG_EVENT(LOG_ERROR, "two", LOG_I("n", 2));
    assert_int_equal(log_reopen(NULL), STATUS_OK);
    LOG_EVENT(LOG_ERROR, "three", LOG_I("n", 3));
    log_level_set(LOG_ERROR);
    LOG_EVENT(LOG_WARN, "four", LOG_I("n", 4));
    log_level_set(LOG_INFO);
    assert_int_equal(lines_of(old), 2);
    assert_int_equal(lines_of(path), 1);
    assert_int_equal(symlink(path, link), 0);
    assert_int_equal(log_open(link, NULL), STATUS_IO);
    assert_int_equal(log_open("/dev/null", NULL), STATUS_IO);
    assert_int_equal(log_open(scratch.folder, NULL), STATUS_IO);
    LOG_EVENT(LOG_ERROR, "five", LOG_I("n", 5)); // still where it was
    assert_int_equal(lines_of(path), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_token_is_its_owners_alone),
        cmocka_unit_test(test_a_socket_file),
        cmocka_unit_test(test_a_link_to_a_socket_is_not_followed),
        cmocka_unit_test(test_what_is_no_socket_is_left_alone),
        cmocka_unit_test(test_peers),
        cmocka_unit_test(test_inherited_sockets),
        cmocka_unit_test(test_a_log_file_is_opened_anew),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
