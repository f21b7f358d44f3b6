#include "model/train/fit_vocab.h"

#include "model/train/idcount.h"
#include "proto/vocab.h"

#include <stdlib.h>
#include <string.h>

struct fit_vocab_work {
    struct schema *schema;
    unsigned parsers;
    struct idcount *counts; // (parsers, tables)
    bool *wanted;           // (tables)
};

static void *fit_vocab_seen_of(void *context, unsigned parser, uint32_t table)
{
    struct fit_vocab_work *work = context;
    return work->wanted[table] ? &work->counts[parser * work->schema->table_count + table] : NULL;
}

static void fit_vocab_seen(void *context, struct span id)
{
    idcount_add(context, id, 1);
}

static enum status fit_vocab_sink(void *context, const struct pack *pack, struct diag *reterr)
{
    (void)context, (void)pack, (void)reterr; // only the ids count
    return STATUS_OK;
}

// Those that are frequent enough, in their order, as a vocabulary.
MUST_USE static enum status fit_vocab_make(struct fit_vocab *fit, struct idcount *ids,
                                           struct schema_table *table, struct diag *reterr)
{
    size_t count = 0, size = 0;
    while (count < ids->count && ids->entries[count].count >= table->min_count)
        size += ids->entries[count++].size;
    if (ids->count == 0)
        return diag_at_path(reterr, STATUS_CONFIG, table->name,
                            "the vocabulary is empty: no record has a value, is the name spelt as "
                            "in the data?");
    if (count == 0)
        return diag_at_path(reterr, STATUS_CONFIG, table->name,
                            "the vocabulary is empty: of %zu different ids none is there %u times",
                            ids->count, table->min_count);
    char *bytes = malloc(size + 1);
    uint64_t *offset = calloc(count + 1, sizeof(*offset));
    fit->bytes[fit->count] = bytes;
    fit->offsets[fit->count] = offset;
    fit->count++;
    if (bytes == NULL || offset == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "out of memory for a vocabulary");
    for (size_t i = 0; i < count; i++) {
        struct span id = idcount_id(ids, i);
        memcpy(bytes + offset[i], id.data, id.size);
        offset[i + 1] = offset[i] + id.size;
    }
    struct vocab **vocab = &fit->vocabs[fit->count - 1];
    TRY(vocab_new(bytes, offset, count, vocab, reterr));
    table->vocab = *vocab;
    return STATUS_OK;
}

// What all parsers saw of a table, added up in the first of them.
MUST_USE static enum status fit_vocab_sum(struct fit_vocab_work *work, size_t table,
                                          struct diag *reterr)
{
    const size_t tables = work->schema->table_count;
    struct idcount *sum = &work->counts[table];
    for (unsigned p = 1; p < work->parsers; p++) {
        struct idcount *part = &work->counts[p * tables + table];
        sum->failed = sum->failed || part->failed;
        for (size_t i = 0; i < part->count; i++)
            idcount_add(sum, idcount_id(part, i), part->entries[i].count);
        idcount_fini(part);
        idcount_init(part);
    }
    return idcount_sort(sum) == STATUS_OK
               ? STATUS_OK
               : diag_set(reterr, STATUS_NO_MEMORY, "out of memory for a vocabulary");
}

MUST_USE static enum status fit_vocab_count(struct fit_vocab *fit, struct fit_vocab_work *work,
                                            const struct shards *shards,
                                            const struct impressions_options *options,
                                            struct diag *reterr)
{
    static const uint64_t none[1];
    struct schema *schema = work->schema;
    struct impressions_options how = *options;
    struct impressions_totals totals;
    struct vocab *empty;
    how.seen_of = fit_vocab_seen_of;
    how.seen = fit_vocab_seen;
    how.seen_context = work;
    TRY(vocab_new("", none, 0, &empty, reterr)); // while they are counted all are unknown
    for (size_t t = 0; t < schema->table_count; t++)
        schema->tables[t].vocab = work->wanted[t] ? empty : schema->tables[t].vocab;
    enum status code = impressions_read(shards, &how, fit_vocab_sink, NULL, &totals, reterr);
    for (size_t t = 0; t < schema->table_count; t++)
        schema->tables[t].vocab = work->wanted[t] ? NULL : schema->tables[t].vocab;
    vocab_free(empty);
    if (code == STATUS_OK && totals.lists == 0)
        code = diag_at_line(reterr, STATUS_INVALID, shards->paths[0], 0, 0, "holds no impression");
    for (size_t t = 0; t < schema->table_count && code == STATUS_OK; t++) {
        if (work->wanted[t])
            code = fit_vocab_sum(work, t, reterr);
        if (work->wanted[t] && code == STATUS_OK)
            code = fit_vocab_make(fit, &work->counts[t], &schema->tables[t], reterr);
    }
    return code;
}

MUST_USE static enum status fit_vocab_room(struct fit_vocab *fit, struct fit_vocab_work *work,
                                           struct diag *reterr)
{
    const size_t tables = work->schema->table_count;
    *fit = (struct fit_vocab){.vocabs = calloc(tables + 1, sizeof(struct vocab *)),
                              .bytes = calloc(tables + 1, sizeof(char *)),
                              .offsets = calloc(tables + 1, sizeof(uint64_t *))};
    work->wanted = calloc(tables + 1, sizeof(*work->wanted));
    work->counts = calloc(work->parsers * tables + 1, sizeof(*work->counts));
    if (fit->vocabs == NULL || fit->bytes == NULL || fit->offsets == NULL || work->wanted == NULL ||
        work->counts == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < work->parsers * tables; i++)
        idcount_init(&work->counts[i]);
    for (size_t t = 0; t < tables; t++) {
        const struct schema_table *table = &work->schema->tables[t];
        work->wanted[t] = table->encode == ROW_VOCAB && table->vocab == NULL;
    }
    return STATUS_OK;
}

enum status fit_vocab_learn(struct fit_vocab *fit, const struct shards *shards,
                            const struct impressions_options *options, struct schema *schema,
                            struct diag *reterr)
{
    // The last parser reads bad lines again, for their words.
    struct fit_vocab_work work = {.schema = schema, .parsers = impressions_threads(options) + 1};
    enum status code = fit_vocab_room(fit, &work, reterr);
    if (code == STATUS_OK)
        code = fit_vocab_count(fit, &work, shards, options, reterr);
    for (size_t i = 0; work.counts != NULL && i < work.parsers * schema->table_count; i++)
        idcount_fini(&work.counts[i]);
    free(work.counts);
    free(work.wanted);
    if (code != STATUS_OK)
        fit_vocab_fini(fit);
    return code;
}

void fit_vocab_fini(struct fit_vocab *fit)
{
    for (size_t i = 0; i < fit->count; i++) {
        if (fit->vocabs != NULL)
            vocab_free(fit->vocabs[i]);
        free(fit->bytes[i]);
        free(fit->offsets[i]);
    }
    free(fit->vocabs);
    free(fit->bytes);
    free(fit->offsets);
    *fit = (struct fit_vocab){0};
}
