#include "tests/support/log_case.h"

#include "base/yamldoc.h"
#include "tests/support/check.h"

#include <string.h>

static void log_case_tell(struct log_case *log)
{
    diag_format(&log->diag, log->words, sizeof log->words);
}

void log_case_init(struct log_case *log, const char *features)
{
    struct yamldoc *doc = NULL;
    *log = (struct log_case){0};
    scratch_make(&log->scratch);
    assert_int_equal(yamldoc_parse(span_of(features), "c.yaml", &doc, &log->diag), STATUS_OK);
    if (schema_from_yaml(yamldoc_root(doc), "c.yaml", &log->schema, &log->diag) != STATUS_OK) {
        log_case_tell(log);
        fail_msg("%s", log->words);
    }
    yamldoc_free(doc);
}

void log_case_fini(struct log_case *log)
{
    csvmap_fini(&log->csv);
    schema_fini(&log->schema);
    scratch_remove(&log->scratch);
}

enum status log_case_csv(struct log_case *log, const char *tree, const char *data, const char *join)
{
    struct yamldoc *doc = NULL;
    const struct csvmap_files files = {"c.yaml", data, join, false};
    csvmap_fini(&log->csv);
    assert_int_equal(yamldoc_parse(span_of(tree), "c.yaml", &doc, NULL), STATUS_OK);
    log->diag = (struct diag){0};
    enum status code = csvmap_init(&log->csv, yamldoc_root(doc), &files, &log->schema, &log->diag);
    log_case_tell(log);
    yamldoc_free(doc);
    return code;
}

enum status log_case_open(struct log_case *log, const char *name,
                          const struct dataset_options *options, struct dataset *ret_dataset)
{
    char path[128];
    struct shards shards;
    struct dataset_options all = *options;
    if (all.schema == NULL)
        all.schema = &log->schema;
    if (all.csv == NULL && log->csv.feature_count > 0)
        all.csv = &log->csv;
    log->diag = (struct diag){0};
    enum status code = shards_init(&shards, scratch_path(&log->scratch, name, path), &log->diag);
    if (code == STATUS_OK) {
        code = dataset_log_open(&shards, &all, ret_dataset, &log->totals, &log->diag);
        shards_fini(&shards);
    }
    log_case_tell(log);
    return code;
}

enum status log_case_text(struct log_case *log, const char *text,
                          const struct dataset_options *options, struct dataset *ret_dataset)
{
    char path[128];
    scratch_file(&log->scratch, "log.jsonl", text, strlen(text), path);
    return log_case_open(log, "log.jsonl", options, ret_dataset);
}
