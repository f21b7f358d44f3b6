// The DIN activation unit that learns: a case by hand, histories and lists without anything, the
// same bits for any number of threads, what it starts with, what it folds into, what it refuses.
#include "base/rng.h"
#include "model/train/din_train.h"
#include "tests/support/near.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct din_train *make(const struct din_train_config *config, struct team **ret_team,
                              unsigned threads)
{
    struct din_train *din;
    *ret_team = team_start(threads);
    assert_non_null(*ret_team);
    assert_int_equal(din_train_new(config, *ret_team, &din, NULL), STATUS_OK);
    din_train_init(din);
    return din;
}

static void drop(struct din_train *din, struct team *team)
{
    din_train_free(din);
    team_stop(team);
}

static float *tensor(const struct param_set *set, float *values, const char *name)
{
    for (size_t i = 0; i < set->count; i++)
        if (strcmp(set->views[i].name, name) == 0)
            return values + set->views[i].offset;
    fail_msg("no tensor %s", name);
    return NULL;
}

static float *value(struct din_train *din, const char *name)
{
    return tensor(din_train_params(din), din_train_values(din), name);
}

static float grad(struct din_train *din, const char *name, size_t i)
{
    return tensor(din_train_params(din), din_train_grads(din), name)[i];
}

// ---- by hand: one number each, W = [1 2 3 4]
//
// Behaviours 1 and -2, targets 1 and 2. z = e + 2t + 3(e - t) + 4et = 4e - t + 4et:
//   t = 1: 7, -17;  t = 2: 10, -26.  With kappa .5: 7, -8.5, 10, -13.  out 2 y + 1: 15, -16, 21,
//   -25 u = 15 + 32 = 47 and 21 + 50 = 71.
// g = 1 each: da = e = 1, -2, 1, -2; dz = 2 da f' = 2, -2, 2, -2.

static const uint64_t two_rows[] = {0, 2}, two_behaviours[] = {0, 2};

static struct din_train *hand_made(bool softmax, struct team **ret_team)
{
    struct din_train_config config = {
        .dim = 1, .hidden_count = 1, .hidden = {1}, .softmax = softmax, .shards = 1};
    struct din_train *din = make(&config, ret_team, 1);
    const float weight[] = {1, 2, 3, 4};
    memcpy(value(din, "layer.0.weight"), weight, sizeof(weight));
    *value(din, "layer.0.bias") = 0;
    *value(din, "layer.0.kappa") = .5F;
    *value(din, "out.weight") = softmax ? 0 : 2;
    *value(din, "out.bias") = 1;
    return din;
}

static void by_hand(void **state)
{
    (void)state;
    struct team *team;
    struct din_train *din = hand_made(false, &team);
    const float e[] = {1, -2}, t[] = {1, 2}, g[] = {1, 1};
    const struct din_train_batch batch = {1, two_rows, two_behaviours, e, t, 1};
    float u[2], grad_e[2], grad_t[2];
    assert_int_equal(din_train_reserve(din, &batch, NULL), STATUS_OK);
    din_train_forward(din, &batch, u, 1);
    assert_true(u[0] == 47 && u[1] == 71);
    const float scores[] = {15, -16, 21, -25};
    assert_memory_equal(din_train_scores(din), scores, sizeof(scores));
    assert_memory_equal(din_train_weights(din), scores, sizeof(scores));
    din_train_backward(din, g, 1, grad_e, grad_t);
    // de = a + dz (4 + 4t), dt = dz (-1 + 4e)
    assert_true(grad_e[0] == 15 + 2 * 8 + 21 + 2 * 12);
    assert_true(grad_e[1] == -16 - 2 * 8 - 25 - 2 * 12);
    assert_true(grad_t[0] == 2 * 3 - 2 * -9 && grad_t[1] == 2 * 3 - 2 * -9);
    // sums of dz e, dz t, dz (e - t), dz e t
    assert_true(grad(din, "layer.0.weight", 0) == 12);
    assert_true(grad(din, "layer.0.weight", 1) == 0);
    assert_true(grad(din, "layer.0.weight", 2) == 12);
    assert_true(grad(din, "layer.0.weight", 3) == 18);
    assert_true(grad(din, "layer.0.bias", 0) == 0);
    assert_true(grad(din, "layer.0.kappa", 0) == 2 * -2 * (-17 - 26));
    assert_true(grad(din, "out.weight", 0) == 7 + 17 + 10 + 26);
    assert_true(grad(din, "out.bias", 0) == -2);
    drop(din, team);
}

