// Every distillation loss: the formulas written down plainly, where a wide exponent allows it;
// properties T7 and T8 of spec/algorithm.md 3.5, ties, weights, and extreme logits.
#include "tests/support/losses.h"
#include "tests/support/near.h"

#include <float.h>
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

// ---- the formulas of sections 3 and 10, as they stand there: sums of p, logarithms of quotients.
// A long double holds exp(-11000), so nothing underflows where a double would. ----

enum { PLAIN = 4 }; // documents of a list here

struct plain {
    const struct loss_config *config;
    const struct loss_batch *list;
    long double loss, grad[PLAIN];
};

static long double plain_sigmoid(long double s)
{
    return 1 / (1 + expl(-s));
}

static void plain_shares(const float *logit, bool softmax, long double *share)
{
    long double sum = 0;
    for (size_t i = 0; i < PLAIN; i++) {
        long double s = (long double)logit[i];
        sum += share[i] = softmax ? expl(s) : plain_sigmoid(s);
    }
    for (size_t i = 0; i < PLAIN; i++)
        share[i] /= sum;
}

static void plain_pointwise(struct plain *plain)
{
    const long double tau = (long double)plain->config->tau;
    for (size_t i = 0; i < PLAIN; i++) {
        long double s = (long double)plain->list->student[i] / tau;
        long double t = (long double)plain->list->teacher[i] / tau;
        plain->loss -= (plain_sigmoid(t) * logl(plain_sigmoid(s)) +
                        plain_sigmoid(-t) * logl(plain_sigmoid(-s))) /
                       PLAIN;
        plain->grad[i] = (plain_sigmoid(s) - plain_sigmoid(t)) / (tau * PLAIN);
    }
}

static void plain_shared(struct plain *plain, bool softmax_of_teacher, bool softmax_of_student)
{
    long double target[PLAIN], share[PLAIN];
    plain_shares(plain->list->teacher, softmax_of_teacher, target);
    plain_shares(plain->list->student, softmax_of_student, share);
    for (size_t i = 0; i < PLAIN; i++) {
        long double slope =
            softmax_of_student ? 1 : plain_sigmoid(-(long double)plain->list->student[i]);
        plain->loss -= target[i] * logl(share[i]);
        plain->grad[i] = slope * (share[i] - target[i]);
    }
}

static void plain_listnet(struct plain *plain)
{
    plain_shared(plain, false, true);
}

static void plain_listnet_logit(struct plain *plain)
{
    plain_shared(plain, true, true);
}

static void plain_clid(struct plain *plain)
{
    plain_shared(plain, false, false);
}

static void plain_clid_mass(struct plain *plain)
{
    plain_shared(plain, false, false);
    long double mass = 0;
    for (size_t i = 0; i < PLAIN; i++)
        mass += plain_sigmoid((long double)plain->list->teacher[i]);
    mass /= expl((long double)plain->list->log_mass);
    plain->loss *= mass;
    for (size_t i = 0; i < PLAIN; i++)
        plain->grad[i] *= mass;
}

static void plain_rcr(struct plain *plain)
{
    long double share[PLAIN], clicks = 0;
    plain_shares(plain->list->student, false, share);
    for (size_t i = 0; i < PLAIN; i++)
        clicks += (long double)plain->list->label[i];
    for (size_t i = 0; i < PLAIN; i++) {
        long double y = (long double)plain->list->label[i] / clicks;
        plain->loss -= y * logl(share[i]);
        plain->grad[i] = plain_sigmoid(-(long double)plain->list->student[i]) * (share[i] - y);
    }
}

// Every document against those that the teacher puts at or behind its place.
static void plain_listmle(struct plain *plain)
{
    const float *teacher = plain->list->teacher;
    for (size_t k = 0; k < PLAIN; k++) {
        long double behind = 0;
        for (size_t j = 0; j < PLAIN; j++)
            behind += teacher[j] <= teacher[k] ? expl((long double)plain->list->student[j]) : 0;
        plain->loss += logl(behind) - (long double)plain->list->student[k];
        plain->grad[k] -= 1;
        for (size_t j = 0; j < PLAIN; j++)
            if (teacher[j] <= teacher[k])
                plain->grad[j] += expl((long double)plain->list->student[j]) / behind;
    }
}

