// The container of model and state files: safetensors, as its Python package reads it, held
// tighter.
//
//   u64 length | JSON header, spaces | tensor | pad.0 | tensor | ...        little-endian
//              8                     64*n             every tensor starts at a multiple of 64
//
// The header begins with `{`, has no duplicate keys and at most SAFETENSORS_MAX_HEADER bytes.
// Tensors follow without gaps; what alignment leaves over is a U8 tensor `pad.N` of zeros, which
// readers do not see.
// `__metadata__` maps strings to strings; its "sha256" is the digest of the whole file with these
// 64 digits read as '0', so no byte can change unseen. Equal input gives equal bytes. (design 7)
#pragma once

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    SAFETENSORS_MAX_HEADER = 16 << 20,
    SAFETENSORS_MAX_TENSORS = 16384, // with pads
    SAFETENSORS_MAX_RANK = 4,
    SAFETENSORS_ALIGN = 64,
    SAFETENSORS_LENGTH = 8, // bytes of the length before the header
};

enum safetensors_dtype {
    SAFETENSORS_U8,
    SAFETENSORS_F32,
    SAFETENSORS_F64,
    SAFETENSORS_U64,
    SAFETENSORS_U32
};

// Row-major. In a file that was read, name and data are borrowed from it.
struct safetensors_tensor {
    const char *name;
    enum safetensors_dtype dtype;
    size_t rank;                        // 1 .. SAFETENSORS_MAX_RANK
    size_t shape[SAFETENSORS_MAX_RANK]; // each > 0
    const void *data;
};

struct safetensors_note {
    const char *key, *value;
};

// Writes tensors in the given order, all or nothing. Names are unique and not `pad.N`; notes do not
// hold "sha256", which is made here. STATUS_TOO_LARGE if the header outgrows its limit.
MUST_USE enum status safetensors_write(const char *path, const struct safetensors_tensor *tensors,
                                       size_t count, const struct safetensors_note *notes,
                                       size_t note_count, struct diag *reterr);

struct json_value;

struct safetensors {
    struct safetensors_tensor *tensors; // in file order, without pads
    size_t count;
    struct json_value *header; // owns the names
};

// Reads a whole file in memory; `data` is 64-byte aligned and must outlive the result. Nothing is
// believed before the digest holds. STATUS_CORRUPT with the reason, STATUS_NO_MEMORY.
MUST_USE enum status safetensors_parse(const unsigned char *data, size_t size,
                                       struct safetensors *ret_file, struct diag *reterr);
void safetensors_fini(struct safetensors *file);

const struct safetensors_tensor *safetensors_find(const struct safetensors *file, const char *name);
// The tensor if it is there with this type and shape (a dimension 0 stands for any); else
// STATUS_CORRUPT with what was expected and what is there.
MUST_USE enum status safetensors_need(const struct safetensors *file, const char *name,
                                      enum safetensors_dtype dtype, size_t rank,
                                      const size_t *shape,
                                      const struct safetensors_tensor **ret_tensor,
                                      struct diag *reterr);
const char *safetensors_note(const struct safetensors *file, const char *key); // or NULL
size_t safetensors_bytes(const struct safetensors_tensor *tensor);             // of its data

const char *safetensors_dtype_name(enum safetensors_dtype dtype); // "F32"
bool safetensors_is_pad(const char *name);

// Sets the digest of a file in memory anew; false if it has no place for one. For tests and
// fuzzers, which change files on purpose.
MUST_USE bool safetensors_seal(unsigned char *data, size_t size);
