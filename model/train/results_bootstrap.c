#include "model/train/results_bootstrap.h"

#include "base/rng.h"

#include <math.h>
#include <stdlib.h>

enum { BOOTSTRAP_SEED = 1 };

static const double bootstrap_low = .025, bootstrap_high = .975;

static int bootstrap_compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

// The quantile of sorted values, linear between neighbours.
static double bootstrap_quantile(const double *sorted, size_t n, double share)
{
    const double place = share * (double)(n - 1);
    const size_t below = (size_t)place;
    if (below + 1 >= n)
        return sorted[n - 1];
    return sorted[below] + (place - (double)below) * (sorted[below + 1] - sorted[below]);
}

enum status results_bootstrap(const double *differences, size_t n,
                              struct results_bootstrap *ret_bootstrap)
{
    *ret_bootstrap = (struct results_bootstrap){n, (double)NAN, (double)NAN, (double)NAN};
    if (n == 0)
        return STATUS_OK;
    double *means = calloc(RESULTS_RESAMPLES, sizeof(*means)), sum = 0;
    if (means == NULL)
        return STATUS_NO_MEMORY;
    for (size_t i = 0; i < n; i++)
        sum += differences[i];
    for (uint32_t r = 0; r < RESULTS_RESAMPLES; r++) {
        struct rng rng;
        double drawn = 0;
        rng_start(&rng, BOOTSTRAP_SEED, RNG_BOOTSTRAP, r, 0);
        for (size_t i = 0; i < n; i++)
            drawn += differences[rng_below(&rng, n)];
        means[r] = drawn / (double)n;
    }
    qsort(means, RESULTS_RESAMPLES, sizeof(*means), bootstrap_compare);
    ret_bootstrap->mean = sum / (double)n;
    ret_bootstrap->low = bootstrap_quantile(means, RESULTS_RESAMPLES, bootstrap_low);
    ret_bootstrap->high = bootstrap_quantile(means, RESULTS_RESAMPLES, bootstrap_high);
    free(means);
    return STATUS_OK;
}
