#include "model/train/experiment_record.h"

#include "base/file.h"
#include "model/train/known.h"
#include "model/train/quality_rank.h"
#include "model/train/quality_reliability.h"
#include "model/train/traindata.h"
#include "model/train/worth.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    RECORD_MAX_BYTES = 64 << 20,
    RECORD_BINS = 20,
    RECORD_NDCG_PLACES = 10,
};

static const char record_format[] = "ctr-run-1";

// ---- writing ----

// What is measured: the model of the run, and the data.
struct record {
    const struct experiment *experiment;
    const struct experiment_entry *entry;
    struct scorer scorer;
    struct traindata data;
    struct scoreset test;
    struct known known; // of the test file's documents
    struct team *team;
    struct json_value *root;
};

MUST_USE static enum status record_open(struct record *record, struct diag *reterr)
{
    const struct train_config *train = &record->experiment->config.train;
    const struct kernels *kernels;
    const char *name = record->entry->method->role == CHECKPOINT_TEACHER ? "teacher.safetensors"
                                                                         : "student.safetensors";
    struct train_config config = *train;
    config.train_seed = record->entry->seed; // of the split, where there is no validation file
    config.method = (int)method_index(method_find("base"));
    experiment_plan_share(record->entry, &config);
    TRY(kernels_choose("auto", &kernels, reterr));
    if ((record->team = team_start(1)) == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "out of memory");
    TRY(traindata_open(&config, record->experiment->folder, NULL, &record->data, reterr));
    TRY(scoreset_init(&record->test, &record->data.test, NULL, 0, reterr));
    char *path = experiment_plan_path(record->experiment, record->entry, name);
    enum status code = path == NULL ? diag_set(reterr, STATUS_NO_MEMORY, "out of memory")
                                    : scorer_load(path, kernels, &record->scorer, reterr);
    free(path);
    return code;
}

static void record_close(struct record *record)
{
    scorer_fini(&record->scorer);
    scoreset_fini(&record->test);
    known_fini(&record->known);
    traindata_close(&record->data);
    if (record->team != NULL)
        team_stop(record->team);
    json_value_free(record->root);
}

// What lies beside the test file of it.
MUST_USE static enum status record_read_known(struct record *record, struct diag *reterr)
{
    return known_read(&(struct known_paths){.money = true},
                      record->experiment->config.train.data_test, record->test.docs, &record->known,
                      reterr);
}

static void record_part(struct json_value *data, const char *name, const struct scoreset *set)
{
    double clicks = 0;
    for (size_t i = 0; i < set->docs; i++)
        clicks += set->grade[i] > 0;
    struct json_value *part = json_value_new_map();
    json_value_set_int(part, "lists", (int64_t)set->lists);
    json_value_set_int(part, "docs", (int64_t)set->docs);
    json_value_set_int(part, "clicks", (int64_t)clicks);
    json_value_set(data, name, part);
}

// What the run was trained and measured on: the runs of a comparison must agree.
MUST_USE static enum status record_data(struct record *record, struct diag *reterr)
{
    const struct traindata *from = &record->data;
    struct scoreset train;
    char hash[17];
    TRY(scoreset_init(&train, &from->train, from->lists, from->list_count, reterr));
    struct json_value *data = json_value_new_map();
    snprintf(hash, sizeof(hash), "%016llx", (unsigned long long)from->hash);
    json_value_set_text(data, "hash", hash);
    snprintf(hash, sizeof(hash), "%016llx", (unsigned long long)from->test.content_hash);
    json_value_set_text(data, "test_hash", hash);
    json_value_set_int(data, "columns", (int64_t)from->train.columns);
    json_value_set_int(data, "privileged", (int64_t)from->teacher.privileged_width);
    record_part(data, "train", &train);
    record_part(data, "valid", &from->valid_set);
    record_part(data, "test", &record->test);
    json_value_set(record->root, "data", data);
    scoreset_fini(&train);
    return STATUS_OK;
}

MUST_USE static enum status record_quality(struct record *record, struct scoreset *set,
                                           struct json_value **ret_measures, struct diag *reterr)
{
    struct quality quality;
    TRY(scoreset_score(set, &record->scorer, record->team, reterr));
    TRY(scoreset_quality(set, &record->scorer.checkpoint.calibrate, &quality, reterr));
    *ret_measures = quality_to_json(&quality);
    return STATUS_OK;
}

MUST_USE static enum status record_valid(struct record *record, struct diag *reterr)
{
    struct json_value *measures;
    TRY(record_quality(record, &record->data.valid_set, &measures, reterr));
    json_value_set(record->root, "valid", measures);
    return STATUS_OK;
}

MUST_USE static enum status record_test(struct record *record, struct diag *reterr)
{
    const struct market_config market = market_defaults();
    struct json_value *measures;
    struct worth worth;
    TRY(record_quality(record, &record->test, &measures, reterr));
    enum status code = STATUS_OK;
    if (record->known.truth != NULL) {
        code = worth_measure(&market, &record->test, &record->scorer.checkpoint.calibrate,
                             &record->known, &worth, reterr);
        if (code == STATUS_OK)
            worth_set(&worth, measures);
    }
    json_value_set(record->root, "test", measures);
    return code;
}

