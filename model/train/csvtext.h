// A line of CSV text to its fields (RFC 4180): the one door to libcsv.
//
// Strict: a quote inside a field that is not quoted, text behind a closing quote, a quote that
// stays open, and a line break (CR too) outside quotes are faults. Blanks belong to the field. One
// thread.
#pragma once

#include "base/span.h"
#include "base/status.h"

#include <stddef.h>

enum { CSVTEXT_MAX_FIELDS = 65536 };

struct csvtext; // parser memory, reused

struct csvtext *csvtext_new(char separator); // NULL: no memory
void csvtext_free(struct csvtext *text);     // NULL is nothing
// Fields are terminated, not counted, and live until
// the next call. An empty line is one empty field. STATUS_INVALID, STATUS_TOO_LARGE,
// STATUS_NO_MEMORY.
MUST_USE enum status csvtext_split(struct csvtext *text, struct span line,
                                   const struct span **ret_fields, size_t *ret_count,
                                   struct diag *reterr);
