// GET /openapi.json: the description of every route (OpenAPI 3.1). Paths, methods, planes and who
// may ask come from the route table; operations and schemas from server/openapi.json, by the
// table's names of operations.
#pragma once

#include "base/buf.h"
#include "base/status.h"

// Appends the document. STATUS_NO_MEMORY.
MUST_USE enum status openapi_write(struct buf *out, struct diag *reterr);
