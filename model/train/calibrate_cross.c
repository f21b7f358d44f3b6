#include "model/train/calibrate_cross.h"

#include "base/hash64.h"
#include "model/train/progress.h"
#include "model/train/sorted_sum.h"

#include <assert.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

// Another seed than that of the split into training and validation: else the folds of validation
// lists would depend on how these were chosen.
static const uint64_t fold_seed = 0x63616c6962726174; // "calibrat"

struct work {
    const struct scoreset *set;
    const struct calibrate_cross_options *options;
    struct calibrate_point *points; // (docs)
    unsigned *fold;                 // (lists)
    double *p[CALIBRATE_KINDS];     // (docs) each, out of fold
    struct quality_calib_doc *docs; // (docs)
    double *scratch;                // (docs) and (lists)
    struct progress progress;
};

unsigned calibrate_cross_fold(struct span qid, unsigned folds)
{
    return (unsigned)(hash64(qid.data, qid.size, fold_seed) % folds);
}

// Sorted points of the lists of every fold but `without`; returns their number.
static size_t gather(const struct work *work, unsigned without)
{
    const struct scoreset *set = work->set;
    size_t n = 0;
    for (size_t i = 0; i < set->lists; i++) {
        if (work->fold[i] == without)
            continue;
        for (uint64_t d = set->offset[i]; d < set->offset[i + 1]; d++)
            work->points[n++] = (struct calibrate_point){
                (double)set->logit[d] + work->options->shift, 1, set->grade[d] > 0};
    }
    calibrate_fit_sort(work->points, n);
    return n;
}

static bool one_class(const struct calibrate_point *points, size_t n)
{
    size_t clicks = 0;
    for (size_t i = 0; i < n; i++)
        clicks += points[i].click;
    return clicks == 0 || clicks == n;
}

// `ret_fit` is what serves: with the shift. Isotonic regression has an answer for one class too, a
// certainty (spec/algorithm.md 9), which is not to be served.
MUST_USE static enum status fit_one(struct work *work, enum calibrate_kind kind, size_t n,
                                    struct calibrate_fit *ret_fit, struct diag *reterr)
{
    if (kind == CALIBRATE_ISOTONIC && one_class(work->points, n))
        *ret_fit = (struct calibrate_fit){.why = "one class only"};
    else
        TRY(calibrate_fit(kind, work->points, n, &work->options->rules, ret_fit, reterr));
    ret_fit->map.shift = work->options->shift;
    progress_update(&work->progress, work->progress.done + 1, calibrate_kind_name(kind));
    return STATUS_OK;
}

// Every map of the other folds, on the documents of this one.
MUST_USE static enum status run_fold(struct work *work, unsigned fold, struct diag *reterr)
{
    const struct scoreset *set = work->set;
    const size_t n = gather(work, fold);
    for (int k = 0; k < CALIBRATE_KINDS; k++) {
        struct calibrate_fit fit;
        TRY(fit_one(work, (enum calibrate_kind)k, n, &fit, reterr));
        for (size_t i = 0; i < set->lists; i++)
            for (uint64_t d = set->offset[i]; work->fold[i] == fold && d < set->offset[i + 1]; d++)
                work->p[k][d] = calibrate_probability(&fit.map, set->logit[d]);
        calibrate_fit_fini(&fit);
    }
    return STATUS_OK;
}

MUST_USE static enum status measure_row(struct work *work, enum calibrate_kind kind,
                                        struct calibrate_cross_row *row, struct diag *reterr)
{
    const struct scoreset *set = work->set;
    const double *p = work->p[kind];
    for (size_t d = 0; d < set->docs; d++)
        work->docs[d] =
            (struct quality_calib_doc){p[d], log(p[d]) - log1p(-p[d]), set->grade[d] > 0};
    const struct quality_input input = {.lists = set->lists,
                                        .docs = set->docs,
                                        .offset = set->offset,
                                        .logit = set->logit,
                                        .p = p,
                                        .grade = set->grade};
    if (!quality_calib_pooled(work->docs, set->docs, &row->out_of_fold) ||
        quality_reliability(&input, NULL, CALIBRATE_CROSS_BINS, row->bins, &row->bin_count) !=
            STATUS_OK)
        return diag_set(reterr, STATUS_NO_MEMORY, "out of memory");
    return STATUS_OK;
}

static double loss_of(double p, bool click)
{
    return click ? -log(p) : -log1p(-p);
}

