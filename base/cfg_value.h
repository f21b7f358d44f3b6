// The values of options: one parser and one printer a kind, for cfg.c and cfg_text.c.
#pragma once

#include "base/cfg.h"

// Each reads one value (cfg_value_parse: none of CFG_TREE) into the option's field of `config`,
// freeing what stood there. On failure the field is as it was and *reterr, if not NULL, holds "key:
// words" without a place.
MUST_USE enum status cfg_value_parse(const struct cfg_option *option, struct span text,
                                     void *config, struct diag *reterr);
MUST_USE enum status cfg_value_from_node(const struct cfg_option *option,
                                         const struct yamldoc_node *node, void *config,
                                         struct diag *reterr);
void cfg_value_free(const struct cfg_option *option, void *config);

// As one line of YAML that reads back to the same value.
void cfg_value_print(const struct cfg_option *option, const void *config, struct buf *out);
