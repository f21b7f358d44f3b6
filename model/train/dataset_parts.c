#include "model/train/dataset_parts.h"

#include "base/buf.h"
#include "base/num.h"
#include "model/train/dataset_owned.h"
#include "model/train/encoding.h"
#include "proto/record.h"
#include "proto/vocab.h"

#include <stdlib.h>
#include <string.h>

enum { DATASET_PARTS_STEP = 4 << 20 }; // bytes that are looked at, then released

// One vocabulary from the front of *rest, which moves behind it.
MUST_USE static enum status dataset_parts_vocab(struct span *rest, const char *path,
                                                struct vocab **ret_vocab, struct diag *reterr)
{
    uint64_t sizes[2];
    size_t offsets = 0, bytes = 0, end = 0;
    bool whole = rest->size >= sizeof(sizes);
    if (whole)
        memcpy(sizes, rest->data, sizeof(sizes));
    whole =
        whole && num_add(sizes[0], 1, &offsets) && num_mul(offsets, sizeof(uint64_t), &offsets) &&
        num_add(sizes[1], sizeof(uint64_t) - 1, &bytes) && num_add(sizeof(sizes), offsets, &end) &&
        num_add(end, bytes - bytes % 8, &end) && end <= rest->size;
    if (!whole)
        return diag_at_line(reterr, STATUS_CORRUPT, path, 0, 0, "a vocabulary is cut");
    const uint64_t *offset = (const void *)(rest->data + sizeof(sizes));
    const char *text = rest->data + sizeof(sizes) + offsets;
    if (offset[sizes[0]] != sizes[1])
        return diag_at_line(reterr, STATUS_CORRUPT, path, 0, 0, "a vocabulary is damaged");
    TRY(vocab_new(text, offset, sizes[0], ret_vocab, reterr));
    rest->data += end;
    rest->size -= end;
    return STATUS_OK;
}

enum status dataset_parts_schema(struct span schema, struct span vocabs, const char *path,
                                 struct dataset *dataset, struct diag *reterr)
{
    struct dataset_owned *owned = dataset->owned;
    TRY(encoding_parse(schema, path, &owned->schema, reterr));
    dataset->schema = &owned->schema;
    if (owned->schema.shared_cells != dataset->shared_cells ||
        owned->schema.row_cells != dataset->columns)
        return diag_at_line(reterr, STATUS_CORRUPT, path, 0, 0, "the features have other widths");
    owned->vocabs = calloc(owned->schema.table_count + 1, sizeof(struct vocab *));
    if (owned->vocabs == NULL)
        return diag_at_line(reterr, STATUS_NO_MEMORY, path, 0, 0, "out of memory");
    for (size_t t = 0; t < owned->schema.table_count; t++) {
        struct schema_table *table = &owned->schema.tables[t];
        if (table->encode != ROW_VOCAB)
            continue;
        enum status code =
            dataset_parts_vocab(&vocabs, path, &owned->vocabs[owned->vocab_count], reterr);
        if (code != STATUS_OK && reterr != NULL)
            diag_in_file(reterr, path);
        TRY(code);
        table->vocab = owned->vocabs[owned->vocab_count++];
    }
    if (vocabs.size != 0)
        return diag_at_line(reterr, STATUS_CORRUPT, path, 0, 0, "the vocabularies are damaged");
    return schema_size_tables(&owned->schema, reterr);
}

void dataset_parts_put_vocabs(const struct schema *schema, struct buf *out)
{
    static const char zeros[sizeof(uint64_t)];
    for (size_t t = 0; t < schema->table_count; t++) {
        const struct vocab *vocab = schema->tables[t].vocab;
        if (schema->tables[t].encode != ROW_VOCAB)
            continue;
        const size_t count = vocab_count(vocab);
        uint64_t sizes[2] = {count, 0}, at = 0;
        for (size_t i = 0; i < count; i++)
            sizes[1] += vocab_id(vocab, i).size;
        buf_append(out, sizes, sizeof(sizes));
        buf_append(out, &at, sizeof(at));
        for (size_t i = 0; i < count; i++) {
            at += vocab_id(vocab, i).size;
            buf_append(out, &at, sizeof(at));
        }
        for (size_t i = 0; i < count; i++)
            buf_span(out, vocab_id(vocab, i));
        buf_append(out, zeros, num_round_up(sizes[1], sizeof(zeros)) - sizes[1]);
    }
}

bool dataset_parts_bounds(const uint64_t *bound, size_t count, uint64_t total)
{
    if (bound[0] != 0 || bound[count] != total)
        return false;
    for (size_t i = 0; i < count; i++)
        if (bound[i] >= bound[i + 1])
            return false;
    return true;
}

// Of a cell: the bits under `mask` are at most `most`.
struct dataset_parts_limit {
    uint32_t mask, most;
};

