// Which epoch is kept: stories told by hand from spec/algorithm.md 12.
#include "model/train/keep.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static uint32_t dropped[KEEP_MAX + 1];
static size_t dropped_count;

static bool offer(struct keep *keep, uint32_t epoch, double ndcg, double logloss)
{
    return keep_offer(keep, (struct keep_epoch){epoch, ndcg, logloss}, dropped, &dropped_count);
}

static void keeps_best_ranking_within_reach_of_lowest_logloss(void **state)
{
    (void)state;
    struct keep keep;
    keep_start(&keep, KEEP_NDCG_NEAR_LOGLOSS);
    assert_null(keep_winner(&keep));
    assert_true(offer(&keep, 0, .40, .600));
    assert_true(offer(&keep, 1, .42, .602)); // better ranking, LogLoss within .5 %
    assert_int_equal(keep_winner(&keep)->epoch, 1);
    assert_false(offer(&keep, 2, .50, .700)); // far from the lowest: no candidate
    assert_int_equal(keep_winner(&keep)->epoch, 1);
    // .5995 * 1.005 = .6025: epoch 1 stays within reach and still ranks better.
    assert_true(offer(&keep, 3, .41, .5995));
    assert_int_equal(keep_winner(&keep)->epoch, 1);
    // .5970 * 1.005 = .599985: epochs 0 and 1 fall out, 3 stays and ranks better.
    assert_true(offer(&keep, 4, .405, .5970));
    assert_int_equal(dropped_count, 1);
    assert_int_equal(dropped[0], 1);
    assert_int_equal(keep_winner(&keep)->epoch, 3);
}

static void an_epoch_that_another_beats_in_both_is_dropped(void **state)
{
    (void)state;
    struct keep keep;
    keep_start(&keep, KEEP_NDCG_NEAR_LOGLOSS);
    assert_true(offer(&keep, 0, .40, .600));
    assert_true(offer(&keep, 1, .41, .599));
    assert_int_equal(dropped_count, 1);
    assert_int_equal(dropped[0], 0);
    assert_false(offer(&keep, 2, .41, .599)); // equal: the earlier one stays
    assert_int_equal(dropped_count, 0);
    assert_int_equal(keep_winner(&keep)->epoch, 1);
}

static void other_rules_look_at_one_measure(void **state)
{
    (void)state;
    struct keep keep;
    keep_start(&keep, KEEP_NDCG);
    offer(&keep, 0, .40, .60);
    offer(&keep, 1, .50, .90);
    offer(&keep, 2, .45, .50);
    assert_int_equal(keep_winner(&keep)->epoch, 1);
    assert_int_equal(keep.count, 1);
    keep_start(&keep, KEEP_LOGLOSS);
    offer(&keep, 0, .40, .60);
    offer(&keep, 1, .50, .90);
    offer(&keep, 2, .45, .50);
    assert_int_equal(keep_winner(&keep)->epoch, 2);
    assert_int_equal(keep.count, 1);
}

static void patience_counts_epochs_without_a_new_best_of_either(void **state)
{
    (void)state;
    struct keep keep;
    keep_start(&keep, KEEP_NDCG_NEAR_LOGLOSS);
    offer(&keep, 0, .40, .60);
    offer(&keep, 1, .41, .70); // better ranking
    offer(&keep, 2, .30, .59); // better LogLoss
    offer(&keep, 3, .40, .59); // neither
    assert_false(keep_patience_over(&keep, 3, 2));
    offer(&keep, 4, .41, .60); // equal to the best is not better
    assert_true(keep_patience_over(&keep, 4, 2));
}

static void an_undefined_ndcg_is_the_worst(void **state)
{
    (void)state;
    struct keep keep;
    keep_start(&keep, KEEP_NDCG_NEAR_LOGLOSS);
    assert_true(offer(&keep, 0, NAN, .60));
    assert_true(offer(&keep, 1, .01, .60));
    assert_int_equal(keep_winner(&keep)->epoch, 1);
}

static void a_full_table_gives_up_the_worst_ranking(void **state)
{
    (void)state;
    struct keep keep;
    keep_start(&keep, KEEP_NDCG_NEAR_LOGLOSS);
    for (uint32_t i = 0; i < KEEP_MAX; i++)
        assert_true(offer(&keep, i, .4 + 1e-4 * i, .6 + 1e-6 * i));
    assert_true(offer(&keep, KEEP_MAX, .5, .6 + 1e-3));
    assert_int_equal(keep.count, KEEP_MAX);
    assert_int_equal(dropped_count, 1);
    assert_int_equal(dropped[0], 0);
    assert_int_equal(keep_winner(&keep)->epoch, KEEP_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_best_ranking_within_reach_of_lowest_logloss),
        cmocka_unit_test(an_epoch_that_another_beats_in_both_is_dropped),
        cmocka_unit_test(other_rules_look_at_one_measure),
        cmocka_unit_test(patience_counts_epochs_without_a_new_best_of_either),
        cmocka_unit_test(an_undefined_ndcg_is_the_worst),
        cmocka_unit_test(a_full_table_gives_up_the_worst_ranking),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
