#include "model/train/synth_tally.h"

#include <math.h>

// Of a click of chance p that was said to be of chance q.
static double tally_loss(double p, double q)
{
    return (p > 0 ? -p * log(q) : 0) - (p < 1 ? (1 - p) * log1p(-q) : 0);
}

void synth_tally_add(struct synth_tally *tally, const struct synth_visit *visit, double b)
{
    tally->pages++;
    for (size_t i = 0; i < visit->count; i++) {
        const struct synth_visit_ad *ad = &visit->ads[i];
        double bin = (b + ad->logit) * 32 + SYNTH_TALLY_BINS * .5;
        size_t at = (size_t)fmin(fmax(bin, 0), SYNTH_TALLY_BINS - 1);
        tally->ads++;
        tally->clicks += ad->click;
        tally->sum_p += ad->p;
        tally->sum_logloss += tally_loss(ad->p, ad->p);
        tally->bin_p[at] += ad->p;
        tally->bin_ads[at]++;
    }
}

double synth_tally_logloss(const struct synth_tally *tally)
{
    return tally->sum_logloss / (double)tally->ads;
}

double synth_tally_rate_logloss(const struct synth_tally *tally)
{
    double p = tally->sum_p / (double)tally->ads;
    return tally_loss(p, p);
}

double synth_tally_appeal_logloss(const struct synth_tally *tally)
{
    double sum = 0;
    for (size_t i = 0; i < SYNTH_TALLY_BINS; i++)
        if (tally->bin_ads[i] > 0) {
            double p = tally->bin_p[i] / tally->bin_ads[i];
            sum += tally->bin_ads[i] * tally_loss(p, p);
        }
    return sum / (double)tally->ads;
}
