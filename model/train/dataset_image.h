// The binary form of a data set: a cache of parsed files, or a shard that `ctr convert` wrote.
//
//   header (4096) | cells: of each list the shared ones, then its rows | grade (docs) |
//   offset (lists + 1) | group (lists) | ts (lists) | bid (docs) | qid (lists + 1) | names |
//   schema: text of encoding.h | vocabularies, in the order of the schema's tables
//
// Each part begins at a multiple of 64 bytes; group, ts, bid, schema and vocabularies may be empty;
// numbers are in the machine's order. A vocabulary is its count of ids, the bytes of all of them,
// their offsets (count + 1), and the bytes, filled up to a multiple of 8. The header has a hash of
// its own, and content_hash covers all parts, so a cut or changed file is seen when it is opened.
// An image is no exchange format: another version or machine makes its own.
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
    uint64_t columns, largest; // largest: the largest LETOR feature number seen
    uint64_t shared_cells;
    uint64_t lists, docs, name_bytes;
    uint64_t has_group, has_ts, has_bid; // 0 or 1
    uint64_t schema_bytes, vocab_bytes;  // 0: LETOR
    uint64_t limit;                      // largest feature number that was allowed; 0: any
    uint64_t unlabelled;                 // 1: documents without a label were allowed
    uint64_t vocabs_given;               // 1: they were not learnt from these files
    uint64_t csv_hash;                   // csvmap_hash of the map it was read by; 0: no table
    uint64_t skipped_lines;
    uint64_t content_hash;
    char first_skipped[640];
    uint64_t header_hash; // of all fields before
};

struct dataset_image_layout { // bytes from the start of the file
    size_t cells, grade, offset, group, ts, bid, qid, names, schema, vocabs, end;
};

MUST_USE enum status dataset_image_stat(const char *path, struct dataset_image_source *ret_source,
                                        struct diag *reterr);
// false: the sizes are beyond what can be addressed.
MUST_USE bool dataset_image_plan(const struct dataset_image_header *header,
                                 struct dataset_image_layout *ret_layout);

// Makes the data set of an image whose parts are written, seals its header and protects it. The
// mapping (layout->end bytes, writable) is the data set's from here on, also after a failure.
// `path` is for messages. STATUS_NO_MEMORY, STATUS_IO.
MUST_USE enum status dataset_image_finish(void *image, struct dataset_image_header *header,
                                          const struct dataset_image_layout *layout,
                                          const char *path, struct dataset *ret_dataset,
                                          struct diag *reterr);

// Maps the image at `path` and checks that it is whole.
MUST_USE enum status dataset_image_map(const char *path, struct dataset *ret_dataset,
                                       struct dataset_image_header *ret_header,
                                       struct diag *reterr);
// The same if it belongs to `source` and `options`; otherwise the code of the reason, whose words
// go to reterr. Impressions: options->schema is the encoding that is wanted.
MUST_USE enum status dataset_image_load(const char *path, const struct dataset_image_source *source,
                                        const struct dataset_options *options,
                                        struct dataset *ret_dataset, struct diag *reterr);
