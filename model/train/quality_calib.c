#include "model/train/quality_calib.h"

#include "model/train/loss.h"
#include "model/train/quality_line.h"

#include <math.h>
#include <stdlib.h>

static int by_p(const void *left, const void *right)
{
    const struct quality_calib_doc *a = left, *b = right;
    if (a->p != b->p)
        return a->p > b->p ? -1 : 1;
    if (a->logit != b->logit)
        return a->logit > b->logit ? -1 : 1;
    return (int)b->click - (int)a->click;
}

static void sort(struct quality_calib_doc *docs, size_t n)
{
    if (n > 1)
        qsort(docs, n, sizeof(*docs), by_p);
}

size_t quality_calib_bucket(size_t k, size_t n, size_t buckets)
{
    // Without the overflow of k n.
    return n / buckets * k + n % buckets * k / buckets;
}

static double sorted_ece(const struct quality_calib_doc *docs, size_t n, size_t buckets)
{
    double total = 0, bucket_sum = 0;
    size_t bucket = 0, bucket_end = quality_calib_bucket(1, n, buckets);
    for (size_t begin = 0, end; begin < n; begin = end) {
        size_t clicks = 0;
        for (end = begin; end < n && docs[end].p == docs[begin].p; end++)
            clicks += docs[end].click;
        const double residual = (double)clicks / (double)(end - begin) - docs[begin].p;
        // The block's documents are alike: a bucket takes a number of them.
        for (size_t place = begin; place < end;) {
            while (bucket_end <= place) {
                total += fabs(bucket_sum);
                bucket_sum = 0;
                bucket++;
                bucket_end = quality_calib_bucket(bucket + 1, n, buckets);
            }
            const size_t stop = bucket_end < end ? bucket_end : end;
            bucket_sum += residual * (double)(stop - place);
            place = stop;
        }
    }
    return (total + fabs(bucket_sum)) / (double)n;
}

double quality_calib_ece(struct quality_calib_doc *docs, size_t n, size_t buckets)
{
    sort(docs, n);
    return sorted_ece(docs, n, buckets);
}

static bool fit_line(const struct quality_calib_doc *docs, size_t n, struct quality_calib *calib)
{
    struct quality_line_point *points = calloc(n, sizeof(*points));
    if (points == NULL)
        return false;
    for (size_t i = 0; i < n; i++)
        points[i] = (struct quality_line_point){docs[i].logit, docs[i].click ? 1 : 0};
    struct quality_line line;
    const bool fitted = quality_line_fit(points, n, &line);
    calib->slope = fitted ? line.slope : (double)NAN;
    calib->intercept = fitted ? line.intercept : (double)NAN;
    free(points);
    return true;
}

bool quality_calib_pooled(struct quality_calib_doc *docs, size_t n, struct quality_calib *ret_calib)
{
    struct quality_calib calib = {0};
    double loss = 0, expected = 0, squares = 0;
    sort(docs, n);
    for (size_t i = 0; i < n; i++) {
        const double p = docs[i].p, y = docs[i].click ? 1 : 0;
        calib.clicks += docs[i].click;
        expected += p;
        squares += (p - y) * (p - y);
        loss += loss_point_ce(docs[i].logit, y);
    }
    const double count = (double)n, rate = (double)calib.clicks / count;
    calib.logloss = loss / count;
    calib.brier = squares / count;
    calib.pcoc = calib.clicks > 0 ? expected / (double)calib.clicks : (double)NAN;
    calib.normalised_entropy = (double)NAN;
    if (calib.clicks > 0 && calib.clicks < n)
        calib.normalised_entropy = calib.logloss / -(rate * log(rate) + (1 - rate) * log1p(-rate));
    calib.ece_10 = sorted_ece(docs, n, 10);
    calib.ece_100 = sorted_ece(docs, n, 100);
    if (!fit_line(docs, n, &calib))
        return false;
    *ret_calib = calib;
    return true;
}
