// A schema with every kind of feature, for checkpoints of tests.
#pragma once

#include "tests/support/make_checkpoint.h"

// Two histories with DIN, ids of every encoding, lists, a cross, buckets, standardise.
#define MAKE_CHECKPOINT_KINDS                                                                      \
    "- {name: user_id, scope: user, kind: id, buckets: 6, dim: 2}\n"                               \
    "- {name: history, scope: user, kind: id_list, table: item_id, max_len: 4, pool: din, "        \
    "target: item_id}\n"                                                                           \
    "- {name: age, scope: user, kind: dense, quantiles: 5, dim: 2}\n"                              \
    "- {name: hour, scope: context, kind: id, encode: identity, buckets: 4, dim: 1}\n"             \
    "- {name: recent, scope: context, kind: id_list, table: brand, max_len: 3, pool: din, "        \
    "target: brand}\n"                                                                             \
    "- {name: bought, scope: user, kind: id_list, table: item_id, max_len: 3, pool: sum}\n"        \
    "- {name: item_id, scope: item, kind: id, buckets: 9, dim: 3}\n"                               \
    "- {name: brand, scope: item, kind: id, encode: vocab, dim: 2}\n"                              \
    "- {name: words, scope: item, kind: id_list, table: brand, max_len: 3}\n"                      \
    "- {name: pair, kind: cross, cross: [user_id, item_id], buckets: 7, dim: 2}\n"                 \
    "- {name: price, scope: item, kind: dense, size: 2, transform: standardise}\n"                 \
    "- {name: f, scope: item, kind: dense, size: 3, transform: log1p}\n"
// Behind them: what only a teacher sees.
#define MAKE_CHECKPOINT_PAGE                                                                       \
    "- {name: others, scope: item, kind: id, source: loo_mean, of: item_id, privileged: true}\n"   \
    "- {name: brands, scope: item, kind: id, source: loo_mean, of: brand, dim: 3, privileged: "    \
    "true}\n"                                                                                      \
    "- {name: share, scope: item, kind: dense, source: share, of: item_id, privileged: true}\n"    \
    "- {name: place, scope: item, kind: id, source: position, encode: identity, buckets: 3, dim: " \
    "2, privileged: true}\n"                                                                       \
    "- {name: dwell, scope: context, kind: dense, size: 1, privileged: true}\n"
