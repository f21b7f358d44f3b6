#include "model/train/synth_fit.h"

#include <math.h>
#include <stdlib.h>

static void fit_page(struct synth_visit *visit, const struct synth_visit_config *config,
                     const struct synth_world *world, uint32_t page)
{
    struct rng rng;
    rng_start(&rng, world->config.seed, RNG_SYNTH, page, SYNTH_WORLD_CALIBRATION);
    synth_visit_arrive(visit, world, &rng);
    visit->hour = (uint32_t)rng_below(&rng, 24);
    synth_visit_show(visit, config, world, &rng);
}

static void fit_means(struct synth_visit *visit, const struct synth_visit_config *config,
                      const struct synth_world *world, struct synth_visit_fit *fit)
{
    double others = 0, same = 0, count = 0;
    for (uint32_t page = 0; page < SYNTH_FIT_PAGES; page++) {
        fit_page(visit, config, world, page);
        for (size_t i = 0; i < visit->count && visit->count > 1; i++, count++) {
            others += visit->ads[i].others;
            same += visit->ads[i].same;
        }
    }
    if (count > 0) {
        fit->mean_others = others / count;
        fit->mean_same = same / count;
    }
}

struct fit_sample {
    double logit, examine; // f + e without b
};

static double fit_clicks(const struct fit_sample *samples, size_t count, double b)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += samples[i].examine / (1 + exp(-(b + samples[i].logit)));
    return sum;
}

MUST_USE static enum status fit_bisect(const struct fit_sample *samples, size_t count,
                                       double click_rate, double *ret_b, struct diag *reterr)
{
    const double wanted = click_rate * (double)count;
    double low = -100, high = 100, most = fit_clicks(samples, count, high);
    if (most <= wanted)
        return diag_at_path(reterr, STATUS_INVALID, "click_rate",
                            "%g cannot be reached: with this effect of the position no more than "
                            "%.4f of the items are looked at",
                            click_rate, most / (double)count);
    for (int step = 0; step < 60; step++) {
        *ret_b = (low + high) / 2;
        if (fit_clicks(samples, count, *ret_b) < wanted)
            low = *ret_b;
        else
            high = *ret_b;
    }
    return STATUS_OK;
}

enum status synth_fit(struct synth_visit *visit, const struct synth_visit_config *config,
                      const struct synth_world *world, double click_rate,
                      struct synth_visit_fit *ret_fit, struct diag *reterr)
{
    struct synth_visit_fit fit = {0};
    size_t count = 0;
    struct fit_sample *samples =
        calloc((size_t)config->page_max * SYNTH_FIT_PAGES, sizeof(*samples));
    if (samples == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "out of memory");
    fit_means(visit, config, world, &fit);
    for (uint32_t page = 0; page < SYNTH_FIT_PAGES; page++) {
        fit_page(visit, config, world, page);
        for (size_t i = 0; i < visit->count; i++) {
            const struct synth_visit_ad *ad = &visit->ads[i];
            samples[count++] = (struct fit_sample){
                ad->logit + synth_visit_effect(config, &fit, ad, visit->count), ad->examine};
        }
    }
    enum status code = fit_bisect(samples, count, click_rate, &fit.b, reterr);
    free(samples);
    if (code == STATUS_OK)
        *ret_fit = fit;
    return code;
}
