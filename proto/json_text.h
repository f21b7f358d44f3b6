// JSON text written into a buffer: what the reply of a request and the tree writer have in common.
#pragma once

#include "base/buf.h"
#include "base/span.h"

// A quoted JSON string. Quote, backslash and control characters are escaped, other bytes stand as
// they are; `text` is valid UTF-8.
void json_text_string(struct buf *out, struct span text);
void json_text_float(struct buf *out, float x);   // finite; shortest that reads back
void json_text_double(struct buf *out, double x); // finite; shortest that reads back
