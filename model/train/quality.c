#include "model/train/quality.h"

#include "model/kernels/sigmoid.h"
#include "model/train/quality_calib.h"
#include "model/train/quality_rank.h"
#include "model/train/sorted_sum.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

enum { QUALITY_PLACES = 10, QUALITY_BUCKETS = 10 };

struct work {
    struct quality_rank_doc *rank;   // (docs)
    struct quality_calib_doc *calib; // (docs)
    double *scratch;                 // (docs)
};

MUST_USE static enum status check(const struct quality_input *input, struct diag *reterr)
{
    for (size_t q = 0; q < input->lists; q++) {
        for (uint64_t i = input->offset[q]; i < input->offset[q + 1]; i++) {
            const uint64_t number = i - input->offset[q] + 1;
            if (!isfinite(input->logit[i]))
                return diag_set(reterr, STATUS_NOT_FINITE,
                                "list %zu, document %zu: the score is not finite", q + 1,
                                (size_t)number);
            if (input->p != NULL && !(input->p[i] > 0 && input->p[i] < 1))
                return diag_set(reterr, STATUS_INVALID,
                                "list %zu, document %zu: the probability %g is not inside (0, 1)",
                                q + 1, (size_t)number, input->p[i]);
            if (!(input->grade[i] >= 0 && input->grade[i] <= QUALITY_RANK_MAX_GRADE))
                return diag_set(reterr, STATUS_INVALID,
                                "list %zu, document %zu: the grade %g is not in 0..%d", q + 1,
                                (size_t)number, (double)input->grade[i], QUALITY_RANK_MAX_GRADE);
        }
    }
    return STATUS_OK;
}

static void fill(const struct quality_input *input, struct work *work)
{
    assert(input->lists <= UINT32_MAX);
    for (size_t q = 0; q < input->lists; q++) {
        for (uint64_t i = input->offset[q]; i < input->offset[q + 1]; i++) {
            const double logit = (double)input->logit[i];
            work->rank[i] =
                (struct quality_rank_doc){input->logit[i], input->grade[i],
                                          input->group != NULL ? input->group[i] : (uint32_t)q};
            struct quality_calib_doc *doc = &work->calib[i];
            doc->click = input->grade[i] > 0;
            doc->p = input->p != NULL ? input->p[i] : sigmoid_of(logit);
            doc->logit = input->p != NULL ? log(doc->p) - log1p(-doc->p) : logit;
        }
    }
}

// Per list, then the mean. Sorting inside a list leaves the documents of the list where they are.
static void measure_lists(const struct quality_input *input, struct work *work,
                          struct quality *quality)
{
    size_t used = 0;
    for (size_t q = 0; q < input->lists; q++) {
        const uint64_t begin = input->offset[q];
        const size_t n = (size_t)(input->offset[q + 1] - begin);
        if (n == 0)
            continue;
        quality->lists++;
        const double ndcg = quality_rank_ndcg(work->rank + begin, n, QUALITY_PLACES);
        if (isnan(ndcg))
            quality->ndcg_left_out++;
        else
            work->scratch[used++] = ndcg;
    }
    if (used > 0)
        quality->ndcg10 = sorted_sum(work->scratch, used) / (double)used;

    used = 0;
    for (size_t q = 0; q < input->lists; q++) {
        const uint64_t begin = input->offset[q];
        const size_t n = (size_t)(input->offset[q + 1] - begin);
        if (n > 0)
            work->scratch[used++] = quality_calib_ece(work->calib + begin, n, QUALITY_BUCKETS);
    }
    quality->ece_list = sorted_sum(work->scratch, used) / (double)used;
}

static bool measure_all(const struct quality_input *input, struct work *work,
                        struct quality *quality)
{
    const struct quality_rank_gauc gauc = quality_rank_gauc(work->rank, input->docs, work->scratch);
    quality->gauc = gauc.gauc;
    quality->gauc_left_out = gauc.left_out;
    quality->auc = quality_rank_auc(work->rank, input->docs);

