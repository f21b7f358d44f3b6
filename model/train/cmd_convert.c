// Impression logs to binary shards, which are read many times as fast.
#include "base/file.h"
#include "base/log.h"
#include "model/checkpoint.h"
#include "model/train/commands.h"
#include "model/train/csvmap.h"
#include "model/train/dataset_image.h"
#include "model/train/dataset_log.h"
#include "model/train/encoding.h"
#include "model/train/fit_vocab.h"
#include "model/train/train_config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct command_option cmd_convert_options[] = {
    {"config", "FILE", "configuration with the features, and the map of CSV columns"},
    {"model", "FILE", "model with the features, instead; --config may give the map of CSV columns"},
    {"like", "SHARD",
     "shard with the features, instead, and with the vocabularies; --config as above"},
    {"out", "DIR", "folder of the shards (needed)"},
    {"skip-bad", "N", "bad lines that may be skipped in each file, and are counted (0)"},
    {"unlabelled", NULL, "candidates need no label: the shards can be scored alone"},
    {0}};

// What may say which features.
struct cmd_convert_from {
    const char *config, *model, *like; // NULL: not given
};

struct cmd_convert {
    struct train_config config;
    struct yamldoc *doc;
    struct checkpoint model;
    struct dataset like;
    struct schema encoding; // with vocabularies
    struct csvmap csv;
    bool has_csv;
    struct fit_vocab fit;
    struct dataset_options options;
    const char *folder;
};

static bool cmd_convert_is_csv(const char *path)
{
    return dataset_format_of(path) == DATASET_CSV;
}

// The features of a shard, with its vocabularies.
MUST_USE static enum status cmd_convert_like(struct cmd_convert *convert, const char *path,
                                             struct diag *reterr)
{
    struct dataset_image_header header;
    TRY(dataset_image_map(path, &convert->like, &header, reterr));
    if (convert->like.schema == NULL)
        return diag_at_line(reterr, STATUS_INVALID, path, 0, 0,
                            "is the cache of a LETOR file, not a shard of impressions");
    return encoding_of(convert->like.schema, &convert->encoding, reterr);
}

// The features of the configuration, of the model, or of the shard.
MUST_USE static enum status cmd_convert_features(struct cmd_convert *convert,
                                                 const struct cmd_convert_from *from,
                                                 struct diag *reterr)
{
    const char *config = from->config;
    struct schema schema = {0};
    if (config != NULL) {
        const struct train_config_source source = {.file = config};
        TRY(train_config_load(&source, &convert->config, &convert->doc, reterr));
    }
    if (from->like != NULL)
        return cmd_convert_like(convert, from->like, reterr);
    if (from->model != NULL) {
        TRY(checkpoint_load(from->model, &convert->model, reterr));
        return encoding_of(&convert->model.schema, &convert->encoding, reterr);
    }
    if (convert->config.features == NULL)
        return diag_at_line(reterr, STATUS_CONFIG, config, 0, 0,
                            "features is missing: impressions are read by a list of features");
    TRY(schema_from_yaml(convert->config.features, config, &schema, reterr));
    enum status code = encoding_of(&schema, &convert->encoding, reterr);
    schema_fini(&schema);
    return code;
}

MUST_USE static enum status cmd_convert_csv(struct cmd_convert *convert,
                                            const struct cmd_convert_from *from, const char *path,
                                            struct diag *reterr)
{
    const char *config = from->config;
    const struct csvmap_files files = {config == NULL ? "the configuration" : config, path,
                                       config == NULL ? "" : convert->config.data_join,
                                       from->model != NULL || from->like != NULL};
    if (!cmd_convert_is_csv(path))
        return STATUS_OK;
    TRY(csvmap_init(&convert->csv, convert->config.csv, &files, &convert->encoding, reterr));
    convert->has_csv = true;
    convert->options.csv = &convert->csv;
    return STATUS_OK;
}

