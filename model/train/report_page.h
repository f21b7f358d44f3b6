// The page of a report before and behind its data. The source is made at build time by
// cmake/Report.cmake of model/train/report/ and D3.
#pragma once

#include "base/span.h"

struct span report_page_head(void);
struct span report_page_tail(void);
