// What a step asks of the towers: the teacher that learns beside is out of the student's reach, and
// the other way round only as numbers (T9); warm-up; drawn dropout and ties.
#include "model/train/objective.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { DOCS = 7, LISTS = 3 };

static uint64_t offset[LISTS + 1] = {0, 3, 4, DOCS};
static uint64_t document[DOCS] = {4, 5, 6, 20, 30, 31, 32};
static float label[DOCS] = {1, 0, 0, 1, 0, 1, 0};
static const float student_logit[DOCS] = {.3F, -1, .7F, 2, -.4F, .1F, -2};
static const float second_logit[DOCS] = {1.5F, -.2F, -.9F, .4F, -1, .8F, -.8F};

struct bench {
    struct objective objective;
    struct minibatch batch;
    struct tower towers[TOWER_MAX];
    float logit[TOWER_MAX][DOCS], grad[TOWER_MAX][DOCS];
    double log_mass;
    struct objective_value value;
};

static void start(struct bench *b, const struct objective_config *config)
{
    memset(b, 0, sizeof(*b));
    struct diag diag = {0};
    assert_int_equal(objective_init(&b->objective, config, DOCS, &diag), STATUS_OK);
    b->batch = (struct minibatch){
        .docs = DOCS, .lists = LISTS, .label = label, .offset = offset, .doc = document};
    memcpy(b->logit[0], student_logit, sizeof(student_logit));
    memcpy(b->logit[1], second_logit, sizeof(second_logit));
    for (size_t i = 0; i < TOWER_MAX; i++) {
        b->towers[i].logit = b->logit[i];
        b->towers[i].grad = b->grad[i];
    }
}

static enum status step(struct bench *b, size_t towers, uint32_t epoch, uint64_t taken)
{
    const struct objective_step at = {epoch, (uint32_t)taken, taken, &b->log_mass};
    return objective_grads(&b->objective, &b->batch, b->towers, towers, &at, &b->value);
}

static struct objective_config config_of(enum loss_kd kd, double alpha)
{
    return (struct objective_config){
        .loss = {.kd = kd, .alpha = alpha, .kd_weight = 1 - alpha, .tau = 1, .rcr_norm = true},
        .seed = 3};
}

// Neither the student's logits nor the weight of L_d reach the teacher's gradient: its bits are
// those of a teacher alone, (p - y) / N.
static void nothing_of_the_second_loss_flows_into_the_teacher(void **state)
{
    (void)state;
    for (enum loss_kd kd = LOSS_KD_POINTWISE; kd <= LOSS_KD_CLID_MASS; kd++) {
        struct objective_config config = config_of(kd, .01);
        config.joint = true;
        struct bench b, moved;
        start(&b, &config);
        assert_int_equal(step(&b, 2, 0, 0), STATUS_OK);
        for (size_t i = 0; i < DOCS; i++) {
            double p = 1 / (1 + exp(-(double)second_logit[i]));
            assert_true(fabs((double)b.grad[1][i] - (p - (double)label[i]) / DOCS) < 1e-8);
        }
        start(&moved, &config);
        for (size_t i = 0; i < DOCS; i++)
            moved.logit[0][i] += 3 * (float)i - 5;
        assert_int_equal(step(&moved, 2, 0, 0), STATUS_OK);
        assert_memory_equal(moved.grad[1], b.grad[1], sizeof(b.grad[1]));
        assert_memory_not_equal(moved.grad[0], b.grad[0], sizeof(b.grad[0]));
        objective_fini(&b.objective);
        objective_fini(&moved.objective);
    }
}

static void a_teacher_beside_teaches_like_a_frozen_one(void **state)
{
    (void)state;
    float frozen[40] = {0};
    for (size_t i = 0; i < DOCS; i++)
        frozen[document[i]] = second_logit[i];
    struct objective_config joint = config_of(LOSS_KD_CLID, .5), two = joint;
    joint.joint = true;
    two.teacher = frozen;
    struct bench a, b;
    start(&a, &joint);
    start(&b, &two);
    assert_int_equal(step(&a, 2, 0, 0), STATUS_OK);
    assert_int_equal(step(&b, 1, 0, 0), STATUS_OK);
    assert_memory_equal(a.grad[0], b.grad[0], sizeof(a.grad[0]));
    assert_true(a.value.main.kl > 0 && a.value.teacher > 0);
    objective_fini(&a.objective);
    objective_fini(&b.objective);
}

// While warm-up lasts the gradient is alpha times that of the clicks.
static void warm_up_counts_steps_of_all_epochs(void **state)
{
    (void)state;
    struct objective_config config = config_of(LOSS_KD_CLID, .5);
    config.joint = true;
    config.kd_warmup_steps = 10;
    struct bench b;
    start(&b, &config);
    assert_int_equal(step(&b, 2, 3, 9), STATUS_OK);
    for (size_t i = 0; i < DOCS; i++) {
        double p = 1 / (1 + exp(-(double)student_logit[i]));
        assert_true(fabs((double)b.grad[0][i] - .5 * (p - (double)label[i]) / DOCS) < 1e-8);
    }
    float cold[DOCS];
    memcpy(cold, b.grad[0], sizeof(cold));
    assert_int_equal(step(&b, 2, 3, 10), STATUS_OK);
    assert_memory_not_equal(b.grad[0], cold, sizeof(cold));
    objective_fini(&b.objective);
}

