#include "model/scorer.h"

#include "base/num.h"
#include "model/embed_pool.h"
#include "model/featurise.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

void scorer_unmake(struct scorer *scorer)
{
    for (size_t i = 0; scorer->din != NULL && i < scorer->checkpoint.din_count; i++)
        din_free(scorer->din[i]);
    free(scorer->din);
    scorer->din = NULL;
    net_free(scorer->net);
    scorer->net = NULL;
}

enum status scorer_make(struct scorer *scorer, struct diag *reterr)
{
    const struct checkpoint *checkpoint = &scorer->checkpoint;
    struct net_layer layers[CHECKPOINT_MAX_LAYERS];
    for (size_t k = 0; k < checkpoint->layer_count; k++) {
        const struct checkpoint_layer *from = &checkpoint->layers[k];
        layers[k] = (struct net_layer){from->weight, from->bias, from->in, from->out};
    }
    enum status code = net_new(layers, checkpoint->layer_count, checkpoint->schema.shared_width,
                               scorer->kernels, &scorer->net, reterr);
    scorer->din = calloc(checkpoint->din_count + 1, sizeof *scorer->din);
    if (code == STATUS_OK && scorer->din == NULL)
        code = diag_set(reterr, STATUS_NO_MEMORY, "no memory for the network");
    for (size_t i = 0; i < checkpoint->din_count && code == STATUS_OK; i++)
        code = din_new(&checkpoint->din[i], scorer->kernels, &scorer->din[i], reterr);
    if (code != STATUS_OK)
        scorer_unmake(scorer);
    return code;
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
    const size_t shared_cells = checkpoint->schema.shared_cells;
    const size_t row_cells = checkpoint->schema.row_cells;
    const size_t mark = arena_mark(arena);
    for (size_t i = 0; i < checkpoint->golden_rows; i++) {
        struct scorer_input input;
        const union row_cell *shared =
            shared_cells > 0 ? checkpoint->golden_shared + i * shared_cells : NULL;
        TRY(scorer_featurise(scorer, shared, checkpoint->golden_row + i * row_cells, 1, arena,
                             &input));
        TRY(scorer_logits(scorer, &input, 1, arena, &logit[i]));
        arena_rewind(arena, mark);
    }
    return STATUS_OK;
}

enum status scorer_golden(const struct scorer *scorer, float *logit, struct diag *reterr)
{
    struct arena arena;
    size_t bytes = 0;
    if (!scorer_bytes(scorer, 1, &bytes) || arena_init(&arena, bytes) != STATUS_OK)
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory to score the golden rows");
    enum status code = score_golden(scorer, &arena, logit);
    arena_fini(&arena);
    return code == STATUS_OK
               ? code
               : diag_set(reterr, code, "the golden rows cannot be scored: %s", status_text(code));
}

static MUST_USE enum status prove(const struct scorer *scorer, struct diag *reterr)
{
    float logit[CHECKPOINT_GOLDEN_ROWS];
    TRY(scorer_golden(scorer, logit, reterr));
    return compare_golden(scorer, logit, reterr);
}

