#include "model/train/quality_rank.h"

#include "model/train/sorted_sum.h"

#include <math.h>
#include <stdlib.h>

static int descending(float a, float b)
{
    return (a < b) - (a > b);
}

static int by_grade(const void *left, const void *right)
{
    const struct quality_rank_doc *a = left, *b = right;
    return descending(a->grade, b->grade);
}

static int by_score(const void *left, const void *right)
{
    const struct quality_rank_doc *a = left, *b = right;
    int order = descending(a->score, b->score);
    return order != 0 ? order : descending(a->grade, b->grade);
}

static int by_group(const void *left, const void *right)
{
    const struct quality_rank_doc *a = left, *b = right;
    if (a->group != b->group)
        return a->group < b->group ? -1 : 1;
    return by_score(left, right);
}

static void sort(struct quality_rank_doc *docs, size_t n,
                 int (*compare)(const void *, const void *))
{
    if (n > 1)
        qsort(docs, n, sizeof(*docs), compare);
}

// End of the block of equal scores that begins at `begin`.
static size_t block_end(const struct quality_rank_doc *docs, size_t begin, size_t n)
{
    size_t end = begin + 1;
    while (end < n && docs[end].score == docs[begin].score)
        end++;
    return end;
}

static double gain(const struct quality_rank_doc *doc)
{
    return exp2((double)doc->grade) - 1;
}

static double discount(size_t place) // from 0
{
    return 1 / log2((double)place + 2);
}

double quality_rank_ndcg(struct quality_rank_doc *docs, size_t n, size_t k)
{
    sort(docs, n, by_grade);
    double ideal = 0;
    for (size_t r = 0; r < n && r < k; r++)
        ideal += gain(&docs[r]) * discount(r);
    if (ideal <= 0)
        return (double)NAN;
    sort(docs, n, by_score);
    double reached = 0;
    for (size_t begin = 0, end; begin < n && begin < k; begin = end) {
        end = block_end(docs, begin, n);
        double gains = 0, discounts = 0;
        for (size_t r = begin; r < end; r++) {
            gains += gain(&docs[r]);
            discounts += r < k ? discount(r) : 0;
        }
        reached += gains / (double)(end - begin) * discounts;
    }
    return reached / ideal;
}

// Of documents that are sorted by score descending. Counts pairs: whole and half numbers, exact.
static double sorted_auc(const struct quality_rank_doc *docs, size_t n)
{
    double wins = 0;
    size_t clicks = 0, others = 0;
    for (size_t begin = 0, end; begin < n; begin = end) {
        end = block_end(docs, begin, n);
        size_t block_clicks = 0;
        for (size_t i = begin; i < end; i++)
            block_clicks += docs[i].grade > 0;
        const size_t block_others = end - begin - block_clicks;
        wins += (double)block_others * ((double)clicks + 0.5 * (double)block_clicks);
        clicks += block_clicks;
        others += block_others;
    }
    if (clicks == 0 || others == 0)
        return (double)NAN;
    return wins / ((double)clicks * (double)others);
}

double quality_rank_auc(struct quality_rank_doc *docs, size_t n)
{
    sort(docs, n, by_score);
    return sorted_auc(docs, n);
}

struct quality_rank_gauc quality_rank_gauc(struct quality_rank_doc *docs, size_t n, double *scratch)
{
    struct quality_rank_gauc result = {.gauc = (double)NAN};
    sort(docs, n, by_group);
    size_t weight = 0;
    for (size_t begin = 0, end; begin < n; begin = end) {
        end = begin + 1;
        while (end < n && docs[end].group == docs[begin].group)
            end++;
        double auc = sorted_auc(docs + begin, end - begin);
        if (isnan(auc)) {
            result.left_out++;
            continue;
        }
        scratch[result.used++] = auc * (double)(end - begin);
        weight += end - begin;
    }
    if (result.used > 0)
        result.gauc = sorted_sum(scratch, result.used) / (double)weight;
    return result;
}
