// The DIN activation unit: gradients of behaviours, targets and all parameters against central
// differences of a double forward pass written here, which makes z_b whole and folds nothing. Lists
// of unequal rows and histories, some empty; PReLU and Dice, with and without softmax.
#include "model/train/din_train.h"
#include "tests/support/numeric.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum {
    LISTS = 6,
    ROWS = 9,
    BEHAVIOURS = 14,
    PAIRS = 3 * 4 + 0 + 1 * 5 + 0 + 2 * 1 + 2 * 3,
    DIM = 3,
    WIDEST = 12,
    STRIDE = DIM + 2,
    MAX_FLOATS = 512,
    E_FLOATS = BEHAVIOURS * DIM,
    T_FLOATS = ROWS * DIM,
    MAX_VALUES = E_FLOATS + T_FLOATS + MAX_FLOATS,
};

// The second list has rows alone, the fourth behaviours alone.
static const uint64_t row_offset[LISTS + 1] = {0, 3, 4, 5, 5, 7, 9};
static const uint64_t behaviour_offset[LISTS + 1] = {0, 4, 4, 9, 10, 11, 14};

struct reference {
    const struct din_train_config *config;
    const struct param_set *params;
    const double *upstream; // (ROWS, DIM)
    double u[ROWS * DIM];
};

static const double *tensor(const struct reference *r, const double *params, const char *what,
                            size_t k)
{
    char name[PARAM_NAME];
    int length = snprintf(name, sizeof(name), "layer.%zu.%s", k, what);
    if (k == r->config->hidden_count)
        length = snprintf(name, sizeof(name), "out.%s", what);
    assert_in_range(length, 1, sizeof(name) - 1);
    for (size_t i = 0; i < r->params->count; i++)
        if (strcmp(r->params->views[i].name, name) == 0)
            return params + r->params->views[i].offset;
    fail_msg("no tensor %s", name);
    return NULL;
}

static void activate(const struct reference *r, const double *kappa, size_t width,
                     double x[PAIRS][WIDEST])
{
    for (size_t j = 0; j < width; j++) {
        double mean = 0, var = 0;
        for (size_t p = 0; p < PAIRS; p++)
            mean += x[p][j] / PAIRS;
        for (size_t p = 0; p < PAIRS; p++)
            var += pow(x[p][j] - mean, 2) / PAIRS;
        for (size_t p = 0; p < PAIRS; p++) {
            double gate = 1 / (1 + exp(-(x[p][j] - mean) / sqrt(var + 1e-9)));
            if (r->config->activation == DIN_TRAIN_PRELU)
                gate = x[p][j] > 0;
            x[p][j] *= kappa[j] + (1 - kappa[j]) * gate;
        }
    }
}

static void inputs(const double *e, const double *t, double x[PAIRS][WIDEST])
{
    size_t pair = 0;
    for (size_t l = 0; l < LISTS; l++)
        for (size_t row = row_offset[l]; row < row_offset[l + 1]; row++)
            for (size_t b = behaviour_offset[l]; b < behaviour_offset[l + 1]; b++, pair++)
                for (size_t j = 0; j < DIM; j++) {
                    double behaviour = e[b * DIM + j], target = t[row * DIM + j];
                    x[pair][j] = behaviour;
                    x[pair][DIM + j] = target;
                    x[pair][2 * DIM + j] = behaviour - target;
                    x[pair][3 * DIM + j] = behaviour * target;
                }
    assert_int_equal(pair, PAIRS);
}

static void pool(struct reference *r, const double *e, double score[PAIRS][WIDEST])
{
    size_t pair = 0;
    memset(r->u, 0, sizeof(r->u));
    for (size_t l = 0; l < LISTS; l++)
        for (size_t row = row_offset[l]; row < row_offset[l + 1]; row++) {
            size_t count = behaviour_offset[l + 1] - behaviour_offset[l];
            double sum = 0;
            for (size_t b = 0; b < count; b++)
                sum += exp(score[pair + b][0]);
            for (size_t b = 0; b < count; b++, pair++)
                for (size_t j = 0; j < DIM; j++)
                    r->u[row * DIM + j] +=
                        (r->config->softmax ? exp(score[pair][0]) / sum : score[pair][0]) *
                        e[(behaviour_offset[l] + b) * DIM + j];
        }
}