// The mean of Z_t begins with the first minibatch and then moves by a hundredth.
static void the_running_mass(void **state)
{
    (void)state;
    struct objective_config config = config_of(LOSS_KD_CLID_MASS, .5);
    config.joint = true;
    struct bench b;
    start(&b, &config);
    double sum = 0;
    for (size_t i = 0; i < DOCS; i++)
        sum += 1 / (1 + exp(-(double)second_logit[i]));
    assert_int_equal(step(&b, 2, 0, 0), STATUS_OK);
    assert_true(fabs(exp(b.log_mass) - sum / LISTS) < 1e-12);
    double before = exp(b.log_mass), moved = 0;
    for (size_t i = 0; i < DOCS; i++) {
        b.logit[1][i] += 1;
        moved += 1 / (1 + exp(-(double)b.logit[1][i]));
    }
    assert_int_equal(step(&b, 2, 0, 1), STATUS_OK);
    assert_true(fabs(exp(b.log_mass) - (.99 * before + .01 * moved / LISTS)) < 1e-12);
    objective_fini(&b.objective);
}

// A dropped logit leaves the document to the main tower; a kept one is doubled at rate one half.
static void shallow_logits_are_dropped_by_document(void **state)
{
    (void)state;
    struct objective_config config = config_of(LOSS_KD_NONE, 1);
    config.loss.join = LOSS_JOIN_ADD;
    config.keep_drop = .5;
    config.keep_rescale = true;
    struct bench b;
    start(&b, &config);
    size_t dropped = 0, kept = 0;
    for (uint32_t epoch = 0; epoch < 20; epoch++) {
        assert_int_equal(step(&b, 2, epoch, 0), STATUS_OK);
        for (size_t i = 0; i < DOCS; i++) {
            bool keep = fabsf(b.grad[1][i]) > 0;
            double s = (double)student_logit[i] + (keep ? 2 * (double)second_logit[i] : 0);
            double want = (1 / (1 + exp(-s)) - (double)label[i]) / DOCS;
            assert_true(fabs((double)b.grad[0][i] - want) < 1e-8);
            assert_true(!keep || fabs((double)b.grad[1][i] - 2 * want) < 1e-8);
            *(keep ? &kept : &dropped) += 1;
        }
    }
    assert_true(dropped > 40 && kept > 40); // of 140
    objective_fini(&b.objective);
}

// A tied teacher orders by chance: another order in another epoch, the same in the same one.
static void ties_are_drawn_by_epoch(void **state)
{
    (void)state;
    float frozen[40] = {0};
    frozen[4] = 1; // a list that is not wholly tied
    frozen[30] = -1;
    struct objective_config config = config_of(LOSS_KD_LISTMLE, .5);
    config.teacher = frozen;
    struct bench b;
    start(&b, &config);
    float grad[8][DOCS];
    size_t different = 0;
    for (uint32_t epoch = 0; epoch < 8; epoch++) {
        assert_int_equal(step(&b, 1, epoch, 0), STATUS_OK);
        memcpy(grad[epoch], b.grad[0], sizeof(grad[epoch]));
        different += epoch > 0 && memcmp(grad[epoch], grad[0], sizeof(grad[0])) != 0;
    }
    assert_true(different > 0);
    assert_int_equal(step(&b, 1, 5, 0), STATUS_OK);
    assert_memory_equal(b.grad[0], grad[5], sizeof(grad[5]));
    objective_fini(&b.objective);
}

static void a_logit_that_is_not_finite_is_refused(void **state)
{
    (void)state;
    struct objective_config config = config_of(LOSS_KD_CLID, .5);
    config.joint = true;
    for (size_t tower = 0; tower < TOWER_MAX; tower++) {
        struct bench b;
        start(&b, &config);
        b.logit[tower][2] = NAN;
        assert_int_equal(step(&b, 2, 0, 0), STATUS_NOT_FINITE);
        objective_fini(&b.objective);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_of_the_second_loss_flows_into_the_teacher),
        cmocka_unit_test(a_teacher_beside_teaches_like_a_frozen_one),
        cmocka_unit_test(warm_up_counts_steps_of_all_epochs),
        cmocka_unit_test(the_running_mass),
        cmocka_unit_test(shallow_logits_are_dropped_by_document),
        cmocka_unit_test(ties_are_drawn_by_epoch),
        cmocka_unit_test(a_logit_that_is_not_finite_is_refused),
    };
    return cmocka_run_group_tests_name("objective", tests, NULL, NULL);
}
