// A safetensors file that is not held in memory: its header is, and tensors are read one by one to
// where they belong. For a file that is as large as what it fills (model/train/state.h).
#pragma once

#include "model/safetensors.h"

struct safetensors_file {
    struct safetensors tensors; // without data
    int fd;
    size_t data; // where the data begin in the file
};

// Proves the digest of the whole file and everything that safetensors_parse does, but that pads are
// zeros. Between this and the reads nobody may write into the file: ours are replaced, never
// changed. STATUS_NOT_FOUND, STATUS_IO, STATUS_CORRUPT, STATUS_NO_MEMORY.
MUST_USE enum status safetensors_file_open(const char *path, struct safetensors_file *ret_file,
                                           struct diag *reterr);
void safetensors_file_close(struct safetensors_file *file);
// The data of a tensor of file->tensors, safetensors_bytes of them. STATUS_IO.
MUST_USE enum status safetensors_file_read(const struct safetensors_file *file,
                                           const struct safetensors_tensor *tensor, void *ret_data,
                                           struct diag *reterr);
