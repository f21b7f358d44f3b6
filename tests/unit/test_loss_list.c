// Every distillation loss: properties T7 and T8 of spec/algorithm.md 3.5, ties, weights, and the
// joins at extreme logits.
#include "tests/support/losses.h"
#include "tests/support/near.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const enum loss_kd distillations[] = {
    LOSS_KD_POINTWISE, LOSS_KD_LISTMLE,   LOSS_KD_LISTNET, LOSS_KD_LISTNET_LOGIT,
    LOSS_KD_CLID,      LOSS_KD_CLID_MASS, LOSS_KD_RCR};
enum { DISTILLATIONS = sizeof(distillations) / sizeof(*distillations) };

// T7: documents in another order have their gradients in that order, and the same loss. The teacher
// has no ties, which position would break.
static void every_loss_follows_a_permutation(void **state)
{
    (void)state;
    enum { N = 5 };
    static const size_t order[N] = {3, 0, 4, 1, 2};
    const float student[N] = {.5F, -2, 1.25F, 0, 3}, teacher[N] = {1, -1.5F, 2, -.25F, -3};
    const float label[N] = {1, 0, 0, 1, 0};
    float mixed[3][N];
    for (size_t i = 0; i < N; i++) {
        mixed[0][i] = student[order[i]];
        mixed[1][i] = teacher[order[i]];
        mixed[2][i] = label[order[i]];
    }
    for (size_t k = 0; k < DISTILLATIONS; k++) {
        const struct loss_config config = losses_config(distillations[k], 0, LOSS_SAMPLE_MEAN);
        const struct loss_batch list = {.student = student, .teacher = teacher, .label = label};
        const struct loss_batch other = {
            .student = mixed[0], .teacher = mixed[1], .label = mixed[2]};
        double grad[N], moved[N], kl, moved_kl;
        near_is(losses_list(&config, &list, N, grad, &kl),
                losses_list(&config, &other, N, moved, &moved_kl), 1e-14);
        near_is(kl, moved_kl, 1e-14);
        for (size_t i = 0; i < N; i++)
            near_is(moved[i], grad[order[i]], 1e-15);
    }
}

// T8: a list of one document has no order to learn; and whoever was not clicked teaches RCR
// nothing.
static void a_list_of_one_is_zero(void **state)
{
    (void)state;
    for (float s = -800; s <= 800; s += 80) {
        const float label[] = {1}, teacher[] = {s / 3 - 1};
        for (size_t k = 1; k < DISTILLATIONS; k++) { // all but pointwise
            const struct loss_config config = losses_config(distillations[k], 0, LOSS_SAMPLE_MEAN);
            const struct loss_batch list = {.student = &s, .teacher = teacher, .label = label};
            double grad = 1, kl = 1;
            assert_true(fabs(losses_list(&config, &list, 1, &grad, &kl)) <= 0);
            assert_true(fabs(grad) <= 0 && fabs(kl) <= 0);
        }
    }
    const float student[] = {1, -2, 3}, none[] = {0, 0, 0};
    const struct loss_config config = losses_config(LOSS_KD_RCR, 0, LOSS_SAMPLE_MEAN);
    const struct loss_batch list = {.student = student, .label = none};
    double grad[3], kl;
    assert_true(fabs(losses_list(&config, &list, 3, grad, &kl)) <= 0);
    assert_true(fabs(grad[0]) + fabs(grad[1]) + fabs(grad[2]) + fabs(kl) <= 0);
}

