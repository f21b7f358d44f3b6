#include "model/train/dataset_image.h"

#include "base/hash64.h"
#include "base/num.h"
#include "model/train/csvmap.h"
#include "model/train/dataset_owned.h"
#include "model/train/dataset_parts.h"
#include "model/train/encoding.h"

#include <assert.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const char dataset_image_magic[16] = "ctr-dataset-3\n";
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

// Cells of all lists.
MUST_USE static bool dataset_image_cells(const struct dataset_image_header *header,
                                         size_t *ret_cells)
{
    size_t rows, shared;
    return num_mul(header->docs, header->columns, &rows) &&
           num_mul(header->lists, header->shared_cells, &shared) &&
           num_add(rows, shared, ret_cells);
}

bool dataset_image_plan(const struct dataset_image_header *header,
                        struct dataset_image_layout *ret_layout)
{
    size_t cells, bounds, at = DATASET_IMAGE_HEADER;
    struct dataset_image_layout *layout = ret_layout;
    const uint64_t lists = header->lists, docs = header->docs;
    if (header->has_group > 1 || header->has_ts > 1 || header->has_bid > 1)
        return false;
    if (!dataset_image_cells(header, &cells) || !num_add(lists, 1, &bounds) ||
        !dataset_image_part(cells, sizeof(union row_cell), &at, &layout->cells) ||
        !dataset_image_part(docs, sizeof(float), &at, &layout->grade) ||
        !dataset_image_part(bounds, sizeof(uint64_t), &at, &layout->offset) ||
        !dataset_image_part(lists * header->has_group, sizeof(uint32_t), &at, &layout->group) ||
        !dataset_image_part(lists * header->has_ts, sizeof(int64_t), &at, &layout->ts) ||
        !dataset_image_part(docs * header->has_bid, sizeof(double), &at, &layout->bid) ||
        !dataset_image_part(bounds, sizeof(uint64_t), &at, &layout->qid) ||
        !dataset_image_part(header->name_bytes, 1, &at, &layout->names) ||
        !dataset_image_part(header->schema_bytes, 1, &at, &layout->schema) ||
        !dataset_image_part(header->vocab_bytes, 1, &at, &layout->vocabs))
        return false;
    layout->end = at;
    return true;
}

// A complete image, and the schema and vocabularies in it, which are made. Takes over the mapping.
MUST_USE static enum status dataset_image_bind(void *image,
                                               const struct dataset_image_header *header,
                                               const struct dataset_image_layout *layout,
                                               const char *path, struct dataset *ret_dataset,
                                               struct diag *reterr)
{
    const char *base = image;
    struct dataset_owned *owned = NULL;
    *ret_dataset = (struct dataset){0};
    TRY(dataset_owned_new(image, layout->end, &owned, reterr));
    struct dataset dataset = {
        .lists = header->lists,
        .docs = header->docs,
        .columns = header->columns,
        .shared_cells = header->shared_cells,
        .cells = (const void *)(base + layout->cells),
        .grade = (const void *)(base + layout->grade),
        .offset = (const void *)(base + layout->offset),
        .group = header->has_group == 0 ? NULL : (const void *)(base + layout->group),
        .ts = header->has_ts == 0 ? NULL : (const void *)(base + layout->ts),
        .bid = header->has_bid == 0 ? NULL : (const void *)(base + layout->bid),
        .qid_text = base + layout->names,
        .qid = (const void *)(base + layout->qid),
        .content_hash = header->content_hash,
        .skipped_lines = header->skipped_lines,
        .owned = owned,
    };
    memcpy(dataset.first_skipped, header->first_skipped, sizeof(header->first_skipped));
    enum status code = STATUS_OK;
    if (header->schema_bytes > 0) {
        const struct span schema = {base + layout->schema, header->schema_bytes};
        const struct span vocabs = {base + layout->vocabs, header->vocab_bytes};
        code = dataset_parts_schema(schema, vocabs, path, &dataset, reterr);
    }
    if (code != STATUS_OK)
        dataset_close(&dataset);
    else
        *ret_dataset = dataset;
    return code;
}

