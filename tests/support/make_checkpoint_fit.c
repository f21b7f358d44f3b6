#include "tests/support/make_checkpoint_fit.h"

#include "proto/vocab.h"

#include <stdlib.h>

static const char ids[] = "applepearfig";
static const uint64_t id_offsets[] = {0, 5, 9, 12};
enum { IDS = 3 };

static MUST_USE enum status fit_edges(struct schema_feature *feature)
{
    feature->edge_count = feature->quantiles > 2 ? feature->quantiles - 2 : 1;
    feature->edges = calloc(feature->edge_count, sizeof *feature->edges);
    if (feature->edges == NULL)
        return STATUS_NO_MEMORY;
    for (uint32_t i = 0; i < feature->edge_count; i++)
        feature->edges[i] = (float)i - 1;
    return STATUS_OK;
}

static MUST_USE enum status fit_scale(struct schema_feature *feature)
{
    feature->mean = calloc(feature->size, sizeof *feature->mean);
    feature->scale = calloc(feature->size, sizeof *feature->scale);
    if (feature->mean == NULL || feature->scale == NULL)
        return STATUS_NO_MEMORY;
    for (uint32_t i = 0; i < feature->size; i++) {
        feature->mean[i] = 0.5F;
        feature->scale[i] = 2;
    }
    return STATUS_OK;
}

static MUST_USE enum status fit_vocabs(struct checkpoint *checkpoint, struct diag *reterr)
{
    struct schema *schema = &checkpoint->schema;
    checkpoint->vocabs = calloc(schema->table_count + 1, sizeof *checkpoint->vocabs);
    if (checkpoint->vocabs == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory for vocabularies");
    for (size_t i = 0; i < schema->table_count; i++) {
        struct schema_table *table = &schema->tables[i];
        if (table->encode != ROW_VOCAB || schema->features[table->owner].source == SCHEMA_LOO_MEAN)
            continue;
        TRY(vocab_new(ids, id_offsets, IDS, &checkpoint->vocabs[i], reterr));
        table->vocab = checkpoint->vocabs[i];
    }
    schema_share_vocabs(schema);
    return STATUS_OK;
}

enum status make_checkpoint_fit(struct checkpoint *checkpoint, struct diag *reterr)
{
    struct schema *schema = &checkpoint->schema;
    for (size_t i = 0; i < schema->count; i++) {
        struct schema_feature *feature = &schema->features[i];
        enum status code = feature->quantiles > 0 ? fit_edges(feature) : STATUS_OK;
        if (code == STATUS_OK && feature->transform == SCHEMA_STANDARDISE)
            code = fit_scale(feature);
        if (code != STATUS_OK)
            return diag_set(reterr, code, "no memory for \"%s\"", feature->name);
    }
    TRY(fit_vocabs(checkpoint, reterr));
    return schema_size_tables(schema, reterr);
}
