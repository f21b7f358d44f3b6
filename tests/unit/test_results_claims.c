// The claims: rules by a table, claims on results made by hand.
#include "model/train/results_claims.h"

#include "tests/support/check.h"
#include "tests/support/results_made.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

// Whether each rule holds of an interval, in the order of enum results_rule.
static void rules(void **state)
{
    (void)state;
    static const struct {
        double low, high;
        const char *seen; // '1', '0', '?'
    } cases[] = {
        {.1, .2, "1001010"},
        {-.2, -.1, "0110011"},
        {-.1, .1, "0011101"},
        {0, .2, "0011101"},
        {-.2, 0, "0011101"},
        {0, 0, "0011101"},
        {-.2, 1, "0011100"},  // mean .4
        {-1, 1.5, "0011101"}, // mean .25
        {(double)NAN, (double)NAN, "???????"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        for (enum results_rule rule = RESULTS_ABOVE; rule <= RESULTS_AT_MOST; rule++) {
            const struct results_interval interval = {.mean = (cases[i].low + cases[i].high) / 2,
                                                      .low = cases[i].low,
                                                      .high = cases[i].high};
            const enum results_seen seen = results_claims_judge(rule, &interval);
            if ("01?"[seen] != cases[i].seen[rule])
                fail_msg("[%g, %g], rule %d: %c", cases[i].low, cases[i].high, rule, "01?"[seen]);
        }
}

static const struct json_value *claim(const struct json_value *list, const char *id)
{
    for (size_t i = 0; i < json_value_size(list); i++) {
        const struct json_value *item = json_value_at(list, i);
        if (span_is(json_value_text(json_value_get(item, "id")), id))
            return item;
    }
    fail_msg("no claim %s", id);
    return NULL;
}

static char seen(const struct json_value *item)
{
    const struct json_value *value = json_value_get(item, "seen");
    if (json_value_kind(value) == JSON_VALUE_NULL)
        return '?';
    return json_value_bool(value) ? '1' : '0';
}

static const struct json_value *check(const struct json_value *list, const char *id, size_t index)
{
    return json_value_at(json_value_get(claim(list, id), "checks"), index);
}

static const char *text(const struct json_value *map, const char *key)
{
    return json_value_text(json_value_get(map, key)).data;
}

static double number(const struct json_value *map, const char *key)
{
    return json_value_number(json_value_get(map, key));
}

static void add(struct results_table *table, const char *method, enum results_measure measure,
                const double *values)
{
    results_made_method(table, method, measure, values);
}

// A1: CLID is .03, .04 and .05 above the others: deviation .01, t(.05, 2) = 4.3027,
// half = 4.3027 * .01 / sqrt(3) = .02484.
static void a_claim_of_three_checks(void **state)
{
    (void)state;
    struct results_table table;
    results_made_init(&table, 3);
    add(&table, "base", RESULTS_NDCG10, (double[]){.50, .50, .50});
    add(&table, "clid", RESULTS_NDCG10, (double[]){.53, .54, .55});
    add(&table, "pointwise", RESULTS_NDCG10, (double[]){.50, .50, .50});
    struct json_value *list = results_claims_list(&table);
    assert_int_equal(json_value_size(list), 12);
    const struct json_value *first = check(list, "A1", 0);
    assert_string_equal(text(first, "what"), "CLID - Base, NDCG@10");
    assert_string_equal(text(first, "interval"), "paired seeds");
    assert_true(fabs(number(first, "mean") - .04) < 1e-12);
    assert_true(fabs(number(first, "low") - (.04 - .02484)) < 1e-5);
    assert_true(fabs(number(first, "high") - (.04 + .02484)) < 1e-5);
    assert_int_equal(json_value_int(json_value_get(first, "n")), 3);
    assert_int_equal(seen(first), '1');
    // PriDropOut is not there: neither seen nor not.
    assert_int_equal(seen(check(list, "A1", 2)), '?');
    assert_string_equal(text(check(list, "A1", 2), "note"), "not in this experiment");
    assert_int_equal(seen(claim(list, "A1")), '?');
    assert_string_equal(text(claim(list, "A1"), "words"), "1 of 3 required checks cannot be told");
    json_value_free(list);
    add(&table, "pridropout", RESULTS_NDCG10, (double[]){.49, .51, .50});
    list = results_claims_list(&table);
    assert_int_equal(seen(claim(list, "A1")), '1');
    json_value_free(list);
    // One that is not seen decides, whatever is missing.
    add(&table, "pointwise", RESULTS_NDCG10, (double[]){.51, .53, .56});
    results_made_run(&table, "pridropout", 1)->finished = false;
    results_made_run(&table, "pridropout", 2)->finished = false;
    list = results_claims_list(&table);
    assert_int_equal(seen(check(list, "A1", 1)), '0');
    assert_int_equal(seen(check(list, "A1", 2)), '?');
    assert_int_equal(seen(claim(list, "A1")), '0');
    json_value_free(list);
    results_table_free(&table);
}

// A3 is relative, in percent: per seed +.2 %, 0, +.4 %, so the mean is +.2 % and the interval
// includes 0; with +.4 % more the mean is above .3 %.
static void a_relative_limit(void **state)
{
    (void)state;
    struct results_table table;
    results_made_init(&table, 3);
    add(&table, "base", RESULTS_LOGLOSS, (double[]){.5, .5, .5});
    add(&table, "clid", RESULTS_LOGLOSS, (double[]){.501, .5, .502});
    struct json_value *list = results_claims_list(&table);
    assert_true(fabs(number(check(list, "A3", 0), "mean") - .2) < 1e-12);
    assert_string_equal(text(check(list, "A3", 0), "what"), "CLID - Base, LogLoss, %");
    assert_int_equal(seen(claim(list, "A3")), '1');
    assert_int_equal(json_value_size(json_value_get(claim(list, "A3"), "checks")), 1); // no truth
    json_value_free(list);
    add(&table, "clid", RESULTS_LOGLOSS, (double[]){.502, .5, .504});
    add(&table, "clid", RESULTS_TRUE_ERROR, (double[]){.04, .05, .06});
    add(&table, "base", RESULTS_TRUE_ERROR, (double[]){.04, .05, .05});
    list = results_claims_list(&table);
    assert_int_equal(seen(claim(list, "A3")), '0');
    // The truth stands beside the rule.
    assert_int_equal(json_value_size(json_value_get(claim(list, "A3"), "checks")), 2);
    assert_false(json_value_bool(json_value_get(check(list, "A3", 1), "required")));
    assert_int_equal(seen(check(list, "A3", 1)), '1');
    json_value_free(list);
    results_table_free(&table);
}

static void set_rate(struct results_table *table, const char *data)
{
    json_value_free(table->data);
    assert_int_equal(json_value_parse(span_of(data), &table->data, NULL), STATUS_OK);
}

// A6: slope of ListNet near r = 100 above 1; a matter of base rates of 15 % and more.
static void a_base_rate(void **state)
{
    (void)state;
    struct results_table table;
    results_made_init(&table, 2);
    add(&table, "base", RESULTS_SLOPE, (double[]){1, 1.01});
    const size_t chosen = results_made_search(&table, "listnet", .01);
    results_made_choose(&table, chosen);
    const size_t large = results_made_search(&table, "listnet", 50);
    table.runs[large].test[RESULTS_SLOPE] = 1.4;
    set_rate(&table, "{\"test\": {\"docs\": 1000, \"clicks\": 150}}");
    struct json_value *list = results_claims_list(&table);
    // t(.05, 1) times the deviation of Base, .01 / sqrt(2)
    const struct json_value *first = check(list, "A6", 0);
    assert_string_equal(text(first, "what"), "Base+ListNet at r = 50 - 1, slope");
    assert_string_equal(text(first, "interval"), "spread of Base");
    assert_true(fabs(number(first, "low") - (.4 - 12.7062047 * .01 / sqrt(2))) < 1e-8);
    assert_int_equal(seen(claim(list, "A6")), '1');
    json_value_free(list);
    set_rate(&table, "{\"test\": {\"docs\": 1000, \"clicks\": 149}}");
    list = results_claims_list(&table);
    assert_int_equal(seen(claim(list, "A6")), '?');
    assert_string_equal(text(claim(list, "A6"), "words"),
                        "the base rate, 14.9 %, is below 15 %: not required");
    json_value_free(list);
    set_rate(&table, "{}");
    list = results_claims_list(&table);
    assert_string_equal(text(claim(list, "A6"), "words"), "the base rate is not known");
    json_value_free(list);
    results_table_free(&table);
}

// A10 over the ratios .001, 1 (best and chosen) and 10000.
static void a_sweep(void **state)
{
    (void)state;
    static const double ratios[] = {.001, 1, 10000}, loss[] = {.5, .48, .7}, ndcg[] = {.5, .6, .4};
    struct results_table table;
    results_made_init(&table, 2);
    add(&table, "base", RESULTS_LOGLOSS, (double[]){.5, .502});
    add(&table, "base", RESULTS_NDCG10, (double[]){.5, .501});
    size_t runs[3];
    for (size_t i = 0; i < 3; i++) {
        struct results_run *run =
            &table.runs[runs[i] = results_made_search(&table, "clid", ratios[i])];
        run->test[RESULTS_LOGLOSS] = run->valid[RESULTS_LOGLOSS] = loss[i];
        run->test[RESULTS_NDCG10] = run->valid[RESULTS_NDCG10] = ndcg[i];
    }
    results_made_choose(&table, runs[1]);
    struct json_value *list = results_claims_list(&table);
    assert_string_equal(text(check(list, "A10", 0), "what"),
                        "CLID at r = 10000 - CLID at r = 1, LogLoss");
    assert_int_equal(seen(claim(list, "A10")), '1');
    json_value_free(list);
    // Training that ran away is worse than all that did not, though it has no number.
    table.runs[runs[2]].diverged = true;
    for (size_t m = 0; m < RESULTS_MEASURES; m++)
        table.runs[runs[2]].test[m] = table.runs[runs[2]].valid[m] = (double)NAN;
    list = results_claims_list(&table);
    assert_int_equal(seen(check(list, "A10", 0)), '1');
    assert_string_equal(text(check(list, "A10", 0), "note"), "diverged");
    assert_int_equal(json_value_kind(json_value_get(check(list, "A10", 0), "mean")),
                     JSON_VALUE_NULL);
    assert_int_equal(seen(claim(list, "A10")), '1');
    json_value_free(list);
    // Nothing within a factor of 10 of .001.
    table.runs[runs[0]].setting.ratio = .1;
    list = results_claims_list(&table);
    assert_string_equal(text(check(list, "A10", 1), "note"), "no such ratio in the grid");
    assert_int_equal(seen(claim(list, "A10")), '?');
    json_value_free(list);
    results_table_free(&table);
}

// By another measure of ranking the claims are judged and worded by that one, and what A9 asks of
// GAUC by name is asked once.
static void ranking_by_gauc(void **state)
{
    (void)state;
    struct results_table table;
    results_made_init(&table, 3);
    table.rank = RESULTS_GAUC;
    static const char *const methods[] = {"base", "pointwise", "listnet", "clid"};
    for (size_t i = 0; i < 4; i++) { // by NDCG@10 all is the other way round
        const double gauc = .6 + .01 * (double)i, ndcg = .6 - .01 * (double)i;
        add(&table, methods[i], RESULTS_GAUC, (double[]){gauc, gauc + .001, gauc});
        add(&table, methods[i], RESULTS_NDCG10, (double[]){ndcg, ndcg + .001, ndcg});
    }
    struct json_value *list = results_claims_list(&table);
    assert_string_equal(text(check(list, "A1", 0), "what"), "CLID - Base, GAUC");
    assert_string_equal(text(check(list, "A1", 0), "measure"), "gauc");
    assert_true(fabs(number(check(list, "A1", 0), "mean") - .03) < 1e-12);
    assert_int_equal(seen(check(list, "A1", 0)), '1');
    assert_non_null(strstr(text(claim(list, "A8"), "claim"), "GAUC between Base and CLID"));
    assert_non_null(strstr(text(claim(list, "A5"), "note"), "at its best GAUC"));
    const struct json_value *a9 = json_value_get(claim(list, "A9"), "checks");
    assert_int_equal(json_value_size(a9), 6); // 9, of which 3 ask for GAUC once more
    json_value_free(list);
    table.rank = RESULTS_NDCG10;
    list = results_claims_list(&table);
    assert_int_equal(seen(check(list, "A1", 0)), '0');
    assert_int_equal(json_value_size(json_value_get(claim(list, "A9"), "checks")), 9);
    json_value_free(list);
    results_table_free(&table);
}

static void one_seed_tells_nothing(void **state)
{
    (void)state;
    struct results_table table;
    results_made_init(&table, 1);
    add(&table, "base", RESULTS_LOGLOSS, (double[]){.5});
    add(&table, "base", RESULTS_NDCG10, (double[]){.5});
    add(&table, "teacher", RESULTS_LOGLOSS, (double[]){.4});
    add(&table, "teacher", RESULTS_NDCG10, (double[]){.6});
    struct json_value *list = results_claims_list(&table);
    assert_true(fabs(number(check(list, "A11", 0), "mean") - .1) < 1e-12);
    assert_string_equal(text(check(list, "A11", 0), "note"), "fewer than two seeds: no interval");
    assert_int_equal(seen(claim(list, "A11")), '?');
    json_value_free(list);
    results_table_free(&table);
}

static void nothing_at_all(void **state)
{
    (void)state;
    struct results_table table;
    results_made_init(&table, 2);
    struct json_value *list = results_claims_list(&table);
    assert_int_equal(json_value_size(list), 12);
    for (size_t i = 0; i < 12; i++)
        assert_int_equal(seen(json_value_at(list, i)), '?');
    json_value_free(list);
    results_table_free(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules),
        cmocka_unit_test(a_claim_of_three_checks),
        cmocka_unit_test(a_relative_limit),
        cmocka_unit_test(a_base_rate),
        cmocka_unit_test(a_sweep),
        cmocka_unit_test(ranking_by_gauc),
        cmocka_unit_test(one_seed_tells_nothing),
        cmocka_unit_test(nothing_at_all),
    };
    return cmocka_run_group_tests_name("results_claims", tests, NULL, NULL);
}
