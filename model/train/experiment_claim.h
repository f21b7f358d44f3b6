// A folder belongs to one experiment: to one configuration and one content of the data files.
//
//   OUT/experiment.yaml   the configuration, without what decides nothing: folders, threads,
//   minutes OUT/data.hash         the data that the first run saw
#pragma once

#include "model/train/experiment.h"
#include "model/train/traindata.h"

// The configuration as it stands in experiment.yaml and results.json; the error is in `out`.
void experiment_claim_text(const struct experiment *experiment, struct buf *out);
// STATUS_CONFIG: the folder belongs to another configuration. *ret_claimed: it belongs to this one,
// and to none otherwise.
MUST_USE enum status experiment_claim_look(const struct experiment *experiment, bool *ret_claimed,
                                           struct diag *reterr);
// The folder is this experiment's from now on; or an error as above. Under the lock of OUT.
MUST_USE enum status experiment_claim_folder(const struct experiment *experiment,
                                             struct diag *reterr);
// The same for the data. STATUS_CONFIG: their content has changed since the experiment began.
MUST_USE enum status experiment_claim_data(const struct experiment *experiment,
                                           const struct traindata *data, struct diag *reterr);
