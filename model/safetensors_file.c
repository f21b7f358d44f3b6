#include "model/safetensors_file.h"

#include "base/file.h"
#include "base/num.h"
#include "model/safetensors_seal.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILE_BLOCK = 1 << 20 };

// A file on its way in: its header, and what the digest needs.
struct incoming {
    int fd;
    size_t size, end, seal;
    unsigned char *header, *block; // (end), (FILE_BLOCK)
    struct digest *digest;
    char hex[DIGEST_HEX + 1];
};

static MUST_USE enum status take_header(struct incoming *in, const char *path, struct diag *reterr)
{
    unsigned char first[SAFETENSORS_LENGTH + 1] = {0};
    TRY(file_read_part(in->fd, path, 0, first, in->size < sizeof first ? in->size : sizeof first,
                       reterr));
    TRY(safetensors_header_end(first, in->size, &in->end, reterr));
    in->header = malloc(in->end);
    in->block = malloc(FILE_BLOCK);
    in->digest = digest_new();
    if (in->header == NULL || in->block == NULL || in->digest == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory for its header");
    TRY(file_read_part(in->fd, path, 0, in->header, in->end, reterr));
    return safetensors_seal_need(in->header, in->end, &in->seal, reterr);
}

// As safetensors_seal_digest, block by block.
static MUST_USE enum status take_digest(struct incoming *in, const char *path, struct diag *reterr)
{
    char blank[DIGEST_HEX];
    memset(blank, '0', sizeof blank);
    const size_t behind = in->seal + DIGEST_HEX;
    digest_update(in->digest, in->header, in->seal);
    digest_update(in->digest, blank, sizeof blank);
    digest_update(in->digest, in->header + behind, in->end - behind);
    for (size_t at = in->end, n; at < in->size; at += n) {
        n = in->size - at < FILE_BLOCK ? in->size - at : FILE_BLOCK;
        TRY(file_read_part(in->fd, path, at, in->block, n, reterr));
        digest_update(in->digest, in->block, n);
    }
    digest_hex(in->digest, in->hex);
    return STATUS_OK;
}

enum status safetensors_file_open(const char *path, struct safetensors_file *ret_file,
                                  struct diag *reterr)
{
    struct incoming in = {0};
    struct safetensors_file file = {0};
    TRY(file_open(path, &in.fd, &in.size, reterr));
    enum status code = take_header(&in, path, reterr);
    if (code == STATUS_OK)
        code = take_digest(&in, path, reterr);
    if (code == STATUS_OK)
        code = safetensors_believe(in.header, in.end, in.seal, in.hex, NULL, in.size - in.end,
                                   &file.tensors, reterr);
    file.fd = in.fd;
    file.data = in.end;
    free(in.header);
    free(in.block);
    digest_free(in.digest);
    if (code == STATUS_OK) {
        *ret_file = file;
        return STATUS_OK;
    }
    close(in.fd);
    diag_in_file(reterr, path);
    return code;
}

void safetensors_file_close(struct safetensors_file *file)
{
    safetensors_fini(&file->tensors);
    close(file->fd);
}

enum status safetensors_file_read(const struct safetensors_file *file,
                                  const struct safetensors_tensor *tensor, void *ret_data,
                                  struct diag *reterr)
{
    // Tensors stand in the order of the file, each at the next multiple of the alignment.
    size_t at = file->data;
    for (const struct safetensors_tensor *before = file->tensors.tensors; before < tensor; before++)
        at += num_round_up(safetensors_bytes(before), SAFETENSORS_ALIGN);
    return file_read_part(file->fd, tensor->name, at, ret_data, safetensors_bytes(tensor), reterr);
}