// Vocabularies of all files together.
MUST_USE static enum status cmd_convert_learn(struct cmd_convert *convert,
                                              const struct shards *shards, struct diag *reterr)
{
    if (encoding_is_fitted(&convert->encoding))
        return STATUS_OK;
    const struct impressions_options how = {.schema = &convert->encoding,
                                            .csv = convert->options.csv,
                                            .unlabelled = convert->options.unlabelled,
                                            .skip_bad = convert->options.skip_bad};
    return fit_vocab_learn(&convert->fit, shards, &how, &convert->encoding, reterr);
}

// "DIR/NAME.ctr", NAME without folder and endings.
MUST_USE static enum status cmd_convert_name(const struct cmd_convert *convert, const char *path,
                                             char **ret_name, struct diag *reterr)
{
    static const char *const endings[] = {".gz", ".jsonl", ".csv", ".tsv"};
    const char *base = strrchr(path, '/');
    base = base == NULL ? path : base + 1;
    size_t size = strlen(base);
    for (size_t i = 0; i < sizeof(endings) / sizeof(*endings); i++) {
        const size_t length = strlen(endings[i]);
        if (size > length && memcmp(base + size - length, endings[i], length) == 0)
            size -= length;
    }
    return asprintf(ret_name, "%s/%.*s.ctr", convert->folder, (int)size, base) >= 0
               ? STATUS_OK
               : diag_set(reterr, STATUS_NO_MEMORY, "out of memory");
}

MUST_USE static enum status cmd_convert_file(const struct cmd_convert *convert, const char *path,
                                             struct diag *reterr)
{
    struct shards shards;
    struct dataset dataset;
    struct impressions_totals totals;
    char *name = NULL;
    TRY(cmd_convert_name(convert, path, &name, reterr));
    enum status code = shards_init(&shards, path, reterr);
    if (code == STATUS_OK) {
        code = dataset_log_write(&shards, &convert->options, name, &dataset, &totals, reterr);
        shards_fini(&shards);
    }
    if (code == STATUS_OK) {
        LOG_EACH(LOG_INFO, "converted", LOG_S("file", path), LOG_S("shard", name),
                 LOG_I("lists", dataset.lists), LOG_I("docs", dataset.docs),
                 LOG_I("missing_values", totals.counts.missing),
                 LOG_I("unknown_ids", totals.counts.unknown_ids),
                 LOG_I("cut_lists", totals.counts.cut_lists),
                 LOG_I("unknown_fields", totals.counts.unknown),
                 LOG_I("skipped_lines", totals.skipped_lines));
        dataset_close(&dataset);
    }
    free(name);
    return code;
}

struct cmd_convert_shard { // of a shard, and the file it is made of
    char *name;
    const char *path;
};

static int cmd_convert_compare(const void *a, const void *b)
{
    const struct cmd_convert_shard *x = a, *y = b;
    return strcmp(x->name, y->name);
}

// Two files of one name would give one shard.
MUST_USE static enum status cmd_convert_names(const struct cmd_convert *convert,
                                              const struct shards *shards, struct diag *reterr)
{
    struct cmd_convert_shard *names = calloc(shards->count + 1, sizeof(*names));
    enum status code =
        names == NULL ? diag_set(reterr, STATUS_NO_MEMORY, "out of memory") : STATUS_OK;
    size_t count = 0;
    for (; count < shards->count && code == STATUS_OK; count += code == STATUS_OK) {
        names[count].path = shards->paths[count];
        code = cmd_convert_name(convert, shards->paths[count], &names[count].name, reterr);
    }
    if (code == STATUS_OK)
        qsort(names, count, sizeof(*names), cmd_convert_compare);
    for (size_t i = 1; i < count && code == STATUS_OK; i++)
        if (cmd_convert_compare(&names[i - 1], &names[i]) == 0)
            code = diag_at_line(reterr, STATUS_USAGE, names[i].name, 0, 0,
                                "would be the shard of both %.120s and %.120s", names[i - 1].path,
                                names[i].path);
    for (size_t i = 0; i < count; i++)
        free(names[i].name);
    free(names);
    return code;
}

