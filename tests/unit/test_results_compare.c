// Means and paired differences over seeds, against values worked by hand. With two pairs the half
// of the interval is t(.05, 1) |d1 - d2| / 2, t(.05, 1) = 12.706204736174707.
#include "model/train/results_compare.h"

#include "tests/support/check.h"
#include "tests/support/results_made.h"

#include <math.h>

static const double t1 = 12.706204736174707, t2 = 4.302652729749464;

static void is(double got, double want)
{
    if (!(fabs(got - want) <= 1e-12 * (1 + fabs(want))))
        fail_msg("got %.17g, want %.17g", got, want);
}

static struct results_interval difference(const struct results_table *table, const char *a,
                                          enum results_at a_at, const char *b, bool relative)
{
    struct results_interval interval;
    const struct results_pair pair = {
        .a = results_compare_sample(table, a, a_at),
        .b = results_compare_sample(table, b, RESULTS_CHOSEN),
        .ideal = b[0] == '\0',
        .relative = relative,
    };
    results_compare_difference(table, &pair, RESULTS_TEST, RESULTS_LOGLOSS, &interval);
    return interval;
}

static void means(void **state)
{
    (void)state;
    struct results_table table;
    struct results_interval interval;
    results_made_init(&table, 3);
    results_made_method(&table, "base", RESULTS_LOGLOSS, (double[]){.4, .5, .6});
    const struct results_sample base = results_compare_sample(&table, "base", RESULTS_CHOSEN);
    results_compare_mean(&table, &base, RESULTS_TEST, RESULTS_LOGLOSS, &interval);
    is(interval.mean, .5);
    is(interval.half, t2 * .1 / sqrt(3));
    is(interval.low, .5 - t2 * .1 / sqrt(3));
    assert_int_equal(interval.n, 3);
    results_made_run(&table, "base", 2)->finished = false;
    results_compare_mean(&table, &base, RESULTS_TEST, RESULTS_LOGLOSS, &interval);
    is(interval.mean, .45);
    is(interval.high, .45 + t1 * .05);
    assert_int_equal(interval.n, 2);
    results_compare_mean(&table, &base, RESULTS_VALID, RESULTS_LOGLOSS, &interval);
    assert_true(interval.n == 0 && isnan(interval.mean) && isnan(interval.low));
    results_table_free(&table);
}

static void differences_are_paired(void **state)
{
    (void)state;
    struct results_table table;
    results_made_init(&table, 3);
    results_made_method(&table, "base", RESULTS_LOGLOSS, (double[]){.4, .5, .8});
    results_made_method(&table, "clid", RESULTS_LOGLOSS, (double[]){.39, .48, (double)NAN});
    // pairs -.01 and -.02; the third seed has one run only
    struct results_interval interval = difference(&table, "clid", RESULTS_CHOSEN, "base", false);
    assert_int_equal(interval.n, 2);
    is(interval.mean, -.015);
    is(interval.half, t1 * .005);
    assert_false(interval.spread);
    assert_false(results_compare_significant(&interval));
    // -2.5 % and -4 %
    interval = difference(&table, "clid", RESULTS_CHOSEN, "base", true);
    is(interval.mean, -3.25);
    is(interval.half, t1 * .75);
    // to the ideal: -.61, -.52
    interval = difference(&table, "clid", RESULTS_CHOSEN, "", false);
    is(interval.mean, -.565);
    is(interval.high, -.565 + t1 * .045);
    interval = difference(&table, "clid", RESULTS_CHOSEN, "pal", false);
    assert_true(interval.n == 0 && isnan(interval.mean) && isnan(interval.half));
    results_table_free(&table);
}

// Equal runs differ by 0 exactly, which is not significant; equal differences other than 0 are.
static void ties(void **state)
{
    (void)state;
    struct results_table table;
    results_made_init(&table, 2);
    results_made_method(&table, "base", RESULTS_LOGLOSS, (double[]){.25, .5});
    results_made_method(&table, "clid", RESULTS_LOGLOSS, (double[]){.25, .5});
    struct results_interval interval = difference(&table, "clid", RESULTS_CHOSEN, "base", false);
    is(interval.mean, 0);
    is(interval.half, 0);
    assert_false(results_compare_significant(&interval));
    results_made_method(&table, "clid", RESULTS_LOGLOSS, (double[]){.375, .625});
    interval = difference(&table, "clid", RESULTS_CHOSEN, "base", false);
    is(interval.low, .125);
    assert_true(results_compare_significant(&interval));
    results_table_free(&table);
}

static void one_seed_has_no_interval(void **state)
{
    (void)state;
    struct results_table table;
    results_made_init(&table, 1);
    results_made_method(&table, "base", RESULTS_LOGLOSS, (double[]){.4});
    results_made_method(&table, "clid", RESULTS_LOGLOSS, (double[]){.3});
    const struct results_interval interval =
        difference(&table, "clid", RESULTS_CHOSEN, "base", false);
    assert_int_equal(interval.n, 1);
    is(interval.mean, -.1);
    assert_true(isnan(interval.half) && isnan(interval.low) && !interval.spread);
    assert_false(results_compare_significant(&interval));
    results_table_free(&table);
}

// clid at r = .001, .1, 100, 1000 (chosen), 50000 with another learning rate.
static void fill_sweep(struct results_table *table)
{
    static const double ratios[] = {.001, .1, 100, 1000, 50000};
    static const double ndcg[] = {.5, .7, .7, .6, (double)NAN};
    static const double logloss[] = {.41, .40, .42, .40, (double)NAN};
    results_made_init(table, 2);
    results_made_method(table, "base", RESULTS_LOGLOSS, (double[]){.4, .5});
    size_t chosen = 0;
    for (size_t i = 0; i < 5; i++) {
        const size_t run = results_made_search(table, "clid", ratios[i]);
        table->runs[run].valid[RESULTS_NDCG10] = ndcg[i];
        table->runs[run].valid[RESULTS_LOGLOSS] = logloss[i];
        table->runs[run].test[RESULTS_LOGLOSS] = logloss[i] + .1;
        if (i == 3)
            chosen = run;
        if (i == 4)
            table->runs[run].setting.lr = .01;
    }
    results_made_choose(table, chosen);
}

