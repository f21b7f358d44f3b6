// A registry with the newest version of a folder, loaded as the daemon does.
#pragma once

#include "server/lifecycle.h"
#include "server/registry.h"
#include "tests/support/make_checkpoint.h"
#include "tests/support/scratch.h"

struct model_case {
    struct registry *registry;
    struct lifecycle *lifecycle;
};

// `name` "": the folder's own. The codes of lifecycle_start; nothing is left then.
MUST_USE enum status model_case_open(struct model_case *test, const char *folder, const char *name,
                                     unsigned readers, struct diag *reterr);
// The same of version 1 of the model `demo`, made as `spec` says in an empty folder.
MUST_USE enum status model_case_make(struct model_case *test, const struct scratch *scratch,
                                     const struct make_checkpoint *spec, unsigned readers,
                                     struct diag *reterr);
void model_case_close(struct model_case *test);
