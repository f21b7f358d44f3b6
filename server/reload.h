// What a running daemon changes on a signal.
#pragma once

#include "base/status.h"

struct daemon;

// Fills the options that threads read while they run (live.h).
void reload_take_live(struct daemon *daemon);
// HUP: reads the configuration anew, validates all of it, then takes the options that are live and
// the models' plan, and looks for new versions. A fault changes nothing and is logged, and so is an
// option that needs a restart.
void reload_all(struct daemon *daemon);
// USR1: opens the log files anew, so that they can be rotated.
void reload_logs(struct daemon *daemon);
// USR2: a line with the state of the daemon.
void reload_tell(struct daemon *daemon);
