#include "model/train/results_detail.h"

#include "model/train/experiment_record.h"

#include <math.h>
#include <stdlib.h>

enum { DETAIL_BINS = 1000, DETAIL_DOCS = 0, DETAIL_P, DETAIL_CLICKS, DETAIL_TRUTH, DETAIL_SUMS };

struct detail_bins {
    size_t count;
    double sums[DETAIL_BINS][DETAIL_SUMS];
};

// A number, or NaN for null; *ok becomes false for anything else.
static double detail_number(const struct json_value *value, bool *ok)
{
    const enum json_value_kind kind = json_value_kind(value);
    if (kind == JSON_VALUE_INT || kind == JSON_VALUE_REAL)
        return json_value_number(value);
    *ok = *ok && kind == JSON_VALUE_NULL;
    return (double)NAN;
}

// Bins have equal mass, and the documents are the same for every seed: bin k of one run pools with
// bin k of another.
MUST_USE static enum status detail_take_bins(const struct json_value *root,
                                             struct detail_bins *bins, struct diag *reterr)
{
    const struct json_value *list;
    TRY(json_value_need(root, "reliability", JSON_VALUE_LIST, &list, reterr));
    const size_t count = json_value_size(list);
    bool ok = count <= DETAIL_BINS && (bins->count == 0 || bins->count == count);
    for (size_t k = 0; ok && k < count; k++) {
        const struct json_value *bin = json_value_at(list, k);
        ok = json_value_kind(bin) == JSON_VALUE_LIST && json_value_size(bin) == DETAIL_SUMS;
        for (size_t i = 0; ok && i < DETAIL_SUMS; i++) {
            const double value = detail_number(json_value_at(bin, i), &ok);
            ok = ok && (i == DETAIL_TRUTH || value >= (i == DETAIL_DOCS ? 1 : 0));
            bins->sums[k][i] += value;
        }
    }
    if (!ok)
        return diag_at_path(
            reterr, STATUS_CORRUPT, "reliability",
            "expected as many bins of documents, sum p, clicks, truth as the other seeds have");
    bins->count = count;
    return STATUS_OK;
}

static struct json_value *detail_bins_json(const struct detail_bins *bins)
{
    struct json_value *list = json_value_new_list();
    for (size_t k = 0; k < bins->count; k++) {
        const double *sums = bins->sums[k], docs = sums[DETAIL_DOCS];
        struct json_value *bin = json_value_new_map();
        json_value_set_int(bin, "docs", (int64_t)docs);
        json_value_set_number(bin, "p", sums[DETAIL_P] / docs);
        json_value_set_number(bin, "clicks", sums[DETAIL_CLICKS] / docs);
        json_value_set_number(bin, "truth", sums[DETAIL_TRUTH] / docs);
        json_value_push(list, bin);
    }
    return list;
}

MUST_USE static enum status detail_take_curve(const struct json_value *root, int64_t seed,
                                              struct json_value *curves, struct diag *reterr)
{
    static const char *const keys[] = {"train_loss", "train_point_ce", "ndcg10", "logloss"};
    static const char *const others[] = {"gauc", "auc"}; // by train.rank_by
    const struct json_value *list, *kept, *epoch;
    bool ok = true;
    TRY(json_value_need(root, "curve", JSON_VALUE_LIST, &list, reterr));
    TRY(json_value_need(root, "kept_epoch", JSON_VALUE_INT, &kept, reterr));
    struct json_value *points = json_value_new_list();
    for (size_t i = 0; ok && i < json_value_size(list); i++) {
        const struct json_value *from = json_value_at(list, i);
        ok = json_value_kind(from) == JSON_VALUE_MAP &&
             json_value_need(from, "epoch", JSON_VALUE_INT, &epoch, NULL) == STATUS_OK;
        if (!ok)
            break;
        struct json_value *point = json_value_new_map();
        json_value_set_int(point, "epoch", json_value_int(epoch));
        for (size_t k = 0; k < sizeof(keys) / sizeof(*keys); k++) {
            const struct json_value *value = json_value_get(from, keys[k]);
            json_value_set_number(point, keys[k],
                                  value == NULL ? (double)NAN : detail_number(value, &ok));
        }
        for (size_t k = 0; k < sizeof(others) / sizeof(*others); k++) {
            const struct json_value *value = json_value_get(from, others[k]);
            if (value != NULL)
                json_value_set_number(point, others[k], detail_number(value, &ok));
        }
        json_value_push(points, point);
    }
    if (!ok) {
        json_value_free(points);
        return diag_at_path(reterr, STATUS_CORRUPT, "curve", "expected points with an epoch");
    }
    struct json_value *curve = json_value_new_map();
    json_value_set_int(curve, "seed", seed);
    json_value_set_int(curve, "kept", json_value_int(kept));
    json_value_set(curve, "points", points);
    json_value_push(curves, curve);
    return STATUS_OK;
}

