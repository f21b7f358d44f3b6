#include "model/train/state.h"

#include "base/file.h"
#include "model/safetensors_file.h"
#include "model/train/progressive.h"
#include "proto/vocab.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char state_format[] = "ctr-state-1";

enum {
    STATE_INTEGERS = 6,             // epoch, step, adam's t, history bytes, last better epoch, rule
    STATE_NUMBERS = STATE_SUMS + 3, // sums, top NDCG, lowest LogLoss, mass
    STATE_NAME = 160,
};

// The tensors of a state, pointing into the towers and the number blocks.
struct state_tensors {
    struct safetensors_tensor *items;
    char (*names)[STATE_NAME];
    size_t count;
    size_t learned; // what a warm start takes: towers, inputs, progress
    size_t loaded;  // what --resume takes; what was fitted stands behind
    uint64_t integers[STATE_INTEGERS + KEEP_MAX];
    double numbers[STATE_NUMBERS + 2 * KEEP_MAX];
};

static void state_free(struct state_tensors *tensors)
{
    if (tensors == NULL)
        return;
    free(tensors->items);
    free(tensors->names);
    free(tensors);
}

// Room for every tensor of the state; NULL: no memory.
static struct state_tensors *state_new(const struct state *state)
{
    size_t most = 8 + state->tower_count * (2 * PARAM_MAX + 2);
    for (size_t i = 0; i < state->input_count; i++)
        most += 3 * state->inputs[i].config.schema->table_count +
                state->inputs[i].din_count * (2 * PARAM_MAX + 2);
    most += state->schema->count + 2 * state->schema->table_count;
    struct state_tensors *tensors = calloc(1, sizeof(*tensors));
    if (tensors == NULL)
        return NULL;
    tensors->items = calloc(most, sizeof(*tensors->items));
    tensors->names = calloc(most, sizeof(*tensors->names));
    if (tensors->items != NULL && tensors->names != NULL)
        return tensors;
    state_free(tensors);
    return NULL;
}

// PART.WHAT
static void state_add(struct state_tensors *tensors, enum safetensors_dtype dtype, const char *part,
                      const char *what, size_t rows, size_t columns, const void *data)
{
    char *name = tensors->names[tensors->count];
    snprintf(name, sizeof(tensors->names[0]), "%s.%s", part, what);
    tensors->items[tensors->count++] = (struct safetensors_tensor){
        .name = name, .dtype = dtype, .rank = 2, .shape = {rows, columns}, .data = data};
}

static void state_add_set(struct state_tensors *tensors, const char *part, const char *prefix,
                          const struct param_set *set, const float *values)
{
    char what[PARAM_NAME + 8];
    for (size_t i = 0; i < set->count; i++) {
        const struct param_view *view = &set->views[i];
        snprintf(what, sizeof(what), "%s.%s", prefix, view->name);
        state_add(tensors, SAFETENSORS_F32, part, what, view->rows, view->columns,
                  values + view->offset);
    }
}

static void state_add_adam(struct state_tensors *tensors, const char *part, const struct adam *adam,
                           size_t rows, size_t columns)
{
    if (adam->m != NULL)
        state_add(tensors, SAFETENSORS_F32, part, "adam.m", rows, columns, adam->m);
    state_add(tensors, SAFETENSORS_F32, part, "adam.v", rows, columns, adam->v);
}

// INPUT.emb.TABLE.values, INPUT.din.FEATURE.param.NAME, ...
static void state_add_input(struct state_tensors *tensors, const struct input_train *input)
{
    char part[STATE_NAME - PARAM_NAME - 16];
    for (size_t i = 0; i < input->config.schema->table_count; i++) {
        const struct embed_table *table = &input->tables[i];
        if (table->rows == 0)
            continue;
        snprintf(part, sizeof(part), "%s.emb.%s", input->config.name, table->name);
        state_add(tensors, SAFETENSORS_F32, part, "values", table->rows, table->dim, table->values);
        state_add_adam(tensors, part, &table->adam, table->rows, table->dim);
    }
    for (size_t i = 0; i < input->din_count; i++) {
        const struct input_din *din = &input->din[i];
        const struct param_set *params = din_train_params(din->unit);
        snprintf(part, sizeof(part), "%s.din.%s", input->config.name, din->feature->name);
        state_add_set(tensors, part, "param", params, din_train_values(din->unit));
        state_add_set(tensors, part, "stat", din_train_stats(din->unit),
                      din_train_stat_values(din->unit));
        state_add_adam(tensors, part, &din->adam, 1, params->floats);
    }
}

