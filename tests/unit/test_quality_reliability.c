// Bins of the reliability diagram: places, ties, truth, and that they are those of the pooled ECE.
#include "base/rng.h"
#include "model/train/quality.h"
#include "model/train/quality_reliability.h"
#include "tests/support/check.h"
#include "tests/support/near.h"

#include <math.h>
#include <string.h>

enum { DOCS = 997, BINS = 20 };

struct data {
    uint64_t offset[2];
    float logit[DOCS], grade[DOCS];
    double p[DOCS], truth[DOCS];
};

static struct quality_input input_of(struct data *data, size_t n)
{
    data->offset[0] = 0;
    data->offset[1] = n;
    return (struct quality_input){.lists = 1,
                                  .docs = n,
                                  .offset = data->offset,
                                  .logit = data->logit,
                                  .grade = data->grade,
                                  .p = data->p};
}

static void bin_is(const struct reliability_bin *bin, uint64_t docs, double sum_p, double clicks,
                   double truth)
{
    assert_int_equal(bin->docs, docs);
    near_is(bin->sum_p, sum_p, 1e-15);
    near_is(bin->clicks, clicks, 1e-15);
    near_is(bin->truth, truth, 1e-15);
}

static void test_by_hand(void **state)
{
    (void)state;
    static struct data data;
    const double p[] = {.5, .1, .9, .3, .2}, truth[] = {.4, .2, .8, .1, .3};
    const float grade[] = {1, 0, 2, 0, 0};
    memcpy(data.p, p, sizeof(p));
    memcpy(data.truth, truth, sizeof(truth));
    memcpy(data.grade, grade, sizeof(grade));
    const struct quality_input input = input_of(&data, 5);
    struct reliability_bin bins[9];
    size_t count = 0;
    // From above: floor(5/2) = 2 documents (.9, .5), then 3.
    assert_int_equal(quality_reliability(&input, data.truth, 2, bins, &count), STATUS_OK);
    assert_int_equal(count, 2);
    bin_is(&bins[0], 3, .1 + .2 + .3, 0, .2 + .3 + .1);
    bin_is(&bins[1], 2, .5 + .9, 2, .4 + .8);
    // More bins than documents: one a document; no truth.
    assert_int_equal(quality_reliability(&input, NULL, 9, bins, &count), STATUS_OK);
    assert_int_equal(count, 5);
    bin_is(&bins[0], 1, .1, 0, 0);
    bin_is(&bins[4], 1, .9, 1, 0);
    const struct quality_input none = input_of(&data, 0);
    assert_int_equal(quality_reliability(&none, NULL, 9, bins, &count), STATUS_OK);
    assert_int_equal(count, 0);
}

static void test_ties_share(void **state)
{
    (void)state;
    static struct data data;
    for (size_t i = 0; i < 6; i++) {
        data.p[i] = i < 1 ? .1 : .25;
        data.grade[i] = i == 5;
        data.truth[i] = i == 4 ? .5 : 0;
    }
    const struct quality_input input = input_of(&data, 6);
    struct reliability_bin bins[3];
    size_t count = 0;
    assert_int_equal(quality_reliability(&input, data.truth, 3, bins, &count), STATUS_OK);
    assert_int_equal(count, 3);
    bin_is(&bins[0], 2, .35, .2, .1); // one click, and .5 of truth, shared by five
    bin_is(&bins[1], 2, .5, .4, .2);
    bin_is(&bins[2], 2, .5, .4, .2);
}

static void draw(struct data *data)
{
    struct rng rng;
    rng_start(&rng, 1, RNG_TEST, 0, 0);
    for (size_t i = 0; i < DOCS; i++) {
        data->logit[i] = (float)rng_below(&rng, 81) / 10 - 4; // with ties
        data->p[i] = 1 / (1 + exp(-(double)data->logit[i]));
        data->truth[i] = rng_uniform(&rng);
        data->grade[i] = rng_uniform(&rng) < data->p[i];
    }
}

static void test_pooled_ece(void **state)
{
    (void)state;
    static struct data data;
    struct reliability_bin bins[100];
    struct quality quality;
    size_t count = 0;
    draw(&data);
    const struct quality_input input = input_of(&data, DOCS);
    assert_int_equal(quality_measure(&input, &quality, NULL), STATUS_OK);
    const size_t cuts[] = {10, 100};
    const double want[] = {quality.ece_10, quality.ece_100};
    for (size_t c = 0; c < 2; c++) {
        assert_int_equal(quality_reliability(&input, NULL, cuts[c], bins, &count), STATUS_OK);
        assert_int_equal(count, cuts[c]);
        double gap = 0, clicks = 0;
        size_t docs = 0;
        for (size_t k = 0; k < count; k++) {
            gap += fabs(bins[k].clicks - bins[k].sum_p);
            clicks += bins[k].clicks;
            docs += bins[k].docs;
            assert_true(bins[k].docs == 9 || bins[k].docs == 10 || cuts[c] == 10);
            assert_true(k == 0 || bins[k].sum_p / (double)bins[k].docs >=
                                      bins[k - 1].sum_p / (double)bins[k - 1].docs - 1e-15);
        }
        assert_int_equal(docs, DOCS);
        near_is(clicks, (double)quality.clicks, 1e-9);
        near_is(gap / DOCS, want[c], 1e-13);
    }
}

static void test_order_is_nothing(void **state)
{
    (void)state;
    static struct data data, mixed;
    struct reliability_bin bins[BINS], others[BINS];
    uint32_t place[DOCS];
    size_t count = 0, other = 0;
    draw(&data);
    for (uint32_t i = 0; i < DOCS; i++)
        place[i] = i;
    struct rng rng;
    rng_start(&rng, 2, RNG_TEST, 0, 0);
    rng_shuffle_u32(&rng, place, DOCS);
    for (size_t i = 0; i < DOCS; i++) {
        mixed.logit[i] = data.logit[place[i]];
        mixed.truth[i] = data.truth[place[i]];
        mixed.grade[i] = data.grade[place[i]];
    }
    struct quality_input input = input_of(&data, DOCS), other_input = input_of(&mixed, DOCS);
    input.p = other_input.p = NULL; // from the logits
    assert_int_equal(quality_reliability(&input, data.truth, BINS, bins, &count), STATUS_OK);
    assert_int_equal(quality_reliability(&other_input, mixed.truth, BINS, others, &other),
                     STATUS_OK);
    assert_int_equal(count, BINS);
    assert_int_equal(other, BINS);
    assert_memory_equal(bins, others, sizeof(bins));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_hand),
        cmocka_unit_test(test_ties_share),
        cmocka_unit_test(test_pooled_ece),
        cmocka_unit_test(test_order_is_nothing),
    };
    return cmocka_run_group_tests_name("quality_reliability", tests, NULL, NULL);
}
