#include "model/safetensors.h"

#include "base/digest.h"
#include "base/num.h"
#include "model/safetensors_seal.h"
#include "proto/json_value.h"

#include <assert.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "tensors are written as they stand");

static const struct {
    const char *name;
    size_t bytes;
} dtypes[] = {
    [SAFETENSORS_U8] = {"U8", 1},   [SAFETENSORS_F32] = {"F32", 4}, [SAFETENSORS_F64] = {"F64", 8},
    [SAFETENSORS_U64] = {"U64", 8}, [SAFETENSORS_U32] = {"U32", 4},
};

static const unsigned char zeros[SAFETENSORS_ALIGN];

const char *safetensors_dtype_name(enum safetensors_dtype dtype)
{
    return dtypes[dtype].name;
}

static MUST_USE bool count_bytes(const struct safetensors_tensor *tensor, size_t *ret_bytes)
{
    size_t bytes = dtypes[tensor->dtype].bytes;
    for (size_t d = 0; d < tensor->rank; d++)
        if (!num_mul(bytes, tensor->shape[d], &bytes))
            return false;
    *ret_bytes = bytes;
    return true;
}

size_t safetensors_bytes(const struct safetensors_tensor *tensor)
{
    size_t bytes = 0;
    bool fits = count_bytes(tensor, &bytes);
    assert(fits);
    return fits ? bytes : 0;
}

bool safetensors_is_pad(const char *name)
{
    if (strncmp(name, "pad.", 4) != 0 || name[4] == '\0')
        return false;
    return name[4 + strspn(name + 4, "0123456789")] == '\0';
}

enum status safetensors_header_end(const unsigned char *data, size_t size, size_t *ret_end,
                                   struct diag *reterr)
{
    if (size < SAFETENSORS_LENGTH)
        return diag_set(reterr, STATUS_CORRUPT, "a file of %zu bytes has no header", size);
    uint64_t length = 0;
    for (unsigned i = 0; i < SAFETENSORS_LENGTH; i++)
        length |= (uint64_t)data[i] << (8 * i);
    if (length > SAFETENSORS_MAX_HEADER)
        return diag_set(reterr, STATUS_CORRUPT,
                        "a header of %" PRIu64
                        " bytes is over the limit of %d: is it a safetensors file?",
                        length, (int)SAFETENSORS_MAX_HEADER);
    if (length > size - SAFETENSORS_LENGTH)
        return diag_set(reterr, STATUS_CORRUPT,
                        "the file ends inside its header (%" PRIu64 " bytes announced, %zu there)",
                        length, size - SAFETENSORS_LENGTH);
    size_t end = SAFETENSORS_LENGTH + (size_t)length;
    if (end % SAFETENSORS_ALIGN != 0)
        return diag_set(reterr, STATUS_CORRUPT, "data starts at byte %zu, not a multiple of %d",
                        end, (int)SAFETENSORS_ALIGN);
    if (data[SAFETENSORS_LENGTH] != '{')
        return diag_set(reterr, STATUS_CORRUPT, "the header does not begin with '{'");
    *ret_end = end;
    return STATUS_OK;
}

bool safetensors_seal(unsigned char *data, size_t size)
{
    size_t end = 0, seal = 0;
    char hex[DIGEST_HEX + 1];
    if (safetensors_header_end(data, size, &end, NULL) != STATUS_OK ||
        !safetensors_seal_find(data, end, &seal) ||
        safetensors_seal_digest(data, size, seal, hex) != STATUS_OK)
        return false;
    memcpy(data + seal, hex, DIGEST_HEX);
    return true;
}

// Reading. A spot is a tensor with its place in the data, pads included.

struct spot {
    struct safetensors_tensor tensor;
    size_t begin, end;
};

static int spot_compare(const void *a, const void *b)
{
    const struct spot *x = a, *y = b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return (x->end > y->end) - (x->end < y->end);
}

static MUST_USE bool read_size(const struct json_value *value, size_t *ret_size)
{
    if (value == NULL || json_value_kind(value) != JSON_VALUE_INT || json_value_int(value) < 0)
        return false;
    *ret_size = (size_t)json_value_int(value);
    return true;
}

