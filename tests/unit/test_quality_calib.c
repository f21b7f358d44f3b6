// Calibration metrics by their textbook form, bucket by bucket, and small sets by hand.
#include "base/rng.h"
#include "model/train/quality_calib.h"
#include "tests/support/check.h"
#include "tests/support/near.h"

#include <math.h>

enum { MOST = 250 };

static struct quality_calib_doc doc_of(double logit, bool click)
{
    return (struct quality_calib_doc){1 / (1 + exp(-logit)), logit, click};
}

static double descending_ece(const struct quality_calib_doc *docs, size_t n, size_t buckets)
{
    double sum = 0;
    for (size_t k = 0; k < buckets; k++) {
        double bucket = 0;
        for (size_t i = k * n / buckets; i < (k + 1) * n / buckets; i++)
            bucket += (docs[i].click ? 1 : 0) - docs[i].p;
        sum += fabs(bucket);
    }
    return sum / (double)n;
}

static void test_ece_without_ties(void **state)
{
    (void)state;
    struct rng rng;
    rng_start(&rng, 1, RNG_TEST, 0, 0);
    for (size_t n = 1; n <= MOST; n = n < 25 ? n + 1 : n + 37) {
        for (size_t buckets = 1; buckets <= 100; buckets = buckets < 12 ? buckets + 1 : 100) {
            struct quality_calib_doc docs[MOST], reversed[MOST];
            for (size_t i = 0; i < n; i++) {
                docs[i] = doc_of(3 - 6 * ((double)i + 0.5) / (double)n, rng_below(&rng, 2) == 1);
                reversed[n - 1 - i] = docs[i];
            }
            near_is(quality_calib_ece(reversed, n, buckets), descending_ece(docs, n, buckets),
                    1e-14);
            if (buckets == 100)
                break;
        }
    }
}

// Documents of equal p: each stands for the mean of the block, wherever the cut falls.
static void test_ece_ties(void **state)
{
    (void)state;
    // p = 1/2 five times, two of them clicks: residual -0.1 each; two buckets of 2 and 3.
    struct quality_calib_doc five[5];
    for (size_t i = 0; i < 5; i++)
        five[i] = doc_of(0, i < 2);
    near_is(quality_calib_ece(five, 5, 2), 0.1, 1e-15);
    // A block over the cut: one bucket takes one document of it, the other two.
    struct quality_calib_doc four[] = {doc_of(log(3), false), doc_of(0, true), doc_of(0, true),
                                       doc_of(0, false)};
    const double residual = 2.0 / 3 - 0.5;
    near_is(quality_calib_ece(four, 4, 2), (fabs(-0.75 + residual) + 2 * residual) / 4, 1e-15);
    // Not more documents than buckets: mean |y - p|.
    struct quality_calib_doc two[] = {doc_of(log(3), true), doc_of(-log(3), true)};
    near_is(quality_calib_ece(two, 2, 10), 0.5, 1e-15);
}

static void test_pooled_by_hand(void **state)
{
    (void)state;
    struct quality_calib_doc docs[] = {doc_of(log(3), true), doc_of(0, false), doc_of(0, true),
                                       doc_of(-log(3), false)};
    struct quality_calib got;
    assert_true(quality_calib_pooled(docs, 4, &got));
    const double loss = (2 * log(4.0 / 3) + 2 * log(2)) / 4;
    assert_int_equal(got.clicks, 2);
    near_is(got.logloss, loss, 1e-15);
    near_is(got.normalised_entropy, loss / log(2), 1e-15);
    near_is(got.pcoc, 1, 1e-15);
    near_is(got.brier, (2 * 0.0625 + 2 * 0.25) / 4, 1e-15);
    near_is(got.ece_10, 0.125, 1e-15); // residuals 1/4, 0, 0, -1/4 in buckets of their own
    near_is(got.ece_100, 0.125, 1e-15);
    near_is(got.slope, (double)NAN, 0); // a threshold at 0 separates, equality included
}

static void test_one_class(void **state)
{
    (void)state;
    struct quality_calib_doc none[] = {doc_of(-1, false), doc_of(1, false)};
    struct quality_calib_doc all[] = {doc_of(-1, true), doc_of(1, true)};
    struct quality_calib got;
    assert_true(quality_calib_pooled(none, 2, &got));
    near_is(got.pcoc, (double)NAN, 0);
    near_is(got.normalised_entropy, (double)NAN, 0);
    near_is(got.slope, (double)NAN, 0);
    near_is(got.intercept, (double)NAN, 0);
    assert_true(quality_calib_pooled(all, 2, &got));
    near_is(got.pcoc, 0.5, 1e-15);
    near_is(got.normalised_entropy, (double)NAN, 0);
}

static void test_any_order_same_bits(void **state)
{
    (void)state;
    struct quality_calib_doc docs[MOST], mixed[MOST];
    struct quality_calib first, got;
    uint32_t order[MOST];
    struct rng rng;
    rng_start(&rng, 2, RNG_TEST, 0, 0);
    for (uint32_t i = 0; i < MOST; i++) {
        // Far logits share p = 1 and differ in the logit.
        double logit = i % 5 == 0 ? 40 + (double)i : (double)rng_below(&rng, 60) / 10 - 3;
        docs[i] = doc_of(logit, rng_below(&rng, 3) == 0);
        order[i] = i;
    }
    for (int round = 0; round < 10; round++) {
        for (size_t i = 0; i < MOST; i++)
            mixed[i] = docs[order[i]];
        assert_true(quality_calib_pooled(mixed, MOST, &got));
        if (round == 0)
            first = got;
        assert_memory_equal(&got, &first, sizeof(got));
        rng_shuffle_u32(&rng, order, MOST);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ece_without_ties),    cmocka_unit_test(test_ece_ties),
        cmocka_unit_test(test_pooled_by_hand),      cmocka_unit_test(test_one_class),
        cmocka_unit_test(test_any_order_same_bits),
    };
    return cmocka_run_group_tests_name("quality_calib", tests, NULL, NULL);
}
