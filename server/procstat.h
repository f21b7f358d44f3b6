// What the kernel knows of this process, under the names that generic dashboards expect.
#pragma once

#include "base/buf.h"

#include <stdbool.h>

// Appends process_* families in Prometheus text; one that cannot be read is left out.
void procstat_expose(bool openmetrics, struct buf *out);