// NDCG@10 of every test list: what a bootstrap over lists draws from.
MUST_USE static enum status record_lists(struct record *record, struct diag *reterr)
{
    const struct scoreset *set = &record->test;
    struct quality_rank_doc *docs = calloc(set->docs + 1, sizeof(*docs));
    struct json_value *lists = json_value_new_list();
    if (docs == NULL) {
        json_value_free(lists);
        return diag_set(reterr, STATUS_NO_MEMORY, "out of memory");
    }
    for (size_t i = 0; i < set->lists; i++) {
        size_t n = (size_t)(set->offset[i + 1] - set->offset[i]);
        for (size_t d = 0; d < n; d++)
            docs[d] = (struct quality_rank_doc){.score = set->logit[set->offset[i] + d],
                                                .grade = set->grade[set->offset[i] + d]};
        json_value_push_number(lists, quality_rank_ndcg(docs, n, RECORD_NDCG_PLACES));
    }
    json_value_set(record->root, "ndcg_lists", lists);
    free(docs);
    return STATUS_OK;
}

MUST_USE static enum status record_reliability(struct record *record, struct diag *reterr)
{
    const struct scoreset *set = &record->test;
    const struct quality_input input = {.lists = set->lists,
                                        .docs = set->docs,
                                        .offset = set->offset,
                                        .logit = set->logit,
                                        .grade = set->grade};
    struct reliability_bin bins[RECORD_BINS];
    size_t count;
    enum status code = quality_reliability(&input, record->known.truth, RECORD_BINS, bins, &count);
    if (code != STATUS_OK)
        return diag_set(reterr, code, "cannot bin the test scores: %s", status_text(code));
    struct json_value *list = json_value_new_list();
    for (size_t i = 0; i < count; i++) {
        struct json_value *bin = json_value_new_list();
        json_value_push_int(bin, (int64_t)bins[i].docs);
        json_value_push_number(bin, bins[i].sum_p);
        json_value_push_number(bin, bins[i].clicks);
        json_value_push_number(bin, record->known.truth != NULL ? bins[i].truth : (double)NAN);
        json_value_push(list, bin);
    }
    json_value_set(record->root, "reliability", list);
    return STATUS_OK;
}

static double record_number(const struct json_value *map, const char *part, const char *key)
{
    const struct json_value *inner = part == NULL ? map : json_value_get(map, part);
    const struct json_value *value = inner == NULL ? NULL : json_value_get(inner, key);
    enum json_value_kind kind = value == NULL ? JSON_VALUE_NULL : json_value_kind(value);
    return kind == JSON_VALUE_INT || kind == JSON_VALUE_REAL ? json_value_number(value)
                                                             : (double)NAN;
}

// A line of history.jsonl that tells of an epoch, as a point of the learning curve.
static void record_point(const struct record *record, const struct json_value *line, int64_t kept,
                         struct json_value *curve)
{
    const char *rank = train_config_rank_key(&record->experiment->config.train);
    double epoch = record_number(line, NULL, "epoch");
    struct json_value *point = json_value_new_map();
    json_value_set_int(point, "epoch", (int64_t)epoch);
    json_value_set_number(point, "train_loss", record_number(line, "train", "loss"));
    json_value_set_number(point, "train_point_ce", record_number(line, "train", "point_ce"));
    json_value_set_number(point, "ndcg10", record_number(line, "valid", "ndcg10"));
    if (strcmp(rank, "ndcg10") != 0)
        json_value_set_number(point, rank, record_number(line, "valid", rank));
    json_value_set_number(point, "logloss", record_number(line, "valid", "logloss"));
    json_value_set_bool(point, "kept", (int64_t)epoch == kept);
    json_value_push(curve, point);
}

MUST_USE static enum status record_curve(struct record *record, struct diag *reterr)
{
    struct file_bytes bytes;
    struct json_value *lineage = NULL, *curve = json_value_new_list();
    char *path = experiment_plan_path(record->experiment, record->entry, "history.jsonl");
    enum status code = path == NULL ? diag_set(reterr, STATUS_NO_MEMORY, "out of memory")
                                    : file_read(path, RECORD_MAX_BYTES, 0, &bytes, reterr);
    free(path);
    if (code != STATUS_OK) {
        json_value_free(curve);
        return code;
    }
    code = json_value_parse(span_of(record->scorer.checkpoint.lineage), &lineage, reterr);
    int64_t kept = code == STATUS_OK ? (int64_t)record_number(lineage, NULL, "epoch") : 0;
    int64_t epochs = 0;
    const char *at = (const char *)bytes.data, *end = at + bytes.size;
    while (code == STATUS_OK && at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        stop = stop == NULL ? end : stop;
        struct json_value *line = NULL;
        code = json_value_parse((struct span){at, (size_t)(stop - at)}, &line, reterr);
        if (code == STATUS_OK && json_value_get(line, "epoch") != NULL) {
            record_point(record, line, kept, curve);
            epochs++;
        }
        json_value_free(line);
        at = stop < end ? stop + 1 : end;
    }
    json_value_set_int(record->root, "epochs", epochs);
    json_value_set_int(record->root, "kept_epoch", kept);
    json_value_set(record->root, "curve", curve);
    json_value_free(lineage);
    file_free(&bytes);
    return code;
}