static void softmax_by_hand(void **state)
{
    (void)state;
    struct team *team;
    struct din_train *din = hand_made(true, &team);
    const float e[] = {1, -2}, t[] = {1, 2}, g[] = {1, 0};
    const struct din_train_batch batch = {1, two_rows, two_behaviours, e, t, 1};
    float u[2], grad_e[2], grad_t[2];
    assert_int_equal(din_train_reserve(din, &batch, NULL), STATUS_OK);
    din_train_forward(din, &batch, u, 1);
    // Equal scores: the mean.
    assert_true(u[0] == -.5F && u[1] == -.5F);
    assert_true(din_train_scores(din)[0] == 1 && din_train_weights(din)[0] == .5F);
    din_train_backward(din, g, 1, grad_e, grad_t);
    // da = .5 (1 + .5), .5 (-2 + .5) = .75, -.75; y = 7, -8.5
    assert_true(grad(din, "out.weight", 0) == .75F * 15.5F);
    assert_true(grad(din, "out.bias", 0) == 0);
    assert_true(grad_e[0] == .5F && grad_e[1] == .5F && grad_t[0] == 0 && grad_t[1] == 0);
    drop(din, team);
}

// ---- larger minibatches

enum { LISTS = 23, DIM = 5, STRIDE = 9, MAX_ROWS = 400, MAX_BEHAVIOURS = 400, MAX_FLOATS = 4096 };

struct fixture {
    uint64_t row_offset[LISTS + 1], behaviour_offset[LISTS + 1];
    float behaviour[MAX_BEHAVIOURS * DIM], target[MAX_ROWS * STRIDE], g[MAX_ROWS * STRIDE];
    float u[MAX_ROWS * STRIDE], grad_behaviour[MAX_BEHAVIOURS * DIM], grad_target[MAX_ROWS * DIM];
    float grads[MAX_FLOATS], stats[MAX_FLOATS];
    struct din_train_batch batch;
};

static struct din_train_config usual(int kind)
{
    return (struct din_train_config){.dim = DIM,
                                     .hidden_count = 2,
                                     .hidden = {21, 9},
                                     .activation = kind % 2 == 0 ? DIN_TRAIN_PRELU : DIN_TRAIN_DICE,
                                     .softmax = kind >= 2,
                                     .shards = 3,
                                     .seed = 42};
}

static void normals(float *values, size_t count, uint32_t stream)
{
    struct rng rng;
    rng_start(&rng, 5, RNG_TEST, stream, 0);
    for (size_t i = 0; i < count; i++)
        values[i] = (float)rng_normal(&rng);
}

// Lists of 0 to 16 rows and 0 to 16 behaviours; one is far longer than a tile.
static void fill(struct fixture *f)
{
    memset(f, 0, sizeof(*f));
    for (size_t l = 0; l < LISTS; l++) {
        f->row_offset[l + 1] = f->row_offset[l] + (l == 7 ? 40 : (l * 7 + 3) % 17);
        f->behaviour_offset[l + 1] = f->behaviour_offset[l] + (l == 7 ? 50 : l * 5 % 17);
    }
    assert_true(f->row_offset[LISTS] <= MAX_ROWS && f->behaviour_offset[LISTS] <= MAX_BEHAVIOURS);
    normals(f->behaviour, MAX_BEHAVIOURS * DIM, 1);
    normals(f->target, MAX_ROWS * STRIDE, 2);
    normals(f->g, MAX_ROWS * STRIDE, 3);
    f->batch = (struct din_train_batch){.lists = LISTS,
                                        .row_offset = f->row_offset,
                                        .behaviour_offset = f->behaviour_offset,
                                        .behaviour = f->behaviour,
                                        .target = f->target,
                                        .target_stride = STRIDE};
}

static void step(struct fixture *f, struct din_train *din)
{
    assert_int_equal(din_train_reserve(din, &f->batch, NULL), STATUS_OK);
    din_train_forward(din, &f->batch, f->u, STRIDE);
    din_train_backward(din, f->g, STRIDE, f->grad_behaviour, f->grad_target);
    size_t floats = din_train_params(din)->floats, stats = din_train_stats(din)->floats;
    assert_true(floats <= MAX_FLOATS && stats <= MAX_FLOATS);
    memcpy(f->grads, din_train_grads(din), floats * sizeof(float));
    memcpy(f->stats, din_train_stat_values(din), stats * sizeof(float));
}

static void threads_do_not_matter(void **state)
{
    (void)state;
    static struct fixture one, other;
    for (int kind = 0; kind < 4; kind++) {
        struct din_train_config config = usual(kind);
        struct team *team;
        fill(&one);
        struct din_train *din = make(&config, &team, 1);
        step(&one, din);
        drop(din, team);
        for (unsigned threads = 2; threads <= 4; threads++) {
            fill(&other);
            din = make(&config, &team, threads);
            step(&other, din);
            drop(din, team);
            assert_memory_equal(one.u, other.u, sizeof(one.u));
            assert_memory_equal(one.grad_behaviour, other.grad_behaviour,
                                sizeof(one.grad_behaviour));
            assert_memory_equal(one.grad_target, other.grad_target, sizeof(one.grad_target));
            assert_memory_equal(one.grads, other.grads, sizeof(one.grads));
            assert_memory_equal(one.stats, other.stats, sizeof(one.stats));
        }
    }
}

