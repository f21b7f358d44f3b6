// GET /metrics: everything that ctrd counts, as Prometheus or OpenMetrics text.
#pragma once

#include "base/buf.h"
#include "server/observe.h"

#include <stdbool.h>

// `reader`: of the registry, of this thread.
void exposition_write(struct observe *observe, unsigned reader, bool openmetrics, struct buf *out);
