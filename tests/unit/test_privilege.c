// server/privilege: the user is found or refused; privileges go for good. In children, as root.
#include "server/privilege.h"

#include "tests/support/check.h"
#include "tests/support/forked.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <unistd.h>

static void test_who_can_be_become(void **state)
{
    (void)state;
    struct privilege_ids ids;
    struct diag diag;
    assert_int_equal(privilege_find("", &ids, &diag), STATUS_OK);
    assert_false(ids.wanted);
    assert_int_equal(privilege_find("no-such-user-here", &ids, &diag), STATUS_CONFIG);
    assert_int_equal(privilege_find("root", &ids, &diag), STATUS_CONFIG);
    assert_string_equal(diag.path, "security.user");
}

static int drop(void *context)
{
    struct privilege_ids ids;
    (void)context;
    if (privilege_find("nobody", &ids, NULL) != STATUS_OK || !ids.wanted)
        return 1;
    const uid_t uid = getpwnam("nobody")->pw_uid;
    if (privilege_drop(&ids, NULL) != STATUS_OK || privilege_lock(NULL) != STATUS_OK)
        return 2;
    if (getuid() != uid || geteuid() != uid || getegid() != ids.gid || getgroups(0, NULL) != 0)
        return 3;
    if (seteuid(0) == 0 || setuid(0) == 0 || setgid(0) == 0 || open("/etc/shadow", O_RDONLY) >= 0)
        return 4;
    return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? 0 : 5;
}

// One who is somebody already can stay it, and become nobody else.
static int stay(void *context)
{
    struct privilege_ids ids;
    if (drop(context) != 0)
        return 1;
    if (privilege_find("nobody", &ids, NULL) != STATUS_OK || ids.wanted)
        return 2;
    return privilege_find("daemon", &ids, NULL) == STATUS_CONFIG ? 0 : 3;
}

static void test_privileges_go_for_good(void **state)
{
    (void)state;
    if (geteuid() != 0) {
        print_message("skipped: only root has privileges to drop\n");
        skip();
    }
    assert_int_equal(forked(drop, NULL), 0);
    assert_int_equal(forked(stay, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_can_be_become),
        cmocka_unit_test(test_privileges_go_for_good),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
