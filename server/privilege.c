#include "server/privilege.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static const char privilege_key[] = "security.user";

enum status privilege_find(const char *user, struct privilege_ids *ret_ids, struct diag *reterr)
{
    *ret_ids = (struct privilege_ids){false, (uid_t)-1, (gid_t)-1};
    if (user[0] == '\0')
        return STATUS_OK;
    errno = 0;
    const struct passwd *entry = getpwnam(user);
    if (entry == NULL)
        return diag_at_path(reterr, STATUS_CONFIG, privilege_key, "there is no user '%s'", user);
    if (entry->pw_uid == 0)
        return diag_at_path(reterr, STATUS_CONFIG, privilege_key, "'%s' is root", user);
    if (geteuid() == entry->pw_uid)
        return STATUS_OK;
    if (geteuid() != 0)
        return diag_at_path(reterr, STATUS_CONFIG, privilege_key,
                            "only root can become '%s'; start as this user instead", user);
    *ret_ids = (struct privilege_ids){true, entry->pw_uid, entry->pw_gid};
    return STATUS_OK;
}

enum status privilege_drop(const struct privilege_ids *ids, struct diag *reterr)
{
    if (!ids->wanted)
        return STATUS_OK;
    if (setgroups(0, NULL) != 0 || setresgid(ids->gid, ids->gid, ids->gid) != 0 ||
        setresuid(ids->uid, ids->uid, ids->uid) != 0)
        return diag_at_path(reterr, STATUS_INTERNAL, privilege_key,
                            "privileges cannot be dropped: %s", strerror(errno));
    uid_t real_user, user, saved_user;
    gid_t real_group, group, saved_group;
    if (getresuid(&real_user, &user, &saved_user) != 0 ||
        getresgid(&real_group, &group, &saved_group) != 0 || real_user != ids->uid ||
        user != ids->uid || saved_user != ids->uid || real_group != ids->gid || group != ids->gid ||
        saved_group != ids->gid || setuid(0) == 0)
        return diag_at_path(reterr, STATUS_INTERNAL, privilege_key, "privileges are still there");
    return STATUS_OK;
}

enum status privilege_lock(struct diag *reterr)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return diag_set(reterr, STATUS_INTERNAL, "new privileges cannot be ruled out: %s",
                        strerror(errno));
    return STATUS_OK;
}
