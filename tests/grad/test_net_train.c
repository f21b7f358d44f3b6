// The whole tower: gradients of all parameters and of its input against central differences of a
// double forward pass written here, for every kind of tower; dropout with given masks.
#include "model/train/net_train.h"
#include "tests/support/numeric.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { N = 13, INPUT = 4, MAX_WIDTH = 8, MAX_FLOATS = 1024 };

struct reference {
    const struct net_train_config *config;
    const struct param_set *params;
    const double *x, *upstream, *values;
    double logit[N];
};

static const double *tensor(const struct reference *r, const double *values, const char *format,
                            size_t k)
{
    char name[PARAM_NAME];
    int length = snprintf(name, sizeof(name), "hidden.%zu.%s", k, format);
    assert_in_range(length, 1, sizeof(name) - 1);
    if (k == r->config->hidden_count)
        (void)snprintf(name, sizeof(name), "out.%s", format);
    for (size_t i = 0; i < r->params->count; i++)
        if (strcmp(r->params->views[i].name, name) == 0)
            return values + r->params->views[i].offset;
    return NULL;
}

static void standardise(double *x, size_t width, const double *gamma, const double *beta)
{
    for (size_t j = 0; j < width; j++) {
        double mean = 0, var = 0;
        for (size_t i = 0; i < N; i++)
            mean += x[i * width + j] / N;
        for (size_t i = 0; i < N; i++)
            var += pow(x[i * width + j] - mean, 2) / N;
        for (size_t i = 0; i < N; i++) {
            double xhat = (x[i * width + j] - mean) / sqrt(var + 1e-5);
            x[i * width + j] = gamma == NULL ? xhat : gamma[j] * xhat + beta[j];
        }
    }
}

static bool mask_bit(size_t layer, size_t row, size_t unit)
{
    return (layer * 5 + row * 3 + unit * 7) % 4 != 0;
}

static void given_mask(void *context, size_t layer, size_t row, uint8_t *mask)
{
    const struct net_train_config *config = context;
    size_t units = layer == 0 ? config->input : config->hidden[layer - 1];
    for (size_t u = 0; u < units; u++)
        mask[u] = mask_bit(layer, row, u);
}

static void linear(const struct reference *r, const double *values, size_t k, size_t in, size_t out,
                   const double *x, double *y)
{
    const double *weight = tensor(r, values, "weight", k), *bias = tensor(r, values, "bias", k);
    assert_non_null(weight);
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < out; j++) {
            double sum = bias == NULL ? 0 : bias[j];
            for (size_t c = 0; c < in; c++)
                sum += x[i * in + c] * weight[j * in + c];
            y[i * out + j] = sum;
        }
}

static double loss(void *context, const double *values)
{
    struct reference *r = context;
    const struct net_train_config *config = r->config;
    double x[N * MAX_WIDTH], y[N * MAX_WIDTH];
    size_t in = config->input;
    memcpy(x, r->x, N * in * sizeof(*x));
    if (config->input_bn)
        standardise(x, in, NULL, NULL);
    for (size_t k = 0; k < config->hidden_count; k++) {
        size_t out = config->hidden[k];
        bool drop = config->dropout > 0 && (k > 0 || config->dropout_input);
        for (size_t cell = 0; drop && cell < N * in; cell++)
            x[cell] = mask_bit(k, cell / in, cell % in) ? x[cell] / (1 - config->dropout) : 0;
        linear(r, values, k, in, out, x, y);
        if (config->hidden_bn)
            standardise(y, out, tensor(r, values, "gamma", k), tensor(r, values, "beta", k));
        for (size_t cell = 0; cell < N * out; cell++)
            x[cell] = fmax(y[cell], 0);
        in = out;
    }
    linear(r, values, config->hidden_count, in, 1, x, r->logit);
    double sum = 0;
    for (size_t i = 0; i < N; i++)
        sum += r->upstream[i] * r->logit[i];
    return sum;
}

static double loss_of_x(void *context, const double *x)
{
    struct reference *r = context;
    r->x = x;
    return loss(r, r->values);
}

static void check(struct net_train_config config)
{
    config.grad_input = true;
    config.input = INPUT;
    config.max_rows = N;
    config.seed = 3;
    config.mask = given_mask;
    config.mask_context = &config;
    struct team *team = team_start(2);
    struct net_train *net;
    assert_non_null(team);
    assert_int_equal(net_train_new(&config, team, &net, NULL), STATUS_OK);
    net_train_init(net, -.5);
    const struct param_set *params = net_train_params(net);
    assert_true(params->floats <= MAX_FLOATS);

    float x[N * INPUT], upstream[N], logit[N];
    double wide_x[N * INPUT], wide_upstream[N], values[MAX_FLOATS], want[MAX_FLOATS];
    numeric_fill(1, 1.5, x, wide_x, N * INPUT);
    numeric_fill(2, 1, upstream, wide_upstream, N);
    // gamma and beta off their starting points, where errors could hide
    for (size_t i = 0; i < params->floats; i++) {
        net_train_values(net)[i] += .01F * (float)(i % 7);
        values[i] = (double)net_train_values(net)[i];
    }
    struct reference r = {&config, params, wide_x, wide_upstream, values, {0}};
    net_train_forward(net, x, N, 0, 0, logit);
    net_train_backward(net, upstream);
    (void)loss(&r, values);
    numeric_is_close("logit", logit, r.logit, N, 1e-5);
    numeric_gradient(loss, &r, values, params->floats, want);
    // A chain of a few float layers: some hundred roundings of 6e-8.
    numeric_is_close("gradient", net_train_grads(net), want, params->floats, 1e-5);
    numeric_gradient(loss_of_x, &r, wide_x, N * INPUT, want);
    numeric_is_close("input", net_train_grad_input(net), want, N * INPUT, 1e-5);
    net_train_free(net);
    team_stop(team);
}

static void as_in_production(void **state)
{
    (void)state;
    check((struct net_train_config){
        .hidden_count = 2, .hidden = {6, 5}, .input_bn = true, .hidden_bn = true, .shards = 2});
}

static void with_dropout(void **state)
{
    (void)state;
    for (size_t shards = 1; shards <= N; shards += 4)
        check((struct net_train_config){.hidden_count = 3,
                                        .hidden = {7, 5, 3},
                                        .input_bn = true,
                                        .hidden_bn = true,
                                        .dropout = .25,
                                        .dropout_input = shards == 5,
                                        .shards = shards});
}

static void without_batch_norm(void **state)
{
    (void)state;
    check((struct net_train_config){.hidden_count = 1, .hidden = {6}, .shards = 3});
    check((struct net_train_config){
        .hidden_count = 2, .hidden = {1, 6}, .input_bn = true, .dropout = .5, .shards = 2});
    check((struct net_train_config){
        .hidden_count = 2, .hidden = {8, 1}, .hidden_bn = true, .shards = 2});
}

static void without_hidden_layers(void **state)
{
    (void)state;
    check((struct net_train_config){.hidden_count = 0, .input_bn = true, .shards = 2});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_in_production),
        cmocka_unit_test(with_dropout),
        cmocka_unit_test(without_batch_norm),
        cmocka_unit_test(without_hidden_layers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
