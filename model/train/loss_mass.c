#include "model/train/loss_mass.h"

#include "model/train/loss.h"

#include <assert.h>
#include <math.h>

// What a minibatch adds to the running mean.
static const double share = .01;

double loss_mass_log(const float *logit, size_t n)
{
    assert(n >= 1);
    float greatest = logit[0];
    for (size_t i = 1; i < n; i++)
        greatest = logit[i] > greatest ? logit[i] : greatest;
    double base = loss_log_sigmoid((double)greatest), sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += exp(loss_log_sigmoid((double)logit[i]) - base);
    return base + log(sum);
}

double loss_mass_log_mean(const float *logit, const uint64_t *offset, const uint32_t *list,
                          size_t lists)
{
    assert(lists >= 1);
    double top = -(double)INFINITY, sum = 0; // sum exp(top) is the total so far
    for (size_t i = 0; i < lists; i++) {
        const size_t q = list == NULL ? i : list[i];
        const double log_z = loss_mass_log(logit + offset[q], (size_t)(offset[q + 1] - offset[q]));
        if (log_z > top) {
            sum = sum * exp(top - log_z) + 1;
            top = log_z;
        } else {
            sum += exp(log_z - top);
        }
    }
    return top + log(sum / (double)lists);
}

double loss_mass_follow(double log_running, double log_batch)
{
    return loss_log_add(log_running + log1p(-share), log_batch + log(share));
}
