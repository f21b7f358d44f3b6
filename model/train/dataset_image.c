#include "model/train/dataset_image.h"

#include "base/hash64.h"
#include "base/num.h"

#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const char dataset_image_magic[16] = "ctr-dataset-1\n";
static const uint64_t dataset_image_order = 0x0102030405060708;

enum { DATASET_IMAGE_ALIGN = 64, DATASET_IMAGE_END = 64 * 1024 };

MUST_USE static enum status dataset_image_hash_ends(const char *path, uint64_t size_bytes,
                                                    uint64_t *ret_hash, struct diag *reterr)
{
    unsigned char *ends = malloc(2 * DATASET_IMAGE_END);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    enum status code = STATUS_OK;
    ssize_t head = 0, tail = 0;
    off_t last = size_bytes > DATASET_IMAGE_END ? (off_t)(size_bytes - DATASET_IMAGE_END) : 0;
    if (ends == NULL)
        code = diag_at_line(reterr, STATUS_NO_MEMORY, path, 0, 0, "out of memory");
    else if (fd < 0)
        code = diag_errno(reterr, path, "cannot open");
    else if ((head = pread(fd, ends, DATASET_IMAGE_END, 0)) < 0 ||
             (tail = pread(fd, ends + head, DATASET_IMAGE_END, last)) < 0)
        code = diag_errno(reterr, path, "cannot read");
    else
        *ret_hash = hash64(ends, (size_t)(head + tail), 0);
    if (fd >= 0)
        close(fd);
    free(ends);
    return code;
}

enum status dataset_image_stat(const char *path, struct dataset_image_source *ret_source,
                               struct diag *reterr)
{
    struct stat info;
    if (stat(path, &info) != 0)
        return diag_errno(reterr, path, "cannot open");
    struct dataset_image_source source = {.size_bytes = (uint64_t)info.st_size,
                                          .mtime_ns = (uint64_t)info.st_mtim.tv_sec * 1000000000 +
                                                      (uint64_t)info.st_mtim.tv_nsec,
                                          .regular = S_ISREG(info.st_mode)};
    if (source.regular)
        TRY(dataset_image_hash_ends(path, source.size_bytes, &source.ends_hash, reterr));
    *ret_source = source;
    return STATUS_OK;
}

// A part of `count` items of `bytes` at *at, which moves behind it.
MUST_USE static bool dataset_image_part(uint64_t count, size_t bytes, size_t *at, size_t *ret_begin)
{
    size_t size, end;
    *ret_begin = *at;
    if (!num_mul(count, bytes, &size) || !num_add(*at, size, &end) ||
        !num_add(end, DATASET_IMAGE_ALIGN - 1, &end))
        return false;
    *at = end - end % DATASET_IMAGE_ALIGN;
    return true;
}

bool dataset_image_plan(uint64_t docs, uint64_t columns, uint64_t lists, uint64_t name_bytes,
                        struct dataset_image_layout *ret_layout)
{
    size_t cells, bounds, at = DATASET_IMAGE_HEADER;
    struct dataset_image_layout *layout = ret_layout;
    if (!num_mul(docs, columns, &cells) || !num_add(lists, 1, &bounds) ||
        !dataset_image_part(cells, sizeof(float), &at, &layout->values) ||
        !dataset_image_part(docs, sizeof(float), &at, &layout->grade) ||
        !dataset_image_part(bounds, sizeof(uint64_t), &at, &layout->offset) ||
        !dataset_image_part(bounds, sizeof(uint64_t), &at, &layout->qid) ||
        !dataset_image_part(name_bytes, 1, &at, &layout->names))
        return false;
    layout->end = at;
    return true;
}

void dataset_image_bind(const void *image, const struct dataset_image_header *header,
                        const struct dataset_image_layout *layout, struct dataset *ret_dataset)
{
    const char *base = image;
    *ret_dataset = (struct dataset){
        .lists = header->lists,
        .docs = header->docs,
        .columns = header->columns,
        .offset = (const uint64_t *)(const void *)(base + layout->offset),
        .values = (const float *)(const void *)(base + layout->values),
        .grade = (const float *)(const void *)(base + layout->grade),
        .qid_text = base + layout->names,
        .qid = (const uint64_t *)(const void *)(base + layout->qid),
        .content_hash = header->content_hash,
        .skipped_lines = header->skipped_lines,
        .mapping_bytes = layout->end,
    };
    memcpy(ret_dataset->first_skipped, header->first_skipped, sizeof(header->first_skipped));
}

uint64_t dataset_image_content_hash(const struct dataset *dataset)
{
    struct hash64_stream *stream = hash64_new(0);
    if (stream == NULL)
        return 0;
    const uint64_t sizes[3] = {dataset->columns, dataset->lists, dataset->docs};
    size_t bounds = (dataset->lists + 1) * sizeof(uint64_t);
    hash64_update(stream, sizes, sizeof(sizes));
    hash64_update(stream, dataset->offset, bounds);
    hash64_update(stream, dataset->qid, bounds);
    hash64_update(stream, dataset->qid_text, dataset->qid[dataset->lists]);
    hash64_update(stream, dataset->grade, dataset->docs * sizeof(float));
    hash64_update(stream, dataset->values, dataset->docs * dataset->columns * sizeof(float));
    uint64_t hash = hash64_value(stream);
    hash64_free(stream);
    return hash == 0 ? 1 : hash;
}

