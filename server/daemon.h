// ctrd from start to end: listener, model, threads, ready, signals, drain.
#pragma once

#include "base/status.h"
#include "server/server_config.h"

// Runs until a signal ends it: TERM drains (readyz 503, serve on for drain.delay_ms, stop
// accepting, finish what is in flight), INT and QUIT finish within a second. `ready_fd` >= 0: the
// bound port is written to it as a line when requests are served, then it is closed. Call it before
// any thread is made. STATUS_CONFIG when the options or the model do not allow a start.
MUST_USE enum status daemon_run(const struct server_config *config, int ready_fd,
                                struct diag *reterr);
