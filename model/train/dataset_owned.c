#include "model/train/dataset_owned.h"

#include "proto/vocab.h"

#include <stdlib.h>
#include <sys/mman.h>

enum status dataset_owned_new(void *mapping, size_t bytes, struct dataset_owned **ret_owned,
                              struct diag *reterr)
{
    struct dataset_owned *owned = calloc(1, sizeof(*owned));
    if (owned == NULL) {
        if (mapping != NULL)
            munmap(mapping, bytes);
        return diag_set(reterr, STATUS_NO_MEMORY, "out of memory");
    }
    owned->mapping = mapping;
    owned->mapping_bytes = bytes;
    *ret_owned = owned;
    return STATUS_OK;
}

void dataset_owned_free(struct dataset_owned *owned)
{
    if (owned == NULL)
        return;
    for (size_t i = 0; i < owned->vocab_count; i++)
        vocab_free(owned->vocabs[i]);
    free(owned->vocabs);
    schema_fini(&owned->schema);
    for (size_t i = 0; i < owned->image_count; i++)
        dataset_close(&owned->images[i]);
    free(owned->images);
    for (size_t i = 0; i < sizeof(owned->joined) / sizeof(owned->joined[0]); i++)
        free(owned->joined[i]);
    free(owned->parts);
    if (owned->mapping != NULL)
        munmap(owned->mapping, owned->mapping_bytes);
    free(owned);
}
