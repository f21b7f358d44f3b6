// Read by clang-tidy before every file (scripts/run_tidy.py): its analyser sees one file at a time,
// and would otherwise take a path on which diag_set and its kin return STATUS_OK.
#pragma once

#include "base/status.h"
#include "model/schema_rules.h"

#define diag_set(diag, code, ...) ((void)diag_set(diag, code, __VA_ARGS__), (code))
#define diag_at_path(diag, code, ...) ((void)diag_at_path(diag, code, __VA_ARGS__), (code))
#define diag_at_line(diag, code, ...) ((void)diag_at_line(diag, code, __VA_ARGS__), (code))
#define diag_errno(diag, file, what) ((void)diag_errno(diag, file, what), STATUS_IO)
#define schema_rules_fault(place, diag, ...)                                                       \
    ((void)schema_rules_fault(place, diag, __VA_ARGS__), STATUS_CONFIG)
