#include "model/train/dataset_join.h"

#include "base/hash64.h"
#include "model/train/dataset_image.h"
#include "model/train/dataset_owned.h"
#include "model/train/encoding.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { JOIN_OFFSET, JOIN_GRADE, JOIN_GROUP, JOIN_TS, JOIN_BID, JOIN_QID, JOIN_NAMES };

// Words that say which file, which feature, and what to do.
static enum status dataset_join_refuse(const char *path, const struct diag *reason,
                                       struct diag *reterr)
{
    return diag_at_line(reterr, STATUS_CONFIG, path, 0, 0,
                        "was converted for other features (%s: %s): convert the logs again with "
                        "this configuration or model (ctr convert)",
                        reason->path, reason->words);
}

MUST_USE static enum status dataset_join_image(const char *path,
                                               const struct dataset_options *options,
                                               const struct dataset *first,
                                               struct dataset *ret_image, struct diag *reterr)
{
    struct dataset_image_header header;
    struct diag reason = {0};
    TRY(dataset_image_map(path, ret_image, &header, reterr));
    enum status code = STATUS_OK;
    if (ret_image->schema == NULL)
        code = diag_at_line(reterr, STATUS_INVALID, path, 0, 0,
                            "is the cache of a LETOR file, not a shard of impressions");
    else if (header.unlabelled > 0 && !options->unlabelled)
        code = diag_at_line(reterr, STATUS_INVALID, path, 0, 0,
                            "was converted without labels: it can be scored alone");
    else if (options->schema != NULL &&
             encoding_covers(ret_image->schema, options->schema, &reason) != STATUS_OK)
        code = dataset_join_refuse(path, &reason, reterr);
    else if (first != NULL &&
             (encoding_covers(first->schema, ret_image->schema, &reason) != STATUS_OK ||
              encoding_covers(ret_image->schema, first->schema, &reason) != STATUS_OK))
        code = dataset_join_refuse(path, &reason, reterr);
    if (code != STATUS_OK)
        dataset_close(ret_image);
    return code;
}

// How many there are of all, and whether any image has users, times, bids.
static void dataset_join_sum(const struct dataset_owned *owned, struct dataset *sum,
                             size_t *ret_names, bool has[3])
{
    *ret_names = 0;
    for (size_t i = 0; i < owned->image_count; i++) {
        const struct dataset *image = &owned->images[i];
        sum->lists += image->lists;
        sum->docs += image->docs;
        *ret_names += image->qid[image->lists];
        has[0] = has[0] || image->group != NULL;
        has[1] = has[1] || image->ts != NULL;
        has[2] = has[2] || image->bid != NULL;
    }
}

MUST_USE static enum status dataset_join_room(struct dataset_owned *owned,
                                              const struct dataset *sum, size_t names,
                                              const bool has[3], struct diag *reterr)
{
    void **joined = owned->joined;
    bool good = true;
    joined[JOIN_OFFSET] = calloc(sum->lists + 1, sizeof(uint64_t));
    joined[JOIN_GRADE] = calloc(sum->docs + 1, sizeof(float));
    joined[JOIN_QID] = calloc(sum->lists + 1, sizeof(uint64_t));
    joined[JOIN_NAMES] = malloc(names + 1);
    owned->parts = calloc(owned->image_count, sizeof(*owned->parts));
    good = joined[JOIN_OFFSET] != NULL && joined[JOIN_GRADE] != NULL && joined[JOIN_QID] != NULL &&
           joined[JOIN_NAMES] != NULL && owned->parts != NULL;
    const size_t bytes[3] = {sizeof(uint32_t), sizeof(int64_t), sizeof(double)};
    const size_t counts[3] = {sum->lists, sum->lists, sum->docs};
    for (size_t i = 0; i < 3; i++) {
        if (has[i])
            joined[JOIN_GROUP + i] = calloc(counts[i] + 1, bytes[i]);
        good = good && (!has[i] || joined[JOIN_GROUP + i] != NULL);
    }
    return good ? STATUS_OK : diag_set(reterr, STATUS_NO_MEMORY, "out of memory for the lists");
}

