// Which setting is chosen (spec/algorithm.md 6.4), told by hand; and when a teacher stops what it
// would teach.
#include "model/train/experiment_choice.h"
#include "tests/support/experiment_case.h"
#include "tests/support/near.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const double diverged = (double)NAN;

static struct experiment_choice choose(struct experiment_case *c, const char *method)
{
    struct experiment_choice choice;
    struct diag diag = {0};
    if (experiment_choice_make(&c->experiment, &c->plan, method_find(method), &choice, &diag) !=
        STATUS_OK)
        fail_msg("%s", diag.words);
    return choice;
}

static const char *chosen(struct experiment_case *c, const char *method)
{
    return c->plan.entries[choose(c, method).entry].id;
}

// Base: LogLoss .400 and .404 over two seeds: mean .402, half 12.706 * .002 = .025412.
static void open_ratios(struct experiment_case *c)
{
    experiment_case_open(c, "  methods: [clid]\n  seeds: [1, 2]\n  ratios: [0.1, 1, 10]\n");
    experiment_case_finish(c, "base-lr0.001-s1", .50, .400);
    experiment_case_finish(c, "base-chosen-s2", .50, .404);
}

static void the_best_order_within_the_bound(void **state)
{
    (void)state;
    struct experiment_case c;
    open_ratios(&c);
    experiment_case_finish(&c, "clid-r0.1-lr0.001-s1", .51, .402);
    experiment_case_finish(&c, "clid-r1-lr0.001-s1", .53, .4274);
    experiment_case_finish(&c, "clid-r10-lr0.001-s1", .60, .4275);
    struct experiment_choice choice = choose(&c, "clid");
    near_is(choice.bound, .402 + .002 * tan(.95 * acos(-1) / 2), 1e-12);
    assert_true(choice.within);
    assert_string_equal(c.plan.entries[choice.entry].id, "clid-r1-lr0.001-s1");
    experiment_case_close(&c);
}

static void else_the_lowest_logloss(void **state)
{
    (void)state;
    struct experiment_case c;
    open_ratios(&c);
    experiment_case_finish(&c, "clid-r0.1-lr0.001-s1", .51, .60);
    experiment_case_finish(&c, "clid-r1-lr0.001-s1", .70, diverged);
    experiment_case_finish(&c, "clid-r10-lr0.001-s1", .60, .55);
    assert_false(choose(&c, "clid").within);
    assert_string_equal(chosen(&c, "clid"), "clid-r10-lr0.001-s1");
    experiment_case_close(&c);
}

static void the_first_among_equals(void **state)
{
    (void)state;
    struct experiment_case c;
    open_ratios(&c);
    experiment_case_finish(&c, "clid-r0.1-lr0.001-s1", .51, .41);
    experiment_case_finish(&c, "clid-r1-lr0.001-s1", .51, .40);
    experiment_case_finish(&c, "clid-r10-lr0.001-s1", .51, .40);
    assert_string_equal(chosen(&c, "clid"), "clid-r0.1-lr0.001-s1");
    experiment_case_close(&c);
}

static void nothing_to_choose_from(void **state)
{
    (void)state;
    struct experiment_case c;
    open_ratios(&c);
    experiment_case_finish(&c, "clid-r0.1-lr0.001-s1", 0, diverged);
    experiment_case_finish(&c, "clid-r1-lr0.001-s1", 0, diverged);
    experiment_case_finish(&c, "clid-r10-lr0.001-s1", 0, diverged);
    struct experiment_choice choice;
    struct diag diag = {0};
    assert_int_equal(
        experiment_choice_make(&c.experiment, &c.plan, method_find("clid"), &choice, &diag),
        STATUS_NOT_FINITE);
    assert_non_null(strstr(diag.words, "clid"));
    experiment_case_close(&c);
}