// Rows and behaviours that stand alone get zeros, whatever stood there before.
static void alone(void **state)
{
    (void)state;
    static struct fixture f;
    for (int kind = 0; kind < 4; kind++) {
        struct din_train_config config = usual(kind);
        struct team *team;
        fill(&f);
        for (size_t i = 0; i < MAX_ROWS * DIM; i++)
            f.grad_target[i] = f.u[i] = 7;
        for (size_t i = 0; i < MAX_BEHAVIOURS * DIM; i++)
            f.grad_behaviour[i] = 7;
        struct din_train *din = make(&config, &team, 2);
        step(&f, din);
        drop(din, team);
        size_t empty = 0;
        for (size_t l = 0; l < LISTS; l++) {
            bool rows = f.row_offset[l] < f.row_offset[l + 1];
            bool behaviours = f.behaviour_offset[l] < f.behaviour_offset[l + 1];
            empty += rows != behaviours;
            for (size_t i = f.row_offset[l] * DIM; i < f.row_offset[l + 1] * DIM; i++) {
                assert_true((f.grad_target[i] == 0) == !behaviours);
                assert_true((f.u[i / DIM * STRIDE + i % DIM] == 0) == !behaviours);
            }
            for (size_t i = f.behaviour_offset[l] * DIM; i < f.behaviour_offset[l + 1] * DIM; i++)
                assert_true((f.grad_behaviour[i] == 0) == !rows);
        }
        assert_true(empty >= 2);
    }
}

// What a list gets from PReLU does not depend on the lists beside it.
static void lists_are_apart(void **state)
{
    (void)state;
    static struct fixture all, single;
    struct din_train_config config = usual(2);
    struct team *team;
    struct din_train *din = make(&config, &team, 2);
    fill(&all);
    step(&all, din);
    for (size_t l = 0; l < LISTS; l++) {
        size_t row = all.row_offset[l], rows = all.row_offset[l + 1] - row;
        size_t behaviour = all.behaviour_offset[l];
        fill(&single);
        single.row_offset[1] = rows;
        single.behaviour_offset[1] = all.behaviour_offset[l + 1] - behaviour;
        single.batch.lists = 1;
        single.batch.behaviour = all.behaviour + behaviour * DIM;
        single.batch.target = all.target + row * STRIDE;
        memcpy(single.g, all.g + row * STRIDE, rows * STRIDE * sizeof(float));
        step(&single, din);
        for (size_t i = 0; i < rows * DIM; i++) {
            near_is((double)single.u[i / DIM * STRIDE + i % DIM],
                    (double)all.u[(row + i / DIM) * STRIDE + i % DIM], 1e-5);
            near_is((double)single.grad_target[i], (double)all.grad_target[row * DIM + i], 1e-5);
        }
    }
    drop(din, team);
}

// Minibatches without a pair, and with one: running statistics stay as they were.
static void too_few_for_statistics(void **state)
{
    (void)state;
    static struct fixture f;
    for (uint64_t behaviours = 0; behaviours <= 2; behaviours++) {
        struct din_train_config config = usual(1);
        struct team *team;
        struct din_train *din = make(&config, &team, 2);
        fill(&f);
        const uint64_t rows[] = {0, 1, 3}, offsets[] = {0, behaviours, behaviours};
        f.batch.row_offset = rows;
        f.batch.behaviour_offset = offsets;
        f.batch.lists = 2;
        step(&f, din);
        const float *mean = tensor(din_train_stats(din), f.stats, "layer.0.mean");
        const float *var = tensor(din_train_stats(din), f.stats, "layer.1.var");
        assert_true((mean[0] == 0) == (behaviours < 2));
        assert_true((var[0] == 1) == (behaviours < 2));
        for (size_t i = 0; i < din_train_params(din)->floats; i++)
            assert_true(behaviours == 0 ? f.grads[i] == 0 : isfinite(f.grads[i]));
        for (size_t j = 0; j < DIM; j++)
            assert_true(behaviours == 0 ? f.u[j] == 0 : isfinite(f.u[j]));
        f.batch.lists = 0;
        step(&f, din);
        drop(din, team);
    }
}

// ---- what it is made of