// Of behaviours, targets, parameters, one after another.
static double loss(void *context, const double *values)
{
    struct reference *r = context;
    const double *e = values, *t = e + E_FLOATS, *params = t + T_FLOATS;
    double x[PAIRS][WIDEST], y[PAIRS][WIDEST];
    inputs(e, t, x);
    size_t in = 4 * DIM;
    for (size_t k = 0; k <= r->config->hidden_count; k++) {
        size_t out = k < r->config->hidden_count ? r->config->hidden[k] : 1;
        const double *weight = tensor(r, params, "weight", k), *bias = tensor(r, params, "bias", k);
        for (size_t p = 0; p < PAIRS; p++)
            for (size_t i = 0; i < out; i++) {
                y[p][i] = bias[i];
                for (size_t j = 0; j < in; j++)
                    y[p][i] += weight[i * in + j] * x[p][j];
            }
        if (k < r->config->hidden_count)
            activate(r, tensor(r, params, "kappa", k), out, y);
        memcpy(x, y, sizeof(x));
        in = out;
    }
    pool(r, e, x);
    double sum = 0;
    for (size_t i = 0; i < ROWS * DIM; i++)
        sum += r->upstream[i] * r->u[i];
    return sum;
}

static void spread(const float *dense, float *strided)
{
    for (size_t i = 0; i < ROWS * STRIDE; i++)
        strided[i] = i % STRIDE < DIM ? dense[i / STRIDE * DIM + i % STRIDE] : NAN;
}

static void run(struct din_train *din, const float *e, const float *t, const float *g,
                struct reference *r, const double *want)
{
    float target[ROWS * STRIDE], upstream[ROWS * STRIDE], u[ROWS * STRIDE], dense[ROWS * DIM];
    float grad_e[E_FLOATS], grad_t[T_FLOATS];
    const struct din_train_batch batch = {LISTS, row_offset, behaviour_offset, e, target, STRIDE};
    spread(t, target);
    spread(g, upstream);
    assert_int_equal(din_train_reserve(din, &batch, NULL), STATUS_OK);
    for (size_t i = 0; i < ROWS * STRIDE; i++)
        u[i] = NAN;
    din_train_forward(din, &batch, u, STRIDE);
    for (size_t i = 0; i < ROWS * STRIDE; i++) {
        if (i % STRIDE < DIM)
            dense[i / STRIDE * DIM + i % STRIDE] = u[i];
        else
            assert_true(isnan(u[i]));
    }
    numeric_is_close("u", dense, r->u, ROWS * DIM, 1e-5);
    din_train_backward(din, upstream, STRIDE, grad_e, grad_t);
    // A chain of a few float layers: some hundred roundings of 6e-8.
    numeric_is_close("behaviour", grad_e, want, E_FLOATS, 1e-5);
    numeric_is_close("target", grad_t, want + E_FLOATS, T_FLOATS, 1e-5);
    numeric_is_close("parameter", din_train_grads(din), want + E_FLOATS + T_FLOATS,
                     r->params->floats, 1e-5);
}

static void check(struct din_train_config config)
{
    config.dim = DIM;
    config.seed = 3;
    struct team *team = team_start(2);
    struct din_train *din;
    assert_non_null(team);
    assert_int_equal(din_train_new(&config, team, &din, NULL), STATUS_OK);
    din_train_init(din);
    const struct param_set *params = din_train_params(din);
    assert_true(params->floats <= MAX_FLOATS);

    float e[E_FLOATS], t[T_FLOATS], g[ROWS * DIM];
    double upstream[ROWS * DIM], values[MAX_VALUES], want[MAX_VALUES];
    numeric_fill(1, 1, e, values, E_FLOATS);
    numeric_fill(2, 1, t, values + E_FLOATS, T_FLOATS);
    numeric_fill(3, 1, g, upstream, ROWS * DIM);
    // kappa off its starting point, where errors could hide
    for (size_t i = 0; i < params->floats; i++) {
        din_train_values(din)[i] += .03F * (float)(i % 7);
        values[E_FLOATS + T_FLOATS + i] = (double)din_train_values(din)[i];
    }
    struct reference r = {&config, params, upstream, {0}};
    numeric_gradient(loss, &r, values, E_FLOATS + T_FLOATS + params->floats, want);
    (void)loss(&r, values);
    run(din, e, t, g, &r, want);
    din_train_free(din);
    team_stop(team);
}

static void each_kind(struct din_train_config config)
{
    for (int kind = 0; kind < 4; kind++) {
        config.activation = kind % 2 == 0 ? DIN_TRAIN_PRELU : DIN_TRAIN_DICE;
        config.softmax = kind >= 2;
        check(config);
    }
}

static void two_hidden_layers(void **state)
{
    (void)state;
    for (size_t shards = 1; shards <= 3; shards++)
        each_kind((struct din_train_config){.hidden_count = 2, .hidden = {7, 5}, .shards = shards});
}

static void one_hidden_layer(void **state)
{
    (void)state;
    each_kind((struct din_train_config){.hidden_count = 1, .hidden = {9}, .shards = 2});
    each_kind((struct din_train_config){.hidden_count = 1, .hidden = {1}, .shards = 2});
}

static void more_shards_than_lists(void **state)
{
    (void)state;
    each_kind((struct din_train_config){.hidden_count = 3, .hidden = {4, 11, 3}, .shards = 11});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_hidden_layers),
        cmocka_unit_test(one_hidden_layer),
        cmocka_unit_test(more_shards_than_lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
