// A temporary folder for one test program. Failures end the test: they are asserts of cmocka.
#pragma once

#include <stddef.h>

struct scratch {
    char folder[64];
};

void scratch_make(struct scratch *scratch);
void scratch_remove(struct scratch *scratch); // with all that is in it
// "folder/name" into `path`; returns path.
const char *scratch_path(const struct scratch *scratch, const char *name, char path[128]);
// Writes a file; returns its path in `path`.
const char *scratch_file(const struct scratch *scratch, const char *name, const void *data,
                         size_t size, char path[128]);
