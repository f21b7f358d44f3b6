#include "model/train/calibrator.h"

#include "base/log.h"
#include "model/train/fit_drift.h"
#include "model/train/lineage.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// Of a recalibration: what the file had is gone afterwards.
static void tell_old(const struct calibrator_wish *wish, const struct calibrate *old)
{
    LOG_EVENT(LOG_INFO, "the model's calibration is replaced: the fit begins at raw logits",
              LOG_S("map", calibrate_kind_name(old->kind)), LOG_F("shift", old->shift));
    if (old->shift < 0 && wish->keep_rate >= 1)
        LOG_EVENT(LOG_WARN, "the model's keep rate is dropped: --keep-rate keeps it",
                  LOG_F("keep_rate", exp(old->shift)));
}

enum status calibrator_check(const struct calibrator_wish *wish, const struct opened *data,
                             struct diag *reterr)
{
    const struct checkpoint *checkpoint = &data->scorer.checkpoint;
    if (checkpoint->role != CHECKPOINT_STUDENT)
        return diag_at_line(reterr, STATUS_CONFIG, wish->model, 0, 0,
                            "is a teacher: it teaches by raw logits and answers no request, so "
                            "there is nothing to calibrate");
    if (data->set.docs == 0)
        return diag_at_line(reterr, STATUS_INVALID, wish->data, 0, 0, "holds no document");
    switch (lineage_role_of(checkpoint->lineage, dataset_lists_hash(&data->data))) {
    case LINEAGE_TRAINING:
        return diag_at_line(reterr, STATUS_INVALID, wish->data, 0, 0,
                            "is the training data of this model, on which it is surer than "
                            "elsewhere: a map needs lists that the model has not seen");
    case LINEAGE_VALIDATION:
        LOG_EVENT(LOG_WARN, "these lists chose the model's epoch: fresh ones would tell more",
                  LOG_S("file", wish->data));
        break;
    case LINEAGE_UNKNOWN:
        LOG_EVENT(LOG_WARN,
                  "the model does not name its training lists: take care not to fit on them",
                  LOG_S("file", wish->data));
        break;
    case LINEAGE_UNSEEN:
        break;
    }
    if (!calibrate_is_plain(&checkpoint->calibrate))
        tell_old(wish, &checkpoint->calibrate);
    return STATUS_OK;
}

MUST_USE static enum status fill_bins(const struct scoreset *set, const struct calibrate *map,
                                      struct calibrate_page_row *row, struct diag *reterr)
{
    double *p = calloc(set->docs + 1, sizeof(*p));
    if (p == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "out of memory");
    for (size_t d = 0; d < set->docs; d++)
        p[d] = calibrate_probability(map, set->logit[d]);
    const struct quality_input input = {.lists = set->lists,
                                        .docs = set->docs,
                                        .offset = set->offset,
                                        .logit = set->logit,
                                        .p = p,
                                        .grade = set->grade};
    enum status code =
        quality_reliability(&input, NULL, CALIBRATE_CROSS_BINS, row->bins, &row->bin_count);
    free(p);
    return code == STATUS_OK ? code : diag_set(reterr, code, "out of memory");
}

// A row of the page; `cross` is NULL for what was not fitted here.
MUST_USE static enum status add_row(struct calibrator *calibrator, const char *name,
                                    const struct calibrate *map,
                                    const struct calibrate_cross_row *cross, struct diag *reterr)
{
    struct calibrate_page_row *row = &calibrator->page.rows[calibrator->page.count];
    *row = (struct calibrate_page_row){.map = name,
                                       .out_of_fold.logloss = (double)NAN,
                                       .gain = {.mean = (double)NAN, .half = (double)NAN}};
    if (cross != NULL) {
        row->why = cross->fit.why;
        row->out_of_fold = cross->out_of_fold;
        row->gain = cross->gain;
        row->bin_count = cross->bin_count;
        memcpy(row->bins, cross->bins, sizeof(row->bins));
    }
    TRY(scoreset_quality(&calibrator->data->set, map, &row->fit, reterr));
    if (calibrator->test != NULL) {
        TRY(scoreset_quality(&calibrator->test->set, map, &row->test, reterr));
        TRY(fill_bins(&calibrator->test->set, map, row, reterr));
    }
    calibrator->page.count++;
    return STATUS_OK;
}

// A row for each map, and one for the model's own where that is not the identity's.
MUST_USE static enum status add_rows(struct calibrator *calibrator, struct diag *reterr)
{
    const struct calibrate *old = &calibrator->data->scorer.checkpoint.calibrate;
    const struct calibrate_cross_row *rows = calibrator->cross.rows;
    for (int k = 0; k < CALIBRATE_KINDS; k++)
        TRY(add_row(calibrator, calibrate_kind_name((enum calibrate_kind)k), &rows[k].fit.map,
                    &rows[k], reterr));
    calibrator->page.rows[calibrator->chosen].chosen = true;
    calibrator->before = CALIBRATE_IDENTITY;
    if (old->kind == CALIBRATE_IDENTITY && old->shift == rows[CALIBRATE_IDENTITY].fit.map.shift)
        return STATUS_OK;
    calibrator->before = calibrator->page.count;
    return add_row(calibrator, "as it was", old, NULL, reterr);
}

