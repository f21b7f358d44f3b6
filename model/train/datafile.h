// Data files for people: any format, with a bar while they are read and lines in the log that say
// what was noticed.
#pragma once

#include "model/train/dataset.h"

// Opens `path` (dataset.h; a pattern for impressions) as options->format says, DATASET_AUTO by the
// ending of its name. Impressions need options->schema: `features`, or the model's. `role` names
// the data in the log ("train"). Options' progress is set here.
MUST_USE enum status datafile_open(const char *path, const char *role,
                                   const struct dataset_options *options,
                                   struct dataset *ret_dataset, struct diag *reterr);
// The format that datafile_open takes; not DATASET_AUTO.
enum dataset_format datafile_format(const char *path, enum dataset_format format);
