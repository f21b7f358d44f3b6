// The measures put together: what is left out, where p comes from, what is refused, any order.
#include "base/rng.h"
#include "model/train/quality.h"
#include "tests/support/check.h"
#include "tests/support/near.h"

#include <math.h>
#include <string.h>

enum { LISTS = 4, DOCS = 6 };
static const uint64_t offset[LISTS + 1] = {0, 3, 3, 4, 6}; // the second list is empty
static const float logit[DOCS] = {2, -1, 0.5F, 0.25F, -2, 1};
static const float grade[DOCS] = {0, 3, 1, 0, 1, 0};

static struct quality_input input_of(void)
{
    return (struct quality_input){
        .lists = LISTS, .docs = DOCS, .offset = offset, .logit = logit, .grade = grade};
}

static double sigmoid(double s)
{
    return 1 / (1 + exp(-s));
}

static void test_by_hand(void **state)
{
    (void)state;
    const struct quality_input input = input_of();
    struct quality got;
    assert_int_equal(quality_measure(&input, &got, NULL), STATUS_OK);
    assert_int_equal(got.lists, 3);
    assert_int_equal(got.docs, 6);
    assert_int_equal(got.clicks, 3);
    assert_int_equal(got.ndcg_left_out, 1);
    assert_int_equal(got.gauc_left_out, 1);
    const double first = (1 / log2(3) + 7 / log2(4)) / (7 + 1 / log2(3));
    near_is(got.ndcg10, (first + 1 / log2(3)) / 2, 1e-14);
    near_is(got.gauc, 0, 0);          // in both lists the clicks stand last
    near_is(got.auc, 1.0 / 9, 1e-15); // 0.5 above 0.25 alone
    double loss = 0, expected = 0, lists[3] = {0};
    for (size_t i = 0; i < DOCS; i++) {
        const double s = (double)logit[i], y = grade[i] > 0 ? 1 : 0;
        loss -= y > 0 ? log(sigmoid(s)) : log(sigmoid(-s));
        expected += sigmoid(s);
        lists[i < 3 ? 0 : i < 4 ? 1 : 2] += fabs(y - sigmoid(s)) / (i < 3 ? 3 : i < 4 ? 1 : 2);
    }
    near_is(got.logloss, loss / 6, 1e-14);
    near_is(got.normalised_entropy, loss / 6 / log(2), 1e-14);
    near_is(got.pcoc, expected / 3, 1e-14);
    near_is(got.ece_list, (lists[0] + lists[1] + lists[2]) / 3, 1e-14);
}

static void test_groups(void **state)
{
    (void)state;
    const uint32_t group[DOCS] = {7, 8, 7, 8, 9, 9};
    struct quality_input input = input_of();
    input.group = group;
    struct quality got;
    assert_int_equal(quality_measure(&input, &got, NULL), STATUS_OK);
    assert_int_equal(got.gauc_left_out, 0);
    near_is(got.gauc, 0, 0);
    const uint32_t one[DOCS] = {5, 5, 5, 5, 5, 5};
    input.group = one;
    assert_int_equal(quality_measure(&input, &got, NULL), STATUS_OK);
    near_is(got.gauc, got.auc, 1e-15);
}

static void test_calibrated(void **state)
{
    (void)state;
    double p[DOCS];
    for (size_t i = 0; i < DOCS; i++)
        p[i] = 0.1 + 0.1 * (double)i;
    struct quality_input input = input_of();
    struct quality plain, got;
    assert_int_equal(quality_measure(&input, &plain, NULL), STATUS_OK);
    input.p = p;
    assert_int_equal(quality_measure(&input, &got, NULL), STATUS_OK);
    assert_true(got.ndcg10 == plain.ndcg10 && got.auc == plain.auc && got.gauc == plain.gauc);
    near_is(got.pcoc, 2.1 / 3, 1e-15);
    near_is(got.logloss, -(log(.9) + log(.2) + log(.3) + log(.6) + log(.5) + log(.4)) / 6, 1e-15);
    // At the ends of the clamp.
    p[0] = 1e-7;
    p[1] = 1e-7;
    assert_int_equal(quality_measure(&input, &got, NULL), STATUS_OK);
    near_is(got.logloss, -(log1p(-1e-7) + log(1e-7) + log(.3) + log(.6) + log(.5) + log(.4)) / 6,
            1e-14);
    // p = sigma(logit) given as p is the same as no p.
    for (size_t i = 0; i < DOCS; i++)
        p[i] = sigmoid((double)logit[i]);
    assert_int_equal(quality_measure(&input, &got, NULL), STATUS_OK);
    near_is(got.logloss, plain.logloss, 1e-13);
    near_is(got.slope, plain.slope, 1e-9);
    near_is(got.intercept, plain.intercept, 1e-9);
}