// The mean over documents of a sample of lists is a ratio of two sums over lists; its spread is
// that of what each list adds beyond its share.
static struct stat_mean gain_of(struct work *work, enum calibrate_kind kind)
{
    const struct scoreset *set = work->set;
    double *terms = work->scratch, *lists = work->scratch + set->docs;
    for (size_t i = 0; i < set->lists; i++) {
        size_t n = 0;
        for (uint64_t d = set->offset[i]; d < set->offset[i + 1]; d++) {
            const bool click = set->grade[d] > 0;
            terms[n++] =
                loss_of(work->p[CALIBRATE_IDENTITY][d], click) - loss_of(work->p[kind][d], click);
        }
        lists[i] = sorted_sum(terms, n);
    }
    memcpy(terms, lists, set->lists * sizeof(*terms));
    const double mean = sorted_sum(terms, set->lists) / (double)set->docs;
    const double share = (double)set->lists / (double)set->docs;
    for (size_t i = 0; i < set->lists; i++) {
        const double docs = (double)(set->offset[i + 1] - set->offset[i]);
        lists[i] = mean + (lists[i] - mean * docs) * share;
    }
    sorted_sum(lists, set->lists); // sorts: the same bits for any order
    return stat_mean_of(lists, set->lists);
}

// Which folds have documents; returns how many.
static unsigned used_folds(const struct work *work, bool *used)
{
    const struct scoreset *set = work->set;
    unsigned count = 0;
    for (size_t i = 0; i < set->lists; i++)
        if (set->offset[i] < set->offset[i + 1] && !used[work->fold[i]]) {
            used[work->fold[i]] = true;
            count++;
        }
    return count;
}

MUST_USE static enum status validate(struct work *work, const bool *used,
                                     struct calibrate_cross *cross, struct diag *reterr)
{
    for (unsigned fold = 0; fold < work->options->folds; fold++)
        if (used[fold])
            TRY(run_fold(work, fold, reterr));
    for (int k = 0; k < CALIBRATE_KINDS; k++) {
        TRY(measure_row(work, (enum calibrate_kind)k, &cross->rows[k], reterr));
        cross->rows[k].gain = gain_of(work, (enum calibrate_kind)k);
        if (cross->rows[k].out_of_fold.logloss < cross->rows[cross->best].out_of_fold.logloss)
            cross->best = (enum calibrate_kind)k;
    }
    return STATUS_OK;
}

MUST_USE static enum status run_all(struct work *work, bool *used, struct calibrate_cross *cross,
                                    struct diag *reterr)
{
    const struct scoreset *set = work->set;
    for (size_t i = 0; i < set->lists; i++)
        work->fold[i] =
            calibrate_cross_fold(dataset_qid(set->dataset, set->list[i]), work->options->folds);
    const unsigned folds = used_folds(work, used);
    cross->validated = folds > 1;
    progress_start(&work->progress, "fitting", (folds + 1ULL) * CALIBRATE_KINDS, "maps");
    enum status code = cross->validated ? validate(work, used, cross, reterr) : STATUS_OK;
    const size_t n = gather(work, work->options->folds);
    for (int k = 0; code == STATUS_OK && k < CALIBRATE_KINDS; k++)
        code = fit_one(work, (enum calibrate_kind)k, n, &cross->rows[k].fit, reterr);
    progress_end(&work->progress);
    return code;
}

static struct quality_calib undefined(void)
{
    const double nan = (double)NAN;
    return (struct quality_calib){.logloss = nan,
                                  .ece_10 = nan,
                                  .ece_100 = nan,
                                  .pcoc = nan,
                                  .brier = nan,
                                  .normalised_entropy = nan,
                                  .slope = nan,
                                  .intercept = nan};
}

enum status calibrate_cross(const struct scoreset *set,
                            const struct calibrate_cross_options *options,
                            struct calibrate_cross *ret_cross, struct diag *reterr)
{
    assert(set->docs > 0 && options->folds > 0);
    struct work work = {.set = set,
                        .options = options,
                        .points = calloc(set->docs, sizeof(*work.points)),
                        .fold = calloc(set->lists, sizeof(*work.fold)),
                        .docs = calloc(set->docs, sizeof(*work.docs)),
                        .scratch = calloc(set->docs + set->lists, sizeof(*work.scratch))};
    struct calibrate_cross cross = {.best = CALIBRATE_IDENTITY};
    bool *used = calloc(options->folds, sizeof(*used));
    bool memory = work.points != NULL && work.fold != NULL && work.docs != NULL &&
                  work.scratch != NULL && used != NULL;
    for (int k = 0; k < CALIBRATE_KINDS; k++) {
        cross.rows[k].out_of_fold = undefined();
        cross.rows[k].gain = (struct stat_mean){0, (double)NAN, (double)NAN};
        work.p[k] = calloc(set->docs, sizeof(double));
        memory = memory && work.p[k] != NULL;
    }
    enum status code =
        memory ? run_all(&work, used, &cross, reterr)
               : diag_set(reterr, STATUS_NO_MEMORY, "no memory to fit %zu documents", set->docs);
    for (int k = 0; k < CALIBRATE_KINDS; k++)
        free(work.p[k]);
    free(work.points);
    free(work.fold);
    free(work.docs);
    free(work.scratch);
    free(used);
    if (code == STATUS_OK)
        *ret_cross = cross;
    else
        calibrate_cross_fini(&cross);
    return code;
}

void calibrate_cross_fini(struct calibrate_cross *cross)
{
    for (int k = 0; k < CALIBRATE_KINDS; k++)
        calibrate_fit_fini(&cross->rows[k].fit);
}