// Base over learning rates: .402 is .5 % above .400, .4021 is more.
static void base_is_chosen_near_its_lowest_logloss(void **state)
{
    (void)state;
    struct experiment_case c;
    experiment_case_open(&c, "  methods: [base]\n  seeds: [1]\n  lrs: [0.001, 0.01, 0.1, 1]\n");
    experiment_case_finish(&c, "base-lr0.001-s1", .50, .400);
    experiment_case_finish(&c, "base-lr0.01-s1", .52, .4019);
    experiment_case_finish(&c, "base-lr0.1-s1", .55, .4021);
    experiment_case_finish(&c, "base-lr1-s1", .90, diverged);
    assert_string_equal(chosen(&c, "base"), "base-lr0.01-s1");
    experiment_case_close(&c);
}

// The best order is that of the measure which train.rank_by names, and the rule says so.
static void by_another_measure_of_ranking(void **state)
{
    (void)state;
    static const struct {
        const char *more, *key, *title;
    } measures[] = {{"train: {rank_by: gauc}\n", "gauc", "GAUC"},
                    {"train: {rank_by: auc}\n", "auc", "AUC"}};
    for (size_t i = 0; i < sizeof(measures) / sizeof(*measures); i++) {
        struct experiment_case c;
        char lines[128];
        snprintf(lines, sizeof(lines), "  methods: [clid]\n  seeds: [1]\n  ratios: [1, 10]\n%s",
                 measures[i].more);
        experiment_case_open(&c, lines);
        experiment_case_finish_by(&c, "base-lr0.001-s1", measures[i].key, .60, .40);
        experiment_case_finish_by(&c, "teacher-lr0.001-s1", measures[i].key, .59, .39);
        experiment_case_finish_by(&c, "clid-r1-lr0.001-s1", measures[i].key, .61, .40);
        experiment_case_finish_by(&c, "clid-r10-lr0.001-s1", measures[i].key, .62, .40);
        struct experiment_choice choice = choose(&c, "clid");
        assert_string_equal(c.plan.entries[choice.entry].id, "clid-r10-lr0.001-s1");
        assert_non_null(strstr(choice.rule, measures[i].title));
        assert_null(strstr(choice.rule, "NDCG"));
        bool stops;
        assert_int_equal(
            experiment_choice_stops(&c.experiment, &c.plan, method_find("clid"), &stops, NULL),
            STATUS_OK);
        assert_true(stops); // by NDCG@10 they are equal, by this measure the teacher is worse
        struct experiment_teacher check;
        assert_int_equal(
            experiment_choice_check(&c.experiment, &c.plan, method_find("teacher"), &check, NULL),
            STATUS_OK);
        near_is(check.rank_gain, -.01, 1e-12);
        experiment_case_close(&c);
    }
}

// A search on a share: compared with Base's spread on that share, .402 +- .025412, not with Base on
// all lists; the teacher of a search run is that of the share.
static void a_search_on_a_share(void **state)
{
    (void)state;
    struct experiment_case c;
    experiment_case_open(&c, "  methods: [clid]\n  seeds: [1, 2]\n  ratios: [1, 10]\n"
                             "  search_percent: 10\n");
    experiment_case_finish(&c, "base-lr0.001-p10-s1", .50, .400);
    experiment_case_finish(&c, "base-chosen-p10-s2", .50, .404);
    experiment_case_finish(&c, "base-chosen-s1", .60, .300);
    experiment_case_finish(&c, "base-chosen-s2", .60, .300);
    experiment_case_finish(&c, "clid-r1-lr0.001-p10-s1", .53, .4274);
    experiment_case_finish(&c, "clid-r10-lr0.001-p10-s1", .60, .4275);
    struct experiment_choice choice = choose(&c, "clid");
    near_is(choice.bound, .402 + .002 * tan(.95 * acos(-1) / 2), 1e-12);
    assert_string_equal(c.plan.entries[choice.entry].id, "clid-r1-lr0.001-p10-s1");
    static const struct {
        int64_t seed;
        const char *run, *taught, *teacher;
    } cases[] = {{1, "clid-chosen-s1", "clid-chosen-s1", "teacher-chosen-s1"},
                 {2, "clid-chosen-s2", "clid-chosen-s2", "teacher-chosen-s2"},
                 {1, "clid-chosen-s1", "clid-r10-lr0.001-p10-s1", "teacher-lr0.001-p10-s1"}};
    experiment_case_finish(&c, "teacher-lr0.001-p10-s1", .60, .3);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        ptrdiff_t entry;
        assert_int_equal(experiment_choice_run(&c.experiment, &c.plan, method_find("clid"),
                                               cases[i].seed, &entry, NULL),
                         STATUS_OK);
        assert_string_equal(c.plan.entries[entry].id, cases[i].run);
        const size_t taught = experiment_case_find(&c, cases[i].taught);
        assert_int_equal(experiment_choice_teacher(&c.experiment, &c.plan, &c.plan.entries[taught],
                                                   &entry, NULL),
                         STATUS_OK);
        assert_string_equal(c.plan.entries[entry].id, cases[i].teacher);
    }
    experiment_case_close(&c);
}

