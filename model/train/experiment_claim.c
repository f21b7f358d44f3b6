#include "model/train/experiment_claim.h"

#include "base/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CLAIM_MAX_BYTES = 4 << 20 };

void experiment_claim_text(const struct experiment *experiment, struct buf *out)
{
    struct experiment_config plain = experiment->config;
    char **const paths[] = {&plain.train.data_train, &plain.train.data_valid,
                            &plain.train.data_test, &plain.train.data_join,
                            &plain.train.data_cache};
    for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
        char *slash = strrchr(*paths[i], '/');
        if (slash != NULL)
            *paths[i] = slash + 1; // a borrowed copy of the pointer: nothing is freed
    }
    plain.train.train_threads = 0;
    plain.train.train_checkpoint_minutes = 0;
    cfg_dump(&experiment_table, &plain, out);
}

// *ret_there: OUT/NAME is there and says `text`. STATUS_CONFIG with `words` if it says otherwise.
MUST_USE static enum status claim_compare(const char *path, struct span text, const char *words,
                                          bool *ret_there, struct diag *reterr)
{
    struct file_bytes old;
    *ret_there = file_exists(path);
    if (!*ret_there)
        return STATUS_OK;
    TRY(file_read(path, CLAIM_MAX_BYTES, 0, &old, reterr));
    bool same = old.size == text.size && memcmp(old.data, text.data, text.size) == 0;
    file_free(&old);
    return same ? STATUS_OK : diag_at_line(reterr, STATUS_CONFIG, path, 0, 0, "%s", words);
}

MUST_USE static enum status claim_file(const struct experiment *experiment, const char *name,
                                       struct span text, const char *words, bool write,
                                       bool *ret_there, struct diag *reterr)
{
    char *path = experiment_path(experiment, name);
    if (path == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "out of memory");
    enum status code = claim_compare(path, text, words, ret_there, reterr);
    if (code == STATUS_OK && !*ret_there && write)
        code = file_write_atomic(path, text.data, text.size, reterr);
    free(path);
    return code;
}

MUST_USE static enum status claim_configuration(const struct experiment *experiment, bool write,
                                                bool *ret_there, struct diag *reterr)
{
    struct buf text;
    buf_init(&text, CLAIM_MAX_BYTES);
    experiment_claim_text(experiment, &text);
    enum status code = buf_status(&text);
    if (code != STATUS_OK)
        diag_set(reterr, code, "cannot write the configuration: %s", status_text(code));
    else
        code = claim_file(experiment, "experiment.yaml", buf_view(&text),
                          "belongs to another configuration: name another folder with --out, or "
                          "remove this one",
                          write, ret_there, reterr);
    buf_fini(&text);
    return code;
}

enum status experiment_claim_look(const struct experiment *experiment, bool *ret_claimed,
                                  struct diag *reterr)
{
    return claim_configuration(experiment, false, ret_claimed, reterr);
}

enum status experiment_claim_folder(const struct experiment *experiment, struct diag *reterr)
{
    bool there;
    return claim_configuration(experiment, true, &there, reterr);
}

enum status experiment_claim_data(const struct experiment *experiment, const struct traindata *data,
                                  struct diag *reterr)
{
    char text[64];
    bool there;
    int length = snprintf(text, sizeof(text), "%016llx %016llx\n", (unsigned long long)data->hash,
                          (unsigned long long)data->test.content_hash);
    return claim_file(experiment, "data.hash", (struct span){text, (size_t)length},
                      "the data files have changed since the experiment began: put the old ones "
                      "back, or name another folder with --out",
                      true, &there, reterr);
}
