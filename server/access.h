// The access log: a JSON line for each request, written by a thread of its own, limited in rate.
// What a request was and how it went; never a value of a feature.
#pragma once

#include "base/logline.h"
#include "server/address.h"
#include "server/slot.h"

#include <stdbool.h>

struct access {
    struct logline *lines; // borrowed
};

// Any I/O thread. `sent`: the whole reply went out.
void access_log(const struct access *access, const struct slot *slot, struct address client,
                bool sent);
