// The runs of an experiment: how many, their names, who waits for whom.
#include "tests/support/experiment_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static size_t count_of(const struct experiment_case *c, const char *method)
{
    size_t count = 0;
    for (size_t i = 0; i < c->plan.count; i++)
        count += strcmp(c->plan.entries[i].method->name, method) == 0;
    return count;
}

// Grids multiply where a method has the setting; each other seed is one more run.
static void counts(void **state)
{
    (void)state;
    struct experiment_case c;
    experiment_case_open(&c, "  methods: [pointwise, clid, pal, rcr, selfkd]\n  seeds: [7, 1, 3]\n"
                             "  ratios: [0.1, 1, 10, 100]\n  taus: [1, 2]\n  lrs: [0.001, 0.01]\n");
    assert_int_equal(count_of(&c, "base"), 2 + 2);
    assert_int_equal(count_of(&c, "teacher"), 2 + 2);
    assert_int_equal(count_of(&c, "selfteacher"), 2 + 2);
    assert_int_equal(count_of(&c, "pal"), 2 + 2);
    assert_int_equal(count_of(&c, "pointwise"), 4 * 2 * 2 + 2);
    assert_int_equal(count_of(&c, "clid"), 4 * 2 + 2);
    assert_int_equal(count_of(&c, "rcr"), 4 * 2 + 2);
    assert_int_equal(count_of(&c, "selfkd"), 4 * 2 + 2);
    assert_int_equal(c.plan.method_count, 8);
    assert_int_equal(c.plan.count, 4 * 4 + 18 + 3 * 10);
    for (size_t i = 0; i < c.plan.count; i++) // the first seed searches
        assert_true(c.plan.entries[i].search == (c.plan.entries[i].seed == 7));
    experiment_case_close(&c);
}

static void names_tell_the_setting_and_are_unique(void **state)
{
    (void)state;
    struct experiment_case c;
    experiment_case_open(&c, "  methods: [pointwise, clid]\n  seeds: [1, 2]\n"
                             "  ratios: [0.001, 10000]\n  taus: [0.1, 10]\n");
    experiment_case_find(&c, "base-lr0.001-s1");
    experiment_case_find(&c, "base-chosen-s2");
    experiment_case_find(&c, "clid-r0.001-lr0.001-s1");
    experiment_case_find(&c, "pointwise-r10000-t0.1-lr0.001-s1");
    for (size_t i = 0; i < c.plan.count; i++)
        assert_int_equal(experiment_case_find(&c, c.plan.entries[i].id), i);
    experiment_case_close(&c);
}

// Names with every digit that a number can have, and the greatest seed, are whole.
static void long_names_are_not_cut(void **state)
{
    (void)state;
    struct experiment_case c;
    experiment_case_open(&c,
                         "  methods: [pointwise]\n  seeds: [9007199254740992]\n"
                         "  ratios: [1.2345678901234567e-05]\n  taus: [1.2345678901234567e-03]\n"
                         "  lrs: [1.2345678901234567e-05]\n");
    const char *id = c.plan.entries[c.plan.count - 1].id;
    assert_non_null(strstr(id, "pointwise-r1.2345678901234"));
    assert_string_equal(id + strlen(id) - strlen("-s9007199254740992"), "-s9007199254740992");
    experiment_case_close(&c);
}

