// A tower sees its columns of a minibatch alone, and towers are clipped together.
#include "model/train/tower.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { ROWS = 4, WIDTH = 5 };

static const struct net_train_config small = {
    .input = 2, .hidden_count = 1, .hidden = {3}, .input_bn = true, .shards = 1, .max_rows = ROWS};

static float x[ROWS * WIDTH];

// An input of `width` columns that has nothing to learn.
static struct input_train input_of(size_t width)
{
    for (size_t i = 0; i < ROWS * WIDTH; i++)
        x[i] = (float)((i * 7) % 11) - 5;
    return (struct input_train){.x = x, .width = width};
}

static void sees_its_columns_alone(void **state)
{
    (void)state;
    struct input_train input = input_of(WIDTH);
    struct team *team = team_start(1);
    struct tower tower;
    float before[ROWS];
    assert_int_equal(tower_init(&tower, "shallow", &small, 0, 3, &input, team, NULL), STATUS_OK);
    tower_forward(&tower, ROWS, 0, 0);
    memcpy(before, tower.logit, sizeof(before));
    for (size_t row = 0; row < ROWS; row++)
        for (size_t column = 0; column < 3; column++)
            x[row * WIDTH + column] += 100 * (float)row;
    tower_forward(&tower, ROWS, 0, 0);
    assert_memory_equal(tower.logit, before, sizeof(before));
    x[WIDTH + 4] += 1;
    tower_forward(&tower, ROWS, 0, 0);
    assert_memory_not_equal(tower.logit, before, sizeof(before));
    tower_fini(&tower);
    team_stop(team);
}

// A tower over all columns reads them in place and gives what the network gives.
static void sees_all_columns_in_place(void **state)
{
    (void)state;
    struct input_train input = input_of(2);
    struct team *team = team_start(1);
    struct tower tower;
    struct net_train *net;
    float want[ROWS];
    assert_int_equal(tower_init(&tower, "student", &small, .25, 0, &input, team, NULL), STATUS_OK);
    assert_null(tower.x);
    assert_int_equal(net_train_new(&small, team, &net, NULL), STATUS_OK);
    net_train_init(net, .25);
    tower_forward(&tower, ROWS, 0, 0);
    net_train_forward(net, x, ROWS, 0, 0, want);
    assert_memory_equal(tower.logit, want, sizeof(want));
    net_train_free(net);
    tower_fini(&tower);
    team_stop(team);
}

// The first step of Adam moves a weight by lr * g / (|g| + eps) whatever the clip; so the moments
// tell it: m = (1 - beta1) g c / |all g|.
static void squares_of_all_towers_clip_each(void **state)
{
    (void)state;
    struct input_train input = input_of(2);
    struct team *team = team_start(1);
    struct adam_config adam = {.beta1 = .9, .beta2 = .999, .epsilon = 1e-8, .clip_norm = 1e-3};
    struct tower tower;
    assert_int_equal(tower_init(&tower, "student", &small, 0, 0, &input, team, NULL), STATUS_OK);
    tower_forward(&tower, ROWS, 0, 0);
    for (size_t i = 0; i < ROWS; i++)
        tower.grad[i] = i % 2 ? 1 : -2;
    double squares = tower_backward(&tower, team), other = 5 * squares, sum = 0;
    const float *grads = net_train_grads(tower.net);
    size_t floats = net_train_params(tower.net)->floats;
    for (size_t i = 0; i < floats; i++)
        sum += (double)grads[i] * (double)grads[i];
    assert_true(fabs(squares - sum) <= 1e-12 * sum && sum > 0);
    tower_update(&tower, &adam, .01, squares + other, team);
    for (size_t i = 0; i < floats; i++) {
        double want = .1 * (double)grads[i] * 1e-3 / sqrt(6 * sum);
        assert_true(fabs((double)tower.adam.m[i] - want) <= 1e-6 * fabs(want) + 1e-12);
    }
    tower_fini(&tower);
    team_stop(team);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sees_its_columns_alone),
        cmocka_unit_test(sees_all_columns_in_place),
        cmocka_unit_test(squares_of_all_towers_clip_each),
    };
    return cmocka_run_group_tests_name("tower", tests, NULL, NULL);
}