static void starts(void **state)
{
    (void)state;
    struct din_train_config config = usual(1);
    config.hidden[0] = 60;
    config.hidden[1] = 40;
    struct team *team;
    struct din_train *din = make(&config, &team, 1);
    const struct param_set *set = din_train_params(din);
    static const char *const names[] = {"layer.0.weight", "layer.0.bias", "layer.0.kappa",
                                        "layer.1.weight", "layer.1.bias", "layer.1.kappa",
                                        "out.weight",     "out.bias"};
    assert_int_equal(set->count, sizeof(names) / sizeof(names[0]));
    for (size_t i = 0; i < set->count; i++) {
        assert_string_equal(set->views[i].name, names[i]);
        assert_int_equal(set->views[i].weight, strstr(names[i], "weight") != NULL);
    }
    double square = 0, bound = 0;
    for (size_t i = 0; i < 60 * 20; i++)
        square += pow((double)value(din, "layer.0.weight")[i], 2) / (60 * 20);
    near_is(square, 2. / 80, .1 * 2 / 80);
    for (size_t j = 0; j < 60; j++)
        bound = fmax(bound, fabs((double)value(din, "layer.0.bias")[j]));
    assert_true(bound <= 1 / sqrt(20) && bound > .8 / sqrt(20));
    assert_true(value(din, "layer.1.kappa")[39] == 0);
    assert_true(tensor(din_train_stats(din), din_train_stat_values(din), "layer.1.var")[39] == 1);
    drop(din, team);
    config.activation = DIN_TRAIN_PRELU;
    din = make(&config, &team, 1);
    assert_true(value(din, "layer.1.kappa")[39] == .25F);
    assert_int_equal(din_train_stats(din)->count, 0);
    drop(din, team);
}

static void folds(void **state)
{
    (void)state;
    struct din_train_config config = usual(3);
    struct team *team;
    struct din_train *din = make(&config, &team, 1);
    struct din_train_folded f;
    assert_int_equal(din_train_fold(din, &f, NULL), STATUS_OK);
    assert_int_equal(f.layer_count, 3);
    assert_true(f.dim == DIM && f.softmax && f.activation == DIN_TRAIN_DICE);
    assert_true(f.layers[0].in == 4 * DIM && f.layers[0].out == 21 && f.layers[2].out == 1);
    assert_null(f.layers[0].weight);
    assert_null(f.layers[2].kappa);
    assert_null(f.layers[2].mean);
    const float *w = value(din, "layer.0.weight") + 2 * 4 * DIM + 1; // row 2, column 1
    assert_true(f.a[2 * DIM + 1] == (float)((double)w[0] + (double)w[2 * DIM]));
    assert_true(f.b[2 * DIM + 1] == (float)((double)w[DIM] - (double)w[2 * DIM]));
    assert_true(f.c[2 * DIM + 1] == w[3 * DIM]);
    // A copy: what is learnt later does not show.
    float before = f.layers[1].weight[3];
    value(din, "layer.1.weight")[3] += 1;
    assert_true(f.layers[1].weight[3] == before);
    value(din, "out.weight")[0] = INFINITY;
    assert_int_equal(din_train_fold(din, &f, NULL), STATUS_NOT_FINITE);
    drop(din, team);
}

static void refuses(void **state)
{
    (void)state;
    struct team *team = team_start(1);
    assert_non_null(team);
    struct din_train *din = NULL;
    struct din_train_config wrong[5];
    for (size_t i = 0; i < 5; i++)
        wrong[i] = usual(0);
    wrong[0].dim = 0;
    wrong[1].hidden_count = 0;
    wrong[2].hidden_count = DIN_TRAIN_MAX_LAYERS + 1;
    wrong[3].hidden[1] = 0;
    wrong[4].shards = 0;
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(din_train_new(&wrong[i], team, &din, NULL), STATUS_CONFIG);
    assert_null(din);
    struct din_train_config config = usual(0);
    assert_int_equal(din_train_new(&config, team, &din, NULL), STATUS_OK);
    const uint64_t many[] = {0, 1 << 20}, more[] = {0, UINT64_MAX};
    struct din_train_batch batch = {1, many, many, NULL, NULL, DIM};
    struct diag diag;
    assert_int_equal(din_train_reserve(din, &batch, &diag), STATUS_TOO_LARGE);
    assert_non_null(strstr(diag.words, "pairs"));
    batch.row_offset = more;
    assert_int_equal(din_train_reserve(din, &batch, NULL), STATUS_TOO_LARGE);
    drop(din, team);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_hand),
        cmocka_unit_test(softmax_by_hand),
        cmocka_unit_test(threads_do_not_matter),
        cmocka_unit_test(alone),
        cmocka_unit_test(lists_are_apart),
        cmocka_unit_test(too_few_for_statistics),
        cmocka_unit_test(starts),
        cmocka_unit_test(folds),
        cmocka_unit_test(refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
