// Folds are lists; every document is judged by maps fitted without its list; nothing depends on the
// order of the file.
#include "base/rng.h"
#include "model/train/calibrate_cross.h"
#include "tests/support/check.h"
#include "tests/support/near.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LISTS = 300, LENGTH = 6, DOCS = LISTS * LENGTH, FOLDS = 5 };

// A scored set in memory: qids are "q0", "q1" ..., lists in the order of `number`.
struct held {
    struct dataset data;
    struct scoreset set;
    char qids[LISTS * 16];
    uint64_t qid[LISTS + 1], offset[LISTS + 1];
    uint32_t list[LISTS];
    float logit[DOCS], grade[DOCS];
};

// The clicks follow sigma(slope s + intercept); `number` (LISTS) says which list stands where.
static void hold(struct held *held, const uint32_t *number, double slope, double intercept)
{
    *held = (struct held){0};
    for (uint32_t i = 0; i < LISTS; i++) {
        held->qid[i + 1] =
            held->qid[i] + (uint64_t)snprintf(held->qids + held->qid[i], 16, "q%u", number[i]);
        held->offset[i + 1] = held->offset[i] + LENGTH;
        held->list[i] = i;
        struct rng rng;
        rng_start(&rng, 8, RNG_TEST, number[i], 0);
        for (size_t d = i * LENGTH; d < (i + 1) * LENGTH; d++) {
            held->logit[d] = (float)(1.5 * rng_normal(&rng) - 0.5);
            const double z = slope * (double)held->logit[d] + intercept;
            held->grade[d] = rng_uniform(&rng) < 1 / (1 + exp(-z));
        }
    }
    held->data =
        (struct dataset){.lists = LISTS, .docs = DOCS, .qid_text = held->qids, .qid = held->qid};
    held->set = (struct scoreset){.dataset = &held->data,
                                  .list = held->list,
                                  .lists = LISTS,
                                  .docs = DOCS,
                                  .offset = held->offset,
                                  .grade = held->grade,
                                  .logit = held->logit};
}

static const struct calibrate_cross_options options = {0, FOLDS, {20, 5, 0}};

static void in_order(uint32_t *number)
{
    for (uint32_t i = 0; i < LISTS; i++)
        number[i] = i;
}

static void test_folds(void **state)
{
    (void)state;
    size_t lists[FOLDS] = {0};
    for (unsigned i = 0; i < 10000; i++) {
        char text[16];
        snprintf(text, sizeof(text), "q%u", i);
        const unsigned fold = calibrate_cross_fold(span_of(text), FOLDS);
        assert_in_range(fold, 0, FOLDS - 1);
        lists[fold]++;
    }
    for (int i = 0; i < FOLDS; i++) // 2000, deviation 40
        assert_in_range(lists[i], 1800, 2200);
}

static double cross_entropy(double p, bool click)
{
    return -log(click ? p : 1 - p);
}

// The out-of-fold LogLoss of a kind, made anew: each fold's fit from scratch.
static double by_hand(const struct held *held, enum calibrate_kind kind)
{
    static struct calibrate_point points[DOCS];
    double total = 0;
    for (unsigned fold = 0; fold < FOLDS; fold++) {
        size_t n = 0;
        for (size_t d = 0; d < DOCS; d++)
            if (calibrate_cross_fold(dataset_qid(&held->data, d / LENGTH), FOLDS) != fold)
                points[n++] =
                    (struct calibrate_point){(double)held->logit[d], 1, held->grade[d] > 0};
        struct calibrate_fit fit;
        calibrate_fit_sort(points, n);
        assert_int_equal(calibrate_fit(kind, points, n, &options.rules, &fit, NULL), STATUS_OK);
        for (size_t d = 0; d < DOCS; d++)
            if (calibrate_cross_fold(dataset_qid(&held->data, d / LENGTH), FOLDS) == fold)
                total += cross_entropy(calibrate_probability(&fit.map, held->logit[d]),
                                       held->grade[d] > 0);
        calibrate_fit_fini(&fit);
    }
    return total / DOCS;
}

