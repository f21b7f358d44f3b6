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
    enum status code = STATUS_OK;
    for (size_t i = 0; i < checkpoint->golden_rows && code == STATUS_OK; i++) {
        struct scorer_input input;
        const union row_cell *shared =
            shared_cells > 0 ? checkpoint->golden_shared + i * shared_cells : NULL;
        code = scorer_featurise(scorer, shared, checkpoint->golden_row + i * row_cells, 1, arena,
                                &input);
        if (code == STATUS_OK)
            code = scorer_logits(scorer, &input, 1, arena, &logit[i]);
        arena_rewind(arena, mark);
    }
    return code;
}

static MUST_USE enum status cannot_score(enum status code, struct diag *reterr)
{
    return diag_set(reterr, code, "the golden rows cannot be scored: %s", status_text(code));
}

static MUST_USE enum status golden_arena(const struct scorer *scorer, struct arena *arena,
                                         struct diag *reterr)
{
    size_t bytes = 0;
    if (!scorer_bytes(scorer, 1, &bytes) || arena_init(arena, bytes) != STATUS_OK)
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory to score the golden rows");
    return STATUS_OK;
}

enum status scorer_golden(const struct scorer *scorer, float *logit, struct diag *reterr)
{
    struct arena arena;
    TRY(golden_arena(scorer, &arena, reterr));
    enum status code = score_golden(scorer, &arena, logit);
    arena_fini(&arena);
    return code == STATUS_OK ? code : cannot_score(code, reterr);
}

enum status scorer_probe(const struct scorer *scorer, struct arena *arena, struct diag *reterr)
{
    float logit[CHECKPOINT_GOLDEN_ROWS];
    enum status code = score_golden(scorer, arena, logit);
    return code == STATUS_OK ? compare_golden(scorer, logit, reterr) : cannot_score(code, reterr);
}

static MUST_USE enum status prove(const struct scorer *scorer, struct diag *reterr)
{
    struct arena arena;
    TRY(golden_arena(scorer, &arena, reterr));
    enum status code = scorer_probe(scorer, &arena, reterr);
    arena_fini(&arena);
    return code;
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

// What one feature of pool din has for all rows of a request.
struct scorer_attention {
    const struct schema_feature *feature;
    const struct din *din;
    size_t behaviours;
    float *behaviour; // (behaviours, dim): their embeddings
    float *once;      // of din_once
};

static MUST_USE enum status begin_attention(const struct scorer_run *run,
                                            struct scorer_attention *attention, struct arena *arena)
{
    const struct schema_feature *feature = attention->feature;
    const float *table = run->scorer->checkpoint.tables[feature->table];
    const size_t dim = feature->width;
    const uint32_t *ids = &run->input->cells[feature->offset].id;
    const size_t behaviours = embed_pool_count(ids, feature->size);
    attention->behaviours = behaviours;
    attention->behaviour = arena_array(arena, behaviours * dim, sizeof(float));
    attention->once =
        arena_array(arena, din_once_floats(attention->din, behaviours), sizeof(float));
    if (attention->behaviour == NULL || attention->once == NULL)
        return STATUS_NO_MEMORY;
    for (size_t b = 0; b < behaviours; b++)
        memcpy(attention->behaviour + b * dim, table + ids[b] * dim, dim * sizeof(float));
    din_once(attention->din, attention->behaviour, behaviours, attention->once);
    return STATUS_OK;
}

enum status scorer_begin(const struct scorer *scorer, const struct scorer_input *input,
                         struct arena *arena, struct scorer_run *ret_run)
{
    const struct schema *schema = &scorer->checkpoint.schema;
    const size_t count = scorer->checkpoint.din_count;
    struct scorer_run run = {.scorer = scorer, .input = input};
    size_t scratch_bytes = net_scratch_bytes(scorer->net);
    run.attention = arena_array(arena, count, sizeof *run.attention);
    if (run.attention == NULL)
        return STATUS_NO_MEMORY;
    for (size_t i = 0, d = 0; i < schema->count; i++) {
        if (!schema_is_din(&schema->features[i]))
            continue;
        struct scorer_attention *attention = &run.attention[d];
        *attention =
            (struct scorer_attention){&schema->features[i], scorer->din[d++], 0, NULL, NULL};
        TRY(begin_attention(&run, attention, arena));
        size_t bytes = din_scratch_bytes(attention->din, attention->behaviours);
        scratch_bytes = bytes > scratch_bytes ? bytes : scratch_bytes;
    }
    run.init = arena_array(arena, net_shared_floats(scorer->net), sizeof *run.init);
    run.scratch = arena_alloc(arena, scratch_bytes);
    if (run.init == NULL || run.scratch == NULL)
        return STATUS_NO_MEMORY;
    net_shared(scorer->net, input->shared, run.init);
    *ret_run = run;
    return STATUS_OK;
}

void scorer_tile(const struct scorer_run *run, size_t first, size_t count, float *logit)
{
    const struct schema *schema = &run->scorer->checkpoint.schema;
    const size_t stride = schema->row_width;
    float *rows = run->input->rows + first * stride;
    for (size_t d = 0; d < run->scorer->checkpoint.din_count; d++) {
        const struct scorer_attention *attention = &run->attention[d];
        const struct schema_feature *feature = attention->feature;
        din_forward(attention->din, attention->once, attention->behaviour, attention->behaviours,
                    rows + schema->features[feature->target].column, stride, count,
                    rows + feature->column, stride, run->scratch);
    }
    net_forward(run->scorer->net, run->init, rows, count, logit + first, run->scratch);
}

enum status scorer_logits(const struct scorer *scorer, const struct scorer_input *input, size_t n,
                          struct arena *arena, float *logit)
{
    struct scorer_run run;
    TRY(scorer_begin(scorer, input, arena, &run));
    scorer_tile(&run, 0, n, logit); // net and DIN have blocks of their own
    return STATUS_OK;
}

// Bytes of scorer_begin at most, each history at its full length.
static size_t begin_bytes(const struct scorer *scorer)
{
    const struct schema *schema = &scorer->checkpoint.schema;
    size_t scratch = net_scratch_bytes(scorer->net);
    size_t bytes = net_shared_floats(scorer->net) * sizeof(float) + 3 * ARENA_ALIGN +
                   scorer->checkpoint.din_count * sizeof(struct scorer_attention);
    for (size_t i = 0, d = 0; i < schema->count; i++) {
        const struct schema_feature *feature = &schema->features[i];
        if (!schema_is_din(feature))
            continue;
        const struct din *din = scorer->din[d++];
        size_t floats = feature->size * feature->width + din_once_floats(din, feature->size);
        size_t din_bytes = din_scratch_bytes(din, feature->size);
        bytes += floats * sizeof(float) + 2 * ARENA_ALIGN;
        scratch = din_bytes > scratch ? din_bytes : scratch;
    }
    return bytes + scratch;
}

bool scorer_bytes(const struct scorer *scorer, size_t n, size_t *ret_bytes)
{
    const struct schema *schema = &scorer->checkpoint.schema;
    size_t rows;
    return num_mul(n, schema->row_width * sizeof(float), &rows) &&
           num_add(rows,
                   schema->shared_width * sizeof(float) + begin_bytes(scorer) + 4 * ARENA_ALIGN,
                   ret_bytes);
}
