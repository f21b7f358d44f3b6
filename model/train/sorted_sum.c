#include "model/train/sorted_sum.h"

#include <stdlib.h>

static int compare(const void *left, const void *right)
{
    const double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

double sorted_sum(double *values, size_t count)
{
    if (count > 1)
        qsort(values, count, sizeof(*values), compare);
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += values[i];
    return sum;
}