static void test_out_of_fold(void **state)
{
    (void)state;
    static struct held held;
    static uint32_t number[LISTS];
    struct calibrate_cross cross;
    in_order(number);
    hold(&held, number, 0.4, -0.8); // over-confident and too high: Platt's own case
    assert_int_equal(calibrate_cross(&held.set, &options, &cross, NULL), STATUS_OK);
    assert_true(cross.validated);
    assert_int_equal(cross.best, CALIBRATE_PLATT);
    for (int k = 0; k < CALIBRATE_KINDS; k++) {
        const struct calibrate_cross_row *row = &cross.rows[k];
        assert_int_equal(row->fit.map.kind, k);
        near_is(row->out_of_fold.logloss, by_hand(&held, (enum calibrate_kind)k), 1e-12);
        // The interval is of a mean over documents; list lengths are equal here, so it is the
        // plain one over lists.
        near_is(row->gain.mean,
                cross.rows[CALIBRATE_IDENTITY].out_of_fold.logloss - row->out_of_fold.logloss,
                1e-14);
        assert_int_equal(row->gain.n, LISTS);
        assert_true(k == CALIBRATE_IDENTITY ? row->gain.half == 0 : row->gain.half > 0);
        double docs = 0, clicks = 0;
        for (size_t b = 0; b < row->bin_count; b++) {
            docs += (double)row->bins[b].docs;
            clicks += row->bins[b].clicks;
        }
        assert_true(docs == DOCS);
        near_is(clicks, (double)row->out_of_fold.clicks, 1e-9);
        assert_true(row->out_of_fold.logloss >= cross.rows[cross.best].out_of_fold.logloss);
    }
    near_is(cross.rows[CALIBRATE_PLATT].fit.map.slope, 0.4, 0.1);
    assert_true(cross.rows[CALIBRATE_PLATT].gain.mean > cross.rows[CALIBRATE_PLATT].gain.half);
    calibrate_cross_fini(&cross);
}

// Of lists of unequal length, against the ratio's variance written out.
static void test_gain_interval(void **state)
{
    (void)state;
    static struct held held;
    static uint32_t number[LISTS];
    struct calibrate_cross cross;
    in_order(number);
    hold(&held, number, 0.4, -0.8);
    for (size_t i = 1; i < LISTS; i += 2)
        held.offset[i] = i * LENGTH - 2 + i % 4; // lengths 5, 7, 7, 5
    assert_int_equal(calibrate_cross(&held.set, &options, &cross, NULL), STATUS_OK);
    double gain[LISTS] = {0}, total = 0, squares = 0;
    for (unsigned fold = 0; fold < FOLDS; fold++) {
        static struct calibrate_point points[DOCS];
        struct calibrate_fit fit;
        size_t n = 0;
        for (size_t i = 0; i < LISTS; i++)
            for (size_t d = held.offset[i]; d < held.offset[i + 1]; d++)
                if (calibrate_cross_fold(dataset_qid(&held.data, i), FOLDS) != fold)
                    points[n++] =
                        (struct calibrate_point){(double)held.logit[d], 1, held.grade[d] > 0};
        calibrate_fit_sort(points, n);
        assert_int_equal(calibrate_fit(CALIBRATE_PLATT, points, n, &options.rules, &fit, NULL),
                         STATUS_OK);
        for (size_t i = 0; i < LISTS; i++)
            for (size_t d = held.offset[i]; d < held.offset[i + 1]; d++)
                if (calibrate_cross_fold(dataset_qid(&held.data, i), FOLDS) == fold)
                    gain[i] +=
                        cross_entropy(1 / (1 + exp(-(double)held.logit[d])), held.grade[d] > 0) -
                        cross_entropy(calibrate_probability(&fit.map, held.logit[d]),
                                      held.grade[d] > 0);
        calibrate_fit_fini(&fit);
    }
    for (size_t i = 0; i < LISTS; i++)
        total += gain[i];
    for (size_t i = 0; i < LISTS; i++) {
        const double rest = gain[i] - total / DOCS * (double)(held.offset[i + 1] - held.offset[i]);
        squares += rest * rest;
    }
    const double error = sqrt(squares * LISTS / (LISTS - 1)) / DOCS;
    const struct stat_mean *found = &cross.rows[CALIBRATE_PLATT].gain;
    near_is(found->mean, total / DOCS, 1e-13);
    near_is(found->half, 1.9679 * error, 1e-4 * error); // t of 299 degrees of freedom
    calibrate_cross_fini(&cross);
}