static MUST_USE enum status read_dtype(const struct json_value *entry,
                                       struct safetensors_tensor *tensor, struct diag *reterr)
{
    const struct json_value *dtype = NULL;
    TRY(json_value_need(entry, "dtype", JSON_VALUE_TEXT, &dtype, reterr));
    for (size_t i = 0; i < sizeof dtypes / sizeof dtypes[0]; i++)
        if (span_is(json_value_text(dtype), dtypes[i].name)) {
            tensor->dtype = (enum safetensors_dtype)i;
            return STATUS_OK;
        }
    return diag_at_path(reterr, STATUS_CORRUPT, tensor->name, "type \"%.16s\" is not supported",
                        json_value_text(dtype).data);
}

static MUST_USE enum status read_shape(const struct json_value *entry,
                                       struct safetensors_tensor *tensor, struct diag *reterr)
{
    const struct json_value *shape = NULL;
    TRY(json_value_need(entry, "shape", JSON_VALUE_LIST, &shape, reterr));
    tensor->rank = json_value_size(shape);
    if (tensor->rank == 0 || tensor->rank > SAFETENSORS_MAX_RANK)
        return diag_at_path(reterr, STATUS_CORRUPT, tensor->name, "a shape has 1 to %d dimensions",
                            (int)SAFETENSORS_MAX_RANK);
    for (size_t d = 0; d < tensor->rank; d++)
        if (!read_size(json_value_at(shape, d), &tensor->shape[d]) || tensor->shape[d] == 0)
            return diag_at_path(reterr, STATUS_CORRUPT, tensor->name,
                                "dimension %zu of the shape is not a positive integer", d);
    return STATUS_OK;
}

static MUST_USE enum status read_spot(const char *name, const struct json_value *entry,
                                      size_t data_size, struct spot *spot, struct diag *reterr)
{
    struct safetensors_tensor *tensor = &spot->tensor;
    tensor->name = name;
    if (json_value_kind(entry) != JSON_VALUE_MAP || json_value_size(entry) != 3)
        return diag_at_path(reterr, STATUS_CORRUPT, name,
                            "expected an object of dtype, shape and data_offsets");
    TRY(read_dtype(entry, tensor, reterr));
    TRY(read_shape(entry, tensor, reterr));
    const struct json_value *offsets = NULL;
    TRY(json_value_need(entry, "data_offsets", JSON_VALUE_LIST, &offsets, reterr));
    if (json_value_size(offsets) != 2 || !read_size(json_value_at(offsets, 0), &spot->begin) ||
        !read_size(json_value_at(offsets, 1), &spot->end) || spot->begin > spot->end)
        return diag_at_path(reterr, STATUS_CORRUPT, name,
                            "data_offsets are not two ascending integers");
    if (spot->end > data_size)
        return diag_at_path(reterr, STATUS_CORRUPT, name,
                            "ends at byte %zu of the data, which has %zu", spot->end, data_size);
    size_t bytes = 0;
    if (!count_bytes(tensor, &bytes) || bytes != spot->end - spot->begin)
        return diag_at_path(reterr, STATUS_CORRUPT, name,
                            "type and shape do not make the %zu bytes of its data_offsets",
                            spot->end - spot->begin);
    return STATUS_OK;
}

static MUST_USE enum status check_pad(const struct spot *spot, struct diag *reterr)
{
    const struct safetensors_tensor *pad = &spot->tensor;
    if (pad->dtype != SAFETENSORS_U8 || pad->rank != 1 ||
        pad->shape[0] != num_round_up(spot->begin, SAFETENSORS_ALIGN) - spot->begin)
        return diag_at_path(reterr, STATUS_CORRUPT, pad->name,
                            "a pad is U8 and ends at the next multiple of %d",
                            (int)SAFETENSORS_ALIGN);
    if (pad->data != NULL && memcmp(pad->data, zeros, pad->shape[0]) != 0)
        return diag_at_path(reterr, STATUS_CORRUPT, pad->name, "a pad holds zeros only");
    return STATUS_OK;
}

