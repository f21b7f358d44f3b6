#include "model/train/traindata.h"

#include "base/file.h"
#include "base/hash64.h"
#include "base/log.h"
#include "model/train/csvmap.h"
#include "model/train/datafile.h"
#include "model/train/encoding.h"
#include "model/train/fit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// The share is drawn apart from the split, whose hash is of names.
enum { TRAINDATA_ALL = 100, TRAINDATA_SHARE_SEED = 0x5a4e };

static void traindata_tell(const char *role, const struct dataset *dataset)
{
    uint64_t clicks = 0;
    for (uint64_t d = 0; d < dataset->docs; d++)
        clicks += dataset->grade[d] > 0;
    LOG_EVENT(LOG_INFO, "data", LOG_S("role", role), LOG_I("lists", dataset->lists),
              LOG_I("docs", dataset->docs), LOG_I("clicks", clicks),
              LOG_I("columns", dataset->columns), LOG_I("skipped_lines", dataset->skipped_lines));
    if (clicks == 0 || clicks == dataset->docs)
        LOG_EVENT(LOG_WARN, "all documents are of one class: there is nothing to tell apart",
                  LOG_S("role", role), LOG_I("clicks", clicks));
}

static enum dataset_format traindata_format(const struct train_config *config, const char *path)
{
    return datafile_format(path, (enum dataset_format)config->data_format);
}

// What of `how` is for files of this format; *csv_view lives as long as the options.
MUST_USE static enum status traindata_options(const struct train_config *config, const char *path,
                                              const struct dataset_options *how,
                                              struct csvmap *csv_view,
                                              struct dataset_options *ret_options,
                                              struct diag *reterr)
{
    *ret_options = *how;
    ret_options->format = traindata_format(config, path);
    ret_options->skip_bad = (uint64_t)config->data_skip_bad;
    ret_options->threads = (unsigned)config->train_threads;
    ret_options->csv = NULL;
    if ((ret_options->format == DATASET_LETOR) != (how->schema == NULL))
        return diag_at_line(reterr, STATUS_CONFIG, path, 0, 0,
                            how->schema == NULL
                                ? "is no LETOR file by its name, but the training data are LETOR"
                                : "is a LETOR file by its name, but the training data are "
                                  "impressions");
    if (ret_options->format == DATASET_CSV) {
        *csv_view = csvmap_of_file(how->csv, path);
        ret_options->csv = csv_view;
    }
    return STATUS_OK;
}

// The files of a role; their cache has its name and lies in the run folder or in a shared one.
MUST_USE static enum status traindata_file(const struct train_config *config, const char *folder,
                                           const char *role, const char *path,
                                           const struct dataset_options *how,
                                           struct dataset *ret_dataset, struct diag *reterr)
{
    char *caches = file_join(folder, config->data_cache), *cache = NULL;
    if (caches == NULL || asprintf(&cache, "%s/%s.ctrcache", caches, role) < 0) {
        free(caches);
        return diag_set(reterr, STATUS_NO_MEMORY, "out of memory");
    }
    struct dataset_options options;
    struct csvmap csv;
    enum status code = traindata_options(config, path, how, &csv, &options, reterr);
    options.cache_path = cache;
    if (code == STATUS_OK)
        code = file_make_folder(caches, reterr);
    if (code == STATUS_OK)
        code = datafile_open(path, role, &options, ret_dataset, reterr);
    free(caches);
    free(cache);
    if (code == STATUS_OK)
        traindata_tell(role, ret_dataset);
    return code;
}

// Validation and test data, read as the training data were.
MUST_USE static enum status traindata_others(const struct train_config *config, const char *folder,
                                             const struct dataset_options *how,
                                             struct traindata *data, struct diag *reterr)
{
    if (config->data_valid[0] != '\0') {
        TRY(traindata_file(config, folder, "valid", config->data_valid, how, &data->valid, reterr));
        data->has_valid = true;
    }
    if (config->data_test[0] != '\0') {
        TRY(traindata_file(config, folder, "test", config->data_test, how, &data->test, reterr));
        data->has_test = true;
    }
    return STATUS_OK;
}

// Which lists teach and which validate.
MUST_USE static enum status traindata_split(const struct train_config *config,
                                            struct traindata *data, struct diag *reterr)
{
    size_t lists = data->train.lists, valid_count = 0;
    uint8_t *aside = calloc(lists + 1, 1);
    uint32_t *valid = calloc(lists + 1, sizeof(*valid));
    data->lists = calloc(lists + 1, sizeof(*data->lists));
    enum status code = STATUS_OK;
    if (aside == NULL || valid == NULL || data->lists == NULL) {
        code = diag_set(reterr, STATUS_NO_MEMORY, "out of memory");
    } else {
        if (!data->has_valid)
            dataset_split(&data->train, (uint64_t)config->train_seed,
                          (unsigned)config->data_valid_percent, aside);
        for (size_t i = 0; i < lists; i++) {
            if (aside[i])
                valid[valid_count++] = (uint32_t)i;
            else
                data->lists[data->list_count++] = (uint32_t)i;
        }
        if (data->has_valid)
            code = scoreset_init(&data->valid_set, &data->valid, NULL, 0, reterr);
        else
            code = scoreset_init(&data->valid_set, &data->train, valid, valid_count, reterr);
    }
    free(aside);
    free(valid);
    if (code == STATUS_OK && (data->list_count == 0 || data->valid_set.lists == 0))
        return diag_at_path(reterr, STATUS_CONFIG, "data.valid_percent",
                            "of %zu lists %zu are left to train and %zu to validate: there must "
                            "be some of each; name a validation file",
                            lists, data->list_count, data->valid_set.lists);
    return code;
}

