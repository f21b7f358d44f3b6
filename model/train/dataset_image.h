// The binary form of a data set: what the cache file holds and what is mapped.
//
//   header (4096) | values (docs, columns) | grade (docs) | offset (lists + 1) | qid (lists + 1) |
//   names
//
// Each part begins at a multiple of 64 bytes; numbers are in the machine's order. The header has a
// hash of its own, and content_hash covers all parts, so a cut or changed file is seen when it is
// opened. A cache is no exchange format: another version or machine makes its own.
#pragma once

#include "base/status.h"
#include "model/train/dataset.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DATASET_IMAGE_HEADER = 4096 };

struct dataset_image_source { // the text file as it was when it was read
    uint64_t size_bytes, mtime_ns;
    uint64_t ends_hash; // hash64 of its first and last 64 KiB: another file may have size and time
                        // in common
    bool regular;       // a pipe has no cache
};

struct dataset_image_header {
    char magic[16];
    uint64_t byte_order;
    uint64_t source_bytes, source_mtime_ns, source_ends_hash;
    uint64_t columns, largest; // largest: the largest feature number seen
    uint64_t lists, docs, name_bytes;
    uint64_t limit; // largest feature number that was allowed; 0: any
    uint64_t skipped_lines;
    uint64_t content_hash;
    char first_skipped[640];
    uint64_t header_hash; // of all fields before
};

struct dataset_image_layout { // bytes from the start of the file
    size_t values, grade, offset, qid, names, end;
};

MUST_USE enum status dataset_image_stat(const char *path, struct dataset_image_source *ret_source,
                                        struct diag *reterr);
// false: the sizes are beyond what can be addressed.
MUST_USE bool dataset_image_plan(uint64_t docs, uint64_t columns, uint64_t lists,
                                 uint64_t name_bytes, struct dataset_image_layout *ret_layout);
// Points *ret_dataset into a complete image.
void dataset_image_bind(const void *image, const struct dataset_image_header *header,
                        const struct dataset_image_layout *layout, struct dataset *ret_dataset);
uint64_t dataset_image_content_hash(const struct dataset *dataset); // 0: no memory
// Fills in magic and hash, and copies the header to the front of the image.
void dataset_image_seal(struct dataset_image_header *header, void *image);

// Maps the cache at `path` if it is whole and belongs to `source` and `options`; otherwise the code
// of the reason, whose words go to reterr.
MUST_USE enum status dataset_image_load(const char *path, const struct dataset_image_source *source,
                                        const struct dataset_options *options,
                                        struct dataset *ret_dataset, struct diag *reterr);