// Puts the spots in file order, proves that they tile the data, and keeps the tensors that are no
// pads. data NULL: they stay in the file.
static MUST_USE enum status place_spots(struct spot *spots, size_t count, const unsigned char *data,
                                        size_t data_size, struct safetensors *file,
                                        struct diag *reterr)
{
    qsort(spots, count, sizeof spots[0], spot_compare);
    size_t offset = 0;
    for (size_t i = 0; i < count; i++) {
        struct spot *spot = &spots[i];
        const char *name = spot->tensor.name;
        if (spot->begin != offset)
            return diag_at_path(
                reterr, STATUS_CORRUPT, name, "starts at byte %zu of the data, %s %zu", spot->begin,
                spot->begin > offset ? "a gap behind" : "inside what ends at", offset);
        offset = spot->end;
        spot->tensor.data = data == NULL ? NULL : data + spot->begin;
        if (safetensors_is_pad(name)) {
            TRY(check_pad(spot, reterr));
            continue;
        }
        if (spot->begin % SAFETENSORS_ALIGN != 0)
            return diag_at_path(reterr, STATUS_CORRUPT, name, "is not aligned to %d bytes",
                                (int)SAFETENSORS_ALIGN);
        file->tensors[file->count++] = spot->tensor;
    }
    if (offset != data_size)
        return diag_set(reterr, STATUS_CORRUPT, "%zu bytes stand behind the last tensor",
                        data_size - offset);
    return STATUS_OK;
}

static MUST_USE enum status read_tensors(const unsigned char *data, size_t data_size,
                                         struct safetensors *file, struct diag *reterr)
{
    size_t keys = json_value_size(file->header), count = 0;
    if (keys > SAFETENSORS_MAX_TENSORS + 1)
        return diag_set(reterr, STATUS_CORRUPT, "%zu tensors are over the limit of %d", keys - 1,
                        (int)SAFETENSORS_MAX_TENSORS);
    struct spot *spots = calloc(keys, sizeof *spots);
    file->tensors = calloc(keys, sizeof *file->tensors);
    enum status code = STATUS_OK;
    if (spots == NULL || file->tensors == NULL)
        code = diag_set(reterr, STATUS_NO_MEMORY, "no memory for %zu tensors", keys);
    for (size_t i = 0; i < keys && code == STATUS_OK; i++) {
        const char *name = json_value_key_at(file->header, i);
        if (strcmp(name, "__metadata__") != 0)
            code = read_spot(name, json_value_get(file->header, name), data_size, &spots[count++],
                             reterr);
    }
    if (code == STATUS_OK)
        code = place_spots(spots, count, data, data_size, file, reterr);
    free(spots);
    return code;
}

static MUST_USE enum status check_metadata(const struct json_value *header,
                                           const unsigned char *seal, struct diag *reterr)
{
    const struct json_value *metadata = NULL, *digest = NULL;
    TRY(json_value_need(header, "__metadata__", JSON_VALUE_MAP, &metadata, reterr));
    for (size_t i = 0; i < json_value_size(metadata); i++) {
        const char *key = json_value_key_at(metadata, i);
        if (json_value_kind(json_value_get(metadata, key)) != JSON_VALUE_TEXT)
            return diag_at_path(reterr, STATUS_CORRUPT, "__metadata__", "\"%.64s\" is not a text",
                                key);
    }
    TRY(json_value_need(metadata, "sha256", JSON_VALUE_TEXT, &digest, reterr));
    struct span text = json_value_text(digest);
    if (text.size != DIGEST_HEX || memcmp(text.data, seal, DIGEST_HEX) != 0)
        return diag_at_path(reterr, STATUS_CORRUPT, "__metadata__", "sha256 stands elsewhere");
    return STATUS_OK;
}

