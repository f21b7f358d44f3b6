// Options of ctrd: the struct made from server_config.def, loaded through base/cfg.
#pragma once

#include "base/buf.h"
#include "base/cfg.h"
#include "base/status.h"
#include "server/lifecycle.h"

struct server_config {
#define CFG(field, kind, key, fallback, min, max, choices, live, help)                             \
    CFG_FIELD(field, kind, key, fallback, min, max, choices, help)
#include "server/server_config.def"
#undef CFG
    struct yamldoc *doc; // that `models` points into
};

// The table, for --help, the manual and the tests.
const struct cfg_table *server_config_table(void);

// Defaults, file, environment, flags, in this order; then what no single option can tell: there is
// a model, its name is one, the admin port has a token. On success the caller frees with
// server_config_fini.
MUST_USE enum status server_config_load(const struct cfg_sources *sources,
                                        struct server_config *ret_config, struct diag *reterr);
void server_config_fini(struct server_config *config);

// Which models and versions serve: of `models`, or of model.folder. The caller frees with
// lifecycle_plan_fini.
MUST_USE enum status server_config_plan(const struct server_config *config,
                                        struct lifecycle_plan *ret_plan, struct diag *reterr);

// The word of a CFG_CHOICE option ("avx2"), copied into `word`, always terminated; returns `word`.
const char *server_config_choice(const char *key, int index, char *word, size_t size);