// Over all parts; 0: no memory. What was read is released on the way.
static uint64_t dataset_image_content_hash(const struct dataset *dataset)
{
    struct hash64_stream *stream = hash64_new(0);
    if (stream == NULL)
        return 0;
    dataset_parts_hash(dataset, stream);
    uint64_t hash = hash64_value(stream);
    hash64_free(stream);
    return hash == 0 ? 1 : hash;
}

static uint64_t dataset_image_header_hash(const struct dataset_image_header *header)
{
    return hash64(header, offsetof(struct dataset_image_header, header_hash), 0);
}

enum status dataset_image_finish(void *image, struct dataset_image_header *header,
                                 const struct dataset_image_layout *layout, const char *path,
                                 struct dataset *ret_dataset, struct diag *reterr)
{
    static_assert(sizeof(*header) <= DATASET_IMAGE_HEADER, "the header has room");
    struct dataset dataset;
    TRY(dataset_image_bind(image, header, layout, path, &dataset, reterr));
    enum status code = STATUS_OK;
    memcpy(header->magic, dataset_image_magic, sizeof(header->magic));
    header->byte_order = dataset_image_order;
    header->content_hash = dataset.content_hash = dataset_image_content_hash(&dataset);
    header->header_hash = dataset_image_header_hash(header);
    memcpy(image, header, sizeof(*header));
    if (dataset.schema != NULL) // names, grades and bounds were looked at too
        madvise(image, layout->end, MADV_DONTNEED);
    if (header->content_hash == 0)
        code = diag_at_line(reterr, STATUS_NO_MEMORY, path, 0, 0, "out of memory");
    else if (mprotect(image, layout->end, PROT_READ) != 0)
        code = diag_errno(reterr, path, "cannot protect");
    if (code != STATUS_OK)
        dataset_close(&dataset);
    else
        *ret_dataset = dataset;
    return code;
}

MUST_USE static enum status dataset_image_check_header(const char *path,
                                                       const struct dataset_image_header *header,
                                                       struct diag *reterr)
{
    if (memcmp(header->magic, dataset_image_magic, sizeof(header->magic)) != 0 ||
        header->byte_order != dataset_image_order)
        return diag_at_line(reterr, STATUS_CORRUPT, path, 0, 0,
                            "is no data image of this version and machine");
    if (header->header_hash != dataset_image_header_hash(header))
        return diag_at_line(reterr, STATUS_CORRUPT, path, 0, 0, "the header is damaged");
    if (memchr(header->first_skipped, '\0', sizeof(header->first_skipped)) == NULL)
        return diag_at_line(reterr, STATUS_CORRUPT, path, 0, 0, "the header is not valid");
    return STATUS_OK;
}

// Whether a cache belongs to the files and to what is wanted of them.
MUST_USE static enum status dataset_image_belongs(const char *path,
                                                  const struct dataset_image_header *header,
                                                  const struct dataset_image_source *source,
                                                  const struct dataset_options *options,
                                                  struct diag *reterr)
{
    if (header->source_bytes != source->size_bytes || header->source_mtime_ns != source->mtime_ns ||
        header->source_ends_hash != source->ends_hash)
        return diag_at_line(reterr, STATUS_NOT_FOUND, path, 0, 0, "the data file has changed");
    if (header->skipped_lines > options->skip_bad)
        return diag_at_line(reterr, STATUS_NOT_FOUND, path, 0, 0,
                            "was made with more bad lines than are allowed");
    if ((header->schema_bytes > 0) != (options->schema != NULL) ||
        header->unlabelled != (options->schema != NULL && options->unlabelled))
        return diag_at_line(reterr, STATUS_NOT_FOUND, path, 0, 0, "was made for other data");
    if (header->csv_hash != csvmap_hash(options->csv))
        return diag_at_line(reterr, STATUS_NOT_FOUND, path, 0, 0,
                            "was made with other columns (csv) or another joined table");
    if (options->schema != NULL && !encoding_is_fitted(options->schema) && header->vocabs_given > 0)
        return diag_at_line(reterr, STATUS_NOT_FOUND, path, 0, 0,
                            "has vocabularies that were learnt elsewhere");
    if (options->schema != NULL)
        return STATUS_OK;
    uint64_t wanted = options->columns == 0 ? header->largest : options->columns;
    if (header->columns != wanted)
        return diag_at_line(reterr, STATUS_NOT_FOUND, path, 0, 0,
                            "has %llu columns, wanted are %llu",
                            (unsigned long long)header->columns, (unsigned long long)wanted);
    if (header->skipped_lines > 0 && header->limit != options->columns)
        return diag_at_line(reterr, STATUS_NOT_FOUND, path, 0, 0,
                            "was made with another limit of columns, and lines were skipped");
    return STATUS_OK;
}