// All are logs of one format.
MUST_USE static enum status cmd_convert_formats(const struct shards *shards, struct diag *reterr)
{
    const char *first = shards->paths[0];
    for (size_t i = 0; i < shards->count; i++) {
        const char *path = shards->paths[i];
        if (dataset_format_of(path) != DATASET_JSONL && !cmd_convert_is_csv(path))
            return diag_at_line(reterr, STATUS_USAGE, path, 0, 0,
                                "is no log by its name: .jsonl, .csv or .tsv, with or without .gz");
        if (dataset_format_of(path) != dataset_format_of(first) ||
            csvmap_separator(path) != csvmap_separator(first))
            return diag_at_line(reterr, STATUS_USAGE, path, 0, 0,
                                "is of another format than the first file");
    }
    return STATUS_OK;
}

MUST_USE static enum status cmd_convert_all(struct cmd_convert *convert,
                                            const struct cmd_convert_from *from,
                                            const struct shards *shards, struct diag *reterr)
{
    TRY(cmd_convert_formats(shards, reterr));
    TRY(cmd_convert_names(convert, shards, reterr));
    TRY(cmd_convert_features(convert, from, reterr));
    TRY(cmd_convert_csv(convert, from, shards->paths[0], reterr));
    TRY(file_make_folder(convert->folder, reterr));
    TRY(cmd_convert_learn(convert, shards, reterr));
    convert->options.schema = &convert->encoding;
    for (size_t i = 0; i < shards->count; i++)
        TRY(cmd_convert_file(convert, shards->paths[i], reterr));
    return STATUS_OK;
}

static enum status cmd_convert_run(const struct command *command, int argc, char **argv,
                                   struct diag *reterr)
{
    struct command_line line;
    struct shards shards;
    struct cmd_convert convert = {0};
    TRY(command_parse(command, argc, argv, &line, reterr));
    if (line.help)
        return STATUS_OK;
    const struct cmd_convert_from from = {command_value(command, &line, "config"),
                                          command_value(command, &line, "model"),
                                          command_value(command, &line, "like")};
    convert.folder = command_value(command, &line, "out");
    convert.options.unlabelled = command_value(command, &line, "unlabelled") != NULL;
    if (convert.folder == NULL)
        return diag_set(reterr, STATUS_USAGE, "--out DIR is missing: where the shards go");
    if (from.config == NULL && from.model == NULL && from.like == NULL)
        return diag_set(reterr, STATUS_USAGE,
                        "--config FILE, --model FILE or --like SHARD is missing: which features");
    if (from.model != NULL && from.like != NULL)
        return diag_set(reterr, STATUS_USAGE,
                        "--model and --like both say which features: give one of them");
    TRY(command_u64(command, &line, "skip-bad", 0, 0, UINT32_MAX, &convert.options.skip_bad,
                    reterr));
    TRY(shards_init_all(&shards, line.operands, line.operand_count, reterr));
    enum status code = cmd_convert_all(&convert, &from, &shards, reterr);
    shards_fini(&shards);
    csvmap_fini(&convert.csv);
    schema_fini(&convert.encoding);
    fit_vocab_fini(&convert.fit);
    checkpoint_fini(&convert.model);
    dataset_close(&convert.like);
    train_config_fini(&convert.config);
    yamldoc_free(convert.doc);
    return code;
}

const struct command cmd_convert = {
    "convert",
    "makes binary shards of impression logs",
    "FILE...",
    1,
    COMMAND_MAX_VALUES,
    cmd_convert_options,
    "Example:\n"
    "  ctr convert --config config.yaml --out shards 'logs/train-*.jsonl.gz'\n"
    "  ctr convert --like shards/train-01.ctr --out shards logs/valid.jsonl logs/test.jsonl\n"
    "  ctr convert --model run/student.safetensors --out shards today.jsonl\n\n"
    "Each FILE (a pattern names several) becomes DIR/NAME.ctr, with the features of the\n"
    "configuration, whose vocabularies are learnt from all FILEs together, or with features\n"
    "and vocabularies of a model or of an earlier shard. Convert the training files alone,\n"
    "then those for valid and test --like one of their shards: what only these hold stays\n"
    "unknown, as it is when the model serves. Then data.train: shards/train-*.ctr, and so on.\n",
    cmd_convert_run};
