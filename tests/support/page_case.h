// A layout with every scope, kind and encoding, and a reader for tests of requests and records with
// ids. Texts are written with ' for ".
#pragma once

#include "proto/json_read.h"
#include "proto/vocab.h"

#include <stdbool.h>

enum {
    PAGE_CASE_TEXT = 1 << 18,
    PAGE_CASE_CANDIDATES = 5,
    PAGE_CASE_BUCKETS = 1000,
    PAGE_CASE_FIELDS = 12,
    PAGE_CASE_BRAND = 6
};

// Cells of the shared block and of an item row. Lists: hist 3, tags 2, words 2.
enum page_case_shared {
    PAGE_USER_ID,   // user.user_id, hash
    PAGE_HIST,      // user.hist, hash of the table item_id
    PAGE_AGE = 4,   // user.age, a number; NaN if missing
    PAGE_HOUR,      // context.hour, identity of 24
    PAGE_TAGS,      // context.tags, identity of 10
    PAGE_DWELL = 8, // privileged.dwell, a number; 0 if missing
    PAGE_USER_X_HOUR,
    PAGE_SHARED
};
enum page_case_item {
    PAGE_ITEM_ID,      // features.item_id, hash
    PAGE_BRAND,        // features.brand, vocab: acme, b, \u00e9
    PAGE_PRICE,        // features.price, two numbers that must be there
    PAGE_WORDS = 4,    // features.words, vocab
    PAGE_POSITION = 6, // privileged.position, identity of 50
    PAGE_SEEN,         // privileged.seen, a number; -1 if missing
    PAGE_USER_X_ITEM,
    PAGE_ITEM
};
enum { PAGE_BRAND_ACME = VOCAB_FIRST, PAGE_BRAND_B, PAGE_BRAND_E };

struct page_case {
    struct json_reader *reader;
    struct arena arena;
    struct vocab *brands;
    struct row_field fields[PAGE_CASE_FIELDS];
    struct row_cross crosses[2];
    struct row_layout layout;         // of records
    struct row_layout request_layout; // nothing privileged
    struct record_limits limits;      // group user_id, labels needed, nobody told
    struct rank_request request;
    struct record record;
    struct diag diag;
    char text[PAGE_CASE_TEXT + JSON_READ_PADDING];
    size_t size;
};

void page_case_init(struct page_case *test);
void page_case_fini(struct page_case *test);
void page_case_write(struct page_case *test, const char *quoted); // to `text`, `size`
// Read what is in `text`, `size`; unknown features of a request are ignored.
enum status page_case_read_request(struct page_case *test, char pad);
enum status page_case_read_record(struct page_case *test, char pad);
enum status page_case_request(struct page_case *test, const char *quoted);
enum status page_case_record(struct page_case *test, const char *quoted);
uint32_t page_case_hash(const char *table, const char *id);
uint32_t page_case_pair(const char *table, const char *a, const char *b);