// Base on all lists .40, .42; on a share of them .50 (its search run), .52: a search run on the
// share differs from .50, by the spread of the share, and not from .40.
static void like_is_compared_with_like(void **state)
{
    (void)state;
    struct results_table table;
    results_made_init(&table, 2);
    table.share = true;
    const size_t search = results_made_search(&table, "base", (double)NAN);
    results_made_choose(&table, search);
    struct results_run *other = &table.runs[table.run_count++];
    *other = table.runs[search]; // of seed 2 on the share
    other->search = false;
    other->share = table.runs[search].share = true;
    other->test[RESULTS_LOGLOSS] = .52;
    table.runs[search].test[RESULTS_LOGLOSS] = .50;
    struct results_run *full = &table.runs[table.run_count];
    *full = table.runs[search];
    full->search = full->share = false;
    table.methods[0].runs[0] = (ptrdiff_t)table.run_count++;
    results_made_run(&table, "base", 0)->test[RESULTS_LOGLOSS] = .40;
    results_made_run(&table, "base", 1)->test[RESULTS_LOGLOSS] = .42;
    const size_t clid = results_made_search(&table, "clid", 1);
    table.runs[clid].share = true;
    table.runs[clid].test[RESULTS_LOGLOSS] = .53;

    struct results_interval base, mean, interval;
    const struct results_pair pair = {
        .a = {results_table_find(&table, "clid"), (ptrdiff_t)clid, false},
        .b = results_compare_sample(&table, "base", RESULTS_CHOSEN)};
    results_compare_mean(&table, &pair.b, RESULTS_TEST, RESULTS_LOGLOSS, &mean);
    is(mean.mean, .41);
    results_compare_base(&table, RESULTS_TEST, RESULTS_LOGLOSS, &base);
    is(base.mean, .51);
    is(base.half, 12.706204736174707 * .01);
    results_compare_difference(&table, &pair, RESULTS_TEST, RESULTS_LOGLOSS, &interval);
    assert_int_equal(interval.n, 1);
    is(interval.mean, .53 - .50);
    assert_true(interval.spread);
    is(interval.half, 12.706204736174707 * .01 * 2); // t sqrt(2) sd, sd = .01 sqrt(2)
    results_table_free(&table);
}

static void which_runs(void **state)
{
    (void)state;
    static const struct {
        enum results_at at;
        double ratio; // NaN: none
    } cases[] = {
        {RESULTS_CHOSEN, 1000},     {RESULTS_BEST_RANK, .1}, // a tie: the earlier
        {RESULTS_BEST_LOGLOSS, .1}, {RESULTS_R_1E_3, .001},
        {RESULTS_R_1E2, 100},       {RESULTS_R_1E4, 1000}, // 50000 has another learning rate
    };
    struct results_table table;
    fill_sweep(&table);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const struct results_sample sample = results_compare_sample(&table, "clid", cases[i].at);
        assert_int_not_equal(sample.search, EXPERIMENT_NONE);
        is(table.runs[sample.search].setting.ratio, cases[i].ratio);
        assert_int_equal(sample.all, cases[i].ratio > 999);
    }
    table.runs[results_compare_sample(&table, "clid", RESULTS_R_1E_3).search].setting.ratio = .02;
    assert_int_equal(results_compare_sample(&table, "clid", RESULTS_R_1E_3).search,
                     EXPERIMENT_NONE); // more than a factor of 10
    assert_int_equal(results_compare_sample(&table, "base", RESULTS_R_1E2).search, EXPERIMENT_NONE);
    results_table_free(&table);
}

// Base's deviation over its two seeds is .1 / sqrt(2), its t is that of one degree of freedom.
static void one_run_has_the_spread_of_base(void **state)
{
    (void)state;
    struct results_table table;
    fill_sweep(&table);
    struct results_interval interval = difference(&table, "clid", RESULTS_R_1E2, "base", false);
    assert_int_equal(interval.n, 1);
    is(interval.mean, .52 - .4);
    is(interval.half, t1 * .1);
    assert_true(interval.spread);
    interval = difference(&table, "clid", RESULTS_R_1E2, "", false);
    is(interval.mean, .52 - 1);
    is(interval.half, t1 * .1 / sqrt(2));
    interval = difference(&table, "clid", RESULTS_R_1E2, "base", true);
    is(interval.mean, 30);
    is(interval.half, 100 * t1 * .1 / .45);
    // At the chosen ratio there are two seeds, so it has an interval of its own.
    results_made_run(&table, "clid", 1)->test[RESULTS_LOGLOSS] = .7;
    interval = difference(&table, "clid", RESULTS_R_1E4, "base", false);
    assert_int_equal(interval.n, 2);
    assert_false(interval.spread);
    is(interval.mean, .15);
    is(interval.half, t1 * .05);
    results_table_free(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(means),
        cmocka_unit_test(differences_are_paired),
        cmocka_unit_test(ties),
        cmocka_unit_test(one_seed_has_no_interval),
        cmocka_unit_test(like_is_compared_with_like),
        cmocka_unit_test(which_runs),
        cmocka_unit_test(one_run_has_the_spread_of_base),
    };
    return cmocka_run_group_tests_name("results_compare", tests, NULL, NULL);
}
