// A data set: lists of documents with raw values, labels and grades; LETOR files, or impressions,
// whose lists are pages.
//
// Values stand as in a binary image (dataset_image.h), which is mapped, so a large set lives in the
// page cache and is shared by processes. The raw form is proto/row.h's cells: clamped, not
// transformed. LETOR: cell c (from 0) of a row is feature number c + 1, nothing is shared.
// Impressions: as the layout of `schema` says. Privileged values are in it too; the schema says
// which are which.
#pragma once

#include "base/span.h"
#include "base/status.h"
#include "proto/row.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum dataset_format { DATASET_AUTO, DATASET_LETOR, DATASET_JSONL, DATASET_CSV, DATASET_CTR };

struct dataset_part { // an image
    size_t first_list, first_doc;
    const union row_cell *cells; // of its first list
};

struct dataset {
    size_t lists, docs, columns; // columns: cells of a row
    size_t shared_cells;         // of a list; 0 for LETOR
    const struct schema *schema; // of impressions: what the cells are (encoding.h); NULL for LETOR
    const uint64_t *offset;      // (lists + 1) first document of each list
    union {
        const union row_cell *cells; // of each list the shared ones, then its rows (docs, columns)
        const float *values;         // the same of LETOR: (docs, columns)
    };
    const float *grade; // (docs); a click is grade > 0
    // (lists) user of GAUC: the lower half of hash64 of the user's bytes, so that numbers mean the
    // same in every file; of a list without a user, of its place. NULL: every list is its own
    // group.
    const uint32_t *group;
    const int64_t *ts;    // (lists) 0: none; NULL: no list has one
    const double *bid;    // (docs) NAN: none; NULL: no document has one
    const char *qid_text; // all names of lists, one after another
    const uint64_t *qid;  // (lists + 1) offsets into qid_text
    // hash64 of the parsed content: same data, same number, whatever the file
    uint64_t content_hash;
    uint64_t skipped_lines;  // with --skip-bad
    char first_skipped[640]; // "file:line: what" of the first of them; ""
    char cache_note[256];    // why the cache at cache_path was not used and is written anew; ""
    // Several images together: `cells` are those of the first.
    const struct dataset_part *parts; // (part_count) NULL where there is one
    size_t part_count;
    struct dataset_owned *owned; // mappings, schema, vocabularies; NULL: nothing
};

struct dataset_options {
    uint32_t columns;  // 0: the largest number in the file; else a larger one is an error
    uint64_t skip_bad; // how many bad lines may be skipped
    // Binary cache: read if it belongs to these files, else written; NULL: none.
    const char *cache_path;
    // Called now and then with bytes done and in all; may be NULL.
    void (*progress)(void *context, uint64_t done, uint64_t total);
    void *progress_context;
    // Impressions alone (dataset_log.h, dataset_join.h).
    enum dataset_format format;
    // What is to be read. Vocabularies that are there are used, others are learnt from the data.
    const struct schema *schema;
    const struct csvmap *csv; // DATASET_CSV
    bool unlabelled;          // a candidate need not have a label
    unsigned threads;         // of the parser; 0: one a core
};

// By the ending: .jsonl, .csv, .tsv (each also with .gz), .ctr; everything else is LETOR.
enum dataset_format dataset_format_of(const char *path);

// `path` is a file; of impressions also a pattern that names several (shards.h).
//
// LETOR text, plain or gzip. Errors are file:line. A cache that is stale (size, time or ends of the
// file, other columns, more lines skipped than allowed), damaged or foreign is ignored and
// replaced; processes that do so at once do not disturb each other. A file that changes while it is
// read, or holds no document, is an error. Nothing but names, grades and the offsets is held in
// memory while a cache is written. Of impressions not even those.
MUST_USE enum status dataset_open(const char *path, const struct dataset_options *options,
                                  struct dataset *ret_dataset, struct diag *reterr);
void dataset_close(struct dataset *dataset);
// The cells that a list shares (shared_cells), and the rows (documents, columns) of its documents.
const union row_cell *dataset_shared(const struct dataset *dataset, size_t list);
const union row_cell *dataset_rows(const struct dataset *dataset, size_t list);
struct span dataset_qid(const struct dataset *dataset, size_t list);
// hash64 of the lists' names, sizes and grades: the same for the same lists, whatever was read of
// them beside.
uint64_t dataset_lists_hash(const struct dataset *dataset);
// Their cells are not needed soon: resident memory stays flat while an epoch streams. They may be
// read again at any time, by any thread.
void dataset_release(const struct dataset *dataset, size_t first_list, size_t end_list);

// Which lists go to validation when there is no file of its own: XXH3_64(qid, seed) mod 100 <
// percent. valid[list] is set to 0 or 1.
void dataset_split(const struct dataset *dataset, uint64_t seed, unsigned percent, uint8_t *valid);
