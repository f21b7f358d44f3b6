#include "model/train/results_claims.h"

#include "base/buf.h"
#include "base/num.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { CLAIMS_TEXT = 1024 };

enum { RESULTS_RANK = RESULTS_MEASURES }; // of a check: the table's measure of ranking

enum claim_weight { CLAIM_REQUIRED, CLAIM_SHOWN };

struct claim {
    const char *id, *words;
    double rate;
    const char *note;
};

struct check {
    const char *claim;
    enum claim_weight weight;
    unsigned measure; // of results_measure, or RESULTS_RANK
    const char *a;
    enum results_at a_at;
    const char *b;
    enum results_at b_at;
    enum results_rule rule;
};

#define CLAIM(id, words, rate, note) {#id, words, rate, note},
#define CHECK(...)
static const struct claim claims[] = {
#include "model/train/results_claims.def"
};
#undef CLAIM
#undef CHECK
#define CLAIM(...)
#define CHECK(claim, weight, measure, a, a_at, b, b_at, rule)                                      \
    {#claim, CLAIM_##weight, RESULTS_##measure, #a, RESULTS_##a_at,                                \
     #b,     RESULTS_##b_at, RESULTS_##rule},
static const struct check checks[] = {
#include "model/train/results_claims.def"
};
#undef CLAIM
#undef CHECK

static const double at_most_percent = .3; // "the mean is <= +0.3 %"

static enum results_measure claims_measure(const struct results_table *table,
                                           const struct check *check)
{
    return check->measure == RESULTS_RANK ? table->rank : (enum results_measure)check->measure;
}

// Whether it asks for what an earlier one has asked for: A9 asks for GAUC by name.
static bool claims_is_double(const struct results_table *table, const struct check *check)
{
    for (const struct check *before = checks; before < check; before++)
        if (strcmp(before->claim, check->claim) == 0 && strcmp(before->a, check->a) == 0 &&
            strcmp(before->b, check->b) == 0 && before->a_at == check->a_at &&
            before->b_at == check->b_at &&
            claims_measure(table, before) == claims_measure(table, check))
            return true;
    return false;
}

// Words of the table with "{rank}" filled in.
static void claims_set_words(const struct results_table *table, const char *key, const char *words,
                             struct json_value *item)
{
    static const char token[] = "{rank}";
    const char *at = strstr(words, token);
    struct buf text;
    if (at == NULL) {
        json_value_set_text(item, key, words);
        return;
    }
    buf_init(&text, CLAIMS_TEXT);
    buf_span(&text, (struct span){words, (size_t)(at - words)});
    buf_text(&text, results_table_measures[table->rank].title);
    buf_text(&text, at + sizeof(token) - 1);
    json_value_set_text(item, key, buf_status(&text) == STATUS_OK ? text.data : words);
    buf_fini(&text);
}

static const char *claims_rule_words(enum results_rule rule)
{
    static const char *const words[] = {
        [RESULTS_ABOVE] = "above 0",
        [RESULTS_BELOW] = "below 0",
        [RESULTS_NOT_ABOVE] = "not above 0",
        [RESULTS_NOT_BELOW] = "not below 0",
        [RESULTS_AROUND] = "0 is inside",
        [RESULTS_APART] = "0 is outside",
        [RESULTS_AT_MOST] = "not above 0, mean at most 0.3 %",
    };
    return words[rule];
}

enum results_seen results_claims_judge(enum results_rule rule,
                                       const struct results_interval *interval)
{
    if (isnan(interval->low) || isnan(interval->high))
        return RESULTS_OPEN;
    const bool above = interval->low > 0, below = interval->high < 0;
    bool seen = false;
    switch (rule) {
    case RESULTS_ABOVE:
        seen = above;
        break;
    case RESULTS_BELOW:
        seen = below;
        break;
    case RESULTS_NOT_ABOVE:
        seen = !above;
        break;
    case RESULTS_NOT_BELOW:
        seen = !below;
        break;
    case RESULTS_AROUND:
        seen = !above && !below;
        break;
    case RESULTS_APART:
        seen = above || below;
        break;
    case RESULTS_AT_MOST:
        seen = !above && interval->mean <= at_most_percent;
        break;
    }
    return seen ? RESULTS_SEEN : RESULTS_NOT_SEEN;
}

static void claims_set_seen(struct json_value *map, enum results_seen seen)
{
    if (seen == RESULTS_OPEN)
        json_value_set_number(map, "seen", (double)NAN); // null
    else
        json_value_set_bool(map, "seen", seen == RESULTS_SEEN);
}

// "CLID at r = 100", the title alone for the chosen setting.
static void claims_name(const struct results_table *table, const char *name, enum results_at at,
                        const struct results_sample *sample, struct buf *out)
{
    buf_text(out, method_find(name)->title);
    if (at == RESULTS_CHOSEN || sample->search == EXPERIMENT_NONE)
        return;
    char number[NUM_DOUBLE_TEXT];
    const double ratio = table->runs[sample->search].setting.ratio;
    if (!isnan(ratio))
        buf_printf(out, " at r = %s", num_double_text(ratio, number));
}

// Why a check cannot be told; "" if it can.
static const char *claims_why_open(const struct results_table *table, const struct check *check,
                                   const struct results_pair *pair)
{
    const struct results_sample *sides[] = {&pair->a, &pair->b};
    const enum results_at at[] = {check->a_at, check->b_at};
    for (size_t i = 0; i < (pair->ideal ? 1u : 2u); i++) {
        if (sides[i]->method == NULL)
            return "not in this experiment";
        if (sides[i]->search == EXPERIMENT_NONE)
            return sides[i]->method->chosen && at[i] >= RESULTS_R_1E_3 ? "no such ratio in the grid"
                                                                       : "not finished";
        const struct results_run *run = results_compare_run(table, sides[i], 0);
        if (run == NULL)
            return "not finished";
        if (run->diverged && !sides[i]->all)
            return "diverged";
    }
    return "fewer than two seeds: no interval";
}

// A loss that ran away is above every other.
static bool claims_ran_away(const struct results_table *table, const struct check *check,
                            const struct results_pair *pair)
{
    const struct results_run *run = results_compare_run(table, &pair->a, 0);
    return run != NULL && run->diverged && !pair->a.all && check->rule == RESULTS_ABOVE &&
           results_table_measures[claims_measure(table, check)].better == RESULTS_LOWER;
}

static enum results_seen claims_check(const struct results_table *table, const struct check *check,
                                      struct json_value *list)
{
    const struct results_pair pair = {
        .a = results_compare_sample(table, check->a, check->a_at),
        .b = results_compare_sample(table, check->b, check->b_at),
        .ideal = check->b[0] == '\0',
        .relative = check->rule == RESULTS_AT_MOST,
    };
    const enum results_measure measure = claims_measure(table, check);
    struct results_interval interval;
    results_compare_difference(table, &pair, RESULTS_TEST, measure, &interval);
    enum results_seen seen = results_claims_judge(check->rule, &interval);
    const char *note = seen == RESULTS_OPEN ? claims_why_open(table, check, &pair) : "";
    if (seen == RESULTS_OPEN && claims_ran_away(table, check, &pair))
        seen = RESULTS_SEEN;
    struct buf what;
    buf_init(&what, CLAIMS_TEXT);
    claims_name(table, check->a, check->a_at, &pair.a, &what);
    buf_text(&what, " - ");
    if (pair.ideal)
        buf_char(&what, '1');
    else
        claims_name(table, check->b, check->b_at, &pair.b, &what);
    buf_printf(&what, ", %s%s", results_table_measures[measure].title, pair.relative ? ", %" : "");
    struct json_value *item = json_value_new_map();
    json_value_set_text(item, "what", buf_status(&what) == STATUS_OK ? what.data : check->a);
    buf_fini(&what);
    json_value_set_text(item, "measure", results_table_measures[measure].key);
    json_value_set_text(item, "rule", claims_rule_words(check->rule));
    json_value_set_bool(item, "required", check->weight == CLAIM_REQUIRED);
    json_value_set_bool(item, "relative", pair.relative);
    json_value_set_number(item, "mean", interval.mean);
    json_value_set_number(item, "low", interval.low);
    json_value_set_number(item, "high", interval.high);
    json_value_set_int(item, "n", (int64_t)interval.n);
    json_value_set_text(item, "interval",
                        interval.spread       ? "spread of Base"
                        : isnan(interval.low) ? ""
                                              : "paired seeds");
    json_value_set_text(item, "note", note);
    claims_set_seen(item, seen);
    json_value_push(list, item);
    return seen;
}

// Clicks over documents of the test set; NaN: not known.
static double claims_rate(const struct results_table *table)
{
    const struct json_value *test =
        table->data == NULL ? NULL : json_value_get(table->data, "test");
    const struct json_value *docs = test == NULL ? NULL : json_value_get(test, "docs");
    const struct json_value *clicks = test == NULL ? NULL : json_value_get(test, "clicks");
    if (docs == NULL || clicks == NULL || json_value_kind(docs) != JSON_VALUE_INT ||
        json_value_kind(clicks) != JSON_VALUE_INT || json_value_int(docs) == 0)
        return (double)NAN;
    return json_value_number(clicks) / json_value_number(docs);
}

// All required checks; not seen if one is not, else open if one is.
static void claims_add(const struct results_table *table, const struct claim *claim,
                       struct json_value *list)
{
    struct json_value *item = json_value_new_map(), *done = json_value_new_list();
    enum results_seen seen = RESULTS_SEEN;
    size_t required = 0, open = 0;
    for (size_t i = 0; i < sizeof(checks) / sizeof(*checks); i++) {
        if (strcmp(checks[i].claim, claim->id) != 0 ||
            !results_table_has(table, claims_measure(table, &checks[i])) ||
            claims_is_double(table, &checks[i]))
            continue;
        const enum results_seen one = claims_check(table, &checks[i], done);
        if (checks[i].weight != CLAIM_REQUIRED)
            continue;
        required++;
        open += one == RESULTS_OPEN;
        if (one == RESULTS_NOT_SEEN || (one == RESULTS_OPEN && seen == RESULTS_SEEN))
            seen = one;
    }
    char words[CLAIMS_TEXT] = "";
    const double rate = claims_rate(table);
    if (required == 0)
        seen = RESULTS_OPEN;
    if (claim->rate > 0 && !(rate >= claim->rate)) {
        seen = RESULTS_OPEN;
        if (isnan(rate))
            snprintf(words, sizeof(words), "the base rate is not known");
        else
            snprintf(words, sizeof(words), "the base rate, %.1f %%, is below %.0f %%: not required",
                     100 * rate, 100 * claim->rate);
    } else if (open > 0) {
        snprintf(words, sizeof(words), "%zu of %zu required checks cannot be told", open, required);
    }
    json_value_set_text(item, "id", claim->id);
    claims_set_words(table, "claim", claim->words, item);
    claims_set_words(table, "note", claim->note, item);
    json_value_set_text(item, "words", words);
    json_value_set(item, "checks", done);
    claims_set_seen(item, seen);
    json_value_push(list, item);
}

struct json_value *results_claims_list(const struct results_table *table)
{
    struct json_value *list = json_value_new_list();
    for (size_t i = 0; i < sizeof(claims) / sizeof(*claims); i++)
        claims_add(table, &claims[i], list);
    return list;
}
