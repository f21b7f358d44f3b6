// ctrd from start to end: sockets, privileges, models, threads, ready, signals, drain.
#pragma once

#include "base/status.h"
#include "server/server_config.h"

// Runs until a signal ends it (drain.h); HUP, USR1 and USR2 are told in reload.h. `config` is
// changed by HUP and stays the caller's; `sources` are where it came from. `ready_fd` >= 0: the
// bound port, and that of admin.port if there is one, are written to it as a line when requests are
// served, then it is closed. Call it before any thread is made. STATUS_CONFIG when the options or
// the models do not allow a start.
MUST_USE enum status daemon_run(struct server_config *config, const struct cfg_sources *sources,
                                int ready_fd, struct diag *reterr);
