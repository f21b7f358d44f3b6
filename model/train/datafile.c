#include "model/train/datafile.h"

#include "base/log.h"
#include "model/train/dataset_join.h"
#include "model/train/dataset_log.h"
#include "model/train/progress.h"

#include <stdio.h>

static void datafile_progress(void *context, uint64_t done, uint64_t total)
{
    struct progress *progress = context;
    progress->total = total;
    progress_update(progress, done, NULL);
}

static void datafile_counts(const char *role, const struct impressions_totals *totals)
{
    const struct row_counts *counts = &totals->counts;
    if (totals->lists == 0) // a cache was read
        return;
    LOG_EVENT(LOG_INFO, "impressions read", LOG_S("role", role), LOG_I("lists", totals->lists),
              LOG_I("docs", totals->docs), LOG_I("missing_values", counts->missing),
              LOG_I("unknown_ids", counts->unknown_ids), LOG_I("empty_lists", counts->empty_lists),
              LOG_I("cut_lists", counts->cut_lists), LOG_I("unknown_fields", counts->unknown));
    if (counts->unknown > 0)
        LOG_EVENT(LOG_WARN, "fields that are no feature were ignored", LOG_S("role", role),
                  LOG_S("fields", totals->unknown));
}

MUST_USE static enum status datafile_impressions(const char *path, const char *role,
                                                 const struct dataset_options *options,
                                                 struct dataset *ret_dataset, struct diag *reterr)
{
    struct shards shards;
    struct impressions_totals totals = {0};
    TRY(shards_init(&shards, path, reterr));
    enum status code = options->format == DATASET_CTR
                           ? dataset_join(&shards, options, ret_dataset, reterr)
                           : dataset_log_open(&shards, options, ret_dataset, &totals, reterr);
    if (code == STATUS_OK)
        datafile_counts(role, &totals);
    shards_fini(&shards);
    return code;
}

enum dataset_format datafile_format(const char *path, enum dataset_format format)
{
    return format == DATASET_AUTO ? dataset_format_of(path) : format;
}

enum status datafile_open(const char *path, const char *role, const struct dataset_options *options,
                          struct dataset *ret_dataset, struct diag *reterr)
{
    struct progress progress;
    struct dataset_options all = *options;
    char title[64];
    snprintf(title, sizeof(title), "reading %s data", role);
    all.format = datafile_format(path, options->format);
    all.progress = datafile_progress;
    all.progress_context = &progress;
    progress_start(&progress, title, 0, "bytes");
    enum status code = all.format == DATASET_LETOR
                           ? dataset_open(path, &all, ret_dataset, reterr)
                           : datafile_impressions(path, role, &all, ret_dataset, reterr);
    progress_end(&progress);
    if (code == STATUS_OK && ret_dataset->cache_note[0] != '\0')
        LOG_EVENT(LOG_INFO, "data cache made anew", LOG_S("reason", ret_dataset->cache_note));
    if (code == STATUS_OK && ret_dataset->skipped_lines > 0)
        LOG_EVENT(LOG_WARN, "bad lines skipped", LOG_S("file", path),
                  LOG_I("lines", ret_dataset->skipped_lines),
                  LOG_S("first", ret_dataset->first_skipped));
    return code;
}
