// Losses: values by hand, the properties T4 to T8 and T10, the degenerate cases of section 3.7.
#include "model/train/loss.h"
#include "tests/support/check.h"
#include "tests/support/losses.h"
#include "tests/support/near.h"

#include <math.h>
#include <string.h>

static float logit_of(double p)
{
    return (float)(log(p) - log1p(-p));
}

static void test_point_ce(void **state)
{
    (void)state;
    near_is(loss_point_ce(0, 1), log(2), 1e-15);
    near_is(loss_point_ce(0, 0), log(2), 1e-15);
    near_is(loss_point_ce(log(3), 1), log(4.0 / 3), 1e-15); // p = 3/4
    near_is(loss_point_ce(log(3), 0), log(4), 1e-15);
    near_is(loss_point_ce(-800, 1), 800, 0);
    near_is(loss_point_ce(800, 1), 0, 0);
    near_is(loss_point_ce_grad(log(3), 0), 0.75, 1e-15);
    near_is(loss_point_ce_grad(log(3), 1), -0.25, 1e-15);
    near_is(loss_point_ce_grad(40, 1) / -exp(-40), 1, 1e-14); // nothing cancels
    near_is(loss_log_sigmoid(0), -log(2), 1e-15);
    near_is(loss_log_sigmoid(-1000), -1000, 0);
    near_is(loss_log_sigmoid(1000), 0, 0);
}

// T4: only the shares of a list count, not their common scale.
static void test_clid_scale(void **state)
{
    (void)state;
    const double p[] = {0.8, 0.4, 0.1}, scale[] = {1, 0.5, 0.01};
    float teacher[3], student[3];
    double grad[3], kl;
    for (int i = 0; i < 3; i++)
        teacher[i] = logit_of(p[i]);
    for (int k = 0; k < 3; k++) {
        for (int i = 0; i < 3; i++)
            student[i] = logit_of(p[i] * scale[k]);
        near_is(losses_clid(student, teacher, 3, grad, &kl), 0.858740913006, 2e-7);
        near_is(kl, 0, 1e-12);
    }
}

// The formula on shares that are computed directly, where that is possible.
static void test_clid_value(void **state)
{
    (void)state;
    const float student[] = {0.5F, -1, 2, 0}, teacher[] = {1, 0.25F, -0.5F, -3};
    double ps[4], pt[4], sum_s = 0, sum_t = 0, want = 0, entropy = 0, grad[4], kl, total = 0;
    for (int i = 0; i < 4; i++) {
        sum_s += ps[i] = 1 / (1 + exp(-(double)student[i]));
        sum_t += pt[i] = 1 / (1 + exp(-(double)teacher[i]));
    }
    for (int i = 0; i < 4; i++) {
        want -= pt[i] / sum_t * log(ps[i] / sum_s);
        entropy -= pt[i] / sum_t * log(pt[i] / sum_t);
    }
    near_is(losses_clid(student, teacher, 4, grad, &kl), want, 1e-14);
    near_is(kl, want - entropy, 1e-14);
    assert_true(kl > 0); // T6
    for (int i = 0; i < 4; i++) {
        near_is(grad[i], (1 - ps[i]) * (ps[i] / sum_s - pt[i] / sum_t), 1e-15);
        total += grad[i];
    }
    assert_true(fabs(total) > 1e-3); // T5: CLID may move the level
}

// T7: another order of the documents gives the same loss and the gradient in that order.
static void test_clid_permuted(void **state)
{
    (void)state;
    const float student[] = {0.5F, -1, 2, 0, 3}, teacher[] = {1, 0.25F, -0.5F, -3, 0};
    const int order[] = {3, 0, 4, 2, 1};
    float mixed_student[5], mixed_teacher[5];
    double grad[5], mixed_grad[5], kl;
    for (int i = 0; i < 5; i++) {
        mixed_student[i] = student[order[i]];
        mixed_teacher[i] = teacher[order[i]];
    }
    double loss = losses_clid(student, teacher, 5, grad, &kl);
    near_is(losses_clid(mixed_student, mixed_teacher, 5, mixed_grad, &kl), loss, 1e-14);
    for (int i = 0; i < 5; i++)
        near_is(mixed_grad[i], grad[order[i]], 1e-15);
}

