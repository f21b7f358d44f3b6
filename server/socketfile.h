// A UNIX listening socket at a path, for its owner alone.
#pragma once

#include "base/status.h"

#include <sys/types.h>

struct socketfile {
    int fd; // -1: there is none
    char path[108];
    dev_t device;
    ino_t inode;
};

// Whether a socket can have such a name, and nothing else has it: STATUS_CONFIG. "": there is none.
MUST_USE enum status socketfile_check(const char *path, struct diag *reterr);
// Mode 0600, of `uid` and `gid` (-1: as it is), from the moment that it has its name. The file that
// a dead process has left is replaced; STATUS_CONFIG if somebody listens there, or the path is no
// socket; STATUS_IO.
MUST_USE enum status socketfile_open(const char *path, uid_t uid, gid_t gid,
                                     struct socketfile *ret_file, struct diag *reterr);
// Closes, and removes the file if it is still the one that was made here. Nothing if fd is -1.
void socketfile_close(struct socketfile *file);