static void (*const plains[])(struct plain *) = {
    [LOSS_KD_POINTWISE] = plain_pointwise,
    [LOSS_KD_LISTMLE] = plain_listmle,
    [LOSS_KD_LISTNET] = plain_listnet,
    [LOSS_KD_LISTNET_LOGIT] = plain_listnet_logit,
    [LOSS_KD_CLID] = plain_clid,
    [LOSS_KD_CLID_MASS] = plain_clid_mass,
    [LOSS_KD_RCR] = plain_rcr,
};

static void every_loss_is_its_formula(void **state)
{
    (void)state;
    static const float logits[][PLAIN] = {
        {.5F, -2, 1.25F, 0},         {-700, -701, -805, -805.5F},
        {700, -700, 0, 805},         {30, 60, 90, -1},
        {-90, -60.5F, -60, -89.75F}, {-5, -4.5F, -3, -6},
        {805, 804.5F, 804, 803.75F}, {1000, -1000, 999, -999},
    };
    static const float label[] = {1, 0, 0, 1};
    enum { SETS = sizeof(logits) / sizeof(*logits) };
    for (size_t c = 0; c < DISTILLATIONS * SETS * SETS; c++) {
        struct loss_config config = losses_config(distillations[c / SETS / SETS], 0, 0);
        config.tau = 3;
        const struct loss_batch list = {.student = logits[c / SETS % SETS],
                                        .teacher = logits[c % SETS],
                                        .label = label,
                                        .log_mass = c % SETS == 1 ? -699 : -1};
        struct plain plain = {.config = &config, .list = &list};
        double grad[PLAIN], kl;
        plains[config.kd](&plain);
        double loss = losses_list(&config, &list, PLAIN, grad, &kl);
        near_is(loss, (double)plain.loss, 1e-12 * fmax(1, fabs(loss)));
        for (size_t i = 0; i < PLAIN; i++)
            near_is(grad[i], (double)plain.grad[i], 1e-12);
    }
}

// By hand: a student that is as sure of the contrary as a float can be.
static void every_loss_at_the_ends(void **state)
{
    (void)state;
    static const struct {
        enum loss_kd kd;
        double loss, grad[2]; // loss in units of the logit
    } rows[] = {
        {LOSS_KD_POINTWISE, 1, {.5, -.5}}, {LOSS_KD_LISTMLE, 2, {1, -1}},
        {LOSS_KD_LISTNET, 2, {1, -1}},     {LOSS_KD_LISTNET_LOGIT, 2, {1, -1}},
        {LOSS_KD_CLID, 1, {0, -1}},        {LOSS_KD_CLID_MASS, 1, {0, -1}},
        {LOSS_KD_RCR, 1, {0, -1}},
    };
    static const float ends[] = {1e5F, 1e10F, FLT_MAX};
    for (size_t e = 0; e < sizeof(ends) / sizeof(*ends); e++) {
        const float student[] = {ends[e], -ends[e]}, teacher[] = {-ends[e], ends[e]};
        const float label[] = {0, 1};
        const uint64_t offset[] = {0, 2};
        for (size_t k = 0; k < sizeof(rows) / sizeof(*rows); k++) {
            const struct loss_config config = losses_config(rows[k].kd, 0, LOSS_SAMPLE_MEAN);
            struct loss_value value;
            float grad[2];
            assert_int_equal(
                losses_minibatch(&config, student, teacher, label, offset, 1, grad, &value),
                STATUS_OK);
            near_is(value.total / (double)ends[e], rows[k].loss, 1e-15);
            near_is(value.kl / (double)ends[e], rows[k].loss, 1e-15);
            near_is((double)grad[0], rows[k].grad[0], 0);
            near_is((double)grad[1], rows[k].grad[1], 0);
        }
    }
}

// ---- properties ----

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
        cmocka_unit_test(every_loss_is_its_formula),
        cmocka_unit_test(every_loss_at_the_ends),
        cmocka_unit_test(every_loss_follows_a_permutation),
        cmocka_unit_test(a_list_of_one_is_zero),
        cmocka_unit_test(listmle_and_ties),
        cmocka_unit_test(no_weight_is_no_pull),
        cmocka_unit_test(joins_of_extreme_logits),
    };
    return cmocka_run_group_tests_name("loss_list", tests, NULL, NULL);
}
