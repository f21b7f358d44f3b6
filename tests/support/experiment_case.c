#include "tests/support/experiment_case.h"

#include "base/file.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

void experiment_case_open(struct experiment_case *c, const char *lines)
{
    char yaml[4096], path[128], folder[128];
    struct diag diag = {0};
    int length = snprintf(yaml, sizeof(yaml),
                          "data: {train: train.txt, valid: valid.txt, test: test.txt, "
                          "page_context: loo_mean_std}\nexperiment:\n%s",
                          lines);
    assert_true(length > 0 && (size_t)length < sizeof(yaml));
    memset(c, 0, sizeof(*c));
    scratch_make(&c->scratch);
    scratch_file(&c->scratch, "e.yaml", yaml, (size_t)length, path);
    enum status code = experiment_open(path, scratch_path(&c->scratch, "out", folder), NULL, 0,
                                       &c->experiment, &diag);
    if (code == STATUS_OK)
        code = experiment_plan_make(&c->experiment, &c->plan, &diag);
    if (code != STATUS_OK)
        fail_msg("%s", diag.words);
}

void experiment_case_close(struct experiment_case *c)
{
    experiment_plan_free(&c->plan);
    experiment_close(&c->experiment);
    scratch_remove(&c->scratch);
}

size_t experiment_case_find(const struct experiment_case *c, const char *id)
{
    for (size_t i = 0; i < c->plan.count; i++)
        if (strcmp(c->plan.entries[i].id, id) == 0)
            return i;
    fail_msg("no run is called %s", id);
    return 0;
}

static void case_write(struct experiment_case *c, const char *id, const char *measures)
{
    const struct experiment_entry *entry = &c->plan.entries[experiment_case_find(c, id)];
    char text[512];
    char *folder = experiment_plan_path(&c->experiment, entry, NULL);
    char *path = experiment_plan_path(&c->experiment, entry, "run.json");
    assert_true(folder != NULL && path != NULL);
    int length =
        measures == NULL
            ? snprintf(text, sizeof(text), "{\"format\": \"ctr-run-1\", \"status\": \"diverged\"}")
            : snprintf(text, sizeof(text),
                       "{\"format\": \"ctr-run-1\", \"status\": \"ok\", \"valid\": {%s}}",
                       measures);
    assert_int_equal(file_make_folder(folder, NULL), STATUS_OK);
    assert_int_equal(file_write_atomic(path, text, (size_t)length, NULL), STATUS_OK);
    free(folder);
    free(path);
    experiment_plan_look(&c->experiment, &c->plan);
}

void experiment_case_finish(struct experiment_case *c, const char *id, double ndcg10,
                            double logloss)
{
    char measures[128];
    snprintf(measures, sizeof(measures), "\"ndcg10\": %.17g, \"logloss\": %.17g", ndcg10, logloss);
    case_write(c, id, isnan(logloss) ? NULL : measures);
}

void experiment_case_finish_by(struct experiment_case *c, const char *id, const char *key,
                               double rank, double logloss)
{
    char measures[128];
    snprintf(measures, sizeof(measures), "\"ndcg10\": 1, \"%s\": %.17g, \"logloss\": %.17g", key,
             rank, logloss);
    case_write(c, id, measures);
}
