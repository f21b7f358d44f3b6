#include "model/train/calibrate_step.h"

#include "model/kernels/sigmoid.h"
#include "model/train/quality_calib.h"

#include <stdlib.h>

size_t calibrate_step_pool(const double *sum, const double *weight, size_t n,
                           struct calibrate_step_block *blocks)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        struct calibrate_step_block last = {sum[i], weight[i], i + 1};
        while (count > 0 &&
               blocks[count - 1].sum / blocks[count - 1].weight >= last.sum / last.weight) {
            count--;
            last.sum += blocks[count].sum;
            last.weight += blocks[count].weight;
        }
        blocks[count++] = last;
    }
    return count;
}

MUST_USE static enum status make_knots(struct calibrate_fit *fit, enum calibrate_kind kind,
                                       size_t most, struct diag *reterr)
{
    fit->knots = calloc(2 * most, sizeof(*fit->knots));
    if (fit->knots == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory for %zu knots", most);
    fit->map.kind = kind;
    fit->map.x = fit->knots;
    fit->map.y = fit->knots + most;
    return STATUS_OK;
}

static void add_knot(struct calibrate_fit *fit, double x, double y)
{
    const size_t at = fit->map.knots++, most = (size_t)(fit->map.y - fit->map.x);
    fit->knots[at] = x;
    fit->knots[most + at] = y;
}

// Equal scores are one value: (n) points become x, clicks and weight, each of the returned length.
static size_t merge_equal(const struct calibrate_point *points, size_t n, double *x, double *clicks,
                          double *weight)
{
    size_t count = 0;
    for (size_t begin = 0, end; begin < n; begin = end) {
        x[count] = points[begin].s;
        clicks[count] = weight[count] = 0;
        for (end = begin; end < n && points[end].s == points[begin].s; end++) {
            weight[count] += points[end].weight;
            clicks[count] += points[end].click ? points[end].weight : 0;
        }
        count++;
    }
    return count;
}

enum status calibrate_step_isotonic(const struct calibrate_point *points, size_t n,
                                    struct calibrate_fit *fit, struct diag *reterr)
{
    double *numbers = calloc(n, 3 * sizeof(*numbers)), *x = numbers;
    struct calibrate_step_block *blocks = calloc(n, sizeof(*blocks));
    if (numbers == NULL || blocks == NULL) {
        free(numbers);
        free(blocks);
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory to fit %zu documents", n);
    }
    const size_t values = merge_equal(points, n, x, numbers + n, numbers + 2 * n);
    const size_t count = calibrate_step_pool(numbers + n, numbers + 2 * n, values, blocks);
    enum status code = make_knots(fit, CALIBRATE_ISOTONIC, 2 * count, reterr);
    const double least = 1 / ((double)n + 2);
    for (size_t k = 0, begin = 0; code == STATUS_OK && k < count; begin = blocks[k++].end) {
        double y = blocks[k].sum / blocks[k].weight;
        y = y < least ? least : y;
        y = y > 1 - least ? 1 - least : y;
        // Inside a block the map is flat: its ends say all.
        add_knot(fit, x[begin], y);
        if (blocks[k].end - begin > 1)
            add_knot(fit, x[blocks[k].end - 1], y);
    }
    free(numbers);
    free(blocks);
    return code;
}

struct bin {
    double docs, clicks, sum_p;
};

static double centre(const struct bin *bin)
{
    return bin->sum_p / bin->docs;
}

static void take_in(struct bin *bin, const struct bin *other)
{
    bin->docs += other->docs;
    bin->clicks += other->clicks;
    bin->sum_p += other->sum_p;
}

// Rules 1 and 2: bins of equal mass, moved on to the end of equal scores; one with too few clicks
// takes in the next, an unfinished last one joins its predecessor.
static size_t cut_bins(const struct calibrate_point *points, size_t n,
                       const struct calibrate_rules *rules, struct bin *bins)
{
    size_t count = 0, place = 0;
    struct bin open = {0};
    for (size_t k = 0; k < rules->bins; k++) {
        size_t end = quality_calib_bucket(k + 1, n, rules->bins);
        while (end > 0 && end < n && points[end].s == points[end - 1].s)
            end++;
        for (; place < end; place++) {
            open.docs++;
            open.clicks += points[place].click;
            open.sum_p += sigmoid_of(points[place].s);
        }
        if (open.docs > 0 && open.clicks >= (double)rules->min_clicks) {
            bins[count++] = open;
            open = (struct bin){0};
        }
    }
    if (open.docs > 0 && count > 0)
        take_in(&bins[count - 1], &open);
    else if (open.docs > 0)
        bins[count++] = open;
    return count;
}

// Rule 3: sigmoids saturate, and a map needs centres that rise.
static size_t merge_centres(struct bin *bins, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        struct bin bin = bins[i];
        while (kept > 0 && centre(&bin) <= centre(&bins[kept - 1])) {
            kept--;
            take_in(&bin, &bins[kept]);
        }
        bins[kept++] = bin;
    }
    return kept;
}

// Rules 3 to 5 for bins with rising centres: rates, pooled, as knots between (0, 0) and (1, 1).
MUST_USE static enum status bins_to_knots(const struct bin *bins, size_t count, double pseudo_docs,
                                          double rate, struct calibrate_fit *fit,
                                          struct diag *reterr)
{
    double *sum = calloc(count, 2 * sizeof(*sum)), *weight = sum + count;
    struct calibrate_step_block *blocks = calloc(count, sizeof(*blocks));
    enum status code = sum == NULL || blocks == NULL
                           ? diag_set(reterr, STATUS_NO_MEMORY, "no memory for %zu bins", count)
                           : make_knots(fit, CALIBRATE_SIR, count + 2, reterr);
    if (code == STATUS_OK) {
        for (size_t i = 0; i < count; i++) {
            weight[i] = bins[i].docs;
            sum[i] =
                weight[i] * ((bins[i].clicks + pseudo_docs * rate) / (weight[i] + pseudo_docs));
        }
        const size_t pooled = calibrate_step_pool(sum, weight, count, blocks);
        if (centre(&bins[0]) > 0)
            add_knot(fit, 0, 0);
        for (size_t k = 0, i = 0; k < pooled; k++) {
            const double y = blocks[k].sum / blocks[k].weight;
            for (; i < blocks[k].end; i++)
                add_knot(fit, centre(&bins[i]), y > 1 ? 1 : y);
        }
        if (centre(&bins[count - 1]) < 1)
            add_knot(fit, 1, 1);
    }
    free(sum);
    free(blocks);
    return code;
}

enum status calibrate_step_sir(const struct calibrate_point *points, size_t n,
                               const struct calibrate_rules *rules, struct calibrate_fit *fit,
                               struct diag *reterr)
{
    size_t clicks = 0;
    for (size_t i = 0; i < n; i++)
        clicks += points[i].click;
    if (clicks == 0 || clicks == n) {
        fit->why = "one class only";
        return STATUS_OK;
    }
    const size_t most = rules->bins < n ? rules->bins : n;
    struct bin *bins = calloc(most, sizeof(*bins));
    if (bins == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory for %zu bins", most);
    enum status code = STATUS_OK;
    const size_t count = merge_centres(bins, cut_bins(points, n, rules, bins));
    if (count < 2)
        fit->why = "too few clicks for two bins";
    else
        code = bins_to_knots(bins, count, rules->prior, (double)clicks / (double)n, fit, reterr);
    free(bins);
    return code;
}
