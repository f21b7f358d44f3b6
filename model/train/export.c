#include "model/train/export.h"

#include "model/net.h"

#include <assert.h>
#include <string.h>

enum status export_scorer(struct net_train *net, enum checkpoint_role role,
                          const struct schema *schema, const struct kernels *kernels,
                          struct scorer *ret_scorer, struct diag *reterr)
{
    struct net_layer layers[CHECKPOINT_MAX_LAYERS];
    struct scorer scorer = {.kernels = kernels};
    scorer.checkpoint.role = role;
    scorer.checkpoint.schema = *schema;
    TRY(net_train_fold(net, layers, &scorer.checkpoint.layer_count, reterr));
    for (size_t i = 0; i < scorer.checkpoint.layer_count; i++)
        scorer.checkpoint.layers[i] = (struct checkpoint_layer){layers[i].weight, layers[i].bias,
                                                                layers[i].in, layers[i].out};
    TRY(net_new(layers, scorer.checkpoint.layer_count, schema->shared_width, kernels, &scorer.net,
                reterr));
    *ret_scorer = scorer;
    return STATUS_OK;
}

void export_fini(struct scorer *scorer)
{
    net_free(scorer->net);
    memset(scorer, 0, sizeof(*scorer));
}

MUST_USE static enum status export_golden(const struct scorer *scorer, const float *raw, size_t n,
                                          float *logit)
{
    struct arena arena;
    size_t bytes = n * scorer->checkpoint.schema.row_width * sizeof(float) +
                   net_scratch_bytes(scorer->net) + (1 << 16);
    TRY(arena_init(&arena, bytes));
    struct scorer_input input;
    enum status code = scorer_featurise(scorer, NULL, raw, n, &arena, &input);
    if (code == STATUS_OK)
        code = scorer_logits(scorer, &input, n, &arena, logit);
    arena_fini(&arena);
    return code;
}

enum status export_write(const struct scorer *scorer, const char *path, const float *raw, size_t n,
                         char *lineage, struct diag *reterr)
{
    float logit[CHECKPOINT_GOLDEN_ROWS];
    assert(n > 0 && n <= CHECKPOINT_GOLDEN_ROWS && scorer->checkpoint.schema.shared_width == 0);
    enum status code = export_golden(scorer, raw, n, logit);
    if (code != STATUS_OK)
        return diag_set(reterr, code, "cannot score the golden rows: %s", status_text(code));
    struct checkpoint checkpoint = scorer->checkpoint;
    checkpoint.golden_rows = n;
    checkpoint.golden_row = raw;
    checkpoint.golden_logit = logit;
    checkpoint.lineage = lineage;
    return checkpoint_write(path, &checkpoint, reterr);
}
