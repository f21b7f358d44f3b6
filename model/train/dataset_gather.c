#include "model/train/dataset_gather.h"

#include "base/hash64.h"
#include "model/train/dataset_parts.h"
#include "model/train/encoding.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <sys/mman.h>

enum { DATASET_GATHER_SPOOLS = 7 };

static void dataset_gather_spools(struct dataset_gather *gather,
                                  struct spool *ret_spools[DATASET_GATHER_SPOOLS])
{
    struct spool *const spools[DATASET_GATHER_SPOOLS] = {
        &gather->grade, &gather->offset, &gather->group, &gather->ts,
        &gather->bid,   &gather->qid,    &gather->names};
    for (size_t i = 0; i < DATASET_GATHER_SPOOLS; i++)
        ret_spools[i] = spools[i];
}

enum status dataset_gather_init(struct dataset_gather *gather, int fd, const char *target,
                                const char *folder, const struct schema *schema,
                                struct diag *reterr)
{
    struct spool *spools[DATASET_GATHER_SPOOLS];
    *gather = (struct dataset_gather){
        .fd = fd, .target = target, .schema = schema, .at = DATASET_IMAGE_HEADER};
    dataset_gather_spools(gather, spools);
    enum status code = STATUS_OK;
    for (size_t i = 0; i < DATASET_GATHER_SPOOLS; i++)
        spools[i]->fd = -1;
    for (size_t i = 0; i < DATASET_GATHER_SPOOLS && code == STATUS_OK; i++)
        code = spool_init(spools[i], folder, reterr);
    if (code != STATUS_OK)
        dataset_gather_fini(gather);
    return code;
}

void dataset_gather_fini(struct dataset_gather *gather)
{
    struct spool *spools[DATASET_GATHER_SPOOLS];
    dataset_gather_spools(gather, spools);
    for (size_t i = 0; i < DATASET_GATHER_SPOOLS; i++)
        spool_fini(spools[i]);
}

// A list begins: its name, or its number from 1 where it has none; its user, or nobody else's.
MUST_USE static enum status dataset_gather_list(struct dataset_gather *gather,
                                                const struct pack_list *list, const char *name,
                                                struct diag *reterr)
{
    char number[24];
    size_t size = list->name_bytes;
    if (size == 0) {
        size =
            (size_t)snprintf(number, sizeof(number), "%llu", (unsigned long long)gather->lists + 1);
        name = number;
    }
    const uint64_t start = gather->names.size + gather->names.pending.size;
    const uint32_t alone = (uint32_t)hash64(&gather->lists, sizeof(gather->lists), 1);
    TRY(spool_write(&gather->qid, &start, sizeof(start), reterr));
    TRY(spool_write(&gather->names, name, size, reterr));
    TRY(spool_write(&gather->offset, &gather->docs, sizeof(gather->docs), reterr));
    TRY(spool_write(&gather->group, list->has_group ? &list->group : &alone, sizeof(alone),
                    reterr));
    TRY(spool_write(&gather->ts, &list->ts, sizeof(list->ts), reterr));
    gather->has_group = gather->has_group || list->has_group;
    gather->has_ts = gather->has_ts || list->has_ts;
    gather->lists++;
    return STATUS_OK;
}

enum status dataset_gather_pack(void *context, const struct pack *pack, struct diag *reterr)
{
    struct dataset_gather *gather = context;
    const struct pack_list *lists = (const void *)pack->list.data;
    const double *bids = (const void *)pack->bid.data;
    const char *name = pack->names.data;
    for (size_t i = 0; i < pack->lists; i++) {
        if (i > 0 || !pack->continues)
            TRY(dataset_gather_list(gather, &lists[i], name, reterr));
        name += lists[i].name_bytes;
        gather->docs += lists[i].docs;
    }
    for (size_t d = 0; d < pack->docs && !gather->has_bid; d++)
        gather->has_bid = !isnan(bids[d]);
    TRY(spool_write(&gather->grade, pack->grade.data, pack->grade.size, reterr));
    TRY(spool_write(&gather->bid, pack->bid.data, pack->bid.size, reterr));
    TRY(spool_put(gather->fd, gather->at, pack->cells.data, pack->cells.size, gather->target,
                  reterr));
    gather->at += pack->cells.size;
    return STATUS_OK;
}

