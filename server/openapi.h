// GET /openapi.json: the description of every route (OpenAPI 3.1).
#pragma once

#include "base/span.h"

struct span openapi_document(void); // constant
