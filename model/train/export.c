#include "model/train/export.h"

#include "model/net.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

// The numbers of one DIN feature, as the serving form wants them.
MUST_USE static enum status export_din(struct din_train *unit, struct din_weights *ret_din,
                                       struct diag *reterr)
{
    struct din_train_folded from;
    TRY(din_train_fold(unit, &from, reterr));
    struct din_weights din = {.dim = from.dim,
                              .layer_count = from.layer_count,
                              .a = from.a,
                              .b = from.b,
                              .c = from.c,
                              .activation =
                                  from.activation == DIN_TRAIN_DICE ? DIN_DICE : DIN_PRELU,
                              .softmax = from.softmax};
    assert(from.layer_count <= DIN_MAX_LAYERS);
    for (size_t k = 0; k < from.layer_count; k++)
        din.layers[k] = (struct din_layer){
            .in = from.layers[k].in,
            .out = from.layers[k].out,
            .weight = from.layers[k].weight,
            .bias = from.layers[k].bias,
            .kappa = from.layers[k].kappa,
            .mean = from.layers[k].mean,
            .var = from.layers[k].var,
        };
    *ret_din = din;
    return STATUS_OK;
}

// Tables and DIN of the tower's input.
MUST_USE static enum status export_input(struct input_train *input, struct checkpoint *checkpoint,
                                         struct diag *reterr)
{
    const struct schema *schema = &checkpoint->schema;
    checkpoint->tables = calloc(schema->table_count + 1, sizeof(*checkpoint->tables));
    checkpoint->din = calloc(input->din_count + 1, sizeof(*checkpoint->din));
    if (checkpoint->tables == NULL || checkpoint->din == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < schema->table_count; i++) {
        uint32_t from = schema_find_table(input->config.schema, schema->tables[i].name);
        assert(from != SCHEMA_NO_TABLE && input->tables[from].rows == schema->tables[i].rows);
        checkpoint->tables[i] = input->tables[from].values;
    }
    if (input->din_count > 0)
        checkpoint->attention = input->config.attention;
    for (size_t i = 0; i < input->din_count; i++)
        TRY(export_din(input->din[i].unit, &checkpoint->din[checkpoint->din_count++], reterr));
    return STATUS_OK;
}

enum status export_scorer(struct tower *tower, enum checkpoint_role role,
                          const struct schema *schema, const struct kernels *kernels,
                          struct scorer *ret_scorer, struct diag *reterr)
{
    struct net_layer layers[CHECKPOINT_MAX_LAYERS];
    struct scorer scorer = {.kernels = kernels};
    struct checkpoint *checkpoint = &scorer.checkpoint;
    checkpoint->role = role;
    checkpoint->schema = *schema;
    enum status code = net_train_fold(tower->net, layers, &checkpoint->layer_count, reterr);
    for (size_t i = 0; i < checkpoint->layer_count && code == STATUS_OK; i++)
        checkpoint->layers[i] = (struct checkpoint_layer){layers[i].weight, layers[i].bias,
                                                          layers[i].in, layers[i].out};
    if (code == STATUS_OK)
        code = export_input(tower->input, checkpoint, reterr);
    if (code == STATUS_OK)
        code = scorer_make(&scorer, reterr);
    *ret_scorer = scorer;
    if (code != STATUS_OK)
        export_fini(ret_scorer);
    return code;
}

void export_fini(struct scorer *scorer)
{
    scorer_unmake(scorer);
    free(scorer->checkpoint.tables);
    free(scorer->checkpoint.din);
    memset(scorer, 0, sizeof(*scorer));
}

enum status export_write(const struct scorer *scorer, const char *path,
                         const struct export_golden *golden, char *lineage, struct diag *reterr)
{
    float logit[CHECKPOINT_GOLDEN_ROWS];
    struct checkpoint checkpoint = scorer->checkpoint;
    assert(golden->count > 0 && golden->count <= CHECKPOINT_GOLDEN_ROWS);
    checkpoint.golden_rows = golden->count;
    checkpoint.golden_shared = golden->shared;
    checkpoint.golden_row = golden->rows;
    checkpoint.golden_logit = logit;
    checkpoint.lineage = lineage;
    struct scorer marked = *scorer;
    marked.checkpoint = checkpoint;
    TRY(scorer_golden(&marked, logit, reterr));
    return checkpoint_write(path, &checkpoint, reterr);
}