    struct quality_calib calib;
    if (!quality_calib_pooled(work->calib, input->docs, &calib))
        return false;
    quality->docs = input->docs;
    quality->clicks = calib.clicks;
    quality->logloss = calib.logloss;
    quality->ece_10 = calib.ece_10;
    quality->ece_100 = calib.ece_100;
    quality->pcoc = calib.pcoc;
    quality->brier = calib.brier;
    quality->normalised_entropy = calib.normalised_entropy;
    quality->slope = calib.slope;
    quality->intercept = calib.intercept;
    return true;
}

// The one list of the measures: members of struct quality, by name.
#define QUALITY_MEASURES(X)                                                                        \
    X(ndcg10)                                                                                      \
    X(auc)                                                                                         \
    X(gauc)                                                                                        \
    X(logloss)                                                                                     \
    X(ece_list)                                                                                    \
    X(ece_10)                                                                                      \
    X(ece_100)                                                                                     \
    X(pcoc)                                                                                        \
    X(brier)                                                                                       \
    X(normalised_entropy)                                                                          \
    X(slope)                                                                                       \
    X(intercept)
#define QUALITY_NAME(name) #name,
static const char *const measure_names[] = {QUALITY_MEASURES(QUALITY_NAME)};
#undef QUALITY_NAME
static_assert(sizeof(measure_names) / sizeof(measure_names[0]) == QUALITY_VALUES, "their number");

size_t quality_values(const struct quality *quality, const char *const **ret_names,
                      double values[QUALITY_VALUES])
{
    size_t count = 0;
#define QUALITY_VALUE(name) values[count++] = quality->name;
    QUALITY_MEASURES(QUALITY_VALUE)
#undef QUALITY_VALUE
    *ret_names = measure_names;
    return count;
}

static struct quality undefined(void)
{
    struct quality quality = {0};
#define QUALITY_UNDEFINED(name) quality.name = (double)NAN;
    QUALITY_MEASURES(QUALITY_UNDEFINED)
#undef QUALITY_UNDEFINED
    return quality;
}

enum status quality_measure(const struct quality_input *input, struct quality *ret_quality,
                            struct diag *reterr)
{
    assert(input->offset[0] == 0 && input->offset[input->lists] == input->docs);
    TRY(check(input, reterr));
    struct quality quality = undefined();
    if (input->docs == 0) {
        *ret_quality = quality;
        return STATUS_OK;
    }
    struct work work = {.rank = calloc(input->docs, sizeof(*work.rank)),
                        .calib = calloc(input->docs, sizeof(*work.calib)),
                        .scratch = calloc(input->docs, sizeof(*work.scratch))};
    bool done = work.rank != NULL && work.calib != NULL && work.scratch != NULL;
    if (done) {
        fill(input, &work);
        measure_lists(input, &work, &quality);
        done = measure_all(input, &work, &quality);
    }
    free(work.rank);
    free(work.calib);
    free(work.scratch);
    if (!done)
        return diag_set(reterr, STATUS_NO_MEMORY, "out of memory for the metrics of %zu documents",
                        input->docs);
    *ret_quality = quality;
    return STATUS_OK;
}

struct json_value *quality_to_json(const struct quality *quality)
{
    struct json_value *object = json_value_new_map();
    json_value_set_int(object, "lists", (int64_t)quality->lists);
    json_value_set_int(object, "docs", (int64_t)quality->docs);
    json_value_set_int(object, "clicks", (int64_t)quality->clicks);
    json_value_set_int(object, "ndcg_left_out", (int64_t)quality->ndcg_left_out);
    json_value_set_int(object, "gauc_left_out", (int64_t)quality->gauc_left_out);
    double values[QUALITY_VALUES];
    const char *const *names;
    const size_t count = quality_values(quality, &names, values);
    for (size_t i = 0; i < count; i++)
        json_value_set_number(object, names[i], values[i]);
    return object;
}
