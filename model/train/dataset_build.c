#include "model/train/dataset_build.h"

#include "base/buf.h"
#include "base/num.h"
#include "model/train/letor.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { DATASET_BUILD_BLOCK = 1 << 20 };

struct dataset_build_segment { // documents one after another with rows of one width
    uint64_t docs;
    uint32_t width;
};

struct dataset_build {
    int fd;
    const char *target;
    struct buf pending;  // values not yet written
    struct buf grades;   // float a document
    struct buf offsets;  // uint64_t a list
    struct buf segments; // struct dataset_build_segment
    uint64_t docs;
    uint32_t width;
};

static void dataset_build_init(struct dataset_build *build, int fd, const char *target)
{
    *build = (struct dataset_build){.fd = fd, .target = target};
    buf_init(&build->pending, DATASET_BUILD_BLOCK);
    buf_init(&build->grades, SIZE_MAX / 2);
    buf_init(&build->offsets, SIZE_MAX / 2);
    buf_init(&build->segments, SIZE_MAX / 2);
}

static void dataset_build_fini(struct dataset_build *build)
{
    buf_fini(&build->pending);
    buf_fini(&build->grades);
    buf_fini(&build->offsets);
    buf_fini(&build->segments);
}

MUST_USE static enum status dataset_build_write(struct dataset_build *build, const void *data,
                                                size_t size, struct diag *reterr)
{
    const char *at = data;
    while (size > 0) {
        ssize_t n = write(build->fd, at, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return diag_errno(reterr, build->target, "cannot write");
        at += n;
        size -= (size_t)n;
    }
    return STATUS_OK;
}

MUST_USE static enum status dataset_build_flush(struct dataset_build *build, struct diag *reterr)
{
    TRY(dataset_build_write(build, build->pending.data, build->pending.size, reterr));
    buf_clear(&build->pending);
    return STATUS_OK;
}

MUST_USE static enum status dataset_build_values(struct dataset_build *build, const float *values,
                                                 size_t count, struct diag *reterr)
{
    size_t size = count * sizeof(*values);
    if (build->pending.size + size > DATASET_BUILD_BLOCK)
        TRY(dataset_build_flush(build, reterr));
    buf_append(&build->pending, values, size);
    return buf_status(&build->pending);
}

static enum status dataset_build_sink(void *context, const struct letor_doc *doc,
                                      struct diag *reterr)
{
    struct dataset_build *build = context;
    struct dataset_build_segment *last = NULL;
    if (doc->new_list)
        buf_append(&build->offsets, &build->docs, sizeof(build->docs));
    if (build->docs == 0 || doc->width > build->width) {
        struct dataset_build_segment segment = {.docs = 0, .width = doc->width};
        buf_append(&build->segments, &segment, sizeof(segment));
        build->width = doc->width;
    }
    buf_append(&build->grades, &doc->grade, sizeof(doc->grade));
    if (build->offsets.failed || build->segments.failed || build->grades.failed)
        return diag_set(reterr, STATUS_NO_MEMORY, "out of memory");
    last =
        (struct dataset_build_segment *)(void *)(build->segments.data + build->segments.size) - 1;
    last->docs++;
    build->docs++;
    return dataset_build_values(build, doc->values, doc->width, reterr);
}

// Moves the rows to their place in a matrix of the final width. From the last row to the first: no
// row stands behind its final place, so nothing is overwritten before it is moved.
static void dataset_build_widen(const struct dataset_build *build, float *values, size_t columns)
{
    const struct dataset_build_segment *segments = (const void *)build->segments.data;
    size_t count = build->segments.size / sizeof(*segments);
    size_t from = 0, row = build->docs;
    for (size_t s = 0; s < count; s++)
        from += segments[s].docs * segments[s].width;
    for (size_t s = count; s-- > 0 && from < row * columns;) {
        size_t width = segments[s].width;
        for (uint64_t i = 0; i < segments[s].docs; i++) {
            from -= width;
            row--;
            memmove(values + row * columns, values + from, width * sizeof(*values));
            memset(values + row * columns + width, 0, (columns - width) * sizeof(*values));
        }
    }
}

// Reserves the whole file, so that a full disk is an error here and not a fault in mapped memory.
MUST_USE static enum status dataset_build_map(const struct dataset_build *build, size_t size,
                                              void **ret_image, struct diag *reterr)
{
    int error;
    do
        error = posix_fallocate(build->fd, 0, (off_t)size);
    while (error == EINTR);
    if (error != 0) {
        errno = error;
        return diag_errno(reterr, build->target, "cannot reserve space");
    }
    void *image = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, build->fd, 0);
    if (image == MAP_FAILED)
        return diag_errno(reterr, build->target, "cannot map");
    *ret_image = image;
    return STATUS_OK;
}