MUST_USE static enum status choose(struct calibrator *calibrator, struct diag *reterr)
{
    const struct calibrator_wish *wish = calibrator->wish;
    if (wish->automatic && !calibrator->cross.validated)
        return diag_at_line(reterr, STATUS_INVALID, wish->data, 0, 0,
                            "its %zu lists are all in one fold of %u: nothing can be "
                            "cross-validated; name a map, or take more lists",
                            calibrator->data->set.lists, wish->folds);
    calibrator->chosen = wish->automatic ? calibrator->cross.best : wish->kind;
    calibrator->page.chosen = calibrate_kind_name(calibrator->chosen);
    return STATUS_OK;
}

MUST_USE static enum status run_all(struct calibrator *calibrator, struct diag *reterr)
{
    const struct calibrator_wish *wish = calibrator->wish;
    struct opened *data = calibrator->data, *test = calibrator->test;
    // Measuring first finds a logit that is not finite, and says where.
    struct quality quality;
    TRY(scoreset_score(&data->set, &data->scorer, data->team, reterr));
    TRY(scoreset_quality(&data->set, &data->scorer.checkpoint.calibrate, &quality, reterr));
    if (test != NULL)
        TRY(scoreset_score(&test->set, &test->scorer, test->team, reterr));
    const struct calibrate_cross_options options = {log(wish->keep_rate), wish->folds, wish->rules};
    TRY(calibrate_cross(&data->set, &options, &calibrator->cross, reterr));
    calibrator->page.validated = calibrator->cross.validated;
    TRY(choose(calibrator, reterr));
    return add_rows(calibrator, reterr);
}

enum status calibrator_run(const struct calibrator_wish *wish, struct opened *data,
                           struct opened *test, struct calibrator *ret_calibrator,
                           struct diag *reterr)
{
    *ret_calibrator =
        (struct calibrator){.wish = wish,
                            .data = data,
                            .test = test,
                            .page = {.model = wish->model, .data = wish->data, .test = wish->test}};
    enum status code = run_all(ret_calibrator, reterr);
    if (code != STATUS_OK)
        calibrator_fini(ret_calibrator);
    return code;
}

void calibrator_fini(struct calibrator *calibrator)
{
    calibrate_cross_fini(&calibrator->cross);
}

static struct json_value *data_json(const struct opened *opened, size_t clicks)
{
    char text[LINEAGE_HASH_TEXT];
    struct json_value *data = json_value_new_map();
    json_value_set_text(data, "hash", lineage_hash(opened->data.content_hash, text));
    json_value_set_int(data, "lists", (int64_t)opened->set.lists);
    json_value_set_int(data, "docs", (int64_t)opened->set.docs);
    json_value_set_int(data, "clicks", (int64_t)clicks);
    return data;
}

// What the lineage tells of the calibration: asked and chosen, on which data, before and after.
static struct json_value *story(const struct calibrator *calibrator)
{
    const struct calibrator_wish *wish = calibrator->wish;
    const struct calibrate_page_row *rows = calibrator->page.rows;
    const struct calibrate_page_row *before = &rows[calibrator->before];
    const struct calibrate_page_row *after = &rows[calibrator->chosen];
    struct json_value *root = json_value_new_map(), *cv = json_value_new_map();
    json_value_set_text(root, "asked", wish->automatic ? "auto" : calibrator->page.chosen);
    json_value_set_text(root, "map", calibrator->page.chosen);
    if (after->why != NULL)
        json_value_set_text(root, "identity_because", after->why);
    json_value_set_number(root, "keep_rate", wish->keep_rate);
    json_value_set(root, "data", data_json(calibrator->data, after->fit.clicks));
    json_value_set_int(root, "folds", wish->folds);
    for (int k = 0; k < CALIBRATE_KINDS; k++)
        json_value_set_number(cv, rows[k].map, rows[k].out_of_fold.logloss);
    json_value_set(root, "cv_logloss", cv);
    json_value_set(root, "before", quality_to_json(&before->fit));
    json_value_set(root, "after", quality_to_json(&after->fit));
    if (calibrator->test != NULL) {
        json_value_set(root, "test_data", data_json(calibrator->test, after->test.clicks));
        json_value_set(root, "test_before", quality_to_json(&before->test));
        json_value_set(root, "test_after", quality_to_json(&after->test));
    }
    json_value_set_text(root, "model_sha256", calibrator->data->scorer.checkpoint.sha256);
    return root;
}

enum status calibrator_write(const struct calibrator *calibrator, const char *path,
                             struct diag *reterr)
{
    struct checkpoint checkpoint = calibrator->data->scorer.checkpoint;
    checkpoint.calibrate = calibrator->cross.rows[calibrator->chosen].fit.map;
    const struct scoreset *set = &calibrator->data->set;
    // The old histogram is of other probabilities.
    TRY(fit_drift_histogram(set->logit, set->docs, &checkpoint.calibrate, &checkpoint.pctr,
                            reterr));
    TRY(lineage_extend(checkpoint.lineage, "calibration", story(calibrator), &checkpoint.lineage,
                       reterr));
    enum status code = checkpoint_write(path, &checkpoint, reterr);
    free(checkpoint.lineage);
    return code;
}
