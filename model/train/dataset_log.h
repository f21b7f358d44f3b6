// Impression logs as data sets: parsed once into a binary image, which is then mapped.
#pragma once

#include "model/train/dataset.h"
#include "model/train/impressions.h"
#include "model/train/shards.h"

// The files of one format into an image: the cache at options->cache_path, or, without one, a file
// without a name in TMPDIR. options->schema is the encoding that is wanted (encoding.h);
// vocabularies that it has not are learnt from these files first, in a pass of its own.
// *ret_totals says what was noticed; nothing where the cache was read. Memory holds neither lists
// nor documents while this works.
MUST_USE enum status dataset_log_open(const struct shards *shards,
                                      const struct dataset_options *options,
                                      struct dataset *ret_dataset,
                                      struct impressions_totals *ret_totals, struct diag *reterr);
// The same into a file at `path`, whole or not at all.
MUST_USE enum status dataset_log_write(const struct shards *shards,
                                       const struct dataset_options *options, const char *path,
                                       struct dataset *ret_dataset,
                                       struct impressions_totals *ret_totals, struct diag *reterr);
