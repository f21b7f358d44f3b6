#include "model/train/dataset.h"

#include "base/hash64.h"
#include "model/train/dataset_build.h"
#include "model/train/dataset_image.h"

#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

// The time and size of the file are those of before the parse: a change on the way must not be
// cached as if it had been read.
MUST_USE static enum status dataset_check_unchanged(const char *path,
                                                    const struct dataset_image_source *before,
                                                    struct diag *reterr)
{
    struct dataset_image_source after;
    TRY(dataset_image_stat(path, &after, reterr));
    if (before->regular &&
        (after.size_bytes != before->size_bytes || after.mtime_ns != before->mtime_ns ||
         after.ends_hash != before->ends_hash))
        return diag_at_line(reterr, STATUS_IO, path, 0, 0, "has changed while it was read");
    return STATUS_OK;
}

MUST_USE static enum status dataset_parse(const char *path, const struct dataset_options *options,
                                          const struct dataset_image_source *source, int fd,
                                          const char *target, struct dataset *ret_dataset,
                                          struct diag *reterr)
{
    struct dataset dataset;
    TRY(dataset_build(path, options, source, fd, target, &dataset, reterr));
    enum status code = dataset_check_unchanged(path, source, reterr);
    if (code != STATUS_OK)
        dataset_close(&dataset);
    else
        *ret_dataset = dataset;
    return code;
}

MUST_USE static enum status dataset_parse_to_memory(const char *path,
                                                    const struct dataset_options *options,
                                                    const struct dataset_image_source *source,
                                                    struct dataset *ret_dataset,
                                                    struct diag *reterr)
{
    int fd = memfd_create("dataset", MFD_CLOEXEC);
    if (fd < 0)
        return diag_errno(reterr, path, "cannot get memory for");
    enum status code = dataset_parse(path, options, source, fd, path, ret_dataset, reterr);
    close(fd);
    return code;
}

// The cache is written under a name that is nobody else's and then renamed: readers and other
// writers see whole files only.
MUST_USE static enum status dataset_parse_to_cache(const char *path,
                                                   const struct dataset_options *options,
                                                   const struct dataset_image_source *source,
                                                   struct dataset *ret_dataset, struct diag *reterr)
{
    char *temporary;
    if (asprintf(&temporary, "%s.XXXXXX", options->cache_path) < 0)
        return diag_at_line(reterr, STATUS_NO_MEMORY, path, 0, 0, "out of memory");
    int fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0) {
        enum status code = diag_errno(reterr, options->cache_path, "cannot create");
        free(temporary);
        return code;
    }
    struct dataset dataset;
    enum status code =
        dataset_parse(path, options, source, fd, options->cache_path, &dataset, reterr);
    close(fd);
    if (code == STATUS_OK && rename(temporary, options->cache_path) != 0) {
        code = diag_errno(reterr, options->cache_path, "cannot put in place");
        dataset_close(&dataset);
    }
    if (code != STATUS_OK)
        unlink(temporary);
    else
        *ret_dataset = dataset;
    free(temporary);
    return code;
}

enum status dataset_open(const char *path, const struct dataset_options *options,
                         struct dataset *ret_dataset, struct diag *reterr)
{
    struct dataset_image_source source;
    TRY(dataset_image_stat(path, &source, reterr));
    if (options->cache_path == NULL || !source.regular)
        return dataset_parse_to_memory(path, options, &source, ret_dataset, reterr);
    struct diag reason = {0};
    if (dataset_image_load(options->cache_path, &source, options, ret_dataset, &reason) ==
        STATUS_OK)
        return STATUS_OK;
    bool absent = access(options->cache_path, F_OK) != 0;
    TRY(dataset_parse_to_cache(path, options, &source, ret_dataset, reterr));
    if (!absent)
        diag_format(&reason, ret_dataset->cache_note, sizeof(ret_dataset->cache_note));
    return STATUS_OK;
}

void dataset_close(struct dataset *dataset)
{
    if (dataset->mapping != NULL)
        munmap(dataset->mapping, dataset->mapping_bytes);
    *dataset = (struct dataset){0};
}

const union row_cell *dataset_shared(const struct dataset *dataset, size_t list)
{
    (void)list;
    assert(dataset->shared_cells == 0);
    return NULL;
}

const union row_cell *dataset_rows(const struct dataset *dataset, size_t list)
{
    const float *row = dataset->values + dataset->offset[list] * dataset->columns;
    return (const union row_cell *)(const void *)row;
}

struct span dataset_qid(const struct dataset *dataset, size_t list)
{
    assert(list < dataset->lists);
    uint64_t begin = dataset->qid[list];
    return (struct span){dataset->qid_text + begin, (size_t)(dataset->qid[list + 1] - begin)};
}

void dataset_split(const struct dataset *dataset, uint64_t seed, unsigned percent, uint8_t *valid)
{
    for (size_t list = 0; list < dataset->lists; list++) {
        struct span qid = dataset_qid(dataset, list);
        valid[list] = hash64(qid.data, qid.size, seed) % 100 < percent;
    }
}