// Leaves data.train_percent of the lists that teach.
MUST_USE static enum status traindata_share(const struct train_config *config,
                                            struct traindata *data, struct diag *reterr)
{
    const uint64_t percent = (uint64_t)config->data_train_percent;
    const size_t lists = data->list_count;
    if (percent == TRAINDATA_ALL)
        return STATUS_OK;
    data->list_count = 0;
    for (size_t i = 0; i < lists; i++) {
        const uint64_t number = data->lists[i];
        if (hash64(&number, sizeof(number), TRAINDATA_SHARE_SEED) % TRAINDATA_ALL < percent)
            data->lists[data->list_count++] = data->lists[i];
    }
    if (data->list_count == 0)
        return diag_at_path(reterr, STATUS_CONFIG, "data.train_percent",
                            "leaves none of %zu training lists", lists);
    LOG_EVENT(LOG_INFO, "a share of the training lists teaches", LOG_I("percent", percent),
              LOG_I("lists", data->list_count));
    return STATUS_OK;
}

// `features:` of LETOR data may state what the data tell anyway: `f`, and `f_priv` if columns are
// privileged.
MUST_USE static enum status traindata_declared(const struct train_config *config, const char *file,
                                               struct schema *schema, struct diag *reterr)
{
    struct schema declared;
    TRY(schema_from_yaml(config->features, file, &declared, reterr));
    enum status code = STATUS_OK;
    for (size_t i = 0; i < declared.count && code == STATUS_OK; i++) {
        const struct schema_feature *want = &declared.features[i];
        struct schema_feature *have = NULL;
        for (size_t k = 0; k < schema->count; k++)
            if (strcmp(schema->features[k].name, want->name) == 0)
                have = &schema->features[k];
        if (have == NULL || have->source != SCHEMA_SENT)
            code = diag_at_path(reterr, STATUS_CONFIG, "features",
                                "\"%s\": LETOR data have the feature f, and f_priv where "
                                "data.privileged names columns",
                                want->name);
        else if (want->size != have->size || want->scope != have->scope ||
                 want->privileged != have->privileged)
            code = diag_at_path(reterr, STATUS_CONFIG, "features",
                                "\"%s\": the data give %u values of scope item, %s", want->name,
                                have->size, have->privileged ? "privileged" : "not privileged");
        else if (want->kind != SCHEMA_DENSE || want->quantiles > 0 ||
                 want->transform == SCHEMA_STANDARDISE)
            code = diag_at_path(reterr, STATUS_CONFIG, "features",
                                "\"%s\": LETOR data are dense, with transform none or log1p",
                                want->name);
        else if (want->has_default && want->fallback != 0)
            code = diag_at_path(reterr, STATUS_CONFIG, "features",
                                "\"%s\": an absent value of LETOR data is 0, no other default",
                                want->name);
        else
            have->transform = want->transform;
    }
    schema_fini(&declared);
    return code;
}

// Whether some tower that will learn sees the privileged features.
static bool traindata_needs_privileged(const struct train_config *config)
{
    const struct method *method = train_config_method(config);
    const struct method *teacher = config->teacher[0] == '\0' ? method_find(method->teacher) : NULL;
    return method_sees_privileged(method) || (teacher != NULL && method_sees_privileged(teacher));
}

// LETOR: the files say what the features are.
MUST_USE static enum status traindata_letor(const struct train_config *config, const char *folder,
                                            const struct warm *warm, struct traindata *data,
                                            struct diag *reterr)
{
    struct dataset_options how = {.columns = (uint32_t)config->data_columns};
    TRY(traindata_file(config, folder, "train", config->data_train, &how, &data->train, reterr));
    how.columns = (uint32_t)data->train.columns;
    TRY(traindata_others(config, folder, &how, data, reterr));
    size_t count = config->data_privileged.count;
    uint32_t *privileged = calloc(count + 1, sizeof(*privileged));
    if (privileged == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < count; i++)
        privileged[i] = (uint32_t)config->data_privileged.items[i];
    enum status code = schema_letor(
        (uint32_t)data->train.columns, privileged, count, config->data_page_context == 1,
        config->data_transform == 1 ? SCHEMA_LOG1P : SCHEMA_NONE, &data->teacher, reterr);
    free(privileged);
    if (code == STATUS_OK && config->features != NULL)
        code = traindata_declared(config, "the configuration", &data->teacher, reterr);
    if (code == STATUS_OK && warm != NULL)
        code = warm_fit(warm, &data->teacher, reterr);
    return code;
}

