#include "model/train/dataset_log.h"

#include "base/file.h"
#include "model/train/csvmap.h"
#include "model/train/dataset_gather.h"
#include "model/train/encoding.h"
#include "model/train/fit_vocab.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct impressions_options dataset_log_options(const struct dataset_options *options,
                                                      const struct schema *schema)
{
    return (struct impressions_options){.schema = schema,
                                        .csv = options->csv,
                                        .unlabelled = options->unlabelled,
                                        .skip_bad = options->skip_bad,
                                        .threads = options->threads,
                                        .progress = options->progress,
                                        .progress_context = options->progress_context};
}

// Parses with `schema`, which has its vocabularies, into the empty descriptor `fd`.
MUST_USE static enum status
dataset_log_gather(const struct shards *shards, const struct dataset_options *options,
                   const struct schema *schema, int fd, const char *target, const char *folder,
                   struct dataset *ret_dataset, struct impressions_totals *ret_totals,
                   struct diag *reterr)
{
    const struct impressions_options how = dataset_log_options(options, schema);
    struct dataset_gather gather;
    TRY(dataset_gather_init(&gather, fd, target, folder, schema, reterr));
    enum status code =
        impressions_read(shards, &how, dataset_gather_pack, &gather, ret_totals, reterr);
    if (code == STATUS_OK)
        code = shards_unchanged(shards, reterr);
    if (code == STATUS_OK && gather.lists == 0)
        code = diag_at_line(reterr, STATUS_INVALID, shards->paths[0], 0, 0, "holds no impression");
    if (code == STATUS_OK) {
        struct dataset_image_header header = {
            .source_bytes = shards->source.size_bytes,
            .source_mtime_ns = shards->source.mtime_ns,
            .source_ends_hash = shards->source.ends_hash,
            .unlabelled = options->unlabelled,
            .vocabs_given = encoding_is_fitted(options->schema),
            .csv_hash = csvmap_hash(options->csv),
            .skipped_lines = ret_totals->skipped_lines,
        };
        if (ret_totals->skipped_lines > 0)
            diag_format(&ret_totals->first_skipped, header.first_skipped,
                        sizeof(header.first_skipped));
        code = dataset_gather_finish(&gather, &header, ret_dataset, reterr);
    }
    dataset_gather_fini(&gather);
    return code;
}

// Learns what vocabularies are missing, then gathers.
MUST_USE static enum status
dataset_log_parse(const struct shards *shards, const struct dataset_options *options, int fd,
                  const char *target, const char *folder, struct dataset *ret_dataset,
                  struct impressions_totals *ret_totals, struct diag *reterr)
{
    struct fit_vocab fit = {0};
    struct schema schema;
    TRY(encoding_of(options->schema, &schema, reterr));
    enum status code = STATUS_OK;
    if (!encoding_is_fitted(&schema)) {
        const struct impressions_options how = dataset_log_options(options, &schema);
        code = fit_vocab_learn(&fit, shards, &how, &schema, reterr);
    }
    if (code == STATUS_OK)
        code = dataset_log_gather(shards, options, &schema, fd, target, folder, ret_dataset,
                                  ret_totals, reterr);
    schema_fini(&schema);
    fit_vocab_fini(&fit);
    return code;
}

enum status dataset_log_write(const struct shards *shards, const struct dataset_options *options,
                              const char *path, struct dataset *ret_dataset,
                              struct impressions_totals *ret_totals, struct diag *reterr)
{
    char *temporary = NULL, *folder = file_folder_of(path);
    struct dataset dataset;
    int fd = -1;
    enum status code = folder == NULL
                           ? diag_at_line(reterr, STATUS_NO_MEMORY, path, 0, 0, "out of memory")
                           : file_open_beside(path, &fd, &temporary, reterr);
    if (code == STATUS_OK) {
        code = dataset_log_parse(shards, options, fd, path, folder, &dataset, ret_totals, reterr);
        fchmod(fd, 0644);
        close(fd);
        if (code == STATUS_OK && rename(temporary, path) != 0) {
            code = diag_errno(reterr, path, "cannot put in place");
            dataset_close(&dataset);
        }
        if (code != STATUS_OK)
            unlink(temporary);
        else
            *ret_dataset = dataset;
    }
    free(temporary);
    free(folder);
    return code;
}

MUST_USE static enum status dataset_log_nameless(const struct shards *shards,
                                                 const struct dataset_options *options,
                                                 struct dataset *ret_dataset,
                                                 struct impressions_totals *ret_totals,
                                                 struct diag *reterr)
{
    int fd;
    TRY(spool_file(NULL, &fd, reterr));
    enum status code = dataset_log_parse(shards, options, fd, shards->paths[0], NULL, ret_dataset,
                                         ret_totals, reterr);
    close(fd);
    return code;
}

enum status dataset_log_open(const struct shards *shards, const struct dataset_options *options,
                             struct dataset *ret_dataset, struct impressions_totals *ret_totals,
                             struct diag *reterr)
{
    *ret_totals = (struct impressions_totals){0};
    if (options->cache_path == NULL || !shards->source.regular)
        return dataset_log_nameless(shards, options, ret_dataset, ret_totals, reterr);
    struct diag reason = {0};
    struct schema wanted;
    TRY(encoding_of(options->schema, &wanted, reterr));
    struct dataset_options exact = *options;
    exact.schema = &wanted;
    enum status code =
        dataset_image_load(options->cache_path, &shards->source, &exact, ret_dataset, &reason);
    schema_fini(&wanted);
    if (code == STATUS_OK)
        return STATUS_OK;
    const bool absent = access(options->cache_path, F_OK) != 0;
    TRY(dataset_log_write(shards, options, options->cache_path, ret_dataset, ret_totals, reterr));
    if (!absent)
        diag_format(&reason, ret_dataset->cache_note, sizeof(ret_dataset->cache_note));
    return STATUS_OK;
}
