// report.html: one file that needs nothing else, no network either. A page of HTML, style and
// script, made at build time of model/train/report/ and the modules of D3 that it draws with,
// around the data as JSON; a browser draws it.
#pragma once

#include "proto/json_value.h"

// Writes the page atomically. `page` is a map: `kind` "experiment" with the members of
// results.json, or "calibration" with those that docs/report.md lists. Members that are missing are
// words on the page, never a fault. STATUS_INVALID: not a map, or another kind. Any thread.
MUST_USE enum status report_write(const char *path, const struct json_value *page,
                                  struct diag *reterr);

// The data alone, as they stand in the page's script element: JSON in which no byte can end the
// element or open a comment, whatever texts are in it. Appended.
MUST_USE enum status report_data(const struct json_value *page, struct buf *out);
