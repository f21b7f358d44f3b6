// Scores of lists. Oracle: the linear model in double (tests/support/linear_case.h), and the
// formula of LogLoss (spec/algorithm.md 7) over its scores.
#include "model/train/scoreset.h"

#include "tests/support/check.h"
#include "tests/support/linear_case.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// Short lists that are scored together, lists longer than what is scored at once, and what comes
// behind them.
static const size_t docs[] = {1, 3, 2, 300, 1, 255, 256, 257, 1, 40, 700, 2};
enum { LISTS = sizeof(docs) / sizeof(docs[0]) };

static void assert_scored(const struct linear_case *linear, const struct scoreset *set)
{
    for (size_t i = 0; i < set->lists; i++) {
        size_t first = (size_t)linear->offset[set->list[i]];
        for (size_t k = 0; k < set->offset[i + 1] - set->offset[i]; k++) {
            double wanted = linear_case_logit(linear, first + k);
            double got = (double)set->logit[set->offset[i] + k];
            if (!(fabs(got - wanted) <= 1e-6))
                fail_msg("list %u, document %zu: %.9g, wanted %.9g", set->list[i], k, got, wanted);
            assert_true(set->grade[set->offset[i] + k] == linear->grade[first + k]);
        }
    }
}

static void score_with(const struct linear_case *linear, const uint32_t *list, size_t count,
                       unsigned threads, struct scoreset *ret_set)
{
    struct team *team = team_start(threads);
    assert_non_null(team);
    assert_int_equal(scoreset_init(ret_set, &linear->dataset, list, count, NULL), STATUS_OK);
    for (size_t i = 0; i < ret_set->docs; i++)
        ret_set->logit[i] = 99;
    assert_int_equal(scoreset_score(ret_set, &linear->scorer, team, NULL), STATUS_OK);
    team_stop(team);
}

static void test_every_document_has_its_score(void **state)
{
    (void)state;
    struct linear_case linear;
    struct scoreset set;
    linear_case_make(&linear, docs, LISTS);
    score_with(&linear, NULL, 0, 2, &set);
    assert_int_equal(set.lists, LISTS);
    assert_int_equal(set.docs, linear.dataset.docs);
    assert_memory_equal(set.offset, linear.offset, (LISTS + 1) * sizeof(uint64_t));
    assert_scored(&linear, &set);
    scoreset_fini(&set);
    linear_case_fini(&linear);
}

static void test_some_lists_in_any_order(void **state)
{
    (void)state;
    static const uint32_t list[] = {7, 0, 3, 3, 11};
    struct linear_case linear;
    struct scoreset set;
    linear_case_make(&linear, docs, LISTS);
    score_with(&linear, list, 5, 2, &set);
    assert_int_equal(set.lists, 5);
    assert_int_equal(set.docs, 257 + 1 + 300 + 300 + 2);
    assert_memory_equal(set.list, list, sizeof(list));
    assert_scored(&linear, &set);
    scoreset_fini(&set);
    // None at all.
    score_with(&linear, list, 0, 2, &set);
    assert_int_equal(set.lists + set.docs, 0);
    scoreset_fini(&set);
    linear_case_fini(&linear);
}

static void test_same_bits_for_any_team_and_cut(void **state)
{
    (void)state;
    struct linear_case linear;
    struct scoreset all, other;
    linear_case_make(&linear, docs, LISTS);
    score_with(&linear, NULL, 0, 1, &all);
    for (unsigned threads = 2; threads <= 9; threads += 7) {
        score_with(&linear, NULL, 0, threads, &other);
        assert_memory_equal(other.logit, all.logit, all.docs * sizeof(float));
        scoreset_fini(&other);
    }
    for (uint32_t i = 0; i < LISTS; i++) { // alone, so that no list is cut as it was
        score_with(&linear, &i, 1, 2, &other);
        assert_memory_equal(other.logit, all.logit + linear.offset[i], docs[i] * sizeof(float));
        scoreset_fini(&other);
    }
    scoreset_fini(&all);
    linear_case_fini(&linear);
}

static void test_data_without_the_columns(void **state)
{
    (void)state;
    struct linear_case linear;
    struct scoreset set;
    struct diag diag = {0};
    struct team *team = team_start(1);
    linear_case_make(&linear, docs, LISTS);
    linear.scorer.checkpoint.schema.features[0].columns[1] = LINEAR_CASE_COLUMNS + 1;
    assert_int_equal(scoreset_init(&set, &linear.dataset, NULL, 0, NULL), STATUS_OK);
    assert_int_equal(scoreset_score(&set, &linear.scorer, team, &diag), STATUS_INVALID);
    assert_true(diag.words[0] != '\0');
    scoreset_fini(&set);
    team_stop(team);
    linear_case_fini(&linear);
}

// Mean of -ln of what the true label was given, with p = sigma(slope * logit + intercept).
static double logloss(const struct linear_case *linear, double slope, double intercept)
{
    double sum = 0;
    for (size_t i = 0; i < linear->dataset.docs; i++) {
        double s = slope * linear_case_logit(linear, i) + intercept;
        sum += log1p(exp(linear->grade[i] > 0 ? -s : s));
    }
    return sum / (double)linear->dataset.docs;
}

static void test_quality_is_of_the_calibrated_probability(void **state)
{
    (void)state;
    struct linear_case linear;
    struct scoreset set;
    struct quality plain, mapped;
    const struct calibrate identity = {0};
    const struct calibrate platt = {.kind = CALIBRATE_PLATT, .slope = 0.5, .intercept = -1};
    linear_case_make(&linear, docs, LISTS);
    score_with(&linear, NULL, 0, 2, &set);
    assert_int_equal(scoreset_quality(&set, &identity, &plain, NULL), STATUS_OK);
    assert_int_equal(scoreset_quality(&set, &platt, &mapped, NULL), STATUS_OK);
    assert_true(fabs(plain.logloss - logloss(&linear, 1, 0)) < 1e-6);
    assert_true(fabs(mapped.logloss - logloss(&linear, 0.5, -1)) < 1e-6);
    // (s - fit) of a map that is a line is the line undone; ranking does not see it.
    assert_true(fabs(mapped.slope - plain.slope / 0.5) < 1e-4);
    assert_true(mapped.ndcg10 == plain.ndcg10 && mapped.auc == plain.auc);
    size_t clicks = 0;
    for (size_t i = 0; i < linear.dataset.docs; i++)
        clicks += linear.grade[i] > 0;
    assert_int_equal(plain.clicks, clicks);
    assert_int_equal(plain.lists, LISTS);
    assert_int_equal(plain.docs, linear.dataset.docs);

    struct diag diag = {0};
    set.logit[1 + 3 + 1] = (float)NAN; // second document of the third list
    assert_int_equal(scoreset_quality(&set, &identity, &plain, &diag), STATUS_NOT_FINITE);
    assert_non_null(strstr(diag.words, "list 3, document 2"));
    scoreset_fini(&set);
    linear_case_fini(&linear);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_document_has_its_score),
        cmocka_unit_test(test_some_lists_in_any_order),
        cmocka_unit_test(test_same_bits_for_any_team_and_cut),
        cmocka_unit_test(test_data_without_the_columns),
        cmocka_unit_test(test_quality_is_of_the_calibrated_probability),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