MUST_USE static enum status dataset_image_check(const char *path, void *image, size_t size,
                                                const struct dataset_image_header *header,
                                                struct dataset *ret_dataset, struct diag *reterr)
{
    struct dataset_image_layout layout;
    if (header->lists == 0 || header->docs == 0 || header->columns + header->shared_cells == 0 ||
        (header->schema_bytes == 0 && header->shared_cells > 0) ||
        !dataset_image_plan(header, &layout) || layout.end != size) {
        munmap(image, size);
        return diag_at_line(reterr, STATUS_CORRUPT, path, 0, 0, "is cut or has the wrong size");
    }
    struct dataset dataset;
    TRY(dataset_image_bind(image, header, &layout, path, &dataset, reterr));
    if (!dataset_parts_bounds(dataset.offset, dataset.lists, dataset.docs) ||
        !dataset_parts_bounds(dataset.qid, dataset.lists, header->name_bytes) ||
        !dataset_parts_values(&dataset) ||
        dataset_image_content_hash(&dataset) != header->content_hash) {
        dataset_close(&dataset);
        return diag_at_line(reterr, STATUS_CORRUPT, path, 0, 0, "the content is damaged");
    }
    *ret_dataset = dataset;
    return STATUS_OK;
}

MUST_USE static enum status dataset_image_open(const char *path, void **ret_image, size_t *ret_size,
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
        code = diag_at_line(reterr, STATUS_CORRUPT, path, 0, 0, "is no data image");
    else if ((image = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_SHARED, fd, 0)) == MAP_FAILED)
        code = diag_errno(reterr, path, "cannot map");
    close(fd);
    if (code != STATUS_OK)
        return code;
    *ret_image = image;
    *ret_size = (size_t)info.st_size;
    return STATUS_OK;
}

MUST_USE static enum status
dataset_image_read(const char *path, const struct dataset_image_source *source,
                   const struct dataset_options *options, struct dataset *ret_dataset,
                   struct dataset_image_header *ret_header, struct diag *reterr)
{
    void *image = NULL;
    size_t size = 0;
    TRY(dataset_image_open(path, &image, &size, reterr));
    memcpy(ret_header, image, sizeof(*ret_header));
    enum status code = dataset_image_check_header(path, ret_header, reterr);
    if (code == STATUS_OK && source != NULL)
        code = dataset_image_belongs(path, ret_header, source, options, reterr);
    if (code != STATUS_OK) {
        munmap(image, size);
        return code;
    }
    return dataset_image_check(path, image, size, ret_header, ret_dataset, reterr);
}

enum status dataset_image_map(const char *path, struct dataset *ret_dataset,
                              struct dataset_image_header *ret_header, struct diag *reterr)
{
    return dataset_image_read(path, NULL, NULL, ret_dataset, ret_header, reterr);
}

enum status dataset_image_load(const char *path, const struct dataset_image_source *source,
                               const struct dataset_options *options, struct dataset *ret_dataset,
                               struct diag *reterr)
{
    struct dataset_image_header header;
    TRY(dataset_image_read(path, source, options, ret_dataset, &header, reterr));
    if (options->schema == NULL)
        return STATUS_OK;
    // Cell by cell: a cache has exactly what is wanted.
    enum status code = encoding_covers(ret_dataset->schema, options->schema, reterr);
    if (code == STATUS_OK)
        code = encoding_covers(options->schema, ret_dataset->schema, reterr);
    if (code != STATUS_OK) {
        dataset_close(ret_dataset);
        return diag_at_line(reterr, STATUS_NOT_FOUND, path, 0, 0, "was made for other features");
    }
    return STATUS_OK;
}
