#include "model/train/opened.h"

#include "model/train/commands.h"
#include "model/train/csvmap.h"
#include "model/train/datafile.h"
#include "model/train/letor.h"
#include "model/train/train_config.h"
#include "proto/json_value.h"

#include <string.h>
#include <unistd.h>

// LETOR columns of the training data, from the lineage; 0 (any) where it does not say.
static uint32_t opened_columns(const struct checkpoint *checkpoint)
{
    struct json_value *lineage;
    uint32_t columns = 0;
    if (checkpoint->lineage == NULL ||
        json_value_parse(span_of(checkpoint->lineage), &lineage, NULL) != STATUS_OK)
        return 0;
    const struct json_value *data = json_value_get(lineage, "data");
    const struct json_value *count = data == NULL ? NULL : json_value_get(data, "columns");
    if (count != NULL && json_value_kind(count) == JSON_VALUE_INT && json_value_int(count) > 0 &&
        json_value_int(count) <= LETOR_MAX_COLUMNS)
        columns = (uint32_t)json_value_int(count);
    json_value_free(lineage);
    return columns;
}

// A model of LETOR columns takes LETOR; every other one impressions, as its own schema encodes
// them.
static bool opened_is_letor(const struct checkpoint *checkpoint)
{
    for (size_t i = 0; i < checkpoint->schema.count; i++)
        if (checkpoint->schema.features[i].columns != NULL)
            return true;
    return false;
}

// Impressions of a table: its columns are those of --config, or named like the features.
MUST_USE static enum status opened_table(const char *path, const char *config_file,
                                         struct dataset_options *options, struct dataset *ret_data,
                                         struct diag *reterr)
{
    struct train_config config = {0};
    struct yamldoc *doc = NULL;
    struct csvmap map = {0};
    const struct train_config_source source = {.file = config_file};
    struct csvmap_files files = {"the configuration", path, "", true};
    enum status code = STATUS_OK;
    if (config_file != NULL) {
        code = train_config_load(&source, &config, &doc, reterr);
        files.tree = config_file;
        files.join = config.data_join;
    }
    if (code == STATUS_OK)
        code = csvmap_init(&map, config.csv, &files, options->schema, reterr);
    options->csv = &map;
    if (code == STATUS_OK)
        code = datafile_open(path, "scored", options, ret_data, reterr);
    options->csv = NULL;
    csvmap_fini(&map);
    train_config_fini(&config);
    yamldoc_free(doc);
    return code;
}

MUST_USE static enum status opened_data(const char *path, const char *config, uint64_t skip_bad,
                                        bool unlabelled, const struct checkpoint *checkpoint,
                                        struct dataset *ret_data, struct diag *reterr)
{
    const bool letor = opened_is_letor(checkpoint);
    const enum dataset_format format = dataset_format_of(path);
    struct dataset_options options = {.skip_bad = skip_bad, .unlabelled = unlabelled};
    if (letor != (format == DATASET_LETOR))
        return diag_at_line(reterr, STATUS_INVALID, path, 0, 0, "%s",
                            letor ? "the model scores LETOR files, and this is none by its name"
                                  : "the model scores impressions: .jsonl, .csv, .tsv (with or "
                                    "without .gz) or .ctr files");
    if (letor)
        options.columns = opened_columns(checkpoint);
    else
        options.schema = &checkpoint->schema;
    return format == DATASET_CSV ? opened_table(path, config, &options, ret_data, reterr)
                                 : datafile_open(path, "scored", &options, ret_data, reterr);
}

enum status opened_open(const struct command *command, const struct command_line *line,
                        const char *model, struct opened *ret_opened, struct diag *reterr)
{
    const char *path = command_value(command, line, "data");
    if (path == NULL)
        return diag_set(reterr, STATUS_USAGE, "--data FILE is missing: what to score");
    return opened_open_file(command, line, model, path, ret_opened, reterr);
}

enum status opened_open_file(const struct command *command, const struct command_line *line,
                             const char *model, const char *path, struct opened *ret_opened,
                             struct diag *reterr)
{
    const char *set = command_value(command, line, "kernels");
    const struct kernels *kernels;
    struct opened opened = {0};
    uint64_t skip_bad;
    TRY(command_u64(command, line, "skip-bad", 0, 0, UINT32_MAX, &skip_bad, reterr));
    TRY(kernels_choose(set == NULL ? "auto" : set, &kernels, reterr));
    TRY(scorer_load(model, kernels, &opened.scorer, reterr));
    enum status code =
        opened_data(path, command_value(command, line, "config"), skip_bad, command == &cmd_score,
                    &opened.scorer.checkpoint, &opened.data, reterr);
    if (code == STATUS_OK)
        code = scoreset_init(&opened.set, &opened.data, NULL, 0, reterr);
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    if (code == STATUS_OK && (opened.team = team_start(cores > 0 ? (unsigned)cores : 1)) == NULL)
        code = diag_set(reterr, STATUS_NO_MEMORY, "cannot start threads");
    // The set points at the data set, which moves with the result.
    *ret_opened = opened;
    ret_opened->set.dataset = &ret_opened->data;
    if (code != STATUS_OK)
        opened_close(ret_opened);
    return code;
}

void opened_close(struct opened *opened)
{
    if (opened->team != NULL)
        team_stop(opened->team);
    scoreset_fini(&opened->set);
    dataset_close(&opened->data);
    scorer_fini(&opened->scorer);
    memset(opened, 0, sizeof(*opened));
}
