// Gradients of the losses against central differences (T1 of the specification). Oracle: the loss
// values themselves, which the golden files hold to the reference.
#include "base/rng.h"
#include "model/train/loss.h"
#include "tests/support/check.h"
#include "tests/support/losses.h"
#include "tests/support/near.h"

#include <math.h>

enum { LONGEST = 200 };

// Logits are multiples of 2^-12 within +-20, so that a step of 2^-16 (1.5e-5) is exact in float.
static const float step = 0x1p-16f;

static float draw_logit(struct rng *rng, double deviation)
{
    double x = fmin(fmax(rng_normal(rng) * deviation, -20), 20);
    return (float)(floor(x * 4096) / 4096);
}

static void test_point_ce(void **state)
{
    (void)state;
    const double labels[] = {0, 1, 0.25};
    for (double s = -20; s <= 20; s += 0.37) {
        for (size_t i = 0; i < 3; i++) {
            const double h = 1e-5, y = labels[i];
            double slope = (loss_point_ce(s + h, y) - loss_point_ce(s - h, y)) / (2 * h);
            near_is(loss_point_ce_grad(s, y), slope, 1e-7);
        }
    }
}

// A distillation loss with the settings that it knows, and how exact its difference quotient is:
// the value of ListMLE reaches 4,000 at 200 documents.
struct loss_case {
    enum loss_kd kd;
    bool flag; // tau2_scale or rcr_norm
    double tau, tolerance_long;
};

static const struct loss_case cases[] = {
    {LOSS_KD_POINTWISE, false, 1, 1e-7}, {LOSS_KD_POINTWISE, false, .1, 1e-7},
    {LOSS_KD_POINTWISE, true, 10, 1e-7}, {LOSS_KD_LISTMLE, false, 1, 1e-6},
    {LOSS_KD_LISTNET, false, 1, 1e-7},   {LOSS_KD_LISTNET_LOGIT, false, 1, 1e-7},
    {LOSS_KD_CLID, false, 1, 1e-7},      {LOSS_KD_CLID_MASS, false, 1, 1e-7},
    {LOSS_KD_RCR, false, 1, 1e-7},       {LOSS_KD_RCR, true, 1, 1e-7},
};

static void check_list(const struct loss_case *c, size_t n, size_t stream, double deviation)
{
    float student[LONGEST], teacher[LONGEST], label[LONGEST];
    double grad[LONGEST], unused[LONGEST], kl;
    struct rng rng;
    rng_start(&rng, 7, RNG_TEST, (uint32_t)n, (uint32_t)stream);
    for (size_t i = 0; i < n; i++) {
        student[i] = draw_logit(&rng, deviation);
        teacher[i] = draw_logit(&rng, deviation);
        label[i] = (float)rng_below(&rng, 2);
    }
    struct loss_config config = losses_config(c->kd, 0, LOSS_SAMPLE_MEAN);
    config.tau = c->tau;
    config.tau2_scale = config.rcr_norm = c->flag;
    const struct loss_batch list = {
        .student = student, .teacher = teacher, .label = label, .log_mass = log(.75)};
    losses_list(&config, &list, n, grad, &kl);
    for (size_t i = 0; i < n; i++) {
        const float at = student[i];
        student[i] = at + step;
        double above = losses_list(&config, &list, n, unused, &kl);
        student[i] = at - step;
        double below = losses_list(&config, &list, n, unused, &kl);
        student[i] = at;
        // RCR without 1/C is a sum over as many terms as there are clicks.
        double scale = c->kd == LOSS_KD_RCR && !c->flag ? fmax(1, (double)n / 2) : 1;
        double tolerance = scale * (n == LONGEST ? c->tolerance_long : 1e-7);
        near_is(grad[i], (above - below) / (2 * (double)step), tolerance);
    }
}

// T1, every loss, within +-20.
static void test_lists(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 2, 3, 7, LONGEST};
    static const double deviations[] = {0.5, 3, 8};
    for (size_t m = 0; m < sizeof(cases) / sizeof(*cases); m++)
        for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++)
            for (size_t d = 0; d < 3; d++)
                check_list(&cases[m], sizes[k], d, deviations[d]);
}

