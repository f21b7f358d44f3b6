#include "model/train/quality_reliability.h"

#include "model/kernels/sigmoid.h"
#include "model/train/quality_calib.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>

struct point {
    double p, truth;
    bool click;
};

static int by_p(const void *left, const void *right)
{
    const struct point *a = left, *b = right;
    if (a->p != b->p)
        return a->p < b->p ? -1 : 1;
    // Equal p: only a sum of their truth is wanted, and it must not depend on the order.
    return (a->truth > b->truth) - (a->truth < b->truth);
}

static struct point *sorted_points(const struct quality_input *input, const double *truth)
{
    struct point *points = calloc(input->docs, sizeof(*points));
    for (size_t i = 0; points != NULL && i < input->docs; i++) {
        points[i].p = input->p != NULL ? input->p[i] : sigmoid_of((double)input->logit[i]);
        points[i].truth = truth != NULL ? truth[i] : 0;
        points[i].click = input->grade[i] > 0;
    }
    if (points != NULL)
        qsort(points, input->docs, sizeof(*points), by_p);
    return points;
}

// Documents of a block of equal p, to the bins in whose places they stand.
static void share_block(const struct point *points, size_t begin, size_t end, const size_t *ends,
                        size_t *bin, struct reliability_bin *bins)
{
    double truth = 0;
    size_t clicks = 0;
    for (size_t i = begin; i < end; i++) {
        truth += points[i].truth;
        clicks += points[i].click;
    }
    for (size_t place = begin; place < end;) {
        while (ends[*bin] <= place)
            (*bin)++;
        const size_t stop = ends[*bin] < end ? ends[*bin] : end, docs = stop - place;
        const double share = (double)docs / (double)(end - begin);
        bins[*bin].docs += docs;
        bins[*bin].sum_p += points[begin].p * (double)docs;
        bins[*bin].clicks += (double)clicks * share;
        bins[*bin].truth += truth * share;
        place = stop;
    }
}

enum status quality_reliability(const struct quality_input *input, const double *truth,
                                size_t count, struct reliability_bin *bins, size_t *ret_bins)
{
    assert(count > 0);
    const size_t n = input->docs;
    if (n == 0) {
        *ret_bins = 0;
        return STATUS_OK;
    }
    struct point *points = sorted_points(input, truth);
    size_t *ends = calloc(count, sizeof(*ends));
    if (points == NULL || ends == NULL) {
        free(points);
        free(ends);
        return STATUS_NO_MEMORY;
    }
    // The cuts are those of the places by p descending, seen from below.
    for (size_t k = 0; k < count; k++) {
        ends[k] = n - quality_calib_bucket(count - 1 - k, n, count);
        bins[k] = (struct reliability_bin){0};
    }
    size_t bin = 0;
    for (size_t begin = 0, end; begin < n; begin = end) {
        for (end = begin + 1; end < n && points[end].p == points[begin].p; end++)
            ;
        share_block(points, begin, end, ends, &bin, bins);
    }
    size_t used = 0;
    for (size_t k = 0; k < count; k++)
        if (bins[k].docs > 0)
            bins[used++] = bins[k];
    *ret_bins = used;
    free(points);
    free(ends);
    return STATUS_OK;
}