static void test_refused(void **state)
{
    (void)state;
    struct quality got = {.docs = 77};
    struct diag diag;
    float broken[DOCS];
    const float not_finite[] = {NAN, INFINITY, -INFINITY};
    for (int k = 0; k < 3; k++) {
        struct quality_input input = input_of();
        memcpy(broken, logit, sizeof(broken));
        broken[5] = not_finite[k];
        input.logit = broken;
        assert_int_equal(quality_measure(&input, &got, &diag), STATUS_NOT_FINITE);
        assert_string_equal(diag.words, "list 4, document 2: the score is not finite");
    }
    const float bad_grade[] = {-1, 513, NAN};
    for (int k = 0; k < 3; k++) {
        struct quality_input input = input_of();
        memcpy(broken, grade, sizeof(broken));
        broken[3] = bad_grade[k];
        input.grade = broken;
        assert_int_equal(quality_measure(&input, &got, &diag), STATUS_INVALID);
        assert_non_null(strstr(diag.words, "list 3, document 1: the grade"));
    }
    const double bad_p[] = {0, 1, -0.5, (double)NAN};
    for (int k = 0; k < 4; k++) {
        struct quality_input input = input_of();
        double p[DOCS] = {0.5, 0.5, 0.5, 0.5, 0.5, 0.5};
        p[0] = bad_p[k];
        input.p = p;
        assert_int_equal(quality_measure(&input, &got, &diag), STATUS_INVALID);
        assert_non_null(strstr(diag.words, "list 1, document 1: the probability"));
    }
    assert_int_equal(got.docs, 77);
}

static void test_nothing(void **state)
{
    (void)state;
    const uint64_t none[] = {0, 0};
    const struct quality_input input = {.lists = 1, .offset = none};
    struct quality got;
    double values[QUALITY_VALUES];
    const char *const *names;
    assert_int_equal(quality_measure(&input, &got, NULL), STATUS_OK);
    assert_int_equal(got.lists + got.docs + got.clicks + got.ndcg_left_out + got.gauc_left_out, 0);
    assert_int_equal(quality_values(&got, &names, values), QUALITY_VALUES);
    for (size_t i = 0; i < QUALITY_VALUES; i++)
        assert_true(isnan(values[i]));
}

// Lists in another order, documents of a list in another order: the same bits.
static void test_any_order_same_bits(void **state)
{
    (void)state;
    enum { PAGES = 40, LONG = 30 };
    static float scores[PAGES][LONG], grades[PAGES][LONG];
    struct rng rng;
    rng_start(&rng, 4, RNG_TEST, 0, 0);
    size_t length[PAGES];
    for (size_t q = 0; q < PAGES; q++) {
        length[q] = 1 + (size_t)rng_below(&rng, LONG);
        for (size_t i = 0; i < LONG; i++) {
            scores[q][i] = (float)(floor(rng_normal(&rng) * 16) / 16);
            grades[q][i] = (float)(rng_below(&rng, 4) == 0 ? rng_below(&rng, 5) : 0);
        }
    }
    struct quality first, got;
    for (int round = 0; round < 6; round++) {
        float mixed_score[PAGES * LONG], mixed_grade[PAGES * LONG];
        uint64_t bounds[PAGES + 1] = {0};
        uint32_t pages[PAGES], documents[LONG];
        for (uint32_t q = 0; q < PAGES; q++)
            pages[q] = q;
        if (round > 0)
            rng_shuffle_u32(&rng, pages, PAGES);
        for (size_t k = 0; k < PAGES; k++) {
            const size_t q = pages[k];
            for (uint32_t i = 0; i < length[q]; i++)
                documents[i] = i;
            if (round > 0)
                rng_shuffle_u32(&rng, documents, length[q]);
            for (size_t i = 0; i < length[q]; i++) {
                mixed_score[bounds[k] + i] = scores[q][documents[i]];
                mixed_grade[bounds[k] + i] = grades[q][documents[i]];
            }
            bounds[k + 1] = bounds[k] + length[q];
        }
        const struct quality_input input = {.lists = PAGES,
                                            .docs = bounds[PAGES],
                                            .offset = bounds,
                                            .logit = mixed_score,
                                            .grade = mixed_grade};
        assert_int_equal(quality_measure(&input, &got, NULL), STATUS_OK);
        if (round == 0)
            first = got;
        assert_memory_equal(&got, &first, sizeof(got));
    }
    assert_true(isfinite(first.slope) && first.ndcg_left_out > 0);
}

static void test_json(void **state)
{
    (void)state;
    const struct quality_input input = input_of();
    struct quality quality;
    assert_int_equal(quality_measure(&input, &quality, NULL), STATUS_OK);
    quality.pcoc = (double)NAN;
    double values[QUALITY_VALUES];
    const char *const *names;
    const size_t count = quality_values(&quality, &names, values);
    struct json_value *object = quality_to_json(&quality);
    assert_non_null(object);
    for (size_t i = 0; i < count; i++) {
        const struct json_value *value = json_value_get(object, names[i]);
        assert_non_null(value);
        if (isnan(values[i]))
            assert_int_equal(json_value_kind(value), JSON_VALUE_NULL);
        else
            assert_true(json_value_number(value) == values[i]);
    }
    assert_int_equal(json_value_int(json_value_get(object, "docs")), DOCS);
    assert_int_equal(json_value_int(json_value_get(object, "lists")), 3);
    assert_int_equal(json_value_int(json_value_get(object, "clicks")), 3);
    assert_int_equal(json_value_int(json_value_get(object, "ndcg_left_out")), 1);
    assert_int_equal(json_value_int(json_value_get(object, "gauc_left_out")), 1);
    assert_true(json_value_number(json_value_get(object, "logloss")) == quality.logloss);
    json_value_free(object);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_hand),    cmocka_unit_test(test_groups),
        cmocka_unit_test(test_calibrated), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_nothing),    cmocka_unit_test(test_any_order_same_bits),
        cmocka_unit_test(test_json),
    };
    return cmocka_run_group_tests_name("quality", tests, NULL, NULL);
}