// Names of a label: a feature of that name would tell the answer.
MUST_USE static enum status traindata_honest(const struct schema *schema, const char *csv_label,
                                             struct diag *reterr)
{
    const char *const labels[] = {"label", "click", "clicked", csv_label};
    for (size_t i = 0; i < schema->count; i++) {
        const char *name = schema->features[i].name;
        for (size_t k = 0; k < sizeof(labels) / sizeof(*labels); k++)
            if (labels[k] != NULL && strcmp(name, labels[k]) == 0)
                return diag_at_path(reterr, STATUS_CONFIG, "features",
                                    "\"%s\" gives the label away: leave it out", name);
    }
    return STATUS_OK;
}

// The first of the files that is a table; NULL: none is.
static const char *traindata_table(const struct train_config *config)
{
    const char *const paths[] = {config->data_train, config->data_valid, config->data_test};
    for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++)
        if (paths[i][0] != '\0' && traindata_format(config, paths[i]) == DATASET_CSV)
            return paths[i];
    return NULL;
}

// Impressions: `features:` says what they are.
MUST_USE static enum status traindata_log(const struct train_config *config, const char *folder,
                                          const struct warm *warm, struct traindata *data,
                                          struct diag *reterr)
{
    struct schema *schema = &data->teacher;
    if (config->features == NULL)
        return diag_at_path(reterr, STATUS_CONFIG, "features",
                            "is missing: impressions are read by a list of features");
    TRY(schema_from_yaml(config->features, "the configuration", schema, reterr));
    if (warm != NULL)
        TRY(warm_fit(warm, schema, reterr));
    struct csvmap csv = {0};
    struct dataset_options how = {.schema = schema};
    const char *table = traindata_table(config);
    if (table != NULL) {
        const struct csvmap_files files = {"the configuration", table, config->data_join, false};
        TRY(csvmap_init(&csv, config->csv, &files, schema, reterr));
        how.csv = &csv;
    }
    enum status code = traindata_honest(schema, csv.label, reterr);
    if (code == STATUS_OK)
        code =
            traindata_file(config, folder, "train", config->data_train, &how, &data->train, reterr);
    if (code == STATUS_OK) {
        encoding_set_vocabs(schema, data->train.schema);
        schema_share_vocabs(schema);
        code = traindata_others(config, folder, &how, data, reterr);
    }
    csvmap_fini(&csv);
    return code;
}

// What is learnt from the lists that teach, and what follows from it.
MUST_USE static enum status traindata_schemas(const struct train_config *config,
                                              struct traindata *data, struct diag *reterr)
{
    if (data->train.schema != NULL)
        TRY(fit_numbers(&data->train, data->lists, data->list_count, &data->teacher, reterr));
    TRY(schema_size_tables(&data->teacher, reterr));
    if (traindata_needs_privileged(config) && !schema_has_privileged(&data->teacher))
        return diag_at_path(reterr, STATUS_CONFIG, "data.privileged",
                            "method %s needs privileged features: name columns, or set "
                            "data.page_context, or mark features as privileged",
                            train_config_method(config)->name);
    TRY(schema_student(&data->teacher, &data->student, reterr));
    return fit_drift_ranges(&data->train, data->lists, data->list_count, &data->student,
                            &data->ranges, reterr);
}

static uint64_t traindata_hash(const struct traindata *data)
{
    const uint64_t parts[] = {data->train.content_hash,
                              data->has_valid ? data->valid.content_hash : 0};
    return hash64(parts, sizeof(parts), 0);
}

enum status traindata_open(const struct train_config *config, const char *folder,
                           const struct warm *warm, struct traindata *ret_data, struct diag *reterr)
{
    struct traindata data = {0};
    enum status code = traindata_format(config, config->data_train) == DATASET_LETOR
                           ? traindata_letor(config, folder, warm, &data, reterr)
                           : traindata_log(config, folder, warm, &data, reterr);
    // The set of validation scores points at a data set: it is made where both stay.
    *ret_data = data;
    if (code == STATUS_OK)
        code = traindata_split(config, ret_data, reterr);
    if (code == STATUS_OK)
        code = traindata_share(config, ret_data, reterr);
    if (code == STATUS_OK)
        code = traindata_schemas(config, ret_data, reterr);
    if (code == STATUS_OK)
        ret_data->hash = traindata_hash(ret_data);
    else
        traindata_close(ret_data);
    return code;
}

void traindata_close(struct traindata *data)
{
    scoreset_fini(&data->valid_set);
    schema_fini(&data->teacher);
    schema_fini(&data->student);
    fit_drift_fini(&data->ranges);
    free(data->lists);
    dataset_close(&data->train);
    dataset_close(&data->valid);
    dataset_close(&data->test);
    memset(data, 0, sizeof(*data));
}
