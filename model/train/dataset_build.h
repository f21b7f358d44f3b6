// From LETOR text to the binary image of dataset_image.h, in a file or in anonymous memory.
#pragma once

#include "base/status.h"
#include "model/train/dataset.h"
#include "model/train/dataset_image.h"

// Parses `path` into the empty, writable descriptor `fd` and maps it read-only. Values are written
// out as they come; when a larger feature number widens the rows on the way, they are moved apart
// in place at the end. `target` names the descriptor in messages. The caller closes fd, also after
// a failure.
MUST_USE enum status dataset_build(const char *path, const struct dataset_options *options,
                                   const struct dataset_image_source *source, int fd,
                                   const char *target, struct dataset *ret_dataset,
                                   struct diag *reterr);