static struct dataset_parts_limit dataset_parts_limit(const struct schema *schema,
                                                      const struct schema_feature *feature)
{
    if (schema_has_ids(feature))
        return (struct dataset_parts_limit){UINT32_MAX,
                                            (uint32_t)schema->tables[feature->table].rows - 1};
    // A number without its sign: finite, or, where it has a bucket for that, missing.
    return (struct dataset_parts_limit){INT32_MAX, feature->quantiles > 0 ? INT32_MAX : 0x7f7fffff};
}

static bool dataset_parts_good(const struct dataset_parts_limit *limits,
                               const union row_cell *cells, size_t rows, size_t width)
{
    uint32_t bad = 0;
    for (size_t i = 0; i < rows; i++)
        for (size_t c = 0; c < width; c++)
            bad |= (cells[i * width + c].id & limits[c].mask) > limits[c].most;
    return bad == 0;
}

// Up to which list a step from `begin` goes.
static size_t dataset_parts_step(const struct dataset *dataset, size_t begin)
{
    size_t bytes = 0, end = begin;
    while (end < dataset->lists && bytes < DATASET_PARTS_STEP) {
        size_t docs = (size_t)(dataset->offset[end + 1] - dataset->offset[end]);
        bytes += (dataset->shared_cells + docs * dataset->columns) * sizeof(union row_cell);
        end++;
    }
    return end;
}

static bool dataset_parts_cells(const struct dataset *dataset,
                                const struct dataset_parts_limit *shared,
                                const struct dataset_parts_limit *row)
{
    for (size_t list = 0, end; list < dataset->lists; list = end) {
        end = dataset_parts_step(dataset, list);
        for (size_t i = list; i < end; i++) {
            size_t docs = (size_t)(dataset->offset[i + 1] - dataset->offset[i]);
            if (!dataset_parts_good(shared, dataset_shared(dataset, i), 1, dataset->shared_cells) ||
                !dataset_parts_good(row, dataset_rows(dataset, i), docs, dataset->columns))
                return false;
        }
        dataset_release(dataset, list, end);
    }
    return true;
}

bool dataset_parts_values(const struct dataset *dataset)
{
    const struct schema *schema = dataset->schema;
    for (size_t d = 0; d < dataset->docs; d++)
        if (!(dataset->grade[d] >= 0 && (double)dataset->grade[d] <= record_max_label))
            return false;
    if (schema == NULL)
        return true;
    struct dataset_parts_limit *limits =
        calloc(schema->shared_cells + schema->row_cells + 1, sizeof(*limits));
    if (limits == NULL)
        return false;
    for (size_t i = 0; i < schema->count; i++) {
        const struct schema_feature *feature = &schema->features[i];
        const size_t block = schema_in_shared_cells(feature) ? 0 : schema->shared_cells;
        for (uint32_t c = 0; c < schema_cells(feature); c++)
            limits[block + feature->offset + c] = dataset_parts_limit(schema, feature);
    }
    bool good = dataset_parts_cells(dataset, limits, limits + schema->shared_cells);
    free(limits);
    return good;
}

void dataset_parts_hash(const struct dataset *dataset, struct hash64_stream *stream)
{
    const size_t lists = dataset->lists, docs = dataset->docs;
    const size_t bounds = (lists + 1) * sizeof(uint64_t);
    const uint64_t sizes[] = {dataset->columns, dataset->shared_cells, lists, docs};
    hash64_update(stream, sizes, sizeof(sizes));
    hash64_update(stream, dataset->offset, bounds);
    hash64_update(stream, dataset->qid, bounds);
    hash64_update(stream, dataset->qid_text, dataset->qid[lists]);
    hash64_update(stream, dataset->grade, docs * sizeof(float));
    if (dataset->group != NULL)
        hash64_update(stream, dataset->group, lists * sizeof(uint32_t));
    if (dataset->ts != NULL)
        hash64_update(stream, dataset->ts, lists * sizeof(int64_t));
    if (dataset->bid != NULL)
        hash64_update(stream, dataset->bid, docs * sizeof(double));
    struct buf text;
    buf_init(&text, SIZE_MAX / 2);
    if (dataset->schema != NULL && encoding_text(dataset->schema, &text) == STATUS_OK) {
        dataset_parts_put_vocabs(dataset->schema, &text);
        hash64_update(stream, text.data, text.size);
    }
    buf_fini(&text);
    for (size_t list = 0, end; list < lists; list = end) {
        end = dataset_parts_step(dataset, list);
        size_t cells = (end - list) * dataset->shared_cells +
                       (size_t)(dataset->offset[end] - dataset->offset[list]) * dataset->columns;
        const union row_cell *from =
            dataset->shared_cells > 0 ? dataset_shared(dataset, list) : dataset_rows(dataset, list);
        hash64_update(stream, from, cells * sizeof(*from));
        dataset_release(dataset, list, end);
    }
}
