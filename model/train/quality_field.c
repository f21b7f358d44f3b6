#include "model/train/quality_field.h"

#include "model/train/sorted_sum.h"

#include <math.h>
#include <stdlib.h>

static int by_field(const void *left, const void *right)
{
    const struct quality_field_doc *a = left, *b = right;
    if (a->field != b->field)
        return a->field < b->field ? -1 : 1;
    return (a->calib.p < b->calib.p) - (a->calib.p > b->calib.p);
}

struct quality_field quality_field_measure(struct quality_field_doc *docs, size_t n,
                                           double *scratch)
{
    double *gaps = scratch, *ratios = scratch + n;
    size_t fields = 0, clicked = 0, weight = 0;
    qsort(docs, n, sizeof(*docs), by_field);
    for (size_t begin = 0, end; begin < n; begin = end) {
        double expected = 0;
        size_t clicks = 0;
        for (end = begin; end < n && docs[end].field == docs[begin].field; end++) {
            expected += docs[end].calib.p;
            clicks += docs[end].calib.click;
        }
        const double gap = fabs(expected - (double)clicks);
        gaps[fields++] = gap;
        if (clicks > 0) {
            ratios[clicked++] = (double)(end - begin) * (gap / (double)clicks);
            weight += end - begin;
        }
    }
    return (struct quality_field){.ece = sorted_sum(gaps, fields) / (double)n,
                                  .rce = weight > 0 ? sorted_sum(ratios, clicked) / (double)weight
                                                    : (double)NAN};
}
