#include "tests/support/experiment_made.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/num.h"
#include "tests/support/check.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char made_data[] =
    "{\"hash\": \"00ff\", \"test_hash\": \"11\", \"columns\": 3, \"privileged\": 7,"
    " \"train\": {\"lists\": 6, \"docs\": 40, \"clicks\": 8},"
    " \"valid\": {\"lists\": 2, \"docs\": 10, \"clicks\": 2},"
    " \"test\": {\"lists\": 3, \"docs\": 20, \"clicks\": 5}}";

void experiment_made_init(struct experiment_made *made, const char *experiment)
{
    char text[1000], path[128];
    struct diag diag = {0};
    *made = (struct experiment_made){0};
    scratch_make(&made->scratch);
    int length = snprintf(text, sizeof(text),
                          "experiment: %s\n"
                          "data: {train: train.txt, test: %s/test.txt}\n"
                          "network: {hidden: [4, 2]}\n",
                          experiment, made->scratch.folder);
    assert_true(length > 0 && (size_t)length < sizeof(text));
    scratch_file(&made->scratch, "experiment-file.yaml", text, (size_t)length, path);
    if (experiment_open(path, made->scratch.folder, NULL, 0, &made->experiment, &diag) != STATUS_OK)
        fail_msg("%s: %s", diag.path, diag.words);
    assert_int_equal(experiment_plan_make(&made->experiment, &made->plan, NULL), STATUS_OK);
}

void experiment_made_free(struct experiment_made *made)
{
    experiment_plan_free(&made->plan);
    experiment_close(&made->experiment);
    scratch_remove(&made->scratch);
}

static const struct experiment_entry *made_entry(const struct experiment_made *made, const char *id)
{
    for (size_t i = 0; i < made->plan.count; i++)
        if (strcmp(made->plan.entries[i].id, id) == 0)
            return &made->plan.entries[i];
    fail_msg("the plan has no %s", id);
    return NULL;
}

static void made_number(struct buf *out, const char *key, double number)
{
    char text[NUM_DOUBLE_TEXT];
    buf_printf(out, "\"%s\": %s", key, isnan(number) ? "null" : num_double_text(number, text));
}

static void made_part(struct buf *out, const char *key, double ndcg10, double logloss,
                      const char *more)
{
    buf_printf(out, ", \"%s\": {", key);
    made_number(out, "ndcg10", ndcg10);
    buf_text(out, ", ");
    made_number(out, "logloss", logloss);
    buf_printf(out, "%s}", more == NULL ? "" : more);
}

void experiment_made_run(struct experiment_made *made, const struct experiment_made_run *run)
{
    const struct experiment_entry *entry = made_entry(made, run->id);
    char folder[200], path[128];
    struct buf out;
    snprintf(folder, sizeof(folder), "%s/runs/%s", made->scratch.folder, run->id);
    assert_int_equal(file_make_folder(folder, NULL), STATUS_OK);
    buf_init(&out, 1 << 16);
    buf_printf(&out,
               "{\"format\": \"ctr-run-1\", \"id\": \"%s\", \"method\": \"%s\", \"seed\": %lld, ",
               run->id, entry->method->name, (long long)entry->seed);
    made_number(&out, "ratio", run->ratio);
    buf_printf(&out, ", \"tau\": null, \"lr\": 0.001, \"status\": \"%s\", \"words\": \"%s\"",
               run->diverged ? "diverged" : "ok", run->diverged ? "epoch 1: not finite" : "");
    if (!run->diverged) {
        made_part(&out, "valid", run->valid_ndcg10, run->valid_logloss, NULL);
        made_part(&out, "test", run->test_ndcg10, run->test_logloss, run->more);
        buf_printf(&out,
                   ", \"data\": %s, \"ndcg_lists\": %s, \"reliability\": %s, \"epochs\": 2, "
                   "\"kept_epoch\": 1, \"curve\": [{\"epoch\": 1, \"train_loss\": 0.5, "
                   "\"train_point_ce\": 0.25, \"ndcg10\": %.17g, \"logloss\": null, "
                   "\"kept\": true}]",
                   run->data == NULL ? made_data : run->data,
                   run->lists == NULL ? "[]" : run->lists,
                   run->reliability == NULL ? "[]" : run->reliability, run->valid_ndcg10);
    }
    buf_text(&out, "}");
    snprintf(folder, sizeof(folder), "runs/%s/run.json", run->id);
    scratch_file(&made->scratch, folder, out.data, out.size, path);
    buf_fini(&out);
    experiment_plan_look(&made->experiment, &made->plan);
}

void experiment_made_forget(struct experiment_made *made, const char *id)
{
    char name[192], path[128];
    snprintf(name, sizeof(name), "runs/%s/run.json", made_entry(made, id)->id);
    assert_int_equal(file_remove(scratch_path(&made->scratch, name, path), NULL), STATUS_OK);
    experiment_plan_look(&made->experiment, &made->plan);
}
