#include "model/scorer.h"

#include "base/num.h"
#include "model/featurise.h"

#include <inttypes.h>
#include <stdint.h>
#include <string.h>

static MUST_USE enum status make_net(const struct checkpoint *checkpoint,
                                     const struct kernels *kernels, struct net **ret_net,
                                     struct diag *reterr)
{
    struct net_layer layers[CHECKPOINT_MAX_LAYERS];
    for (size_t k = 0; k < checkpoint->layer_count; k++) {
        const struct checkpoint_layer *from = &checkpoint->layers[k];
        layers[k] = (struct net_layer){from->weight, from->bias, from->in, from->out};
    }
    return net_new(layers, checkpoint->layer_count, checkpoint->schema.shared_width, kernels,
                   ret_net, reterr);
}

static MUST_USE enum status compare_golden(const struct scorer *scorer, const float *logit,
                                           struct diag *reterr)
{
    const struct checkpoint *checkpoint = &scorer->checkpoint;
    for (size_t i = 0; i < checkpoint->golden_rows; i++) {
        uint32_t got, wanted;
        memcpy(&got, &logit[i], sizeof got);
        memcpy(&wanted, &checkpoint->golden_logit[i], sizeof wanted);
        if (got != wanted)
            return diag_at_path(reterr, STATUS_CORRUPT, "golden.logit",
                                "row %zu scores %.9g (bits %08" PRIx32
                                ") with the %s kernels, the file says %.9g (bits %08" PRIx32 ")",
                                i, (double)logit[i], got, scorer->kernels->name,
                                (double)checkpoint->golden_logit[i], wanted);
    }
    return STATUS_OK;
}

// Each golden row has its own shared block, as if it were a request of one candidate.
static MUST_USE enum status score_golden(const struct scorer *scorer, struct arena *arena,
                                         float *logit)
{
    const struct checkpoint *checkpoint = &scorer->checkpoint;
    const size_t shared_width = checkpoint->schema.shared_width;
    const size_t row_width = checkpoint->schema.row_width;
    const size_t mark = arena_mark(arena);
    for (size_t i = 0; i < checkpoint->golden_rows; i++) {
        struct scorer_input input;
        const union row_cell *shared =
            shared_width > 0 ? checkpoint->golden_shared + i * shared_width : NULL;
        TRY(scorer_featurise(scorer, shared, checkpoint->golden_row + i * row_width, 1, arena,
                             &input));
        TRY(scorer_logits(scorer, &input, 1, arena, &logit[i]));
        arena_rewind(arena, mark);
    }
    return STATUS_OK;
}

static MUST_USE enum status prove(const struct scorer *scorer, struct diag *reterr)
{
    const struct schema *schema = &scorer->checkpoint.schema;
    float logit[CHECKPOINT_GOLDEN_ROWS];
    struct arena arena;
    size_t floats = schema->shared_width + schema->row_width + net_shared_floats(scorer->net);
    size_t bytes = floats * sizeof(float) + net_scratch_bytes(scorer->net) + 8 * ARENA_ALIGN;
    if (arena_init(&arena, bytes) != STATUS_OK)
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory to score the golden rows");
    enum status code = score_golden(scorer, &arena, logit);
    arena_fini(&arena);
    if (code != STATUS_OK)
        return diag_set(reterr, code, "the golden rows cannot be scored");
    return compare_golden(scorer, logit, reterr);
}

// A net of the scalar kernels, which are the truth, only to hold the file to them.
static MUST_USE enum status prove_scalar(struct scorer *scorer, struct diag *reterr)
{
    const struct kernels *chosen = scorer->kernels;
    scorer->kernels = kernels_at(0);
    enum status code = make_net(&scorer->checkpoint, scorer->kernels, &scorer->net, reterr);
    if (code == STATUS_OK)
        code = prove(scorer, reterr);
    net_free(scorer->net);
    scorer->net = NULL;
    scorer->kernels = chosen;
    return code;
}

enum status scorer_take(struct checkpoint *checkpoint, const struct kernels *kernels,
                        struct scorer *ret_scorer, struct diag *reterr)
{
    struct scorer scorer = {.checkpoint = *checkpoint, .kernels = kernels};
    enum status code = STATUS_OK;
    if (kernels != kernels_at(0))
        code = prove_scalar(&scorer, reterr);
    if (code == STATUS_OK)
        code = make_net(&scorer.checkpoint, kernels, &scorer.net, reterr);
    if (code == STATUS_OK)
        code = prove(&scorer, reterr);
    if (code != STATUS_OK) {
        net_free(scorer.net);
        return code;
    }
    *checkpoint = (struct checkpoint){0};
    *ret_scorer = scorer;
    return STATUS_OK;
}

enum status scorer_load(const char *path, const struct kernels *kernels, struct scorer *ret_scorer,
                        struct diag *reterr)
{
    struct checkpoint checkpoint;
    TRY(checkpoint_load(path, &checkpoint, reterr));
    enum status code = scorer_take(&checkpoint, kernels, ret_scorer, reterr);
    if (code != STATUS_OK) {
        diag_in_file(reterr, path);
        checkpoint_fini(&checkpoint);
    }
    return code;
}

void scorer_fini(struct scorer *scorer)
{
    net_free(scorer->net);
    checkpoint_fini(&scorer->checkpoint);
    *scorer = (struct scorer){0};
}

enum status scorer_featurise(const struct scorer *scorer, const union row_cell *shared_raw,
                             const union row_cell *rows_raw, size_t n, struct arena *arena,
                             struct scorer_input *ret_input)
{
    const struct schema *schema = &scorer->checkpoint.schema;
    struct scorer_input input = {0};
    size_t floats = 0;
    if (!num_mul(n, schema->row_width, &floats))
        return STATUS_TOO_LARGE;
    input.rows = arena_array(arena, floats, sizeof *input.rows);
    input.shared = arena_array(arena, schema->shared_width, sizeof *input.shared);
    if (input.rows == NULL || input.shared == NULL)
        return STATUS_NO_MEMORY;
    if (schema->shared_width > 0)
        featurise_shared(schema, scorer->kernels, shared_raw, input.shared);
    featurise_rows(schema, scorer->kernels, rows_raw, n, input.rows);
    *ret_input = input;
    return STATUS_OK;
}

enum status scorer_logits(const struct scorer *scorer, const struct scorer_input *input, size_t n,
                          struct arena *arena, float *logit)
{
    float *init = arena_array(arena, net_shared_floats(scorer->net), sizeof *init);
    void *scratch = arena_alloc(arena, net_scratch_bytes(scorer->net));
    if (init == NULL || scratch == NULL)
        return STATUS_NO_MEMORY;
    net_shared(scorer->net, input->shared, init);
    net_forward(scorer->net, init, input->rows, n, logit, scratch);
    return STATUS_OK;
}
