#include "base/buf.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/num.h"
#include "model/safetensors.h"
#include "model/safetensors_seal.h"
#include "proto/json_value.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static const unsigned char zeros[SAFETENSORS_ALIGN];

// The header is planned first, then length, header, tensors and pads go out twice in the
// same order, into the digest and into the file.

static void plan_entry(struct json_value *header, const struct safetensors_tensor *tensor,
                       size_t begin, size_t bytes)
{
    struct json_value *entry = json_value_new_map();
    struct json_value *shape = json_value_new_list();
    struct json_value *offsets = json_value_new_list();
    for (size_t d = 0; d < tensor->rank; d++)
        json_value_push_int(shape, (int64_t)tensor->shape[d]);
    json_value_push_int(offsets, (int64_t)begin);
    json_value_push_int(offsets, (int64_t)(begin + bytes));
    json_value_set_text(entry, "dtype", safetensors_dtype_name(tensor->dtype));
    json_value_set(entry, "shape", shape);
    json_value_set(entry, "data_offsets", offsets);
    json_value_set(header, tensor->name, entry);
}

static size_t gap_at(size_t offset)
{
    return num_round_up(offset, SAFETENSORS_ALIGN) - offset;
}

static struct json_value *plan_header(const struct safetensors_tensor *tensors, size_t count,
                                      const struct safetensors_note *notes, size_t note_count)
{
    struct json_value *header = json_value_new_map();
    struct json_value *metadata = json_value_new_map();
    for (size_t i = 0; i < note_count; i++)
        json_value_set_text(metadata, notes[i].key, notes[i].value);
    char blank[DIGEST_HEX + 1] = {0};
    memset(blank, '0', DIGEST_HEX);
    json_value_set_text(metadata, "sha256", blank);
    json_value_set(header, "__metadata__", metadata);

    size_t offset = 0;
    unsigned pads = 0;
    for (size_t i = 0; i < count; i++) {
        size_t gap = gap_at(offset);
        if (gap > 0) {
            char name[24];
            snprintf(name, sizeof name, "pad.%u", pads++);
            struct safetensors_tensor pad = {name, SAFETENSORS_U8, 1, {gap}, zeros};
            plan_entry(header, &pad, offset, gap);
            offset += gap;
        }
        assert(tensors[i].rank >= 1 && tensors[i].rank <= SAFETENSORS_MAX_RANK);
        assert(!safetensors_is_pad(tensors[i].name));
        size_t bytes = safetensors_bytes(&tensors[i]);
        plan_entry(header, &tensors[i], offset, bytes);
        offset += bytes;
    }
    return header;
}

// Length and JSON with its padding, digest still blank.
static MUST_USE enum status plan_head(const struct safetensors_tensor *tensors, size_t count,
                                      const struct safetensors_note *notes, size_t note_count,
                                      struct buf *head, struct diag *reterr)
{
    struct json_value *header = plan_header(tensors, count, notes, note_count);
    buf_append(head, zeros, SAFETENSORS_LENGTH);
    enum status code = json_value_write(header, 0, head);
    json_value_free(header);
    for (size_t spaces = gap_at(head->size); spaces > 0; spaces--)
        buf_char(head, ' ');
    if (code == STATUS_OK)
        code = buf_status(head);
    if (code != STATUS_OK)
        return diag_set(reterr, code, "the header cannot be made (at most %d bytes)",
                        (int)SAFETENSORS_MAX_HEADER);
    uint64_t length = head->size - SAFETENSORS_LENGTH;
    for (unsigned i = 0; i < SAFETENSORS_LENGTH; i++)
        head->data[i] = (char)(unsigned char)(length >> (8 * i));
    return STATUS_OK;
}

typedef void (*part_sink)(void *sink, const void *data, size_t size);

static void each_part(const struct buf *head, const struct safetensors_tensor *tensors,
                      size_t count, part_sink take, void *sink)
{
    take(sink, head->data, head->size);
    size_t offset = 0;
    for (size_t i = 0; i < count; i++) {
        size_t gap = gap_at(offset), bytes = safetensors_bytes(&tensors[i]);
        take(sink, zeros, gap);
        take(sink, tensors[i].data, bytes);
        offset += gap + bytes;
    }
}

static void take_digest(void *sink, const void *data, size_t size)
{
    digest_update(sink, data, size);
}

static void take_file(void *sink, const void *data, size_t size)
{
    file_writer_write(sink, data, size);
}

static MUST_USE enum status write_parts(const char *path, struct buf *head,
                                        const struct safetensors_tensor *tensors, size_t count,
                                        struct diag *reterr)
{
    struct digest *digest = digest_new();
    if (digest == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory for a digest");
    each_part(head, tensors, count, take_digest, digest);
    char hex[DIGEST_HEX + 1];
    digest_hex(digest, hex);
    digest_free(digest);

    size_t seal = 0;
    bool found = safetensors_seal_find((const unsigned char *)head->data, head->size, &seal);
    assert(found);
    memcpy(head->data + (found ? seal : 0), hex, DIGEST_HEX);

    struct file_writer writer;
    TRY(file_writer_open(&writer, path, reterr));
    each_part(head, tensors, count, take_file, &writer);
    enum status code = file_writer_commit(&writer, reterr);
    if (code != STATUS_OK)
        file_writer_abort(&writer);
    return code;
}

enum status safetensors_write(const char *path, const struct safetensors_tensor *tensors,
                              size_t count, const struct safetensors_note *notes, size_t note_count,
                              struct diag *reterr)
{
    if (2 * count > SAFETENSORS_MAX_TENSORS)
        return diag_at_line(reterr, STATUS_TOO_LARGE, path, 0, 0,
                            "%zu tensors are more than the %d that a file may have", count,
                            SAFETENSORS_MAX_TENSORS / 2);
    struct buf head;
    buf_init(&head, SAFETENSORS_MAX_HEADER + SAFETENSORS_LENGTH);
    enum status code = plan_head(tensors, count, notes, note_count, &head, reterr);
    if (code == STATUS_OK)
        code = write_parts(path, &head, tensors, count, reterr);
    buf_fini(&head);
    if (code != STATUS_OK)
        diag_in_file(reterr, path);
    return code;
}
