#include "model/train/worth.h"

#include "model/train/truth.h"

#include <stdlib.h>

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
                                        struct truth_error *ret_error)
{
    double *p = calloc(set->docs + 1, sizeof(*p));
    if (p == NULL)
        return STATUS_NO_MEMORY;
    for (size_t i = 0; i < set->docs; i++)
        p[i] = calibrate_probability(calibrate, set->logit[i]);
    enum status code = truth_measure(p, truth, set->docs, ret_error);
    free(p);
    return code;
}

enum status worth_measure(const struct market_config *config, const struct scoreset *set,
                          const struct calibrate *calibrate, const double *truth, const double *bid,
                          struct worth *ret_worth, struct diag *reterr)
{
    struct truth_error error;
    struct market_money money;
    double *drawn = bid == NULL ? calloc(set->docs + 1, sizeof(*drawn)) : NULL;
    enum status code = bid == NULL && drawn == NULL ? STATUS_NO_MEMORY
                                                    : worth_error(set, calibrate, truth, &error);
    if (code != STATUS_OK) {
        free(drawn);
        return diag_set(reterr, code, "out of memory");
    }
    if (drawn != NULL)
        market_bids(config, set, drawn);
    code = market_measure(config, set, calibrate, truth, bid != NULL ? bid : drawn, &money, reterr);
    free(drawn);
    if (code != STATUS_OK)
        return code;
    const double thousands = (double)set->lists / 1000;
    const double regret = money.welfare_true - money.welfare;
    *ret_worth = (struct worth){.true_error = error.rms,
                                .true_bias = error.bias,
                                .true_kl = error.kl,
                                .welfare = money.welfare / thousands,
                                .revenue = money.revenue / thousands,
                                .regret = regret / thousands,
                                .overcharge = money.overcharge / thousands,
                                .regret_percent = 100 * regret / money.welfare_true,
                                .revenue_percent = 100 * money.revenue / money.revenue_true,
                                .overcharge_percent = 100 * money.overcharge / money.revenue_true};
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
    return count;
}

void worth_set(const struct worth *worth, struct json_value *measures)
{
    const char *const *names;
    double values[WORTH_VALUES];
    const size_t count = worth_values(worth, &names, values);
    for (size_t i = 0; i < count; i++)
        json_value_set_number(measures, names[i], values[i]);
}