MUST_USE static enum status detail_take_lists(const struct json_value *root, size_t seed,
                                              struct results_detail *detail, struct diag *reterr)
{
    const struct json_value *list;
    bool ok = true;
    TRY(json_value_need(root, "ndcg_lists", JSON_VALUE_LIST, &list, reterr));
    const size_t count = json_value_size(list);
    if (detail->lists != 0 && detail->lists != count)
        return diag_at_path(reterr, STATUS_CORRUPT, "ndcg_lists",
                            "expected %zu lists, as of the other seeds, got %zu", detail->lists,
                            count);
    double *values = calloc(count + 1, sizeof(*values));
    if (values == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < count; i++)
        values[i] = detail_number(json_value_at(list, i), &ok);
    detail->ndcg[seed] = values;
    detail->lists = count;
    return ok ? STATUS_OK
              : diag_at_path(reterr, STATUS_CORRUPT, "ndcg_lists", "expected numbers or null");
}

MUST_USE static enum status detail_take(const struct experiment *experiment,
                                        const struct experiment_entry *entry, size_t seed,
                                        struct results_detail *detail, struct detail_bins *bins,
                                        struct diag *reterr)
{
    struct json_value *root;
    TRY(experiment_record_read(experiment, entry, &root, reterr));
    enum status code = detail_take_bins(root, bins, reterr);
    if (code == STATUS_OK)
        code = detail_take_curve(root, entry->seed, detail->curves, reterr);
    if (code == STATUS_OK)
        code = detail_take_lists(root, seed, detail, reterr);
    json_value_free(root);
    if (code != STATUS_OK) {
        char *path = experiment_plan_path(experiment, entry, "run.json");
        diag_in_file(reterr, path == NULL ? entry->id : path);
        free(path);
    }
    return code;
}

enum status results_detail_load(const struct experiment *experiment,
                                const struct experiment_plan *plan,
                                const struct results_table *table,
                                const struct results_method *method,
                                struct results_detail *ret_detail, struct diag *reterr)
{
    struct results_detail detail = {.curves = json_value_new_list(),
                                    .seed_count = table->seed_count};
    struct detail_bins *bins = calloc(1, sizeof(*bins));
    enum status code = STATUS_OK;
    detail.ndcg = calloc(table->seed_count + 1, sizeof(*detail.ndcg));
    if (detail.ndcg == NULL || bins == NULL)
        code = diag_set(reterr, STATUS_NO_MEMORY, "out of memory");
    for (size_t s = 0; s < table->seed_count && code == STATUS_OK; s++) {
        const ptrdiff_t run = method->runs[s];
        if (run != EXPERIMENT_NONE && table->runs[run].finished && !table->runs[run].diverged)
            code = detail_take(experiment, &plan->entries[run], s, &detail, bins, reterr);
    }
    if (code == STATUS_OK) {
        detail.reliability = detail_bins_json(bins);
        *ret_detail = detail;
    } else {
        results_detail_free(&detail);
    }
    free(bins);
    return code;
}

void results_detail_free(struct results_detail *detail)
{
    for (size_t s = 0; detail->ndcg != NULL && s < detail->seed_count; s++)
        free(detail->ndcg[s]);
    free(detail->ndcg);
    json_value_free(detail->reliability);
    json_value_free(detail->curves);
    *detail = (struct results_detail){0};
}

enum status results_detail_difference(const struct results_detail *a,
                                      const struct results_detail *b, double **ret_values,
                                      size_t *ret_count)
{
    const size_t lists = a->lists == b->lists ? a->lists : 0;
    double *values = calloc(lists + 1, sizeof(*values));
    size_t count = 0;
    if (values == NULL)
        return STATUS_NO_MEMORY;
    for (size_t i = 0; i < lists; i++) {
        double sum = 0;
        size_t pairs = 0;
        for (size_t s = 0; s < a->seed_count && s < b->seed_count; s++)
            if (a->ndcg[s] != NULL && b->ndcg[s] != NULL) {
                sum += a->ndcg[s][i] - b->ndcg[s][i];
                pairs++;
            }
        if (pairs > 0 && !isnan(sum))
            values[count++] = sum / (double)pairs;
    }
    *ret_values = values;
    *ret_count = count;
    return STATUS_OK;
}
