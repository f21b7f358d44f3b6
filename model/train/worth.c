#include "model/train/worth.h"

#include "model/train/truth.h"

#include <math.h>
#include <stdlib.h>

enum { WORTH_ERRORS = 3 }; // measures that come before those of money

#define WORTH_MEASURES(X)                                                                          \
    X(true_error)                                                                                  \
    X(true_bias)                                                                                   \
    X(true_kl)                                                                                     \
    X(welfare)                                                                                     \
    X(revenue)                                                                                     \
    X(regret)                                                                                      \
    X(overcharge)                                                                                  \
    X(regret_percent)                                                                              \
    X(revenue_percent)                                                                             \
    X(overcharge_percent)

#define WORTH_NAME(name) #name,
static const char *const worth_names[WORTH_VALUES] = {WORTH_MEASURES(WORTH_NAME)};
#undef WORTH_NAME

MUST_USE static enum status worth_error(const struct scoreset *set,
                                        const struct calibrate *calibrate, const double *truth,
                                        struct worth *worth, struct diag *reterr)
{
    struct truth_error error;
    double *p = calloc(set->docs + 1, sizeof(*p));
    enum status code = p == NULL ? STATUS_NO_MEMORY : STATUS_OK;
    for (size_t i = 0; code == STATUS_OK && i < set->docs; i++) {
        if (isfinite(set->logit[i]))
            p[i] = calibrate_probability(calibrate, set->logit[i]);
        else
            code = STATUS_NOT_FINITE;
    }
    if (code == STATUS_OK)
        code = truth_measure(p, truth, set->docs, &error);
    free(p);
    if (code != STATUS_OK)
        return diag_set(reterr, code, "cannot measure the errors of the probabilities: %s",
                        status_text(code));
    worth->true_error = error.rms;
    worth->true_bias = error.bias;
    worth->true_kl = error.kl;
    return STATUS_OK;
}

static double worth_percent(double part, double whole)
{
    return whole > 0 ? 100 * part / whole : (double)NAN;
}

MUST_USE static enum status worth_money(const struct market_config *market,
                                        const struct scoreset *set,
                                        const struct calibrate *calibrate,
                                        const struct known *known, struct worth *worth,
                                        struct diag *reterr)
{
    struct market_money money;
    const double *bid = known->bid, *clicks = known->appeal != NULL ? known->appeal : known->truth;
    double *drawn = bid == NULL ? calloc(set->docs + 1, sizeof(*drawn)) : NULL;
    if (bid == NULL && drawn == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "out of memory for the bids");
    if (drawn != NULL)
        market_bids(market, set, drawn);
    enum status code =
        market_measure(market, set, calibrate, clicks, bid != NULL ? bid : drawn, &money, reterr);
    free(drawn);
    if (code != STATUS_OK)
        return code;
    const double thousands = (double)set->lists / 1000;
    const double regret = money.welfare_true - money.welfare;
    worth->has_money = true;
    worth->welfare = money.welfare / thousands;
    worth->revenue = money.revenue / thousands;
    worth->regret = regret / thousands;
    worth->overcharge = money.overcharge / thousands;
    worth->regret_percent = worth_percent(regret, money.welfare_true);
    worth->revenue_percent = worth_percent(money.revenue, money.revenue_true);
    worth->overcharge_percent = worth_percent(money.overcharge, money.revenue_true);
    return STATUS_OK;
}

enum status worth_measure(const struct market_config *market, const struct scoreset *set,
                          const struct calibrate *calibrate, const struct known *known,
                          struct worth *ret_worth, struct diag *reterr)
{
    struct worth worth = {0};
    TRY(worth_error(set, calibrate, known->truth, &worth, reterr));
    if (market != NULL)
        TRY(worth_money(market, set, calibrate, known, &worth, reterr));
    *ret_worth = worth;
    return STATUS_OK;
}

size_t worth_values(const struct worth *worth, const char *const **ret_names,
                    double values[WORTH_VALUES])
{
    size_t count = 0;
#define WORTH_VALUE(name) values[count++] = worth->name;
    WORTH_MEASURES(WORTH_VALUE)
#undef WORTH_VALUE
    *ret_names = worth_names;
    return worth->has_money ? count : WORTH_ERRORS;
}

void worth_set(const struct worth *worth, struct json_value *measures)
{
    const char *const *names;
    double values[WORTH_VALUES];
    const size_t count = worth_values(worth, &names, values);
    for (size_t i = 0; i < count; i++)
        json_value_set_number(measures, names[i], values[i]);
}
