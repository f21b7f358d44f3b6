#include "model/train/progressive.h"

#include "base/log.h"
#include "model/kernels/sigmoid.h"
#include "model/train/export.h"

#include <stdlib.h>
#include <string.h>

enum status progressive_init(struct progressive *progressive, const struct trainer_task *task,
                             struct tower *tower, size_t max_rows, struct diag *reterr)
{
    const size_t window = (size_t)task->config->train_progressive_docs;
    const size_t capacity = window + max_rows;
    *progressive = (struct progressive){.task = task,
                                        .tower = tower,
                                        .schema = method_sees_privileged(task->method) &&
                                                          task->method->join == LOSS_JOIN_NONE
                                                      ? task->all
                                                      : task->regular,
                                        .window = window,
                                        .capacity = capacity};
    progressive->offset = calloc(capacity + 1, sizeof(*progressive->offset));
    progressive->logit = calloc(capacity, sizeof(*progressive->logit));
    progressive->grade = calloc(capacity, sizeof(*progressive->grade));
    progressive->group = calloc(capacity, sizeof(*progressive->group));
    if (progressive->offset == NULL || progressive->logit == NULL || progressive->grade == NULL ||
        progressive->group == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory for progressive validation");
    return STATUS_OK;
}

void progressive_fini(struct progressive *progressive)
{
    free(progressive->offset);
    free(progressive->logit);
    free(progressive->grade);
    free(progressive->group);
    *progressive = (struct progressive){0};
}

// The window so far becomes a line of the history and a part of the totals.
MUST_USE static enum status progressive_tell(struct progressive *progressive, struct diag *reterr)
{
    const size_t docs = (size_t)progressive->counts[1];
    const struct quality_input input = {.lists = (size_t)progressive->counts[0],
                                        .docs = docs,
                                        .offset = progressive->offset,
                                        .logit = progressive->logit,
                                        .grade = progressive->grade,
                                        .group = progressive->group};
    struct quality quality;
    if (docs == 0)
        return STATUS_OK;
    TRY(quality_measure(&input, &quality, reterr));
    for (size_t i = 0; i < docs; i++)
        progressive->totals[2] += sigmoid_of((double)progressive->logit[i]);
    progressive->totals[0] += (double)docs;
    progressive->totals[1] += (double)docs * quality.logloss;
    progressive->totals[3] += (double)quality.clicks;
    progressive->counts[0] = progressive->counts[1] = 0;
    struct json_value *line = json_value_new_map();
    json_value_set_text(line, "stage", progressive->task->stage);
    json_value_set_int(line, "docs_seen", (int64_t)progressive->totals[0]);
    json_value_set(line, "progressive", quality_to_json(&quality));
    return history_write(progressive->task->history, line, reterr);
}

static void progressive_add(struct progressive *progressive, const struct scoreset *set)
{
    const uint32_t *group = set->dataset->group;
    size_t at = (size_t)progressive->counts[1], list = (size_t)progressive->counts[0];
    for (size_t i = 0; i < set->lists; i++) {
        for (uint64_t d = set->offset[i]; d < set->offset[i + 1]; d++, at++) {
            progressive->logit[at] = set->logit[d];
            progressive->grade[at] = set->grade[d];
            progressive->group[at] = group == NULL ? set->list[i] : group[set->list[i]];
        }
        progressive->offset[++list] = at;
    }
    progressive->counts[0] = list;
    progressive->counts[1] = at;
}

enum status progressive_score(struct progressive *progressive, const struct minibatch_lists *lists,
                              struct diag *reterr)
{
    const struct trainer_task *task = progressive->task;
    struct scorer scorer;
    struct scoreset set;
    TRY(export_scorer(progressive->tower, task->method->role, progressive->schema, task->kernels,
                      &scorer, reterr));
    enum status code = scoreset_init(&set, task->train, lists->lists, lists->count, reterr);
    if (code == STATUS_OK) {
        code = scoreset_score(&set, &scorer, task->team, reterr);
        if (code == STATUS_OK)
            progressive_add(progressive, &set);
        scoreset_fini(&set);
    }
    export_fini(&scorer);
    if (code == STATUS_OK && progressive->counts[1] >= progressive->window)
        code = progressive_tell(progressive, reterr);
    return code;
}

enum status progressive_close(struct progressive *progressive, struct diag *reterr)
{
    TRY(progressive_tell(progressive, reterr));
    const double *totals = progressive->totals;
    if (totals[0] > 0)
        LOG_EVENT(LOG_INFO, "progressive validation", LOG_S("stage", progressive->task->stage),
                  LOG_I("docs", (int64_t)totals[0]), LOG_F("logloss", totals[1] / totals[0]),
                  LOG_F("pcoc", totals[2] / totals[3]));
    return STATUS_OK;
}