static void state_add_progressive(struct state_tensors *tensors,
                                  const struct progressive *progressive)
{
    static const char part[] = "progressive";
    const size_t docs = progressive->capacity;
    state_add(tensors, SAFETENSORS_U64, part, "counts", 1, 2, progressive->counts);
    state_add(tensors, SAFETENSORS_F64, part, "totals", 1, PROGRESSIVE_TOTALS, progressive->totals);
    state_add(tensors, SAFETENSORS_U64, part, "offset", 1, docs + 1, progressive->offset);
    state_add(tensors, SAFETENSORS_F32, part, "logit", 1, docs, progressive->logit);
    state_add(tensors, SAFETENSORS_F32, part, "grade", 1, docs, progressive->grade);
    state_add(tensors, SAFETENSORS_U32, part, "group", 1, docs, progressive->group);
}

// What was learnt of the training data before the first step: edges and vocabularies.
static void state_add_fitted(struct state_tensors *tensors, const struct schema *schema)
{
    for (size_t i = 0; i < schema->count; i++)
        if (schema->features[i].edge_count > 0)
            state_add(tensors, SAFETENSORS_F32, "fitted.edges", schema->features[i].name, 1,
                      schema->features[i].edge_count, schema->features[i].edges);
    for (size_t i = 0; i < schema->table_count; i++) {
        const struct vocab *vocab = schema->tables[i].vocab;
        if (vocab == NULL)
            continue;
        state_add(tensors, SAFETENSORS_U8, "fitted.bytes", schema->tables[i].name, 1,
                  vocab_bytes(vocab).size, vocab_bytes(vocab).data);
        state_add(tensors, SAFETENSORS_U64, "fitted.offsets", schema->tables[i].name, 1,
                  vocab_count(vocab) + 1, vocab_offsets(vocab));
    }
}

static void state_add_all(struct state_tensors *tensors, const struct state *state)
{
    for (size_t i = 0; i < state->tower_count; i++) {
        const struct tower *tower = &state->towers[i];
        const struct param_set *params = net_train_params(tower->net);
        state_add_set(tensors, tower->name, "param", params, net_train_values(tower->net));
        state_add_set(tensors, tower->name, "stat", net_train_stats(tower->net),
                      net_train_stat_values(tower->net));
        state_add_adam(tensors, tower->name, &tower->adam, 1, params->floats);
    }
    for (size_t i = 0; i < state->input_count; i++)
        state_add_input(tensors, &state->inputs[i]);
    state_add(tensors, SAFETENSORS_U64, "progress", "integers", 1,
              sizeof(tensors->integers) / sizeof(uint64_t), tensors->integers);
    state_add(tensors, SAFETENSORS_F64, "progress", "numbers", 1,
              sizeof(tensors->numbers) / sizeof(double), tensors->numbers);
    tensors->learned = tensors->count;
    if (state->progressive != NULL)
        state_add_progressive(tensors, state->progressive);
    tensors->loaded = tensors->count;
    state_add_fitted(tensors, state->schema);
}

static void state_pack(const struct state *state, struct state_tensors *tensors)
{
    const uint64_t integers[STATE_INTEGERS] = {state->epoch,
                                               state->step,
                                               state->towers[0].adam.t,
                                               state->history_bytes,
                                               state->keep.last_better,
                                               state->keep.count};
    memcpy(tensors->integers, integers, sizeof(integers));
    memcpy(tensors->numbers, state->sums, sizeof(state->sums));
    tensors->numbers[STATE_SUMS] = state->keep.top_rank;
    tensors->numbers[STATE_SUMS + 1] = state->keep.low_logloss;
    tensors->numbers[STATE_SUMS + 2] = state->log_mass;
    for (size_t i = 0; i < state->keep.count; i++) {
        tensors->integers[STATE_INTEGERS + i] = state->keep.best[i].epoch;
        tensors->numbers[STATE_NUMBERS + 2 * i] = state->keep.best[i].rank;
        tensors->numbers[STATE_NUMBERS + 2 * i + 1] = state->keep.best[i].logloss;
    }
}

