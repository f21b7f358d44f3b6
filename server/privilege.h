// The user that ctrd runs as, and the end of its privileges (spec/security.md 5).
#pragma once

#include "base/status.h"

#include <stdbool.h>
#include <sys/types.h>

struct privilege_ids {
    bool wanted; // somebody else than who started the process
    uid_t uid;
    gid_t gid;
};

// Of the name of a user; "": stay as it is. STATUS_CONFIG if there is no such user, if it is root,
// or if the process may not become it.
MUST_USE enum status privilege_find(const char *user, struct privilege_ids *ret_ids,
                                    struct diag *reterr);
// Groups, group, user, in this order, for good; checked. STATUS_INTERNAL.
MUST_USE enum status privilege_drop(const struct privilege_ids *ids, struct diag *reterr);
// No execve gives privileges back. STATUS_INTERNAL.
MUST_USE enum status privilege_lock(struct diag *reterr);
