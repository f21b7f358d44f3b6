// The parts of a data set's image, one by one: what is in them, whether it can be, their hash.
#pragma once

#include "base/hash64.h"
#include "base/span.h"
#include "base/status.h"
#include "model/train/dataset.h"

// The schema and the vocabularies of an image, for dataset->owned and dataset->schema.
MUST_USE enum status dataset_parts_schema(struct span schema, struct span vocabs, const char *path,
                                          struct dataset *dataset, struct diag *reterr);
// Ascending bounds of `count` parts that end at `total`; no part is empty.
bool dataset_parts_bounds(const uint64_t *bound, size_t count, uint64_t total);
// Every id has a row, every number and grade is one that a parser gives.
bool dataset_parts_values(const struct dataset *dataset);
void dataset_parts_hash(const struct dataset *dataset, struct hash64_stream *stream);

// The vocabularies of the schema's tables as they stand in an image.
struct buf;
void dataset_parts_put_vocabs(const struct schema *schema, struct buf *out);