// Steps taken: the same for everything that learns.
static void state_set_time(struct state *state, uint64_t t)
{
    for (size_t i = 0; i < state->tower_count; i++)
        state->towers[i].adam.t = t;
    for (size_t i = 0; i < state->input_count; i++) {
        struct input_train *input = &state->inputs[i];
        for (size_t k = 0; k < input->config.schema->table_count; k++)
            input->tables[k].adam.t = t;
        for (size_t k = 0; k < input->din_count; k++)
            input->din[k].adam.t = t;
    }
}

MUST_USE static enum status state_unpack(const struct state_tensors *tensors, struct state *state,
                                         struct diag *reterr)
{
    const uint64_t *integers = tensors->integers;
    const double *numbers = tensors->numbers;
    if (integers[0] > UINT32_MAX || integers[1] > UINT32_MAX || integers[4] > UINT32_MAX ||
        integers[5] > KEEP_MAX || (integers[0] > 0 && integers[4] >= integers[0]))
        return diag_set(reterr, STATUS_CORRUPT, "the saved progress is out of range");
    state->epoch = (uint32_t)integers[0];
    state->step = (uint32_t)integers[1];
    state_set_time(state, integers[2]);
    state->history_bytes = integers[3];
    state->keep.last_better = (uint32_t)integers[4];
    state->keep.count = (size_t)integers[5];
    memcpy(state->sums, numbers, sizeof(state->sums));
    state->keep.top_rank = numbers[STATE_SUMS];
    state->keep.low_logloss = numbers[STATE_SUMS + 1];
    state->log_mass = numbers[STATE_SUMS + 2];
    for (size_t i = 0; i < state->keep.count; i++)
        state->keep.best[i] =
            (struct keep_epoch){(uint32_t)integers[STATE_INTEGERS + i],
                                numbers[STATE_NUMBERS + 2 * i], numbers[STATE_NUMBERS + 2 * i + 1]};
    return STATUS_OK;
}

// The schema as the manifest of a checkpoint has it.
MUST_USE static enum status state_features(const struct state *state, struct buf *text,
                                           struct diag *reterr)
{
    struct json_value *features = schema_to_json(state->schema);
    enum status code = json_value_write(features, 0, text);
    json_value_free(features);
    return code == STATUS_OK ? code : diag_set(reterr, code, "no memory for the features");
}

enum status state_save(const char *path, const struct state *state, struct diag *reterr)
{
    struct buf features;
    buf_init(&features, SAFETENSORS_MAX_HEADER);
    enum status code = state_features(state, &features, reterr);
    struct state_tensors *tensors = state_new(state);
    if (code == STATUS_OK && tensors == NULL)
        code = diag_at_line(reterr, STATUS_NO_MEMORY, path, 0, 0, "out of memory");
    if (code == STATUS_OK) {
        state_pack(state, tensors);
        state_add_all(tensors, state);
        char hash[17];
        snprintf(hash, sizeof(hash), "%016llx", (unsigned long long)state->data_hash);
        const struct safetensors_note notes[] = {
            {"format", state_format}, {"stage", state->stage},     {"identity", state->identity},
            {"data", hash},           {"teacher", state->teacher}, {"features", features.data}};
        code = safetensors_write(path, tensors->items, tensors->count, notes,
                                 sizeof(notes) / sizeof(*notes), reterr);
    }
    state_free(tensors);
    buf_fini(&features);
    return code;
}

MUST_USE static enum status state_open(const char *path, struct safetensors_file *file,
                                       struct diag *reterr)
{
    TRY(safetensors_file_open(path, file, reterr));
    const char *format = safetensors_note(&file->tensors, "format");
    if (format != NULL && strcmp(format, state_format) == 0)
        return STATUS_OK;
    safetensors_file_close(file);
    return diag_at_line(reterr, STATUS_CORRUPT, path, 0, 0, "is not a training state (%s)",
                        state_format);
}

enum status state_check_identity(const char *path, const char *identity, struct diag *reterr)
{
    struct safetensors_file file;
    TRY(state_open(path, &file, reterr));
    const char *saved = safetensors_note(&file.tensors, "identity");
    enum status code = STATUS_OK;
    if (saved == NULL || strcmp(saved, identity) != 0)
        code = diag_at_line(reterr, STATUS_CONFIG, path, 0, 0,
                            "was made with another configuration: resume with the same one, or "
                            "train into another folder");
    safetensors_file_close(&file);
    return code;
}

