// Ranking metrics: small lists by hand, ties and pairs by brute force, order of the input.
#include "base/rng.h"
#include "model/train/quality_rank.h"
#include "tests/support/check.h"
#include "tests/support/near.h"

#include <math.h>
#include <string.h>

static void test_ndcg_by_hand(void **state)
{
    (void)state;
    const struct quality_rank_doc list[] = {{3, 0, 0}, {2, 2, 0}, {1, 1, 0}};
    struct quality_rank_doc docs[3];
    memcpy(docs, list, sizeof(list));
    near_is(quality_rank_ndcg(docs, 3, 10), (3 / log2(3) + 1 / log2(4)) / (3 + 1 / log2(3)), 1e-15);
    memcpy(docs, list, sizeof(list));
    near_is(quality_rank_ndcg(docs, 3, 1), 0, 0);
    memcpy(docs, list, sizeof(list));
    near_is(quality_rank_ndcg(docs, 3, 2), 3 / log2(3) / (3 + 1 / log2(3)), 1e-15);

    struct quality_rank_doc perfect[] = {{-1, 0, 0}, {5, 4, 0}, {0.5F, 1, 0}};
    near_is(quality_rank_ndcg(perfect, 3, 10), 1, 1e-15);
    struct quality_rank_doc none[] = {{1, 0, 0}, {2, 0, 0}};
    near_is(quality_rank_ndcg(none, 2, 10), (double)NAN, 0);
    near_is(quality_rank_ndcg(none, 0, 10), (double)NAN, 0);
    struct quality_rank_doc tied[] = {{0.0F, 3, 0}, {-0.0F, 0, 0}};
    near_is(quality_rank_ndcg(tied, 2, 1), 0.5, 1e-15); // half of the orders have it on top
    struct quality_rank_doc huge[] = {{1, QUALITY_RANK_MAX_GRADE, 0}, {2, 0, 0}};
    near_is(quality_rank_ndcg(huge, 2, 10), 1 / log2(3), 1e-15);
}

// A tie-aware value is the mean over all orders that sort the scores.
static void test_ndcg_is_mean_over_tie_orders(void **state)
{
    (void)state;
    const float score[] = {2, 1, 1, 1, 0}, grade[] = {0, 3, 1, 0, 2};
    static const int orders[6][3] = {{1, 2, 3}, {1, 3, 2}, {2, 1, 3},
                                     {2, 3, 1}, {3, 1, 2}, {3, 2, 1}};
    for (size_t k = 1; k <= 6; k++) {
        double mean = 0;
        struct quality_rank_doc docs[5];
        for (int o = 0; o < 6; o++) {
            for (int i = 0; i < 5; i++)
                docs[i] = (struct quality_rank_doc){score[i], grade[i], 0};
            for (int i = 0; i < 3; i++) // the same order, made strict
                docs[orders[o][i]].score = 1.5F - 0.25F * (float)i;
            mean += quality_rank_ndcg(docs, 5, k) / 6;
        }
        for (int i = 0; i < 5; i++)
            docs[i] = (struct quality_rank_doc){score[i], grade[i], 0};
        near_is(quality_rank_ndcg(docs, 5, k), mean, 1e-14);
    }
}

enum { DOCS = 300, GROUPS = 12 };

static void draw(struct quality_rank_doc *docs, uint32_t variant)
{
    struct rng rng;
    rng_start(&rng, 2, RNG_TEST, variant, 0);
    for (size_t i = 0; i < DOCS; i++) {
        docs[i].score = (float)rng_below(&rng, 40) / 8 - 2;
        docs[i].grade = (float)(rng_below(&rng, 3) == 0 ? rng_below(&rng, 4) : 0);
        docs[i].group = (uint32_t)rng_below(&rng, GROUPS) * 1000003U;
        if (docs[i].group == 0) // a group of one class
            docs[i].grade = 0;
    }
}

// Pairs of a click and a document without one, ties half.
static double pairs_auc(const struct quality_rank_doc *docs, size_t n, const uint32_t *group)
{
    double won = 0, all = 0;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < n; j++) {
            if (docs[i].grade <= 0 || docs[j].grade > 0 ||
                (group != NULL && (docs[i].group != *group || docs[j].group != *group)))
                continue;
            all += 1;
            won += docs[i].score > docs[j].score ? 1 : docs[i].score == docs[j].score ? 0.5 : 0;
        }
    }
    return all > 0 ? won / all : (double)NAN;
}

static void test_auc_counts_pairs(void **state)
{
    (void)state;
    for (uint32_t variant = 0; variant < 5; variant++) {
        struct quality_rank_doc docs[DOCS];
        double scratch[DOCS], total = 0, weight = 0;
        draw(docs, variant);
        near_is(quality_rank_auc(docs, DOCS), pairs_auc(docs, DOCS, NULL), 1e-14);
        size_t used = 0;
        for (uint32_t g = 0; g < GROUPS; g++) {
            const uint32_t group = g * 1000003U;
            double auc = pairs_auc(docs, DOCS, &group), n = 0;
            for (size_t i = 0; i < DOCS; i++)
                n += docs[i].group == group;
            if (isnan(auc))
                continue;
            used++;
            total += n * auc;
            weight += n;
        }
        const struct quality_rank_gauc got = quality_rank_gauc(docs, DOCS, scratch);
        near_is(got.gauc, total / weight, 1e-14);
        assert_int_equal(got.used, used);
        assert_int_equal(got.left_out, GROUPS - used);
        assert_true(used < GROUPS);
    }
}

static void test_one_class(void **state)
{
    (void)state;
    struct quality_rank_doc docs[] = {{1, 1, 0}, {2, 2, 0}};
    double scratch[2];
    near_is(quality_rank_auc(docs, 2), (double)NAN, 0);
    near_is(quality_rank_auc(docs, 0), (double)NAN, 0);
    const struct quality_rank_gauc got = quality_rank_gauc(docs, 2, scratch);
    near_is(got.gauc, (double)NAN, 0);
    assert_int_equal(got.left_out, 1);
}

static void test_any_order_same_bits(void **state)
{
    (void)state;
    struct quality_rank_doc docs[DOCS], mixed[DOCS];
    uint32_t order[DOCS];
    double scratch[DOCS], ndcg = 0, auc = 0, gauc = 0;
    struct rng rng;
    rng_start(&rng, 3, RNG_TEST, 0, 0);
    draw(docs, 9);
    for (size_t i = 0; i < DOCS; i++) // gains whose sum depends on their order
        docs[i].grade *= (float)rng_uniform(&rng);
    for (uint32_t i = 0; i < DOCS; i++)
        order[i] = i;
    for (int round = 0; round < 10; round++) {
        for (size_t i = 0; i < DOCS; i++)
            mixed[i] = docs[order[i]];
        const double a = quality_rank_ndcg(mixed, DOCS, 250), b = quality_rank_auc(mixed, DOCS),
                     c = quality_rank_gauc(mixed, DOCS, scratch).gauc;
        if (round == 0) {
            ndcg = a;
            auc = b;
            gauc = c;
        }
        assert_true(a == ndcg && b == auc && c == gauc);
        rng_shuffle_u32(&rng, order, DOCS);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ndcg_by_hand),
        cmocka_unit_test(test_ndcg_is_mean_over_tie_orders),
        cmocka_unit_test(test_auc_counts_pairs),
        cmocka_unit_test(test_one_class),
        cmocka_unit_test(test_any_order_same_bits),
    };
    return cmocka_run_group_tests_name("quality_rank", tests, NULL, NULL);
}
