#include "model/train/truth.h"

#include "model/train/numberfile.h"
#include "model/train/sorted_sum.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

enum status truth_read(const char *path, size_t docs, double **ret_truth, struct diag *reterr)
{
    const struct numberfile_rule rule = {DBL_MIN, 1 - DBL_EPSILON / 2,
                                         "a probability between 0 and 1"};
    return numberfile_read(path, docs, &rule, ret_truth, reterr);
}

enum status truth_measure(const double *p, const double *truth, size_t n,
                          struct truth_error *ret_error)
{
    double *terms = calloc(n, sizeof(*terms));
    if (terms == NULL)
        return STATUS_NO_MEMORY;
    for (size_t i = 0; i < n; i++)
        terms[i] = (p[i] - truth[i]) * (p[i] - truth[i]);
    double square = sorted_sum(terms, n) / (double)n;
    for (size_t i = 0; i < n; i++)
        terms[i] = p[i] - truth[i];
    double bias = sorted_sum(terms, n) / (double)n;
    for (size_t i = 0; i < n; i++)
        terms[i] =
            truth[i] * log(truth[i] / p[i]) + (1 - truth[i]) * log((1 - truth[i]) / (1 - p[i]));
    double kl = sorted_sum(terms, n) / (double)n;
    free(terms);
    *ret_error = (struct truth_error){sqrt(square), bias, kl};
    return STATUS_OK;
}