enum status state_stage(const char *path, uint64_t data_hash, char **ret_stage, struct diag *reterr)
{
    struct safetensors_file file;
    TRY(state_open(path, &file, reterr));
    const char *stage = safetensors_note(&file.tensors, "stage");
    const char *data = safetensors_note(&file.tensors, "data");
    char hash[17];
    snprintf(hash, sizeof(hash), "%016llx", (unsigned long long)data_hash);
    enum status code = STATUS_OK;
    if (stage == NULL || data == NULL)
        code = diag_set(reterr, STATUS_CORRUPT, "lacks what a training state has");
    else if (strcmp(data, hash) != 0)
        code = diag_set(reterr, STATUS_CONFIG, "was made with other training or validation data");
    if (code == STATUS_OK && (*ret_stage = strdup(stage)) == NULL)
        code = diag_set(reterr, STATUS_NO_MEMORY, "out of memory");
    diag_in_file(reterr, path);
    safetensors_file_close(&file);
    return code;
}

enum status state_check_teacher(const char *path, const char *teacher, struct diag *reterr)
{
    struct safetensors_file file;
    TRY(state_open(path, &file, reterr));
    const char *saved = safetensors_note(&file.tensors, "teacher");
    enum status code = STATUS_OK;
    if (saved == NULL || strcmp(saved, teacher) != 0)
        code = diag_at_line(reterr, STATUS_CONFIG, path, 0, 0,
                            "was made with another teacher: resume with the same file");
    safetensors_file_close(&file);
    return code;
}

enum status state_history_bytes(const char *path, uint64_t *ret_bytes, struct diag *reterr)
{
    struct safetensors_file file;
    TRY(state_open(path, &file, reterr));
    const size_t shape[] = {1, STATE_INTEGERS + KEEP_MAX};
    const struct safetensors_tensor *integers;
    enum status code = safetensors_need(&file.tensors, "progress.integers", SAFETENSORS_U64, 2,
                                        shape, &integers, reterr);
    uint64_t saved[STATE_INTEGERS + KEEP_MAX];
    if (code == STATUS_OK)
        code = safetensors_file_read(&file, integers, saved, reterr);
    if (code == STATUS_OK)
        *ret_bytes = saved[3];
    else
        diag_in_file(reterr, path);
    safetensors_file_close(&file);
    return code;
}

// Reads the first `count` of the listed tensors to where they belong.
MUST_USE static enum status state_read(const struct safetensors_file *file,
                                       const struct state_tensors *tensors, size_t count,
                                       struct diag *reterr)
{
    for (size_t i = 0; i < count; i++) {
        const struct safetensors_tensor *want = &tensors->items[i], *have;
        TRY(safetensors_need(&file->tensors, want->name, want->dtype, want->rank, want->shape,
                             &have, reterr));
        TRY(safetensors_file_read(file, have, (void *)(uintptr_t)want->data, reterr));
    }
    return STATUS_OK;
}

// Both ways to load: all of a run's progress, or what it has learnt.
MUST_USE static enum status state_fill(const char *path, struct state *state, bool warm,
                                       struct diag *reterr)
{
    struct safetensors_file file;
    TRY(state_open(path, &file, reterr));
    struct state_tensors *tensors = state_new(state);
    enum status code =
        tensors == NULL ? diag_set(reterr, STATUS_NO_MEMORY, "out of memory") : STATUS_OK;
    // The items point to where the content belongs: read the same list that is written.
    if (code == STATUS_OK) {
        state_add_all(tensors, state);
        code = state_read(&file, tensors, warm ? tensors->learned : tensors->loaded, reterr);
    }
    if (code == STATUS_OK && warm) {
        state_set_time(state, tensors->integers[2]);
        state->log_mass = tensors->numbers[STATE_SUMS + 2];
    } else if (code == STATUS_OK) {
        code = state_unpack(tensors, state, reterr);
    }
    if (code != STATUS_OK)
        diag_in_file(reterr, path);
    state_free(tensors);
    safetensors_file_close(&file);
    return code;
}

enum status state_load(const char *path, struct state *state, struct diag *reterr)
{
    return state_fill(path, state, false, reterr);
}

enum status state_warm(const char *path, struct state *state, struct diag *reterr)
{
    return state_fill(path, state, true, reterr);
}
