// A fixed team of threads that does one job on every shard and meets at its end (a barrier a call).
// The result depends on the shards, never on the number of threads or who takes what.
#pragma once

#include "base/status.h"

#include <stddef.h>

struct team;

typedef void (*team_job)(void *context, size_t shard);

MUST_USE struct team *
team_start(unsigned threads); // threads >= 1, the caller is one of them; NULL: no memory
void team_stop(struct team *team);
void team_run(struct team *team, size_t shards, team_job job, void *context);