// T8, T10 and the table of 3.7.
static void test_clid_degenerate(void **state)
{
    (void)state;
    double grad[2], kl;
    const float one_student[] = {-3.5F}, one_teacher[] = {700};
    assert_true(losses_clid(one_student, one_teacher, 1, grad, &kl) == 0);
    assert_true(grad[0] == 0 && kl == 0);

    // All p underflow; the shares are those of a softmax.
    const float low_student[] = {-700, -701}, low_teacher[] = {-805, -805};
    const double share = 1 / (1 + exp(-1));
    near_is(losses_clid(low_student, low_teacher, 2, grad, &kl), -(log(share) + log1p(-share)) / 2,
            1e-12);
    near_is(grad[0], share - 0.5, 1e-12);
    near_is(grad[1], 0.5 - share, 1e-12);

    // All p of the student are 1: no gradient. All of the teacher: the ranking signal is lost.
    const float high[] = {60, 90}, level[] = {0, 0}, apart[] = {2, -2};
    near_is(losses_clid(high, apart, 2, grad, &kl), log(2), 1e-15);
    near_is(grad[0], 0, 1e-25);
    near_is(grad[1], 0, 1e-25);
    near_is(losses_clid(level, high, 2, grad, &kl), log(2), 1e-15);
    near_is(grad[0], 0, 1e-16);

    // A constant teacher pulls to equal p: the higher one down, the lower one up.
    losses_clid(apart, level, 2, grad, &kl);
    assert_true(grad[0] > 0 && grad[1] < 0);

    // Opposite ends stay finite.
    const float ends[] = {800, -800}, other_ends[] = {-800, 800};
    near_is(losses_clid(ends, other_ends, 2, grad, &kl), 800, 1e-9);
    near_is(grad[1], -1, 1e-15);
    near_is(grad[0], 0, 1e-15);

    // The optimum is exact.
    near_is(losses_clid(apart, apart, 2, grad, &kl) > 0, 1, 0);
    assert_true(grad[0] == 0 && grad[1] == 0 && kl == 0);
}

enum { DOCS = 6, LISTS = 4 };
static const uint64_t offset[LISTS + 1] = {0, 3, 3, 4, 6}; // one list empty, one of one document
static const float student[DOCS] = {0.5F, -1, 2, 0, 3, -0.25F};
static const float teacher[DOCS] = {1, 0.25F, -0.5F, -3, 0, 1};
static const float label[DOCS] = {1, 0, 0, 1, 0, 0};

// Put together by hand from the losses of single lists.
static void test_minibatch(void **state)
{
    (void)state;
    double kd = 0, kl = 0, ce = 0, slope[DOCS];
    for (size_t q = 0; q < LISTS; q++) {
        double list_kl, *at = slope + offset[q];
        const size_t n = offset[q + 1] - offset[q];
        if (n == 0)
            continue;
        kd += losses_clid(student + offset[q], teacher + offset[q], n, at, &list_kl) / 3;
        kl += list_kl / 3;
    }
    for (size_t i = 0; i < DOCS; i++)
        ce += loss_point_ce((double)student[i], (double)label[i]);
    const double share[] = {1.0 / DOCS, 1.0 / 3}; // sample_mean, list_sum
    for (int reduce = LOSS_SAMPLE_MEAN; reduce <= LOSS_LIST_SUM; reduce++) {
        const struct loss_config config =
            losses_config(LOSS_KD_CLID, 0.25, (enum loss_reduce)reduce);
        struct loss_value value;
        float grad[DOCS];
        assert_int_equal(
            losses_minibatch(&config, student, teacher, label, offset, LISTS, grad, &value),
            STATUS_OK);
        near_is(value.point_ce, ce * share[reduce], 1e-14);
        near_is(value.kd, kd, 1e-14);
        near_is(value.kl, kl, 1e-14);
        near_is(value.total, 0.25 * ce * share[reduce] + 0.75 * kd, 1e-14);
        for (size_t i = 0; i < DOCS; i++) {
            double want =
                0.25 * share[reduce] * loss_point_ce_grad((double)student[i], (double)label[i]) +
                0.75 / 3 * slope[i];
            near_is((double)grad[i], want, fabs(want) * 0x1p-24 + 1e-16);
        }
    }
}

