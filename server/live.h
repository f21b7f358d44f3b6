// What may change while the daemon runs, options and that it ends, as the threads that serve read
// it. Written by the thread of signals alone.
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum live_on_deadline { LIVE_ERROR, LIVE_BY_BID };

struct live {
    _Atomic uint64_t timeout_ns; // of a request that brings none; 0: none
    atomic_int on_deadline;      // enum live_on_deadline
    atomic_bool given_up;        // the end has come: what is being ranked is answered 503
};
