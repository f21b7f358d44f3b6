// What is known beside data whose click probabilities are known: FILE.truth, the chance of a click
// as shown; FILE.appeal, the chance in a neutral place, which is what an auction should know, where
// that differs (docs/synth-impressions.md); FILE.bid.
#pragma once

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

struct known {
    double *truth, *appeal, *bid; // (docs) or NULL: not known
};

struct known_paths {
    const char *truth, *appeal, *bid; // NULL: beside the data, if it is there
    bool money;                       // appeal and bid are of interest
    bool draw_bids;                   // bids beside the data are not
};

// A truth that was named is that of the money too, unless `appeal` is named. STATUS_INVALID names
// file:line of what is no number or too much or too little; STATUS_NOT_FOUND a named file that is
// not there. ret_known: known_fini in either case.
MUST_USE enum status known_read(const struct known_paths *paths, const char *data, size_t docs,
                                struct known *ret_known, struct diag *reterr);
void known_fini(struct known *known);
