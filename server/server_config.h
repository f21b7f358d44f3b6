// Options of ctrd: the struct made from server_config.def, loaded through base/cfg.
#pragma once

#include "base/buf.h"
#include "base/cfg.h"
#include "base/status.h"

struct server_config {
#define CFG(...) CFG_FIELD(__VA_ARGS__)
#include "server/server_config.def"
#undef CFG
};

// The table, for --help, the manual and the tests.
const struct cfg_table *server_config_table(void);

// Defaults, file, environment, --set, in this order; then what no single option can tell: the
// folder is given, the name is one. On success the caller frees with server_config_fini.
MUST_USE enum status server_config_load(const struct cfg_sources *sources,
                                        struct server_config *ret_config, struct diag *reterr);
void server_config_fini(struct server_config *config);

// The word of a CFG_CHOICE option ("avx2"), copied into `word`, always terminated; returns `word`.
const char *server_config_choice(const char *key, int index, char *word, size_t size);
