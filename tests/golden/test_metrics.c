// Ranking and calibration metrics against the reference.
#include "model/kernels/sigmoid.h"
#include "model/train/quality_calib.h"
#include "model/train/quality_field.h"
#include "model/train/quality_rank.h"
#include "tests/support/golden.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#include <cmocka.h>

static struct quality_rank_doc *rank_docs(const struct golden_case *c, const struct json_value *map,
                                          const char *grade_key, size_t *ret_n)
{
    size_t others;
    const float *score = golden_floats(c, golden_member(c, map, "score"), ret_n);
    const float *grade = golden_floats(c, golden_member(c, map, grade_key), &others);
    assert_int_equal(others, *ret_n);
    struct quality_rank_doc *docs = golden_memory(c, *ret_n, sizeof(*docs));
    for (size_t i = 0; i < *ret_n; i++)
        docs[i] = (struct quality_rank_doc){score[i], grade[i], 0};
    return docs;
}

static struct quality_calib_doc *calib_docs(const struct golden_case *c,
                                            const struct json_value *map, size_t *ret_n)
{
    size_t others;
    const float *logit = golden_floats(c, golden_member(c, map, "logit"), ret_n);
    const float *label = golden_floats(c, golden_member(c, map, "label"), &others);
    assert_int_equal(others, *ret_n);
    struct quality_calib_doc *docs = golden_memory(c, *ret_n, sizeof(*docs));
    for (size_t i = 0; i < *ret_n; i++) {
        const double s = (double)logit[i];
        docs[i] = (struct quality_calib_doc){sigmoid_of(s), s, label[i] > 0};
    }
    return docs;
}

static void is(const struct golden_case *c, const char *key, double got)
{
    struct golden_want want = golden_want(c, GOLDEN_F64, c->expect, key);
    golden_is_number(&want, got);
}

static void is_count(const struct golden_case *c, const char *key, size_t got)
{
    struct golden_want want = golden_want(c, GOLDEN_F64, c->expect, key);
    golden_is_integer(&want, (int64_t)got);
}

static void check_ndcg(const struct golden_case *c)
{
    const struct json_value *lists = golden_member(c, c->in, "lists");
    const size_t count = json_value_size(lists), k = golden_size(c, c->in, "k");
    double *values = golden_memory(c, count, sizeof(*values)), sum = 0;
    size_t used = 0;
    for (size_t q = 0; q < count; q++) {
        size_t n;
        struct quality_rank_doc *docs = rank_docs(c, json_value_at(lists, q), "grade", &n);
        values[q] = quality_rank_ndcg(docs, n, k);
        if (isnan(values[q]))
            continue;
        sum += values[q];
        used++;
    }
    struct golden_want want = golden_want(c, GOLDEN_F64, c->expect, "per_list");
    golden_is_doubles(&want, values, count);
    is(c, "mean", used > 0 ? sum / (double)used : (double)NAN);
    is_count(c, "used", used);
    is_count(c, "skipped", count - used);
}

static void check_auc(const struct golden_case *c)
{
    size_t n;
    struct quality_rank_doc *docs = rank_docs(c, c->in, "label", &n);
    is(c, "auc", quality_rank_auc(docs, n));
}

static void check_gauc(const struct golden_case *c)
{
    size_t n, others;
    struct quality_rank_doc *docs = rank_docs(c, c->in, "label", &n);
    const double *user = golden_doubles(c, golden_member(c, c->in, "user"), &others);
    assert_int_equal(others, n);
    for (size_t i = 0; i < n; i++)
        docs[i].group = (uint32_t)user[i];
    double *scratch = golden_memory(c, n, sizeof(*scratch));
    const struct quality_rank_gauc got = quality_rank_gauc(docs, n, scratch);
    is(c, "gauc", got.gauc);
    is_count(c, "used", got.used);
    is_count(c, "left_out", got.left_out);
}

static void check_ece_list(const struct golden_case *c)
{
    const struct json_value *lists = golden_member(c, c->in, "lists");
    const size_t count = json_value_size(lists), buckets = golden_size(c, c->in, "buckets");
    double *values = golden_memory(c, count, sizeof(*values)), sum = 0;
    size_t used = 0;
    for (size_t q = 0; q < count; q++) {
        size_t n;
        struct quality_calib_doc *docs = calib_docs(c, json_value_at(lists, q), &n);
        values[q] = n > 0 ? quality_calib_ece(docs, n, buckets) : (double)NAN;
        if (n == 0)
            continue;
        sum += values[q];
        used++;
    }
    struct golden_want want = golden_want(c, GOLDEN_F64, c->expect, "per_list");
    golden_is_doubles(&want, values, count);
    is(c, "mean", used > 0 ? sum / (double)used : (double)NAN);
}

static void check_pooled(const struct golden_case *c)
{
    size_t n;
    struct quality_calib_doc *docs = calib_docs(c, c->in, &n);
    struct quality_calib got;
    assert_true(quality_calib_pooled(docs, n, &got));
    is(c, "logloss", got.logloss);
    is(c, "ece_10", got.ece_10);
    is(c, "ece_100", got.ece_100);
    is(c, "pcoc", got.pcoc);
    is(c, "brier", got.brier);
    is(c, "normalised_entropy", got.normalised_entropy);
    is(c, "slope", got.slope);
    is(c, "intercept", got.intercept);
}

static void check_field(const struct golden_case *c)
{
    size_t n, others;
    const struct quality_calib_doc *calib = calib_docs(c, c->in, &n);
    const double *field = golden_doubles(c, golden_member(c, c->in, "field"), &others);
    assert_int_equal(others, n);
    struct quality_field_doc *docs = golden_memory(c, n, sizeof(*docs));
    for (size_t i = 0; i < n; i++)
        docs[i] = (struct quality_field_doc){(uint32_t)field[i], calib[i]};
    double *scratch = golden_memory(c, 2 * n, sizeof(*scratch));
    const struct quality_field got = quality_field_measure(docs, n, scratch);
    is(c, "field_ece", got.ece);
    is(c, "field_rce", got.rce);
}

int main(void)
{
    static const struct golden_op ops[] = {
        {"ndcg", check_ndcg, NULL},     {"auc", check_auc, NULL},
        {"gauc", check_gauc, NULL},     {"ece_list", check_ece_list, NULL},
        {"pooled", check_pooled, NULL}, {"field", check_field, NULL},
    };
    return golden_run("metrics.json", ops, sizeof(ops) / sizeof(ops[0]));
}
