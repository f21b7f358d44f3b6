#include "model/train/dataset.h"

#include "base/file.h"
#include "base/hash64.h"
#include "model/train/dataset_build.h"
#include "model/train/dataset_image.h"
#include "model/train/dataset_owned.h"

#include <assert.h>
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
    int fd;
    TRY(file_open_beside(options->cache_path, &fd, &temporary, reterr));
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

enum dataset_format dataset_format_of(const char *path)
{
    static const struct {
        const char *ending;
        enum dataset_format format;
    } endings[] = {{".jsonl", DATASET_JSONL}, {".jsonl.gz", DATASET_JSONL},
                   {".csv", DATASET_CSV},     {".csv.gz", DATASET_CSV},
                   {".tsv", DATASET_CSV},     {".tsv.gz", DATASET_CSV},
                   {".ctr", DATASET_CTR}};
    const size_t size = strlen(path);
    for (size_t i = 0; i < sizeof(endings) / sizeof(*endings); i++) {
        const size_t length = strlen(endings[i].ending);
        if (size > length && strcmp(path + size - length, endings[i].ending) == 0)
            return endings[i].format;
    }
    return DATASET_LETOR;
}

void dataset_close(struct dataset *dataset)
{
    dataset_owned_free(dataset->owned);
    *dataset = (struct dataset){0};
}

// The image that has the list.
static const struct dataset_part *dataset_part(const struct dataset *dataset, size_t list)
{
    size_t low = 0, high = dataset->part_count - 1;
    while (low < high) {
        const size_t middle = low + (high - low + 1) / 2;
        if (dataset->parts[middle].first_list <= list)
            low = middle;
        else
            high = middle - 1;
    }
    return &dataset->parts[low];
}

const union row_cell *dataset_shared(const struct dataset *dataset, size_t list)
{
    const struct dataset_part one = {.cells = dataset->cells};
    const struct dataset_part *part = dataset->parts == NULL ? &one : dataset_part(dataset, list);
    return part->cells + (list - part->first_list) * dataset->shared_cells +
           (dataset->offset[list] - part->first_doc) * dataset->columns;
}

const union row_cell *dataset_rows(const struct dataset *dataset, size_t list)
{
    assert(list < dataset->lists);
    return dataset_shared(dataset, list) + dataset->shared_cells;
}

// Whole pages around the cells of lists of one image.
static void dataset_forget(const struct dataset *dataset, size_t first_list, size_t end_list)
{
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    const size_t last = end_list - 1;
    const size_t docs = (size_t)(dataset->offset[end_list] - dataset->offset[last]);
    const uintptr_t begin = (uintptr_t)dataset_shared(dataset, first_list) / page * page;
    const uintptr_t end = (uintptr_t)(dataset_rows(dataset, last) + docs * dataset->columns);
    const uintptr_t whole = (end - begin + page - 1) / page * page;
    madvise((void *)begin, whole, MADV_DONTNEED); // what is mapped from a file is read again
}

void dataset_release(const struct dataset *dataset, size_t first_list, size_t end_list)
{
    if (dataset->owned == NULL)
        return;
    while (first_list < end_list) {
        size_t end = end_list;
        if (dataset->parts != NULL) {
            const struct dataset_part *part = dataset_part(dataset, first_list);
            if (part + 1 < dataset->parts + dataset->part_count && part[1].first_list < end)
                end = part[1].first_list;
        }
        dataset_forget(dataset, first_list, end);
        first_list = end;
    }
}

struct span dataset_qid(const struct dataset *dataset, size_t list)
{
    assert(list < dataset->lists);
    uint64_t begin = dataset->qid[list];
    return (struct span){dataset->qid_text + begin, (size_t)(dataset->qid[list + 1] - begin)};
}

uint64_t dataset_lists_hash(const struct dataset *dataset)
{
    const uint64_t parts[] = {
        hash64(dataset->qid_text, dataset->qid[dataset->lists], 0),
        hash64(dataset->qid, (dataset->lists + 1) * sizeof(*dataset->qid), 0),
        hash64(dataset->offset, (dataset->lists + 1) * sizeof(*dataset->offset), 0),
        hash64(dataset->grade, dataset->docs * sizeof(*dataset->grade), 0),
    };
    return hash64(parts, sizeof(parts), 0);
}

void dataset_split(const struct dataset *dataset, uint64_t seed, unsigned percent, uint8_t *valid)
{
    for (size_t list = 0; list < dataset->lists; list++) {
        struct span qid = dataset_qid(dataset, list);
        valid[list] = hash64(qid.data, qid.size, seed) % 100 < percent;
    }
}
