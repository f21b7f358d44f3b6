// What a warm start takes from another run's state before data are opened: its features, with the
// edges, statistics and vocabularies that were fitted then, so that the same numbers and ids mean
// the same (state.h has the rest).
#pragma once

#include "base/digest.h"
#include "model/schema.h"

struct warm {
    struct schema schema;
    struct vocab **vocabs;       // (schema.table_count) of the tables; NULL where none
    char **bytes;                // (schema.table_count) of the vocabularies
    uint64_t **offsets;          // the same
    char sha256[DIGEST_HEX + 1]; // of the state
};

// Of the state at `path`. STATUS_CORRUPT, STATUS_NOT_FOUND, STATUS_NO_MEMORY.
MUST_USE enum status warm_open(const char *path, struct warm *ret_warm, struct diag *reterr);
void warm_close(struct warm *warm);
// Gives the features of `schema` what was fitted for them. STATUS_CONFIG names a feature that is
// another now, missing or new.
MUST_USE enum status warm_fit(const struct warm *warm, struct schema *schema, struct diag *reterr);