// A teacher that is constant has no order; equal neighbours are ordered by `tie`, then position.
static void listmle_and_ties(void **state)
{
    (void)state;
    const struct loss_config config = losses_config(LOSS_KD_LISTMLE, 0, LOSS_SAMPLE_MEAN);
    const float student[] = {.5F, -1, 2}, level[] = {0, -0.0F, 0}, tied[] = {1, 1, -1};
    struct loss_batch list = {.student = student, .teacher = level};
    double grad[3] = {1, 1, 1}, kl;
    assert_true(fabs(losses_list(&config, &list, 3, grad, &kl)) <= 0);
    assert_true(fabs(grad[0]) + fabs(grad[1]) + fabs(grad[2]) <= 0);
    list.teacher = tied;
    double a = log(exp(.5) + exp(-1) + exp(2)), b = log(exp(-1) + exp(2));
    near_is(losses_list(&config, &list, 3, grad, &kl), a - .5 + b + 1, 1e-13);
    const uint32_t tie[] = {9, 3, 0};
    list.tie = tie;
    double c = log(exp(.5) + exp(2));
    near_is(losses_list(&config, &list, 3, grad, &kl), a + 1 + c - .5, 1e-13);
}

// kd_weight 0 at alpha below 1, as while a warm-up lasts: alpha times the clicks, nothing else.
static void no_weight_is_no_pull(void **state)
{
    (void)state;
    const float student[] = {.5F, -1, 2}, teacher[] = {5, -3, 0}, label[] = {1, 0, 0};
    const uint64_t offset[] = {0, 3};
    struct loss_config config = losses_config(LOSS_KD_LISTNET, .25, LOSS_SAMPLE_MEAN);
    const struct loss_config base = losses_config(LOSS_KD_NONE, 1, LOSS_SAMPLE_MEAN);
    struct loss_value cold, clicks;
    float grad[3], want[3];
    config.kd_weight = 0;
    assert_int_equal(losses_minibatch(&config, student, teacher, label, offset, 1, grad, &cold),
                     STATUS_OK);
    assert_int_equal(losses_minibatch(&base, student, NULL, label, offset, 1, want, &clicks),
                     STATUS_OK);
    near_is(cold.total, .25 * clicks.total, 1e-15);
    assert_true(cold.kd > 0);
    for (size_t i = 0; i < 3; i++)
        assert_true(grad[i] == .25F * want[i]);
}

// PAL and PriDropOut at the ends: nothing overflows, and the gradient keeps its sign.
static void joins_of_extreme_logits(void **state)
{
    (void)state;
    const float main[] = {800, -800, 800, -800, 90}, shallow[] = {800, 800, -800, -800, 90};
    const float label[] = {0, 1, 1, 0, 1};
    const uint64_t offset[] = {0, 5};
    uint32_t order[5];
    double first[5], second[5];
    struct loss_scratch scratch = {order, first, second};
    struct loss_batch batch = {
        .offset = offset, .lists = 1, .label = label, .student = main, .shallow = shallow};
    struct loss_config config = losses_config(LOSS_KD_NONE, 1, LOSS_LIST_SUM);
    float grad[5], grad_shallow[5];
    struct loss_value value;
    config.join = LOSS_JOIN_PRODUCT;
    assert_int_equal(loss_minibatch(&config, &batch, &scratch, grad, grad_shallow, &value), 0);
    // -log(1 - ab) = 800 - log 2 for both at 800, 800 each for a click where one tower says never.
    near_is(value.total, 3 * 800 - log(2), 1e-9);
    // (1 - b) ab / (1 - ab) tends to 1/2 where both are sure, -1 where this tower denied the click.
    near_is((double)grad[0], .5, 1e-6);
    near_is((double)grad[1], -1, 1e-6);
    near_is((double)grad[2], 0, 1e-6);
    near_is((double)grad_shallow[2], -1, 1e-6);
    near_is((double)grad[3], 0, 1e-6);
    near_is((double)grad[4], 0, 1e-6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_loss_follows_a_permutation),
        cmocka_unit_test(a_list_of_one_is_zero),
        cmocka_unit_test(listmle_and_ties),
        cmocka_unit_test(no_weight_is_no_pull),
        cmocka_unit_test(joins_of_extreme_logits),
    };
    return cmocka_run_group_tests_name("loss_list", tests, NULL, NULL);
}