static void who_waits_for_whom(void **state)
{
    (void)state;
    struct experiment_case c;
    experiment_case_open(&c, "  methods: [clid, pal]\n  seeds: [1, 2]\n");
    static const struct {
        const char *waits, *for_whom;
        bool yes;
    } cases[] = {
        {"base-chosen-s2", "base-lr0.001-s1", true},
        {"base-chosen-s2", "teacher-lr0.001-s1", false},
        {"clid-r1-lr0.001-s1", "teacher-lr0.001-s1", true},
        {"clid-r1-lr0.001-s1", "teacher-chosen-s2", true}, // is the teacher better, in the mean?
        {"clid-r1-lr0.001-s1", "base-chosen-s2", true},
        {"clid-r1-lr0.001-s1", "pal-lr0.001-s1", false},
        {"pal-chosen-s2", "base-chosen-s2", true}, // the bound of the choice
        {"pal-chosen-s2", "pal-lr0.001-s1", true},
        {"pal-chosen-s2", "teacher-chosen-s2", false},
        {"clid-chosen-s2", "clid-r1-lr0.001-s1", true},
        {"base-lr0.001-s1", "base-chosen-s2", false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        assert_true(experiment_plan_waits(&c.plan, experiment_case_find(&c, cases[i].waits),
                                          experiment_case_find(&c, cases[i].for_whom)) ==
                    cases[i].yes);
    for (size_t a = 0; a < c.plan.count; a++) // a level does not wait for itself or a later one
        for (size_t b = 0; b < c.plan.count; b++)
            if (c.plan.entries[a].level <= c.plan.entries[b].level)
                assert_false(experiment_plan_waits(&c.plan, a, b));
    experiment_case_close(&c);
}

// Below 100 percent every seed has a run of its own on all lists, and Base one a seed on the share.
static void a_search_on_a_share(void **state)
{
    (void)state;
    struct experiment_case c;
    experiment_case_open(&c, "  methods: [clid, pal]\n  seeds: [7, 1, 3]\n  ratios: [0.1, 1]\n"
                             "  search_percent: 10\n");
    assert_int_equal(count_of(&c, "base"), 1 + 2 + 3);
    assert_int_equal(count_of(&c, "teacher"), 1 + 3);
    assert_int_equal(count_of(&c, "pal"), 1 + 3);
    assert_int_equal(count_of(&c, "clid"), 2 + 3);
    static const struct {
        const char *id;
        int64_t percent;
        int level;
    } cases[] = {{"base-lr0.001-p10-s7", 10, 0},      {"base-chosen-p10-s3", 10, 1},
                 {"base-chosen-s7", 100, 1},          {"teacher-chosen-s7", 100, 1},
                 {"clid-r0.1-lr0.001-p10-s7", 10, 2}, {"clid-chosen-s7", 100, 3},
                 {"pal-lr0.001-p10-s7", 10, 0},       {"pal-chosen-s1", 100, 3}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const size_t entry = experiment_case_find(&c, cases[i].id);
        struct train_config config = {.data_train_percent = 100};
        assert_int_equal(c.plan.entries[entry].percent, cases[i].percent);
        assert_int_equal(c.plan.entries[entry].level, cases[i].level);
        experiment_plan_share(&c.plan.entries[entry], &config);
        assert_int_equal(config.data_train_percent, cases[i].percent);
    }
    const size_t chosen = experiment_case_find(&c, "pal-chosen-s7");
    assert_true(
        experiment_plan_waits(&c.plan, chosen, experiment_case_find(&c, "base-chosen-p10-s1")));
    experiment_case_close(&c);
}

static void what_blocks(void **state)
{
    (void)state;
    struct experiment_case c;
    experiment_case_open(&c, "  methods: [base]\n  seeds: [1, 2]\n");
    size_t first = experiment_case_find(&c, "base-lr0.001-s1");
    size_t second = experiment_case_find(&c, "base-chosen-s2");
    assert_int_equal(experiment_plan_blocker(&c.plan, first), EXPERIMENT_NONE);
    assert_int_equal(experiment_plan_blocker(&c.plan, second), first);
    experiment_case_finish(&c, "base-lr0.001-s1", .5, .4);
    assert_int_equal(experiment_plan_blocker(&c.plan, second), EXPERIMENT_NONE);
    assert_int_equal(experiment_plan_look(&c.experiment, &c.plan), 1);
    experiment_case_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts),
        cmocka_unit_test(names_tell_the_setting_and_are_unique),
        cmocka_unit_test(long_names_are_not_cut),
        cmocka_unit_test(who_waits_for_whom),
        cmocka_unit_test(a_search_on_a_share),
        cmocka_unit_test(what_blocks),
    };
    return cmocka_run_group_tests_name("experiment_plan", tests, NULL, NULL);
}
