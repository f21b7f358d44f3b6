// What was built: the release and the commit that the build was configured from.
#pragma once

const char *version_string(void); // "0.1.0"
const char *version_commit(void); // 12 hex digits, or "unknown" outside a checkout