static bool stops(struct experiment_case *c, const char *method)
{
    bool stops;
    assert_int_equal(
        experiment_choice_stops(&c->experiment, &c->plan, method_find(method), &stops, NULL),
        STATUS_OK);
    return stops;
}

// Better is better in both measures, in the mean over seeds.
static void a_teacher_that_is_not_better_stops(void **state)
{
    (void)state;
    static const struct {
        double ndcg, logloss;
        bool stops;
    } second[] = {{.51, .39, false}, {.45, .39, true}, {.51, .45, true}};
    for (size_t i = 0; i < sizeof(second) / sizeof(*second); i++) {
        struct experiment_case c;
        experiment_case_open(&c, "  methods: [clid, selfkd, pal]\n  seeds: [1, 2]\n");
        experiment_case_finish(&c, "base-lr0.001-s1", .50, .40);
        experiment_case_finish(&c, "base-chosen-s2", .50, .40);
        experiment_case_finish(&c, "teacher-lr0.001-s1", .52, .39);
        assert_false(stops(&c, "clid")); // not known yet
        experiment_case_finish(&c, "teacher-chosen-s2", second[i].ndcg, second[i].logloss);
        assert_true(stops(&c, "clid") == second[i].stops);
        assert_false(stops(&c, "selfkd")); // a control: its teacher sees no more than Base
        assert_false(stops(&c, "pal"));
        c.experiment.config.teacher_check = EXPERIMENT_TEACHER_WARN;
        assert_false(stops(&c, "clid"));
        experiment_case_close(&c);
    }
}

// Of a teacher or a Base that diverged in every setting the runs tell; nothing is stopped for it.
static void what_diverged_stops_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct experiment_case c;
        experiment_case_open(&c, "  methods: [clid]\n  seeds: [1, 2]\n");
        experiment_case_finish(&c, "base-lr0.001-s1", .50, i == 0 ? diverged : .40);
        experiment_case_finish(&c, "base-chosen-s2", .50, i == 0 ? diverged : .40);
        experiment_case_finish(&c, "teacher-lr0.001-s1", .45, i == 1 ? diverged : .41);
        experiment_case_finish(&c, "teacher-chosen-s2", .45, i == 1 ? diverged : .41);
        assert_false(stops(&c, "clid"));
        experiment_case_close(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_best_order_within_the_bound),
        cmocka_unit_test(else_the_lowest_logloss),
        cmocka_unit_test(the_first_among_equals),
        cmocka_unit_test(nothing_to_choose_from),
        cmocka_unit_test(base_is_chosen_near_its_lowest_logloss),
        cmocka_unit_test(by_another_measure_of_ranking),
        cmocka_unit_test(a_search_on_a_share),
        cmocka_unit_test(a_teacher_that_is_not_better_stops),
        cmocka_unit_test(what_diverged_stops_nothing),
    };
    return cmocka_run_group_tests_name("experiment_choice", tests, NULL, NULL);
}