static void record_begin(struct record *record, const struct experiment_outcome *outcome)
{
    struct json_value *root = record->root = json_value_new_map();
    json_value_set_text(root, "format", record_format);
    json_value_set_text(root, "id", record->entry->id);
    json_value_set_text(root, "method", record->entry->method->name);
    json_value_set_int(root, "seed", record->entry->seed);
    if (record->entry->percent < record->experiment->config.train.data_train_percent)
        json_value_set_int(root, "percent", record->entry->percent);
    json_value_set_number(root, "ratio", outcome->setting.ratio);
    json_value_set_number(root, "tau", outcome->setting.tau);
    json_value_set_number(root, "lr", outcome->setting.lr);
    json_value_set_text(root, "status", outcome->words == NULL ? "ok" : "diverged");
    json_value_set_text(root, "words", outcome->words == NULL ? "" : outcome->words);
}

MUST_USE static enum status record_save(const struct record *record, struct diag *reterr)
{
    struct buf text;
    buf_init(&text, RECORD_MAX_BYTES);
    enum status code = json_value_write(record->root, 0, &text);
    char *path = experiment_plan_path(record->experiment, record->entry, "run.json");
    if (code != STATUS_OK || path == NULL)
        code = diag_set(reterr, code == STATUS_OK ? STATUS_NO_MEMORY : code,
                        "cannot write the record of %s", record->entry->id);
    else
        code = file_write_atomic(path, text.data, text.size, reterr);
    free(path);
    buf_fini(&text);
    return code;
}

enum status experiment_record_write(const struct experiment *experiment,
                                    const struct experiment_entry *entry,
                                    const struct experiment_outcome *outcome, struct diag *reterr)
{
    struct record record = {.experiment = experiment, .entry = entry};
    enum status code = STATUS_OK;
    record_begin(&record, outcome);
    if (outcome->words == NULL) {
        code = record_open(&record, reterr);
        if (code == STATUS_OK)
            code = record_data(&record, reterr);
        if (code == STATUS_OK)
            code = record_read_known(&record, reterr);
        if (code == STATUS_OK)
            code = record_valid(&record, reterr);
        if (code == STATUS_OK)
            code = record_test(&record, reterr);
        if (code == STATUS_OK)
            code = record_lists(&record, reterr);
        if (code == STATUS_OK)
            code = record_reliability(&record, reterr);
        if (code == STATUS_OK)
            code = record_curve(&record, reterr);
    }
    if (code == STATUS_OK)
        code = record_save(&record, reterr);
    record_close(&record);
    return code;
}

// ---- reading ----

enum status experiment_record_read(const struct experiment *experiment,
                                   const struct experiment_entry *entry,
                                   struct json_value **ret_root, struct diag *reterr)
{
    char *path = experiment_plan_path(experiment, entry, "run.json");
    struct file_bytes bytes = {0};
    struct json_value *root = NULL;
    const struct json_value *format = NULL;
    enum status code = path == NULL ? diag_set(reterr, STATUS_NO_MEMORY, "out of memory")
                                    : file_read(path, RECORD_MAX_BYTES, 0, &bytes, reterr);
    if (code == STATUS_OK) {
        code = json_value_parse((struct span){(const char *)bytes.data, bytes.size}, &root, reterr);
        if (code == STATUS_OK)
            code = json_value_need(root, "format", JSON_VALUE_TEXT, &format, reterr);
        if (code == STATUS_OK && !span_is(json_value_text(format), record_format))
            code = STATUS_CORRUPT;
        if (code != STATUS_OK && code != STATUS_NO_MEMORY)
            diag_at_line(reterr, code, path, 0, 0,
                         "is not the record of a run (%s): remove it, and the run is done again",
                         record_format);
    }
    file_free(&bytes);
    free(path);
    if (code == STATUS_OK)
        *ret_root = root;
    else
        json_value_free(root);
    return code;
}

enum status experiment_record_load(const struct experiment *experiment,
                                   const struct experiment_entry *entry,
                                   struct experiment_record *ret_record, struct diag *reterr)
{
    struct json_value *root;
    const struct json_value *status = NULL;
    const char *rank = train_config_rank_key(&experiment->config.train);
    TRY(experiment_record_read(experiment, entry, &root, reterr));
    enum status code = json_value_need(root, "status", JSON_VALUE_TEXT, &status, reterr);
    if (code == STATUS_OK)
        *ret_record =
            (struct experiment_record){.diverged = !span_is(json_value_text(status), "ok"),
                                       .rank = record_number(root, "valid", rank),
                                       .logloss = record_number(root, "valid", "logloss")};
    json_value_free(root);
    return code;
}