// Everything behind the cells.
MUST_USE static enum status dataset_gather_parts(struct dataset_gather *gather,
                                                 const struct dataset_image_layout *layout,
                                                 const struct buf *schema, const struct buf *vocabs,
                                                 struct diag *reterr)
{
    const struct {
        struct spool *spool;
        size_t at;
        bool there;
    } parts[] = {{&gather->grade, layout->grade, true},
                 {&gather->offset, layout->offset, true},
                 {&gather->group, layout->group, gather->has_group},
                 {&gather->ts, layout->ts, gather->has_ts},
                 {&gather->bid, layout->bid, gather->has_bid},
                 {&gather->qid, layout->qid, true},
                 {&gather->names, layout->names, true}};
    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
        if (parts[i].there)
            TRY(spool_copy(parts[i].spool, gather->fd, parts[i].at, gather->target, reterr));
    TRY(spool_put(gather->fd, layout->schema, schema->data, schema->size, gather->target, reterr));
    return spool_put(gather->fd, layout->vocabs, vocabs->data, vocabs->size, gather->target,
                     reterr);
}

// Reserves the whole file, so that a full disk is an error here and not a fault in mapped memory.
MUST_USE static enum status dataset_gather_map(const struct dataset_gather *gather, size_t size,
                                               void **ret_image, struct diag *reterr)
{
    int error;
    do
        error = posix_fallocate(gather->fd, 0, (off_t)size);
    while (error == EINTR);
    if (error != 0) {
        errno = error;
        return diag_errno(reterr, gather->target, "cannot reserve space");
    }
    void *image = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, gather->fd, 0);
    if (image == MAP_FAILED)
        return diag_errno(reterr, gather->target, "cannot map");
    *ret_image = image;
    return STATUS_OK;
}

MUST_USE static enum status dataset_gather_image(struct dataset_gather *gather,
                                                 struct dataset_image_header *header,
                                                 const struct buf *schema, const struct buf *vocabs,
                                                 struct dataset *ret_dataset, struct diag *reterr)
{
    struct dataset_image_layout layout;
    void *image = NULL;
    header->schema_bytes = schema->size;
    header->vocab_bytes = vocabs->size;
    if (!dataset_image_plan(header, &layout))
        return diag_at_line(reterr, STATUS_TOO_LARGE, gather->target, 0, 0, "too much data");
    TRY(dataset_gather_parts(gather, &layout, schema, vocabs, reterr));
    TRY(dataset_gather_map(gather, layout.end, &image, reterr));
    return dataset_image_finish(image, header, &layout, gather->target, ret_dataset, reterr);
}

enum status dataset_gather_finish(struct dataset_gather *gather,
                                  struct dataset_image_header *header, struct dataset *ret_dataset,
                                  struct diag *reterr)
{
    header->lists = gather->lists;
    header->docs = gather->docs;
    header->columns = gather->schema->row_cells;
    header->shared_cells = gather->schema->shared_cells;
    header->has_group = gather->has_group;
    header->has_ts = gather->has_ts;
    header->has_bid = gather->has_bid;
    header->name_bytes = gather->names.size + gather->names.pending.size;
    TRY(spool_write(&gather->offset, &gather->docs, sizeof(gather->docs), reterr));
    TRY(spool_write(&gather->qid, &header->name_bytes, sizeof(header->name_bytes), reterr));
    struct buf schema, vocabs;
    buf_init(&schema, SIZE_MAX / 2);
    buf_init(&vocabs, SIZE_MAX / 2);
    enum status code = encoding_text(gather->schema, &schema);
    dataset_parts_put_vocabs(gather->schema, &vocabs);
    if (code != STATUS_OK || schema.failed || vocabs.failed)
        code = diag_set(reterr, STATUS_NO_MEMORY, "out of memory");
    else
        code = dataset_gather_image(gather, header, &schema, &vocabs, ret_dataset, reterr);
    buf_fini(&schema);
    buf_fini(&vocabs);
    return code;
}
