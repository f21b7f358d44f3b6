// From packs to the binary image of dataset_image.h: cells go straight to their place, everything
// else waits in spools until it is known how many cells there are.
#pragma once

#include "model/train/dataset_image.h"
#include "model/train/pack.h"
#include "model/train/spool.h"

struct dataset_gather {
    int fd; // of the image; the caller's
    const char *target;
    const struct schema *schema; // with vocabularies
    uint64_t lists, docs, at;    // at: where the next cells go
    bool has_group, has_ts, has_bid;
    struct spool grade, offset, group, ts, bid, qid, names;
};

// `folder`: of the spools; NULL: TMPDIR.
MUST_USE enum status dataset_gather_init(struct dataset_gather *gather, int fd, const char *target,
                                         const char *folder, const struct schema *schema,
                                         struct diag *reterr);
void dataset_gather_fini(struct dataset_gather *gather);
// An impressions_sink.
enum status dataset_gather_pack(void *context, const struct pack *pack, struct diag *reterr);
// Puts the image together and maps it. The caller has filled in source, limits and skipped lines.
MUST_USE enum status dataset_gather_finish(struct dataset_gather *gather,
                                           struct dataset_image_header *header,
                                           struct dataset *ret_dataset, struct diag *reterr);
