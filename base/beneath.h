// Opens a file below a folder and nowhere else: `..` and symbolic links may lead around inside
// (volumes of Kubernetes are made of them), never out; absolute links are out.
// (spec/security.md 3.3)
#pragma once

#include "base/status.h"

// `path` is relative to the folder `root_fd`. The descriptor is close-on-exec; `flags` are those of
// open(2) without O_CREAT. *ret_fd is set on success; STATUS_NOT_FOUND where nothing is there, else
// STATUS_IO.
MUST_USE enum status beneath_open(int root_fd, const char *path, int flags, int *ret_fd,
                                  struct diag *reterr);
// The same without openat2(2), for kernels and sandboxes that lack it: one openat for each
// component.
MUST_USE enum status beneath_walk(int root_fd, const char *path, int flags, int *ret_fd,
                                  struct diag *reterr);