static uint64_t dataset_image_header_hash(const struct dataset_image_header *header)
{
    return hash64(header, offsetof(struct dataset_image_header, header_hash), 0);
}

void dataset_image_seal(struct dataset_image_header *header, void *image)
{
    static_assert(sizeof(*header) <= DATASET_IMAGE_HEADER, "the header has room");
    memcpy(header->magic, dataset_image_magic, sizeof(header->magic));
    header->byte_order = dataset_image_order;
    header->header_hash = dataset_image_header_hash(header);
    memcpy(image, header, sizeof(*header));
}

// Ascending bounds of `count` parts that end at `total`; strictly: no part is empty.
static bool dataset_image_bounds(const uint64_t *bound, size_t count, uint64_t total)
{
    if (bound[0] != 0 || bound[count] != total)
        return false;
    for (size_t i = 0; i < count; i++)
        if (bound[i] >= bound[i + 1])
            return false;
    return true;
}

MUST_USE static enum status dataset_image_check_header(const char *path,
                                                       const struct dataset_image_header *header,
                                                       const struct dataset_image_source *source,
                                                       const struct dataset_options *options,
                                                       struct diag *reterr)
{
    if (memcmp(header->magic, dataset_image_magic, sizeof(header->magic)) != 0 ||
        header->byte_order != dataset_image_order)
        return diag_at_line(reterr, STATUS_CORRUPT, path, 0, 0,
                            "is no data cache of this version and machine");
    if (header->header_hash != dataset_image_header_hash(header))
        return diag_at_line(reterr, STATUS_CORRUPT, path, 0, 0, "the header is damaged");
    if (header->source_bytes != source->size_bytes || header->source_mtime_ns != source->mtime_ns ||
        header->source_ends_hash != source->ends_hash)
        return diag_at_line(reterr, STATUS_NOT_FOUND, path, 0, 0, "the data file has changed");
    uint64_t wanted = options->columns == 0 ? header->largest : options->columns;
    if (header->columns != wanted)
        return diag_at_line(reterr, STATUS_NOT_FOUND, path, 0, 0,
                            "has %llu columns, wanted are %llu",
                            (unsigned long long)header->columns, (unsigned long long)wanted);
    if (header->skipped_lines > 0 && header->limit != options->columns)
        return diag_at_line(reterr, STATUS_NOT_FOUND, path, 0, 0,
                            "was made with another limit of columns, and lines were skipped");
    if (header->skipped_lines > options->skip_bad)
        return diag_at_line(reterr, STATUS_NOT_FOUND, path, 0, 0,
                            "was made with more bad lines than are allowed");
    return STATUS_OK;
}

MUST_USE static enum status dataset_image_check(const char *path, const void *image, size_t size,
                                                const struct dataset_image_source *source,
                                                const struct dataset_options *options,
                                                struct dataset *ret_dataset, struct diag *reterr)
{
    struct dataset_image_header header;
    struct dataset_image_layout layout;
    struct dataset dataset;
    memcpy(&header, image, sizeof(header));
    TRY(dataset_image_check_header(path, &header, source, options, reterr));
    if (header.lists == 0 || header.docs == 0 || header.columns == 0 ||
        !dataset_image_plan(header.docs, header.columns, header.lists, header.name_bytes,
                            &layout) ||
        layout.end != size)
        return diag_at_line(reterr, STATUS_CORRUPT, path, 0, 0, "is cut or has the wrong size");
    dataset_image_bind(image, &header, &layout, &dataset);
    if (!dataset_image_bounds(dataset.offset, dataset.lists, dataset.docs) ||
        !dataset_image_bounds(dataset.qid, dataset.lists, header.name_bytes) ||
        memchr(header.first_skipped, '\0', sizeof(header.first_skipped)) == NULL ||
        dataset_image_content_hash(&dataset) != header.content_hash)
        return diag_at_line(reterr, STATUS_CORRUPT, path, 0, 0, "the content is damaged");
    *ret_dataset = dataset;
    return STATUS_OK;
}

enum status dataset_image_load(const char *path, const struct dataset_image_source *source,
                               const struct dataset_options *options, struct dataset *ret_dataset,
                               struct diag *reterr)
{
    struct stat info;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return diag_errno(reterr, path, "cannot open");
    void *image = MAP_FAILED;
    enum status code = STATUS_OK;
    if (fstat(fd, &info) != 0)
        code = diag_errno(reterr, path, "cannot look at");
    else if (!S_ISREG(info.st_mode) || info.st_size < DATASET_IMAGE_HEADER)
        code = diag_at_line(reterr, STATUS_CORRUPT, path, 0, 0, "is no data cache");
    else if ((image = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_SHARED, fd, 0)) == MAP_FAILED)
        code = diag_errno(reterr, path, "cannot map");
    close(fd);
    if (code != STATUS_OK)
        return code;
    code = dataset_image_check(path, image, (size_t)info.st_size, source, options, ret_dataset,
                               reterr);
    if (code != STATUS_OK)
        munmap(image, (size_t)info.st_size);
    else
        ret_dataset->mapping = image;
    return code;
}