static void dataset_build_parts(const struct dataset_build *build, const struct qidset *qids,
                                const struct dataset_image_layout *layout, size_t columns,
                                char *image)
{
    dataset_build_widen(build, (float *)(void *)(image + layout->cells), columns);
    memcpy(image + layout->grade, build->grades.data, build->grades.size);
    memcpy(image + layout->offset, build->offsets.data, build->offsets.size);
    memcpy(image + layout->offset + build->offsets.size, &build->docs, sizeof(build->docs));
    memcpy(image + layout->qid, qids->offset, (qids->count + 1) * sizeof(*qids->offset));
    memcpy(image + layout->names, qids->text.data, qids->text.size);
}

MUST_USE static enum status dataset_build_image(struct dataset_build *build,
                                                const struct letor *letor,
                                                struct dataset_image_header *header,
                                                struct dataset *ret_dataset, struct diag *reterr)
{
    const struct qidset *qids = letor_qids(letor);
    struct dataset_image_layout layout;
    void *image = NULL;
    if (!dataset_image_plan(header, &layout))
        return diag_at_line(reterr, STATUS_TOO_LARGE, build->target, 0, 0, "too much data");
    TRY(dataset_build_map(build, layout.end, &image, reterr));
    dataset_build_parts(build, qids, &layout, header->columns, image);
    return dataset_image_finish(image, header, &layout, build->target, ret_dataset, reterr);
}

MUST_USE static enum status dataset_build_read(struct dataset_build *build, struct letor *letor,
                                               const char *path,
                                               const struct dataset_options *options,
                                               struct diag *reterr)
{
    const struct letor_progress progress = {options->progress, options->progress_context};
    if (lseek(build->fd, DATASET_IMAGE_HEADER, SEEK_SET) < 0)
        return diag_errno(reterr, build->target, "cannot seek");
    TRY(letor_read(letor, path, &progress, reterr));
    TRY(dataset_build_flush(build, reterr));
    if (build->docs == 0)
        return diag_at_line(reterr, STATUS_INVALID, path, 0, 0, "holds no document");
    if (letor_width(letor) == 0)
        return diag_at_line(reterr, STATUS_INVALID, path, 0, 0, "holds no feature");
    return STATUS_OK;
}

enum status dataset_build(const char *path, const struct dataset_options *options,
                          const struct dataset_image_source *source, int fd, const char *target,
                          struct dataset *ret_dataset, struct diag *reterr)
{
    struct dataset_build build;
    dataset_build_init(&build, fd, target);
    struct letor *letor;
    const struct letor_config config = {path, options->columns, options->skip_bad,
                                        dataset_build_sink, &build};
    enum status code = letor_new(&config, &letor);
    if (code != STATUS_OK)
        return diag_at_line(reterr, code, path, 0, 0, "out of memory");
    code = dataset_build_read(&build, letor, path, options, reterr);
    if (code == STATUS_OK) {
        struct dataset_image_header header = {.source_bytes = source->size_bytes,
                                              .source_mtime_ns = source->mtime_ns,
                                              .source_ends_hash = source->ends_hash,
                                              .columns = letor_width(letor),
                                              .largest = letor_largest(letor),
                                              .lists = letor_qids(letor)->count,
                                              .docs = build.docs,
                                              .name_bytes = letor_qids(letor)->text.size,
                                              .limit = options->columns,
                                              .skipped_lines = letor_skipped(letor)};
        if (letor_skipped(letor) > 0)
            diag_format(letor_first_skipped(letor), header.first_skipped,
                        sizeof(header.first_skipped));
        code = dataset_build_image(&build, letor, &header, ret_dataset, reterr);
    }
    letor_free(letor);
    dataset_build_fini(&build);
    return code;
}