// T1 for the joins: towards the main and the shallow tower.
static void test_joins(void **state)
{
    (void)state;
    enum { DOCS = 6 };
    static const uint64_t offset[] = {0, 2, DOCS};
    float logit[2][DOCS], label[DOCS], keep[DOCS] = {2, 0, 2, 2, 0, 1}, grad[2][DOCS],
                                       unused[2][DOCS];
    struct rng rng;
    rng_start(&rng, 13, RNG_TEST, 0, 0);
    for (size_t i = 0; i < DOCS; i++) {
        logit[0][i] = draw_logit(&rng, 8);
        logit[1][i] = draw_logit(&rng, 8);
        label[i] = (float)rng_below(&rng, 2);
    }
    uint32_t order[DOCS];
    double first[DOCS], second[DOCS];
    struct loss_scratch scratch = {order, first, second};
    struct loss_batch batch = {.offset = offset,
                               .lists = 2,
                               .label = label,
                               .student = logit[0],
                               .shallow = logit[1],
                               .keep = keep};
    for (enum loss_join join = LOSS_JOIN_ADD; join <= LOSS_JOIN_PRODUCT; join++) {
        struct loss_config config = losses_config(LOSS_KD_NONE, 1, LOSS_SAMPLE_MEAN);
        struct loss_value value, above, below;
        config.join = join;
        assert_int_equal(loss_minibatch(&config, &batch, &scratch, grad[0], grad[1], &value), 0);
        for (size_t i = 0; i < 2 * DOCS; i++) {
            float *at = &logit[i / DOCS][i % DOCS];
            const float was = *at;
            *at = was + step;
            assert_int_equal(
                loss_minibatch(&config, &batch, &scratch, unused[0], unused[1], &above), 0);
            *at = was - step;
            assert_int_equal(
                loss_minibatch(&config, &batch, &scratch, unused[0], unused[1], &below), 0);
            *at = was;
            double slope = (above.total - below.total) / (2 * (double)step);
            near_is((double)grad[i / DOCS][i % DOCS], slope, 1e-7 + fabs(slope) * 0x1p-24);
        }
    }
}

// The whole minibatch: weights, reductions, lists of several sizes, one of them empty.
static void test_minibatch(void **state)
{
    (void)state;
    static const uint64_t offset[] = {0, 3, 3, 4, 11};
    enum { DOCS = 11, LISTS = 4 };
    float student[DOCS], teacher[DOCS], label[DOCS], grad[DOCS], unused[DOCS];
    struct rng rng;
    rng_start(&rng, 11, RNG_TEST, 0, 0);
    for (size_t i = 0; i < DOCS; i++) {
        student[i] = draw_logit(&rng, 2);
        teacher[i] = draw_logit(&rng, 2);
        label[i] = (float)rng_below(&rng, 2);
    }
    for (int reduce = LOSS_SAMPLE_MEAN; reduce <= LOSS_LIST_SUM; reduce++) {
        for (double alpha = 0; alpha <= 1; alpha += 0.25) {
            const struct loss_config config =
                losses_config(LOSS_KD_CLID, alpha, (enum loss_reduce)reduce);
            struct loss_value value, above, below;
            assert_int_equal(
                losses_minibatch(&config, student, teacher, label, offset, LISTS, grad, &value), 0);
            for (size_t i = 0; i < DOCS; i++) {
                const float at = student[i];
                student[i] = at + step;
                assert_int_equal(losses_minibatch(&config, student, teacher, label, offset, LISTS,
                                                  unused, &above),
                                 0);
                student[i] = at - step;
                assert_int_equal(losses_minibatch(&config, student, teacher, label, offset, LISTS,
                                                  unused, &below),
                                 0);
                student[i] = at;
                double slope = (above.total - below.total) / (2 * (double)step);
                // The gradient was rounded to float.
                near_is((double)grad[i], slope, 1e-7 + fabs(slope) * 0x1p-24);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_point_ce),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_joins),
        cmocka_unit_test(test_minibatch),
    };
    return cmocka_run_group_tests_name("loss gradients", tests, NULL, NULL);
}