// A net of the scalar kernels, which are the truth, only to hold the file to them.
static MUST_USE enum status prove_scalar(struct scorer *scorer, struct diag *reterr)
{
    const struct kernels *chosen = scorer->kernels;
    scorer->kernels = kernels_at(0);
    enum status code = scorer_make(scorer, reterr);
    if (code == STATUS_OK)
        code = prove(scorer, reterr);
    scorer_unmake(scorer);
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
        code = scorer_make(&scorer, reterr);
    if (code == STATUS_OK)
        code = prove(&scorer, reterr);
    if (code != STATUS_OK) {
        scorer_unmake(&scorer);
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
    scorer_unmake(scorer);
    checkpoint_fini(&scorer->checkpoint);
    *scorer = (struct scorer){0};
}

enum status scorer_featurise(const struct scorer *scorer, const union row_cell *shared,
                             const union row_cell *rows, size_t n, struct arena *arena,
                             struct scorer_input *ret_input)
{
    const struct schema *schema = &scorer->checkpoint.schema;
    const struct featurise featurise = {schema, scorer->kernels, scorer->checkpoint.tables, true};
    struct scorer_input input = {.cells = shared};
    size_t floats = 0;
    if (!num_mul(n, schema->row_width, &floats))
        return STATUS_TOO_LARGE;
    input.rows = arena_array(arena, floats, sizeof *input.rows);
    input.shared = arena_array(arena, schema->shared_width, sizeof *input.shared);
    if (input.rows == NULL || input.shared == NULL)
        return STATUS_NO_MEMORY;
    featurise_shared(&featurise, shared, input.shared);
    featurise_rows(&featurise, shared, rows, n, input.rows, schema->row_width);
    *ret_input = input;
    return STATUS_OK;
}

// The columns of a DIN feature, from the history in the cells and the target in its own columns.
static MUST_USE enum status attend(const struct scorer *scorer,
                                   const struct schema_feature *feature, const struct din *din,
                                   const struct scorer_input *input, size_t n, struct arena *arena)
{
    const struct schema *schema = &scorer->checkpoint.schema;
    const float *table = scorer->checkpoint.tables[feature->table];
    const size_t dim = feature->width, stride = schema->row_width;
    const uint32_t *ids = &input->cells[feature->offset].id;
    const size_t behaviours = embed_pool_count(ids, feature->size);
    float *behaviour = arena_array(arena, behaviours * dim, sizeof *behaviour);
    float *once = arena_array(arena, din_once_floats(din, behaviours), sizeof *once);
    void *scratch = arena_alloc(arena, din_scratch_bytes(din, behaviours));
    if (behaviour == NULL || once == NULL || scratch == NULL)
        return STATUS_NO_MEMORY;
    for (size_t b = 0; b < behaviours; b++)
        memcpy(behaviour + b * dim, table + ids[b] * dim, dim * sizeof *behaviour);
    din_once(din, behaviour, behaviours, once);
    din_forward(din, once, behaviour, behaviours,
                input->rows + schema->features[feature->target].column, stride, n,
                input->rows + feature->column, stride, scratch);
    return STATUS_OK;
}

enum status scorer_logits(const struct scorer *scorer, const struct scorer_input *input, size_t n,
                          struct arena *arena, float *logit)
{
    const struct schema *schema = &scorer->checkpoint.schema;
    for (size_t i = 0, d = 0; i < schema->count; i++) {
        const size_t mark = arena_mark(arena);
        if (!schema_is_din(&schema->features[i]))
            continue;
        TRY(attend(scorer, &schema->features[i], scorer->din[d++], input, n, arena));
        arena_rewind(arena, mark);
    }
    float *init = arena_array(arena, net_shared_floats(scorer->net), sizeof *init);
    void *scratch = arena_alloc(arena, net_scratch_bytes(scorer->net));
    if (init == NULL || scratch == NULL)
        return STATUS_NO_MEMORY;
    net_shared(scorer->net, input->shared, init);
    net_forward(scorer->net, init, input->rows, n, logit, scratch);
    return STATUS_OK;
}

bool scorer_bytes(const struct scorer *scorer, size_t n, size_t *ret_bytes)
{
    const struct schema *schema = &scorer->checkpoint.schema;
    size_t rows, most = net_shared_floats(scorer->net) * sizeof(float) +
                        net_scratch_bytes(scorer->net) + 4 * ARENA_ALIGN;
    for (size_t i = 0, d = 0; i < schema->count; i++) {
        const struct schema_feature *feature = &schema->features[i];
        if (!schema_is_din(feature))
            continue;
        const struct din *din = scorer->din[d++];
        size_t floats = feature->size * feature->width + din_once_floats(din, feature->size);
        size_t bytes =
            floats * sizeof(float) + din_scratch_bytes(din, feature->size) + 6 * ARENA_ALIGN;
        most = bytes > most ? bytes : most;
    }
    return num_mul(n, schema->row_width * sizeof(float), &rows) &&
           num_add(rows, schema->shared_width * sizeof(float) + most + 4 * ARENA_ALIGN, ret_bytes);
}
