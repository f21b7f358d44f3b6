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

static void test_clid(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 2, 3, 7, LONGEST};
    static const double deviations[] = {0.5, 3, 8};
    for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
        for (size_t d = 0; d < 3; d++) {
            const size_t n = sizes[k];
            float student[LONGEST], teacher[LONGEST];
            double grad[LONGEST], unused[LONGEST], kl;
            struct rng rng;
            rng_start(&rng, 7, RNG_TEST, (uint32_t)n, (uint32_t)d);
            for (size_t i = 0; i < n; i++) {
                student[i] = draw_logit(&rng, deviations[d]);
                teacher[i] = draw_logit(&rng, deviations[d]);
            }
            losses_clid(student, teacher, n, grad, &kl);
            for (size_t i = 0; i < n; i++) {
                const float at = student[i];
                student[i] = at + step;
                double above = losses_clid(student, teacher, n, unused, &kl);
                student[i] = at - step;
                double below = losses_clid(student, teacher, n, unused, &kl);
                student[i] = at;
                near_is(grad[i], (above - below) / (2 * (double)step), 1e-7);
            }
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
        cmocka_unit_test(test_clid),
        cmocka_unit_test(test_minibatch),
    };
    return cmocka_run_group_tests_name("loss gradients", tests, NULL, NULL);
}