static void test_labels_do_not_reach_distillation(void **state)
{
    (void)state;
    const struct loss_config config = losses_config(LOSS_KD_CLID, 0, LOSS_SAMPLE_MEAN);
    const float all[2][DOCS] = {{0}, {1, 1, 1, 1, 1, 1}};
    float grad[2][DOCS];
    struct loss_value value[2];
    for (int k = 0; k < 2; k++)
        assert_int_equal(
            losses_minibatch(&config, student, teacher, all[k], offset, LISTS, grad[k], &value[k]),
            STATUS_OK);
    assert_memory_equal(grad[0], grad[1], sizeof(grad[0]));
    assert_true(value[0].kd == value[1].kd && value[0].total == value[0].kd);
    assert_true(value[0].point_ce > 0 && value[0].point_ce != value[1].point_ce);
}

// r = 0: every bit of Base, with a teacher and without.
static void test_without_weight_is_base(void **state)
{
    (void)state;
    for (int reduce = LOSS_SAMPLE_MEAN; reduce <= LOSS_LIST_SUM; reduce++) {
        const struct loss_config base = losses_config(LOSS_KD_NONE, 0.5, (enum loss_reduce)reduce);
        const struct loss_config clid = losses_config(LOSS_KD_CLID, 1, (enum loss_reduce)reduce);
        float want[DOCS], got[DOCS];
        struct loss_value want_value, got_value;
        assert_int_equal(
            losses_minibatch(&base, student, NULL, label, offset, LISTS, want, &want_value), 0);
        const float *const teachers[] = {teacher, NULL};
        for (int k = 0; k < 2; k++) {
            assert_int_equal(losses_minibatch(&clid, student, teachers[k], label, offset, LISTS,
                                              got, &got_value),
                             0);
            assert_memory_equal(got, want, sizeof(want));
            assert_memory_equal(&got_value.total, &want_value.total, sizeof(double));
            assert_true((got_value.kd > 0) == (teachers[k] != NULL));
        }
        assert_true(want_value.total == want_value.point_ce && want_value.kd == 0);
    }
}

static void test_not_finite(void **state)
{
    (void)state;
    const float bad[] = {NAN, INFINITY, -INFINITY};
    const struct loss_config base = losses_config(LOSS_KD_NONE, 1, LOSS_SAMPLE_MEAN);
    const struct loss_config clid = losses_config(LOSS_KD_CLID, 0.5, LOSS_SAMPLE_MEAN);
    for (size_t place = 0; place < DOCS; place++) {
        for (int k = 0; k < 3; k++) {
            float broken[DOCS], grad[DOCS];
            struct loss_value value = {-1, -1, -1, -1};
            memcpy(broken, teacher, sizeof(broken));
            broken[place] = bad[k];
            memset(grad, 0x55, sizeof(grad));
            assert_int_equal(
                losses_minibatch(&clid, student, broken, label, offset, LISTS, grad, &value),
                STATUS_NOT_FINITE);
            assert_int_equal(
                losses_minibatch(&clid, broken, teacher, label, offset, LISTS, grad, &value),
                STATUS_NOT_FINITE);
            assert_int_equal(
                losses_minibatch(&base, broken, NULL, label, offset, LISTS, grad, &value),
                STATUS_NOT_FINITE);
            assert_true(value.total == -1);
            for (size_t i = 0; i < sizeof(grad); i++)
                assert_int_equal(((const unsigned char *)grad)[i], 0x55);
            assert_int_equal(
                losses_minibatch(&base, student, broken, label, offset, LISTS, grad, &value),
                STATUS_OK);
        }
    }
}

static void test_no_documents(void **state)
{
    (void)state;
    const struct loss_config clid = losses_config(LOSS_KD_CLID, 0.5, LOSS_SAMPLE_MEAN);
    const uint64_t none[] = {0, 0, 0};
    struct loss_value value;
    float nothing = 0;
    assert_int_equal(
        losses_minibatch(&clid, &nothing, &nothing, &nothing, none, 2, &nothing, &value),
        STATUS_OK);
    assert_true(value.total == 0 && value.point_ce == 0 && value.kd == 0 && nothing == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_point_ce),
        cmocka_unit_test(test_clid_scale),
        cmocka_unit_test(test_clid_value),
        cmocka_unit_test(test_clid_permuted),
        cmocka_unit_test(test_clid_degenerate),
        cmocka_unit_test(test_minibatch),
        cmocka_unit_test(test_labels_do_not_reach_distillation),
        cmocka_unit_test(test_without_weight_is_base),
        cmocka_unit_test(test_not_finite),
        cmocka_unit_test(test_no_documents),
    };
    return cmocka_run_group_tests_name("loss", tests, NULL, NULL);
}
