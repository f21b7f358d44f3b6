// From a parsed container to a checkpoint: role, manifest, every tensor that the manifest implies.
#pragma once

#include "model/checkpoint.h"
#include "model/safetensors.h"

// The result looks into the container's memory. On failure checkpoint_fini releases what is there.
MUST_USE enum status checkpoint_read(const struct safetensors *file, struct checkpoint *checkpoint,
                                     struct diag *reterr);
