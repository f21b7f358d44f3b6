// Blocks of whole lines from files, plain or gzip, for parsers that work side by side.
//
// A block has lines of one file. A byte order mark before the first line is dropped. With `quotes`
// a line break between double quotes belongs to the line (RFC 4180), and the first line of every
// file, its header, is in each of the file's blocks. One thread.
#pragma once

#include "base/buf.h"
#include "base/span.h"
#include "base/status.h"
#include "model/train/shards.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LINEREAD_BLOCK = 1 << 20, LINEREAD_MAX_LINE = 64 << 20, LINEREAD_PADDING = 64 };

struct lineread_block {
    struct buf text;     // each line ends with '\n'; LINEREAD_PADDING bytes behind are readable
    struct buf header;   // without its line break
    const char *file;    // borrowed from the shards
    unsigned first_line; // from 1
    bool overlong;       // a line beyond LINEREAD_MAX_LINE stood here; no text
};

struct lineread {
    const struct shards *shards;
    bool quotes;
    size_t file;              // the next one to be opened
    struct gzip_reader *gzip; // NULL: none is open
    bool ended;               // nothing comes from it any more
    bool inside;              // between quotes
    bool skipping;            // inside a line that is too long
    bool has_header;
    unsigned line; // number of the first line that has not been handed out
    struct buf carry, header;
    uint64_t done_bytes; // of files that are through
};

void lineread_init(struct lineread *reader, const struct shards *shards, bool quotes);
void lineread_fini(struct lineread *reader);
void lineread_block_init(struct lineread_block *block);
void lineread_block_fini(struct lineread_block *block);
// *ret_more false: the end, and the block is empty. STATUS_CORRUPT for damaged gzip data,
// STATUS_IO, STATUS_NO_MEMORY.
MUST_USE enum status lineread_next(struct lineread *reader, struct lineread_block *block,
                                   bool *ret_more, struct diag *reterr);
uint64_t lineread_position(const struct lineread *reader); // bytes of the files, as they are stored