static MUST_USE enum status read_header(const unsigned char *data, size_t end, size_t seal,
                                        struct safetensors *file, struct diag *reterr)
{
    struct span text = {(const char *)data + SAFETENSORS_LENGTH, end - SAFETENSORS_LENGTH};
    while (text.data[text.size - 1] == ' ')
        text.size--;
    enum status code = json_value_parse(text, &file->header, reterr);
    if (code != STATUS_OK)
        return code == STATUS_NO_MEMORY ? code : STATUS_CORRUPT;
    return check_metadata(file->header, data + seal, reterr);
}

enum status safetensors_believe(const unsigned char *header, size_t end, size_t seal,
                                const char *hex, const unsigned char *data, size_t data_size,
                                struct safetensors *ret_file, struct diag *reterr)
{
    struct safetensors file = {0};
    if (memcmp(hex, header + seal, DIGEST_HEX) != 0)
        return diag_set(reterr, STATUS_CORRUPT,
                        "the sha256 does not fit the content: the file is damaged or cut");
    enum status code = read_header(header, end, seal, &file, reterr);
    if (code == STATUS_OK)
        code = read_tensors(data, data_size, &file, reterr);
    if (code == STATUS_OK)
        *ret_file = file;
    else
        safetensors_fini(&file);
    // A fault that json_value found speaks of JSON as input; here the file is at fault.
    return code == STATUS_INVALID ? STATUS_CORRUPT : code;
}

enum status safetensors_parse(const unsigned char *data, size_t size, struct safetensors *ret_file,
                              struct diag *reterr)
{
    assert((uintptr_t)data % SAFETENSORS_ALIGN == 0);
    size_t end = 0, seal = 0;
    char hex[DIGEST_HEX + 1];
    TRY(safetensors_header_end(data, size, &end, reterr));
    TRY(safetensors_seal_need(data, end, &seal, reterr));
    if (safetensors_seal_digest(data, size, seal, hex) != STATUS_OK)
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory for a digest");
    return safetensors_believe(data, end, seal, hex, data + end, size - end, ret_file, reterr);
}

void safetensors_fini(struct safetensors *file)
{
    free(file->tensors);
    json_value_free(file->header);
    *file = (struct safetensors){0};
}

const struct safetensors_tensor *safetensors_find(const struct safetensors *file, const char *name)
{
    for (size_t i = 0; i < file->count; i++)
        if (strcmp(file->tensors[i].name, name) == 0)
            return &file->tensors[i];
    return NULL;
}

static const char *shape_text(size_t rank, const size_t *shape, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (size_t d = 0; d < rank && used < size; d++) {
        int more = shape[d] == 0
                       ? snprintf(text + used, size - used, "%s?", d ? "," : "")
                       : snprintf(text + used, size - used, "%s%zu", d ? "," : "", shape[d]);
        used += (size_t)more;
    }
    return text;
}

enum status safetensors_need(const struct safetensors *file, const char *name,
                             enum safetensors_dtype dtype, size_t rank, const size_t *shape,
                             const struct safetensors_tensor **ret_tensor, struct diag *reterr)
{
    char wanted[96], there[96];
    const struct safetensors_tensor *tensor = safetensors_find(file, name);
    if (tensor == NULL)
        return diag_at_path(reterr, STATUS_CORRUPT, name, "the tensor is missing");
    bool fits = tensor->dtype == dtype && tensor->rank == rank;
    for (size_t d = 0; fits && d < rank; d++)
        fits = shape[d] == 0 || shape[d] == tensor->shape[d];
    if (!fits)
        return diag_at_path(reterr, STATUS_CORRUPT, name, "expected %s (%s), got %s (%s)",
                            safetensors_dtype_name(dtype),
                            shape_text(rank, shape, wanted, sizeof wanted),
                            safetensors_dtype_name(tensor->dtype),
                            shape_text(tensor->rank, tensor->shape, there, sizeof there));
    *ret_tensor = tensor;
    return STATUS_OK;
}

const char *safetensors_note(const struct safetensors *file, const char *key)
{
    const struct json_value *metadata = json_value_get(file->header, "__metadata__");
    const struct json_value *note = json_value_get(metadata, key);
    return note == NULL ? NULL : json_value_text(note).data;
}
