// Makes the n-th allocation of this thread fail. Only in programs of the label torture, which are
// linked with --wrap for the functions that allocate; it sees the calls of our code, not those that
// a shared library makes inside.
#pragma once

#include <stdbool.h>

enum failmalloc_mode {
    FAILMALLOC_ONCE,  // the n-th alone
    FAILMALLOC_SINCE, // the n-th and all after it
};

void failmalloc_arm(unsigned long nth, enum failmalloc_mode mode); // from 1
bool failmalloc_disarm(void);                                      // did one fail?
