// What a data set owns besides what it points to.
#pragma once

#include "model/schema.h"
#include "model/train/dataset.h"

struct dataset_owned {
    void *mapping; // NULL: parts alone
    size_t mapping_bytes;
    struct schema schema;  // count 0: LETOR
    struct vocab **vocabs; // (vocab_count) their bytes are mapped
    size_t vocab_count;
    struct dataset *images; // (image_count) of dataset_join
    size_t image_count;
    void *joined[8]; // arrays of all images together
    struct dataset_part *parts;
};

// Takes over the mapping, also after a failure (STATUS_NO_MEMORY).
MUST_USE enum status dataset_owned_new(void *mapping, size_t bytes,
                                       struct dataset_owned **ret_owned, struct diag *reterr);
void dataset_owned_free(struct dataset_owned *owned); // NULL is nothing
