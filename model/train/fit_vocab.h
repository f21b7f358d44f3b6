// Vocabularies learnt from impression logs: the ids of a table by count descending, bytes
// ascending, those with at least min_count (design 8). Counted is what a list keeps, in all lines,
// also those that are set aside to validate.
#pragma once

#include "model/train/impressions.h"

struct fit_vocab {
    struct vocab **vocabs; // (count)
    char **bytes;
    uint64_t **offsets;
    size_t count;
};

// Reads all shards once and gives `schema` (that of options) a vocabulary for every table that
// needs one and has none. They live until fit_vocab_fini. STATUS_CONFIG names a feature without any
// id that is frequent enough.
MUST_USE enum status fit_vocab_learn(struct fit_vocab *fit, const struct shards *shards,
                                     const struct impressions_options *options,
                                     struct schema *schema, struct diag *reterr);
void fit_vocab_fini(struct fit_vocab *fit);