// Users, times and bids of an image behind those before; where it has none, as in dataset.h.
static void dataset_join_optional(struct dataset_owned *owned, const struct dataset *image,
                                  size_t list, size_t doc)
{
    uint32_t *group = owned->joined[JOIN_GROUP];
    int64_t *ts = owned->joined[JOIN_TS];
    double *bid = owned->joined[JOIN_BID];
    if (ts != NULL && image->ts != NULL)
        memcpy(ts + list, image->ts, image->lists * sizeof(*ts));
    for (size_t d = 0; bid != NULL && d < image->docs; d++)
        bid[doc + d] = image->bid == NULL ? (double)NAN : image->bid[d];
    for (size_t i = 0; group != NULL && i < image->lists; i++) {
        const uint64_t number = list + i;
        group[number] =
            image->group == NULL ? (uint32_t)hash64(&number, sizeof(number), 2) : image->group[i];
    }
}

static void dataset_join_fill(struct dataset_owned *owned)
{
    uint64_t *offset = owned->joined[JOIN_OFFSET], *qid = owned->joined[JOIN_QID];
    float *grade = owned->joined[JOIN_GRADE];
    char *names = owned->joined[JOIN_NAMES];
    size_t list = 0, doc = 0, name = 0;
    for (size_t i = 0; i < owned->image_count; i++) {
        const struct dataset *image = &owned->images[i];
        owned->parts[i] = (struct dataset_part){list, doc, image->cells};
        for (size_t k = 0; k <= image->lists; k++) {
            offset[list + k] = doc + image->offset[k];
            qid[list + k] = name + image->qid[k];
        }
        memcpy(grade + doc, image->grade, image->docs * sizeof(*grade));
        memcpy(names + name, image->qid_text, image->qid[image->lists]);
        dataset_join_optional(owned, image, list, doc);
        list += image->lists;
        doc += image->docs;
        name += image->qid[image->lists];
    }
}

static void dataset_join_bind(struct dataset_owned *owned, struct dataset *sum)
{
    const struct dataset *first = &owned->images[0];
    sum->columns = first->columns;
    sum->shared_cells = first->shared_cells;
    sum->schema = first->schema;
    sum->cells = first->cells;
    sum->offset = owned->joined[JOIN_OFFSET];
    sum->grade = owned->joined[JOIN_GRADE];
    sum->group = owned->joined[JOIN_GROUP];
    sum->ts = owned->joined[JOIN_TS];
    sum->bid = owned->joined[JOIN_BID];
    sum->qid = owned->joined[JOIN_QID];
    sum->qid_text = owned->joined[JOIN_NAMES];
    sum->parts = owned->parts;
    sum->part_count = owned->image_count;
    sum->owned = owned;
    for (size_t i = 0; i < owned->image_count; i++) {
        const struct dataset *image = &owned->images[i];
        const uint64_t parts[] = {sum->content_hash, image->content_hash};
        sum->content_hash = hash64(parts, sizeof(parts), 0);
        if (sum->skipped_lines == 0)
            memcpy(sum->first_skipped, image->first_skipped, sizeof(sum->first_skipped));
        sum->skipped_lines += image->skipped_lines;
    }
}

enum status dataset_join(const struct shards *shards, const struct dataset_options *options,
                         struct dataset *ret_dataset, struct diag *reterr)
{
    if (shards->count == 1)
        return dataset_join_image(shards->paths[0], options, NULL, ret_dataset, reterr);
    struct dataset_owned *owned = NULL;
    struct dataset sum = {0};
    size_t names = 0;
    bool has[3] = {false};
    TRY(dataset_owned_new(NULL, 0, &owned, reterr));
    owned->images = calloc(shards->count, sizeof(*owned->images));
    enum status code =
        owned->images == NULL ? diag_set(reterr, STATUS_NO_MEMORY, "out of memory") : STATUS_OK;
    for (size_t i = 0; i < shards->count && code == STATUS_OK; i++) {
        code = dataset_join_image(shards->paths[i], options, i == 0 ? NULL : &owned->images[0],
                                  &owned->images[i], reterr);
        owned->image_count += code == STATUS_OK;
    }
    if (code == STATUS_OK) {
        dataset_join_sum(owned, &sum, &names, has);
        code = dataset_join_room(owned, &sum, names, has, reterr);
    }
    if (code != STATUS_OK) {
        dataset_owned_free(owned);
        return code;
    }
    dataset_join_fill(owned);
    dataset_join_bind(owned, &sum);
    *ret_dataset = sum;
    return STATUS_OK;
}