// Where the logits are right, nothing is to be gained: the simplest map is as good as any.
static void test_shift(void **state)
{
    (void)state;
    static struct held held;
    static uint32_t number[LISTS];
    struct calibrate_cross cross;
    in_order(number);
    hold(&held, number, 1, log(0.25));
    struct calibrate_cross_options shifted = options;
    shifted.shift = log(0.25);
    assert_int_equal(calibrate_cross(&held.set, &shifted, &cross, NULL), STATUS_OK);
    near_is(cross.rows[CALIBRATE_IDENTITY].out_of_fold.pcoc, 1, 0.1);
    near_is(cross.rows[CALIBRATE_OFFSET].fit.map.intercept, 0, 0.15);
    near_is(cross.rows[CALIBRATE_TEMPERATURE].fit.map.temperature, 1, 0.15);
    for (int k = 0; k < CALIBRATE_KINDS; k++)
        assert_true(cross.rows[k].fit.map.shift == log(0.25));
    calibrate_cross_fini(&cross);
}

static void test_order_is_nothing(void **state)
{
    (void)state;
    static struct held held, mixed;
    static uint32_t number[LISTS];
    struct calibrate_cross cross, other;
    struct rng rng;
    in_order(number);
    hold(&held, number, 0.6, 0.1);
    rng_start(&rng, 9, RNG_TEST, 0, 0);
    rng_shuffle_u32(&rng, number, LISTS);
    hold(&mixed, number, 0.6, 0.1);
    assert_int_equal(calibrate_cross(&held.set, &options, &cross, NULL), STATUS_OK);
    assert_int_equal(calibrate_cross(&mixed.set, &options, &other, NULL), STATUS_OK);
    assert_int_equal(cross.best, other.best);
    for (int k = 0; k < CALIBRATE_KINDS; k++) {
        const struct calibrate_cross_row *a = &cross.rows[k], *b = &other.rows[k];
        assert_memory_equal(&a->out_of_fold, &b->out_of_fold, sizeof(a->out_of_fold));
        assert_true(a->gain.mean == b->gain.mean && a->gain.half == b->gain.half);
        assert_memory_equal(a->bins, b->bins, sizeof(a->bins));
        assert_true(a->fit.map.slope == b->fit.map.slope);
        assert_true(a->fit.map.temperature == b->fit.map.temperature);
        assert_int_equal(a->fit.map.knots, b->fit.map.knots);
        if (a->fit.map.knots > 0)
            assert_memory_equal(a->fit.map.y, b->fit.map.y, a->fit.map.knots * sizeof(double));
    }
    calibrate_cross_fini(&cross);
    calibrate_cross_fini(&other);
}

static void test_one_list(void **state)
{
    (void)state;
    static struct held held;
    static uint32_t number[LISTS];
    struct calibrate_cross cross;
    in_order(number);
    hold(&held, number, 1, 0);
    held.set.lists = 1;
    held.set.docs = LENGTH;
    held.grade[0] = 1;
    held.grade[1] = 0;
    assert_int_equal(calibrate_cross(&held.set, &options, &cross, NULL), STATUS_OK);
    assert_false(cross.validated);
    for (int k = 0; k < CALIBRATE_KINDS; k++) {
        assert_true(isnan(cross.rows[k].out_of_fold.logloss));
        assert_int_equal(cross.rows[k].bin_count, 0);
    }
    assert_int_equal(cross.rows[CALIBRATE_ISOTONIC].fit.map.kind, CALIBRATE_ISOTONIC);
    calibrate_cross_fini(&cross);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_folds),
        cmocka_unit_test(test_out_of_fold),
        cmocka_unit_test(test_gain_interval),
        cmocka_unit_test(test_shift),
        cmocka_unit_test(test_order_is_nothing),
        cmocka_unit_test(test_one_list),
    };
    return cmocka_run_group_tests_name("calibrate_cross", tests, NULL, NULL);
}
